//! `epr-build keys sign`.

use crate::base::fs::{io_error, read_at_most};
use crate::cli::common::edit::{self, EditOptions};
use crate::cli::common::{Exit, key_files};
use crate::edit::{Signer, SigningOrder};
use crate::openpgp::{MOST_KEY_BYTES, SecretKey};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Environment variable with the passphrase of a key file.
const PASSPHRASE: &str = "EPR_BUILD_PASSPHRASE";
/// Bytes of the longest passphrase.
const MOST_PASSPHRASE_BYTES: u64 = 1 << 12;

const EXAMPLES: &str = "\
Examples:
  epr-build keys sign --layer in_house --signer 'gpg --batch --armor --detach-sign -u packages@example.org'
  epr-build keys sign --layer in_house --secret-key our-key.sec.asc --passphrase-file /run/secrets/passphrase --dry-run
  epr-build keys sign --layer in_house --signer ./sign-with-hsm --key our-key.asc --replace

Signatures are written beside zips and version folders. Of a folder the zip is signed that every build makes of it. The signer \
gets a zip on its standard input and writes an armored signature to its standard output; it is judged by the public key before \
it is written. What is signed already is skipped. The log of the layer records each signature. Builds need no secret key.

Exit codes:
  0  every package has a good signature, or would get one
  1  refused, because signatures that are not good are in the way, and nothing was signed; or packages that are named could
     not be signed, because builds leave them out or somebody exchanged their signatures
  2  could not: the signer failed or made no good signature, wrong usage or configuration, or the machine failed";

/// Sign the packages of a layer
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, mut_arg("allow_policy", |it| it.hide(true)))]
pub(super) struct Arguments {
    /// Layer to sign
    #[arg(long, value_name = "LAYER")]
    layer: String,
    /// Command that signs, for the shell
    #[arg(long, value_name = "COMMAND", required_unless_present = "secret_key", conflicts_with = "secret_key")]
    signer: Option<String>,
    /// Seconds that the command may take for one signature
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// File with the secret key, to sign without a command
    #[arg(long, value_name = "FILE")]
    secret_key: Option<PathBuf>,
    /// File with the passphrase of the secret key, in its first line [default: EPR_BUILD_PASSPHRASE in the environment]
    #[arg(long, value_name = "FILE", requires = "secret_key")]
    passphrase_file: Option<PathBuf>,
    /// Public keys by which the signatures must be good: `elastic`, or a file; may be repeated [default: those of the layer]
    #[arg(long, value_name = "FILE")]
    key: Vec<String>,
    /// Sign anew what has a signature that is not good
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    options: EditOptions,
}

/// Signs the layer.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let signer = signer(arguments)?;
    let keys = (!arguments.key.is_empty()).then(|| key_files::named(&arguments.key)).transpose()?;
    let order = SigningOrder { signer: &signer, keys: keys.as_ref(), replace: arguments.replace };
    edit::run(&arguments.options, &[&arguments.layer], &[], |editor| editor.sign(&arguments.layer, &order))
}

fn signer(arguments: &Arguments) -> Result<Signer> {
    match (&arguments.signer, &arguments.secret_key) {
        (Some(line), _) => {
            let patience = Duration::from_secs(arguments.timeout.into());
            Ok(Signer::Command { line: line.clone(), patience })
        }
        (None, Some(path)) => {
            let file = small_file(path, MOST_KEY_BYTES)?;
            let shown = || format!("cannot sign with `{}`", path.display());
            let mut key = SecretKey::read(&file).with_context(shown)?;
            key.unlock(&passphrase(arguments.passphrase_file.as_deref())?).with_context(shown)?;
            Ok(Signer::Key(Box::new(key)))
        }
        (None, None) => {
            bail!("nobody is named who signs\nhint: name a command with --signer, or a key with --secret-key")
        }
    }
}

/// The passphrase; empty if there is none.
fn passphrase(file: Option<&Path>) -> Result<Vec<u8>> {
    let Some(path) = file else {
        return Ok(std::env::var_os(PASSPHRASE).map(|text| text.into_encoded_bytes()).unwrap_or_default());
    };
    let text = small_file(path, MOST_PASSPHRASE_BYTES)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

fn small_file(path: &Path, most: u64) -> Result<Vec<u8>> {
    let read =
        read_at_most(path, most).map_err(|error| anyhow!("cannot read `{}`: {}", path.display(), io_error(error)))?;
    read.with_context(|| format!("`{}` has more than {most} bytes", path.display()))
}
