//! The public keys of a layer, from the files that the configuration names.

use crate::base::fs::{io_error, read_at_most};
use crate::config::layer::KeySource;
use crate::openpgp::{KeyRing, MOST_KEY_BYTES};
use anyhow::{Result, anyhow};
use std::path::Path;

/// Reads the keys of a layer; that of Elastic if there are no sources.
///
/// # Errors
/// When a file is not there, is too large or holds no public keys.
pub(in crate::cli) fn read(layer: &str, sources: &[KeySource]) -> Result<KeyRing> {
    if sources.is_empty() {
        return Ok(KeyRing::elastic());
    }
    let mut keys = KeyRing::default();
    for source in sources {
        match source {
            KeySource::Elastic => keys.join(&KeyRing::elastic()),
            KeySource::File(path) => add(&mut keys, path).map_err(|reason| {
                let path = path.display();
                anyhow!(
                    "cannot use `{path}` as keys of layer `{layer}`: the file {reason}\n\
                     hint: correct `keys` of the layer; `gpg --armor --export KEY` writes a public key"
                )
            })?,
        }
    }
    Ok(keys)
}

/// Reads the keys that arguments name: `elastic`, or files.
///
/// # Errors
/// When a file is not there, is too large or holds no public keys.
pub(in crate::cli) fn named(names: &[String]) -> Result<KeyRing> {
    let mut keys = KeyRing::default();
    for name in names {
        match name.as_str() {
            "elastic" => keys.join(&KeyRing::elastic()),
            path => add(&mut keys, Path::new(path)).map_err(|reason| {
                anyhow!(
                    "cannot use `{path}` as keys: the file {reason}\nhint: name `elastic`, or a file of public keys"
                )
            })?,
        }
    }
    Ok(keys)
}

/// Adds the keys of a file, or says what is wrong with it in words that finish "the file ...".
fn add(keys: &mut KeyRing, path: &Path) -> Result<(), String> {
    let read = read_at_most(path, MOST_KEY_BYTES).map_err(|error| format!("cannot be read: {}", io_error(error)))?;
    let bytes = read.ok_or_else(|| format!("has more than {MOST_KEY_BYTES} bytes"))?;
    keys.add(&bytes).map(drop).map_err(|error| error.to_string())
}
