//! `epr-build kibana-config`.

use super::common::Exit;
use super::common::options::DEFAULT_OUT;
use super::common::print::print;
use super::common::summary::own_key_line;
use super::common::talk;
use crate::answers::kibana::{self, KibanaVersion, Wiring};
use crate::generation::distribution::Distribution;
use anyhow::Result;
use clap::Args;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  epr-build kibana-config --url http://epr.example.org:8080
  epr-build kibana-config --url https://epr.example.org --ca /etc/kibana/ca.pem --kibana 8.17.3 >> kibana.yml

Kibana does not start if kibana.yml holds a setting that it does not know. Without --kibana, a comment on each line says since \
which version the setting exists.

Kibana verifies signatures by Elastic's key. If a key of your own signs what you publish, `epr-build keys export --for-kibana` \
writes it as Kibana reads it, and --gpg-key names it.";

/// Print the lines of kibana.yml that point Kibana to the registry
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Address of the registry, as Kibana reaches it
    #[arg(long, value_name = "URL")]
    url: String,
    /// Version of Kibana [default: settings for every version since 7.16]
    #[arg(long, value_name = "VERSION", value_parser = kibana::version)]
    kibana: Option<KibanaVersion>,
    /// Certificate of your own authority, by its path on Kibana's machine
    #[arg(long = "ca", value_name = "FILE")]
    authority: Option<String>,
    /// Public key of your own package signatures, by its path on Kibana's machine; it replaces Elastic's key. `keys export
    /// --for-kibana` writes such a file
    #[arg(long, value_name = "FILE")]
    gpg_key: Option<String>,
    /// This Kibana can reach the internet
    #[arg(long)]
    has_internet: bool,
}

/// Prints the lines.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let wiring = Wiring {
        url: arguments.url.clone(),
        kibana: arguments.kibana,
        authority: arguments.authority.clone(),
        key: arguments.gpg_key.clone(),
        has_internet: arguments.has_internet,
    };
    let lines = kibana::lines(&wiring)?;
    if arguments.gpg_key.is_none()
        && !talk::quiet()
        && let Some(line) = own_key_of_builds()
    {
        talk::say(&format!("note: what was built in `{DEFAULT_OUT}` needs {line}; name it with --gpg-key\n"))?;
    }
    print(&lines)?;
    Ok(Exit::Clean)
}

/// What Kibana must be told of the signatures in the output folder that lies here, if there is one.
fn own_key_of_builds() -> Option<String> {
    let distributions = Distribution::all(Path::new(DEFAULT_OUT)).ok()?;
    distributions.iter().find_map(|one| own_key_line(&one.report(&one.current()?)?))
}
