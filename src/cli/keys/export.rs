//! `epr-build keys export`.

use crate::base::fs::{metadata, write_in_place};
use crate::base::suggest::did_you_mean;
use crate::base::time::rfc3339;
use crate::cli::common::edit::now;
use crate::cli::common::options::ConfigOption;
use crate::cli::common::print::print_exact;
use crate::cli::common::settings::read_config;
use crate::cli::common::{Exit, key_files, talk};
use crate::config::layer::KeySource;
use crate::openpgp::{Fingerprint, KeyFacts, KeyRing};
use anyhow::{Result, bail, ensure};
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build keys export --for-kibana --layer in_house --output /etc/kibana/our-key.asc
  epr-build keys export --key keyring.gpg --fingerprint 46095ACC8548582C1A2699A9D27D666CD88E42B4

Kibana reads one key from one armored block: of a second block it sees nothing, and with two keys in one block it verifies no \
signature at all. So exactly one key is written, as it came, or nothing.";

/// Write one public key as Kibana reads it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Layer whose key to write [default: Elastic's key]
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Keys to choose from: `elastic`, or a file of public keys; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "layer")]
    key: Vec<String>,
    /// Fingerprint of the key to write, where there are several
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<Fingerprint>,
    /// Say which line of kibana.yml makes Kibana read it
    #[arg(long)]
    for_kibana: bool,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

/// Writes the key.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let keys = keys(arguments)?;
    let key = chosen(&keys, arguments.fingerprint)?;
    if let (Some(fault), true) = (&key.unfit, key.signing_subkeys.is_empty()) {
        bail!("key {} is of no use to Kibana: every signature by it {fault}", key.fingerprint);
    }
    if let Some(revoked) = key.revoked.filter(|revoked| revoked.is_hard) {
        let time = rfc3339(revoked.time);
        bail!("key {} was revoked at {time}, so no signature by it is good", key.fingerprint);
    }
    if arguments.for_kibana && matches!(key.fingerprint, Fingerprint::V6(_)) {
        bail!(
            "key {} is of version 6, which Kibana is not known to read\nhint: make one of version 4, as `gpg` does",
            key.fingerprint
        );
    }
    if let (Some(revoked), true) = (key.revoked, arguments.for_kibana) {
        bail!(
            "key {} was retired or superseded at {}, and Kibana then refuses what it signed, also what it signed before\n\
             hint: sign the packages anew by another key, with `keys sign --replace`, and export that one",
            key.fingerprint,
            rfc3339(revoked.time)
        );
    }
    if key.created > now() {
        let (key, time) = (key.fingerprint, rfc3339(key.created));
        talk::say(&format!(
            "warning: key {key} says that it was made in the future, at {time}: until then Kibana accepts no signature by it\n"
        ))?;
    }
    let elastic = KeyRing::elastic();
    let is_elastics = elastic.keys().any(|other| other.fingerprint == key.fingerprint);
    if arguments.layer.is_none() && arguments.key.is_empty() {
        tell_others(arguments, key)?;
    }
    let text = keys.armored(&key.fingerprint).unwrap_or_default();
    let shown = match &arguments.output {
        Some(path) => {
            require_file(path)?;
            write_in_place(path, text.as_bytes())?;
            std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
        }
        None => {
            print_exact(&text)?;
            "/path/to/this/key.asc".to_owned()
        }
    };
    if arguments.for_kibana {
        // The key itself may be on its way through a pipe.
        let others = if is_elastics { "" } else { ", also those that Elastic has signed" };
        talk::say(&format!(
            "note: key {} ({}); write into kibana.yml of every Kibana, and restart it:\n\
             xpack.fleet.packageVerification.gpgKeyPath: {shown:?}\n\
             note: Kibana then refuses packages that another key has signed{others}\n",
            key.fingerprint, key.algorithm
        ))?;
    }
    Ok(Exit::Clean)
}

/// Refuses to write over what is no file: a fifo would be waited for.
fn require_file(path: &Path) -> Result<()> {
    let is_other = metadata(path).is_ok_and(|found| !found.is_file());
    ensure!(
        !is_other,
        "`{}` is not a regular file\nhint: without --output the key goes to standard output",
        path.display()
    );
    Ok(())
}

/// Says that the key is Elastic's if layers name others: somebody may have meant one of those.
fn tell_others(arguments: &Arguments, key: &KeyFacts) -> Result<()> {
    // The key is there without any configuration, so one that cannot be read keeps nobody from it.
    let Ok(config) = read_config(arguments.config.path()) else { return Ok(()) };
    let names_another = |name: &str, sources: &[KeySource]| {
        let named = key_files::read(name, sources);
        named.map_or(true, |named| named.keys().any(|other| other.fingerprint != key.fingerprint))
    };
    let layers = config.layers.iter().filter(|(name, layer)| names_another(name, &layer.keys));
    let layers: BTreeSet<_> = layers.map(|(name, _)| name.as_str()).collect();
    if !layers.is_empty() {
        let layers: Vec<_> = layers.into_iter().collect();
        talk::say(&format!(
            "note: this is Elastic's key, {}; layers that name other keys: {} (choose one with --layer)\n",
            key.fingerprint,
            layers.join(", ")
        ))?;
    }
    Ok(())
}

fn keys(arguments: &Arguments) -> Result<KeyRing> {
    let Some(name) = &arguments.layer else {
        let given = key_files::named(&arguments.key)?;
        return Ok(if given.is_empty() { KeyRing::elastic() } else { given });
    };
    let config = read_config(arguments.config.path())?;
    let known: Vec<_> = config.layers.keys().map(String::as_str).collect();
    let Some(layer) = config.layers.get(name) else {
        bail!("the configuration says nothing of a layer `{name}`\nhint: {}", did_you_mean(name, &known));
    };
    if layer.keys.is_empty() {
        bail!("layer `{name}` names no keys\nhint: give it `keys`, or name a file with --key");
    }
    key_files::read(name, &layer.keys)
}

/// The one key that is meant.
fn chosen(keys: &KeyRing, wanted: Option<Fingerprint>) -> Result<&KeyFacts> {
    let mut found = keys.keys().filter(|key| wanted.is_none_or(|wanted| key.fingerprint == wanted));
    let names: Vec<_> = keys.keys().map(|key| key.fingerprint.to_string()).collect();
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => bail!(
            "there are {} keys, and Kibana reads one\nhint: choose with --fingerprint: {}",
            names.len(),
            names.join(", ")
        ),
        (None, _) => bail!("there is no such key\nhint: there are: {}", names.join(", ")),
    }
}
