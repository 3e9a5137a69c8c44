//! `generations.log`: which generation was in use, since when, by which program, and the numbers of these switches.
//!
//! A line is the name of a generation, the time, the version of this program, the number of the switch, what switched, and the
//! beginning of the digest of everything up to there, by which damage is seen:
//! `0123456789abcdef 2026-01-31T12:00:00Z 0.1.0 7 build #89abcdef`. The file has the time that is made from its content, so that
//! lines that are gone from its end are missed, too. Lines of older versions have less, down to the name
//! alone; each counts as one switch.

use crate::base::digest::Digest;
use crate::base::fs::{self, Scrutiny, append};
use crate::base::time;
use anyhow::Result;
use std::fmt;
use std::path::Path;

/// Digits of a digest in a line.
const DIGITS: usize = 8;
/// Stands for what is not known.
const UNKNOWN: &str = "-";

/// Returns true if a generation can have this name, see [`id`](super::distribution::id); what has another one is somebody
/// else's.
pub fn is_id(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// That a generation was taken into use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Name of the generation.
    pub id: String,
    /// Since when, in seconds since 1970.
    pub since: Option<u64>,
    /// The version of the program that took it into use.
    pub program: Option<String>,
    /// Number of the switch in this output folder: higher than that of every earlier one.
    pub number: u64,
    /// What switched.
    pub by: Switch,
}

/// What takes a generation into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A build here.
    Build,
    /// A rollback here.
    Rollback,
    /// A bundle, with the number that its sender gave it; 0 if it has none.
    Bundle(u64),
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => f.write_str("build"),
            Self::Rollback => f.write_str("rollback"),
            Self::Bundle(number) => write!(f, "bundle:{number}"),
        }
    }
}

impl Switch {
    fn parse(word: &str) -> Self {
        let number = || word.strip_prefix("bundle:")?.parse().ok();
        if word == "rollback" { Self::Rollback } else { number().map_or(Self::Build, Self::Bundle) }
    }
}

impl Use {
    /// Reads a line that follows upon the switch of a number.
    fn of(line: &str, last: u64) -> Option<Self> {
        let mut words = line.split_whitespace().filter(|word| !word.starts_with('#'));
        let id = words.next()?.to_owned();
        let since = words.next().and_then(time::parse_rfc3339);
        let program = words.next().filter(|word| *word != UNKNOWN).map(str::to_owned);
        let next = last.saturating_add(1);
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(next).max(next);
        let by = words.next().map_or(Switch::Build, Switch::parse);
        Some(Self { id, since, program, number, by })
    }

    /// A switch at this moment that follows upon others.
    fn now(uses: &[Self], id: &str, by: Switch) -> Self {
        let last = uses.last().map_or(0, |one| one.number);
        let sent = if let Switch::Bundle(number) = by { number } else { 0 };
        Self {
            id: id.to_owned(),
            since: Some(time::now()),
            program: Some(env!("CARGO_PKG_VERSION").to_owned()),
            number: last.saturating_add(1).max(sent),
            by,
        }
    }

    /// The line behind a text.
    fn line(&self, before: &str) -> String {
        let since = self.since.map_or_else(|| UNKNOWN.to_owned(), time::rfc3339);
        let program = self.program.as_deref().unwrap_or(UNKNOWN);
        let body = format!("{} {since} {program} {} {}", self.id, self.number, self.by);
        format!("{body} #{}", sum(before, &body))
    }
}

/// The beginning of the digest of a line and all before it.
pub(super) fn sum(before: &str, body: &str) -> String {
    Digest::of(format!("{before}{body}").as_bytes()).short(DIGITS)
}

/// The number below which a bundle is older than what was taken into use. A rollback is a choice for a while: it counts
/// for those who take bundles from here, and not for the bundles that are taken in here.
pub fn newest(uses: &[Use]) -> u64 {
    let last = uses.iter().rev().find(|one| one.by != Switch::Rollback);
    last.map_or(0, |one| if let Switch::Bundle(number) = one.by { number } else { one.number })
}

fn parse(log: &str) -> Vec<Use> {
    let mut uses: Vec<Use> = Vec::new();
    for line in log.lines() {
        uses.extend(Use::of(line, uses.last().map_or(0, |one| one.number)));
    }
    uses
}

/// The lines of a log, in order.
pub(super) fn read(path: &Path) -> Vec<Use> {
    parse(&text(path))
}

/// What can be read of a log: a byte that is no text spoils its line alone.
pub(super) fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Adds a line.
pub(super) fn add(path: &Path, id: &str, by: Switch) -> Result<()> {
    let before = text(path);
    if !before.is_empty() && !before.ends_with('\n') {
        // A line that was cut off stays alone.
        append(path, "")?;
    }
    let before = text(path);
    append(path, &Use::now(&parse(&before), id, by).line(&before))?;
    date(path)
}

/// Gives a log the time of its content.
pub(super) fn date(path: &Path) -> Result<()> {
    fs::set_time(path, fs::digest_of_file(path)?.0.modified())
}

