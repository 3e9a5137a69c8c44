//! `releases.log`: which releases were made and removed, and why.
//!
//! A line is a JSON object whose last field is the beginning of the digest of everything up to there, by which damage is
//! seen: `{"generation":"0123456789abcdef","released":"8.5.0","sum":"89abcdef"}`. Lines of older versions have no such field.
//! The file has the time that is made from its content, so that lines that are gone from its end are missed, too.

use crate::base::fs::{self, Scrutiny, append};
use crate::generation::uses::{date, replace, sum, text};
use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Between what a line says and its sum.
const SUM: &str = ",\"sum\":\"";
/// Behind the sum.
const END: &str = "\"}";

/// What a line can say.
const FIELDS: [&str; 5] = ["released", "removed", "generation", "kibana", "reason"];

/// What a line says.
#[derive(Deserialize)]
pub(super) struct Noted {
    released: Option<String>,
    pub(super) generation: String,
    pub(super) kibana: Option<String>,
}

/// A line with its sum.
fn summed(before: &str, line: &str) -> String {
    let body = line.strip_suffix('}').unwrap_or(line);
    format!("{body}{SUM}{}{END}", sum(before, body))
}

/// What a line says, and its sum if it has one.
fn parts(line: &str) -> (String, Option<&str>) {
    match line.strip_suffix(END).and_then(|line| line.rsplit_once(SUM)) {
        Some((body, sum)) => (format!("{body}}}"), Some(sum)),
        None => (line.to_owned(), None),
    }
}

/// Adds a line, unless it is the last one already: a run that was stopped afterwards says the same.
pub(super) fn add(path: &Path, line: &Value) -> Result<()> {
    let (before, line) = (text(path), line.to_string());
    if before.lines().next_back().is_some_and(|last| parts(last).0 == line) {
        return Ok(());
    }
    if !before.is_empty() && !before.ends_with('\n') {
        // A line that was cut off stays alone.
        append(path, "")?;
    }
    append(path, &summed(&text(path), &line))?;
    date(path)
}

/// What the last line says that a release of this name was made.
pub(super) fn released(path: &Path, name: &str) -> Option<Noted> {
    let log = text(path);
    let mut lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Noted>(line).ok());
    lines.find(|noted| noted.released.as_deref() == Some(name))
}

/// Returns true if a line says that a release of this name was made.
pub(super) fn has(path: &Path, name: &str) -> bool {
    released(path, name).is_some()
}

/// Returns true if every line is as it was written and none is gone.
pub(super) fn is_intact(path: &Path) -> bool {
    let Ok(Some(bytes)) = fs::read_if_there(path) else { return fs::link_metadata(path).is_err() };
    let Ok(text) = String::from_utf8(bytes) else { return false };
    let (mut before, mut is_summed) = (0, false);
    for line in text.split_inclusive('\n') {
        let (said, digits) = parts(line.trim_end_matches('\n'));
        let body = said.strip_suffix('}').unwrap_or(&said);
        match digits {
            Some(digits) if sum(&text[..before], body) == digits => is_summed = true,
            None if !is_summed && is_of_old(&said) => {}
            _ => return false,
        }
        before += line.len();
    }
    // Logs of older versions have neither sums nor their time.
    (text.is_empty() || text.ends_with('\n')) && (!is_summed || fs::is_dated(path, Scrutiny::Read))
}

/// Returns true if this can be a line of an older version.
fn is_of_old(line: &str) -> bool {
    let fields: Option<BTreeMap<String, String>> = serde_json::from_str(line).ok();
    fields.is_some_and(|fields| fields.keys().all(|name| FIELDS.contains(&name.as_str())))
}

/// Writes a log anew with the lines that can be read, and with others at its end.
pub(super) fn mend(path: &Path, others: &[Value]) -> Result<()> {
    let log = text(path);
    let readable = log.lines().filter(|line| serde_json::from_str::<Noted>(line).is_ok()).map(|line| parts(line).0);
    let mut whole = String::new();
    for line in readable.chain(others.iter().map(Value::to_string)) {
        whole += &(summed(&whole, &line) + "\n");
    }
    replace(path, &whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_tells_damage_and_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("releases.log");
        assert!(is_intact(&path), "none is needed where there are no releases");
        let old = json!({ "released": "8.4.0", "generation": "0123456789abcdef" });
        std::fs::write(&path, format!("{old}\n")).unwrap();
        assert!(is_intact(&path) && has(&path, "8.4.0"), "a line of an older version");
        add(&path, &json!({ "released": "8.5.0", "generation": "fedcba9876543210", "kibana": "8.5.1" })).unwrap();
        let removed =
            json!({ "removed": "8.4.0", "generation": "0123456789abcdef", "reason": "a \"sum\":\"quoted\"}" });
        add(&path, &removed).unwrap();
        let good = std::fs::read(&path).unwrap();
        add(&path, &removed).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), good, "said once");
        assert!(is_intact(&path));
        let noted = released(&path, "8.5.0").unwrap();
        assert_eq!((noted.generation.as_str(), noted.kibana.as_deref()), ("fedcba9876543210", Some("8.5.1")));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(!is_intact(&path), "a bit at {at}");
        }
        std::fs::write(&path, &good[..good.len() - 9]).unwrap();
        assert!(!is_intact(&path), "cut off");
        mend(&path, &[json!({ "released": "8.6.0", "generation": "fedcba9876543210" })]).unwrap();
        assert!(is_intact(&path) && has(&path, "8.5.0") && has(&path, "8.6.0"));
    }
}
