//! Signatures by several keys in one distribution: a Kibana knows one key and refuses what another one has signed.

use super::merge::Catalog;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::{counted, few};
use crate::openpgp::{KeyId, KeyRing, Verdict};
use std::collections::BTreeMap;

/// The versions that one key has signed.
#[derive(Default)]
struct Signed<'a> {
    /// Those whose layer trusts the key.
    trusted: usize,
    all: usize,
    by_layer: BTreeMap<&'a str, usize>,
}

/// The warning of a distribution whose published signatures are by several keys.
pub fn mixed_keys(distribution: &str, catalog: &Catalog) -> Option<Problem> {
    let mut by_key: BTreeMap<KeyId, Signed<'_>> = BTreeMap::new();
    for entry in &catalog.entries {
        let (key, is_trusted) = match &entry.verdict {
            Verdict::Good { key } => (key.key_id(), true),
            Verdict::OtherKey { key } => (key.key_id(), false),
            _ => continue,
        };
        let signed = by_key.entry(key).or_default();
        signed.trusted += usize::from(is_trusted);
        signed.all += 1;
        *signed.by_layer.entry(&entry.layer).or_default() += 1;
    }
    if by_key.len() < 2 {
        return None;
    }
    let elastic = KeyRing::elastic().keys().map(|key| key.fingerprint.key_id()).find(|key| by_key.contains_key(key));
    // Of keys with equally many versions the first one is meant, so that the message is always the same.
    let most = by_key.iter().rev().max_by_key(|(_, signed)| (signed.trusted, signed.all)).map(|(key, _)| *key);
    let main = elastic.or(most)?;
    let whose = if elastic.is_some() { format!("Elastic's key, {main},") } else { format!("key {main}") };
    let others = by_key.iter().filter(|(key, _)| **key != main);
    let refused = others.flat_map(|(key, signed)| {
        let layers = signed.by_layer.iter();
        layers.map(move |(layer, count)| format!("{} of `{layer}` by {key}", counted(*count, "version")))
    });
    let message = format!(
        "signatures by {} keys are published: Kibana with {whose} accepts {} and will refuse {}",
        by_key.len(),
        counted(by_key.get(&main)?.all, "version"),
        few(&refused.collect::<Vec<_>>())
    );
    let hint = "publish the others unsigned (`signatures: strip`), or sign everything by one key (`signatures: sign`) and set \
                `xpack.fleet.packageVerification.gpgKeyPath`";
    Some(Problem::new(Rule::MixedSigningKeys, message).hint(hint).within(distribution, ""))
}
