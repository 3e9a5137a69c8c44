//! What happened to one version or listing, for people and programs.

use crate::base::words::few;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many events that differ in the version alone are told as one.
const ALIKE: usize = 3;

/// Something that happened to one version, or to a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Event {
    /// The version, such as `nginx 1.2.3`, or what else it is about.
    pub what: String,
    /// What happened.
    pub why: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// True if it will be so again as long as the upstream gives the same.
    #[serde(skip)]
    lasts: bool,
}

/// An event as records have it; in older ones the hint is a line of the reason.
#[derive(Deserialize)]
struct Written {
    what: String,
    why: String,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    place: Option<String>,
}

impl From<Written> for Event {
    fn from(written: Written) -> Self {
        let event = Self::new(written.what, written.why, written.place);
        Self { hint: written.hint.or(event.hint), ..event }
    }
}

impl Event {
    /// An event. The reason may end with a hint on a line of its own.
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, place: Option<String>) -> Self {
        let why = why.into();
        let (why, hint) = match why.split_once("\nhint: ") {
            Some((why, hint)) => (why.to_owned(), Some(hint.to_owned())),
            None => (why, None),
        };
        Self { what: what.into(), why, hint, place, lasts: false }
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
        let mut kinds: BTreeMap<_, (&Self, Vec<String>)> = BTreeMap::new();
        for event in events {
            kinds.entry(event.kind()).or_insert((event, Vec::new())).1.push(event.what.clone());
        }
        kinds.retain(|_, (_, versions)| versions.len() >= ALIKE);
        let rest = events.iter().filter(|event| !kinds.contains_key(&event.kind())).collect();
        // What is said is said of one version.
        let together =
            kinds.into_values().map(|(first, versions)| Self { what: few(&versions) + ", each", ..first.clone() });
        (rest, together.collect())
    }

    /// All but the version.
    fn kind(&self) -> (&str, &Option<String>, &Option<String>) {
        (&self.why, &self.hint, &self.place)
    }

    /// The event as lines for people: what, where, and what to do.
    pub fn render(&self, level: &str) -> String {
        let line = |before: &str, text: &Option<String>| {
            text.as_ref().map(|text| format!("{before}{text}\n")).unwrap_or_default()
        };
        let (place, hint) = (line("  --> ", &self.place), line("hint: ", &self.hint));
        format!("{level}: {}: {}\n{place}{hint}", self.what, self.why)
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
            "error: a 1.0.0, a 1.1.0, a 1.2.0, a 1.3.0, a 1.4.0 and 2 more, each: no\nhint: do\n\
             error: b 1.0.0: no\n  --> there\nhint: do\nerror: c 1.0.0: never\nerror: d 1.0.0: never\n"
        );
    }

    /// Hints are a field of their own, and records of older versions of this program are read as before.
    #[test]
    fn hints_are_a_field_of_their_own() {
        let event = Event::new("a 1.0.0", "no\nhint: do", None);
        let text = r#"{"what":"a 1.0.0","why":"no","hint":"do"}"#;
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        for text in [text, r#"{"what":"a 1.0.0","why":"no\nhint: do"}"#] {
            assert_eq!(serde_json::from_str::<Event>(text).unwrap(), event, "{text}");
        }
    }
}
