//! Random queries against a second evaluation, written for this test from the contract: it shares with the program only the
//! rules of versions, which have tables of their own.
//!
//! * `EPR_FUZZ_QUERIES`: how many queries each site is asked;
//! * `EPR_FUZZ_SEED`: number that the queries are derived from, 0 if absent;
//! * `EPR_FUZZ_TEXTS`: if `exact`, texts of errors are compared to their end, and not only as far as they say what is wrong
//!   with which parameter, which is as far as hosts without code can follow;
//! * `EPR_FUZZ_GENERATION`: the folder of a generation to ask beside those that the tests build, of any size.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod answer;
mod catalog;
mod generate;
mod json;
mod odd;
mod read;
mod words;

use crate::built::{build_samples, program, run};
use crate::conformance::{nginx, packages_below, shared};
use crate::in_process::Server;
use crate::routers::client::{Client, Response};
use crate::running;
use catalog::Catalog;
use epr_build::base::compress::gunzip;
use epr_build::serve::ServeOptions;
use generate::Wild;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

/// Queries of each site, unless the environment says otherwise.
const QUERIES: usize = 1_500;
/// So many differences are enough to look at.
const SHOWN: usize = 20;

fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// The expected answer.
enum Expected {
    /// 200, JSON.
    Json(Vec<u8>),
    /// 400, with one of these texts.
    Refused(Vec<read::Refusal>),
}

fn expected(catalog: &Catalog, target: &str) -> Expected {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match read::read(path == "/search", query.as_bytes()) {
        Ok(question) if path == "/search" => Expected::Json(answer::search(catalog, &question)),
        Ok(question) => Expected::Json(answer::categories(catalog, &question)),
        Err(refusals) => Expected::Refused(refusals),
    }
}

/// What is wrong with a response, if anything.
fn fault(expected: &Expected, response: &Response) -> Option<String> {
    let (status, media) = match expected {
        Expected::Json(_) => (200, "application/json"),
        Expected::Refused(_) => (400, "text/plain; charset=utf-8"),
    };
    let found = String::from_utf8_lossy(&response.body);
    if response.status != status {
        let head: String = found.chars().take(120).collect();
        return Some(format!("status {} and not {status}: {head}", response.status));
    }
    if response.header("content-type") != Some(media) {
        return Some(format!("content type {:?}", response.header("content-type")));
    }
    match expected {
        Expected::Json(bytes) if *bytes == response.body => None,
        Expected::Json(bytes) => {
            let wanted = String::from_utf8_lossy(bytes);
            let place = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
            let place = place.unwrap_or(wanted.lines().count().min(found.lines().count()));
            let line = |text: &str| text.lines().nth(place).map(str::to_owned);
            let (lines, found_lines) = (wanted.lines().count(), found.lines().count());
            Some(format!(
                "line {place} of {lines}: expected {:?}\n  found (of {found_lines}) {:?}",
                line(&wanted),
                line(&found)
            ))
        }
        Expected::Refused(refusals) => {
            let text = response.body.strip_suffix(b"\n").unwrap_or_default();
            let is_exact = std::env::var("EPR_FUZZ_TEXTS").is_ok_and(|wanted| wanted == "exact");
            let fits = |refusal: &read::Refusal| match (is_exact, refusal.is_whole) {
                (false, _) => text.starts_with(&refusal.head),
                (true, true) => text == refusal.text && !refusal.is_last,
                (true, false) => text.starts_with(&refusal.text),
            };
            let texts: Vec<_> = refusals.iter().map(|refusal| String::from_utf8_lossy(&refusal.text)).collect();
            (!refusals.iter().any(fits)).then(|| format!("text {found:?}, expected {texts:?}"))
        }
    }
}

/// The response with its body as it was before it was compressed.
fn unpacked(mut response: Response) -> Response {
    if response.header("content-encoding") == Some("gzip") {
        response.body = gunzip(&response.body).unwrap();
    }
    response
}

/// Asks a server of a generation as many queries as wanted, a quarter of them compressed.
///
/// Panics when an answer is wrong, or refused because no table holds it.
pub(crate) fn compare(what: &str, generation: &Path, address: &str) {
    let begin = Instant::now();
    let mut client = Client::connect(address);
    let catalog = Catalog::read(generation, &mut client);
    let seed = variable("EPR_FUZZ_SEED").unwrap_or(0) as u64;
    let count = variable("EPR_FUZZ_QUERIES").unwrap_or(QUERIES);
    let mut wild = Wild::new(&catalog, seed);
    let mut statuses = BTreeMap::new();
    let mut bodies = HashSet::new();
    let mut empty = 0;
    let mut faults = Vec::new();
    let mut wrong = 0;
    for number in 0..count {
        let target = wild.target();
        let headers: &[_] = if number % 4 == 3 { &[("Accept-Encoding", "gzip")] } else { &[] };
        let response = unpacked(client.ask(&target, headers));
        *statuses.entry(response.status).or_insert(0_usize) += 1;
        let mut hasher = DefaultHasher::new();
        response.body.hash(&mut hasher);
        bodies.insert(hasher.finish());
        empty += usize::from(response.body.trim_ascii_end() == b"[]");
        if let Some(fault) = fault(&expected(&catalog, &target), &response) {
            wrong += 1;
            faults.push(format!("{target}\n  {fault}"));
            faults.truncate(SHOWN);
        }
    }
    println!(
        "{what}: {} versions, {count} queries of seed {seed}, {statuses:?}, {empty} empty, {} different, {wrong} wrong, {:?}",
        catalog.packages.len(),
        bodies.len(),
        begin.elapsed()
    );
    assert!(faults.is_empty(), "{what}: {wrong} of {count} answers are wrong\n{}", faults.join("\n"));
    // Wild queries that find nothing would prove nothing.
    assert!(empty * 10 < count * 9, "{empty} of {count} answers are empty");
}

