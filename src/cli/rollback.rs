//! `epr-build rollback`.

use super::common::Exit;
use super::common::failures::built_distribution;
use super::common::options::OutputFolder;
use super::common::print::print;
use super::common::talk;
use crate::base::fs::Lock;
use crate::generation::history_page;
use anyhow::Result;
use clap::Args;

/// Go back to an earlier generation
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Distribution to roll back
    #[arg(long, value_name = "NAME")]
    dist: String,
    /// Generation or release to use [default: the generation that was in use before]
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
}

/// Switches to the generation.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let (dist, out) = (&arguments.dist, &arguments.folder.out);
    let distribution = built_distribution(out, dist)?;
    let wanted = || match &arguments.to {
        Some(id) => distribution.resolve(id),
        None => distribution.previous(),
    };
    // Refused before the lock is taken, which writes; and looked at again under it.
    wanted()?;
    let _lock = Lock::take(out)?;
    let id = wanted()?;
    distribution.switch(&id)?;
    history_page::write(&distribution)?;
    if !talk::quiet() {
        print(&format!("{dist}: generation {id} is in use\n"))?;
    }
    Ok(Exit::Clean)
}
