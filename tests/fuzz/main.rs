//! Runs the fuzz targets of `fuzz/` on a stable compiler: each seed, then mutations of seeds.
//!
//! The same seed number gives the same inputs. Environment variables:
//!
//! * `EPR_FUZZ_RUNS`: number of mutated inputs for each target, if absent 2,000 for most;
//! * `EPR_FUZZ_SECONDS`: run for this long instead;
//! * `EPR_FUZZ_SEED`: number that the inputs are derived from, 0 if absent.
#![allow(clippy::print_stdout, reason = "tells how much was tried")]
#![allow(clippy::disallowed_methods, reason = "reads seeds and keeps failing inputs by itself")]
#![allow(unreachable_pub, reason = "the targets are a library elsewhere")]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use fastrand::Rng;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[test]
fn queries() {
    run("queries", 2_000, targets::queries::check);
}

#[test]
fn packages() {
    run("packages", 2_000, targets::packages::check);
}

#[test]
fn configuration() {
    run("configuration", 2_000, targets::configuration::check);
}

#[test]
fn bundles() {
    run("bundles", 200, targets::bundles::check);
}

#[test]
fn yaml() {
    run("yaml", 2_000, targets::yaml::check);
}

#[test]
fn signatures() {
    run("signatures", 2_000, targets::signatures::check);
}

#[test]
fn zips() {
    run("zips", 2_000, targets::zips::check);
}

/// Calls a target with the seeds of its corpus and with mutations. Writes an input that fails to `fuzz/artifacts/`.
fn run(name: &str, runs: u64, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let corpus = read_files(&folder.join("corpus").join(name));
    let tokens = read_dictionary(&folder.join("dictionaries").join(format!("{name}.dict")));
    assert!(!corpus.is_empty(), "no seeds for {name}");
    let checked = |origin: &str, input: &[u8]| {
        if catch_unwind(|| check(input)).is_err() {
            let file = folder.join("artifacts").join(name).join(origin);
            fs::create_dir_all(file.parent().expect("a folder")).expect("makes a folder");
            fs::write(&file, input).expect("writes the input");
            panic!("{name} fails for {}; once mended, keep it as a seed in {name}'s corpus", file.display());
        }
    };
    for (name, input) in &corpus {
        checked(name, input);
    }
    let seed = variable("EPR_FUZZ_SEED").unwrap_or(0);
    let duration = variable("EPR_FUZZ_SECONDS").map(Duration::from_secs);
    let runs = variable("EPR_FUZZ_RUNS").unwrap_or(runs);
    let start = Instant::now();
    let goes_on = |run| duration.map_or(run < runs, |duration| start.elapsed() < duration);
    let mut run = 0;
    while goes_on(run) {
        let mut rng = Rng::with_seed(seed.wrapping_add(run));
        checked(&format!("seed-{seed}-run-{run}"), &mutated(&corpus, &tokens, &mut rng));
        run += 1;
    }
    println!("{name}: {} seeds, {run} mutations in {:.1?}", corpus.len(), start.elapsed());
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}

/// Names and contents of the files of a folder, by name.
fn read_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("lists the folder").path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).expect("reads a seed"))).collect()
}

/// Tokens of a dictionary in libFuzzer's format.
fn read_dictionary(file: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(unescape).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { Some(byte) };
        match (byte, escaped) {
            (b'\\', Some(b'x')) => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
            }
            (_, other) => bytes.extend(other),
        }
    }
    bytes
}

/// A seed after a few random changes.
fn mutated(corpus: &[(String, Vec<u8>)], tokens: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let longest = corpus.iter().map(|(_, seed)| seed.len()).max().unwrap_or_default().max(16 << 10);
    let pick = |rng: &mut Rng| corpus[rng.usize(..corpus.len())].1.clone();
    let mut data = pick(rng);
    for _ in 0..1 << rng.u32(..6) {
        let start = rng.usize(..=data.len());
        let most = 1 << rng.u32(..8);
        let end = data.len().min(start + rng.usize(..most));
        match rng.u8(..8) {
            0 => drop(data.drain(start..end)),
            1 => data[start..end].iter_mut().take(1).for_each(|byte| *byte ^= 1 << rng.u32(..8)),
            2 => data[start..end].iter_mut().take(1).for_each(|byte| *byte = rng.u8(..)),
            3 => insert(&mut data, start, &[rng.u8(..)]),
            4 => {
                let piece = data[start..end].to_vec();
                let at = rng.usize(..=data.len());
                insert(&mut data, at, &piece);
            }
            5 => {
                let other = pick(rng);
                let from = rng.usize(..=other.len());
                let piece = &other[from..other.len().min(from + end - start)];
                insert(&mut data, start, piece);
            }
            _ => insert(&mut data, start, &tokens[rng.usize(..tokens.len())]),
        }
        data.truncate(longest);
    }
    data
}

fn insert(data: &mut Vec<u8>, at: usize, piece: &[u8]) {
    data.splice(at..at, piece.iter().copied());
}
