//! Applies the policies of layers to a change before it is made.
//!
//! The same rules as for builds, in every distribution that sees the layer; defaults refuse, as in checks.

use super::layer_view::{FoundPackage, LayerView, Wanted, difference};
use crate::base::words::few;
use crate::compare::holdings::Key;
use crate::compare::policy::{Breach, Verdict, id};
use crate::config::exceptions::{Moment, PolicyRule};
use crate::config::layer::LayerPlan;
use crate::config::settings::{DistributionPlan, Settings};
use anyhow::Result;
use std::collections::BTreeSet;

/// A version gets other content.
pub(super) fn changed(settings: &Settings, key: &Key, place: (&str, &str), what: String, verdict: &mut Verdict) {
    let Some(plan) = stacks(settings, place.0).next() else { return };
    add(settings, plan, (PolicyRule::Changed, key, place, what), verdict);
}

/// A version leaves a layer, for another one or for good.
pub(super) fn removed(
    settings: &Settings,
    key: &Key,
    place: (&str, &str),
    to: Option<&str>,
    verdict: &mut Verdict,
) -> Result<()> {
    for plan in stacks(settings, place.0) {
        let above = layers(settings, plan).take_while(|layer| layer.source.name != place.0);
        let mut is_kept = false;
        for layer in above {
            is_kept |= to == Some(layer.source.name.as_str()) || holds(settings, layer, key)?.is_some();
        }
        if is_kept {
            continue;
        }
        let mut what = format!("{} would be taken from layer `{}`", id(key), place.0);
        if let Some(to) = to {
            what += &format!(" and not be above it in distribution `{}`: `{to}` is not", plan.name);
        }
        add(settings, plan, (PolicyRule::Removed, key, place, what), verdict);
        break;
    }
    Ok(())
}

/// A layer is to hold a version that other layers hold with other content.
pub(super) fn neighbours(
    settings: &Settings,
    key: &Key,
    found: &FoundPackage,
    layer: &str,
    except: &[&str],
    verdict: &mut Verdict,
) -> Result<()> {
    let mut seen: BTreeSet<&str> = except.iter().copied().collect();
    seen.insert(layer);
    for plan in stacks(settings, layer) {
        let mut is_above = true;
        for other in layers(settings, plan) {
            let name = other.source.name.as_str();
            is_above &= name != layer;
            if !seen.insert(name) {
                continue;
            }
            let Some(other_found) = holds(settings, other, key)? else { continue };
            let files = difference(&other_found, found)?;
            if files.is_empty() {
                continue;
            }
            let (used, below) = if is_above { (name, layer) } else { (layer, name) };
            let what = format!("{} of layer `{used}` would differ from the one in `{below}`: {}", id(key), few(&files));
            let package = if is_above { &other_found.package } else { &found.package };
            add(settings, plan, (PolicyRule::DiffersBelow, key, (used, package), what), verdict);
        }
    }
    Ok(())
}

/// Adds what the policies say of a change that is only planned.
fn add(
    settings: &Settings,
    plan: &DistributionPlan,
    breach: (PolicyRule, &Key, (&str, &str), String),
    verdict: &mut Verdict,
) {
    let (rule, key, place, message) = breach;
    let breach = Breach { rule, moment: Moment::Before, key, place, message };
    verdict.add((&settings.stack(plan, true), &settings.exceptions), breach);
}

/// The distributions that see a layer.
fn stacks<'a>(settings: &'a Settings, layer: &'a str) -> impl Iterator<Item = &'a DistributionPlan> {
    settings.distributions.iter().filter(move |plan| layers(settings, plan).any(|known| known.source.name == layer))
}

fn layers<'a>(settings: &'a Settings, plan: &'a DistributionPlan) -> impl Iterator<Item = &'a LayerPlan> {
    plan.layers.iter().map(|&position| &settings.layers[position])
}

fn holds(settings: &Settings, layer: &LayerPlan, (name, version): &Key) -> Result<Option<FoundPackage>> {
    let view = LayerView::open(layer, settings.config.limits)?;
    Ok(view.holds(&Wanted { name, version: Some(version) }, layer)?.versions.remove(version))
}
