//! The few package files that the general rules for package files would get wrong.

use crate::base::file_notes::FileNotes;
use std::collections::BTreeMap;

/// Exceptions by path: the content type where it is not that of the extension. The others are files in `.gz` that belong
/// to a package, and the files beside which such a file lies, of which it is no compressed copy.
pub(in crate::hosts) fn exceptions(notes: &FileNotes) -> BTreeMap<&str, Option<&str>> {
    let archives = notes.archives.iter().map(String::as_str);
    let beside = archives.clone().filter_map(|path| path.strip_suffix(".gz"));
    let types = notes.types.iter().map(|(path, content_type)| (path.as_str(), Some(content_type.as_str())));
    archives.chain(beside).map(|path| (path, None)).chain(types).collect()
}

/// Exceptions as short texts, by path: letters, a semicolon, and the content type where it is not that of the extension.
///
/// Letter `f`: a file in `.gz` that belongs to the package. Letter `n`: the file beside it in `.gz` is not its copy.
pub(in crate::hosts) fn notes_by_path(notes: &FileNotes) -> BTreeMap<&str, String> {
    let note = |path: &str, content_type: Option<&str>| {
        let file = if notes.archives.contains(path) { "f" } else { "" };
        let no_copy = if notes.may_have_copy(path) { "" } else { "n" };
        format!("{file}{no_copy};{}", content_type.unwrap_or_default())
    };
    exceptions(notes).into_iter().map(|(path, content_type)| (path, note(path, content_type))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The names beside a file say nothing of it: `a.gz.gz` belongs to the package, `a.gz` may be a copy.
    #[test]
    fn notes_distinguish_files_from_copies() {
        let mut notes = FileNotes::default();
        notes.note("/a.gz.gz", "application/gzip");
        notes.note("/b.gz", "application/gzip");
        notes.note("/b", "image/png");
        let found: Vec<_> = notes_by_path(&notes).into_iter().map(|(path, note)| format!("{path} {note}")).collect();
        assert_eq!(found, ["/a.gz n;", "/a.gz.gz f;", "/b n;image/png", "/b.gz f;"]);
    }
}
