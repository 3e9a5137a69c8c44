//! Scanning the layers: which packages they hold, and which of them are unchanged.
//!
//! The fingerprint of a package is made of names, sizes, times and inodes, in a repository of ids. No file is read for it.
//! It is the key of the package's outcome in the cache. If all fingerprints, rules and settings equal those of the last
//! build, there is nothing to do.

use crate::base::digest::{Digest, Hasher};
use crate::base::format::FORMAT;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::table::Table;
use crate::config::layer::{Layer, LayerPlan};
use crate::config::limits::Limits;
use crate::config::settings::Settings;
use crate::input::carried::{self, CarriedTable};
use crate::input::door::FileStat;
use crate::input::source::{self, Candidate, Inventory, OpenPackage};
use crate::package::{EntryKind, PackageKind};
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use std::path::Path;
use std::time::Duration;

/// Clocks of file systems tick every few milliseconds: a file may change again within the tick in which it was looked at
/// and keep its times. A file that changed this shortly before is not trusted.
const TICK_NS: i64 = 100_000_000;
/// After this time a file that was written just now is trusted.
pub const TICK: Duration = Duration::from_nanos(2 * TICK_NS as u64);
/// [`TICK_NS`] for file systems whose times are whole seconds.
const COARSE_TICK_NS: i64 = 2_000_000_000;

/// Settings of a scan.
#[derive(Clone, Copy, Debug)]
pub struct ScanContext {
    /// Bounds of a package.
    pub limits: Limits,
    /// When the run began, by the clock of the file system, in nanoseconds since 1970.
    pub now_ns: i64,
}

/// Packages found in all layers, in the order of the layers.
pub struct Survey(pub Vec<LayerSurvey>);

/// Packages found in one layer.
pub struct LayerSurvey {
    /// Packages in order of precedence, each with its fingerprint if one was taken.
    pub candidates: Vec<(Candidate, Option<Digest>)>,
    /// Problems of the layer's folders.
    pub problems: Vec<Problem>,
    /// Notices of deprecation that a mirror carries along.
    pub carried: CarriedTable,
}

impl Survey {
    /// Searches all layers, from the last to the first. A promotion adds a version to the upper layer before it removes it
    /// from the lower one, so a version that is promoted meanwhile is found in at least one of them.
    ///
    /// # Errors
    /// When a layer cannot be read, or a path of it that was written down is not there.
    pub fn new(layers: &[LayerPlan]) -> Result<Self> {
        let search = |layer: &LayerPlan| {
            let found = source::discover(&layer.source);
            let (candidates, mut problems) =
                found.with_context(|| format!("cannot search layer `{}`", layer.source.name))?;
            require_paths(layer, &problems)?;
            problems.retain(|problem| !(layer.rules.optional && is_absence(problem)));
            let (carried, unreadable) = carried::read(layer);
            problems.extend(unreadable);
            if layer.rules.mirror.is_some() {
                let hinted = |problem: Problem| match problem.rule {
                    Rule::EmptyLayerPath => problem.hint(mirror_hint(layer)),
                    _ => problem,
                };
                problems = problems.into_iter().map(hinted).collect();
            }
            Ok(LayerSurvey {
                candidates: candidates.into_iter().map(|candidate| (candidate, None)).collect(),
                problems,
                carried,
            })
        };
        let mut found = layers.iter().rev().map(search).collect::<Result<Vec<_>>>()?;
        found.reverse();
        Ok(Self(found))
    }

    /// One digest for each layer, see [`layer_digest`].
    pub fn digests(&self) -> Vec<Option<Digest>> {
        let digest = |found: &LayerSurvey| {
            layer_digest(found.candidates.iter().map(|(_, print)| *print), &found.problems, &found.carried)
        };
        self.0.iter().map(digest).collect()
    }

    /// Takes the fingerprints of all packages.
    pub fn take_fingerprints(&mut self, layers: &[LayerPlan], scan: &ScanContext, inventories: &Inventories) {
        for (layer, found) in layers.iter().zip(&mut self.0) {
            found.candidates.par_iter_mut().for_each(|(candidate, print)| {
                if candidate.origin.is_some() {
                    *print = FingerprintBuilder::new(candidate, &layer.rules, scan).tree(candidate);
                    return;
                }
                *print = inventories.glance(candidate, &layer.rules, scan).or_else(|| {
                    let files = OpenPackage::open(candidate, &scan.limits).ok()?;
                    let print = fingerprint(candidate, &files, &layer.rules, scan)?;
                    inventories.put(candidate, &files, print);
                    Some(print)
                });
            });
        }
    }

