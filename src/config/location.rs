//! Locations of layers in repositories: `git+file:///srv/packages.git#production`, with `:folder` if it is not the whole tree.
//!
//! Such a text can stand wherever the path of a layer can.

use std::path::{Path, PathBuf};

/// Beginning of the text of a location.
const SCHEME: &str = "git+file:";

/// A folder in a tree of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The repository: bare, or the folder of a clone.
    pub clone: PathBuf,
    /// Branch, tag or commit; nothing if none is named.
    pub reference: String,
    /// Below the root of its tree, without slashes at its ends; empty for the root.
    pub folder: String,
}

impl Location {
    /// Reads a path that is the text of a location; `None` for any other path.
    pub fn of(path: &Path) -> Option<Self> {
        let rest = path.to_str()?.strip_prefix(SCHEME)?;
        let (clone, named) = rest.split_once('#').unwrap_or((rest, ""));
        let (reference, folder) = named.split_once(':').unwrap_or((named, ""));
        Some(Self {
            clone: clone.strip_prefix("//").unwrap_or(clone).into(),
            reference: reference.to_owned(),
            folder: folder.trim_matches('/').to_owned(),
        })
    }

    /// Writes the location as a path.
    pub fn to_path(&self) -> PathBuf {
        let Self { clone, reference, folder } = self;
        let slashes = if clone.is_absolute() { "//" } else { "" };
        let mut text = format!("{SCHEME}{slashes}{}", clone.display());
        if !reference.is_empty() {
            text += &format!("#{reference}");
        }
        if !folder.is_empty() {
            text += &format!(":{folder}");
        }
        text.into()
    }
}

/// Returns true if a path is the text of a location.
pub fn is_git(path: &Path) -> bool {
    Location::of(path).is_some()
}

/// Returns where a layer lies below the place of all layers: in the folder of its name; in a repository without a named
/// reference, on the branch of its name, as in package-storage.
pub fn below(packages: &Path, layer: &str) -> PathBuf {
    match Location::of(packages) {
        None => packages.join(layer),
        Some(location) if location.reference.is_empty() => {
            Location { reference: layer.to_owned(), ..location }.to_path()
        }
        Some(mut location) => {
            if !location.folder.is_empty() {
                location.folder += "/";
            }
            location.folder += layer;
            location.to_path()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, below};
    use std::path::Path;

    #[test]
    fn locations_are_read_and_written() {
        for (text, clone, reference, folder) in [
            ("git+file:///srv/x.git#production", "/srv/x.git", "production", ""),
            ("git+file:../x#a/b:packages/y", "../x", "a/b", "packages/y"),
            ("git+file:///srv/x", "/srv/x", "", ""),
        ] {
            let location = Location::of(Path::new(text)).unwrap();
            let expected = Location { clone: clone.into(), reference: reference.into(), folder: folder.into() };
            assert_eq!(location, expected, "{text}");
            assert_eq!(location.to_path(), Path::new(text));
        }
        assert_eq!(Location::of(Path::new("packages/git+file:")), None);
        for (packages, expected) in [
            ("packages", "packages/staging"),
            ("git+file:///x", "git+file:///x#staging"),
            ("git+file:///x#main", "git+file:///x#main:staging"),
            ("git+file:///x#main:packages", "git+file:///x#main:packages/staging"),
        ] {
            assert_eq!(below(Path::new(packages), "staging"), Path::new(expected));
        }
    }
}
