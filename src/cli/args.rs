//! The command line, as typed.

use super::publish;
use crate::config::exceptions::{Exception, Exceptions};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Above the usage in `--help`.
const ABOUT: &str = "\
Builds an Elastic Package Registry as a static tree that any web server can host.

A layer is a folder of packages (folders `<name>/<version>`, or zips). A distribution is a stack of layers: where two hold \
the same version of a package, the first one wins. Built in are `production` (layer production), `staging` (production, \
staging) and `snapshot` (production, staging, snapshot); the configuration file adds others, and epr-build.sample.yml \
shows all that it can say.";

/// Below the options of `--help`.
const EXAMPLES: &str = "\
Examples:
  epr-build --dist staging              packages/production and packages/staging -> out/staging
  epr-build --dist staging --dist snapshot
  epr-build --all-dists --packages /srv/packages --out /srv/epr
  epr-build check --dist production     report problems and conflicts, write nothing
  epr-build serve --dist staging        answer on http://127.0.0.1:8080 from what was built
  epr-build generate bash > /usr/share/bash-completion/completions/epr-build

Exit codes:
  0  all well
  1  built, but packages were quarantined (with --strict also: there are conflicts or warnings)
  2  could not build: wrong usage or configuration, a policy refused the change, or the machine failed (disk, lock, network)";

const CHECK_EXAMPLES: &str = "\
Examples:
  epr-build check --dist production
  epr-build check --all-dists --strict --quiet    for pull requests: silent when all is well
  epr-build check --dist staging --against ../main/packages    and published versions stay as they are

Exit codes:
  0  all well
  1  packages would be quarantined, or --against refuses a change (with --strict also: there are conflicts or warnings)
  2  could not check: wrong usage or configuration, or the machine failed";

/// Builds an Elastic Package Registry as a static tree that any web server can host.
#[derive(Debug, Parser)]
#[command(
    name = "epr-build",
    version,
    long_about = ABOUT,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; building is the default.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of `build`, the default command.
    #[command(flatten)]
    pub build: BuildArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build distributions into the output folder (the default)
    #[command(after_help = EXAMPLES)]
    Build(BuildArgs),
    /// Read and merge everything, report problems and conflicts, write nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Serve what was built, with the same routing as the generated server configurations
    #[command(after_help = super::serve::EXAMPLES)]
    Serve(super::serve::Arguments),
    /// Upload what was built to an object store, and take it into use there
    #[command(after_help = publish::EXAMPLES)]
    Publish(publish::Args),
    /// List the generations of a distribution, the latest first
    Generations(DistributionArgs),
    /// Take an earlier generation into use again
    Rollback(RollbackArgs),
    /// Show or clear what earlier builds left behind
    Cache(CacheArgs),
    /// Write a container image that serves a distribution, without a container engine
    #[command(after_help = super::image::EXAMPLES)]
    Image(super::image::Arguments),
    /// Ask a registry whether it answers, for health checks
    #[command(after_help = super::probe::EXAMPLES)]
    Probe(super::probe::Arguments),
    /// Print the lines of kibana.yml that lead Kibana to the registry
    #[command(after_help = super::kibana_config::EXAMPLES)]
    KibanaConfig(super::kibana_config::Arguments),
    /// Pack a distribution into one file, to be carried over an air gap
    #[command(after_help = super::bundle::EXAMPLES)]
    Bundle(super::bundle::BundleArgs),
    /// Take a bundle into an output folder and its generation into use
    #[command(after_help = super::unbundle::EXAMPLES)]
    Unbundle(super::unbundle::UnbundleArgs),
    /// Compare everything in an output folder or a bundle with its digest
    #[command(after_help = super::verify::EXAMPLES)]
    Verify(super::verify::VerifyArgs),
    /// Say which version of a package a Kibana gets, and why not a newer one
    #[command(after_help = super::which::EXAMPLES)]
    Which(super::which::Arguments),
    /// Compare generations, releases, distributions, folders of packages or bundles
    #[command(after_help = super::diff::EXAMPLES)]
    Diff(super::diff::Arguments),
    /// Tell the history of a package over the generations and releases that are kept
    #[command(after_help = super::log::EXAMPLES)]
    Log(super::log::Arguments),
    /// Pin a generation under the version of a stack, hosted beside the present one
    #[command(after_help = super::release::EXAMPLES)]
    Release(super::release::Arguments),
    /// Put a package into a layer
    #[command(after_help = super::add::EXAMPLES)]
    Add(super::add::Arguments),
    /// Move versions of packages to a layer further up
    #[command(after_help = super::promote::EXAMPLES)]
    Promote(super::promote::Arguments),
    /// Take versions of packages out of a layer
    #[command(after_help = super::remove::EXAMPLES)]
    Remove(super::remove::Arguments),
    /// Print the manual page or shell completions
    Generate(GenerateArgs),
}

