//! Which versions the overrides of a layer meet, and what is wrong with the rules.
//!
//! Rules meet packages that were read or remembered, and their results change copies of the records. So no package is read
//! again for an override, and what is remembered stays what the package says. Files, archive and signature of a version are
//! never touched.

use super::overlay::{Hidden, Overlay, Overlays, Told};
use super::record::Intake;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::suggest::nearest;
use crate::base::words::{counted, few};
use crate::config::layer::LayerPlan;
use crate::config::overrides::Override;
use crate::dialect::version::Version;
use crate::package::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// Versions that overrides do not reach, by their layer and the one further up that gives them.
pub(super) type Shadows<'a> = BTreeMap<(&'a str, &'a str), Vec<String>>;

/// What the rules of a layer change, and what is wrong with them: those that meet nothing, and those that contradict each
/// other.
pub(super) fn of_layer(plan: &LayerPlan, packages: &[Intake]) -> (Overlays, Vec<Problem>) {
    let rules = &plan.rules.overrides;
    let records = || packages.iter().filter_map(|intake| intake.outcome.record.as_ref());
    let mut overlays = Overlays::new();
    // A layer that holds nothing is a problem of its own.
    if rules.is_empty() || records().next().is_none() {
        return (overlays, Vec::new());
    }
    let mut met = vec![false; rules.len()];
    let mut contradictions = Contradictions::default();
    for record in records() {
        let facts = &record.facts;
        let mut made = Made::default();
        for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.meets(&facts.name, &facts.version)) {
            met[number] = true;
            made.add(number, rule, facts, &mut contradictions);
        }
        if !made.overlay.is_empty() {
            overlays.insert(facts.key(), made.overlay);
        }
    }
    let layer = &plan.source.name;
    let all: Vec<&Facts> = records().map(|record| &record.facts).collect();
    let unmet = rules.iter().zip(met).filter(|(_, met)| !met).map(|(rule, _)| unmet(layer, rule, &all));
    let contradictions = contradictions.0.into_iter().map(|(pair, ids)| contradiction(layer, rules, pair, &ids));
    let problems = unmet.chain(contradictions).map(|problem| problem.within(layer, "")).collect();
    (overlays, problems)
}

/// An overlay in the making, with the numbers of the rules that decided.
#[derive(Default)]
struct Made {
    overlay: Overlay,
    kibana: usize,
    deprecated: usize,
}

