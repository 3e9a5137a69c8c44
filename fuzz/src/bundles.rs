//! Properties of the reader of bundles: what is damaged or forged is refused, and what is read is what was written.

use epr_build::base::digest::Digest;
use epr_build::base::progress::Progress;
use epr_build::carry::bundle::parts::Sealed;
use epr_build::carry::bundle::unpack::{Terms, unpack};
use epr_build::carry::bundle::{BundleManifest, Refusal, check as verify};

/// Checks one input: a tar archive, which is compressed and sealed; its first member also by itself.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    if let Some(manifest) = data.get(512..)
        && let Some(end) = manifest.iter().position(|byte| *byte == b'\n')
        && let Ok(read) = BundleManifest::parse(&manifest[..=end])
    {
        assert_eq!(read.to_json(), manifest[..=end], "a manifest has two spellings");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("epr.bundle");
    std::fs::write(&file, sealed(data)).expect("writes the bundle");
    let read =
        Sealed::open(std::slice::from_ref(&file)).and_then(|sealed| verify::bundle(&sealed, &Progress::new(true)));
    if let Err(error) = &read {
        assert!(error.is::<Refusal>(), "no refusal: {error:#}");
        return;
    }
    let out = folder.path().join("out");
    let sealed = Sealed::open(&[file]).expect("it was opened before");
    match unpack(&sealed, &out, &Terms { keep: 1, ..Terms::default() }, &Progress::new(true)) {
        Ok(unpacked) => assert!(out.join(&unpacked.manifest.distribution).join("current/site").is_dir()),
        // A size that no disk has room for is the machine's trouble.
        Err(error) => assert!(error.is::<Refusal>() || format!("{error:#}").contains("unpacks to"), "{error:#}"),
    }
}

/// Compresses a tar archive, with a true seal behind it.
fn sealed(tar: &[u8]) -> Vec<u8> {
    let mut bytes = zstd::stream::encode_all(tar, 1).expect("compresses");
    let length = bytes.len() as u64;
    bytes.extend(b"\x5e\x2a\x4d\x18\x40\0\0\0EPRBUNDL");
    for number in [length, 0, 1] {
        bytes.extend(number.to_le_bytes());
    }
    let digest = Digest::of(&bytes);
    bytes.extend(digest.bytes());
    bytes
}
