//! `epr-build promote`: versions go from a layer to one further up.

use super::Exit;
use super::edit::{EditArgs, exit_codes};
use crate::edit::PackageSelector;
use anyhow::Result;
use clap::Args;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = concat!(
    "\
Examples:
  epr-build promote nginx@1.2.3 --from snapshot --to staging
  epr-build promote nginx@1.2.3 --from snapshot --to staging --all-newer    it and every newer version
  epr-build promote nginx --from snapshot --to staging --all-newer    what is newer than the newest in staging

A version is copied up, compared, and only then removed below. An interrupted promotion is finished or undone by the next
command. Every change is kept in LAYER/.epr-build/log.jsonl of both layers.
",
    exit_codes!()
);

/// Arguments of `promote`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Packages and versions
    #[arg(value_name = "NAME@VERSION", required = true)]
    pub packages_and_versions: Vec<PackageSelector>,
    /// Layer they are in
    #[arg(long, value_name = "LAYER")]
    pub from: String,
    /// Layer they go to
    #[arg(long, value_name = "LAYER")]
    pub to: String,
    /// And every newer version of each; without a version, all that are newer than the newest in the target
    #[arg(long)]
    pub all_newer: bool,
    /// Where layers are.
    #[command(flatten)]
    pub editor: EditArgs,
}

/// Promotes them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { packages_and_versions: selectors, from, to, all_newer, editor } = arguments;
    super::edit::run(editor, |editor| editor.promote(selectors, from, to, *all_newer))
}
