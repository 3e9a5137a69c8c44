//! `generations.log`: which generation was in use, since when, and by which program.
//!
//! A line is the name of a generation, the time, the version of this program, and the beginning of the digest of everything
//! up to there, by which damage is seen: `0123456789abcdef 2026-01-31T12:00:00Z 0.1.0 #89abcdef`. Lines of older versions
//! lack the digest, or have the name alone.

use crate::base::digest::Digest;
use crate::base::fs::{self, append};
use crate::base::time;
use anyhow::Result;
use std::path::Path;

/// Digits of a digest in a line.
const DIGITS: usize = 8;

/// That a generation was taken into use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Name of the generation.
    pub id: String,
    /// Since when, in seconds since 1970.
    pub since: Option<u64>,
    /// The version of the program that took it into use.
    pub program: Option<String>,
}

impl Use {
    fn of(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().filter(|word| !word.starts_with('#'));
        let id = words.next()?.to_owned();
        let since = words.next().and_then(time::parse_rfc3339);
        Some(Self { id, since, program: words.next().map(str::to_owned) })
    }

    fn now(id: &str) -> Self {
        let program = Some(env!("CARGO_PKG_VERSION").to_owned());
        Self { id: id.to_owned(), since: Some(time::now()), program }
    }

    /// The line behind a text.
    fn line(&self, before: &str) -> String {
        let since = self.since.map(|since| format!(" {}", time::rfc3339(since))).unwrap_or_default();
        let program = self.program.as_ref().map(|program| format!(" {program}")).unwrap_or_default();
        let body = format!("{}{since}{program}", self.id);
        format!("{body} #{}", sum(before, &body))
    }
}

fn sum(before: &str, body: &str) -> String {
    Digest::of(format!("{before}{body}").as_bytes()).short(DIGITS)
}

/// The lines of a log, in order.
pub(super) fn read(path: &Path) -> Vec<Use> {
    text(path).lines().filter_map(Use::of).collect()
}

/// What can be read of a log: a byte that is no text spoils its line alone.
fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Adds a line.
pub(super) fn add(path: &Path, id: &str) -> Result<()> {
    let before = text(path);
    if !before.is_empty() && !before.ends_with('\n') {
        // A line that was cut off stays alone.
        append(path, "")?;
    }
    append(path, &Use::now(id).line(&text(path)))
}

/// Returns true if every line is as it was written, and the last one is of the generation in use.
pub(super) fn is_intact(path: &Path, current: &str) -> bool {
    let Ok(text) = fs::read_text(path) else { return false };
    let (mut before, mut is_summed) = (0, false);
    for line in text.split_inclusive('\n') {
        let Some(line_text) = line.strip_suffix('\n') else { return false };
        match line_text.rsplit_once(" #") {
            Some((body, digits)) if sum(&text[..before], body) == digits => is_summed = true,
            None if !is_summed => {}
            _ => return false,
        }
        before += line.len();
    }
    text.lines().filter_map(Use::of).next_back().is_some_and(|last| last.id == current)
}

/// Writes a log anew with the lines that can be read, and with the generation in use at its end.
pub(super) fn mend(path: &Path, current: &str) -> Result<()> {
    let is_name = |id: &str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut uses: Vec<Use> = read(path).into_iter().filter(|one| is_name(&one.id)).collect();
    if uses.last().is_none_or(|last| last.id != current) {
        uses.push(Use::now(current));
    }
    let mut text = String::new();
    for one in &uses {
        text += &(one.line(&text) + "\n");
    }
    let temporary = path.with_extension("new");
    fs::remove_file_if_there(&temporary)?;
    fs::write_file(&temporary, text.as_bytes())?;
    fs::flush(&temporary)?;
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
        add(&path, a).unwrap();
        add(&path, b).unwrap();
        let good = std::fs::read(&path).unwrap();
        assert!(is_intact(&path, b) && !is_intact(&path, a));
        let ids = |path: &Path| read(path).into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(&path), [a, b, a, b]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(!is_intact(&path, b), "byte {at}: {}", String::from_utf8_lossy(&bad));
            mend(&path, b).unwrap();
            assert!(is_intact(&path, b), "byte {at}: {}", std::fs::read_to_string(&path).unwrap());
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(!is_intact(&path, b) || good[..at].ends_with(b"Z\n"), "cut at {at}");
            mend(&path, b).unwrap();
            assert!(is_intact(&path, b), "cut at {at}");
        }
    }
}
