//! What a registry would lose, by layer, and whether that looks like a slip.
//!
//! *Lost* are versions that the generation in use took from a layer and that the next one could take from no layer. Those
//! that were promoted are not, for an upper layer holds them; nor are those that a command took out of the layer. A
//! layer that lost everything, or more than its share, stops whatever would take the place of what is in use: a disk that is
//! not mounted, a misspelt path and a rule that quarantines all packages look the same from here. All of this is made of
//! functions from value to value; what was taken out is read by the caller.

use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::counted;
use crate::base::words::few;
use crate::compare::holdings::{Holdings, Key};
use crate::compare::policy::id;
use crate::dialect::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// The share of its versions that a layer may lose unless it says otherwise, in percent.
const SHRINK: u64 = 50;
/// Fewer lost versions than these stop nothing, unless they are all.
const FEW: usize = 10;

/// What one layer lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Name of the layer.
    pub layer: String,
    /// Versions that the layer should still have: without those that another layer has now.
    pub expected: usize,
    /// Those of them that are lost, in order.
    pub lost: Vec<Key>,
}

/// Which layer a version was taken from.
pub type Origins<'a> = BTreeMap<&'a Key, &'a str>;

impl Holdings {
    /// Which layer each version was taken from.
    pub fn origins(&self) -> Origins<'_> {
        self.versions.iter().map(|(key, holding)| (key, holding.layer.as_str())).collect()
    }
}

/// What each layer lost: what was taken from it and is not among what layers hold now. `now` says which layer a version is
/// taken from; a version that came to another layer was not the first one's to lose.
pub fn losses(was: &Origins<'_>, now: &Origins<'_>, held: &BTreeSet<&Key>) -> Vec<Loss> {
    let mut losses: BTreeMap<&str, Loss> = BTreeMap::new();
    for (key, layer) in was {
        if now.get(key).is_some_and(|other| other != layer) {
            continue;
        }
        let none = || Loss { layer: (*layer).to_owned(), expected: 0, lost: Vec::new() };
        let loss = losses.entry(layer).or_insert_with(none);
        loss.expected += 1;
        if !held.contains(key) {
            loss.lost.push((*key).clone());
        }
    }
    losses.into_values().filter(|loss| !loss.lost.is_empty()).collect()
}

impl Loss {
    /// Leaves out versions that commands took out of the layer, given as `<name>-<version>`.
    #[must_use]
    pub fn without(mut self, taken_out: &BTreeSet<String>) -> Self {
        let before = self.lost.len();
        self.lost.retain(|key| !taken_out.contains(&id(key)));
        self.expected -= before - self.lost.len();
        self
    }

    /// Leaves out versions that lie behind links which are skipped, and counts them: they are not lost but told.
    #[must_use]
    pub fn without_skipped(mut self, is_skipped: impl Fn(&Key) -> bool) -> (Self, usize) {
        let before = self.lost.len();
        self.lost.retain(|key| !is_skipped(key));
        let skipped = before - self.lost.len();
        self.expected -= skipped;
        (self, skipped)
    }

    /// Returns true if this stops what would take effect, given the share that the layer may lose in percent.
    pub fn is_too_much(&self, shrink: Option<u64>) -> bool {
        let (lost, share) = (self.lost.len(), shrink.unwrap_or(SHRINK));
        if lost == 0 || share >= 100 {
            return false;
        }
        // In 128 bits nothing can overflow.
        lost == self.expected || (lost >= FEW && lost as u128 * 100 > self.expected as u128 * u128::from(share))
    }

    /// Some of the versions, for a message.
    pub fn shown(&self) -> String {
        few(&self.lost.iter().map(id).collect::<Vec<_>>())
    }

    /// The problem that stops it; `quarantined` is the number of packages of the layer that are left out.
    pub fn refusal(&self, quarantined: usize) -> Problem {
        let Self { layer, expected, lost } = self;
        let all = if lost.len() == *expected { "all " } else { "" };
        let versions = counted(*expected, "version");
        let mut message = format!("layer `{layer}` has lost {all}{} of {versions}: {}", lost.len(), self.shown());
        if quarantined > 0 {
            let are = if quarantined == 1 { "is" } else { "are" };
            message += &format!("; {} of it {are} quarantined", counted(quarantined, "package"));
        }
        Problem::new(Rule::LostVersions, message).within(layer, "")
    }

    /// The first of these problems that says why a lost version could not be read. The same package was read before, so it
    /// is the machine that fails, not the package.
    pub fn unreadable<'a>(&self, problems: impl IntoIterator<Item = &'a Problem>) -> Option<&'a Problem> {
        let mut unreadable = problems.into_iter().filter(|problem| problem.rule == Rule::Unreadable);
        unreadable.find(|problem| self.lost.iter().any(|key| may_hold(&problem.place.package, key)))
    }
}

/// Returns true if a version may lie at a path of a layer, or below it, judged by names.
fn may_hold(place: &str, (name, version): &Key) -> bool {
    let last = place.rsplit('/').next().unwrap_or_default();
    if let Some(stem) = last.strip_suffix(".zip") {
        return stem.contains(version.as_str());
    }
    match Version::strict(last) {
        // The folder around it may have any name.
        Ok(_) if place.contains('/') => last == version.as_str(),
        _ => last == name || !place.contains('/'),
    }
}

/// Returns true if one of the problems of a layer says that a zip is skipped because a link lies in its place. A folder in
/// whose place a link lies is lost: one link may stand for any number of versions.
pub fn is_skipped(problems: &[Problem], (name, version): &Key) -> bool {
    let zip = format!("{name}-{version}.zip");
    let is_place =
        |place: &str| place.strip_suffix(&zip).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    let mut skipped = problems.iter().filter(|problem| problem.rule == Rule::SymlinkSkipped);
    skipped.any(|problem| is_place(&problem.place.package))
}

/// Refuses to empty a distribution because all that it held lies behind links.
pub fn nothing_but_links(distribution: &str, skipped: usize) -> Problem {
    let links =
        if skipped == 1 { "lies behind a symbolic link, which is" } else { "lie behind symbolic links, which are" };
    let message = format!("`{distribution}` would have no version at all: {skipped} that it has now {links} skipped");
    let hint = "replace the links by what they point to, or name the folder of their targets in `follow_links` of the \
                layer; `--accept-loss` makes an empty registry";
    Problem::new(Rule::NoVersions, message).within(distribution, "").hint(hint)
}

/// Refuses a distribution that would be in use for the first time and hold nothing.
pub fn nothing(distribution: &str) -> Problem {
    Problem::new(Rule::NoVersions, format!("`{distribution}` would have no version at all")).within(distribution, "")
}

/// What one generation would lose against another, without layers to look into: as many versions as the layers of `was`
/// lost too much.
pub fn refusals(was: &Holdings, now: &Holdings) -> Vec<Problem> {
    let now = now.origins();
    let held = now.keys().copied().collect();
    let losses = losses(&was.origins(), &now, &held);
    losses.iter().filter(|loss| loss.is_too_much(None)).map(|loss| loss.refusal(0)).collect()
}

#[cfg(test)]
mod tests;
