//! The list of versions that may go: text that people read, shorten and hand back.
//!
//! ```text
//! # epr-build prune 1
//! # layer: elastic   made: 2026-11-28T22:00:00Z
//! # options: --older-than 90d --stale-keep 30d
//! # out: out
//! nginx@1.0.0   5f2c…   123456   not wanted since 2026-08-01
//! ```
//!
//! A version is named with the digest of its zip, so that no other bytes go under its name. Lines may be taken out. The options
//! by which the list was made stand in its head, so that it is judged by the same ones when it is applied.

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::base::time;
use crate::config::file::Mistakes;
use crate::dialect::version::Version;
use crate::select::Key;
use crate::select::keep_file::is_name;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The first line; who does not know its number reads nothing.
const FIRST: &str = "# epr-build prune 1";
/// Begin lines of the head.
const OPTIONS: &str = "# options:";
const OUT: &str = "# out:";
/// Bytes of the largest list that is read.
const MOST_BYTES: u64 = 32 << 20;

/// A list of versions of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFile {
    /// The layer.
    pub layer: String,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// By which options it was made.
    pub options: Options,
    /// The versions.
    pub lines: BTreeMap<Key, Line>,
}

/// Options that decide what is on a list; what is absent was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Days for which a version must not have been wanted.
    pub older_than: Option<u64>,
    /// Days after which a keep file is too old.
    pub stale_keep: Option<u64>,
    /// True if no Kibana installs from the layer.
    pub no_fleet: bool,
    /// True if more than a fifth of the layer may go.
    pub accept_many: bool,
    /// Output folders of builds that were looked at.
    pub outs: Vec<PathBuf>,
}

impl Options {
    /// These, and where they say nothing what others say.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            older_than: self.older_than.or(other.older_than),
            stale_keep: self.stale_keep.or(other.stale_keep),
            no_fleet: self.no_fleet || other.no_fleet,
            accept_many: self.accept_many || other.accept_many,
            outs: if self.outs.is_empty() { other.outs } else { self.outs },
        }
    }

    fn render(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.older_than.map(|days| format!("--older-than {days}d")));
        words.extend(self.stale_keep.map(|days| format!("--stale-keep {days}d")));
        words.extend(self.no_fleet.then(|| "--no-fleet".to_owned()));
        words.extend(self.accept_many.then(|| "--accept-many".to_owned()));
        let mut text = if words.is_empty() { String::new() } else { format!("{OPTIONS} {}\n", words.join(" ")) };
        text.extend(self.outs.iter().map(|out| format!("{OUT} {}\n", out.display())));
        text
    }

    /// Understands a line of the head; nothing if it cannot be understood. Other lines with `#` say nothing.
    fn read(&mut self, line: &str) -> Option<()> {
        if let Some(out) = line.strip_prefix(OUT) {
            self.outs.push(PathBuf::from(out.trim()));
            return Some(());
        }
        let Some(words) = line.strip_prefix(OPTIONS) else { return Some(()) };
        let mut words = words.split_whitespace();
        while let Some(word) = words.next() {
            let mut days = || words.next()?.strip_suffix('d')?.parse().ok();
            match word {
                "--older-than" => self.older_than = Some(days()?),
                "--stale-keep" => self.stale_keep = Some(days()?),
                "--no-fleet" => self.no_fleet = true,
                "--accept-many" => self.accept_many = true,
                _ => return None,
            }
        }
        Some(())
    }
}

/// What a list says of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Digest of the zip.
    pub sha256: Digest,
    /// Bytes of the zip and of its signature.
    pub bytes: u64,
    /// Why it may go, in words.
    pub reason: String,
}

impl ListFile {
    /// Bytes of all versions.
    pub fn bytes(&self) -> u64 {
        self.lines.values().map(|line| line.bytes).sum()
    }

