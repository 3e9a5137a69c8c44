//! Facts of versions: what an upstream's listing and its documents say, kept for ever, so that versions can be chosen
//! without asking again.
//!
//! A published version never changes its facts, as far as anything is promised; so a version that an upstream has lost keeps
//! those that it had. The file is `facts.jsonl.zst`: one version a line, sorted by name and version.

use crate::base::fs;
use crate::config::overrides::Override;
use crate::dialect::version::Version;
use crate::select::Candidate;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// The file, beside the record.
pub(super) const FILE: &str = "facts.jsonl.zst";
/// The first line: who cannot read this form reads nothing.
const HEADER: &str = "{\"schema\":\"epr-build/mirror-facts/1\"}";
/// Longest line: an element of a listing is no longer, and only a part of it is kept.
const MOST_LINE_BYTES: u64 = 4 << 20;
/// Level of compression: the file is some hundred kilobytes at any, and higher ones take tens of megabytes of memory.
const LEVEL: i32 = 3;

/// A version of a package, by name and then by the registry's order.
pub type Key = (String, Version);

/// All facts, by version.
pub type FactsTable = BTreeMap<Key, Facts>;

/// What is known of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The upstream that listed it, the first one in order.
    pub upstream: String,
    /// True if the last listing has it.
    pub listed: bool,
    /// True if no listing has it, and the upstream gives it to whoever asks for it by name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// True if the upstream says that it has a signature.
    pub signed: bool,
    /// The version of the package specification; in no listing, so absent until the document or the zip was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_version: Option<String>,
    /// What stands for it, if only the listings by bounds of Kibanas told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_class: Option<FormatClass>,
    /// Bytes of its zip, where the upstream's index tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The licence that old packages name instead of a subscription; known from the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What the listing says of it, as a JSON object of the keys that a selection may ask for.
    pub item: String,
}

/// A format that passes the same bounds of Kibanas as that of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatClass {
    /// The format.
    pub spec: String,
    /// The bounds.
    pub bounds: String,
}

/// What upstreams hide, of those that tell.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Versions, each with the first upstream that hides it.
    pub(super) versions: BTreeMap<Key, String>,
    /// Names of upstreams that tell all that they hide.
    pub(super) tellers: BTreeSet<String>,
}

impl Facts {
    /// Returns true if an upstream gives it, whether it is listed or not.
    pub fn is_given(&self) -> bool {
        self.listed || self.hidden
    }

    /// The version as selections see it, and as overrides have it told.
    ///
    /// # Errors
    /// When what its upstream says of it cannot be understood.
    pub(super) fn candidate(
        &self,
        (name, version): &Key,
        format: Option<&str>,
        overrides: &[Override],
    ) -> Result<Candidate> {
        let candidate = Candidate::of_item(&self.item, name, version, format, self.license.as_deref())?;
        Ok(Candidate { is_hidden: self.hidden, ..candidate }.overridden(overrides))
    }

