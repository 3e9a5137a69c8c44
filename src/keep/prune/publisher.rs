//! What a distribution with a selection publishes of one of its layers. Its layers are judged together: a version may be there
//! because a package of another layer requires it, or because the selection leaves out what another layer has. And a version that
//! is not published may cover another content of it in a layer further down, which would be published in its place.

use crate::select::published::kept;
use crate::select::resolved::Resolved;
use crate::select::{Candidate, Choice, Key, choose_leniently, choose_strictly};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A distribution that publishes a part of what its layers hold.
pub struct Publisher {
    /// Name of the distribution.
    pub distribution: String,
    /// Its selection, with what sites have installed.
    pub by: Resolved,
    /// Its layers, the top one first.
    pub layers: Vec<Offer>,
}

/// What can be chosen from in one layer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Name of the layer.
    pub layer: String,
    /// What it holds.
    pub held: Vec<Candidate>,
    /// That, and what its upstreams list; absent if it has none.
    pub listed: Option<Vec<Candidate>>,
}

/// What layers have as builds merge them: each version with the layer that gives it.
type Merged<'a> = BTreeMap<Key, (&'a str, &'a Candidate)>;

impl Publisher {
    /// Refuses a selection that no build could use.
    ///
    /// # Errors
    /// Its rules that take nothing of what the layers hold.
    pub fn check(&self) -> Result<()> {
        let held = self.candidates(&self.merged(|_| false, |_, _| false));
        let unfit = || {
            let Self { distribution, by, .. } = self;
            format!("distribution `{distribution}` cannot be built with selection `{}`", by.name)
        };
        choose_strictly(&self.by.selection, &held, &self.by.pins).map(drop).with_context(unfit)
    }

    /// The versions that it takes from a layer, each with the reason: of what is held, of what is listed, and of both where
    /// runs of the mirror have yet to bring what one of the layers lacks.
    pub fn takes_of(&self, layer: &str) -> BTreeMap<Key, String> {
        let mut taken = BTreeMap::new();
        for (here, others) in self.states(layer) {
            let merged = self.merged(|offer| if offer.layer == layer { here } else { others }, |_, _| false);
            self.take_of(layer, &merged, &mut taken);
        }
        taken
    }

    /// The versions that it needs, although it does not publish them: it would publish something else if all of `going` were
    /// taken out of a layer. They stand with the reason, and need not be all such versions: whoever leaves them asks again.
    pub fn changed_without(&self, layer: &str, going: &BTreeSet<Key>) -> BTreeMap<Key, String> {
        let mut changed = BTreeMap::new();
        if going.is_empty() {
            return changed;
        }
        for (here, others) in self.states(layer) {
            let lists = |offer: &Offer| if offer.layer == layer { here } else { others };
            let before = self.merged(lists, |_, _| false);
            let after = self.merged(lists, |offer, key| offer.layer == layer && going.contains(key));
            changed.extend(self.culprits(&before, &after));
        }
        changed
    }

    /// Of what one merge has and the other has not, or has from another layer: what makes the difference in what is published.
    fn culprits(&self, before: &Merged<'_>, after: &Merged<'_>) -> BTreeMap<Key, String> {
        let (was, is) = (self.published(before).1, self.published(after).1);
        let mut other: BTreeSet<&Key> =
            was.iter().filter(|(key, from)| is.get(*key) != Some(*from)).map(first).collect();
        other.extend(is.iter().filter(|(key, from)| was.get(*key) != Some(*from)).map(first));
        let gone: Vec<&Key> = before.iter().filter(|(key, _)| differs(after, before, key)).map(first).collect();
        let uncovered = |key: &&Key| after.contains_key(*key);
        // A notice of deprecation is told of all versions of a name, also where the version that has it is left out.
        let notice = |merged: &Merged<'_>, key: &Key| merged.get(key).and_then(|(_, one)| one.facts.deprecated.clone());
        let tells = |key: &&Key| {
            uncovered(key) && notice(before, key) != notice(after, key) && was.keys().any(|(name, _)| *name == key.0)
        };
        let mut culprits: Vec<&Key> = gone.iter().copied().filter(tells).collect();
        if !other.is_empty() {
            // The nearest cause first: the version itself, its name, whatever was covered, and anything.
            let is_named = |key: &&Key| other.iter().any(|(name, _)| *name == key.0);
            let nearer: [&dyn Fn(&&Key) -> bool; 5] = [
                &|key| uncovered(key) && other.contains(*key),
                &|key| uncovered(key) && is_named(key),
                &uncovered,
                &is_named,
                &|_| true,
            ];
            let found = nearer.iter().map(|is_it| gone.iter().copied().filter(is_it).collect::<Vec<_>>());
            culprits.extend(found.into_iter().find(|found| !found.is_empty()).unwrap_or_default());
        }
        let distribution = &self.distribution;
        let reason = |key: &Key| match after.get(key) {
            Some((below, _)) => format!(
                "it covers another content of {} {} in layer {below}, and distribution {distribution} would publish \
                 something else without it",
                key.0, key.1
            ),
            None => format!("distribution {distribution} would publish something else without it"),
        };
        culprits.into_iter().map(|key| (key.clone(), reason(key))).collect()
    }

