//! `epr-build diff`.

mod side;

use super::common::Exit;
use super::common::diff_text::{render_markdown, render_text, shortened};
use super::common::options::{ConfigOption, JobsOption, OutputFolder};
use super::common::print::{print, print_json};
use super::common::talk;
use crate::compare::diff::compare;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build diff out/staging out/production
  epr-build diff 8.5.0 production --dist production               a release and the generation in use
  epr-build diff 0123456789abcdef out/staging --format markdown   a generation
  epr-build diff ../main/packages packages --dist staging         folders of layers, stacked as in the distribution
  epr-build diff old/packages/production packages/production      folders of packages
  epr-build diff main packages --format markdown --max-chars 65000 --exit-zero    for a comment on a pull request
  epr-build diff epr.bundle out/staging                           a bundle, which is unpacked in TMPDIR

Changes of what Kibana sees are those for a self-managed Kibana, which sends no capabilities.

Exit codes:
  0  there are no differences
  1  there are differences (with --exit-zero: 0)
  2  could not compare: wrong usage, or the machine failed";

/// Compare generations, releases, distributions, folders of packages or bundles
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, mut_arg("config", |config| config.requires("dist")))]
pub(super) struct Arguments {
    /// Old side: a generation, release or distribution, by its folder or by its name in --out; a folder of packages; or a
    /// bundle
    #[arg(value_name = "A")]
    a: PathBuf,
    /// New side, named in the same ways
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Distribution in which names are looked up; folders then hold one folder for each of its layers
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    jobs: JobsOption,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print no more than so many characters of Markdown: whole lines, and one that says how many are missing. A comment on
    /// GitHub has room for 65536
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(200..))]
    max_chars: Option<u32>,
    /// Exit with 0 although there are differences
    #[arg(long)]
    exit_zero: bool,
}

/// Formats of the result.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// Markdown for a pull request
    Markdown,
    /// JSON for programs
    Json,
}

/// Compares and prints.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    if arguments.max_chars.is_some() && !matches!(arguments.format, Format::Markdown) {
        bail!("--max-chars is for Markdown\nhint: add `--format markdown`, or leave it out");
    }
    arguments.jobs.start_threads()?;
    let open = |path: &PathBuf| {
        side::open(path, arguments)
            .with_context(|| format!("cannot compare `{}`", path.to_string_lossy().escape_debug()))
    };
    let diff = compare(&open(&arguments.a)?, &open(&arguments.b)?)?;
    match arguments.format {
        Format::Text if diff.is_empty() && talk::quiet() => {}
        Format::Text if diff.is_empty() => print("no differences\n")?,
        Format::Text => print(&render_text(&diff))?,
        Format::Markdown => print(&shortened(&render_markdown(&diff), arguments.max_chars))?,
        Format::Json => print_json(&diff)?,
    }
    Ok(if diff.is_empty() || arguments.exit_zero { Exit::Clean } else { Exit::Problems })
}
