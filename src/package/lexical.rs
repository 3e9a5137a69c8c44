//! Joins and cleans paths as text, without looking at a disk.
//!
//! Image sources and readme names come from manifests and may hold `//`, `.` and `..`.

/// Joins a clean base and a path, and cleans the result: one slash between parts, `.` and `..` resolved, no trailing
/// slash. Where `..` leads above the root, an absolute base ignores it; a relative base gives `None`.
pub(super) fn join(base: &str, path: &str) -> Option<String> {
    let rooted = base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() && !rooted {
                    return None;
                }
            }
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    Some(if rooted { format!("/{joined}") } else { joined })
}

/// Returns true if a path is relative and has no empty, `.` or `..` part.
pub(super) fn is_clean(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_by_letters() {
        for (base, path, expected) in [
            ("/package/n/1.0.0", "/img/a.svg", Some("/package/n/1.0.0/img/a.svg")),
            ("/package/n/1.0.0", "img/a.svg", Some("/package/n/1.0.0/img/a.svg")),
            ("/package/n/1.0.0", "../x/../../y.svg", Some("/package/y.svg")),
            ("/package/n/1.0.0", "img//./a.svg/", Some("/package/n/1.0.0/img/a.svg")),
            ("/package/n/1.0.0", "../../../../../a", Some("/a")),
            ("/package/n/1.0.0", "../../..", Some("/")),
            ("docs", "a/b.md", Some("docs/a/b.md")),
            ("docs", "../manifest.md", Some("manifest.md")),
            ("docs", "../../x.md", None),
        ] {
            assert_eq!(join(base, path).as_deref(), expected, "{base} {path}");
        }
    }

    #[test]
    fn clean_paths_have_only_names() {
        for path in ["a", "img/a b.svg", "...", ".a/b.."] {
            assert!(is_clean(path), "{path}");
        }
        for path in ["", ".", "..", "/a", "a/", "a//b", "a/./b", "a/../b"] {
            assert!(!is_clean(path), "{path}");
        }
    }
}
