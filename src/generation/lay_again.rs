//! Lays the document root of a generation again, from the list of its paths.
//!
//! A file that is damaged is damaged in every generation that has it, under every name. A build makes the folders of the
//! generations that it writes; those of the others are made here.

use crate::base::digest::Digest;
use crate::base::fs;
use crate::generation::distribution::Distribution;
use crate::store::{Folder, Store, TreeEntry};
use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The parts of `manifest.json` that are needed.
#[derive(Deserialize)]
struct GenerationManifest {
    files: BTreeMap<String, ListedFile>,
    packages: Vec<ListedPackage>,
}

#[derive(Deserialize)]
struct ListedFile {
    sha256: Digest,
    gzip_sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct ListedPackage {
    path: String,
    files: BTreeMap<String, ListedPackageFile>,
}

#[derive(Deserialize)]
struct ListedPackageFile {
    digest: Digest,
    gzip: Option<ListedGzipCopy>,
}

#[derive(Deserialize)]
struct ListedGzipCopy {
    digest: Digest,
}

/// Every path of the document root of a generation with its digest, as its manifest lists them.
///
/// # Errors
/// When the manifest cannot be read.
pub fn listed(generation: &Path) -> Result<Vec<(String, Digest)>> {
    let manifest: GenerationManifest = fs::read_json(&generation.join("manifest.json"))?;
    let mut paths: Vec<(String, Digest)> = Vec::new();
    for (path, file) in manifest.files {
        paths.extend(file.gzip_sha256.map(|gzip_copy| (format!("{path}.gz"), gzip_copy)));
        paths.push((path, file.sha256));
    }
    for package in manifest.packages {
        for (path, file) in package.files {
            let path = format!("{}/{path}", package.path);
            paths.extend(file.gzip.map(|gzip_copy| (format!("{path}.gz"), gzip_copy.digest)));
            paths.push((path, file.digest));
        }
    }
    Ok(paths)
}

/// Makes the folders of all generations again that are not whole, where the store has what belongs into them.
///
/// # Errors
/// When the disk fails. What cannot be mended stays as it is.
pub fn everywhere(out: &Path, store: &Store) -> Result<()> {
    for distribution in Distribution::all(out)? {
        for id in distribution.generations()? {
            if !distribution.is_whole(&id, store) {
                lay(&distribution.generation(&id), store)?;
            }
        }
    }
    Ok(())
}

fn lay(generation: &Path, store: &Store) -> Result<()> {
    let Ok(listed) = listed(generation) else { return Ok(()) };
    let mut site = Folder::default();
    for (path, digest) in listed {
        let path = path.trim_start_matches('/');
        if !store.holds(&digest) && !adopt(store, &digest, &generation.join("site").join(path))? {
            return Ok(());
        }
        site.insert(path, TreeEntry::Blob(digest));
    }
    // A manifest that was changed gives another folder, to which nothing leads.
    site.store(store).map(drop)
}

/// Takes a file into the store if it has this content: one that is lost as a blob may still lie in a folder.
fn adopt(store: &Store, digest: &Digest, file: &Path) -> Result<bool> {
    if fs::digest_of_file(file).ok().is_none_or(|(found, _)| found != *digest) {
        return Ok(false);
    }
    let mut incoming = store.incoming()?;
    std::io::copy(&mut fs::open(file)?, &mut incoming)?;
    Ok(incoming.finish()?.0 == *digest)
}
