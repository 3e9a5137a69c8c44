//! Paths of the registry whose answers changed, for a cache in front to forget.

use super::contents::Current;
use std::collections::BTreeSet;

/// Paths that changed between two generations, sorted; `*` at the end stands for every continuation, queries included.
///
/// Everything when nothing is known of what readers saw before.
pub fn changed(before: Option<&Current>, after: &Current) -> Vec<String> {
    let Some(before) = before else { return vec!["/*".to_owned()] };
    let mut paths = BTreeSet::new();
    if before.generation != after.generation {
        paths.extend(["/search*", "/categories*", "/ui*"].map(str::to_owned));
    }
    for path in before.fixed.keys().chain(after.fixed.keys()) {
        if before.fixed.get(path) != after.fixed.get(path) {
            paths.insert(path.clone());
            if path == "/index.json" {
                paths.insert("/".to_owned());
            }
        }
    }
    let stems: BTreeSet<&String> = before.versions.keys().chain(after.versions.keys()).collect();
    for stem in stems {
        // Names have no dash.
        let Some((name, version)) = stem.split_once('-') else { continue };
        let (was, is) = (before.versions.get(stem), after.versions.get(stem));
        if was.map(|version| &version.folder) != is.map(|version| &version.folder) {
            paths.insert(format!("/package/{name}/{version}/*"));
            paths.extend([".zip", ".zip.sig"].map(|end| format!("/epr/{name}/{stem}{end}")));
        }
        if was.map(|version| &version.document) != is.map(|version| &version.document) {
            paths.extend(["", "/"].map(|end| format!("/package/{name}/{version}{end}")));
        }
    }
    paths.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carry::publish::contents::VersionState;
    use std::collections::BTreeMap;

    fn current(generation: &str, versions: &[(&str, &str, &str)]) -> Current {
        let version =
            |folder: &str, document: &str| VersionState { folder: folder.to_owned(), document: document.to_owned() };
        let versions =
            versions.iter().map(|(stem, folder, document)| ((*stem).to_owned(), version(folder, document))).collect();
        Current { generation: generation.to_owned(), versions, fixed: BTreeMap::new() }
    }

    fn check(after: &Current, expected: &[&str]) {
        let before = current("1", &[("a-1.0.0", "v/1", "d1"), ("b-2.0.0-rc.1", "v/2", "d2")]);
        assert_eq!(changed(Some(&before), after), expected);
    }

    #[test]
    fn what_changed_is_listed_and_nothing_else() {
        check(&current("1", &[("a-1.0.0", "v/1", "d1"), ("b-2.0.0-rc.1", "v/2", "d2")]), &[]);
        let deprecated = current("2", &[("a-1.0.0", "v/1", "d9"), ("b-2.0.0-rc.1", "v/2", "d2")]);
        check(&deprecated, &["/categories*", "/package/a/1.0.0", "/package/a/1.0.0/", "/search*", "/ui*"]);
        let removed = [
            "/categories*",
            "/epr/b/b-2.0.0-rc.1.zip",
            "/epr/b/b-2.0.0-rc.1.zip.sig",
            "/package/b/2.0.0-rc.1",
            "/package/b/2.0.0-rc.1/",
            "/package/b/2.0.0-rc.1/*",
            "/search*",
            "/ui*",
        ];
        check(&current("2", &[("a-1.0.0", "v/1", "d1")]), &removed);
        assert_eq!(changed(None, &deprecated), ["/*"]);
    }
}
