//! What a selection gives, as a table: one version a line.

use super::shown::Shown;
use crate::select::Key;
use std::collections::BTreeSet;

impl Shown<'_> {
    /// One version a line. Explanations and comparisons have columns and lines of their own.
    pub(super) fn csv(&self) -> String {
        let (choice, other) = (&self.made.choice, self.other.map(|other| &other.choice));
        let mut keys: BTreeSet<&Key> = choice.versions.keys().collect();
        keys.extend(other.iter().flat_map(|other| other.versions.keys()));
        if self.explain {
            keys.extend(choice.left_out.keys());
        }
        let mut headings = vec!["name", "version", "bytes"];
        headings.extend(self.explain.then_some("taken"));
        headings.extend(other.map(|_| "change"));
        headings.push("reasons");
        let mut text = headings.join(",") + "\n";
        for key in keys.into_iter().filter(|key| self.is_shown(key)) {
            let (here, there) = (choice.versions.get(key), other.and_then(|other| other.versions.get(key)));
            let bytes = self.offer.bytes.get(key).map(u64::to_string).unwrap_or_default();
            let mut fields = vec![key.0.clone(), key.1.to_string(), bytes];
            fields.extend(self.explain.then(|| if here.is_some() { "yes" } else { "no" }.to_owned()));
            fields.extend(other.map(|_| change(here.is_some(), there.is_some()).to_owned()));
            let left_out = choice.left_out.get(key).filter(|_| here.or(there).is_none());
            let reasons = here.or(there).into_iter().flatten().map(ToString::to_string);
            let reasons: Vec<_> = reasons.chain(left_out.map(ToString::to_string)).collect();
            // Quotes in a field are doubled, as RFC 4180 has it.
            fields.push(format!("\"{}\"", reasons.join("; ").replace('"', "\"\"")));
            text += &(fields.join(",") + "\n");
        }
        text
    }
}

/// Which of two selections takes a version, in a word of tables; nothing if neither does.
fn change(here: bool, there: bool) -> &'static str {
    match (here, there) {
        (true, true) => "both",
        (true, false) => "only_here",
        (false, true) => "only_there",
        (false, false) => "",
    }
}
