//! Changes of source layers: a package is added, promoted to a layer further up, or removed.
//!
//! Everything is decided before anything is changed: what a build would quarantine, what a policy forbids and what
//! contradicts another layer is refused as a whole. Then each version is copied beside its place, compared and renamed
//! into place. Only then it is removed below, so that one of the two layers has it at every moment. A note in
//! the upper layer ([`journal`]) lets the next command finish or undo what was interrupted. Works on source layers alone;
//! what was built from them is for the next build.

mod branches;
mod editor;
pub mod journal;
mod rules;
mod signer;
mod signing;
mod layer_view;
mod slot;
mod step;
mod taking_out;
mod work;

pub use editor::{Done, Editor, PackageSelector};
pub use signer::Signer;
pub use signing::{JudgedPackage, SigningOrder};
pub(crate) use taking_out::{end_taking_out, take_out};

use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::suggest::did_you_mean;
use crate::base::time;
use crate::base::words::few;
use crate::compare::holdings::Key;
use crate::compare::policy::{Refused, Verdict, id};
use crate::config::layer::LayerPlan;
use crate::dialect::version::Version;
use crate::input::source::Candidate;
use anyhow::{Context, Result, bail};
use journal::{Action, LayerChange};
use layer_view::{FoundPackage, Holds, LayerView, Wanted, difference};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use step::Step;
use work::Workplace;