    /// Whether what upstreams list counts of a layer, and of the others: of what is held now, and of what runs of the mirror may
    /// bring.
    fn states(&self, layer: &str) -> Vec<(bool, bool)> {
        let are_others_listed = self.layers.iter().any(|offer| offer.layer != layer && offer.listed.is_some());
        let others = if are_others_listed { &[false, true][..] } else { &[false][..] };
        others.iter().flat_map(|others| [(false, *others), (true, *others)]).collect()
    }

    /// What is chosen, and what is published with the layer that it comes from.
    fn published<'a>(&self, merged: &Merged<'a>) -> (Choice, BTreeMap<Key, &'a str>) {
        let by = &self.by;
        let candidates = self.candidates(merged);
        let choice = choose_leniently(&by.selection, &candidates, &by.pins);
        let kept = kept(&by.selection, &candidates, &choice);
        let kept = merged.iter().zip(kept).filter(|(_, kept)| *kept);
        let published = kept.map(|((key, (from, _)), _)| (key.clone(), *from)).collect();
        (choice, published)
    }

    fn take_of(&self, layer: &str, merged: &Merged<'_>, taken: &mut BTreeMap<Key, String>) {
        let Self { distribution, by, .. } = self;
        let (choice, published) = self.published(merged);
        for (key, _) in published.into_iter().filter(|(_, from)| *from == layer) {
            let reasons = choice.versions.get(&key).and_then(|reasons| reasons.first());
            let reason = reasons.map_or_else(|| "it is hidden, and may be installed".to_owned(), ToString::to_string);
            taken.entry(key).or_insert_with(|| format!("distribution {distribution}, {}, {reason}", by.name));
        }
    }

    /// These versions, as its selection sees them.
    fn candidates(&self, merged: &Merged<'_>) -> Vec<Candidate> {
        let candidate = |(layer, one): &(&str, &Candidate)| Candidate {
            is_whole: self.by.whole.contains(*layer),
            ..(*one).clone()
        };
        merged.values().map(candidate).collect()
    }

    /// What its layers have, as builds merge them: the first one that has a version gives it. `lists` says of which layers that
    /// counts which upstreams list, and `lacks` what a layer has not.
    fn merged(&self, lists: impl Fn(&Offer) -> bool, lacks: impl Fn(&Offer, &Key) -> bool) -> Merged<'_> {
        let mut merged = BTreeMap::new();
        for offer in &self.layers {
            let listed = offer.listed.as_ref().filter(|_| lists(offer));
            for one in listed.unwrap_or(&offer.held) {
                let key = one.facts.key();
                if !lacks(offer, &key) {
                    merged.entry(key).or_insert((offer.layer.as_str(), one));
                }
            }
        }
        merged
    }
}

fn first<T>((key, _): (&Key, T)) -> &Key {
    key
}

/// Returns true if two merges do not have a version from the same layer.
fn differs(one: &Merged<'_>, other: &Merged<'_>, key: &Key) -> bool {
    one.get(key).map(|(from, _)| *from) != other.get(key).map(|(from, _)| *from)
}
