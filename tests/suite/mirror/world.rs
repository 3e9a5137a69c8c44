//! A layer that is mirrored from scripted upstreams: packages, signatures, configuration, and what lies on disk.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use super::upstream::{Answer, Upstream};
use crate::harness::{Case, Run, package};
use epr_build::openpgp::{SecretKey, sign};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Output;

/// The path of the listing.
pub(super) const LISTING: &str = "/search?all=true&prerelease=true";
/// The path of the list of versions that registries of our own have.
pub(super) const INDEX: &str = "/index/packages.json";
/// When test signatures were made: in 2025.
pub(super) const MADE: u64 = 1_740_000_000;

/// A registry with a few packages, and a layer that is mirrored from it.
pub(super) struct World {
    pub(super) case: Case,
    pub(super) upstream: Upstream,
}

/// A package that an upstream has.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) zip: Vec<u8>,
    pub(super) signature: Option<Vec<u8>>,
}

impl Sample {
    /// A good package with a signature by the trusted key.
    pub(super) fn new(name: &'static str, version: &'static str) -> Self {
        Self::of(name, version, "as it should be")
    }

    /// The same with a readme of its own.
    pub(super) fn of(name: &'static str, version: &'static str, readme: &str) -> Self {
        let zip = zip_of(&format!("{name}-{version}"), name, version, readme);
        let signature = Some(signed("trusted", &zip));
        Self { name, version, zip, signature }
    }

    pub(super) fn path(&self) -> String {
        format!("/epr/{0}/{0}-{1}.zip", self.name, self.version)
    }

    pub(super) fn item(&self) -> String {
        let Self { name, version, .. } = self;
        let path = self.path();
        let signature =
            self.signature.as_ref().map(|_| format!(",\"signature_path\":\"{path}.sig\"")).unwrap_or_default();
        format!(
            "{{\"name\":\"{name}\",\"version\":\"{version}\",\"type\":\"integration\",\"download\":\"{path}\"{signature}}}"
        )
    }

    /// What an index tells of it.
    pub(super) fn element(&self) -> String {
        let Self { name, version, zip, signature } = self;
        let digest = epr_build::base::digest::Digest::of;
        let signature = signature
            .as_ref()
            .map(|text| format!(",\"signature\":{{\"size\":{},\"sha256\":\"{}\"}}", text.len(), digest(text)));
        format!(
            "{{\"name\":\"{name}\",\"version\":\"{version}\",\"type\":\"integration\",\"spec\":\"3.0\",\"layer\":\"up\",\"size\":{},\"sha256\":\"{}\"{}}}",
            zip.len(),
            digest(zip),
            signature.unwrap_or_default()
        )
    }

    pub(super) fn document(&self) -> String {
        format!("{{\"name\":\"{}\",\"version\":\"{}\",\"format_version\":\"3.0.0\"}}", self.name, self.version)
    }
}

/// The zip of a package, in a folder of this name.
pub(super) fn zip_of(folder: &str, name: &str, version: &str, readme: &str) -> Vec<u8> {
    zip_from(
        &package(name, version, readme).into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)).collect(),
    )
}

