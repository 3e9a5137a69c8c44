//! Layers and the output folder lie apart: a build inside a layer would be searched for packages by the next one, and a
//! layer inside the output folder is among what `prune` and the switching of generations remove and replace.

use crate::base::fs::{canonical, list};
use crate::config::layer::LayerPlan;
use crate::config::location::Location;
use crate::dialect::version::Version;
use crate::input::changes::LOG;
use crate::input::source::JOURNAL_FOLDER;
use anyhow::{Result, bail};
use std::path::{Component, Path, PathBuf};

/// How many folders, from the output folder up, are looked at for packages.
const LEVELS: usize = 2;

/// A folder to write a registry to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    path: &'a Path,
    what: &'static str,
    /// The option that names it.
    option: &'static str,
    /// True if an output folder may be written to again.
    is_output: bool,
}

impl<'a> Place<'a> {
    /// An output folder.
    pub fn output(path: &'a Path) -> Self {
        Self { path, what: "the output folder", option: "--out", is_output: true }
    }

    /// A folder to publish to.
    pub fn target(path: &'a Path) -> Self {
        Self { path, what: "the target", option: "--to", is_output: false }
    }
}

/// Refuses an output folder inside a layer or another output folder, and a layer inside the output folder. Links are
/// followed.
///
/// # Errors
/// When one lies in the other, naming both.
pub fn are_apart(layers: &[LayerPlan], place: Place<'_>) -> Result<()> {
    let Place { path: out, what, option, .. } = place;
    let real_out = real(out);
    for layer in layers {
        let (name, paths) = (&layer.source.name, &layer.source.paths);
        for path in paths {
            // The files of a branch are not those of the clone's folder, so builds may lie in it.
            let place = Location::of(path).map(|location| location.clone);
            let real_place = real(place.as_deref().unwrap_or(path));
            if place.is_none() && real_out.starts_with(&real_place) {
                bail!(
                    "{what} `{}` lies in layer `{name}` (`{}`)\nhint: name a folder outside of all layers with {option}",
                    out.display(),
                    path.display()
                );
            }
            if real_place.starts_with(&real_out) {
                bail!(
                    "layer `{name}` (`{}`) lies in {what} `{}`\nhint: name another folder with {option}, or move the layer",
                    path.display(),
                    out.display()
                );
            }
        }
    }
    stands_alone(&real_out, place)
}

/// Refuses a folder inside an output folder, or inside what looks like a layer that nobody named. An output that is there
/// already stays where it is, whatever was put beside it.
fn stands_alone(real_out: &Path, Place { path: out, what, option, is_output: is_own }: Place<'_>) -> Result<()> {
    if let Some(other) = real_out.ancestors().skip(usize::from(is_own)).find(|folder| is_output(folder)) {
        bail!(
            "{what} `{}` lies in the output folder `{}`\nhint: name a folder outside of it with {option}",
            out.display(),
            other.display()
        );
    }
    let has_journal = |folder: &&Path| folder.join(JOURNAL_FOLDER).join(LOG).is_file();
    let mut near = real_out.ancestors().take(if is_output(real_out) { 0 } else { LEVELS });
    if let Some(layer) = real_out.ancestors().find(has_journal).or_else(|| near.find(|folder| holds_packages(folder))) {
        bail!(
            "{what} `{}` lies in a layer (`{}` holds packages)\nhint: name a folder outside of all layers with {option}",
            out.display(),
            layer.display()
        );
    }
    Ok(())
}

fn is_output(folder: &Path) -> bool {
    ["store/blobs", "store/trees"].iter().all(|part| folder.join(part).is_dir())
}

/// Returns true if a folder holds a package `<anything>/<version>`. What cannot be read holds none.
fn holds_packages(folder: &Path) -> bool {
    let folders = |folder: &Path| {
        let entries = list(folder).unwrap_or_default();
        entries.into_iter().filter(|entry| entry.kind.is_dir())
    };
    let is_package = |entry: &crate::base::fs::Entry| {
        entry.name().is_some_and(|name| Version::strict(name).is_ok()) && entry.path.join("manifest.yml").is_file()
    };
    folders(folder).any(|inner| folders(&inner.path).any(|entry| is_package(&entry)))
}

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut there = absolute.as_path();
    let known = loop {
        match (canonical(there), there.parent()) {
            (Ok(known), _) => break known,
            (Err(_), Some(parent)) => there = parent,
            (Err(_), None) => break PathBuf::new(),
        }
    };
    let mut real = known;
    for part in absolute.strip_prefix(there).unwrap_or(Path::new("")).components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            part => real.push(part),
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::real;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_as_far_as_a_path_exists() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("a", root.join("link")).unwrap();
        for (path, expected) in [
            ("a/b", "a/b"),
            ("link/b", "a/b"),
            ("link/new/er", "a/new/er"),
            ("link/b/../new", "a/new"),
            ("new/../a/out", "a/out"),
        ] {
            assert_eq!(real(&root.join(path)), root.join(expected), "{path}");
        }
    }
}
