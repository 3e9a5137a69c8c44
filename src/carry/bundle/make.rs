//! Follows the recipes of a bundle: members of archives and gzip copies, then folders, then archives and the folders
//! around them.
//!
//! The outcome of a recipe is stored only if it has the digest that the manifest says.

use super::manifest::{BundleManifest, BundledContent, Origin};
use super::unpack::Unpacker;
use super::{Refusal, recipe};
use crate::base::compress;
use crate::base::digest::Digest;
use crate::base::progress::Progress;
use crate::store::Store;
use anyhow::{Context, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::{self, Write};

impl Unpacker<'_> {
    /// Follows the recipes and makes the folders.
    pub(super) fn make(&self, manifest: &BundleManifest, progress: &Progress) -> Result<()> {
        self.check_old(manifest)?;
        let positions = |wanted: fn(&Origin) -> bool| {
            let chosen = manifest.contents.iter().filter(move |content| wanted(&content.from));
            chosen.collect::<Vec<_>>()
        };
        let members = positions(|from| matches!(from, Origin::Member { .. }));
        let gzip_copies = positions(|from| matches!(from, Origin::Gzip(_)));
        let zips = positions(|from| matches!(from, Origin::Zip { .. }));
        progress.begin("making the rest", (members.len() + gzip_copies.len() + zips.len()) as u64);
        let mut by_archive: BTreeMap<usize, Vec<(&BundledContent, usize)>> = BTreeMap::new();
        for content in members {
            if let Origin::Member { archive, number } = content.from {
                by_archive.entry(archive).or_default().push((content, number));
            }
        }
        by_archive.par_iter().try_for_each(|(archive, members)| {
            members.iter().for_each(|_| progress.step());
            self.unpack_members(&manifest.contents[*archive], members)
        })?;
        gzip_copies.par_iter().try_for_each(|content| {
            progress.step();
            self.make_gzip_copy(manifest, content)
        })?;
        let holds = manifest.holds_recipes();
        self.make_folders(manifest, |index| !holds[index])?;
        zips.par_iter().try_for_each(|content| {
            progress.step();
            self.make_zip(manifest, content)
        })?;
        self.make_folders(manifest, |index| holds[index])
    }

    /// Checks that everything the base is said to have is there.
    fn check_old(&self, manifest: &BundleManifest) -> Result<()> {
        let is_missing = |content: &&BundledContent| {
            content.from == Origin::Base && !self.store.has_blob(&content.sha256, content.size)
        };
        let content = manifest.contents.par_iter().find_first(is_missing).map(|content| content.sha256);
        let folders = manifest.folders.par_iter().filter(|folder| folder.entries.is_none());
        let folder = folders.find_first(|folder| !self.store.has_tree(&folder.digest)).map(|folder| folder.digest);
        match content.or(folder) {
            Some(digest) => {
                let what = format!("the store lacks {digest}, which the base of this bundle is said to have");
                Err(Refusal::new(what, "take in a bundle that brings everything").into())
            }
            None => Ok(()),
        }
    }

    fn unpack_members(&self, archive: &BundledContent, members: &[(&BundledContent, usize)]) -> Result<()> {
        let mut opened = None;
        for (content, number) in members {
            if self.is_there(content)? {
                continue;
            }
            let refuse = |error: io::Error| unmade(content, &error.to_string());
            if opened.is_none() {
                let file = self.store.open_blob(&archive.sha256)?;
                opened = Some(recipe::open_archive(file).map_err(refuse)?);
            }
            let Some(archive) = &mut opened else { continue };
            self.keep(content, |out| recipe::member(archive, *number, content.size, out))?;
        }
        Ok(())
    }

    fn make_gzip_copy(&self, manifest: &BundleManifest, content: &BundledContent) -> Result<()> {
        let Origin::Gzip(original) = content.from else { return Ok(()) };
        let original = &manifest.contents[original];
        if original.size > recipe::IN_MEMORY {
            return Err(unmade(content, "its content is too large").into());
        }
        if self.is_there(content)? {
            return Ok(());
        }
        let gzip_copy = compress::gzip(&self.store.read_blob(&original.sha256)?);
        if Digest::of(&gzip_copy) != content.sha256 || gzip_copy.len() as u64 != content.size {
            return Err(unmade(content, "its recipe gives another digest").into());
        }
        self.store.put_as(&content.sha256, &gzip_copy)
    }

    fn make_zip(&self, manifest: &BundleManifest, content: &BundledContent) -> Result<()> {
        let Origin::Zip { folder, root } = &content.from else { return Ok(()) };
        if self.is_there(content)? {
            return Ok(());
        }
        let folder = self.store.root().join(Store::tree_path(&manifest.folders[*folder].digest));
        self.keep(content, |out| recipe::archive(&folder, root, out).map(drop))
    }

    /// Stores what `write` writes, if it is the content.
    fn keep(&self, content: &BundledContent, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut incoming = self.store.incoming()?;
        let mut out = Bounded { out: &mut incoming, left: content.size };
        match write(&mut out) {
            // The system says a number when a disk fails; all else is the bundle's fault.
            Err(error) if error.raw_os_error().is_some() => return Err(error).context("cannot write into the store"),
            Err(error) => return Err(unmade(content, &error.to_string()).into()),
            Ok(()) => {}
        }
        if incoming.finish()? == (content.sha256, content.size) {
            return Ok(());
        }
        Err(unmade(content, "its recipe gives another digest").into())
    }

    fn make_folders(&self, manifest: &BundleManifest, wanted: impl Fn(usize) -> bool) -> Result<()> {
        for (index, folder) in manifest.folders.iter().enumerate().filter(|(index, _)| wanted(*index)) {
            let Some(tree) = manifest.tree(folder) else { continue };
            self.store.put_tree(&tree).with_context(|| format!("cannot make folder {index} of the bundle"))?;
        }
        Ok(())
    }
}

fn unmade(content: &BundledContent, why: &str) -> Refusal {
    Refusal::damaged(format!("content {} cannot be made: {why}", content.sha256))
}

/// A writer that fails beyond the announced number of bytes.
struct Bounded<'a> {
    out: &'a mut dyn Write,
    left: u64,
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other("it grows too large"))?;
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
