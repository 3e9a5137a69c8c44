//! `epr-build remove`.

use super::common::Exit;
use super::common::edit::{self, EXIT_CODES, EditOptions};
use crate::edit::PackageSelector;
use anyhow::Result;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  epr-build remove nginx@1.2.3-beta1 --from snapshot
  epr-build remove nginx@1.2.3 --from staging --allow-policy removed-version=nginx@1.2.3 --reason 'it leaked a password'";

/// Remove versions of packages from a layer
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct Arguments {
    /// Versions to remove
    #[arg(value_name = "NAME@VERSION", required = true)]
    packages_and_versions: Vec<PackageSelector>,
    /// Layer that holds them
    #[arg(long, value_name = "LAYER")]
    from: String,
    #[command(flatten)]
    options: EditOptions,
}

/// Removes the versions.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    edit::run(&arguments.options, &[&arguments.from], &[], |editor| {
        editor.remove(&arguments.packages_and_versions, &arguments.from)
    })
}
