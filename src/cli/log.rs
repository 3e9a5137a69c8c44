//! `epr-build log`: the history of a package over the generations and releases that are kept.

use super::Exit;
use super::args::DEFAULT_OUT;
use super::diff::text::plain;
use super::upkeep::existing;
use crate::base::suggest::{did_you_mean, nearest};
use crate::compare::diff::Diff;
use crate::compare::package_history::{PackageHistory, Step};
use crate::generation::distribution::Distribution;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build log nginx
  epr-build log nginx --dist production --json

What generations that are gone changed is told by the first one that is kept after them.

Exit codes:
  0  the package is or was there
  1  no generation that is kept has it
  2  could not tell: wrong usage, or the machine failed";

/// Arguments of `log`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name of the package
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Name of the distribution; all of them when absent
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: Option<String>,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// Prints the history in each distribution.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let distributions = match &arguments.dist {
        Some(dist) => vec![existing(&arguments.out, dist)?],
        None => Distribution::all(&arguments.out)?,
    };
    ensure!(
        !distributions.is_empty(),
        "`{}` holds no distribution\nhint: --out names the folder that distributions were built into",
        arguments.out.display()
    );
    let histories = distributions.iter().map(|distribution| PackageHistory::read(distribution, &arguments.name));
    let histories = histories.collect::<Result<Vec<_>>>()?;
    let is_there = histories.iter().any(|history| !history.is_empty());
    let mut text = if arguments.json {
        serde_json::to_string_pretty(&histories).context("cannot write the history")? + "\n"
    } else {
        histories.iter().map(told).collect()
    };
    if !is_there && !arguments.json {
        let known: BTreeSet<&str> = histories.iter().flat_map(|history| &history.known).map(String::as_str).collect();
        let known: Vec<_> = known.into_iter().collect();
        let near = nearest(&arguments.name, &known).map(|_| did_you_mean(&arguments.name, &known));
        let _ =
            writeln!(text, "hint: {}", near.unwrap_or_else(|| "`epr-build which` looks into the layers".to_owned()));
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(if is_there { Exit::Clean } else { Exit::Problems })
}

fn told(history: &PackageHistory) -> String {
    let PackageHistory { distribution, name, generations, steps, releases, .. } = history;
    let count = if *generations == 1 { "1 generation".to_owned() } else { format!("{generations} generations") };
    let name = name.escape_debug();
    if history.is_empty() {
        return format!("{distribution}: {name} is in none of {count}\n");
    }
    let mut text = format!("{distribution}: {name} in {count}\n");
    for step in steps {
        let Step { generation, in_use, releases, .. } = step;
        let mut marks = if *in_use { "  in use".to_owned() } else { String::new() };
        releases.iter().for_each(|release| marks += &format!("  release {release}"));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {generation}{marks}");
        text.extend(changes(step).lines().map(|line| format!("    {line}\n")));
    }
    for held in releases {
        let _ = writeln!(text, "  release {:<10} {}", held.release, held.versions.join(", "));
    }
    text
}

/// The changes of a step, as `diff` prints them.
fn changes(step: &Step) -> String {
    let Step { added, removed, changed, moved, .. } = step;
    let diff = Diff {
        added: added.clone(),
        removed: removed.clone(),
        changed: changed.clone(),
        moved: moved.clone(),
        ..Diff::default()
    };
    plain(&diff)
}
