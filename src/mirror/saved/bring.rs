//! Takes wanted versions out of an image: in one go through the layers that hold some of them, up to the last one.

use super::super::facts::Key;
use super::super::plan::id;
use super::catalogue::{Lying, Place};
use super::read;
use crate::base::digest::Hasher;
use crate::base::fs::{self, TemporaryFolder};
use crate::base::progress::Progress;
use crate::config::limits::Limits;
use crate::input::image::{IntoFolder, SavedImage};
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A version that is wanted, and where it goes.
pub(super) struct Wanted<'a> {
    pub(super) key: &'a Key,
    pub(super) lying: &'a Lying,
    pub(super) target: PathBuf,
}

/// Takes versions out of an image, and says of each when it lies there whole.
///
/// # Errors
/// When one is not what it was when the image was read, or this machine fails.
pub(super) fn take(
    image: &SavedImage,
    limits: &Limits,
    wanted: &[Wanted<'_>],
    progress: &Progress,
    done: &mut dyn FnMut(&Wanted<'_>) -> Result<()>,
) -> Result<()> {
    progress.begin("taking packages out of an image", wanted.len() as u64);
    let mut zips: BTreeMap<usize, BTreeMap<&Path, Vec<&Wanted<'_>>>> = BTreeMap::new();
    let mut folders: BTreeMap<&Path, &Wanted<'_>> = BTreeMap::new();
    for one in wanted {
        match &one.lying.place {
            Place::Zip { layer, path } => zips.entry(*layer).or_default().entry(path).or_default().push(one),
            Place::Folder(root) => drop(folders.insert(root, one)),
        }
    }
    for (layer, mut zips) in zips {
        image.some(layer, &mut |path, content| {
            for one in zips.remove(path).into_iter().flatten() {
                write(one, content)?;
                done(one)?;
                progress.step();
            }
            Ok(!zips.is_empty())
        })?;
        if let Some(one) = zips.values().flatten().next() {
            return changed(one);
        }
    }
    if folders.is_empty() {
        return Ok(());
    }
    // Parts of a version folder may lie in all layers.
    let scratch = TemporaryFolder::new()?;
    let roots: BTreeSet<PathBuf> = folders.keys().map(|root| (*root).to_owned()).collect();
    let is_below = |path: &Path| path.ancestors().any(|above| roots.contains(above));
    image.lay_over(&mut IntoFolder::new(scratch.path(), is_below)?, progress)?;
    for (root, one) in folders {
        let opened = read::open_folder(scratch.path(), root, limits)?;
        let Ok((_, files)) = opened else { return changed(one) };
        let made =
            read::with_archive(&files, &id(one.key), |content| write(one, content).map_err(std::io::Error::other));
        if made?.is_err() {
            return changed(one);
        }
        done(one)?;
        progress.step();
    }
    Ok(())
}

/// Writes a zip, which must be what it was when the image was read.
fn write(one: &Wanted<'_>, content: &mut dyn Read) -> Result<()> {
    let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; 1 << 16]);
    let mut file = fs::create(&one.target)?;
    loop {
        let count = content.read(&mut buffer).context("it is damaged")?;
        if count == 0 {
            break;
        }
        size += count as u64;
        ensure!(size <= one.lying.size, "{} has changed since the image was read", id(one.key));
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).with_context(|| format!("cannot write {}", one.target.display()))?;
    }
    if size != one.lying.size || hasher.finish() != one.lying.sha256 {
        return changed(one);
    }
    Ok(())
}

fn changed(one: &Wanted<'_>) -> Result<()> {
    bail!(
        "{} does not lie in it any more as it did when it was read first: the file is damaged\n\
         hint: save or copy the image again",
        id(one.key)
    )
}