/// A zip of these files.
pub(super) fn zip_from(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, bytes) in files {
        let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        zip.start_file(path.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A signature over some bytes by one of the test keys.
pub(super) fn signed(key: &str, bytes: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/mirror/{key}.secret.asc"));
    let key = SecretKey::read(&std::fs::read(path).unwrap()).unwrap();
    sign(&key, b"", MADE, bytes).unwrap().into_bytes()
}

/// Bounds that make tests quick.
pub(super) const QUICK: &str = "timeouts: {connect: 2s, answer: 700ms, idle: 700ms, listing: 20s}, \
                                retries: {tries: 3, first: 5ms, most: 20ms, longest_wait: 5s, give_up: 20}";

impl World {
    /// A registry with these packages; `layer` and `upstream` are further settings.
    pub(super) fn new(samples: &[Sample], layer: &str, upstream: &str) -> Self {
        let server = Upstream::start();
        let world = Self { case: Case::new(), upstream: server };
        world.serve(samples);
        let key =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mirror/trusted.asc"));
        let case = world.case.file("trusted.asc", &key.unwrap());
        let more = |text: &str| if text.is_empty() { String::new() } else { format!(", {text}") };
        let case = case.config(&format!(
            "distributions: {{mirrored: [up]}}\nupstreams:\n  up: {{url: \"{}\", {QUICK}{}}}\nlayers:\n  up: {{paths: up, mirror: {{from: [up]}}{}}}\n",
            world.upstream.url(),
            more(upstream),
            more(layer)
        ));
        Self { case, upstream: world.upstream }
    }

    /// Lets the registry have exactly these packages, beside whatever it had.
    pub(super) fn serve(&self, samples: &[Sample]) {
        self.serve_listing(samples);
        self.upstream
            .answer("/", Answer::ok(b"{\"service.name\":\"package-registry\",\"service.version\":\"1.40.1\"}"));
        for sample in samples {
            let (name, version) = (sample.name, sample.version);
            self.upstream.answer(&format!("/package/{name}/{version}/"), Answer::ok(sample.document().as_bytes()));
            self.upstream.answer(&sample.path(), Answer::ok(&sample.zip));
            if let Some(signature) = &sample.signature {
                self.upstream.answer(&format!("{}.sig", sample.path()), Answer::ok(signature));
            }
        }
    }

    /// Lets the registry list these packages, whatever it gives.
    pub(super) fn serve_listing(&self, samples: &[Sample]) {
        let items: Vec<_> = samples.iter().map(Sample::item).collect();
        self.list(&format!("[{}]", items.join(",\n")));
    }

    /// Lets the registry have an index that tells this of the packages.
    pub(super) fn tell(&self, samples: &[Sample], etag: &str) {
        let elements: Vec<_> = samples.iter().map(Sample::element).collect();
        let text = format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[\n{}\n]}}\n", elements.join(",\n"));
        self.tell_text(&text, etag);
    }

    /// Lets the registry have this index.
    pub(super) fn tell_text(&self, text: &str, etag: &str) {
        let (text, etag) = (text.to_owned(), format!("\"{etag}\""));
        self.upstream.script(INDEX, move |asked| match asked.headers.get("if-none-match") {
            Some(known) if *known == etag => Answer::new(304, &[("ETag", &etag)], b""),
            _ => Answer::new(200, &[("ETag", &etag)], text.as_bytes()),
        });
    }

    /// Changes the configuration.
    pub(super) fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        let path = self.case.path("epr-build.yml");
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// Lets the registry list this.
    pub(super) fn list(&self, text: &str) {
        self.upstream.answer(LISTING, Answer::ok(text.as_bytes()));
    }

    /// Runs `mirror` with these arguments, always at the same time.
    pub(super) fn mirror(&self, arguments: &str) -> Run {
        let arguments: Vec<_> = ["mirror"].into_iter().chain(arguments.split_whitespace()).collect();
        let Output { status, stdout, stderr } = self.command(&arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    pub(super) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.case.command(arguments);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.env("SOURCE_DATE_EPOCH", "1750000000");
        command
    }

    /// Files of the layer with their content, without the folder of records.
    pub(super) fn placed(&self) -> BTreeMap<String, Vec<u8>> {
        self.files(|path| !path.starts_with(".epr-build"))
    }

    /// Files of the layer that do not change when the same is done again, with their content.
    pub(super) fn state(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files(|path| !path.ends_with(".lock") && !path.ends_with("/fingerprints"));
        // The lines of several deliveries come in the order of versions, but a killed run has logged its own.
        if let Some(log) = files.get_mut(".epr-build/log.jsonl") {
            let mut lines: Vec<_> =
                String::from_utf8(std::mem::take(log)).unwrap().lines().map(str::to_owned).collect();
            lines.sort();
            *log = lines.join("\n").into_bytes();
        }
        files
    }

    /// Paths of all files of the layer, also of its records.
    pub(super) fn files_below_layer(&self) -> Vec<String> {
        self.files(|_| true).into_keys().collect()
    }

    fn files(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<u8>> {
        let root = self.case.path("up");
        let entries = walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok);
        let files = entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        let named = files.map(|file| (file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), file));
        named.filter(|(path, _)| wanted(path)).map(|(path, file)| (path, std::fs::read(file).unwrap())).collect()
    }

    /// The files that the layer holds when these packages were mirrored.
    pub(super) fn expected(samples: &[Sample]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for sample in samples {
            let path = format!("{0}/{0}-{1}.zip", sample.name, sample.version);
            files.extend(sample.signature.iter().map(|signature| (format!("{path}.sig"), signature.clone())));
            files.insert(path, sample.zip.clone());
        }
        files
    }

    /// The record of one version.
    pub(super) fn record(&self, name: &str, version: &str) -> serde_json::Value {
        let record = self.case.json("up/.epr-build/mirror.json");
        let mut versions = record["versions"].as_array().unwrap().iter();
        versions.find(|one| one["name"] == name && one["version"] == version).cloned().unwrap_or_default()
    }
}
