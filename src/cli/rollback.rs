//! `epr-build rollback`.

use super::common::Exit;
use super::common::failures::wanted_distribution;
use super::common::options::{LossOption, OutputFolder};
use super::common::print::{field, print};
use super::common::talk;
use super::common::unneeded;
use crate::base::fs::Lock;
use crate::base::time;
use crate::compare::holdings::Holdings;
use crate::compare::loss;
use crate::compare::policy::{Before, Refused};
use crate::generation::distribution::{Distribution, REMEDY};
use crate::generation::history_page;
use crate::generation::uses::Switch;
use crate::store::{STOCK, Store};
use anyhow::{Result, bail};
use clap::Args;

/// Go back to an earlier generation
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Distribution to roll back [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    /// Generation or release to use [default: the generation that was in use before]
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    loss: LossOption,
}

/// Switches to the generation.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let out = &arguments.folder.out;
    let distribution = wanted_distribution(out, arguments.dist.as_deref())?;
    let dist = &distribution.name();
    let wanted = || match &arguments.to {
        Some(id) => distribution.resolve(id),
        None => distribution.previous(),
    };
    // Refused before the lock is taken, which writes; and looked at again under it.
    wanted()?;
    let _lock = Lock::take(out)?;
    let id = wanted()?;
    distribution.require_intact(&id)?;
    let store = Store::existing(&out.join("store"))?;
    store.take_stock(Some(&out.join(STOCK)));
    if !distribution.is_whole(&id, &store) {
        bail!("generation {id} of `{dist}` is damaged\nhint: {REMEDY}");
    }
    let before = Before::of(&distribution);
    let now = Holdings::of_generation(&distribution.generation(&id))?;
    let refusals = before.holdings().map(|was| loss::refusals(was, &now)).unwrap_or_default();
    if !refusals.is_empty() && !arguments.loss.accept_loss {
        return Err(Refused(refusals).into());
    }
    unneeded::tell(&[], |_| true, (arguments.loss.accept_loss, !refusals.is_empty()))?;
    distribution.switch(&id, Switch::Rollback)?;
    if let Err(error) = history_page::renew(&distribution) {
        talk::say(&format!(
            "warning: generation {id} is in use, without its history: {error:#}\nhint: the next build writes it\n"
        ))?;
    }
    if !talk::quiet() {
        let mut text = format!("{dist}: generation {id} is in use{}\n", date(&distribution, &id));
        if let Some(change) = before.change_to(&now) {
            text += &field("change", change);
        }
        let next = distribution.previous();
        text += &field(
            "next rollback",
            next.map_or_else(
                |_| "there is no other generation".to_owned(),
                |next| format!("goes to {next}{}", date(&distribution, &next)),
            ),
        );
        print(&text)?;
    }
    Ok(Exit::Clean)
}

/// When a generation was first taken into use, if that is known.
fn date(distribution: &Distribution, id: &str) -> String {
    let first = distribution.uses().into_iter().find(|one| one.id == id).and_then(|one| one.since);
    first.map(|since| format!(", first used {}", time::rfc3339(since))).unwrap_or_default()
}
