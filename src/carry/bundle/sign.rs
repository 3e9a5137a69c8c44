//! Signatures of bundles, in the format of `minisign`, which can verify them too.
//!
//! A signature covers every byte of all parts, in their order: `minisign -Vm FILE -p KEY.pub` says the same as this module.
//! Knows nothing of what is in a bundle.

use super::Refusal;
use super::parts::{Sealed, Stream};
use crate::base::digest::{Digest, Hashed};
use crate::base::fs;
use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of the longest key or signature that is read; both have a few hundred.
const MAX_FILE: u64 = 1 << 16;
/// Bytes of a secret key.
const KEY: usize = 158;
/// Environment variable with the password of a key.
const PASSWORD: &str = "MINISIGN_PASSWORD";

/// Reads a secret key; asks for its password, if it has one and the environment does not say it.
///
/// # Errors
/// When it cannot be read, or the password is wrong.
pub fn secret_key(path: &Path) -> Result<SecretKey> {
    let text = read(path).map_err(|error| anyhow!("{error:#}\nhint: `minisign -G` makes a pair of keys"))?;
    if let Some(key) = plain_key(&text) {
        // Such a key has no checksum of its own: one that was damaged would sign what nobody can verify.
        let public = PublicKey::from_secret_key(&key).map_err(|error| wrong_key(path, &error))?;
        minisign::sign(Some(&public), &key, &b"probe"[..], Some(""), Some(""))
            .map_err(|error| wrong_key(path, &error))?;
        return Ok(key);
    }
    let boxed = SecretKeyBox::from_string(&text).map_err(|error| wrong_key(path, &error))?;
    boxed.into_secret_key(std::env::var(PASSWORD).ok()).map_err(|error| wrong_key(path, &error))
}

/// A key without a password. The library insists on a checksum, which `minisign -W` leaves empty.
fn plain_key(text: &str) -> Option<SecretKey> {
    let bytes = STANDARD.decode(text.lines().nth(1)?.trim()).ok()?;
    let is_plain = bytes.len() == KEY && bytes[2..4] == [0, 0];
    is_plain.then(|| SecretKey::from_bytes(&bytes).ok())?
}

fn wrong_key(path: &Path, error: &minisign::PError) -> anyhow::Error {
    let hint =
        format!("name the secret key that `minisign -G` wrote; its password is asked for, or taken from {PASSWORD}");
    anyhow!("cannot use the key `{}`: {error}\nhint: {hint}", path.display())
}

/// Signs a bundle; the trusted comment says what it is.
///
/// # Errors
/// When the bundle cannot be read or the signature not be written.
pub fn sign(sealed: &Sealed, key: &SecretKey, comment: &str) -> Result<()> {
    let path = sealed.signature();
    let signature =
        minisign::sign(None, key, sealed.whole(), Some(comment), Some("signature of a bundle of epr-build"))
            .map_err(|error| anyhow!("cannot sign {}: {error}", sealed.name()))?;
    fs::write_in_place(&path, signature.into_string().as_bytes())
}

/// Reads a public key.
///
/// # Errors
/// When it cannot be read.
pub fn public_key(path: &Path) -> Result<PublicKey> {
    let hint = "name the file that `minisign -G` wrote beside the secret key, such as `minisign.pub`";
    let text = read(path).map_err(|error| anyhow!("{error:#}\nhint: {hint}"))?;
    let key = PublicKeyBox::from_string(&text).and_then(PublicKeyBox::into_public_key);
    key.map_err(|error| anyhow!("cannot use the public key `{}`: {error}\nhint: {hint}", path.display()))
}

/// Verifies the signature beside a bundle; returns its trusted comment and the SHA-256 of the bytes that are signed: who reads
/// them again must find the same.
///
/// # Errors
/// A [`Refusal`] when there is none, or it is not one of this key over these bytes; others when the disk fails.
pub fn verify(sealed: &Sealed, key: &PublicKey) -> Result<(String, Digest)> {
    let path = sealed.signature();
    let refuse = |what: String, hint: &str| Refusal::new(what, hint).at(path.display());
    let text = match read(&path) {
        Err(error) if is_absent(&error) => {
            let hint = "carry the `.minisig` file along with the bundle";
            return Err(refuse("the bundle has no signature".to_owned(), hint).into());
        }
        text => text?,
    };
    let signature = SignatureBox::from_string(&text)
        .map_err(|error| refuse(format!("this is no signature: {error}"), "copy the `.minisig` file again"))?;
    if signature.keynum() != key.keynum() {
        let (theirs, ours) = (key_name(signature.keynum()), key_name(key.keynum()));
        let what = format!("the bundle is signed with the key {theirs}, not with {ours}");
        return Err(refuse(what, "name the public key of whoever made the bundle; take no bundle of others").into());
    }
    let mut stream = Verified(Hashed::new(sealed.whole()));
    minisign::verify(key, &signature, &mut stream, true, false, false).map_err(|error| {
        refuse(
            format!("the signature is wrong: {error}"),
            "bundle or signature was changed, or copied badly: do not use it",
        )
    })?;
    Ok((signature.trusted_comment().unwrap_or_default(), stream.0.into_hasher().finish()))
}

/// Hashes what is verified.
struct Verified<'a>(Hashed<Stream<'a>>);

impl Read for Verified<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Required by the library, which can print what it verified; this is not used.
impl Seek for Verified<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// The name of a key, as `minisign` prints it.
pub fn key_name(number: &[u8]) -> String {
    number.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn is_absent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = fs::open(path)?;
    file.take(MAX_FILE).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}