/// Versions of which two rules say different things, by the numbers of the rules and what they say it of.
#[derive(Default)]
struct Contradictions(BTreeMap<(usize, usize, &'static str), Vec<String>>);

impl Made {
    /// Adds what a rule says. Of two that say the same the first gives the reason.
    fn add(&mut self, number: usize, rule: &Override, facts: &Facts, contradictions: &mut Contradictions) {
        let reason = || rule.reason.clone();
        if rule.hide {
            self.overlay.hidden.get_or_insert_with(|| Hidden { reason: reason() });
        }
        let mut contradict = |first: usize, what| {
            let id = format!("{}-{}", facts.name, facts.version);
            contradictions.0.entry((first, number, what)).or_default().push(id);
        };
        if let Some(is) = &rule.kibana {
            match &self.overlay.kibana {
                Some(first) if first.is != *is => contradict(self.kibana, "of the condition on Kibana"),
                Some(_) => {}
                None => {
                    self.kibana = number;
                    self.overlay.kibana = Some(Told { is: is.clone(), was: facts.kibana.clone(), reason: reason() });
                }
            }
        }
        if let Some(is) = &rule.deprecated {
            match &self.overlay.deprecated {
                Some(first) if first.is != *is => contradict(self.deprecated, "of the deprecation"),
                Some(_) => {}
                None => {
                    self.deprecated = number;
                    let was = facts.deprecated.clone();
                    self.overlay.deprecated = Some(Told { is: is.clone(), was, reason: reason() });
                }
            }
        }
    }
}

fn contradiction(layer: &str, rules: &[Override], (one, other, what): (usize, usize, &str), ids: &[String]) -> Problem {
    let (one, other) = (&rules[one], &rules[other]);
    let message = format!(
        "two overrides of layer `{layer}` say different things {what}, that of `{one}` and that of `{other}`: {}",
        few(ids)
    );
    Problem::new(Rule::ContradictoryOverrides, message)
}

/// A rule that meets no version: the name or the version is misspelt, or the version is gone.
fn unmet(layer: &str, rule: &Override, held: &[&Facts]) -> Problem {
    let message = format!("the override of `{rule}` meets no version of layer `{layer}`");
    let problem = Problem::new(Rule::UnmatchedOverride, message);
    let of_names: Vec<&Facts> = held.iter().copied().filter(|facts| rule.names(&facts.name)).collect();
    if of_names.is_empty() {
        let names: BTreeSet<&str> = held.iter().map(|facts| facts.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let named = rule.packages.iter().filter(|pattern| pattern.is_literal());
        return match named.filter_map(|pattern| nearest(pattern.0.as_str(), &names)).next() {
            Some(nearest) => problem.hint(format!("did you mean `{nearest}`?")),
            None => problem,
        };
    }
    let mut versions: Vec<&Version> = of_names.iter().map(|facts| &facts.version).collect();
    versions.sort();
    if versions.iter().all(|version| version.is_prerelease()) {
        return problem
            .hint("the layer holds only pre-releases of it, and a constraint means one only if it names one");
    }
    let newest: Vec<String> = versions.iter().rev().map(ToString::to_string).collect();
    problem.hint(format!("the layer holds {}; correct `versions`, or remove the override", few(&newest)))
}

/// Overrides that do not reach a version, because a layer further up holds it as well.
pub(super) fn shadowed(shadows: Shadows<'_>) -> Vec<Problem> {
    let problem = |((layer, above), ids): ((&str, &str), Vec<String>)| {
        let (versions, which) = (counted(ids.len(), "version"), few(&ids));
        let message = format!(
            "overrides of layer `{layer}` do not reach {versions}, which the distribution takes from layer `{above}`: {which}"
        );
        let hint = format!("give layer `{above}` the same override, or take the version out of it");
        Problem::new(Rule::ShadowedOverride, message).hint(hint).within(layer, "")
    };
    shadows.into_iter().map(problem).collect()
}

/// A version that a distribution has, and what overrides of its layer change.
pub(super) struct Offered<'a> {
    pub(super) facts: &'a Facts,
    pub(super) overlay: &'a Overlay,
    pub(super) layer: &'a str,
}

/// What overrides do to names as a whole: they hide all versions, or send people to a package that is not there.
pub(super) fn of_names<'a>(versions: impl Iterator<Item = Offered<'a>>) -> Vec<Problem> {
    let mut by_name: BTreeMap<&str, Vec<Offered<'a>>> = BTreeMap::new();
    versions.for_each(|one| by_name.entry(one.facts.name.as_str()).or_default().push(one));
    let mut problems = Vec::new();
    let mut absent: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (name, versions) in &by_name {
        if versions.iter().all(|one| one.overlay.hidden.is_some()) {
            let count = counted(versions.len(), "version");
            let message = format!("overrides hide all of `{name}`, {count}, so no Kibana is offered it");
            problems.push(Problem::new(Rule::HiddenPackage, message).within(versions[0].layer, ""));
        }
        for one in versions {
            let told = one.overlay.deprecated.as_ref().and_then(|told| told.is.replaced_by.as_ref());
            let by = told.map(|by| by.package.as_str()).filter(|by| !by.is_empty() && !by_name.contains_key(by));
            if let Some(by) = by {
                absent.entry((by, one.layer)).or_default().push(format!("{name}-{}", one.facts.version));
            }
        }
    }
    let names: Vec<&str> = by_name.keys().copied().collect();
    for ((by, layer), ids) in absent {
        let message =
            format!("overrides of layer `{layer}` say that `{by}` takes the place of {}, and nobody has it", few(&ids));
        let problem = Problem::new(Rule::AbsentReplacement, message).within(layer, "");
        problems.push(match nearest(by, &names) {
            Some(nearest) => problem.hint(format!("did you mean `{nearest}`?")),
            None => problem,
        });
    }
    problems
}
