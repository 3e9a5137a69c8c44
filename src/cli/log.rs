//! `epr-build log`: the history of a package over the kept generations and releases.

use super::common::Exit;
use super::common::diff_text::render_text;
use super::common::failures::built_distribution;
use super::common::options::{Format, FormatOption, OutputFolder};
use super::common::print::{print, print_json};
use crate::base::suggest::{did_you_mean, nearest};
use crate::base::words::counted;
use crate::compare::diff::Diff;
use crate::compare::package_history::{PackageHistory, Step};
use crate::generation::distribution::Distribution;
use anyhow::{Result, ensure};
use clap::Args;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  epr-build log nginx
  epr-build log nginx --dist production --format json

Changes of a generation that was removed are listed with the next one that is kept.

Exit codes:
  0  a kept generation or release holds the package
  1  none holds it
  2  could not find out: wrong usage, or the machine failed";

/// Show the history of a package over the kept generations and releases
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Name of the package
    #[arg(value_name = "NAME")]
    name: String,
    /// Distribution whose history is shown [default: every distribution in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    format: FormatOption,
}

/// Prints the history in each distribution.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let (name, out, format) = (&arguments.name, &arguments.folder.out, arguments.format.format()?);
    let distributions = match &arguments.dist {
        Some(dist) => vec![built_distribution(out, dist)?],
        None => Distribution::all(out)?,
    };
    ensure!(
        !distributions.is_empty(),
        "`{}` holds no distributions\nhint: name the output folder of your builds with --out",
        out.display()
    );
    let histories = distributions.iter().map(|distribution| PackageHistory::read(distribution, name));
    let histories = histories.collect::<Result<Vec<_>>>()?;
    let is_known = histories.iter().any(|history| !history.is_empty());
    match format {
        Format::Json => print_json(&histories)?,
        Format::Text => {
            let text: String = histories.iter().map(render_history).collect();
            print(&if is_known { text } else { text + &render_unknown(name, &histories) })?;
        }
    }
    Ok(if is_known { Exit::Clean } else { Exit::Problems })
}

/// A hint for the name of a package that no generation holds.
fn render_unknown(name: &str, histories: &[PackageHistory]) -> String {
    let known: BTreeSet<&str> = histories.iter().flat_map(|history| &history.known).map(String::as_str).collect();
    let known: Vec<_> = known.into_iter().collect();
    match nearest(name, &known) {
        Some(_) => format!("hint: {}\n", did_you_mean(name, &known)),
        None => "hint: `epr-build which` searches the layers\n".to_owned(),
    }
}

fn render_history(history: &PackageHistory) -> String {
    let PackageHistory { distribution, name, generations, steps, releases, .. } = history;
    let count = counted(*generations, "generation");
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
        text.extend(render_changes(step).lines().map(|line| format!("    {line}\n")));
    }
    for held in releases {
        let _ = writeln!(text, "  release {:<10} {}", held.release, held.versions.join(", "));
    }
    text
}

/// The changes of a step, as `diff` prints them.
fn render_changes(step: &Step) -> String {
    let Step { added, removed, changed, moved, .. } = step;
    let diff = Diff {
        added: added.clone(),
        removed: removed.clone(),
        changed: changed.clone(),
        moved: moved.clone(),
        ..Diff::default()
    };
    render_text(&diff)
}
