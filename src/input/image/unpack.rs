//! Lays the layers of an image over each other and writes what may be a package.
//!
//! The layers are read from the last to the first, so that what is written is never replaced: a later layer wins, and its
//! marks of removal (`.wh.NAME`, `.wh..wh..opq`) hide what earlier ones hold.

use super::layout::Image;
use super::members::{self, Kind};
use super::outer::Outer;
use crate::base::fs;
use crate::base::progress::Progress;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Where the registry's images hold their packages: version folders formerly, and below that zips today.
const PACKAGES: &str = "packages";
const ZIPS: &str = "packages/package-storage";
/// Where our own images hold theirs, each zip in a folder with a digest for a name.
const OWN: &str = "srv/epr";
/// The beginning of a mark of removal, and the mark for all that earlier layers hold in its folder.
const REMOVED: &[u8] = b".wh.";
const ALL_REMOVED: &[u8] = b".wh..wh..opq";
/// Bytes of the longest file; packages are much smaller.
const MOST_FILE_BYTES: u64 = 4 << 30;
/// How many times larger than the image all files together may be, and bytes that are never too many.
const MOST_RATIO: u64 = 200;
const FREE_BYTES: u64 = 1 << 30;
/// Files, folders and marks of removal: today's packages as folders are a million.
const MOST_PATHS: usize = 3_000_000;
/// A path in an image: its bytes, and its components.
const MOST_PATH_BYTES: usize = 4096;
const MOST_DEPTH: usize = 64;

/// Writes the packages of an image into a new folder; returns the number of files.
///
/// # Errors
/// When a layer is damaged or is not the one that the image's configuration names, or the disk fails.
pub(super) fn unpack(outer: &Outer, image: &Image, folder: &Path, progress: &Progress) -> Result<u64> {
    let size = image.layers.iter().map(|layer| outer.size(&layer.member)).sum::<Result<u64>>()?;
    let mut unpacking = Unpacking {
        folder,
        settled: BTreeMap::new(),
        removed: BTreeSet::new(),
        wanted: BTreeMap::new(),
        files: 0,
        bytes_left: size.saturating_mul(MOST_RATIO).max(FREE_BYTES),
    };
    fs::make_folders(folder)?;
    progress.begin("unpacking an image", image.layers.len() as u64);
    for (position, layer) in image.layers.iter().enumerate().rev() {
        let context = || format!("layer {} of {} ({})", position + 1, image.layers.len(), layer.member);
        let above = std::mem::take(&mut unpacking.removed);
        let digest = unpacking.layer(outer.stream(&layer.member)?, &above).with_context(context)?;
        ensure!(
            digest == layer.digest,
            "{} is damaged: its digest is not the one that the configuration names\nhint: save or copy the image again",
            context()
        );
        unpacking.removed.extend(above);
        // A name may stand before the file that it is another name of, and lead into this layer or an earlier one.
        if !unpacking.wanted.is_empty() {
            unpacking.fetch_targets(outer.stream(&layer.member)?).with_context(context)?;
        }
        progress.step();
    }
    progress.finish();
    if let Some(names) = unpacking.wanted.values().next() {
        bail!("{} is another name of a file that is not there", names[0].display());
    }
    Ok(unpacking.files)
}

struct Unpacking<'a> {
    folder: &'a Path,
    /// Paths that are decided, by this layer or later ones; true for folders, below which earlier layers may add.
    settled: BTreeMap<PathBuf, bool>,
    /// Paths that the layers read so far removed from earlier ones.
    removed: BTreeSet<PathBuf>,
    /// Files that are still to be found, by their path in the image, and the packages' files that they are.
    wanted: BTreeMap<PathBuf, Vec<PathBuf>>,
    files: u64,
    /// Bytes that may still be written.
    bytes_left: u64,
}

