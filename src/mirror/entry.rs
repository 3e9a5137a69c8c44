//! What the record of a mirrored layer says of one version.

use super::facts::Key;
use crate::base::digest::Digest;
use crate::dialect::version::Version;
use crate::input::source::JOURNAL_FOLDER;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;

/// Seconds for which a version that was refused is left alone while it is listed in the same way.
const REST: u64 = 24 * 60 * 60;

/// A refusal that lasts: the same bytes would be refused again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// Seconds since 1970.
    pub(super) at: u64,
    /// Digest of what the upstream told and of what the version was judged by.
    pub(super) terms: Digest,
}

impl Refusal {
    /// Returns true if the version need not be tried again yet.
    pub(super) fn rests(&self, now: u64) -> bool {
        now.checked_sub(self.at).is_some_and(|age| age < REST)
    }
}

/// State of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// The layer holds it, and its upstream lists it, or gives it by name.
    Held,
    /// The layer holds it, and no upstream lists it any more.
    GoneUpstream,
    /// The layer holds it, and an upstream gives other bytes under its name now.
    Changed,
    /// An upstream lists it, and what it gave was refused, or it gave nothing.
    Refused,
}

/// What is known of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What has become of it.
    pub(super) state: State,
    /// Digest of the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Digest>,
    /// Bytes of the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// Digest of the signature file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature_sha256: Option<Digest>,
    /// What was found about the signature, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
    /// The version of the package specification, from the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format_version: Option<String>,
    /// The upstream that gave it, or lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<String>,
    /// The address that gave the zip, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// Validators of the zip, to ask whether it is still the same.
    #[serde(default, skip_serializing_if = "Validators::are_absent")]
    pub(super) validators: Validators,
    /// Path below the layer's folder, where it is another than `NAME/NAME-VERSION.zip`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "place_below")]
    pub(super) path: Option<PathBuf>,
    /// When the version was first held or refused.
    pub(super) first_seen: String,
    /// Digest of what the upstream gives now for a version that is held with other bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) changed_to: Option<Digest>,
    /// Why it is in this state, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<String>,
    /// Why the layer is to hold it, in words, if a selection or a keep file says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wanted: Vec<String>,
    /// When and on which terms it was refused, if that lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<Refusal>,
    /// Why it would be refused if it came now, although it is held: policy or keys changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unfit: Option<String>,
}

/// What a server says of a file so that one can ask for it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    /// The header `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// The header `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
}

impl Validators {
    pub(super) fn are_absent(&self) -> bool {
        *self == Self::default()
    }

    /// The value for `If-Range`: a strong ETag or the date of change, with which a server can tell that parts fit together.
    pub(super) fn for_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| etag.starts_with('"'));
        strong.or(self.modified.as_deref())
    }
}

impl Entry {
    /// A version in a state since then, of which nothing else is known.
    pub(super) fn new(state: State, first_seen: String) -> Self {
        Self {
            state,
            sha256: None,
            size: None,
            signature_sha256: None,
            signature: None,
            format_version: None,
            upstream: None,
            url: None,
            validators: Validators::default(),
            path: None,
            first_seen,
            changed_to: None,
            reasons: Vec::new(),
            wanted: Vec::new(),
            refusal: None,
            unfit: None,
        }
    }

    /// Returns true if the layer is said to hold the version.
    pub(super) fn is_held(&self) -> bool {
        self.state != State::Refused
    }
}

/// Reads the path of a zip, which must lead to one below the layer's folder and outside of that of the records: files are
/// moved, overwritten and removed there.
fn place_below<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let is_plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if text.ends_with(".zip") && text.split('/').all(is_plain) && text.split('/').next() != Some(JOURNAL_FOLDER) {
        return Ok(Some(text.into()));
    }
    let shown = crate::base::shown::printable(&text, 80);
    Err(serde::de::Error::custom(format!("the path `{shown}` leads to no zip below the layer's folder")))
}

/// A line of the record or journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Line<E> {
    pub(super) name: String,
    pub(super) version: String,
    #[serde(flatten)]
    pub(super) entry: E,
}

/// The line of a version.
pub(super) fn line<'a>(key: &Key, entry: &'a Entry) -> Line<&'a Entry> {
    Line { name: key.0.clone(), version: key.1.to_string(), entry }
}

/// The version that a line names.
pub(super) fn key(name: String, version: &str) -> Result<Key> {
    ensure!(super::listing::is_name(&name), "`{}` is not the name of a package", name.escape_debug());
    let version = Version::strict(version).with_context(|| format!("`{}` of {name}", version.escape_debug()))?;
    Ok((name, version))
}

#[cfg(test)]
mod tests {
    use super::Validators;

    #[test]
    fn parts_fit_together_by_strong_validators_only() {
        let validators = |etag: Option<&str>, modified: Option<&str>| Validators {
            etag: etag.map(str::to_owned),
            modified: modified.map(str::to_owned),
        };
        assert_eq!(validators(Some("\"a\""), Some("date")).for_range(), Some("\"a\""));
        assert_eq!(validators(Some("W/\"a\""), Some("date")).for_range(), Some("date"));
        assert_eq!(validators(Some("W/\"a\""), None).for_range(), None);
    }
}
