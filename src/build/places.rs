//! Layers and the output folder lie apart: a build inside a layer would be searched for packages by the next one, and a
//! layer inside the output folder is among what `prune` and the switching of generations remove and replace.

use crate::base::fs::canonical;
use crate::config::location::Location;
use crate::config::settings::Settings;
use anyhow::{Result, bail};
use std::path::{Component, Path, PathBuf};

/// Refuses an output folder inside a layer, and a layer inside the output folder. Links are followed.
///
/// # Errors
/// When one lies in the other, naming both.
pub(super) fn are_apart(settings: &Settings, out: &Path) -> Result<()> {
    let real_out = real(out);
    for layer in &settings.layers {
        let (name, paths) = (&layer.source.name, &layer.source.paths);
        for path in paths {
            // The files of a branch are not those of the clone's folder, so builds may lie in it.
            let place = Location::of(path).map(|location| location.clone);
            let real_place = real(place.as_deref().unwrap_or(path));
            if place.is_none() && real_out.starts_with(&real_place) {
                bail!(
                    "the output folder `{}` lies in layer `{name}` (`{}`)\nhint: name a folder outside of all layers with \
                     --out",
                    out.display(),
                    path.display()
                );
            }
            if real_place.starts_with(&real_out) {
                bail!(
                    "layer `{name}` (`{}`) lies in the output folder `{}`\nhint: name another output folder with --out, or \
                     move the layer",
                    path.display(),
                    out.display()
                );
            }
        }
    }
    Ok(())
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
