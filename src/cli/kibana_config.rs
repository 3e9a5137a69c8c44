//! `epr-build kibana-config`: what to write into `kibana.yml`.

use super::Exit;
use crate::answers::kibana::{self, KibanaVersion, Wiring};
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build kibana-config --url http://epr.example.org:8080
  epr-build kibana-config --url https://epr.example.org --ca /etc/kibana/ca.pem --kibana 8.17.3 >> kibana.yml

Kibana does not start with a setting that it does not know: without --kibana every line says since when it exists.";

/// Arguments of `kibana-config`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Address of the registry, as Kibana reaches it
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Version of the Kibana; without it, what all from 7.16 on take
    #[arg(long, value_name = "VERSION", value_parser = kibana::version)]
    pub kibana: Option<KibanaVersion>,
    /// Certificate of your own authority, where Kibana's machine has it
    #[arg(long = "ca", value_name = "FILE")]
    pub authority: Option<String>,
    /// Public key that your packages are signed with instead of Elastic's, where Kibana's machine has it
    #[arg(long, value_name = "FILE")]
    pub gpg_key: Option<String>,
    /// This Kibana can reach the internet
    #[arg(long)]
    pub has_internet: bool,
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
    io::stdout().write_all(kibana::lines(&wiring)?.as_bytes())?;
    Ok(Exit::Clean)
}
