//! What a version must be that is fetched, and who says so.

use super::facts::Facts;
use super::fault::Fault;
use super::plan::Fetch;
use super::record::Entry;
use crate::base::digest::Digest;

/// What a version must be, beyond what the plan says.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    /// What the upstream told of its format version.
    pub(super) format_version: Option<String>,
    /// Digests of its zip and signature.
    pub(super) digests: Option<(Digest, Option<Digest>)>,
    /// Bytes of its zip.
    pub(super) size: Option<u64>,
    /// Who says so.
    pub(super) teller: Teller,
    /// Digest of the zip that the layer held and that lies there no more.
    pub(super) recorded: Option<Digest>,
}

/// Who says what a version must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Teller {
    /// The upstream, now.
    #[default]
    Upstream,
    /// A plan that was made before.
    Plan,
    /// The record of the layer.
    Record,
}

impl Teller {
    /// With a verb, for what must be of it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Upstream => "`index/packages.json` tells",
            Self::Plan => "the plan says",
            Self::Record => "the record demands",
        }
    }

    /// What to do where the upstream gives something else.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Upstream => "",
            Self::Plan => "\nhint: make a new plan",
            Self::Record => "\nhint: take a newer record, or put the files in their place from a backup",
        }
    }

    /// Why a version is refused that the upstream does not have.
    pub(super) fn absent(self, status: &Fault) -> String {
        let knows = match self {
            Self::Upstream => "the upstream tells of it, and does not have it",
            Self::Plan => "the plan says that the upstream gives it, and the upstream does not have it",
            Self::Record => "the record demands it, and the upstream does not have it",
        };
        format!("{knows}: {}{}", status.words(), self.hint())
    }
}

impl Demands {
    /// What the facts of a version promise.
    pub(super) fn of(facts: Option<&Facts>, teller: Teller) -> Self {
        Self { format_version: facts.and_then(|facts| facts.format_version.clone()), teller, ..Self::default() }
    }

    /// These, and what an index told when the fetch was planned.
    pub(super) fn and_told(self, fetch: &Fetch) -> Self {
        match (self.digests, fetch.sha256) {
            (None, Some(sha256)) => Self { digests: Some((sha256, fetch.signature_sha256)), size: fetch.bytes, ..self },
            _ => self,
        }
    }

    /// These, and the bytes that the layer held: if they are lost, no others take their place.
    pub(super) fn and_recorded(self, entry: Option<&Entry>) -> Self {
        let held = entry.filter(|entry| entry.is_held() && self.digests.is_none());
        Self { recorded: held.and_then(|entry| entry.sha256), ..self }
    }
}
