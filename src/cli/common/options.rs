//! Options that mean the same in several commands.
//!
//! An option whose meaning depends on the command, such as `--dist`, stands in the file of each command, so that its help
//! says what it means there.

use super::print::shell_word;
use super::settings::{self, Choice, Input};
use super::talk;
use crate::config::exceptions::{Exception, Exceptions};
use crate::config::location::is_git;
use crate::config::settings::Settings;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

pub(in crate::cli) use crate::generation::distribution::DEFAULT_OUT;

/// Where layers are, and what the configuration says about them.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct LayerOptions {
    /// Folder that holds one folder for each layer, or git+file:CLONE with one branch for each layer
    #[arg(long, value_name = "DIR", default_value = settings::DEFAULT_PACKAGES)]
    packages: PathBuf,
    #[command(flatten)]
    config: ConfigOption,
}

impl LayerOptions {
    /// Resolves them, for the chosen distributions.
    ///
    /// # Errors
    /// Those of [`settings::resolve`].
    pub(in crate::cli) fn resolve(&self, distributions: Choice<'_>, strict: bool) -> Result<Settings> {
        let settings =
            settings::resolve(Input { distributions, packages: &self.packages, config: self.config.path(), strict })?;
        for layer in &settings.layers {
            let paths: Vec<_> = layer.source.paths.iter().map(|path| format!("`{}`", path.display())).collect();
            talk::note(&format!("layer `{}` is read from {}", layer.source.name, paths.join(", ")))?;
        }
        Ok(settings)
    }

    /// The options as they were given, for commands in hints: empty, or with a space before each.
    pub(in crate::cli) fn words(&self) -> String {
        let packages = (self.packages != Path::new(settings::DEFAULT_PACKAGES)).then_some(self.packages.as_path());
        let options = [("--packages", packages), ("--config", self.config.path())];
        let words = options
            .into_iter()
            .filter_map(|(option, path)| Some(format!(" {option} {}", shell_word(&path?.display().to_string()))));
        words.collect()
    }

    /// Returns true if a configuration is named or lies here, or the folder of layers is there.
    pub(in crate::cli) fn are_here(&self) -> bool {
        let is_configured = self.config.path().is_some() || Path::new(settings::DEFAULT_CONFIG).exists();
        is_configured || is_git(&self.packages) || self.packages.is_dir()
    }

    /// Resolves them for commands that make the folders of layers where they are absent.
    ///
    /// # Errors
    /// Those of [`settings::resolve`], but for absent folders.
    pub(in crate::cli) fn resolve_unplaced(&self) -> Result<Settings> {
        let (packages, config) = (self.packages.as_path(), self.config.path());
        settings::resolve_unplaced(Input { distributions: Choice::All, packages, config, strict: false })
    }

    /// Resolves them for a change of some layers, which need a place; any other may be absent.
    ///
    /// # Errors
    /// Those of [`settings::resolve`].
    pub(in crate::cli) fn resolve_for(&self, layers: &[&String]) -> Result<Settings> {
        let (packages, config) = (self.packages.as_path(), self.config.path());
        settings::resolve_for(Input { distributions: Choice::All, packages, config, strict: false }, layers)
    }
}

/// The configuration file.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ConfigOption {
    /// Configuration file [default: epr-build.yml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigOption {
    /// The file, if one is named.
    pub(in crate::cli) fn path(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// The output folder of builds, for commands that use what is in it.
#[derive(Args, Debug)]
pub(in crate::cli) struct OutputFolder {
    /// Output folder that holds the built distributions
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub(in crate::cli) out: PathBuf,
}

/// How many generations are kept.
#[derive(Args, Debug)]
pub(in crate::cli) struct KeepOption {
    /// Number of generations to keep for each distribution, including the one in use
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
}

impl KeepOption {
    /// Number of generations.
    pub(in crate::cli) fn generations(&self) -> usize {
        self.keep.into()
    }

    /// What to know about keeping one generation only; nothing if more are kept.
    pub(in crate::cli) fn warning(&self) -> &'static str {
        const ONE: &str = "\
warning: with `--keep 1` a generation is removed as soon as another takes its place, also while a web server still reads it
hint: keep 2 or more, unless only `epr-build serve`, or servers with `epr-build include`, serve it: what these use is not removed
";
        if self.keep == 1 { ONE } else { "" }
    }
}

/// Whether versions may be lost.
#[derive(Args, Debug)]
pub(in crate::cli) struct LossOption {
    /// Go on although a layer has lost all its versions, or very many of them
    #[arg(long)]
    pub(in crate::cli) accept_loss: bool,
}

/// How many threads work.
#[derive(Args, Debug)]
pub(in crate::cli) struct JobsOption {
    /// Number of threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl JobsOption {
    /// Starts the threads.
    pub(in crate::cli) fn start_threads(&self) -> Result<()> {
        if let Some(jobs) = self.jobs {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.into());
            threads.build_global().context("cannot start the threads")?;
        }
        Ok(())
    }
}

/// Exceptions from the policies of layers.
#[derive(Args, Debug)]
pub(in crate::cli) struct ExceptionOptions {
    /// Allow one version to break one policy; may be repeated. A build records the exception permanently
    #[arg(long, value_name = "RULE=PACKAGE@VERSION", requires = "reason")]
    allow_policy: Vec<Exception>,
    /// Why the exceptions are allowed
    #[arg(long, value_name = "TEXT", requires = "allow_policy", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,
}

impl ExceptionOptions {
    /// The exceptions with their reason.
    pub(in crate::cli) fn exceptions(&self) -> Exceptions {
        Exceptions { allowed: self.allow_policy.clone(), reason: self.reason.clone().unwrap_or_default() }
    }
}

/// How a result is printed.
#[derive(Args, Debug)]
pub(in crate::cli) struct FormatOption {
    /// Format of the result [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The same as `--format json`
    #[arg(long, hide = true)]
    json: bool,
}

/// Formats of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Lines for people
    Text,
    /// JSON for programs
    Json,
}

impl FormatOption {
    /// The format that was asked for.
    ///
    /// # Errors
    /// Fails if `--json` and `--format` contradict each other.
    pub(in crate::cli) fn format(&self) -> Result<Format> {
        match (self.format, self.json) {
            (Some(Format::Text), true) => bail!("--json contradicts --format text\nhint: leave out one of the two"),
            (_, true) => Ok(Format::Json),
            (format, false) => Ok(format.unwrap_or(Format::Text)),
        }
    }
}
