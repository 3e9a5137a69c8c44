//! Mends an output folder, as far as good copies of what is damaged are at hand.
//!
//! Contents come from elsewhere: a build without cache has stored those of the layers, or a bundle has brought its own
//! ([`super::bundle::unpack::contribute`]). Here the document root of each generation is laid again from its manifest, which
//! lists every path with its digest; a content that is lost as a blob may still lie there. Files of a generation beside its
//! document root are not made here: they come with the build or the bundle.

use super::bundle::check;
use crate::base::digest::Digest;
use crate::base::fs::{self, Lock, Scrutiny};
use crate::catalog::cache;
use crate::generation::distribution::Distribution;
use crate::store::{Folder, STOCK, Store, TreeEntry};
use anyhow::Result;
use std::path::Path;

/// Mends what the store and the generations have in them, and drops what is damaged of the cache.
///
/// # Errors
/// When the disk fails. What cannot be mended stays as it is.
pub fn output(out: &Path) -> Result<()> {
    let _lock = Lock::take(out)?;
    for path in cache::damaged(out, Scrutiny::Read)? {
        fs::remove_file(&path)?;
    }
    let store = Store::open(&out.join("store"))?;
    store.take_stock(None);
    for distribution in Distribution::all(out)? {
        distribution.mend_records()?;
        for id in distribution.generations()? {
            lay_again(&distribution, &id, &store)?;
        }
        distribution.mend_releases(Scrutiny::Read)?;
    }
    store.write_stock(&out.join(STOCK))
}

/// Makes the folders of a document root again that are not as the manifest lists them.
fn lay_again(distribution: &Distribution, id: &str, store: &Store) -> Result<()> {
    let folder = distribution.generation(id);
    let Ok(listed) = check::listed(&folder) else { return Ok(()) };
    let mut site = Folder::default();
    for (path, digest) in listed {
        let path = path.trim_start_matches('/');
        if !store.holds(&digest) && !adopt(store, &digest, &folder.join("site").join(path))? {
            return Ok(());
        }
        site.insert(path, TreeEntry::Blob(digest));
    }
    // A manifest that was changed leads to another folder, and nothing leads there.
    site.store(store).map(drop)
}

/// Takes a file into the store if it has this content.
fn adopt(store: &Store, digest: &Digest, file: &Path) -> Result<bool> {
    if fs::digest_of_file(file).ok().is_none_or(|(found, _)| found != *digest) {
        return Ok(false);
    }
    let mut incoming = store.incoming()?;
    std::io::copy(&mut fs::open(file)?, &mut incoming)?;
    Ok(incoming.finish()?.0 == *digest)
}