/// Serves a distribution below a folder and asks it.
fn compare_served(what: &str, home: &Path, distribution: &str) {
    let folder = home.join("out").join(distribution);
    let server = Server::start(ServeOptions::new(folder.join("current")));
    compare(&format!("{what}, {distribution}"), &fs::canonicalize(folder.join("current")).unwrap(), &server.address);
}

#[test]
fn samples_answer_as_the_contract_says() {
    let home = build_samples();
    for distribution in ["production", "snapshot"] {
        compare_served("samples", home.path(), distribution);
    }
}

#[test]
fn the_small_set_answers_as_the_contract_says() {
    let Some(shared) = shared() else { return };
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let archive = shared.join("data/package-storage-small.tar.zst");
    let unpack = "zstd -dc --long=31 \"$0\" | tar -x";
    let unpacked = Command::new("sh").args(["-c", unpack]).arg(archive).current_dir(home.path()).status();
    assert!(unpacked.unwrap().success());
    let built = run(program(home.path()).args(["--dist", "snapshot", "--packages"]).arg(packages_below(home.path())));
    assert_eq!(built.status, Some(0), "{built:#?}");
    compare_served("small set", home.path(), "snapshot");
}

/// Where no server is, until a test puts the address of one in its place.
const NOBODY: &str = "127.0.0.1:9";

/// Constraints, capabilities and formats as those of today, zips among the folders, odd packages beside them, and far fewer
/// answers in tables than there are questions.
fn build_beyond_the_budget() -> Option<TempDir> {
    let python = running::binary("python3")?;
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let write = |folder: &str, versions: &str, more: &[&str]| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/catalog.py");
        let mut command = Command::new(&python);
        command.arg("-B").arg(script).args(["--thin", "--names", "60", "--versions", versions, "--out", folder]);
        assert!(command.args(more).current_dir(home.path()).status().unwrap().success());
        home.path().join(folder).join("production")
    };
    let (folders, zips) = (write("folders", "900", &[]), write("zips", "200", &["--zips"]));
    // Each version lies in one form alone.
    for entry in fs::read_dir(&zips).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some((name, version)) = name.strip_suffix(".zip").and_then(|id| id.split_once('-')) else { continue };
        fs::remove_dir_all(folders.join(name).join(version)).unwrap();
    }
    odd::write(&home.path().join("odd"));
    let paths = [folders, zips, home.path().join("odd")].map(|path: PathBuf| path.to_str().unwrap().to_owned());
    let config = format!(
        "ui: no\nfallback: http://{NOBODY}\nlayers:\n  production:\n    paths: [{}]\nbudget:\n  max_contexts: 3000\n  \
         max_answers: 60\n",
        paths.join(", ")
    );
    fs::write(home.path().join("epr-build.yml"), config).unwrap();
    let built = run(program(home.path()).args(["--dist", "production"]));
    assert_eq!(built.status, Some(0), "{built:#?}");
    Some(home)
}

#[test]
fn a_catalog_beyond_the_budget_answers_as_the_contract_says() {
    let Some(home) = build_beyond_the_budget() else { return };
    compare_served("realistic catalog", home.path(), "production");
    let generation = fs::canonicalize(home.path().join("out/production/current")).unwrap();
    let server = Server::start(ServeOptions::new(home.path().join("out/production/current")));
    let mut named = 0;
    for entry in fs::read_dir(generation.join("hosts/nginx")).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path()).unwrap();
        named += text.matches(NOBODY).count();
        fs::remove_file(entry.path()).unwrap();
        fs::write(entry.path(), text.replace(NOBODY, &server.address)).unwrap();
    }
    assert!(named > 0, "the fallback is written in another way");
    let Some(nginx) = nginx(home.path(), "production") else { return };
    compare("realistic catalog, nginx with a fallback", &generation, &nginx.address);
}

/// A generation of any size, to be asked by hand.
#[test]
fn a_given_generation_answers_as_the_contract_says() {
    let Some(generation) = std::env::var_os("EPR_FUZZ_GENERATION").map(PathBuf::from) else {
        println!("skipped: no EPR_FUZZ_GENERATION");
        return;
    };
    let server = Server::start(ServeOptions::new(generation.clone()));
    compare(&generation.display().to_string(), &generation, &server.address);
}
