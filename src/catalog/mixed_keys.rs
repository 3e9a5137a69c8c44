//! Signatures by several keys in one distribution: a Kibana knows one key and refuses what another one has signed.

use super::merge::Catalog;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::{counted, few};
use crate::openpgp::{KeyId, KeyRing, Verdict};
use std::collections::BTreeMap;

/// The warning of a distribution whose published signatures are by several keys: a Kibana knows one.
pub fn mixed_keys(distribution: &str, catalog: &Catalog) -> Option<Problem> {
    let mut by_key: BTreeMap<KeyId, BTreeMap<&str, usize>> = BTreeMap::new();
    for entry in &catalog.entries {
        let key = match &entry.verdict {
            Verdict::Good { key } => key.key_id(),
            Verdict::OtherKey { key } => key.key_id(),
            _ => continue,
        };
        *by_key.entry(key).or_default().entry(&entry.layer).or_default() += 1;
    }
    if by_key.len() < 2 {
        return None;
    }
    let elastic = KeyRing::elastic().keys().map(|key| key.fingerprint.key_id()).find(|key| by_key.contains_key(key));
    let count = |key: &KeyId| by_key[key].values().sum::<usize>();
    // Of two keys with equally many versions the first one counts, so that the message is always the same.
    let main = elastic.or_else(|| by_key.keys().copied().rev().max_by_key(count))?;
    let whose = if elastic.is_some() { format!("Elastic's key, {main},") } else { format!("key {main}") };
    let others = by_key.iter().filter(|(key, _)| **key != main);
    let others = others.flat_map(|(key, layers)| layers.iter().map(move |(layer, count)| (key, layer, count)));
    let refused = others.map(|(key, layer, count)| format!("{} of `{layer}` by {key}", counted(*count, "version")));
    let message = format!(
        "signatures by {} keys are published: Kibana with {whose} accepts {} and will refuse {}",
        by_key.len(),
        counted(count(&main), "version"),
        few(&refused.collect::<Vec<_>>())
    );
    let hint = "publish the others unsigned (`signatures: strip`), or sign everything by one key (`signatures: sign`) and set \
                `xpack.fleet.packageVerification.gpgKeyPath`";
    Some(Problem::new(Rule::MixedSigningKeys, message).hint(hint).within(distribution, ""))
}
