//! `epr-build keys`: public keys, and the signatures that are good by them.

mod export;
mod list;
mod sign;
mod verify;

use super::common::Exit;
use anyhow::Result;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  epr-build keys list
  epr-build keys verify --layer production
  epr-build keys export --for-kibana --layer in_house --output our-key.asc
  epr-build keys sign --layer in_house --signer 'gpg --batch --armor --detach-sign -u packages@example.org'

Kibana knows one key, and refuses packages with a signature that is not good by it. It installs packages without a signature. \
Signatures are judged here as Kibana judges them, which is stricter than `gpg`.";

/// Show keys, verify signatures by them, and sign the packages of a layer
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::Arguments),
    Verify(verify::Arguments),
    Export(export::Arguments),
    Sign(sign::Arguments),
}

/// Does what is asked.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    match &arguments.action {
        Action::List(arguments) => list::run(arguments),
        Action::Verify(arguments) => verify::run(arguments),
        Action::Export(arguments) => export::run(arguments),
        Action::Sign(arguments) => sign::run(arguments),
    }
}
