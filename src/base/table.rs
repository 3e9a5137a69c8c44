//! Tables on disk that are kept between builds: lines of a key, a value, and the number of builds that did not need it.
//!
//! Each line carries a checksum; a line that is damaged or has another format is ignored.

use super::digest::Digest;
use super::format::FORMAT;
use super::fs::{read, stream_dated};
use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// After so many builds that did not need it a line is dropped.
const FORGET_AFTER: u32 = 32;

/// Lines of one kind, by key.
#[derive(Debug)]
pub struct Table<V> {
    path: PathBuf,
    lines: BTreeMap<Digest, Line<V>>,
    used: Mutex<BTreeMap<Digest, Option<V>>>,
}

#[derive(Clone, Debug)]
struct Line<V> {
    idle: u32,
    value: V,
}

impl<V: Clone + Serialize + DeserializeOwned + Send + Sync> Table<V> {
    /// Reads a table; what cannot be read is empty.
    pub fn read(path: PathBuf) -> Self {
        let text = read(&path).unwrap_or_default();
        let mut lines = text.split(|byte| *byte == b'\n');
        let is_ours = lines.next() == Some(header().as_bytes());
        let lines: Vec<_> = if is_ours { lines.collect() } else { Vec::new() };
        let lines = lines.par_iter().filter_map(|line| parse(line)).collect::<Vec<_>>().into_iter().collect();
        Self { path, lines, used: Mutex::default() }
    }

    /// A table that knows nothing and keeps nothing.
    pub fn none() -> Self {
        Self { path: PathBuf::new(), lines: BTreeMap::new(), used: Mutex::default() }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &Digest) -> Option<V> {
        let value = self.lines.get(key)?.value.clone();
        self.mark(*key, None);
        Some(value)
    }

    /// Returns the number of keys that were read.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns true if nothing was read.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns all values, including those added in this build.
    pub fn values(&self) -> Vec<V> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.lines.values().map(|line| &line.value).chain(used.values().flatten()).cloned().collect()
    }

    /// Remembers a value for later builds.
    pub fn put(&self, key: Digest, value: V) {
        self.mark(key, Some(value));
    }

    fn mark(&self, key: Digest, value: Option<V>) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    /// Writes the table anew if anything was added.
    pub fn write(self) -> Result<()> {
        let used = self.used.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.path.as_os_str().is_empty() || used.values().all(Option::is_none) {
            return Ok(());
        }
        let mut lines = self.lines;
        lines.values_mut().for_each(|line| line.idle += 1);
        for (key, added) in used {
            if let Some(value) = added {
                lines.insert(key, Line { idle: 0, value });
            } else if let Some(line) = lines.get_mut(&key) {
                line.idle = 0;
            }
        }
        lines.retain(|_, line| line.idle < FORGET_AFTER);
        stream_dated(&self.path, &|out| {
            out.write_all(header().as_bytes())?;
            let lines: Vec<_> = lines.iter().collect();
            // In parts, so that the text of a large table is never in memory as a whole.
            for part in lines.chunks(256) {
                let texts = part.par_iter().map(|(key, line)| render(key, line)).collect::<Result<Vec<_>>>()?;
                for text in texts {
                    out.write_all(&text)?;
                }
            }
            Ok(())
        })
    }
}

/// The first line: lines of another format or another version of the tool are not read.
fn header() -> String {
    format!("epr-build cache {FORMAT} {}", env!("CARGO_PKG_VERSION"))
}

/// `\n`, checksum, key, builds since its last use, value.
fn render<V: Serialize>(key: &Digest, line: &Line<V>) -> Result<Vec<u8>> {
    let mut body = format!("{key} {} ", line.idle).into_bytes();
    serde_json::to_writer(&mut body, &line.value).context("cannot write a value")?;
    let mut text = format!("\n{} ", Digest::of(&body).short(16)).into_bytes();
    text.extend(body);
    Ok(text)
}

fn parse<V: DeserializeOwned>(line: &[u8]) -> Option<(Digest, Line<V>)> {
    let (checksum, body) = line.split_at_checked(17)?;
    if checksum.strip_suffix(b" ")? != Digest::of(body).short(16).as_bytes() {
        return None;
    }
    let mut parts = body.splitn(3, |byte| *byte == b' ');
    let key = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let idle = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    Some((key, Line { idle, value: serde_json::from_slice(parts.next()?).ok()? }))
}
