//! `epr-build keep`: what Kibanas have installed, and what mirrored layers may lose.

mod check;
mod files;
mod import;
mod list;
mod prune;

use super::common::Exit;
use anyhow::Result;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  epr-build keep import --kibana https://kibana.example.org:5601 --api-key-file key --output keep/site-a.keep
  epr-build keep import --from saved/*.json --output keep/site-b.keep
  epr-build keep list keep/*.keep
  epr-build keep check --layer elastic
  epr-build keep prune elastic --output gone.list
  epr-build keep prune elastic --apply gone.list --reason 'nobody has these any more'

Kibana downloads what it has installed again: at upgrades, after failures, to repair. docs/guides/keep.md says more.";

/// Keep what Kibanas have installed, and remove what nobody wants
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Import(import::Arguments),
    List(list::Arguments),
    Check(check::Arguments),
    Prune(prune::Arguments),
}

/// Does what is asked.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    match &arguments.action {
        Action::Import(arguments) => import::run(arguments),
        Action::List(arguments) => list::run(arguments),
        Action::Check(arguments) => check::run(arguments),
        Action::Prune(arguments) => prune::run(arguments),
    }
}
