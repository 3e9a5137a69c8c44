//! Notes for hosts about single package files, beyond what their names say.
//!
//! Two things cannot be told from a path: the type of a file without a listed extension, and whether a name in `.gz` is a
//! file of the package or the compressed copy that was laid beside one. The few exceptions are noted when the generation
//! is written. Knows nothing of disks.

use crate::base::media;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the file in the root of a generation that holds the [`FileNotes`] as JSON.
pub const FILE: &str = "files.json";

/// Exceptions among the package files, by path below the document root (leading slash, decoded).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNotes {
    /// True if files and archives of a version never change, so that clients may keep them for ever. Documents may:
    /// deprecation reaches all versions of a name.
    pub immutable: bool,
    /// True if there are pages for people below `/ui/`.
    #[serde(default)]
    pub pages: bool,
    /// Files whose content type is not what their name suggests, with that type.
    pub types: BTreeMap<String, String>,
    /// Files in `.gz` that belong to the package.
    pub archives: BTreeSet<String>,
}

impl FileNotes {
    /// Notes what is unusual about one package file, given its path and its content type.
    pub fn note(&mut self, path: &str, content_type: &str) {
        if content_type != suggested(path) {
            self.types.insert(path.to_owned(), content_type.to_owned());
        }
        if path.ends_with(".gz") {
            self.archives.insert(path.to_owned());
        }
    }

    /// Adds the notes of a package whose files lie below `folder`.
    pub fn extend(&mut self, folder: &str, notes: &Self) {
        let below = |path: &String| format!("{folder}/{path}");
        self.types.extend(notes.types.iter().map(|(path, content_type)| (below(path), content_type.clone())));
        self.archives.extend(notes.archives.iter().map(below));
    }

    /// Returns true if the path is a compressed copy, which is no file of the package.
    pub fn is_copy(&self, path: &str) -> bool {
        path.ends_with(".gz") && !self.archives.contains(path)
    }

    /// Returns true if a file beside it, in `.gz`, would be a compressed copy of it.
    pub fn may_have_copy(&self, path: &str) -> bool {
        !self.archives.contains(&format!("{path}.gz"))
    }
}

/// The content type that web servers derive from a name: for them `.yml` is a name without extension.
fn suggested(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.rfind('.') == Some(0) { media::TEXT } else { media::by_extension(path).unwrap_or(media::TEXT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exceptions_are_noted() {
        let mut notes = FileNotes::default();
        notes.note("/package/a/1.0.0/manifest.yml", "text/yaml; charset=UTF-8");
        notes.note("/package/a/1.0.0/b.hbs", media::TEXT);
        assert_eq!(notes, FileNotes::default());
        notes.note("/package/a/1.0.0/font.woff2", "font/woff2");
        notes.note("/package/a/1.0.0/x/.yml", "text/yaml; charset=UTF-8");
        notes.note("/package/a/1.0.0/b.hbs.gz", "application/gzip");
        let types: Vec<_> = notes.types.iter().map(|(path, kind)| format!("{path} {kind}")).collect();
        assert_eq!(
            types,
            ["/package/a/1.0.0/font.woff2 font/woff2", "/package/a/1.0.0/x/.yml text/yaml; charset=UTF-8"]
        );
        assert!(notes.is_copy("/package/a/1.0.0/c.txt.gz"));
        assert!(!notes.is_copy("/package/a/1.0.0/b.hbs.gz"));
        assert!(!notes.may_have_copy("/package/a/1.0.0/b.hbs"));
    }
}
