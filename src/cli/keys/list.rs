//! `epr-build keys list`.

use crate::base::time::rfc3339;
use crate::cli::common::edit::now;
use crate::cli::common::options::{ConfigOption, Format, FormatOption};
use crate::cli::common::print::{field, print, print_json};
use crate::cli::common::settings::read_config;
use crate::cli::common::{Exit, key_files, talk};
use crate::openpgp::{Fingerprint, KeyFacts, KeyRing, Revocation, SigningKeyFacts};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// List the built-in key and those of the configuration, with the layers that name them
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    format: FormatOption,
}

/// A key that is known here.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    facts: &'a KeyFacts,
    /// True for the key of Elastic that the program has in itself.
    built_in: bool,
    /// Layers that name it, sorted.
    layers: BTreeSet<&'a str>,
}

/// Prints the keys in the order of their fingerprints, and then which files could not be read.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let config = read_config(arguments.config.path())?;
    let built_in = KeyRing::elastic();
    let mut all = built_in.clone();
    let mut layers: BTreeMap<Fingerprint, BTreeSet<&str>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for (name, layer) in config.layers.iter().filter(|(_, layer)| !layer.keys.is_empty()) {
        for source in &layer.keys {
            let keys = match key_files::read(name, std::slice::from_ref(source)) {
                Ok(keys) => keys,
                Err(error) => {
                    unreadable.push(error);
                    continue;
                }
            };
            for key in keys.keys() {
                layers.entry(key.fingerprint).or_default().insert(name);
            }
            all.join(&keys);
        }
    }
    let is_built_in = |key: &KeyFacts| built_in.keys().any(|other| other.fingerprint == key.fingerprint);
    let listed: Vec<_> = all
        .keys()
        .map(|facts| Listed {
            built_in: is_built_in(facts),
            layers: layers.remove(&facts.fingerprint).unwrap_or_default(),
            facts,
        })
        .collect();
    match format {
        Format::Json => print_json(&listed)?,
        Format::Text => print(&listed.iter().map(|key| render(key, now())).collect::<String>())?,
    }
    for error in &unreadable {
        talk::say(&format!("error: {error}\n"))?;
    }
    Ok(if unreadable.is_empty() { Exit::Clean } else { Exit::Problems })
}

/// A key for people, at a time in seconds since 1970.
fn render(key: &Listed<'_>, now: u64) -> String {
    let facts = key.facts;
    let built_in = if key.built_in { " (built in)" } else { "" };
    let mut text = format!("{}{built_in}\n", facts.fingerprint);
    text.extend(facts.user_ids.iter().map(|name| field("user id", name)));
    text += &field("key", times(&facts.algorithm, facts.created, facts.expires, facts.revoked, now));
    for SigningKeyFacts { fingerprint, algorithm, created, expires, revoked } in &facts.signing_subkeys {
        let times = times(algorithm, *created, *expires, *revoked, now);
        text += &field("signing subkey", format!("{}: {times}", fingerprint.key_id()));
    }
    if let Some(fault) = facts.unfit.as_ref().filter(|_| facts.signing_subkeys.is_empty()) {
        text += &field("of no use", format!("every signature by it {fault}"));
    }
    let layers = if key.layers.is_empty() {
        "named by no layer".to_owned()
    } else {
        key.layers.iter().copied().collect::<Vec<_>>().join(", ")
    };
    text + &field("layers", layers)
}

fn times(algorithm: &str, created: u64, expires: Option<u64>, revoked: Option<Revocation>, now: u64) -> String {
    let day = |time: u64| rfc3339(time).chars().take(10).collect::<String>();
    let expiry = match expires {
        None => "never expires".to_owned(),
        Some(time) if time <= now => format!("expired {}", day(time)),
        Some(time) => format!("expires {}", day(time)),
    };
    let revoked = revoked.map_or(String::new(), |revoked| {
        let why = if revoked.is_hard { "compromised, or for no reason" } else { "retired or superseded" };
        format!(", revoked {}: {why}", day(revoked.time))
    });
    format!("{algorithm}, created {}, {expiry}{revoked}", day(created))
}
