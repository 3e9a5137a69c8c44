//! Lays the document root of a generation again, from the list of its paths.
//!
//! A file that is damaged is damaged in every generation that has it, under every name. A build makes the folders of the
//! generations that it writes; those of the others are made here.

use crate::base::digest::Digest;
use crate::base::fs;
use crate::generation::distribution::Distribution;
use crate::generation::listed::Listed;
use crate::store::{Folder, Store, TreeEntry};
use anyhow::Result;
use std::path::Path;

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

/// Gives everything in the store, generations and releases the modes of what is published.
///
/// # Errors
/// When the folder cannot be read.
pub fn set_modes(out: &Path) -> Result<()> {
    ["store/blobs", "store/trees"].iter().for_each(|part| fs::set_modes(&out.join(part)));
    for distribution in Distribution::all(out)? {
        distribution.generations()?.iter().for_each(|id| fs::set_modes(&distribution.generation(id)));
        for name in distribution.release_names()? {
            fs::set_modes(&distribution.release_folder(&name));
        }
    }
    Ok(())
}

fn lay(generation: &Path, store: &Store) -> Result<()> {
    let Ok(listed) = Listed::of(generation) else { return Ok(()) };
    let mut site = Folder::default();
    for (path, digest) in listed.files() {
        if !store.holds(&digest) && !adopt(store, &digest, &generation.join("site").join(&path))? {
            return Ok(());
        }
        site.insert(&path, TreeEntry::Blob(digest));
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
