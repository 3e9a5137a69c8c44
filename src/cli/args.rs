//! The command line, as typed.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Shown below `--help`.
const EXAMPLES: &str = "\
Examples:
  epr-build --dist staging                 packages/{production,staging} -> out/staging
  epr-build --all-dists --packages /srv/packages --out /srv/epr
  epr-build check --dist production        report problems and conflicts, write nothing
  epr-build serve --dist staging           answer on http://127.0.0.1:8080 from what was built

Exit codes:
  0  all well
  1  built, but packages were quarantined (with --strict also: conflicts and warnings)
  2  could not build: wrong usage, or disk or network failed";

/// Builds an Elastic Package Registry as a static tree that any web server can host.
#[derive(Debug, Parser)]
#[command(name = "epr-build", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
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
    Build(BuildArgs),
    /// Read and merge everything, report problems and conflicts, write nothing
    Check(CheckArgs),
    /// Serve what was built, with the same routing as the generated server configurations
    Serve(ServeArgs),
    /// Print shell completions or the manual page
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Which distributions, from where.
#[derive(Args, Debug)]
pub struct InputArgs {
    /// Distribution to build; may be repeated
    #[arg(long = "dist", value_name = "NAME")]
    pub dists: Vec<String>,
    /// Build every distribution of the configuration
    #[arg(long, conflicts_with = "dists")]
    pub all_dists: bool,
    /// Folder that holds one folder per layer
    #[arg(long, value_name = "DIR", default_value = "packages")]
    pub packages: PathBuf,
    /// Configuration file; epr-build.yml is read when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Treat conflicts between layers and warnings as errors, and quarantine what fails validation
    #[arg(long)]
    pub strict: bool,
    /// Threads; one for each processor when absent
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Print problems and failures only
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Folder the distributions are written to
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
}

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Distribution to serve
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: String,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
    /// Address and port, or a port alone
    #[arg(long, value_name = "ADDRESS", default_value = crate::config::DEFAULT_LISTEN)]
    pub listen: String,
    /// Say in a header of every answer which file it came from
    #[arg(long)]
    pub debug_header: bool,
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
}
