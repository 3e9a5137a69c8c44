//! Changes the condition on Kibana in documents that were rendered before, where a registry says something else than the
//! package.
//!
//! The texts are our own: members stand one a line at a known indentation, and strings hold no line breaks, so a line that
//! begins with so many blanks and a key is that member and nothing else. No package is read again for it.

use super::conditions::Conditions;
use super::document::{INFO_INDENT, ITEM_INDENT, InfoDocument, SearchItem};
use crate::dialect::json;
use crate::dialect::version::Constraint;

/// Members before `conditions` (contract, "Search item").
const BEFORE_CONDITIONS: [&str; 12] = [
    "name",
    "title",
    "version",
    "release",
    "source",
    "description",
    "type",
    "download",
    "path",
    "icons",
    "policy_templates_behavior",
    "policy_templates",
];

impl SearchItem {
    /// The element with this condition on Kibana.
    #[must_use]
    pub fn with_kibana(&self, constraint: &Constraint) -> Self {
        let before_deprecated = with_kibana(&self.before_deprecated, ITEM_INDENT, constraint);
        let mut item = Self { before_deprecated, ..self.clone() };
        item.shrink_to_fit();
        item
    }
}

impl InfoDocument {
    /// The document with this condition on Kibana.
    #[must_use]
    pub fn with_kibana(&self, constraint: &Constraint) -> Self {
        let before_deprecated = with_kibana(&self.before_deprecated, INFO_INDENT, constraint);
        Self { before_deprecated, after_deprecated: self.after_deprecated.clone() }
    }
}

/// The members of an object that is indented by `indent`, with this condition on Kibana among them.
fn with_kibana(members: &str, indent: usize, constraint: &Constraint) -> String {
    let line = format!("\n{}", " ".repeat(indent + 2));
    let only_kibana = Conditions { kibana: Some(constraint.clone()), ..Conditions::default() };
    let (before, body, after) = match members.split_once(&format!("{line}\"conditions\": {{")) {
        Some((before, rest)) => {
            // An empty object is closed at once, any other on a line of its own.
            let (body, after) = match rest.strip_prefix('}') {
                Some(after) => ("", after),
                None => rest.split_once(&format!("{line}}}")).unwrap_or((rest, "")),
            };
            (before.to_owned(), body, after.to_owned())
        }
        None => {
            let at = end_of_identity(members, &line);
            let (before, after) = members.split_at(at);
            let comma = if before.ends_with(',') { "" } else { "," };
            // What follows begins with its own comma unless this one was before it.
            let joint = if comma.is_empty() && !after.is_empty() { "," } else { "" };
            (format!("{before}{comma}"), "", format!("{joint}{after}"))
        }
    };
    let mut conditions = String::new();
    json::first_members(&mut conditions, indent + 2, |object| Conditions::write_members(object, &only_kibana));
    format!("{before}{line}\"conditions\": {{{conditions}{}{line}}}{after}", without_kibana(body, &line))
}

/// The members of `conditions` after the one for Kibana, which is the first; with a comma before each.
fn without_kibana(body: &str, line: &str) -> String {
    let line = format!("{line}  ");
    let Some(kibana) = body.strip_prefix(&format!("{line}\"kibana\": {{")) else {
        return if body.is_empty() { String::new() } else { format!(",{body}") };
    };
    kibana.split_once(&format!("{line}}}")).map_or_else(String::new, |(_, after)| after.to_owned())
}

/// Where the first member begins that stands after `conditions`, line break and all; the end if there is none.
fn end_of_identity(members: &str, line: &str) -> usize {
    let start = format!("{line}\"");
    let mut starts = members.match_indices(&start);
    let is_later = |(at, _): &(usize, &str)| {
        let key = members[at + start.len()..].split('"').next().unwrap_or_default();
        !BEFORE_CONDITIONS.contains(&key)
    };
    starts.find(is_later).map_or(members.len(), |(at, _)| at)
}