impl Unpacking<'_> {
    /// Reads a layer; `above` is what later layers removed. What this one removes is noted for earlier ones.
    fn layer(&mut self, layer: Box<dyn Read>, above: &BTreeSet<PathBuf>) -> Result<String> {
        let mut own: BTreeSet<PathBuf> = BTreeSet::new();
        members::each(layer, &mut |path, kind, content| {
            let Some(path) = plain(path)? else { return Ok(()) };
            let paths = self.settled.len() + above.len() + self.removed.len() + own.len();
            ensure!(paths <= MOST_PATHS, "it has more than {MOST_PATHS} paths");
            let name = path.file_name().unwrap_or_default().as_bytes();
            if let Some(hidden) = name.strip_prefix(REMOVED) {
                let parent = path.parent().unwrap_or(Path::new(""));
                let hidden =
                    if name == ALL_REMOVED { parent.to_owned() } else { parent.join(OsStr::from_bytes(hidden)) };
                if concerns_packages(&hidden) {
                    self.removed.insert(hidden);
                }
                return Ok(());
            }
            let is_folder = kind == Kind::Folder;
            if !is_wanted(&path) || is_hidden(&path, above) {
                return Ok(());
            }
            ensure!(is_folder || own.insert(path.clone()), "it holds {} twice", path.display());
            if self.is_settled(&path, is_folder) {
                return Ok(());
            }
            for parent in path.ancestors().skip(1) {
                self.settled.entry(parent.to_owned()).or_insert(true);
            }
            self.settled.insert(path.clone(), is_folder);
            match kind {
                Kind::File => self.write(&path, content),
                Kind::Symbolic(_) => self.write_link(&path),
                Kind::Hard(target) => {
                    if let Some(target) = plain(&target)? {
                        self.wanted.entry(target).or_default().push(path);
                    }
                    Ok(())
                }
                Kind::Folder | Kind::Special => Ok(()),
            }
        })
    }

    /// Returns true if it is decided already what lies at a path or in its way. A folder adds to a folder.
    fn is_settled(&self, path: &Path, is_folder: bool) -> bool {
        let at_path = self.settled.get(path).is_some_and(|before| !(*before && is_folder));
        at_path || path.ancestors().skip(1).any(|parent| self.settled.get(parent) == Some(&false))
    }

    /// Writes the files of a layer that others are names of.
    fn fetch_targets(&mut self, layer: Box<dyn Read>) -> Result<()> {
        members::each(layer, &mut |path, kind, content| {
            let Some(path) = plain(path)? else { return Ok(()) };
            if kind != Kind::File {
                return Ok(());
            }
            let Some(names) = self.wanted.remove(&path) else { return Ok(()) };
            let [first, others @ ..] = &names[..] else { return Ok(()) };
            self.write(first, content)?;
            for other in others {
                fs::hard_link(&self.folder.join(placed(first)), &self.make_place(other)?)?;
                self.files += 1;
            }
            Ok(())
        })
        .map(drop)
    }

    fn write(&mut self, path: &Path, content: &mut dyn Read) -> Result<()> {
        let place = self.make_place(path)?;
        let mut file = fs::create(&place)?;
        let most = MOST_FILE_BYTES.min(self.bytes_left);
        let copied = io::copy(&mut content.take(most + 1), &mut file);
        let bytes = copied.with_context(|| format!("cannot unpack {}", path.display()))?;
        ensure!(bytes <= MOST_FILE_BYTES, "{} has more than {MOST_FILE_BYTES} bytes", path.display());
        ensure!(bytes <= most, "it is more than {MOST_RATIO} times smaller than what is in it");
        self.bytes_left -= bytes;
        self.files += 1;
        Ok(())
    }

    /// A link stands for a link, so that the search of the layer tells of it. Where it led is left out.
    fn write_link(&mut self, path: &Path) -> Result<()> {
        fs::symlink("not-followed", &self.make_place(path)?)
    }

    /// The free place of a file; its folders hold no links, because nothing is written below one.
    fn make_place(&self, path: &Path) -> Result<PathBuf> {
        let place = self.folder.join(placed(path));
        fs::make_folders(place.parent().unwrap_or(self.folder))?;
        ensure!(fs::link_metadata(&place).is_err(), "it holds two files that are called {}", path.display());
        Ok(place)
    }
}

/// The path of a member without what leads nowhere; `None` if it leads up.
fn plain(path: &[u8]) -> Result<Option<PathBuf>> {
    ensure!(path.len() <= MOST_PATH_BYTES, "it has a path of more than {MOST_PATH_BYTES} bytes");
    let (mut plain, mut depth) = (PathBuf::new(), 0);
    for part in Path::new(OsStr::from_bytes(path)).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Ok(None),
        }
        depth += 1;
    }
    ensure!(depth <= MOST_DEPTH, "it has a path of more than {MOST_DEPTH} folders");
    Ok((!plain.as_os_str().is_empty() && !path.contains(&0)).then_some(plain))
}

/// Returns true if it changes what packages are there whether this path is removed.
fn concerns_packages(path: &Path) -> bool {
    [PACKAGES, OWN].iter().any(|place| path.starts_with(place) || Path::new(place).starts_with(path))
}

/// What may be a package, a part of one, or its signature.
fn is_wanted(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    path.starts_with(PACKAGES) || (path.starts_with(OWN) && (name.ends_with(b".zip") || name.ends_with(b".zip.sig")))
}

/// Where it is unpacked: as it lies below the folder of packages, or in one folder if it is our own.
fn placed(path: &Path) -> PathBuf {
    let below = path.strip_prefix(ZIPS).ok().filter(|below| !below.as_os_str().is_empty());
    match below.or_else(|| path.strip_prefix(PACKAGES).ok()) {
        Some(below) => below.to_owned(),
        None => path.file_name().unwrap_or_default().into(),
    }
}

/// Returns true if a path, or a folder that it lies in, was removed.
fn is_hidden(path: &Path, removed: &BTreeSet<PathBuf>) -> bool {
    path.ancestors().any(|path| removed.contains(path))
}

#[cfg(test)]
mod tests {
    use super::{concerns_packages, plain};
    use std::path::{Path, PathBuf};

    #[test]
    fn paths_are_plain_and_bounded() {
        for (path, expected) in [
            ("./packages//x.zip", Some("packages/x.zip")),
            ("/packages/x.zip", Some("packages/x.zip")),
            ("packages/../x", None),
            ("..", None),
            ("", None),
            ("a\0b", None),
        ] {
            assert_eq!(plain(path.as_bytes()).unwrap(), expected.map(PathBuf::from), "{path:?}");
        }
        // Of each folder on the way something is remembered.
        assert!(plain("a/".repeat(64).as_bytes()).is_ok());
        assert!(plain("a/".repeat(65).as_bytes()).is_err());
        assert!(plain(&[b'a'; 5_000]).is_err());
    }

    #[test]
    fn only_what_hides_packages_is_remembered() {
        for (path, expected) in [
            ("", true),
            ("packages", true),
            ("packages/x.zip", true),
            ("srv", true),
            ("srv/epr/a", true),
            ("etc/x", false),
        ] {
            assert_eq!(concerns_packages(Path::new(path)), expected, "{path}");
        }
    }
}
