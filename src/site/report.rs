//! The report of a build: one value, printed for people and written for machines.
//!
//! `report.json` in a generation says what follows from the input alone, so that equal input gives equal bytes; times
//! are only printed. Its schema is documented on the types here.

use crate::answers::route::build::RouteReport;
use crate::answers::route::whole::FamilyReport;
use crate::base::problem::{Problem, Severity};
use crate::catalog::deprecation::CarriedNotice;
use crate::catalog::merge::{Catalog, Copy, Entry};
use crate::catalog::mixed_keys::mixed_keys;
use crate::catalog::overlay::Overridden;
use crate::catalog::record::LayerIntake;
use crate::config::exceptions::{Exception, KeptException};
use crate::openpgp::{Fingerprint, KeyRing, Verdict};
use crate::select::requires::unmet_requirements;
use crate::site::assemble::Site;
use crate::site::selection_report::SelectionReport;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The report of one distribution, `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// `epr-build/report/1`; the number grows when a reader could misunderstand a newer file.
    pub schema: String,
    /// Name of the distribution.
    pub distribution: String,
    /// Name of the generation.
    pub generation: String,
    /// The layers, in order.
    pub layers: Vec<LayerReport>,
    /// What the selection of the distribution leaves out; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionReport>,
    /// The worth of the signatures that are published, by layer; in reports of older versions absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<SignatureCount>,
    /// Versions of which overrides change what the registry says; in reports of older versions absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Overridden>,
    /// Notices of deprecation that count and that mirrors have carried along, since no version here has them itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried_notices: Vec<CarriedNotice>,
    /// Versions in the catalog, hidden ones included, and distinct names.
    pub versions: usize,
    /// Distinct package names.
    pub packages: usize,
    /// Versions that further layers hold with the same content.
    pub copies: Vec<CopyReport>,
    /// Versions that further layers hold with other content.
    pub conflicts: Vec<CopyReport>,
    /// Everything that is wrong or odd, quarantines first.
    pub problems: Vec<Problem>,
    /// What is worth knowing although nothing is wrong. A list of its own, so that readers that know only problems can read
    /// the report, and take nothing for wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Problem>,
    /// Exceptions from the policies of layers, from the first build of the distribution on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<KeptException>,
    /// Buckets, contexts and answers; absent when nothing was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<RouteReport>,
    /// Which questions tables answer; absent when nothing was built, and in reports of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Shares>,
    /// Sizes in bytes.
    pub sizes: Sizes,
    /// Problems that the policies of layers find in the change from the build before. They are only printed, because the
    /// build before is no input.
    #[serde(skip)]
    pub advice: Vec<Problem>,
    /// How the number of versions changed, which is only printed too.
    #[serde(skip)]
    pub change: Option<Change>,
    /// Exceptions that this run needed, and whether it needed one for lost versions. Neither is of the input.
    #[serde(skip)]
    pub allowed: Vec<Exception>,
    /// See `allowed`.
    #[serde(skip)]
    pub is_loss_accepted: bool,
}

/// Numbers of a change from one generation to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Versions before.
    pub was: usize,
    /// Versions after.
    pub now: usize,
    /// Versions that are new.
    pub new: usize,
    /// Versions that are gone.
    pub gone: usize,
}

/// `163 → 160 versions: 4 new, 7 gone`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { was, now, new, gone } = self;
        let versions = if *now == 1 { "version" } else { "versions" };
        write!(f, "{was} → {now} {versions}: {new} new, {gone} gone")
    }
}

/// One layer of a report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Packages found.
    pub found: usize,
    /// Of those, versions that are in the catalog from this layer.
    pub used: usize,
    /// Of those, versions that an earlier layer holds too.
    pub shadowed: usize,
    /// Of those, packages left out because something is wrong with them.
    pub quarantined: usize,
    /// Of those, versions that the distribution does not select; absent if there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left_out: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Versions of a layer whose signatures are worth the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureCount {
    /// Name of the layer.
    pub layer: String,
    /// `good(FINGERPRINT)`, `bad`, `other-key(FINGERPRINT)`, `weak(WHAT)`, `unreadable`, or `missing` for unsigned versions.
    pub verdict: String,
    /// Number of versions.
    pub versions: usize,
}

/// A version that more than one layer holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyReport {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The layer whose content is used.
    pub used: String,
    /// The layer that holds it too.
    pub also_in: String,
    /// Files that differ; empty for a true copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing_files: Vec<String>,
    /// Path in the layer that holds it too; only printed.
    #[serde(skip)]
    pub package: String,
}

/// A subject that is beyond the budget: tables hold a part of its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Mode and subject, such as `latest/list`.
    pub subject: String,
    /// Combinations of parameters that lead to different places.
    pub contexts: u64,
    /// Those that tables refuse.
    pub refused_contexts: u64,
    /// Kinds of questions that were left out for the sake of the budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

impl Beyond {
    /// The subjects of which something is refused, in the order of the tables.
    pub fn of(routing: &RouteReport) -> Vec<Self> {
        let refused = routing.families.iter().filter(|family| !family.exact && family.refused_contexts > 0);
        let one = |family: &FamilyReport| Self {
            subject: family.subject.clone(),
            contexts: family.contexts,
            refused_contexts: family.refused_contexts,
            cut: family.cut.clone(),
        };
        refused.map(one).collect()
    }
}

/// Which questions tables answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// Lists, counts, types and categories, each in every mode that there is.
    pub subjects: usize,
    /// Those of which tables hold every combination of parameters.
    pub exact_subjects: usize,
    /// Combinations of parameters.
    pub combinations: u64,
    /// Those that tables hold; the others are left to `epr-build serve` or a fallback.
    pub held_combinations: u64,
}

impl Shares {
    /// The shares of a routing.
    pub fn of(routing: &RouteReport) -> Self {
        let held = routing.contexts.saturating_sub(routing.refused_contexts);
        Self {
            subjects: routing.families.len(),
            exact_subjects: routing.families.iter().filter(|family| family.exact).count(),
            combinations: routing.contexts,
            held_combinations: held,
        }
    }
}

/// Bytes of the parts of a site.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    /// Package files, each counted as often as packages hold it.
    pub package_files: u64,
    /// Number of package files.
    pub package_file_count: u64,
    /// Archives and signatures.
    pub archives: u64,
    /// Package documents.
    pub documents: u64,
    /// Answers to `/search` and `/categories`.
    pub answers: u64,
}

impl Report {
    /// Draws the report up.
    pub fn new(name: &str, layers: &[&LayerIntake], catalog: &Catalog, built: Option<(RouteReport, &Site)>) -> Self {
        let mut problems: Vec<Problem> = layers.iter().flat_map(|layer| layer.all_problems()).cloned().collect();
        problems.extend(mixed_keys(name, catalog));
        problems.extend(unmet_requirements(name, catalog));
        problems.extend(catalog.problems.iter().cloned());
        problems.sort();
        let (notes, problems) = problems.into_iter().partition(Problem::is_note);
        let copy = |(entry, copy): (&Entry, &Copy)| CopyReport {
            name: entry.record.facts.name.clone(),
            version: entry.record.facts.version.to_string(),
            used: entry.layer.clone(),
            also_in: copy.layer.clone(),
            differing_files: copy.differing_files.clone(),
            package: copy.package.clone(),
        };
        let all = || catalog.entries.iter().flat_map(|entry| entry.also_in.iter().map(move |copy| (entry, copy)));
        let names: std::collections::BTreeSet<&str> =
            catalog.entries.iter().map(|entry| entry.record.facts.name.as_str()).collect();
        let selection = catalog.selected.as_ref().map(|selected| SelectionReport::of(selected, &names));
        Self {
            schema: "epr-build/report/1".to_owned(),
            distribution: name.to_owned(),
            generation: String::new(),
            layers: layers.iter().map(|layer| layer_report(layer, catalog)).collect(),
            selection,
            signatures: signatures(catalog),
            overrides: catalog.entries.iter().filter_map(Entry::overridden).collect(),
            carried_notices: catalog.carried.clone(),
            versions: catalog.entries.len(),
            packages: names.len(),
            copies: all().filter(|(_, copy)| copy.differing_files.is_empty()).map(copy).collect(),
            conflicts: catalog.conflicts().map(copy).collect(),
            problems,
            notes,
            exceptions: Vec::new(),
            advice: Vec::new(),
            change: None,
            allowed: Vec::new(),
            is_loss_accepted: false,
            sizes: sizes(catalog, built.as_ref().map(|(_, site)| *site)),
            coverage: built.as_ref().map(|(routing, _)| Shares::of(routing)),
            routing: built.map(|(routing, _)| routing),
        }
    }

    /// The key that all good signatures are by, and a layer with some of them, if it is not Elastic's: Kibana must be told of it.
    pub fn own_key(&self) -> Option<(&str, Fingerprint)> {
        let mut found: Option<(&str, Fingerprint)> = None;
        for SignatureCount { layer, verdict, .. } in &self.signatures {
            match verdict.parse::<Verdict>() {
                Ok(Verdict::Good { key }) if found.is_none_or(|(_, first)| first == key) => {
                    found.get_or_insert((layer, key));
                }
                Ok(Verdict::Good { .. } | Verdict::OtherKey { .. }) => return None,
                _ => {}
            }
        }
        found.filter(|(_, key)| KeyRing::elastic().keys().all(|elastic| elastic.fingerprint != *key))
    }

    /// Problems that keep a package out.
    pub fn quarantined(&self) -> usize {
        self.layers.iter().map(|layer| layer.quarantined).sum()
    }

    /// Returns true if nothing was left out; strictly, if there are no problems and conflicts at all.
    pub fn is_clean(&self, strict: bool) -> bool {
        let told = self.problems.iter().chain(&self.advice);
        let is_refused = told.map(|problem| problem.severity).any(|severity| severity == Severity::Refusal);
        self.quarantined() == 0 && !is_refused && !(strict && (!self.conflicts.is_empty() || !self.problems.is_empty()))
    }

    /// The text of `report.json`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain values always serialise") + "\n"
    }
}

fn layer_report(layer: &LayerIntake, catalog: &Catalog) -> LayerReport {
    let used = catalog.entries.iter().filter(|entry| entry.layer == layer.name).count();
    let left_out = || catalog.selected.iter().flat_map(|selected| &selected.left_out).map(|one| &one.entry);
    let entries = catalog.entries.iter().chain(left_out());
    let shadowed = entries.flat_map(|entry| &entry.also_in).filter(|copy| copy.layer == layer.name);
    LayerReport {
        name: layer.name.clone(),
        found: layer.packages.len() + layer.unopened(),
        used,
        shadowed: shadowed.count(),
        quarantined: layer.quarantined(),
        left_out: left_out().filter(|entry| entry.layer == layer.name).count(),
    }
}

fn signatures(catalog: &Catalog) -> Vec<SignatureCount> {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for entry in &catalog.entries {
        *counts.entry((&entry.layer, entry.verdict.to_string())).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts.map(|((layer, verdict), versions)| SignatureCount { layer: layer.to_owned(), verdict, versions }).collect()
}

fn sizes(catalog: &Catalog, site: Option<&Site>) -> Sizes {
    let mut sizes = Sizes {
        package_files: catalog.entries.iter().map(|entry| entry.record.bytes).sum(),
        package_file_count: catalog.entries.iter().map(|entry| entry.record.files).sum(),
        ..Sizes::default()
    };
    if let Some(site) = site {
        let added = site.each_file(catalog, &mut |path, file| {
            match path.split('/').nth(1) {
                Some("epr") => sizes.archives += file.size,
                Some("documents") => sizes.documents += file.size,
                Some("answers") => sizes.answers += file.size,
                _ => {}
            }
            Ok(())
        });
        added.expect("adding numbers does not fail");
    }
    sizes
}
