//! The record of a mirrored layer: which versions it holds with which bytes, from where, and what happened to the others.
//!
//! `mirror.json` is sorted and has one version a line, so that a repository shows what a run changed; with it a run can be
//! repeated to the byte. What is known of a version is written to a journal before its files come into place, so that a run
//! that is killed loses nothing that it had; the next run looks at the files and believes no line that they contradict.

use super::event::Event;
use super::facts::Key;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::dialect::version::Version;
use crate::input::source::JOURNAL_FOLDER;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The record.
pub(super) const RECORD: &str = "mirror.json";
/// What is added to it while a run goes on.
pub(super) const JOURNAL: &str = "mirror.journal";
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
    /// What was refused, to be told again while nothing changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) refused: Vec<Event>,
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

/// Seconds for which a version that was refused is left alone while it is listed in the same way.
const REST: u64 = 24 * 60 * 60;

/// A refusal that lasts: the same bytes would be refused again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// Seconds since 1970.
    pub(super) at: u64,
    /// Digest of what the upstream told and of what the version was judged by.
    pub(super) terms: Digest,
}

impl Refusal {
    /// Returns true if the version need not be tried again yet.
    pub(super) fn rests(&self, now: u64) -> bool {
        now.checked_sub(self.at).is_some_and(|age| age < REST)
    }
}

/// State of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// The layer holds it, and its upstream lists it.
    Held,
    /// The layer holds it, and no upstream lists it any more.
    GoneUpstream,
    /// The layer holds it, and an upstream gives other bytes under its name now.
    Changed,
    /// An upstream lists it, and what it gave was refused, or it gave nothing.
    Refused,
}

/// What is known of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What has become of it.
    pub(super) state: State,
    /// Digest of the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Digest>,
    /// Bytes of the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// Digest of the signature file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature_sha256: Option<Digest>,
    /// What was found about the signature, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
    /// The version of the package specification, from the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format_version: Option<String>,
    /// The upstream that gave it, or lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<String>,
    /// The address that gave the zip, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// Validators of the zip, to ask whether it is still the same.
    #[serde(default, skip_serializing_if = "Validators::are_absent")]
    pub(super) validators: Validators,
    /// Path below the layer's folder, where it is another than `NAME/NAME-VERSION.zip`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "place_below")]
    pub(super) path: Option<PathBuf>,
    /// When the version was first held or refused.
    pub(super) first_seen: String,
    /// Digest of what the upstream gives now for a version that is held with other bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) changed_to: Option<Digest>,
    /// Why it is in this state, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<String>,
    /// Why the layer is to hold it, in words, if a selection or a keep file says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wanted: Vec<String>,
    /// When and on which terms it was refused, if that lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<Refusal>,
    /// Why it would be refused if it came now, although it is held: policy or keys changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unfit: Option<String>,
}

/// What a server says of a file so that one can ask for it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    /// The header `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// The header `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
}

impl Validators {
    fn are_absent(&self) -> bool {
        *self == Self::default()
    }

    /// The value for `If-Range`: a strong ETag or the date of change, with which a server can tell that parts fit together.
    pub(super) fn for_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| etag.starts_with('"'));
        strong.or(self.modified.as_deref())
    }
}

impl Entry {
    /// A version in a state since then, of which nothing else is known.
    pub(super) fn new(state: State, first_seen: String) -> Self {
        Self {
            state,
            sha256: None,
            size: None,
            signature_sha256: None,
            signature: None,
            format_version: None,
            upstream: None,
            url: None,
            validators: Validators::default(),
            path: None,
            first_seen,
            changed_to: None,
            reasons: Vec::new(),
            wanted: Vec::new(),
            refusal: None,
            unfit: None,
        }
    }

    /// Returns true if the layer is said to hold the version.
    pub(super) fn is_held(&self) -> bool {
        self.state != State::Refused
    }
}

/// A line of the record or journal.
#[derive(Serialize, Deserialize)]
struct Line<E> {
    name: String,
    version: String,
    #[serde(flatten)]
    entry: E,
}

/// Reads the path of a zip, which must lead to one below the layer's folder and outside of that of the records: files are
/// moved, overwritten and removed there.
fn place_below<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let is_plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if text.ends_with(".zip") && text.split('/').all(is_plain) && text.split('/').next() != Some(JOURNAL_FOLDER) {
        return Ok(Some(text.into()));
    }
    let shown = crate::base::shown::printable(&text, 80);
    Err(serde::de::Error::custom(format!("the path `{shown}` leads to no zip below the layer's folder")))
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
        let path = folder.join(RECORD);
        let text = self.render()?;
        if fs::read_if_there(&path)?.is_none_or(|before| before != text) {
            fs::write_over_for_good(&path, &text)?;
        }
        fs::remove_file_if_there(&folder.join(JOURNAL))
    }
}

/// The journal of a run.
pub(super) struct Journal(PathBuf);

impl Journal {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join(JOURNAL))
    }

    /// Adds what will be true when the files are in place.
    pub(super) fn add<'a>(&self, entries: impl Iterator<Item = (&'a Key, &'a Entry)>) -> Result<()> {
        let lines = entries.map(|(key, entry)| serde_json::to_string(&line(key, entry)));
        let lines = lines.collect::<Result<Vec<_>, _>>().context("cannot write a line")?;
        fs::append(&self.0, &lines.join("\n"))?;
        fs::flush(&self.0)
    }

    /// The lines of a run that was killed; one that was cut off tells nothing.
    pub(super) fn left(&self) -> Result<Vec<(Key, Entry)>> {
        let Some(bytes) = fs::read_if_there(&self.0)? else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(&bytes);
        let mut left = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let understood = match serde_json::from_str::<Line<Entry>>(line) {
                Ok(Line { name, version, entry }) => key(name, &version).map(|key| left.push((key, entry))),
                // Whole, and says what no run writes.
                Err(error) if error.is_data() => Err(error.into()),
                Err(_) => Ok(()),
            };
            let hint = "hint: somebody else wrote it; move it away";
            let place = || format!("cannot understand line {} of {}\n{hint}", number + 1, self.0.display());
            understood.with_context(place)?;
        }
        Ok(left)
    }
}

fn line<'a>(key: &Key, entry: &'a Entry) -> Line<&'a Entry> {
    Line { name: key.0.clone(), version: key.1.to_string(), entry }
}

fn key(name: String, version: &str) -> Result<Key> {
    ensure!(super::listing::is_name(&name), "`{}` is not the name of a package", name.escape_debug());
    let version = Version::strict(version).with_context(|| format!("`{}` of {name}", version.escape_debug()))?;
    Ok((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_line_that_was_cut_off_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::of(folder.path());
        let key = ("a".to_owned(), Version::strict("1.0.0").unwrap());
        journal.add([(&key, &entry(State::Held))].into_iter()).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        assert_eq!(journal.left().unwrap().len(), 1);
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

    #[test]
    fn parts_fit_together_by_strong_validators_only() {
        let validators = |etag: Option<&str>, modified: Option<&str>| Validators {
            etag: etag.map(str::to_owned),
            modified: modified.map(str::to_owned),
        };
        assert_eq!(validators(Some("\"a\""), Some("date")).for_range(), Some("\"a\""));
        assert_eq!(validators(Some("W/\"a\""), Some("date")).for_range(), Some("date"));
        assert_eq!(validators(Some("W/\"a\""), None).for_range(), None);
    }
}