impl Editor<'_> {
    /// Puts packages from anywhere into a layer: all of them, or none if one is refused.
    ///
    /// # Errors
    /// [`Refused`]; or when the machine fails, or another command is at work.
    pub fn add(&self, packages: &[PathBuf], to: &str) -> Result<Done> {
        let plan = self.layer(to)?;
        let mut work = Workplace::open(self, &[plan])?;
        let view = work.view(to)?;
        let (mut refusals, mut steps, mut already) = (Vec::new(), Vec::<Step>::new(), Vec::new());
        let mut places: BTreeMap<Key, &Path> = BTreeMap::new();
        for package in packages {
            let named = Candidate::named(package, to).with_context(|| {
                format!(
                    "cannot read `{}`\nhint: name folders or zips, each of one version of a package",
                    package.display()
                )
            })?;
            let found = view.read_one(named, plan)?;
            let Some(record) = &found.record else {
                refusals.extend(found.problems);
                continue;
            };
            let key = record.facts.key();
            if let Some(earlier) = places.insert(key.clone(), package) {
                let message = format!("{} is named twice: `{}` is another", id(&key), earlier.display());
                refusals
                    .push(Problem::new(Rule::Duplicate, message).within(to, &found.package).hint("name one of them"));
                continue;
            }
            steps.extend(self.addition(&key, found, &view, &mut refusals, &mut already)?);
        }
        if !refusals.is_empty() {
            return Err(Refused(refusals).into());
        }
        let done = work.perform(steps)?;
        Ok(Done { already, ..done })
    }

    /// The step that adds one package; nothing if it is refused, or there already.
    fn addition(
        &self,
        key: &Key,
        found: FoundPackage,
        view: &LayerView<'_>,
        refusals: &mut Vec<Problem>,
        already: &mut Vec<String>,
    ) -> Result<Option<Step>> {
        let to = view.name();
        let mut holds = view.holds(&Wanted { name: &key.0, version: Some(&key.1) }, view.plan)?;
        let mut verdict = Verdict::default();
        let mut slot = None;
        let repeated = holds.repeated(key, to);
        if let Some(known) = holds.versions.remove(&key.1) {
            let files = difference(&known, &found)?;
            if files.is_empty() {
                already.push(format!("layer `{to}` holds {} already, with the same content", id(key)));
                return Ok(None);
            }
            let (Some(place), true) = (known.slot(view), known.kind() == found.kind()) else {
                refusals.push(in_the_way(key, to, &known.package));
                return Ok(None);
            };
            if let Some(repeated) = repeated {
                refusals.push(repeated);
                return Ok(None);
            }
            let tree = |package: &FoundPackage| package.record.as_ref().map(|record| record.tree);
            if tree(&known) != tree(&found) {
                let what = format!("{} is in layer `{to}` with other content: {}", id(key), few(&files));
                rules::changed(self.settings, key, (to, &known.package), what, &mut verdict);
            }
            slot = Some(place);
        } else if !holds.broken.is_empty() {
            refusals.extend(holds.broken);
            return Ok(None);
        }
        rules::neighbours(self.settings, key, &found, to, &[], &mut verdict)?;
        refusals.extend(verdict.refusals());
        let replaces = slot.is_some();
        let slot = slot.unwrap_or_else(|| view.slot_for(key, found.kind(), None));
        if !replaces && slot.is_taken() {
            refusals.push(in_the_way(key, to, &slot.shown()));
        }
        let action = if replaces { Action::Replaced } else { Action::Added };
        let change = self.change(action, &found, (None, Some(to)), &verdict);
        Ok(Some(Step { change, found, to: Some(slot), replaces, is_up: false, from: None }))
    }

    /// Moves versions of packages to another layer. With `all_newer` every newer version of each goes along; a selector without
    /// a version then means those that are newer than the newest in the target.
    ///
    /// # Errors
    /// See [`Self::add`].
    pub fn promote(&self, selectors: &[PackageSelector], from: &str, to: &str, all_newer: bool) -> Result<Done> {
        let (source, target) = (self.layer(from)?, self.layer(to)?);
        if from == to {
            bail!("`{from}` is both the source and the target\nhint: name two layers");
        }
        let mut work = Workplace::open(self, &[source, target])?;
        let (below, above) = (work.view(from)?, work.view(to)?);
        let (mut refusals, mut steps, mut already) = (Vec::new(), BTreeMap::new(), Vec::new());
        for selector in selectors {
            for found in self.selected(selector, (&below, &above), all_newer, &mut refusals, &mut already)? {
                if let Some(step) = self.promotion(found, (&below, &above), &mut refusals)? {
                    let version = Version::loose(&step.change.version);
                    steps.insert((step.change.package.clone(), version.context("it was read as a version")?), step);
                }
            }
        }
        if !refusals.is_empty() {
            return Err(Refused(refusals).into());
        }
        if !already.is_empty() && self.is_below(to, from) {
            bail!(
                "`{to}` lies below `{from}`, and versions are promoted to layers further up\n\
                 hint: write `--from {to} --to {from}`"
            );
        }
        let mut done = work.perform(steps.into_values().collect())?;
        done.already = already;
        Ok(done)
    }

    /// Takes versions out of a layer.
    ///
    /// # Errors
    /// See [`Self::add`].
    pub fn remove(&self, selectors: &[PackageSelector], from: &str) -> Result<Done> {
        let plan = self.layer(from)?;
        let mut work = Workplace::open(self, &[plan])?;
        let view = work.view(from)?;
        let (mut refusals, mut steps) = (Vec::new(), Vec::new());
        for selector in selectors {
            let Some(version) = &selector.version else {
                bail!("`{}` has no version\nhint: write NAME@VERSION", selector.name);
            };
            let key = (selector.name.clone(), version.clone());
            let mut holds = view.holds(&Wanted { name: &selector.name, version: Some(version) }, plan)?;
            let repeated = holds.repeated(&key, from);
            let Some(found) = holds.versions.remove(version) else {
                refusals.push(absent(&key, from, holds.broken));
                continue;
            };
            if let Some(repeated) = repeated {
                refusals.push(repeated);
                continue;
            }
            let Some(slot) = found.slot(&view) else {
                refusals.push(nested(&key, from, &found));
                continue;
            };
            let mut verdict = Verdict::default();
            rules::removed(self.settings, &key, (from, &found.package), None, &mut verdict)?;
            refusals.extend(verdict.refusals());
            let change = self.change(Action::Removed, &found, (Some(from), None), &verdict);
            steps.push(Step { change, found, to: None, replaces: false, is_up: true, from: Some(slot) });
        }
        if !refusals.is_empty() {
            return Err(Refused(refusals).into());
        }
        work.perform(steps)
    }

    /// Returns true if a layer lies below another one in every distribution that has both, and there is one.
    fn is_below(&self, lower: &str, upper: &str) -> bool {
        let stacks = self.settings.distributions.iter().map(|plan| self.settings.stack(plan, false));
        let mut both = stacks.filter_map(|stack| {
            let position = |name: &str| stack.layers.iter().position(|(layer, _)| *layer == name);
            Some(position(lower)? > position(upper)?)
        });
        both.next().is_some_and(|is_below| is_below && both.all(|is_below| is_below))
    }

    fn layer(&self, name: &str) -> Result<&LayerPlan> {
        let layers = &self.settings.layers;
        if let Some(plan) = layers.iter().find(|plan| plan.source.name == name) {
            return Ok(plan);
        }
        let known: Vec<_> = layers.iter().map(|plan| plan.source.name.as_str()).collect();
        bail!("unknown layer `{name}`\nhint: {}", did_you_mean(name, &known));
    }

    /// The versions that a selector means.
    fn selected(
        &self,
        selector: &PackageSelector,
        (below, above): (&LayerView<'_>, &LayerView<'_>),
        all_newer: bool,
        refusals: &mut Vec<Problem>,
        already: &mut Vec<String>,
    ) -> Result<Vec<FoundPackage>> {
        let (from, to) = (below.name(), above.name());
        let version = selector.version.as_ref();
        let rules = above.plan;
        let mut holds =
            below.holds(&Wanted { name: &selector.name, version: version.filter(|_| !all_newer) }, rules)?;
        let Some(version) = version else {
            if !all_newer {
                bail!("`{}` has no version\nhint: write NAME@VERSION, or add --all-newer", selector.name);
            }
            let known = above.holds(&Wanted { name: &selector.name, version: None }, rules)?;
            let newest = known.versions.into_keys().next_back();
            let is_newer = |version: &Version| newest.as_ref().is_none_or(|newest| version.precedence(newest).is_gt());
            let broken = std::mem::take(&mut holds.broken);
            holds.versions.retain(|version, _| is_newer(version));
            refusals.extend(repeated(&selector.name, &holds, from));
            if holds.versions.is_empty() && broken.is_empty() {
                already
                    .push(format!("layer `{from}` holds no version of {} that is newer than in `{to}`", selector.name));
            }
            refusals.extend(broken);
            return Ok(holds.versions.into_values().collect());
        };
        let key = (selector.name.clone(), version.clone());
        if all_newer {
            holds.versions.retain(|other, _| other == version || other.precedence(version).is_gt());
            refusals.append(&mut holds.broken);
        }
        if holds.versions.contains_key(version) {
            refusals.extend(repeated(&selector.name, &holds, from));
            return Ok(holds.versions.into_values().collect());
        }
        let known = above.holds(&Wanted { name: &selector.name, version: Some(version) }, rules)?;
        if holds.broken.is_empty() && known.versions.contains_key(version) {
            already.push(format!("{} is in layer `{to}`, and no longer in `{from}`", id(&key)));
            return Ok(holds.versions.into_values().collect());
        }
        refusals.push(absent(&key, from, std::mem::take(&mut holds.broken)));
        Ok(Vec::new())
    }

    /// The step that promotes one version; nothing if it is refused.
    fn promotion(
        &self,
        found: FoundPackage,
        (below, above): (&LayerView<'_>, &LayerView<'_>),
        refusals: &mut Vec<Problem>,
    ) -> Result<Option<Step>> {
        let (from, to) = (below.name(), above.name());
        let record = found.record.clone().context("only packages that can be read are promoted")?;
        let key = record.facts.key();
        let Some(source) = found.slot(below) else {
            refusals.push(nested(&key, from, &found));
            return Ok(None);
        };
        let holds = above.holds(&Wanted { name: &key.0, version: Some(&key.1) }, above.plan)?;
        if !holds.broken.is_empty() {
            refusals.extend(holds.broken);
            return Ok(None);
        }
        let known = holds.versions.get(&key.1);
        if let Some(known) = known {
            let files = difference(known, &found)?;
            if !files.is_empty() {
                refusals.push(conflict(&key, to, from, &known.package, &files));
                return Ok(None);
            }
        }
        let slot = match known {
            Some(known) => known.slot(above),
            None => Some(above.slot_for(&key, found.kind(), Some(&source))),
        };
        let Some(slot) = slot.filter(|slot| known.is_some() || !slot.is_taken()) else {
            refusals.push(in_the_way(&key, to, &above.slot_for(&key, found.kind(), Some(&source)).shown()));
            return Ok(None);
        };
        let mut verdict = Verdict::default();
        rules::neighbours(self.settings, &key, &found, to, &[from], &mut verdict)?;
        rules::removed(self.settings, &key, (from, &found.package), Some(to), &mut verdict)?;
        refusals.extend(verdict.refusals());
        let change = self.change(Action::Promoted, &found, (Some(from), Some(to)), &verdict);
        let is_up = known.is_some();
        Ok(Some(Step { change, found, to: Some(slot), replaces: false, is_up, from: Some(source) }))
    }

    fn change(
        &self,
        action: Action,
        found: &FoundPackage,
        (from, to): (Option<&str>, Option<&str>),
        verdict: &Verdict,
    ) -> LayerChange {
        let record = found.record.as_ref();
        LayerChange {
            time: time::rfc3339(self.now),
            action,
            package: record.map(|record| record.facts.name.clone()).unwrap_or_default(),
            version: record.map(|record| record.facts.version.to_string()).unwrap_or_default(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            content: record.map(|record| record.tree.to_string()).unwrap_or_default(),
            signature: None,
            allowed: verdict.used.iter().map(ToString::to_string).collect(),
            reason: self.reason.clone(),
        }
    }
}

