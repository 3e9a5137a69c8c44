//! Builds with the real program, and reads what it wrote as a server would.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use epr_build::answers::route::model::Routes;
use epr_build::answers::route::request::{Decision, route};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The distributions that are configured by default.
pub(crate) const DISTRIBUTIONS: [&str; 3] = ["production", "snapshot", "staging"];

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, to be run in `folder`: no configuration of another folder is read.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epr-build"));
    command.current_dir(folder);
    command
}

/// Runs to the end. A panic fails the test wherever it happens.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let run = Run { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert!(!run.stderr.contains("panicked"), "{command:?}: {run:#?}");
    run
}

/// The sample packages of this repository.
pub(crate) fn sample_packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packages")
}

/// All distributions of the sample packages, in the folder `out` of a temporary folder.
pub(crate) fn build_samples() -> TempDir {
    let folder = TempDir::new().unwrap();
    let built = run(program(folder.path()).args(["--all-dists", "--packages"]).arg(sample_packages()));
    assert_eq!(built.status, Some(0), "{built:#?}");
    folder
}

/// A generation as it lies on disk.
pub(crate) struct Generation {
    pub(crate) folder: PathBuf,
    pub(crate) routes: Routes,
    pub(crate) manifest: Value,
    pub(crate) report: Value,
}

/// What the manifest says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) gzip_sha256: Option<String>,
}

impl Generation {
    /// The generation in use of a distribution below `out`.
    pub(crate) fn open(out: &Path, distribution: &str) -> Self {
        Self::at(&fs::canonicalize(out.join(distribution).join("current")).unwrap())
    }

    /// The generation in a folder.
    pub(crate) fn at(folder: &Path) -> Self {
        let folder = folder.to_owned();
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        Self {
            routes: serde_json::from_slice(&read("routes.json")).unwrap(),
            manifest: serde_json::from_slice(&read("manifest.json")).unwrap(),
            report: serde_json::from_slice(&read("report.json")).unwrap(),
            folder,
        }
    }

    /// The document root.
    pub(crate) fn site(&self) -> PathBuf {
        self.folder.join("site")
    }

    /// A file of the document root, by its path with a leading slash.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.site().join(path.trim_start_matches('/'))
    }

    /// All files of the document root, by path with a leading slash, twins included.
    pub(crate) fn files(&self) -> BTreeMap<String, PathBuf> {
        let root = self.site();
        let found = walkdir::WalkDir::new(&root).follow_links(true).into_iter().map(Result::unwrap);
        let files = found.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        files.map(|path| (format!("/{}", path.strip_prefix(&root).unwrap().to_str().unwrap()), path)).collect()
    }

    /// All files that the manifest lists, in the same form but without twins.
    pub(crate) fn listed(&self) -> BTreeMap<String, Listed> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut listed = BTreeMap::new();
        for (path, file) in self.manifest["files"].as_object().unwrap() {
            let (size, sha256) = (file["size"].as_u64().unwrap(), text(&file["sha256"]).unwrap());
            listed.insert(path.clone(), Listed { size, sha256, gzip_sha256: text(&file["gzip_sha256"]) });
        }
        for package in self.packages() {
            for (path, file) in package["files"].as_object().unwrap() {
                let (size, sha256) = (file["size"].as_u64().unwrap(), text(&file["digest"]).unwrap());
                let path = format!("{}/{path}", package["path"].as_str().unwrap());
                let known = listed.insert(path, Listed { size, sha256, gzip_sha256: text(&file["gzip"]["digest"]) });
                assert_eq!(known, None);
            }
        }
        listed
    }

    /// The packages that the manifest lists.
    pub(crate) fn packages(&self) -> &[Value] {
        self.manifest["packages"].as_array().unwrap()
    }

    /// What the reference router makes of a request.
    pub(crate) fn decide(&self, target: &str) -> Decision {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        route(&self.routes, "GET", path, query)
    }

    /// The bytes that answer a request; it must lead to a file.
    pub(crate) fn get(&self, target: &str) -> Vec<u8> {
        match self.decide(target) {
            Decision::File(file) => {
                fs::read(self.file(&file.path)).unwrap_or_else(|error| panic!("{target}: {}: {error}", file.path))
            }
            other => panic!("{target}: {other:?}"),
        }
    }

    /// The bytes that answer a request, unless the file is not there.
    pub(crate) fn find(&self, target: &str) -> Option<Vec<u8>> {
        match self.decide(target) {
            Decision::File(file) => fs::read(self.file(&file.path)).ok(),
            other => panic!("{target}: {other:?}"),
        }
    }

    /// As [`Self::get`], as JSON.
    pub(crate) fn get_json(&self, target: &str) -> Value {
        serde_json::from_slice(&self.get(target)).unwrap_or_else(|error| panic!("{target}: {error}"))
    }
}
