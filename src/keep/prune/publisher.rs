//! What a distribution with a selection publishes of one of its layers. Its layers are judged together: a version may be there
//! because a package of another layer requires it, or because the selection leaves out what another layer has.

use crate::select::published::kept;
use crate::select::resolved::Resolved;
use crate::select::{Candidate, Key, choose_leniently};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

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

impl Publisher {
    /// Refuses a selection that no build could use.
    ///
    /// # Errors
    /// Its rules that take nothing of what the layers hold.
    pub fn check(&self) -> Result<()> {
        let held = self.candidates(&self.merged(|_| false));
        let unfit = || {
            let Self { distribution, by, .. } = self;
            format!("distribution `{distribution}` cannot be built with selection `{}`", by.name)
        };
        self.by.choose(&held).map(drop).with_context(unfit)
    }

    /// The versions that it takes from a layer, each with the reason: of what is held, of what is listed, and of both where
    /// runs of the mirror have yet to bring what one of the layers lacks.
    pub fn takes_of(&self, layer: &str) -> BTreeMap<Key, String> {
        let are_others_listed = self.layers.iter().any(|offer| offer.layer != layer && offer.listed.is_some());
        let mut taken = BTreeMap::new();
        for others in if are_others_listed { &[false, true][..] } else { &[false][..] } {
            for here in [false, true] {
                let merged = self.merged(|offer| if offer.layer == layer { here } else { *others });
                self.take_of(layer, merged, &mut taken);
            }
        }
        taken
    }

    fn take_of(&self, layer: &str, merged: BTreeMap<Key, (&str, &Candidate)>, taken: &mut BTreeMap<Key, String>) {
        let Self { distribution, by, .. } = self;
        let candidates = self.candidates(&merged);
        let choice = choose_leniently(&by.selection, &candidates, &by.pins);
        let kept = kept(&by.selection, &candidates, &choice);
        for ((key, (from, _)), _) in merged.into_iter().zip(kept).filter(|(_, kept)| *kept) {
            if from == layer {
                let reasons = choice.versions.get(&key).and_then(|reasons| reasons.first());
                let reason =
                    reasons.map_or_else(|| "it is hidden, and may be installed".to_owned(), ToString::to_string);
                taken.entry(key).or_insert_with(|| format!("distribution {distribution}, {}, {reason}", by.name));
            }
        }
    }

    /// These versions, as its selection sees them.
    fn candidates(&self, merged: &BTreeMap<Key, (&str, &Candidate)>) -> Vec<Candidate> {
        let candidate = |(layer, one): &(&str, &Candidate)| Candidate {
            is_whole: self.by.whole.contains(*layer),
            ..(*one).clone()
        };
        merged.values().map(candidate).collect()
    }

    /// What its layers have, as builds merge them: the first one that has a version gives it. `lists` says of which layers that
    /// counts which upstreams list.
    fn merged(&self, lists: impl Fn(&Offer) -> bool) -> BTreeMap<Key, (&str, &Candidate)> {
        let mut merged = BTreeMap::new();
        for offer in &self.layers {
            let listed = offer.listed.as_ref().filter(|_| lists(offer));
            for one in listed.unwrap_or(&offer.held) {
                let key = (one.facts.name.clone(), one.facts.version.clone());
                merged.entry(key).or_insert((offer.layer.as_str(), one));
            }
        }
        merged
    }
}
