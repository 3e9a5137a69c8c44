//! Whether a new keep file may take the place of the one that is there: a slip must not make a site lose what protects it.

use crate::base::words::counted;
use crate::select::Key;
use crate::select::keep_file::KeepFile;

/// What a new file changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Versions that only the new file has.
    pub added: Vec<Key>,
    /// Versions that only the file before has.
    pub gone: Vec<Key>,
}

/// Compares a file with the one before.
pub fn changes(before: Option<&KeepFile>, new: &KeepFile) -> Changes {
    let is_new = |key: &&Key| before.is_none_or(|before| !before.versions.contains_key(*key));
    let added = new.versions.keys().filter(is_new).cloned().collect();
    let of_before = before.into_iter().flat_map(|before| before.versions.keys());
    let gone = of_before.filter(|key| !new.versions.contains_key(*key)).cloned().collect();
    Changes { added, gone }
}

/// Refuses to take the place of a better file.
///
/// # Errors
/// In words.
pub fn may_replace(before: Option<&KeepFile>, new: &KeepFile) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    if before.complete && !new.complete {
        return Err("the file that is there is complete, and this one would not be".to_owned());
    }
    if before.taken > new.taken {
        return Err("the file that is there is newer".to_owned());
    }
    let gone = changes(Some(before), new).gone.len();
    if gone * 2 > before.versions.len() {
        let held = before.versions.len();
        return Err(format!("{} of {held} would be gone: is it the same Kibana?", counted(gone, "version")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::version::Version;
    use crate::select::keep_file::Kept;

    fn file(complete: bool, taken: u64, versions: &[u64]) -> KeepFile {
        let key = |number: &u64| (("a".to_owned(), Version::release([1, 0, *number])), Kept::default());
        KeepFile {
            site: "a".to_owned(),
            kibana: None,
            prerelease: None,
            taken,
            complete,
            key: None,
            notes: Vec::new(),
            versions: versions.iter().map(key).collect(),
        }
    }

    #[test]
    fn a_better_file_stays() {
        for (before, new, expected) in [
            (None, file(false, 1, &[]), ""),
            (Some(file(true, 1, &[1, 2])), file(true, 2, &[1, 3]), ""),
            (Some(file(false, 1, &[1])), file(false, 1, &[1]), ""),
            (Some(file(false, 1, &[1])), file(true, 2, &[1, 2]), ""),
            (Some(file(true, 1, &[1])), file(false, 2, &[1, 2]), "is complete"),
            (Some(file(true, 3, &[1])), file(true, 2, &[1]), "is newer"),
            (Some(file(true, 1, &[1, 2, 3])), file(true, 2, &[1]), "2 versions of 3 would be gone"),
            (Some(file(true, 1, &[1])), file(true, 2, &[]), "1 version of 1 would be gone"),
        ] {
            let found = may_replace(before.as_ref(), &new).err().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found} {expected}");
        }
        let Changes { added, gone } = changes(Some(&file(true, 1, &[1, 2])), &file(true, 1, &[2, 3]));
        assert_eq!((added[0].1.as_str(), gone[0].1.as_str(), added.len(), gone.len()), ("1.0.3", "1.0.1", 1, 1));
    }
}