/// The refusals of versions that a layer holds twice.
fn repeated(name: &str, holds: &Holds, layer: &str) -> Vec<Problem> {
    holds.versions.keys().filter_map(|version| holds.repeated(&(name.to_owned(), version.clone()), layer)).collect()
}

/// The refusal of a version that a layer does not hold.
fn absent(key: &Key, layer: &str, broken: Vec<Problem>) -> Problem {
    broken.into_iter().next().unwrap_or_else(|| {
        let message = format!("layer `{layer}` holds no {}", id(key));
        Problem::new(Rule::Absent, message).within(layer, &format!("{}/{}", key.0, key.1))
    })
}

/// The refusal of a version that lies inside another package.
fn nested(key: &Key, layer: &str, found: &FoundPackage) -> Problem {
    let message = format!("{} lies inside another package", id(key));
    Problem::new(Rule::Nested, message).within(layer, &found.package)
}

/// The refusal to lay a package over something else.
fn in_the_way(key: &Key, layer: &str, place: &str) -> Problem {
    let message = format!("{} belongs where something else lies", id(key));
    Problem::new(Rule::PlaceTaken, message).within(layer, place)
}

/// The refusal to promote what is above with other content.
fn conflict(key: &Key, above: &str, below: &str, place: &str, files: &[String]) -> Problem {
    let message = format!("{} of layer `{above}` differs from the one in `{below}`: {}", id(key), few(files));
    let hint = format!(
        "remove one of the two, for example with `epr-build remove {}@{} --from {below}`, or give the changed package a new \
         version",
        key.0, key.1
    );
    Problem::new(Rule::DiffersAbove, message).within(above, place).hint(hint)
}
