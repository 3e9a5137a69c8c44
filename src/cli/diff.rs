//! `epr-build diff`: compares generations, releases, distributions, folders of packages and bundles.

mod side;
pub(super) mod text;

use super::Exit;
use super::args::DEFAULT_OUT;
use crate::compare::diff::compare;
use anyhow::{Context, Result};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build diff out/staging out/production
  epr-build diff 8.5.0 production --dist production               a release, and what is in use
  epr-build diff 0123456789abcdef out/staging --format markdown   a generation
  epr-build diff ../main/packages packages --dist staging         layers stacked as the distribution does
  epr-build diff old/packages/production packages/production      folders of packages
  epr-build diff epr.bundle out/staging                           a bundle, which is unpacked below TMPDIR

What Kibanas see is what self-managed ones ask for, without capabilities.

Exit codes:
  0  there is no difference
  1  there are differences
  2  could not compare: wrong usage, or the machine failed";

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What was: a generation, release or distribution, by its folder or by its name in --out; a folder of packages; or a
    /// bundle
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// What is
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Names are those of this distribution, and folders hold layers, one folder each, which it stacks
    #[arg(long, value_name = "NAME")]
    pub dist: Option<String>,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Configuration file; without it epr-build.yml is read when it is there
    #[arg(long, value_name = "FILE", requires = "dist")]
    pub config: Option<PathBuf>,
    /// How the differences are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Forms of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for a terminal
    Text,
    /// For a pull request
    Markdown,
    /// For programs
    Json,
}

/// Compares and prints.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let open = |path: &PathBuf| {
        side::open(path, arguments)
            .with_context(|| format!("cannot compare `{}`", path.to_string_lossy().escape_debug()))
    };
    let diff = compare(&open(&arguments.a)?, &open(&arguments.b)?)?;
    let text = match arguments.format {
        Format::Text => text::plain(&diff),
        Format::Markdown => text::markdown(&diff),
        Format::Json => serde_json::to_string_pretty(&diff).context("cannot write the differences")? + "\n",
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if diff.is_empty() { Exit::Clean } else { Exit::Problems })
}
