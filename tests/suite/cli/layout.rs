//! Which files of the command line know each other.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

/// Commands import `common`, and nothing in `common` imports a command. So a command is added or removed without a change
/// in another one.
#[test]
fn commands_import_common_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let (mut found, mut count) = (Vec::new(), 0);
    for entry in walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(&folder).unwrap();
        if !entry.file_type().is_file() || path == Path::new("mod.rs") {
            continue;
        }
        count += 1;
        let is_top = path.components().count() == 1;
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let imported = match line.strip_prefix("use ") {
                Some(rest) if is_top => rest.strip_prefix("super::").or_else(|| rest.strip_prefix("crate::cli::")),
                Some(rest) => rest.strip_prefix("super::super::").or_else(|| rest.strip_prefix("crate::cli::")),
                None => None,
            };
            if imported.is_some_and(|imported| !imported.starts_with("common")) {
                found.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(count > 30, "{count} files");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