/// Returns true if every line is as it was written, none is gone, and the last one is of the generation in use.
pub(super) fn is_intact(path: &Path, current: &str) -> bool {
    // Logs of older versions have neither sums nor their time.
    let is_whole = || fs::is_dated(path, Scrutiny::Read) || !text(path).contains(" #");
    intact(path).is_some_and(|uses| uses.last().is_some_and(|last| last.id == current)) && is_whole()
}

/// Returns true if every line is as it was written, and one of them is of the generation in use: a switch that was interrupted
/// has its line already.
pub(super) fn proves(path: &Path, current: &str) -> bool {
    intact(path).is_some_and(|uses| uses.iter().any(|one| one.id == current))
}

/// The lines of a log, if all are as they were written.
fn intact(path: &Path) -> Option<Vec<Use>> {
    let text = fs::read_text(path).ok()?;
    let (mut before, mut is_summed) = (0, false);
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n')?.rsplit_once(" #") {
            Some((body, digits)) if sum(&text[..before], body) == digits => is_summed = true,
            None if !is_summed => {}
            _ => return None,
        }
        before += line.len();
    }
    Some(parse(&text))
}

/// Writes a log anew with the lines that can be read, and with the generation in use at its end, where `by` is what is known
/// of the switch to it.
pub(super) fn mend(path: &Path, current: &str, by: Switch) -> Result<()> {
    let mut uses: Vec<Use> = read(path).into_iter().filter(|one| is_id(&one.id)).collect();
    if uses.last().is_none_or(|last| last.id != current) {
        uses.push(Use::now(&uses, current, by));
    }
    let mut text = String::new();
    for one in &uses {
        text += &(one.line(&text) + "\n");
    }
    replace(path, &text)
}

/// Puts another log in the place of one.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    fs::remove_file_if_there(&temporary)?;
    fs::write_file(&temporary, text.as_bytes())?;
    date(&temporary)?;
    fs::flush(&temporary)?;
    if fs::link_metadata(path).is_ok_and(|stat| stat.is_dir()) {
        fs::remove_folder(path)?;
    }
    fs::rename_for_good(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_damage_and_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("generations.log");
        let (a, b) = ("0123456789abcdef", "fedcba9876543210");
        std::fs::write(&path, format!("{a}\n{b} 2026-01-31T12:00:00Z\n")).unwrap();
        assert!(is_intact(&path, b) && !is_intact(&path, a), "lines of older versions");
        add(&path, a, Switch::Bundle(9)).unwrap();
        add(&path, b, Switch::Rollback).unwrap();
        let good = std::fs::read(&path).unwrap();
        assert!(is_intact(&path, b) && !is_intact(&path, a));
        let uses = read(&path);
        assert_eq!(uses.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [a, b, a, b]);
        assert_eq!(uses.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 9, 10]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(!is_intact(&path, b), "byte {at}: {}", String::from_utf8_lossy(&bad));
            mend(&path, b, Switch::Build).unwrap();
            assert!(is_intact(&path, b), "byte {at}: {}", std::fs::read_to_string(&path).unwrap());
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(!is_intact(&path, b) || good[..at].ends_with(b"Z\n"), "cut at {at}");
            mend(&path, b, Switch::Build).unwrap();
            assert!(is_intact(&path, b), "cut at {at}");
        }
    }

    #[test]
    fn numbers_grow_with_every_switch() {
        for (log, numbers, expected) in [
            ("", &[][..], 0),
            // Lines of older programs, and one that nothing can be made of.
            ("a\nb 2026-01-31T12:00:00Z 0.1.0\n\nc x y z\n", &[1, 2, 3], 3),
            ("a 2026-01-31T12:00:00Z 0.1.0 7 build\nb 2026-01-31T12:00:00Z 0.1.0 8 rollback\n", &[7, 8], 7),
            ("a - - 1 bundle:40\nb - - 41 bundle:41\nc - - 42 rollback\nd - - 43 rollback\n", &[1, 41, 42, 43], 41),
            // What an older bundle brought on purpose counts from then on.
            ("a - - 41 bundle:41\nb - - 42 bundle:3\n", &[41, 42], 3),
            // A number that fell, by an edit.
            ("a - - 9 build\nb - - 2 build\n", &[9, 10], 10),
        ] {
            let uses = parse(log);
            assert_eq!(uses.iter().map(|one| one.number).collect::<Vec<_>>(), numbers, "{log}");
            assert_eq!(newest(&uses), expected, "{log}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut uses: Vec<Use> = Vec::new();
        for by in [Switch::Build, Switch::Bundle(9), Switch::Rollback, Switch::Bundle(0), Switch::Bundle(u64::MAX)] {
            uses.push(Use::now(&uses, "0123456789abcdef", by));
        }
        let mut log = String::new();
        for one in &uses {
            log += &(one.line(&log) + "\n");
        }
        assert_eq!(parse(&log), uses, "{log}");
        assert_eq!(uses.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 9, 10, 11, u64::MAX]);
        let unknown = Use { since: None, program: None, ..uses[0].clone() };
        assert_eq!(parse(&unknown.line("")), [unknown]);
    }
}
