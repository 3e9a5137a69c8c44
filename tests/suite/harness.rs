//! A case: a folder of its own with small packages, the program run in it, and what it said.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A signature of good form by a key that nobody here trusts, over another file.
pub(crate) const FOREIGN_SIGNATURE: &str = include_str!("../fixtures/openpgp/E-2024.sig");

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A temporary folder in which the program runs.
pub(crate) struct Case {
    folder: TempDir,
}

impl Case {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Adds a file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Adds the configuration file.
    pub(crate) fn config(self, text: &str) -> Self {
        self.file("epr-build.yml", text)
    }

    /// Replaces the configuration file.
    pub(crate) fn reconfigure(&self, text: &str) {
        fs::write(self.path("epr-build.yml"), text).unwrap();
    }

    /// Adds a good package `<folder>/<name>/<version>`, and nothing to it but a line of its readme.
    pub(crate) fn package(self, folder: &str, name: &str, version: &str, readme: &str) -> Self {
        for (path, bytes) in package(name, version, readme) {
            let path = self.path(&format!("{folder}/{name}/{version}/{path}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self
    }

    /// Adds the same as `<folder>/<name>-<version>.zip`.
    pub(crate) fn zip(self, folder: &str, name: &str, version: &str) -> Self {
        fs::create_dir_all(self.path(folder)).unwrap();
        let file = fs::File::create(self.path(&format!("{folder}/{name}-{version}.zip"))).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        for (path, bytes) in package(name, version, "zipped") {
            zip.start_file(format!("{name}-{version}/{path}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        self
    }

    /// A package that is quarantined: a version folder without a manifest.
    pub(crate) fn broken(self, folder: &str, name: &str, version: &str) -> Self {
        self.file(&format!("{folder}/{name}/{version}/docs/README.md"), "# Broken")
    }

    /// The program in this folder, ready to run. Temporary files, if any, would be in it too.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-build"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("TMPDIR", self.folder.path()).env("COLUMNS", "100");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// A JSON file below this folder.
    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path(path)).unwrap()).unwrap()
    }

    /// Everything below this folder: kind, size and times of each path.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, String> {
        use std::os::unix::fs::MetadataExt;
        let entries = walkdir::WalkDir::new(self.folder.path()).into_iter().map(Result::unwrap);
        let entry = |entry: walkdir::DirEntry| {
            let found = entry.metadata().unwrap();
            let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
            (entry.into_path(), format!("{:?} {} {times:?}", found.file_type(), found.len()))
        };
        entries.map(entry).collect()
    }
}

/// The packages that come with the sources.
pub(crate) fn samples() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packages").to_str().unwrap().to_owned()
}

/// The files of the minimal package, under another name and version.
pub(crate) fn package(name: &str, version: &str, readme: &str) -> BTreeMap<String, Vec<u8>> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/base");
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(&base).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&base).unwrap().to_str().unwrap().to_owned();
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
    let manifest = String::from_utf8(files.remove("manifest.yml").unwrap()).unwrap();
    let manifest = manifest.replace("\nname: sample\n", &format!("\nname: {name}\n"));
    let manifest = manifest.replace("\nversion: 1.0.0\n", &format!("\nversion: {version}\n"));
    files.insert("manifest.yml".to_owned(), manifest.into_bytes());
    files.insert("docs/README.md".to_owned(), format!("# {name}\n\n{readme}\n").into_bytes());
    files
}