    /// Number of packages found.
    pub fn len(&self) -> usize {
        self.0.iter().map(|found| found.candidates.len()).sum()
    }

    /// Returns true if nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A folder that is not there, or holds nothing.
fn is_absence(problem: &Problem) -> bool {
    matches!(problem.rule, Rule::MissingLayerPath | Rule::EmptyLayerPath)
}

/// What to do about a layer that is mirrored and has nothing yet.
fn mirror_hint(layer: &LayerPlan) -> String {
    format!("`epr-build mirror {}` fetches its packages; if it did before, mount what it filled", layer.source.name)
}

/// Refuses a layer of which a path is not there, if somebody wrote the path down: it is misspelt, or not mounted.
fn require_paths(layer: &LayerPlan, problems: &[Problem]) -> Result<()> {
    let LayerPlan { source, rules, .. } = layer;
    if let Some(folder) = source.follow_links.iter().find(|folder| !folder.is_dir()) {
        bail!(
            "layer `{}` follows links into `{}`, which is not there\nhint: mount it, or correct `follow_links` of the layer",
            source.name,
            folder.display()
        );
    }
    // A base to compare with is read from elsewhere, and may lack what is new.
    if rules.paths.is_empty() || rules.optional || source.paths != rules.paths {
        return Ok(());
    }
    let is_not_there = |problem: &&Problem| matches!(problem.rule, Rule::MissingLayerPath | Rule::NotALayerPath);
    let absent: Vec<_> = problems.iter().filter(is_not_there).map(|problem| problem.message.as_str()).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let has_tilde = source.paths.iter().any(|path| path.components().any(|part| part.as_os_str() == "~"));
    let mirror = mirror_hint(layer);
    let hint = if has_tilde {
        "`~` does not stand for a home folder here; write the whole path"
    } else if rules.mirror.is_some() {
        &mirror
    } else {
        "mount it, or correct `paths` of the layer; a layer that may be absent says `optional: yes`"
    };
    bail!("layer `{}` is not there: {}\nhint: {hint}", source.name, absent.join(", "))
}

/// Refuses distributions of which not one layer is there. Some may be absent: when all its packages are promoted, a
/// checkout has no folder for a layer. `problems` are those of the layer at a position of the settings.
///
/// # Errors
/// When there is such a distribution.
pub fn require_layers<'a>(settings: &Settings, problems: impl Fn(usize) -> &'a [Problem]) -> Result<()> {
    let is_absent = |position: usize| {
        let paths = settings.layers[position].source.paths.len();
        problems(position).iter().filter(|problem| problem.rule == Rule::MissingLayerPath).count() == paths
    };
    for plan in &settings.distributions {
        let layers = || plan.layers.iter().copied();
        // Optional layers say nothing of their absence.
        if layers().all(is_absent) {
            let paths = layers().flat_map(|position| &settings.layers[position].source.paths);
            let paths: Vec<_> = paths.map(|path| format!("`{}`", path.display())).collect();
            let mirrored = layers().map(|position| &settings.layers[position]).find(|plan| plan.rules.mirror.is_some());
            let hint = mirrored.map_or_else(
                || {
                    "name the folder that holds one folder for each layer with --packages, or give the layers their `paths`"
                        .to_owned()
                },
                mirror_hint,
            );
            bail!("no layer of `{}` is there: {}\nhint: {hint}", plan.name, paths.join(", "));
        }
    }
    Ok(())
}

/// One digest of all that was found in a layer; `None` when a package has no fingerprint.
pub fn layer_digest(
    prints: impl IntoIterator<Item = Option<Digest>>,
    problems: &[Problem],
    carried: &CarriedTable,
) -> Option<Digest> {
    let mut hasher = Hasher::default();
    for print in prints {
        hasher.update(print?.bytes());
    }
    hasher.text(serde_json::to_vec(problems).ok()?);
    hasher.value(carried);
    Some(hasher.finish())
}

/// The fingerprint of a package: packages with equal fingerprints have equal files and are read by equal rules. `None` if
/// that cannot be promised: a file changed just now, or a zip lies inside the package, which is a package of its own.
pub fn fingerprint(candidate: &Candidate, files: &OpenPackage, rules: &Layer, scan: &ScanContext) -> Option<Digest> {
    if candidate.origin.is_some() {
        return FingerprintBuilder::new(candidate, rules, scan).tree(candidate);
    }
    if !files.nested().is_empty() {
        return None;
    }
    let mut print = FingerprintBuilder::new(candidate, rules, scan);
    source::each_of(files, |path, kind, stat| print.add(path, kind, stat));
    print.finish(candidate)
}

