//! The record of a mirrored layer: which versions it holds with which bytes, from where, and what happened to the others.
//!
//! `mirror.json` is sorted and has one version a line, so that a repository shows what a run changed; with it a run can be
//! repeated to the byte. What is known of a version is written to a journal before its files come into place, so that a run
//! that is killed loses nothing that it had; the next run looks at the files and believes no line that they contradict.

pub(super) use super::entry::{Entry, Refusal, State, Validators};
pub(super) use super::journal::{JOURNAL, Journal};

use super::entry::{Line, key, line};
use super::event::Event;
use super::facts::Key;
use crate::base::digest::Digest;
use crate::base::fs;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// The record.
pub(super) const RECORD: &str = "mirror.json";
/// The form of the record; who does not know it refuses it.
const SCHEMA: &str = "epr-build/mirror/1";

/// What is known of a mirrored layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) head: Head,
    pub(super) versions: BTreeMap<Key, Entry>,
}

/// What is known of the last run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// True if everything wanted was held when the last run ended, or refused for a reason that lasts.
    pub(super) settled: bool,
    /// Digest of everything but the listings that decides what a run does.
    pub(super) policy: Option<Digest>,
    /// Digest of the policy and keys by which the signatures of all that is held were judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) judged_by: Option<Digest>,
    /// By name: what each upstream listed.
    #[serde(default)]
    pub(super) upstreams: BTreeMap<String, Listed>,
    /// Numbers of versions, to be told again while nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<Counts>,
    /// What was refused, to be told again while nothing changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) refused: Vec<Event>,
    /// What sites have installed and nobody has, to be told again while nothing changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<Event>,
    /// What hinders nothing and lasts, to be told again as well: where upstreams tell different bytes, and what the selection
    /// warns of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) conflicts: Vec<Event>,
}

/// Numbers of versions at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// That upstreams list.
    pub(super) listed: usize,
    /// That are wanted.
    pub(super) wanted: usize,
    /// That the layer holds of those.
    pub(super) held: usize,
}

/// What an upstream listed the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    /// Digest of the listing.
    pub(super) listing: Digest,
    /// Number of its versions.
    pub(super) versions: usize,
    /// What the registry calls itself: name and version of its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<String>,
    /// Its index, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<Seen>,
}

/// What is remembered of an upstream's index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// False if the upstream has none.
    pub(super) there: bool,
    /// Digest of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
    /// With which it is asked for again.
    #[serde(default, skip_serializing_if = "Validators::are_absent")]
    pub(super) validators: Validators,
}

/// The record as it is written.
#[derive(Deserialize)]
struct Whole {
    schema: String,
    #[serde(flatten)]
    head: Head,
    versions: Vec<Line<Entry>>,
}

