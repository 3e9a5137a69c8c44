//! What lies in layers and is no package: folders that people and programs keep for themselves, archives of other kinds,
//! and packages that are not built yet.
//!
//! Judges names, and the text of a manifest; looks at no disk. Knows only one field of manifests.

/// Folders that file systems, network storage and tools make, besides hidden ones.
const OF_PROGRAMS: &[&[u8]] = &[
    b"lost+found",
    b"@eaDir",
    b"@Recycle",
    b"@Recently-Snapshot",
    b"#recycle",
    b"#snapshot",
    b"~snapshot",
    b"$RECYCLE.BIN",
    b"System Volume Information",
    b"__MACOSX",
    b"node_modules",
];

/// Ends of the names of archives, in lower case.
const ARCHIVES: &[&str] = &[".zip", ".tar", ".tgz", ".txz", ".tbz", ".tbz2", ".7z", ".rar"];

/// What lies beside archives and is none: signatures and checksums.
const BESIDE: &[&str] = &[".sig", ".asc", ".minisig", ".md5", ".sha1", ".sha256", ".sha512"];

/// Returns true for the name of a folder in which packages are not searched.
pub fn is_passed_over(name: &[u8]) -> bool {
    name.starts_with(b".") || OF_PROGRAMS.contains(&name)
}

/// Returns true for the name of a file that may be a package in another form or under another name, such as `x.ZIP`,
/// `x.zip.1` or `x.tar.gz`. Hidden files are files under way.
pub(super) fn is_other_archive(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_lowercase();
    let is_end = |rest: &str| !rest.starts_with(char::is_alphanumeric) && !BESIDE.contains(&rest);
    let mut ends = ARCHIVES.iter().flat_map(|end| name.match_indices(end).map(|(at, end)| &name[at + end.len()..]));
    !name.starts_with('.') && ends.any(is_end)
}

/// Returns true for the name of a folder that is meant to be a version, such as `v1.0.0` or `1.0`.
pub(super) fn is_like_version(name: &str) -> bool {
    let number = name.strip_prefix(['v', 'V']).unwrap_or(name);
    let rest = number.trim_start_matches(|digit: char| digit.is_ascii_digit());
    rest.len() < number.len() && rest.starts_with('.')
}

/// Returns true if a text is the manifest of a package, not that of a data stream or of anything else.
pub(super) fn is_manifest(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let keys = text.trim_start_matches('\u{feff}').lines().filter_map(|line| line.split_once(':'));
    keys.map(|(key, _)| key.trim_end().trim_matches(['"', '\''])).any(|key| key == "format_version")
}

#[cfg(test)]
mod tests {
    use super::{is_like_version, is_manifest, is_other_archive, is_passed_over};

    #[test]
    fn names_are_told_apart() {
        for name in
            ["x.ZIP", "x.Zip", "x.zip.1", "x.zip (1)", "x.zip~", "x.zip.part", "x.tar.gz", "x.tgz", "x.tbz2", "x.7z"]
        {
            assert!(is_other_archive(name.as_bytes()), "{name}");
        }
        for name in
            ["x.zip.sig", "x.zip.sha256", "x.zipper", "zip", "README.md", ".x.zip.Ab12", "x.target", "x.tar.asc"]
        {
            assert!(!is_other_archive(name.as_bytes()), "{name}");
        }
        for name in [".git", ".snapshot", "lost+found", "@eaDir", "#recycle", "#snapshot", "node_modules"] {
            assert!(is_passed_over(name.as_bytes()), "{name}");
        }
        for name in ["nginx", "1.0.0", "lost", "@acme", "snapshot"] {
            assert!(!is_passed_over(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn misspelt_versions_are_no_names() {
        assert!(["v1.0.0", "1.0", "01.0.0", "1.0.0.0"].into_iter().all(is_like_version));
        assert!(!["1password", "vault", "v", "acme.1", ""].into_iter().any(is_like_version));
    }

    #[test]
    fn only_manifests_of_packages_name_a_format() {
        for (text, expected) in [
            ("name: x\nformat_version: 3.0.0\n", true),
            ("\u{feff}\"format_version\" : 3.0.0\r\n", true),
            ("title: x\ntype: logs\n", false),
            ("# format_version: 1\n", false),
            ("a:\n  format_version: 1\n", false),
            ("", false),
        ] {
            assert_eq!(is_manifest(text.as_bytes()), expected, "{text}");
        }
    }
}
