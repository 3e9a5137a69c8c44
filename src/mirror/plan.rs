//! What a run has to do: pure, from what is wanted, recorded and held to what is fetched, and to what happened upstream.

#[cfg(test)]
mod tests;

use super::facts::{Facts, FactsTable, Key};
use super::holdings::{Holdings, mending};
use super::index::{Told, ToldTable};
use super::record::{Entry, Record, State};
use super::wanted::Wanted;
use crate::base::digest::Digest;
use crate::dialect::version::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a run has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is fetched, in order.
    pub(super) fetch: Vec<Fetch>,
    /// Versions that were refused not long ago and are listed as they were, with the reason.
    pub(super) later: Vec<(Key, String)>,
    /// Versions that lie no more in the layer and that their upstream gave with other bytes not long ago.
    pub(super) changed: Vec<Key>,
    /// Versions without a signature, with their upstreams, where the layer requires one.
    pub(super) unsigned: Vec<(Key, String)>,
    /// Versions that lie in the layer and are not in the record.
    pub(super) adopt: Vec<(Key, PathBuf)>,
    /// Versions that the layer holds and that no upstream lists any more.
    pub(super) gone: Vec<Key>,
    /// Versions that are listed again.
    pub(super) back: Vec<Key>,
    /// Versions of the record that lie no more in the layer, and cannot be had.
    pub(super) lost: Vec<Key>,
    /// Versions of the record whose files in the layer are not what was mirrored, and cannot be mended by fetching, with the
    /// reason.
    pub(super) damaged: Vec<(Key, String)>,
    /// Versions of the record whose signature somebody took away and that nothing mends now, with the reason.
    pub(super) bared: Vec<(Key, String)>,
    /// Versions of the record that commands took out of the layer, and that are not wanted back.
    pub(super) taken_out: Vec<Key>,
}

/// One thing to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// Name of the package.
    pub name: String,
    /// Version of the package.
    pub version: String,
    /// The upstream that gives it.
    pub upstream: String,
    /// True if its signature is fetched, too.
    pub signed: bool,
    /// True if the zip is held and only its signature is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_signature: bool,
    /// Why, in words.
    pub why: String,
    /// Why it is wanted, in words; none where all that is listed is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// True if it was refused before, and is only tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Bytes of the zip, where the upstream tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Digest of the zip, where the upstream tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Digest of the signature, where the upstream tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_sha256: Option<Digest>,
    /// Digest of all that decides whether it would be refused again.
    #[serde(skip)]
    pub(super) terms: Option<Digest>,
}

/// What a plan depends on beside facts, record and layer.
pub(super) struct Terms<'a> {
    /// True if signatures are fetched.
    pub(super) wants_signatures: bool,
    /// True if nothing is taken without a signature.
    pub(super) needs_signatures: bool,
    /// True if versions were named one by one, and also such as commands had taken out are meant.
    pub(super) is_named: bool,
    /// True if versions are tried again that were refused not long ago.
    pub(super) tries_again: bool,
    /// Digest of what versions are judged by.
    pub(super) trust: Digest,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// What indexes tell.
    pub(super) told: &'a ToldTable,
}

impl Terms<'_> {
    /// The digest of all that decides whether a version would be refused again.
    fn of(&self, facts: &Facts, told: Option<&Told>) -> Digest {
        Digest::of_value(&(&facts.upstream, facts.signed, &facts.item, told, self.trust))
    }
}

/// What is said of a version whose signature somebody took away.
const LOST_SIGNATURE: &str = "its signature lies no more in the layer";

/// The name of a version in folders and logs.
pub(super) fn id((name, version): &Key) -> String {
    format!("{name}-{version}")
}

