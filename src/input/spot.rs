//! Where a problem is on the disk, as an editor opens it.
//!
//! A report names places by layer and package, so that it is the same on every machine. Here the path of the layer is put
//! before them again, as it was named: relative to the working directory if the layer was, or lies below it. What is not
//! known for certain is left out: packages in branches have no path, nor has what lies below two paths of a layer.

use super::excerpt::Excerpts;
use super::source::OpenPackage;
use crate::base::fs::link_metadata;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::snippet;
use crate::config::location::is_git;
use crate::package::PackageFiles;
use serde::Serialize;
use std::path::{Component, Path, PathBuf};

/// A place on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// A file, or a folder if the problem is of no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Name of the member, if the file is a zip and the problem is of a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The first character that is meant, from 1, and the one behind the last.
    #[serde(skip)]
    pub columns: Option<(usize, usize)>,
}

impl Excerpts<'_> {
    /// Finds the place of a problem. A package that was named itself, outside of all layers, is among `named`.
    pub fn spot(&self, problem: &Problem, named: &[PathBuf]) -> Spot {
        let place = &problem.place;
        let below = self.layer(place).map(|layer| layer.source.paths.as_slice()).unwrap_or_default();
        let in_layer = below.iter().filter_map(|path| found(path, &place.package));
        let outside = named.iter().filter(|path| is_called(path, &place.package)).cloned();
        let mut all = in_layer.chain(outside);
        let Some(found) = all.next().filter(|_| all.next().is_none()) else { return Spot::default() };
        let file = place.file.as_deref().filter(|file| is_plain(file));
        let mut path = found;
        let mut member = None;
        match file {
            Some(file) if path.is_dir() => path.push(file),
            Some(file) => member = Some(self.member(problem, file)),
            None => {}
        }
        let columns = place.line.and_then(|line| snippet::columns(&self.file(place)?, line));
        Spot { path: Some(shown(&path)), member, columns }
    }

    /// The name of a member. A zip whose root is not known is named as a whole, as is what lies outside of the root.
    fn member(&self, problem: &Problem, file: &str) -> String {
        let root = self.package(&problem.place, |package| match package {
            OpenPackage::Zip(zip) if problem.rule != Rule::ZipOutsideRoot => zip.root().map(|root| format!("{root}/")),
            _ => None,
        });
        root.unwrap_or_default() + file
    }
}

/// What lies at a path of a layer, if it does: the whole, one of its files or folders, or a zip that is a path of its own.
fn found(root: &Path, package: &str) -> Option<PathBuf> {
    if is_git(root) {
        return None;
    }
    if package.is_empty() || (is_called(root, package) && root.is_file()) {
        return Some(root.to_owned());
    }
    let path = root.join(package);
    (is_plain(package) && link_metadata(&path).is_ok()).then_some(path)
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own == name)
}

/// Returns true if a path leads nowhere but down.
fn is_plain(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The path as text, without the working directory.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let path = here.as_ref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::Spot;
    use crate::base::problem::Problem;
    use crate::base::rule::Rule;
    use crate::config::layer::{Layer, LayerPlan, LayerSource};
    use crate::config::limits::Limits;
    use crate::input::excerpt::Excerpts;
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};

    fn spot(paths: &[&Path], problem: Problem, named: &[PathBuf]) -> Spot {
        let source = LayerSource {
            name: "top".to_owned(),
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            follow_links: Vec::new(),
        };
        let layers = [LayerPlan { source, rules: Layer::default(), keys: std::sync::Arc::default() }];
        Excerpts::new(&layers, Limits::default()).spot(&problem, named)
    }

    fn problem(package: &str) -> Problem {
        Problem::new(Rule::WrongType, "it is wrong").within("top", package)
    }

    #[test]
    fn places_are_paths_that_an_editor_opens() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("layer");
        fs::create_dir_all(root.join("acme/1.0.0")).unwrap();
        fs::write(root.join("acme/1.0.0/manifest.yml"), "one:\n  two: x  \n").unwrap();
        let mut zip = zip::ZipWriter::new(fs::File::create(root.join("acme-2.0.0.zip")).unwrap());
        for name in ["acme-2.0.0/manifest.yml", "notes.txt"] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(b"one\nzip\n").unwrap();
        }
        zip.finish().unwrap();
        fs::write(root.join("broken.zip"), "no zip").unwrap();
        let at = |path: &str| Some(root.join(path).display().to_string());
        let in_folder = spot(&[&root], problem("acme/1.0.0").file("manifest.yml").line(2), &[]);
        assert_eq!(in_folder, Spot { path: at("acme/1.0.0/manifest.yml"), member: None, columns: Some((3, 9)) });
        let in_zip = spot(&[&root], problem("acme-2.0.0.zip").file("manifest.yml").line(2), &[]);
        let member = Some("acme-2.0.0/manifest.yml".to_owned());
        assert_eq!(in_zip, Spot { path: at("acme-2.0.0.zip"), member, columns: Some((1, 4)) });
        let outside =
            Problem::new(Rule::ZipOutsideRoot, "it is outside").file("notes.txt").within("top", "acme-2.0.0.zip");
        assert_eq!(spot(&[&root], outside, &[]).member.as_deref(), Some("notes.txt"));
        let unopened = spot(&[&root], problem("broken.zip").file("x/manifest.yml"), &[]);
        assert_eq!((unopened.path, unopened.member), (at("broken.zip"), Some("x/manifest.yml".to_owned())));
        assert_eq!(spot(&[&root], problem(""), &[]).path, Some(root.display().to_string()));
        assert_eq!(spot(&[&root.join("broken.zip")], problem("broken.zip"), &[]).path, at("broken.zip"));
        let named = [home.path().join("far/acme-3.0.0.zip")];
        assert_eq!(spot(&[&root], problem("acme-3.0.0.zip"), &named).path, Some(named[0].display().to_string()));
    }

    #[test]
    fn what_is_not_certain_is_left_out() {
        let home = tempfile::tempdir().unwrap();
        let (root, other) = (home.path().join("layer"), home.path().join("other"));
        for folder in [&root, &other] {
            fs::create_dir_all(folder.join("acme/1.0.0")).unwrap();
        }
        let branch = PathBuf::from(format!("git+file://{}#main", home.path().display()));
        for (paths, package) in [
            (&[root.as_path()][..], "acme/2.0.0"),
            (&[&root], "../layer/acme/1.0.0"),
            (&[&root], "/etc/passwd"),
            (&[&root, &other], "acme/1.0.0"),
            (&[&branch], "acme/1.0.0"),
        ] {
            assert_eq!(spot(paths, problem(package).file("manifest.yml"), &[]), Spot::default(), "{package}");
        }
        let named = [home.path().join("far/acme")];
        fs::create_dir_all(root.join("acme")).unwrap();
        assert_eq!(spot(&[&root], problem("acme"), &named), Spot::default(), "one of two");
    }
}
