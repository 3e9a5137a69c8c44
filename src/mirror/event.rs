//! What happened to one version or listing, for people and programs.

use crate::base::words::few;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many events that differ in the version alone are told as one.
const ALIKE: usize = 3;

/// Something that happened to one version, or to a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The version, such as `nginx 1.2.3`, or what else it is about.
    pub what: String,
    /// What happened. May end with a hint on a line of its own.
    pub why: String,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// True if it will be so again as long as the upstream gives the same.
    #[serde(skip)]
    lasts: bool,
}

impl Event {
    /// An event.
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, place: Option<String>) -> Self {
        Self { what: what.into(), why: why.into(), place, lasts: false }
    }

    /// The event, as one that stays as it is while the upstream gives the same.
    pub(super) fn lasting(self) -> Self {
        Self { lasts: true, ..self }
    }

    /// Returns true if it will be so again as long as the upstream gives the same.
    pub(super) fn lasts(&self) -> bool {
        self.lasts
    }

    /// Events that others are like in all but the version, each such kind as one event about all of its versions; and the rest.
    pub fn alike(events: &[Self]) -> (Vec<&Self>, Vec<Self>) {
        let mut kinds: BTreeMap<(&str, &Option<String>), Vec<String>> = BTreeMap::new();
        for event in events {
            kinds.entry((&event.why, &event.place)).or_default().push(event.what.clone());
        }
        kinds.retain(|_, versions| versions.len() >= ALIKE);
        let is_alone = |event: &&Self| !kinds.contains_key(&(event.why.as_str(), &event.place));
        let rest = events.iter().filter(is_alone).collect();
        let together = kinds.iter().map(|((why, place), versions)| Self::new(few(versions), *why, (*place).clone()));
        (rest, together.collect())
    }

    /// The event as lines for people: what, where, and what to do.
    pub fn render(&self, level: &str) -> String {
        let (why, hint) = self.why.split_once("\nhint: ").unwrap_or((&self.why, ""));
        let place = self.place.as_ref().map(|place| format!("  --> {place}\n")).unwrap_or_default();
        let hint = if hint.is_empty() { String::new() } else { format!("hint: {hint}\n") };
        format!("{level}: {}: {why}\n{place}{hint}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn events_that_differ_in_the_version_alone_are_told_as_one() {
        let event = |what: &str, why: &str, place: Option<&str>| Event::new(what, why, place.map(str::to_owned));
        let mut events: Vec<_> = (0..7).map(|minor| event(&format!("a 1.{minor}.0"), "no\nhint: do", None)).collect();
        events.push(event("b 1.0.0", "no\nhint: do", Some("there")));
        events.extend(["c 1.0.0", "d 1.0.0"].map(|what| event(what, "never", None)));
        let (rest, together) = Event::alike(&events);
        let text: String = together.iter().chain(rest).map(|event| event.render("error")).collect();
        assert_eq!(
            text,
            "error: a 1.0.0, a 1.1.0, a 1.2.0, a 1.3.0, a 1.4.0 and 2 more: no\nhint: do\n\
             error: b 1.0.0: no\n  --> there\nhint: do\nerror: c 1.0.0: never\nerror: d 1.0.0: never\n"
        );
    }
}