/// Works out what to do.
pub(super) fn plan(
    facts: &FactsTable,
    wanted: &Wanted,
    record: &Record,
    holdings: &Holdings,
    terms: &Terms<'_>,
) -> Plan {
    let (wants_signatures, is_named) = (terms.wants_signatures, terms.is_named);
    let mut plan = Plan::default();
    for (key, want) in &wanted.versions {
        let Some(known) = facts.get(key) else { continue };
        let entry = record.versions.get(key);
        let id = id(key);
        let told = terms.told.get(key).filter(|told| told.upstream == known.upstream);
        let zip_told = |only_signature: bool| told.filter(|_| !only_signature);
        let is_signed = known.signed && wants_signatures;
        let fetch = |why: &str, only_signature: bool| Fetch {
            name: key.0.clone(),
            version: key.1.to_string(),
            upstream: known.upstream.clone(),
            signed: is_signed,
            only_signature,
            why: why.to_owned(),
            reasons: want.reasons.clone(),
            again: entry.is_some_and(|entry| !entry.is_held()),
            bytes: zip_told(only_signature).map(|told| told.size).or(known.bytes.filter(|_| !only_signature)),
            sha256: zip_told(only_signature).map(|told| told.sha256),
            signature_sha256: zip_told(only_signature).filter(|_| is_signed).and_then(|told| told.signature),
            terms: Some(terms.of(known, told)),
        };
        let rests = |entry: &&Entry| {
            let is_wrong = !entry.is_held() || entry.state == State::Changed;
            let refusal = entry.refusal.as_ref().filter(|_| is_wrong && !terms.tries_again);
            refusal.is_some_and(|one| one.rests(terms.now) && one.terms == terms.of(known, told))
        };
        if let Some(zip) = holdings.zips.get(&id) {
            if entry.is_none_or(|entry| !entry.is_held()) {
                plan.adopt.push((key.clone(), zip.path.clone()));
            }
            let lies_as_usual = zip.path == super::place::usual(key);
            let held = entry.filter(|entry| entry.is_held());
            // Of one that upstream changed, the signature would be another's; whoever decides about it mends it.
            let is_whole = held.is_none_or(|entry| zip.harm(entry).is_none() && entry.state != State::Changed);
            if known.signed && wants_signatures && lies_as_usual && is_whole && !zip.is_signed && !was_without(entry) {
                let is_lost = held.is_some_and(|entry| zip.has_lost_signature(entry));
                plan.fetch.push(fetch(if is_lost { LOST_SIGNATURE } else { "it has a signature now" }, true));
            }
        } else if holdings.folders.contains(&id) {
            // Whoever keeps it as a folder does so on purpose.
        } else if holdings.taken_out.contains(&id) && !holdings.pruned.contains(&id) && !is_named {
            plan.taken_out.push(key.clone());
        } else if terms.needs_signatures && !known.signed {
            plan.unsigned.push((key.clone(), known.upstream.clone()));
        } else if let Some(entry) = entry.filter(rests) {
            match entry.state {
                State::Changed => plan.changed.push(key.clone()),
                _ => plan.later.push((key.clone(), entry.reasons.join("; "))),
            }
        } else {
            plan.fetch.push(fetch(reason(entry, known, told), false));
        }
    }
    // What is installed comes first, so that a run which ends early has it.
    let rank = |fetch: &Fetch| {
        let key = Version::strict(&fetch.version).ok().map(|version| (fetch.name.clone(), version));
        key.and_then(|key| wanted.versions.get(&key)).map(|want| want.rank)
    };
    plan.fetch.sort_by_cached_key(rank);
    let mended: BTreeSet<_> =
        plan.fetch.iter().filter(|fetch| fetch.only_signature).map(|fetch| (&*fetch.name, &*fetch.version)).collect();
    for (key, entry) in record.versions.iter().filter(|(_, entry)| entry.is_held()) {
        let Some(zip) = holdings.zips.get(&id(key)) else { continue };
        let is_mended = mended.contains(&(&*key.0, key.1.as_str()));
        if let Some(why) = zip.harm(entry) {
            let is_given = facts.get(key).is_some_and(Facts::is_given);
            plan.damaged.push((key.clone(), format!("{why}\nhint: {}", mending(is_given, entry.state))));
        } else if entry.state == State::Changed {
            // Of one that upstream changed, the signature would be another's.
        } else if wants_signatures && zip.has_lost_signature(entry) && !is_mended {
            let hint = "hint: a run without --only fetches it if an upstream has it; or put it back from a backup";
            plan.bared.push((key.clone(), format!("{LOST_SIGNATURE}\n{hint}")));
        }
    }
    for (key, entry) in record.versions.iter().filter(|(_, entry)| entry.is_held()) {
        let known = facts.get(key);
        let is_here = holdings.zips.contains_key(&id(key));
        match (is_here, known.is_some_and(Facts::is_given)) {
            (true, false) if entry.state != State::GoneUpstream => plan.gone.push(key.clone()),
            (true, true) if entry.state == State::GoneUpstream && known.is_some_and(|facts| facts.listed) => {
                plan.back.push(key.clone());
            }
            // What was pruned and is wanted again is fetched, and recorded anew.
            (false, true) if holdings.pruned.contains(&id(key)) && wanted.versions.contains_key(key) => {}
            (false, _) if holdings.taken_out.contains(&id(key)) => plan.taken_out.push(key.clone()),
            (false, false) => plan.lost.push(key.clone()),
            _ => {}
        }
    }
    // What was refused since is no business of anybody any more.
    let is_out = |key: &Key| holdings.removed.contains(&id(key)) && !wanted.versions.contains_key(key);
    let refused = record.versions.iter().filter(|(key, entry)| !entry.is_held() && is_out(key));
    plan.taken_out.extend(refused.map(|(key, _)| key.clone()));
    plan.taken_out.sort();
    plan.taken_out.dedup();
    plan
}

/// Returns true if the signature was asked for before, and was not kept by the policy of that time.
fn was_without(entry: Option<&Entry>) -> bool {
    entry
        .and_then(|entry| entry.signature.as_deref())
        .is_some_and(|words| words != "missing" && words != "not asked for")
        && entry.is_some_and(|entry| entry.signature_sha256.is_none())
}

fn reason(entry: Option<&Entry>, known: &Facts, told: Option<&Told>) -> &'static str {
    let recorded = entry.filter(|entry| entry.is_held()).and_then(|entry| entry.sha256);
    if recorded.zip(told).is_some_and(|(recorded, told)| recorded != told.sha256) {
        return "it lies no more in the layer, and the upstream tells other bytes, which are laid aside";
    }
    match entry.map(|entry| entry.state) {
        None if known.hidden => "it is not listed, and the upstream gives it by name",
        None => "it is new",
        Some(State::Refused) => "it was refused before",
        Some(_) => "it lies no more in the layer",
    }
}
