//! Problems with the lines that they point to, read again from the packages when problems are printed.
//!
//! Reports hold no text of packages, and a line that cannot be had is left out without a word: the problem says enough
//! without it.

use crate::base::problem::{Place, Problem};
use crate::config::layer::LayerPlan;
use crate::config::limits::Limits;
use crate::input::source::{Candidate, OpenPackage};
use crate::package::{Entry, EntryKind, PackageFiles};
use std::cell::RefCell;

/// No line of a larger file is shown.
const MAX_BYTES: u64 = 8 << 20;

/// The packages of some layers, opened as they are needed.
pub struct Excerpts<'a> {
    layers: &'a [LayerPlan],
    limits: Limits,
    /// Layer, path in it, and the package: the last one, since the problems of a package often stand together.
    last: RefCell<Option<(String, String, Option<OpenPackage>)>>,
}

impl<'a> Excerpts<'a> {
    /// Nothing is opened yet.
    pub fn new(layers: &'a [LayerPlan], limits: Limits) -> Self {
        Self { layers, limits, last: RefCell::default() }
    }

    /// The text of a problem, with its line where that can be read.
    pub fn render(&self, problem: &Problem) -> String {
        self.file(&problem.place).map_or_else(|| problem.to_string(), |file| problem.with_snippet(&file))
    }

    /// The file of a place that has a line.
    pub(super) fn file(&self, place: &Place) -> Option<String> {
        let (path, _) = (place.file.as_deref()?, place.line?);
        let is_meant = |entry: &&Entry| entry.path == path && entry.kind == EntryKind::File && entry.size <= MAX_BYTES;
        let bytes = self.package(place, |package| {
            package.entries().iter().find(is_meant)?;
            package.read(path).ok()
        });
        String::from_utf8(bytes?).ok()
    }

    /// Looks into the package of a place.
    pub(super) fn package<T>(&self, place: &Place, look: impl FnOnce(&OpenPackage) -> Option<T>) -> Option<T> {
        let mut last = self.last.borrow_mut();
        let is_last = |(layer, package, _): &(String, String, _)| (layer, package) == (&place.layer, &place.package);
        if !last.as_ref().is_some_and(is_last) {
            *last = Some((place.layer.clone(), place.package.clone(), self.open(place)));
        }
        look(last.as_ref()?.2.as_ref()?)
    }

    /// The layer of a place.
    pub(super) fn layer(&self, place: &Place) -> Option<&LayerPlan> {
        self.layers.iter().find(|layer| layer.source.name == place.layer)
    }

    /// Opens the package at a place, if only one path of the layer has it.
    fn open(&self, place: &Place) -> Option<OpenPackage> {
        let layer = self.layer(place)?;
        let mut found =
            layer.source.paths.iter().filter_map(|path| Candidate::at(path, &layer.source.name, &place.package));
        let candidate = found.next().filter(|_| found.next().is_none())?;
        OpenPackage::open(&candidate, &self.limits).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Excerpts;
    use crate::base::problem::Problem;
    use crate::base::rule::Rule;
    use crate::config::layer::{Layer, LayerPlan, LayerSource};
    use crate::config::limits::Limits;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn write(path: &Path, text: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The line that is shown for a file of a package of the layer `top`.
    fn shown(paths: &[&Path], package: &str, file: &str) -> Option<String> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let source = LayerSource { name: "top".to_owned(), paths, follow_links: Vec::new() };
        let layers = [LayerPlan { source, rules: Layer::default(), keys: std::sync::Arc::default() }];
        let problem = Problem::new(Rule::WrongType, "it is wrong").file(file).line(2).within("top", package);
        let text = Excerpts::new(&layers, Limits::default()).render(&problem);
        text.lines().find_map(|line| line.strip_prefix("2 | ")).map(str::to_owned)
    }

    #[test]
    fn lines_come_from_folders_and_zips() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        write(&root.join("acme/1.0.0/manifest.yml"), b"one\nfolder\n");
        let mut zip = zip::ZipWriter::new(fs::File::create(root.join("acme-2.0.0.zip")).unwrap());
        zip.start_file("acme-2.0.0/manifest.yml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"one\nzip\n").unwrap();
        zip.finish().unwrap();
        assert_eq!(shown(&[root], "acme/1.0.0", "manifest.yml").as_deref(), Some("folder"));
        assert_eq!(shown(&[root], "acme-2.0.0.zip", "manifest.yml").as_deref(), Some("zip"));
        let alone = root.join("acme-2.0.0.zip");
        assert_eq!(shown(&[&alone], "acme-2.0.0.zip", "manifest.yml").as_deref(), Some("zip"));
    }

    #[test]
    fn what_cannot_be_had_is_left_out() {
        let home = tempfile::tempdir().unwrap();
        let (root, secret) = (home.path().join("layer"), home.path().join("secret/1.0.0/manifest.yml"));
        write(&secret, b"one\nsecret\n");
        write(&root.join("acme/1.0.0/manifest.yml"), b"one\ntwo\n");
        write(&root.join("acme/1.0.0/bytes.yml"), b"one\n\xff\n");
        write(&root.join("acme/1.0.0/large.yml"), &b"one\n".repeat(3 << 20));
        write(&root.join("flat/manifest.yml"), b"one\ntwo\n");
        write(&home.path().join("other/acme/1.0.0/manifest.yml"), b"one\nother\n");
        symlink(home.path().join("secret"), root.join("link")).unwrap();
        for (package, file) in [
            ("acme/1.0.0", "bytes.yml"),
            ("acme/1.0.0", "large.yml"),
            ("acme/1.0.0", "none.yml"),
            ("acme/1.0.0", "../1.0.0/manifest.yml"),
            ("acme/2.0.0", "manifest.yml"),
            ("link/1.0.0", "manifest.yml"),
            ("../secret/1.0.0", "manifest.yml"),
            ("flat", "manifest.yml"),
            ("", "manifest.yml"),
        ] {
            assert_eq!(shown(&[&root], package, file), None, "{package} {file}");
        }
        assert!(shown(&[&root], "acme/1.0.0", "manifest.yml").is_some());
        let twice = [root.as_path(), &home.path().join("other")];
        assert_eq!(shown(&twice, "acme/1.0.0", "manifest.yml"), None, "which of the two is meant is not known");
        let branch = format!("git+file://{}#main", home.path().display());
        assert_eq!(shown(&[Path::new(&branch)], "acme/1.0.0", "manifest.yml"), None);
    }
}
