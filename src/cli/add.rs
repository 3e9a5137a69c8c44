//! `epr-build add`.

use super::common::Exit;
use super::common::edit::{self, EXIT_CODES, EditOptions};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build add build/packages/acme-1.2.0.zip --to snapshot
  epr-build add build/packages/*.zip --to snapshot
  epr-build add ../acme --to staging --dry-run

All packages are added, or none if one of them is refused. A signature beside a package (`.sig`) is added with it. If the layer \
already holds the version with the same content, nothing is changed. Other content is replaced if the layer's policy allows \
overwriting. Warnings, for example of what Kibana would refuse to install, are printed, with --dry-run too.";

/// Add packages to a layer
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct Arguments {
    /// Folders and zips, each of one version of a package
    #[arg(value_name = "FOLDER|ZIP", required = true)]
    folders_and_zips: Vec<PathBuf>,
    /// Layer to add them to
    #[arg(long, value_name = "LAYER")]
    to: String,
    #[command(flatten)]
    options: EditOptions,
}

/// Adds the packages.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let (packages, to) = (&arguments.folders_and_zips, &arguments.to);
    edit::run(&arguments.options, &[to], packages, |editor| editor.add(packages, to))
}
