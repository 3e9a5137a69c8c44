//! `epr-build add`: a package goes into a layer.

use super::Exit;
use super::edit::{EditArgs, exit_codes};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = concat!(
    "\
Examples:
  epr-build add build/packages/acme-1.2.0.zip --to snapshot
  epr-build add ../acme --to staging --dry-run

A signature beside the package (`.sig`) goes along. What the layer holds with the same content stays as it is; with other
content it is replaced where the layer's policy allows overwriting.
",
    exit_codes!()
);

/// Arguments of `add`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Folder or zip of one version of a package
    #[arg(value_name = "FOLDER|ZIP")]
    pub package: PathBuf,
    /// Layer it goes into
    #[arg(long, value_name = "LAYER")]
    pub to: String,
    /// Where layers are.
    #[command(flatten)]
    pub editor: EditArgs,
}

/// Adds it.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    super::edit::run(&arguments.editor, |editor| editor.add(&arguments.package, &arguments.to))
}
