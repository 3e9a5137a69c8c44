//! Trees and zips, good and hostile, made on the spot.

mod discovery;
mod folders;
mod odd_zips;
mod random;
mod raw_zip;
mod zips;

use super::{Candidate, LayerSource, Limits, OpenPackage, discover};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::package::{EntryKind, PackageFiles};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A temporary folder that holds one layer.
struct Tree(tempfile::TempDir);

impl Tree {
    /// Creates the given paths: with a trailing slash a folder, `a -> b` a link from `a` to `b`, else a file with its own
    /// path as content.
    fn new(items: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for item in items {
            let (path, target) = item.split_once(" -> ").map_or((*item, None), |(path, target)| (path, Some(target)));
            let path = tree.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, path).unwrap(),
                None if item.ends_with('/') => fs::create_dir_all(path).unwrap(),
                None => fs::write(path, item).unwrap(),
            }
        }
        tree
    }

    /// A tree with one zip, `a.zip`.
    fn with_zip(bytes: &[u8]) -> Self {
        let tree = Self::new(&[]);
        fs::write(tree.path("a.zip"), bytes).unwrap();
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn discover(&self) -> (Vec<Candidate>, Vec<Problem>) {
        discover_in(&[self.0.path()]).unwrap()
    }

    /// Opens the only candidate.
    fn open_with(&self, limits: &Limits) -> Result<OpenPackage, Box<Problem>> {
        let (candidates, _) = self.discover();
        assert_eq!(candidates.len(), 1, "{candidates:?}");
        OpenPackage::open(&candidates[0], limits)
    }

    fn open(&self) -> Result<OpenPackage, Box<Problem>> {
        self.open_with(&Limits::default())
    }
}

fn discover_in(paths: &[&Path]) -> anyhow::Result<(Vec<Candidate>, Vec<Problem>)> {
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    discover(&LayerSource { name: "layer".to_owned(), paths, follow_links: Vec::new() })
}

/// Checks that a package is refused with a rule, and about which file.
#[track_caller]
fn check_refused(result: Result<OpenPackage, Box<Problem>>, rule: Rule, file: Option<&str>) {
    let problem = result.expect_err("the package should be refused");
    assert_eq!((problem.rule, problem.place.file.as_deref()), (rule, file), "{problem}");
    assert_eq!(problem.severity, Severity::Quarantine);
    assert_eq!(problem.place.layer, "layer");
    assert!(!problem.place.package.is_empty());
    assert!(problem.hint.is_some(), "{problem}");
}

/// The paths of a package, folders with a trailing slash.
fn paths(package: &OpenPackage) -> Vec<String> {
    let entries = package.entries().iter();
    entries.map(|it| if it.kind == EntryKind::Folder { format!("{}/", it.path) } else { it.path.clone() }).collect()
}

fn rules(problems: &[Problem]) -> Vec<(Rule, &str)> {
    problems.iter().map(|problem| (problem.rule, problem.place.package.as_str())).collect()
}