/// A fingerprint in the making.
struct FingerprintBuilder {
    text: Vec<u8>,
    now_ns: i64,
    is_settled: bool,
}

impl FingerprintBuilder {
    fn new(candidate: &Candidate, rules: &Layer, scan: &ScanContext) -> Self {
        let mut print = Self { text: Vec::with_capacity(1 << 14), now_ns: scan.now_ns, is_settled: true };
        print.number(FORMAT);
        print.part(env!("CARGO_PKG_VERSION").as_bytes());
        print.part(Digest::of_value(&(rules, scan.limits)).bytes());
        print.part(place(candidate).bytes());
        print
    }

    /// Adds a part after its length, so that neighbouring parts cannot run into each other.
    fn part(&mut self, part: &[u8]) {
        self.number(part.len() as u64);
        self.text.extend_from_slice(part);
    }

    fn number(&mut self, number: u64) {
        self.text.extend_from_slice(&number.to_le_bytes());
    }

    fn add(&mut self, path: &str, kind: EntryKind, stat: Option<&FileStat>) {
        self.part(path.as_bytes());
        self.number(u64::from(kind == EntryKind::Folder));
        if let Some(stat) = stat {
            self.is_settled &= is_settled(stat, self.now_ns);
            [stat.size, stat.inode, stat.device].into_iter().for_each(|number| self.number(number));
            [stat.modified_ns, stat.changed_ns].into_iter().for_each(|time| self.number(time.cast_unsigned()));
        }
    }

    /// The fingerprint of a package in a repository, made of ids.
    fn tree(mut self, candidate: &Candidate) -> Option<Digest> {
        let origin = candidate.origin.as_ref()?;
        self.part(origin.tree.as_bytes());
        self.part(origin.signature.as_deref().unwrap_or_default().as_bytes());
        Some(Digest::of(&self.text))
    }

    fn finish(mut self, candidate: &Candidate) -> Option<Digest> {
        if let Some(signature) = &candidate.signature {
            self.add("", EntryKind::File, Some(&signature.look().ok()?.stat));
        }
        self.is_settled.then(|| Digest::of(&self.text))
    }
}

/// Where a candidate was found.
fn place(candidate: &Candidate) -> Digest {
    let mut hasher = Hasher::default();
    hasher.text(&candidate.layer);
    hasher.text(&candidate.package);
    hasher.text(candidate.path.as_os_str().as_encoded_bytes());
    hasher.text(candidate.spot.path().as_os_str().as_encoded_bytes());
    hasher.number(u64::from(candidate.kind == PackageKind::Folder));
    hasher.number(u64::from(candidate.has_linked_signature));
    hasher.finish()
}

/// Inventory of each package at its last walk, with the fingerprint of that time.
///
/// Looking at known names costs half of a walk. The result is trusted only if it gives the same fingerprint, which includes
/// the times of every folder. Otherwise the package is walked.
pub struct Inventories(Table<(Digest, Inventory)>);

impl Inventories {
    /// Reads the inventories in an output folder.
    pub fn read(out: &Path) -> Self {
        Self(Table::read(out.join("cache/inventories")))
    }

    /// No inventories, and none are kept.
    pub fn none() -> Self {
        Self(Table::none())
    }

    /// Keeps the inventory of a package that was walked.
    pub fn put(&self, candidate: &Candidate, files: &OpenPackage, fingerprint: Digest) {
        if let Some(inventory) = Inventory::of(files) {
            self.0.put(place(candidate), (fingerprint, inventory));
        }
    }

    /// The fingerprint of a package, if nothing in it changed since its inventory.
    fn glance(&self, candidate: &Candidate, rules: &Layer, scan: &ScanContext) -> Option<Digest> {
        let (before, inventory) = self.0.get(&place(candidate))?;
        let mut print = FingerprintBuilder::new(candidate, rules, scan);
        inventory.look(candidate, |path, kind, stat| print.add(path, kind, stat))?;
        print.finish(candidate).filter(|print| *print == before)
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(self) -> Result<()> {
        self.0.write()
    }
}

fn is_settled(stat: &FileStat, now_ns: i64) -> bool {
    let is_coarse = stat.changed_ns % 1_000_000_000 == 0;
    stat.changed_ns < now_ns - if is_coarse { COARSE_TICK_NS } else { TICK_NS }
}

/// The time by the clock of the file system, in nanoseconds since 1970, taken from a file that was written just now.
///
/// # Errors
/// When the file cannot be looked at.
pub fn file_system_time(just_written: &Path) -> Result<i64> {
    Ok(source::stat(just_written).with_context(|| format!("cannot look at {}", just_written.display()))?.modified_ns)
}