    /// The text of the list.
    pub fn render(&self) -> String {
        let mut text = format!("{FIRST}\n# layer: {}   made: {}\n", self.layer, time::rfc3339(self.made));
        text += &self.options.render();
        for ((name, version), Line { sha256, bytes, reason }) in &self.lines {
            text += &format!("{name}@{version}   {sha256}   {bytes}   {reason}\n");
        }
        text
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`Mistakes`] with every line that is wrong; or when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let hint = "hint: name the file that `epr-build keep prune` wrote";
        let too_long = || format!("{} has more than {MOST_BYTES} bytes, so it is no list\n{hint}", path.display());
        let bytes = fs::read_at_most(path, MOST_BYTES)?.with_context(too_long)?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes), path)?)
    }

    /// Understands the text of the file at a path.
    ///
    /// # Errors
    /// Every line that is wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Mistakes> {
        let mut problems = Vec::new();
        let mut wrong = |line: u32, message: &str| {
            let problem = Problem::new(Rule::Configuration, printable(message, 300)).line(line);
            let hint = "`epr-build keep prune` writes such lists; lines may be taken out, and nothing else";
            problems.push(problem.hint(hint).within("", &path.display().to_string()));
        };
        let mut lines = (1..).zip(text.lines());
        let mut list = Self { layer: String::new(), made: 0, options: Options::default(), lines: BTreeMap::new() };
        if lines.next().is_none_or(|(_, line)| line.trim_end() != FIRST) {
            wrong(1, &format!("a list begins with `{FIRST}`"));
        } else {
            match lines.next().and_then(|(_, line)| head(line)) {
                Some((layer, made)) => (list.layer, list.made) = (layer, made),
                None => wrong(2, "the second line does not say of which layer the list is, and when it was made"),
            }
            for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
                if line.starts_with('#') {
                    if list.options.read(line).is_none() {
                        wrong(number, &format!("`{line}` has options that are not known"));
                    }
                    continue;
                }
                match version(line) {
                    Some((key, line)) => drop(list.lines.insert(key, line)),
                    None => wrong(number, &format!("`{line}` is no version with digest and bytes")),
                }
            }
        }
        if problems.is_empty() { Ok(list) } else { Err(Mistakes { problems, text: text.to_owned() }) }
    }
}

fn head(line: &str) -> Option<(String, u64)> {
    let words: Vec<_> = line.strip_prefix('#')?.split_whitespace().collect();
    let ["layer:", layer, "made:", made] = words[..] else { return None };
    Some((layer.to_owned(), time::parse_rfc3339(made)?))
}

fn version(line: &str) -> Option<(Key, Line)> {
    let mut words = line.split_whitespace();
    let (name, version) = words.next()?.rsplit_once('@').filter(|(name, _)| is_name(name))?;
    let (sha256, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let reason = words.collect::<Vec<_>>().join(" ");
    Some(((name.to_owned(), Version::strict(version).ok()?), Line { sha256, bytes, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_written_and_may_be_shortened() {
        let line = |bytes| Line { sha256: Digest::of(b"zip"), bytes, reason: "not wanted since 2026-01-01".to_owned() };
        let key = |version: &str| ("nginx".to_owned(), Version::strict(version).unwrap());
        let lines = [(key("1.9.0"), line(3)), (key("1.10.0"), line(4))].into();
        let options = Options {
            older_than: Some(10),
            stale_keep: None,
            no_fleet: true,
            accept_many: true,
            outs: vec!["out".into(), "/srv/a b".into()],
        };
        let list = ListFile { layer: "elastic".to_owned(), made: 1_700_000_000, options, lines };
        let text = list.render();
        let path = Path::new("x.list");
        assert_eq!(ListFile::parse(&text, path).unwrap(), list);
        assert_eq!(list.bytes(), 7);
        let shorter: String =
            text.lines().filter(|line| !line.contains("1.10.0")).map(|line| format!("{line}\n")).collect();
        assert_eq!(ListFile::parse(&shorter, path).unwrap().lines.len(), 1);
        for (text, line) in [
            (String::new(), 1),
            (text.replace("prune 1", "prune 2"), 1),
            (text.replace("layer: elastic", ""), 2),
            (text.replace("--no-fleet", "--no-fleets"), 3),
            (text.replace("10d", "10"), 3),
            (text.replace("nginx@1.9.0", "nginx"), 6),
            (text.replace("nginx@1.10.0", "../x@1.10.0"), 7),
            (text.replacen(&Digest::of(b"zip").to_string(), "abc", 1), 6),
        ] {
            let error = ListFile::parse(&text, path).unwrap_err().to_string();
            assert!(error.contains(&format!("x.list:{line}")) && error.contains("hint: "), "{error}");
        }
    }
}
