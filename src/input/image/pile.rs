//! Lays the layers of an image over each other, and gives what may be a package to a sink.
//!
//! The layers are read from the last to the first, so that what is written is never replaced: a later layer wins, and its
//! marks of removal (`.wh.NAME`, `.wh..wh..opq`) hide what earlier ones hold.

use super::layout::Image;
use super::members::{self, Kind, Packed, Rationed, most_of};
use super::outer::Outer;
use crate::base::progress::Progress;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;
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
/// Files, folders and marks of removal: today's packages as folders are a million.
const MOST_PATHS: usize = 3_000_000;
/// A path in an image: its bytes, and its components.
const MOST_PATH_BYTES: usize = 4096;
const MOST_DEPTH: usize = 64;

/// What is done with the packages of an image.
pub trait Sink {
    /// Returns true if it matters what lies at a path, which may be a part of a package or its signature.
    fn wants(&self, path: &Path) -> bool;

    /// Takes a file with all its names. It lies in a layer, counted from 0, at the path `source`.
    ///
    /// # Errors
    /// When this machine fails, or the image is damaged.
    fn file(&mut self, layer: usize, source: &Path, names: &[PathBuf], content: &mut dyn Read) -> Result<()>;

    /// Takes the path of a symbolic link. Where it leads is nobody's business.
    ///
    /// # Errors
    /// When this machine fails.
    fn link(&mut self, path: &Path) -> Result<()>;
}

/// Gives the packages of an image to a sink, each path once.
///
/// # Errors
/// When a layer is damaged or is not the one that the image's configuration names, or the sink fails.
pub(super) fn lay_over(outer: &Outer, image: &Image, sink: &mut dyn Sink, progress: &Progress) -> Result<()> {
    let size = image.layers.iter().map(|layer| outer.size(&layer.member)).sum::<Result<u64>>()?;
    let mut pile = Pile {
        sink,
        layer: 0,
        settled: BTreeMap::new(),
        removed: BTreeSet::new(),
        wanted: BTreeMap::new(),
        bytes_left: most_of(size),
    };
    progress.begin("reading an image", image.layers.len() as u64);
    for (position, layer) in image.layers.iter().enumerate().rev() {
        let context = || format!("layer {} of {} ({})", position + 1, image.layers.len(), layer.member);
        let above = std::mem::take(&mut pile.removed);
        pile.layer = position;
        let digest = pile.layer(outer.packed(&layer.member)?, &above).with_context(context)?;
        ensure!(
            digest == layer.digest,
            "{} is damaged: its digest is not the one that the configuration names\nhint: save or copy the image again",
            context()
        );
        pile.removed.extend(above);
        // A name may stand before the file that it is another name of, and lead into this layer or an earlier one.
        if !pile.wanted.is_empty() {
            pile.fetch_targets(outer.packed(&layer.member)?).with_context(context)?;
        }
        progress.step();
    }
    progress.finish();
    if let Some(names) = pile.wanted.values().next() {
        bail!("{} is another name of a file that is not there", names[0].display());
    }
    Ok(())
}

struct Pile<'a> {
    sink: &'a mut dyn Sink,
    /// The layer that is read, counted from 0.
    layer: usize,
    /// Paths that are decided, by this layer or later ones; true for folders, below which earlier layers may add.
    settled: BTreeMap<PathBuf, bool>,
    /// Paths that the layers read so far removed from earlier ones.
    removed: BTreeSet<PathBuf>,
    /// Files that are still to be found, by their path in the image, and the packages' files that they are.
    wanted: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Bytes that the sink may still be given.
    bytes_left: u64,
}

impl Pile<'_> {
    /// Reads a layer; `above` is what later layers removed. What this one removes is noted for earlier ones.
    fn layer(&mut self, layer: Packed, above: &BTreeSet<PathBuf>) -> Result<String> {
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
            if !is_part(&path) || is_hidden(&path, above) {
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
            if !self.sink.wants(&path) {
                return Ok(());
            }
            match kind {
                Kind::File => self.give(&path, std::slice::from_ref(&path), content),
                Kind::Symbolic(_) => self.sink.link(&path),
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

    /// Gives the files of a layer that others are names of.
    fn fetch_targets(&mut self, layer: Packed) -> Result<()> {
        members::each(layer, &mut |path, kind, content| {
            let Some(path) = plain(path)? else { return Ok(()) };
            if kind != Kind::File {
                return Ok(());
            }
            let Some(names) = self.wanted.remove(&path) else { return Ok(()) };
            self.give(&path, &names, content)
        })
        .map(drop)
    }

    /// Gives a file to the sink, within bounds.
    fn give(&mut self, source: &Path, names: &[PathBuf], content: &mut dyn Read) -> Result<()> {
        let (most, over) = match self.bytes_left {
            left if left < MOST_FILE_BYTES => (left, "it is more than 200 times smaller than what is in it"),
            _ => (MOST_FILE_BYTES, "it has more than 4 GiB"),
        };
        let mut content = Rationed { inner: content, left: most, over };
        let taken = self.sink.file(self.layer, source, names, &mut content);
        self.bytes_left -= most - content.left;
        taken.with_context(|| format!("cannot unpack {}", source.display()))
    }
}

/// The path of a member without what leads nowhere; `None` if it leads up.
pub(super) fn plain(path: &[u8]) -> Result<Option<PathBuf>> {
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
fn is_part(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    path.starts_with(PACKAGES) || (path.starts_with(OWN) && (name.ends_with(b".zip") || name.ends_with(b".zip.sig")))
}

/// Where a path of an image is unpacked: as it lies below the folder of packages, or in one folder if it is our own.
pub fn placed(path: &Path) -> PathBuf {
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
