//! `epr-build diff`: compares generations, distributions or folders of packages.

use super::args::InputArgs;
use super::{DistributionPlan, Exit, Settings};
use crate::config::{Config, Layer};
use crate::diff::{Diff, Id, Seen, Side, compare};
use crate::holdings::{Change, Holdings, generation_at};
use crate::intake::{LayerIntake, LayerPlan};
use crate::layers::Layers;
use crate::policy::Exceptions;
use crate::progress::Progress;
use crate::source::LayerSource;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build diff out/staging out/production
  epr-build diff out/staging/generations/0123456789abcdef out/staging --format markdown
  epr-build diff ../main/packages packages --dist staging        layers stacked as the distribution does
  epr-build diff old/packages/production packages/production     folders of packages

What Kibanas see is what self-managed ones ask for, without capabilities.

Exit codes:
  0  there is no difference
  1  there are differences
  2  could not compare: wrong usage, or the machine failed";

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What was: a generation, a distribution in an output folder, or a folder of packages
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// What is
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Folders hold layers, one folder each, which this distribution stacks
    #[arg(long, value_name = "NAME")]
    pub dist: Option<String>,
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
    let open = |path: &Path| side(path, arguments).with_context(|| format!("cannot compare `{}`", path.display()));
    let diff = compare(&open(&arguments.a)?, &open(&arguments.b)?)?;
    let text = match arguments.format {
        Format::Text => text(&diff),
        Format::Markdown => markdown(&diff),
        Format::Json => serde_json::to_string_pretty(&diff).context("cannot write the differences")? + "\n",
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if diff.is_empty() { Exit::Clean } else { Exit::Problems })
}

/// One of the two.
fn side(path: &Path, arguments: &Arguments) -> Result<Side> {
    if let Some(generation) = generation_at(path) {
        let holdings = Holdings::of_generation(&generation)?;
        let facts = holdings.facts_of_generation(&generation)?;
        return Ok(Side { holdings, facts, store: None });
    }
    if !path.is_dir() {
        bail!(
            "there is no such folder\nhint: name a generation, a distribution in an output folder, or a folder of packages"
        );
    }
    let settings = match &arguments.dist {
        Some(dist) => stacked(path, dist, arguments.config.as_deref())?,
        None => single(path),
    };
    let layers = Layers::read(&settings, None, &Progress::new(true))?;
    let out: usize = layers.taken.iter().map(LayerIntake::quarantined).sum();
    if out > 0 {
        let shown = path.display();
        writeln!(
            io::stderr(),
            "warning: {out} packages of `{shown}` are left out; `epr-build check` says what is wrong"
        )?;
    }
    let catalog = layers.catalog(&settings.distributions[0])?;
    let facts = catalog.facts().into_iter().cloned().collect();
    Ok(Side { holdings: Holdings::of_catalog(&catalog), facts, store: layers.store })
}

fn stacked(path: &Path, dist: &str, config: Option<&Path>) -> Result<Settings> {
    let input = InputArgs {
        dists: vec![dist.to_owned()],
        all_dists: false,
        packages: path.to_owned(),
        config: config.map(Path::to_owned),
        strict: false,
        jobs: None,
        quiet: true,
    };
    let settings = Settings::resolve(&input)?.below(path);
    if !settings.layers.iter().any(|layer| path.join(&layer.source.name).is_dir()) {
        bail!("the folder holds no layer of `{dist}`\nhint: without --dist a folder of packages is compared as it is");
    }
    Ok(settings)
}

/// A folder of packages, as the only layer.
fn single(path: &Path) -> Settings {
    let source = LayerSource { name: String::new(), paths: vec![path.to_owned()] };
    let plan = DistributionPlan {
        name: String::new(),
        layers: vec![0],
        listen: String::new(),
        prefix: String::new(),
        debug_header: false,
        ui: false,
    };
    Settings {
        distributions: vec![plan],
        layers: vec![LayerPlan { source, rules: Layer::default() }],
        use_cache: false,
        keep: 1,
        config: Config::default(),
        strict: false,
        quiet: true,
        exceptions: Exceptions::default(),
    }
}

/// One line for each difference; nothing when there is none.
fn text(diff: &Diff) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let mut line = |word: &str, rest: String| {
        let _ = writeln!(text, "{word:<8} {rest}");
    };
    let layer = |id: &Id| if id.layer.is_empty() { String::new() } else { format!(" ({})", id.layer) };
    diff.added.iter().for_each(|id| line("added", format!("{}-{}{}", id.name, id.version, layer(id))));
    diff.removed.iter().for_each(|id| line("removed", format!("{}-{}{}", id.name, id.version, layer(id))));
    for changed in &diff.changed {
        line("changed", format!("{}-{}", changed.name, changed.version));
        changed.files.iter().for_each(|(path, change)| line("", format!("  {} {path}", sign(*change))));
    }
    diff.moved.iter().for_each(|moved| {
        line("moved", format!("{}-{}: {} -> {}", moved.name, moved.version, moved.from, moved.to));
    });
    for seen in &diff.seen {
        let (was, is) = (version(seen.was.as_ref()), version(seen.is.as_ref()));
        line("seen", format!("{}: {was} -> {is} by {}", seen.name, range(seen)));
    }
    text
}

/// Sections with lists; one sentence when there is no difference.
fn markdown(diff: &Diff) -> String {
    if diff.is_empty() {
        return "No difference.\n".to_owned();
    }
    let id = |id: &Id| format!("{} {}", code(&format!("{}-{}", id.name, id.version)), id.layer).trim_end().to_owned();
    let changed = diff.changed.iter().map(|changed| {
        let files = changed.files.iter().map(|(path, change)| format!("\n  - {} {}", sign(*change), code(path)));
        code(&format!("{}-{}", changed.name, changed.version)) + &files.collect::<String>()
    });
    let moved = diff
        .moved
        .iter()
        .map(|moved| format!("{}: {} → {}", code(&format!("{}-{}", moved.name, moved.version)), moved.from, moved.to));
    let mut text = String::new();
    for (title, lines) in [
        ("Added", diff.added.iter().map(id).collect::<Vec<_>>()),
        ("Removed", diff.removed.iter().map(id).collect()),
        ("Changed", changed.collect()),
        ("Moved", moved.collect()),
    ] {
        if !lines.is_empty() {
            text += &format!("### {title}\n\n{}\n", lines.iter().map(|line| format!("- {line}\n")).collect::<String>());
        }
    }
    if !diff.seen.is_empty() {
        text += "### What Kibana sees\n\n| package | Kibana | before | after |\n|---|---|---|---|\n";
        for seen in &diff.seen {
            let (was, is) = (version(seen.was.as_ref()), version(seen.is.as_ref()));
            text += &format!("| {} | {} | {was} | {is} |\n", seen.name, range(seen));
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

fn version(version: Option<&String>) -> &str {
    version.map_or("nothing", String::as_str)
}

/// A range of Kibanas in words.
fn range(Seen { kibana, before, prerelease, .. }: &Seen) -> String {
    let versions = match before {
        None if kibana == "0.0.0" => "every Kibana".to_owned(),
        None => format!("Kibana {kibana} and later"),
        Some(before) if kibana == "0.0.0" => format!("Kibana before {before}"),
        Some(before) => format!("Kibana {kibana} to before {before}"),
    };
    if *prerelease { format!("{versions} with pre-releases") } else { versions }
}

/// Text as it is, in Markdown: between more back-ticks than it has in a row.
fn code(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    if longest == 0 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}
