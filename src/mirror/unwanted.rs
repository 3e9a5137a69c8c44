//! Since when versions are held that nobody wants, and whether the last run reached its upstreams.
//!
//! A run notes it beside the record, in `unwanted.json`, one version a line. Whoever removes versions later waits until they
//! were not wanted for long, so that a slip in a selection, which the next run takes back, costs nothing. Without the file
//! the time begins anew.

use super::facts::Key;
use crate::base::fs;
use crate::base::time;
use crate::dialect::version::Version;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file, beside the record.
pub(super) const FILE: &str = "unwanted.json";
/// The form of the file; who does not know it refuses it.
const SCHEMA: &str = "epr-build/mirror-unwanted/1";

/// What runs noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unwanted {
    /// Why the last run could not reach its upstreams; absent if it could.
    pub(super) failure: Option<Failure>,
    /// Versions that are held and not wanted, each with the time of the first run that did not want it, in seconds since 1970.
    pub(super) since: BTreeMap<Key, u64>,
}

/// A run that could not reach an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// When.
    pub(super) time: String,
    /// Why, in words.
    pub(super) why: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    version: String,
    since: String,
}

#[derive(Deserialize)]
struct Whole {
    schema: String,
    failure: Option<Failure>,
    versions: Vec<Line>,
}

impl Unwanted {
    /// Reads what was noted in a layer's folder for records; nothing if there is no such file.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let Some(bytes) = fs::read_if_there(&path)? else { return Ok(Self::default()) };
        let hint = "hint: move it away; the time for which versions were not wanted then begins anew";
        Self::parse(&bytes).with_context(|| format!("cannot understand {}\n{hint}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let Whole { schema, failure, versions } = serde_json::from_slice(bytes)?;
        ensure!(schema == SCHEMA, "its form is `{schema}`, and this program knows `{SCHEMA}`");
        let mut since = BTreeMap::new();
        for Line { name, version, since: time } in versions {
            let seconds =
                time::parse_rfc3339(&time).with_context(|| format!("`{}` is no time", time.escape_debug()))?;
            let version =
                Version::strict(&version).with_context(|| format!("`{}` of {name}", version.escape_debug()))?;
            since.insert((name, version), seconds);
        }
        Ok(Self { failure, since })
    }

    /// Writes it, if it says something else than before.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        if *self == Self::default() {
            return fs::remove_file_if_there(&path);
        }
        let failure = serde_json::to_string(&self.failure).context("cannot write a line")?;
        let mut text = format!("{{\"schema\":\"{SCHEMA}\",\n\"failure\":{failure},\n\"versions\":[");
        for (position, ((name, version), since)) in self.since.iter().enumerate() {
            let line = Line { name: name.clone(), version: version.to_string(), since: time::rfc3339(*since) };
            text += if position == 0 { "\n" } else { ",\n" };
            text += &serde_json::to_string(&line).context("cannot write a line")?;
        }
        text += "\n]}\n";
        fs::renew_for_good(&path, text.as_bytes())
    }

    /// Brings it up to date: what is held and not wanted keeps its time or begins now; everything else is forgotten.
    pub(super) fn renew<'a>(
        &mut self,
        held: impl Iterator<Item = &'a Key>,
        is_wanted: impl Fn(&Key) -> bool,
        now: u64,
    ) {
        let before = std::mem::take(&mut self.since);
        for key in held.filter(|key| !is_wanted(key)) {
            // A time in the future comes from a clock that was wrong; it must not make versions stay for ever.
            let since = before.get(key).copied().filter(|since| *since <= now).unwrap_or(now);
            self.since.insert(key.clone(), since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(version: &str) -> Key {
        ("a".to_owned(), Version::strict(version).unwrap())
    }

    #[test]
    fn the_first_run_that_does_not_want_a_version_counts() {
        let held = [key("1.0.0"), key("1.1.0"), key("1.2.0")];
        let mut unwanted = Unwanted::default();
        let since = |unwanted: &Unwanted| {
            unwanted.since.iter().map(|(key, time)| (key.1.to_string(), *time)).collect::<Vec<_>>()
        };
        let is = |version: &str, time| (version.to_owned(), time);
        unwanted.renew(held.iter(), |key| key.1.as_str() != "1.0.0", 100);
        assert_eq!(since(&unwanted), [is("1.0.0", 100)]);
        unwanted.renew(held.iter(), |key| key.1.as_str() == "1.2.0", 200);
        assert_eq!(since(&unwanted), [is("1.0.0", 100), is("1.1.0", 200)]);
        // Wanted again, and not any more: the time begins anew. What is held no more is forgotten.
        unwanted.renew(held.iter(), |key| key.1.as_str() != "1.1.0", 300);
        unwanted.renew(held[..2].iter(), |_| false, 400);
        assert_eq!(since(&unwanted), [is("1.0.0", 400), is("1.1.0", 200)]);
        // A clock that was ahead.
        unwanted.renew(held[..2].iter(), |_| false, 150);
        assert_eq!(since(&unwanted), [is("1.0.0", 150), is("1.1.0", 150)]);
    }

    #[test]
    fn it_is_read_as_written_and_damage_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Some(Failure { time: "2026-01-01T00:00:00Z".to_owned(), why: "no connection".to_owned() });
        let since = [(key("1.10.0"), 1_700_000_000), (key("1.9.0"), 1_600_000_000)].into();
        let unwanted = Unwanted { failure, since };
        unwanted.write(folder.path()).unwrap();
        assert_eq!(Unwanted::read(folder.path()).unwrap(), unwanted);
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.find("1.9.0") < text.find("1.10.0"), "{text}");
        Unwanted::default().write(folder.path()).unwrap();
        assert!(!folder.path().join(FILE).exists());
        for text in ["", "{}", "{\"schema\":\"epr-build/mirror-unwanted/9\",\"failure\":null,\"versions\":[]}"] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = format!("{:#}", Unwanted::read(folder.path()).unwrap_err());
            assert!(error.contains("cannot understand") && error.contains("hint: "), "{error}");
        }
    }
}
