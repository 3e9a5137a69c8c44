//! Mends an output folder, as far as good copies of what is damaged are at hand.
//!
//! Contents come from elsewhere: a build without cache has stored those of the layers, or a bundle has brought its own
//! ([`super::bundle::unpack::contribute`]). Here the document roots of all generations are laid again with them. Files of a
//! generation beside its document root are not made here: they come with the build or the bundle.

use crate::base::fs::{Lock, Scrutiny, remove_any};
use crate::catalog::cache;
use crate::generation::distribution::Distribution;
use crate::generation::lay_again;
use crate::store::{STOCK, Store};
use anyhow::Result;
use std::path::Path;

/// Mends what the store and the generations have in them, and drops what is damaged of the cache.
///
/// # Errors
/// When the disk fails. What cannot be mended stays as it is.
pub fn output(out: &Path) -> Result<()> {
    let _lock = Lock::take(out)?;
    lay_again::set_modes(out)?;
    for path in cache::damaged(out, Scrutiny::Read)? {
        remove_any(&path)?;
    }
    let store = Store::open(&out.join("store"))?;
    store.take_stock(None);
    for distribution in Distribution::all(out)? {
        distribution.mend_records()?;
        distribution.mend_releases(Scrutiny::Read)?;
    }
    lay_again::everywhere(out, &store)?;
    store.drop_damaged()?;
    store.write_stock(&out.join(STOCK))
}
