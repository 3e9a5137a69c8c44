//! `epr-build promote`.

use super::common::Exit;
use super::common::edit::{self, EXIT_CODES, EditOptions};
use crate::edit::PackageSelector;
use anyhow::Result;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  epr-build promote nginx@1.2.3 --from snapshot --to staging
  epr-build promote nginx@1.2.3 --from snapshot --to staging --all-newer    this version and every newer one
  epr-build promote nginx --from snapshot --to staging --all-newer    every version newer than the newest in staging

A version is copied to the upper layer and compared, and only then removed from the lower one. The next command finishes or \
undoes an interrupted promotion. LAYER/.epr-build/log.jsonl records every change, in both layers.";

/// Move versions of packages to a layer further up
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct Arguments {
    /// Versions to promote
    #[arg(value_name = "NAME@VERSION", required = true)]
    packages_and_versions: Vec<PackageSelector>,
    /// Layer that holds them
    #[arg(long, value_name = "LAYER")]
    from: String,
    /// Layer to move them to
    #[arg(long, value_name = "LAYER")]
    to: String,
    /// Also promote every newer version; for a name without a version, every version newer than the newest in the target
    #[arg(long)]
    all_newer: bool,
    #[command(flatten)]
    options: EditOptions,
}

/// Promotes the versions.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { packages_and_versions: selectors, from, to, all_newer, options } = arguments;
    edit::run(options, &[from, to], &[], |editor| editor.promote(selectors, from, to, *all_newer))
}
