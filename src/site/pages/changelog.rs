//! `changelog.yml` as values. Whatever is not as expected is left out: the registry itself never reads this file.

use serde::{Deserialize, Serialize};
use yaml11::{self as yaml, Plain, Scalar};

/// The changes of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// `enhancement`, `bugfix`, `breaking-change`, `deprecation`, or any other word.
    pub(super) kind: String,
    pub(super) description: String,
    /// An address on the web; others are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
}

/// Reads a file, in its order.
pub(super) fn read(bytes: &[u8]) -> Vec<Release> {
    let Ok(document) = yaml::parse_plain(bytes, &yaml::Limits::default()) else { return Vec::new() };
    let Plain::List(releases, _) = document.root else { return Vec::new() };
    releases.iter().filter_map(release).collect()
}

fn release(plain: &Plain) -> Option<Release> {
    let version = plain.get("version").and_then(text)?;
    let changes = match plain.get("changes") {
        Some(Plain::List(changes, _)) => changes.iter().filter_map(change).collect(),
        _ => Vec::new(),
    };
    Some(Release { version, changes })
}

fn change(plain: &Plain) -> Option<Change> {
    let description = plain.get("description").and_then(text)?;
    let kind = plain.get("type").and_then(text).unwrap_or_default();
    Some(Change { kind, description, link: plain.get("link").and_then(text).filter(|link| is_web(link)) })
}

/// Returns true if an address leads to the web, and not to a script.
pub(super) fn is_web(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// A scalar as people wrote it, as far as that matters here.
pub(super) fn text(plain: &Plain) -> Option<String> {
    let Plain::Scalar(scalar, _) = plain else { return None };
    Some(match scalar {
        Scalar::Null => return None,
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Uint(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::String(text) => text.trim().to_owned(),
    })
}
