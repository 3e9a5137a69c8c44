//! `epr-build remove`: versions are taken out of a layer.

use super::Exit;
use super::edit::{EditArgs, exit_codes};
use crate::edit::PackageSelector;
use anyhow::Result;
use clap::Args;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = concat!(
    "\
Examples:
  epr-build remove nginx@1.2.3-beta1 --from snapshot
  epr-build remove nginx@1.2.3 --from staging --allow-policy removed-version=nginx@1.2.3 --reason 'it leaked a password'
",
    exit_codes!()
);

/// Arguments of `remove`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Packages and versions
    #[arg(value_name = "NAME@VERSION", required = true)]
    pub packages_and_versions: Vec<PackageSelector>,
    /// Layer they are in
    #[arg(long, value_name = "LAYER")]
    pub from: String,
    /// Where layers are.
    #[command(flatten)]
    pub editor: EditArgs,
}

/// Removes them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    super::edit::run(&arguments.editor, |editor| editor.remove(&arguments.packages_and_versions, &arguments.from))
}