    /// The format of the version, or one that every Kibana treats alike; nothing if neither is known.
    pub fn known_format(&self) -> Option<&str> {
        self.format_version.as_deref().or(self.format_class.as_ref().map(|class| class.spec.as_str()))
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line<F> {
    name: String,
    version: String,
    #[serde(flatten)]
    facts: F,
}

/// Brings what a listing says together with what was known: what documents told stays, and what is listed no more is marked.
pub(super) fn merge(known: FactsTable, listed: BTreeMap<Key, Facts>, hidden: &Hidden) -> FactsTable {
    let mut table = known;
    for (key, facts) in &mut table {
        facts.listed = false;
        match hidden.versions.get(key) {
            Some(upstream) => (facts.hidden, facts.upstream) = (true, upstream.clone()),
            // Who does not tell has to be asked.
            None => facts.hidden &= !hidden.tellers.contains(&facts.upstream),
        }
    }
    for (key, mut facts) in listed {
        if let Some(before) = table.remove(&key) {
            facts.format_version = facts.format_version.or(before.format_version);
            facts.format_class = before.format_class;
            facts.license = facts.license.or(before.license);
            // Another upstream may give other bytes.
            facts.bytes = facts.bytes.or(before.bytes.filter(|_| before.upstream == facts.upstream));
        }
        table.insert(key, facts);
    }
    table
}

/// Reads the facts in a layer's folder for records; none if there is no such file.
pub(super) fn read(folder: &Path) -> Result<FactsTable> {
    let path = folder.join(FILE);
    let Some(file) = fs::open_unlinked_if_there(&path)? else { return Ok(FactsTable::new()) };
    let hint = "hint: remove the file; the next run asks for everything again";
    parse(file).with_context(|| format!("cannot understand {}\n{hint}", path.display()))
}

fn parse(file: impl Read) -> Result<FactsTable> {
    let mut text = BufReader::new(zstd::Decoder::new(file)?);
    let mut table = FactsTable::new();
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        text.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        let content = line.strip_suffix(b"\n").context("a line is cut off")?;
        if is_first {
            ensure!(content == HEADER.as_bytes(), "it is of another form");
            is_first = false;
            continue;
        }
        let Line { name, version, facts } = serde_json::from_slice(content)?;
        let version = Version::strict(&version)?;
        table.insert((name, version), facts);
    }
    ensure!(!is_first, "it is empty");
    Ok(table)
}

/// Writes the facts in place of the ones that were there, if they differ.
pub(super) fn write(folder: &Path, table: &FactsTable) -> Result<()> {
    let mut packed = zstd::Encoder::new(Vec::new(), LEVEL).context("cannot compress")?;
    writeln!(packed, "{HEADER}").context("cannot compress")?;
    for ((name, version), facts) in table {
        let line = Line { name: name.clone(), version: version.to_string(), facts };
        serde_json::to_writer(&mut packed, &line).context("cannot write facts")?;
        packed.write_all(b"\n").context("cannot compress")?;
    }
    let bytes = packed.finish().context("cannot compress")?;
    fs::renew_for_good(&folder.join(FILE), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(item: &str, format_version: Option<&str>) -> Facts {
        Facts {
            upstream: "elastic".to_owned(),
            listed: true,
            hidden: false,
            signed: true,
            format_version: format_version.map(str::to_owned),
            format_class: None,
            bytes: None,
            license: None,
            item: item.to_owned(),
        }
    }

    fn key(name: &str, version: &str) -> Key {
        (name.to_owned(), Version::strict(version).unwrap())
    }

    #[test]
    fn facts_are_written_and_read_and_outlive_the_listing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap().is_empty());
        let first = FactsTable::from([
            (key("a", "1.0.0"), facts("{\"type\":\"integration\"}", Some("1.0.0"))),
            (key("a", "1.10.0"), facts("{}", None)),
            (key("a", "1.9.0"), facts("{}", None)),
        ]);
        write(folder.path(), &first).unwrap();
        assert_eq!(read(folder.path()).unwrap(), first);
        let listed = BTreeMap::from([(key("a", "1.0.0"), facts("{\"type\":\"input\"}", None))]);
        let merged = merge(first, listed, &Hidden::default());
        assert_eq!(merged[&key("a", "1.0.0")], facts("{\"type\":\"input\"}", Some("1.0.0")));
        assert!(!merged[&key("a", "1.9.0")].listed);
        let versions: Vec<_> = merged.keys().map(|(_, version)| version.as_str()).collect();
        assert_eq!(versions, ["1.0.0", "1.9.0", "1.10.0"]);
    }

    /// What an index told once stays known, unless another upstream gives the version now.
    #[test]
    fn bytes_stay_known() {
        let sized = || Facts { bytes: Some(7), ..facts("{}", None) };
        let elsewhere = Facts { upstream: "other".to_owned(), ..facts("{}", None) };
        for (listed, expected) in [(facts("{}", None), Some(7)), (elsewhere, None)] {
            let known = FactsTable::from([(key("a", "1.0.0"), sized())]);
            let merged = merge(known, BTreeMap::from([(key("a", "1.0.0"), listed)]), &Hidden::default());
            assert_eq!(merged[&key("a", "1.0.0")].bytes, expected);
        }
        let text = serde_json::to_string(&facts("{}", None)).unwrap();
        assert!(!text.contains("bytes"), "{text}");
    }

    #[test]
    fn a_damaged_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [b"".to_vec(), b"nonsense".to_vec(), zstd::encode_all(&b"{}\n"[..], 1).unwrap()] {
            std::fs::write(folder.path().join(FILE), &bytes).unwrap();
            let error = format!("{:#}", read(folder.path()).unwrap_err());
            assert!(error.contains("cannot understand") && error.contains("hint: remove the file"), "{error}");
        }
    }
}