/// A distribution that was built.
#[derive(Args, Debug)]
pub struct DistributionArgs {
    /// Name of the distribution
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: String,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
}

/// Arguments of `rollback`.
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// Which distribution.
    #[command(flatten)]
    pub distribution: DistributionArgs,
    /// Generation to go to; the one that was in use before when absent
    #[arg(long, value_name = "ID")]
    pub to: Option<String>,
}

/// Arguments of `cache`.
#[derive(Args, Debug)]
pub struct CacheArgs {
    /// What to do
    #[arg(value_enum)]
    pub action: CacheAction,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
}

/// What `cache` does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum CacheAction {
    /// Say how much is remembered
    Info,
    /// Remove from the store what no generation and no remembered package needs
    Prune,
}

/// Which distributions, from where.
#[derive(Args, Debug)]
pub struct InputArgs {
    /// Distribution to build; may be repeated
    #[arg(long = "dist", value_name = "NAME")]
    pub dists: Vec<String>,
    /// Build every distribution: the built-in ones and those of the configuration
    #[arg(long, conflicts_with = "dists")]
    pub all_dists: bool,
    /// Folder that holds one folder per layer; or git+file:CLONE#REF, or without #REF a branch per layer
    #[arg(long, value_name = "DIR", default_value = "packages")]
    pub packages: PathBuf,
    /// Configuration file; without it epr-build.yml is read when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Quarantine what fails validation, and exit with 1 when there are conflicts between layers or warnings
    #[arg(long)]
    pub strict: bool,
    /// Threads; one for each processor when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Print problems and failures only
    #[arg(long, short)]
    pub quiet: bool,
}

/// What the policies of layers do not forbid this time.
#[derive(Args, Debug)]
pub struct ExceptionArgs {
    /// Allow one version to break one policy; may be repeated. It is recorded for ever
    #[arg(long, value_name = "RULE=PACKAGE@VERSION", requires = "reason")]
    pub allow_policy: Vec<Exception>,
    /// Why that is allowed
    #[arg(long, value_name = "TEXT", requires = "allow_policy", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

impl ExceptionArgs {
    /// The same without options.
    pub fn exceptions(&self) -> Exceptions {
        Exceptions { allowed: self.allow_policy.clone(), reason: self.reason.clone().unwrap_or_default() }
    }
}

/// Arguments of `build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Folder the distributions are written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Generations of each distribution that stay, the one in use included
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
    /// Read every package again, whatever earlier builds found out
    #[arg(long)]
    pub no_cache: bool,
    /// Build a second time from nothing and compare every byte, mode and time
    #[arg(long)]
    pub verify_clean: bool,
    /// Stay, and build again whenever a package or the configuration changes
    #[arg(long, conflicts_with = "verify_clean")]
    pub watch: bool,
    /// What is allowed all the same.
    #[command(flatten)]
    pub exceptions: ExceptionArgs,
}

/// Where distributions go when nothing else is said.
pub(super) const DEFAULT_OUT: &str = "out";

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Refuse what the policies of the layers forbid since this: a generation, an output folder, a folder of layers, or
    /// git+file:CLONE#REF
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// What is allowed all the same.
    #[command(flatten)]
    pub exceptions: ExceptionArgs,
}

/// Arguments of `generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// What to print
    #[arg(value_enum)]
    pub what: Generated,
}

/// What `generate` prints.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Generated {
    /// The manual page, in roff
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// The reference page of all rules, in Markdown
    #[value(hide = true)]
    Rules,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
