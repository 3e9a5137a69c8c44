//! `epr-build kibana-config`.

use super::common::Exit;
use super::common::print::print;
use crate::answers::kibana::{self, KibanaVersion, Wiring};
use anyhow::Result;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  epr-build kibana-config --url http://epr.example.org:8080
  epr-build kibana-config --url https://epr.example.org --ca /etc/kibana/ca.pem --kibana 8.17.3 >> kibana.yml

Kibana does not start if kibana.yml holds a setting that it does not know. Without --kibana, a comment on each line says since \
which version the setting exists.";

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
    /// Public key of your own package signatures, by its path on Kibana's machine; it replaces Elastic's key
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
    print(&kibana::lines(&wiring)?)?;
    Ok(Exit::Clean)
}