impl Record {
    /// Reads the record in a layer's folder for records; an empty one if there is none.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let Some(bytes) = fs::read_if_there(&path)? else { return Ok(Self::default()) };
        let hint = "hint: take it from a backup or repository, or move it away; the next run then looks at every zip";
        Self::parse(&bytes).with_context(|| format!("cannot understand {}\n{hint}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let whole: Whole = serde_json::from_slice(bytes)?;
        ensure!(whole.schema == SCHEMA, "its form is `{}`, and this program knows `{SCHEMA}`", whole.schema);
        let mut versions = BTreeMap::new();
        for Line { name, version, entry } in whole.versions {
            versions.insert(key(name, &version)?, entry);
        }
        Ok(Self { head: whole.head, versions })
    }

    /// The text of the record.
    fn render(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let head = serde_json::to_string(&self.head).context("cannot write the record")?;
        let head = head.strip_prefix('{').and_then(|head| head.strip_suffix('}')).unwrap_or_default();
        write!(text, "{{\"schema\":\"{SCHEMA}\",\n{head},\n\"versions\":[").context("cannot write the record")?;
        for (position, (key, entry)) in self.versions.iter().enumerate() {
            text.extend_from_slice(if position == 0 { b"\n" } else { b",\n" });
            serde_json::to_writer(&mut text, &line(key, entry)).context("cannot write the record")?;
        }
        text.extend_from_slice(b"\n]}\n");
        Ok(text)
    }

    /// Writes the record if it changed, and ends the journal, which it holds.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::renew_for_good(&folder.join(RECORD), &self.render()?)?;
        fs::remove_file_if_there(&folder.join(JOURNAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::version::Version;

    fn entry(state: State) -> Entry {
        Entry {
            sha256: Some(Digest::of(b"zip")),
            size: Some(3),
            format_version: Some("1.0.0".to_owned()),
            upstream: Some("elastic".to_owned()),
            validators: Validators { etag: Some("\"x\"".to_owned()), modified: None },
            ..Entry::new(state, "2026-01-01T00:00:00Z".to_owned())
        }
    }

    #[test]
    fn the_record_has_one_version_a_line_and_reads_as_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), Record::default());
        let mut record = Record::default();
        record.head.upstreams.insert(
            "elastic".to_owned(),
            Listed { listing: Digest::of(b"[]"), versions: 2, service: Some("epr 1.0".to_owned()), index: None },
        );
        for (version, state) in [("1.10.0", State::Held), ("1.9.0", State::GoneUpstream)] {
            record.versions.insert(("a".to_owned(), Version::strict(version).unwrap()), entry(state));
        }
        let journal = Journal::of(folder.path());
        let (first, held) = record.versions.iter().next().unwrap();
        journal.add([(first, held)].into_iter()).unwrap();
        assert_eq!(journal.left().unwrap(), [(first.clone(), held.clone())]);
        record.write(folder.path()).unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), record);
        assert!(journal.left().unwrap().is_empty());
        let text = std::fs::read_to_string(folder.path().join(RECORD)).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("{\"name\":")).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("1.9.0") && lines[0].contains("\"state\":\"gone-upstream\""), "{text}");
    }

    #[test]
    fn a_record_that_cannot_be_understood_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            "{\"schema\":\"epr-build/mirror/9\",\"settled\":true,\"policy\":null,\"versions\":[]}",
            "{\"schema\":\"epr-build/mirror/1\",\"settled\":true,\"policy\":null,\"versions\":[{\"name\":\"../x\",\"version\":\"1.0.0\",\"state\":\"held\",\"first_seen\":\"\"}]}",
        ] {
            std::fs::write(folder.path().join(RECORD), text).unwrap();
            let error = format!("{:#}", Record::read(folder.path()).unwrap_err());
            assert!(error.contains("cannot understand"), "{text}: {error}");
        }
    }

    /// A record comes from a repository, and a journal lies where others may write: no path leads out of the layer.
    #[test]
    fn paths_stay_below_the_layer() {
        let folder = tempfile::tempdir().unwrap();
        for (path, is_good) in [
            ("flat/a-1.0.0.zip", true),
            ("a-1.0.0.zip", true),
            ("a/b/..c.zip", true),
            ("../precious.zip", false),
            ("a/../../precious.zip", false),
            ("/etc/precious.zip", false),
            ("./a.zip", false),
            ("a//b.zip", false),
            ("a.zip/", false),
            ("a/precious", false),
            ("", false),
            (".epr-build/partial/a.zip", false),
            ("a\0.zip", false),
        ] {
            let mut record = Record::default();
            let key = ("a".to_owned(), Version::strict("1.0.0").unwrap());
            record.versions.insert(key.clone(), Entry { path: Some(path.into()), ..entry(State::Held) });
            record.write(folder.path()).unwrap();
            let found = Record::read(folder.path()).map_err(|error| format!("{error:#}"));
            let journal = Journal::of(folder.path());
            journal.add(record.versions.iter()).unwrap();
            let left = journal.left().map_err(|error| format!("{error:#}"));
            std::fs::remove_file(folder.path().join(JOURNAL)).unwrap();
            if is_good {
                assert_eq!((found.unwrap(), left.unwrap().len()), (record, 1), "{path}");
            } else {
                let (found, left) = (found.unwrap_err(), left.unwrap_err());
                assert!(found.contains("leads to no zip below") && found.contains("line 4"), "{path}: {found}");
                assert!(left.contains("leads to no zip below") && left.contains("line 1 of"), "{path}: {left}");
            }
        }
    }
}
