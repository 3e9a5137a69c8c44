//! Properties of the reader of bundles: what is damaged or forged is refused, and what is read is what was written.

use epr_build::base::progress::Progress;
use epr_build::carry::bundle::parts::{Sealed, Sealing};
use epr_build::carry::bundle::unpack::{Terms, unpack};
use epr_build::carry::bundle::{BundleManifest, Refusal, check as verify};
use std::io::Write;
use std::path::Path;

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
    seal(data, &file);
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

/// Writes a tar archive as a bundle, compressed and with a true seal behind it.
fn seal(tar: &[u8], file: &Path) {
    let mut bundle = Sealing::new(file, None);
    bundle.write_all(&zstd::stream::encode_all(tar, 1).expect("compresses")).expect("writes the bundle");
    bundle.finish().expect("seals the bundle");
}
