//! The versions that a distribution holds or held, each with its layer and its files, from a catalog or a generation.
//!
//! Made to be compared. Of a generation only lists are read, and for equal packages not even those: a folder of
//! the store has the name of its content. Knows nothing of what may change.

use super::base_in_git;
use crate::base::fs::{read_json, read_link};
use crate::base::problem::{Problem, Severity};
use crate::base::progress::Progress;
use crate::base::rule::Rule;
use crate::base::words::few;
use crate::catalog::layers::Layers;
use crate::catalog::merge::Catalog;
use crate::catalog::overlay::{Overlay, Overridden};
use crate::catalog::record::{LayerIntake, Listing, Record, listing_text};
use crate::config::location::Location;
use crate::config::settings::{DistributionPlan, Settings};
use crate::dialect::version::Version;
use crate::generation::distribution::{Distribution, with_remedy};
use crate::package::{DiscoveryFacts, Facts, PrintedConditions, Release, Spec};
use crate::select::published::published;
use crate::site::report::CopyReport;
use crate::store::Store;
use crate::store::content::{Blob, StoredFile};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A name and a version; the order is the catalog's.
pub type Key = (String, Version);

/// One version.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Layer of the version.
    pub layer: String,
    /// Path in the layer, as far as known: `<name>/<version>` in a generation.
    pub package: String,
    /// Name of the package's folder in a store, if it is in one.
    tree: Option<String>,
    files: Files,
}

/// Source of the list of files.
#[derive(Clone, Debug)]
enum Files {
    /// The text of a manifest.
    Text(Box<RawValue>),
    /// A package that was read.
    Record(Arc<Record>),
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the second package has it.
    Added,
    /// Only the first one has it.
    Removed,
    /// The content differs.
    Changed,
}

/// All versions of one distribution.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// By name, then version.
    pub versions: BTreeMap<Key, Holding>,
    /// Versions that a further layer holds with other content: name and version, layer that is used, other layer.
    pub conflicts: BTreeMap<(Key, String, String), Vec<String>>,
    /// What overrides change of what the registry says; no policy asks for it, since no file differs.
    pub overlays: BTreeMap<Key, Overlay>,
    /// Packages that are left out: layer, and path in it. Known of layers only.
    quarantined: BTreeSet<(String, String)>,
}

/// The parts of `manifest.json` that are needed here.
#[derive(Deserialize)]
struct GenerationManifest {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    path: String,
    layer: String,
    files: Box<RawValue>,
}

/// The parts of `report.json` that are needed here.
#[derive(Deserialize)]
struct Reported {
    conflicts: Vec<CopyReport>,
    #[serde(default)]
    overrides: Vec<Overridden>,
}

/// A version with what is held of it.
pub type KeyedHolding<'a> = (&'a Key, &'a Holding);

impl Holdings {
    /// The newest version of each name, pre-releases included.
    pub fn newest(&self) -> BTreeMap<&str, KeyedHolding<'_>> {
        self.versions.iter().map(|(key, holding)| (key.0.as_str(), (key, holding))).collect()
    }

    /// Reads a merged catalog.
    pub fn of_catalog(catalog: &Catalog) -> Self {
        let versions = catalog.entries.iter().map(|entry| {
            let record = &entry.record;
            let holding = Holding {
                layer: entry.layer.clone(),
                package: entry.package.clone(),
                tree: Some(record.tree.short(32)),
                files: Files::Record(Arc::clone(record)),
            };
            (record.facts.key(), holding)
        });
        let conflicts = catalog.conflicts().map(|(entry, copy)| {
            let key = entry.record.facts.key();
            ((key, entry.layer.clone(), copy.layer.clone()), copy.differing_files.clone())
        });
        let overlays = catalog.entries.iter().filter(|entry| !entry.overlay.is_empty()).map(|entry| {
            let key = entry.record.facts.key();
            (key, entry.overlay.clone())
        });
        Self {
            versions: versions.collect(),
            conflicts: conflicts.collect(),
            overlays: overlays.collect(),
            quarantined: BTreeSet::new(),
        }
    }

    /// Adds what the layers hold and what is left out.
    #[must_use]
    pub fn with_quarantined(mut self, layers: &[&LayerIntake]) -> Self {
        let problems = layers.iter().flat_map(|layer| layer.all_problems()).filter(|problem| problem.is_quarantine());
        self.quarantined =
            problems.map(|problem| (problem.place.layer.clone(), problem.place.package.clone())).collect();
        self
    }

    /// The path at which a layer holds a version that is left out, judged by names: `<name>/<version>` or
    /// `<name>-<version>.zip`, or where it was before.
    pub fn left_out(&self, (name, version): &Key, before: &Holding) -> Option<&str> {
        let (folder, zip) = (format!("{name}/{version}"), format!("{name}-{version}.zip"));
        let is_it = |path: &str| {
            let ends = |end: &str| path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
            path == before.package || ends(&folder) || ends(&zip)
        };
        let mut here = self.quarantined.iter().filter(|(layer, _)| *layer == before.layer);
        here.find(|(_, path)| is_it(path)).map(|(_, path)| path.as_str())
    }

    /// Reads the generation in this folder.
    ///
    /// # Errors
    /// When its manifest or report cannot be read.
    pub fn of_generation(folder: &Path) -> Result<Self> {
        let mut holdings = Self::of_manifest(read_json(&folder.join("manifest.json"))?)
            .with_context(|| format!("cannot use the manifest in {}", folder.display()))?;
        let report: Reported = read_json(&folder.join("report.json"))?;
        for holding in holdings.versions.values_mut() {
            holding.tree = tree_name(&folder.join("site/package").join(&holding.package));
        }
        let conflicts = report.conflicts.into_iter().filter_map(|conflict| {
            let key = key(&conflict.name, &conflict.version)?;
            Some(((key, conflict.used, conflict.also_in), conflict.differing_files))
        });
        holdings.conflicts = conflicts.collect();
        let overlays = report.overrides.into_iter();
        let overlays = overlays.filter_map(|one| Some((key(&one.name, &one.version)?, one.overlay)));
        holdings.overlays = overlays.collect();
        Ok(holdings)
    }

    /// Reads the text of a generation's manifest, which may lie anywhere. What it does not say, conflicts, is left out.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn of_manifest_text(text: &[u8]) -> Result<Self> {
        Self::of_manifest(serde_json::from_slice(text).context("it is no manifest of a generation")?)
    }

    fn of_manifest(manifest: GenerationManifest) -> Result<Self> {
        let mut versions = BTreeMap::new();
        for Package { path, layer, files } in manifest.packages {
            let package = path.strip_prefix("/package/").unwrap_or(&path).to_owned();
            let key = package.split_once('/').and_then(|(name, version)| key(name, version));
            let Some(key) = key else { bail!("it lists `{path}`") };
            versions.insert(key, Holding { layer, package, tree: None, files: Files::Text(files) });
        }
        Ok(Self { versions, ..Self::default() })
    }
}

/// The other side of a check.
pub enum Base {
    /// An output folder, of which the generation in use counts.
    Output(PathBuf),
    /// A generation.
    Generation(PathBuf),
    /// Layers that were read.
    Layers(Box<Layers>),
}

impl Base {
    /// Opens what is at a path: an output folder, one distribution of it, a generation, or a folder of layers.
    ///
    /// # Errors
    /// When it is none of them, or cannot be read.
    pub fn open(path: &Path, settings: &Settings, progress: &Progress) -> Result<Self> {
        if let Some(location) = Location::of(path) {
            return Ok(Self::Layers(Box::new(base_in_git::read(&location, settings, progress)?)));
        }
        if let Some(generation) = generation_at(path) {
            return Ok(Self::Generation(generation));
        }
        let mut built = settings.distributions.iter().map(|plan| Distribution::new(path, &plan.name));
        if built.any(|distribution| distribution.current().is_some()) {
            return Ok(Self::Output(path.to_owned()));
        }
        if !settings.layers.iter().any(|layer| path.join(&layer.source.name).is_dir()) {
            bail!(
                "`{}` is nothing to compare with\nhint: name a generation, an output folder, or a folder that holds a \
                 folder for each layer",
                path.display()
            );
        }
        Ok(Self::Layers(Box::new(Layers::read(&settings.below(path), None, progress)?)))
    }

    /// The versions that a distribution held.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn holdings(&self, plan: &DistributionPlan) -> Result<Holdings> {
        match self {
            Self::Generation(folder) => Holdings::of_generation(folder).map_err(with_remedy),
            Self::Output(out) => {
                let distribution = Distribution::new(out, &plan.name);
                // A distribution that was never built held nothing.
                let id = distribution.current();
                id.map_or_else(
                    || Ok(Holdings::default()),
                    |id| Holdings::of_generation(&distribution.generation(&id)).map_err(with_remedy),
                )
            }
            Self::Layers(layers) => Ok(Holdings::of_catalog(&published(plan, layers.catalog(plan)?)?)),
        }
    }
}

impl Base {
    /// What of a base cannot be compared: zips in a repository, where packages are folders.
    pub fn uncompared(&self) -> Option<Problem> {
        let Self::Layers(layers) = self else { return None };
        let problems = layers.intakes.iter().flat_map(|layer| &layer.problems);
        let zips: Vec<_> = problems.filter(|problem| problem.rule == Rule::ZipInGit).collect();
        let what = if zips.len() == 1 { "a zip in the base is" } else { "zips in the base are" };
        let names: Vec<_> = zips.iter().map(|problem| problem.place.package.clone()).collect();
        let message = format!("{what} not compared: {}", few(&names));
        let hint = "compare with a build of the base, or with a folder of it: `git worktree add` makes one";
        let note = || Problem::new(Rule::ZipInGit, message).severity(Severity::Note).hint(hint);
        (!zips.is_empty()).then(note)
    }
}

/// The generation at a path: itself, or the one in use of the distribution there.
pub fn generation_at(path: &Path) -> Option<PathBuf> {
    let candidates = [path.to_owned(), path.join("current")];
    candidates.into_iter().find(|folder| folder.join("manifest.json").is_file() && folder.join("site").is_dir())
}

/// The parts of a package's document that search needs for the latest version of a package.
#[derive(Deserialize)]
struct Document {
    release: Release,
    #[serde(rename = "type")]
    package_type: String,
    format_version: String,
    #[serde(default)]
    conditions: PrintedConditions,
}

impl Holdings {
    /// The facts that search needs of the packages of the generation in this folder, in order, without hidden ones: all that
    /// filters and the choice of versions look at. Categories, templates and deprecations are left out.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub fn facts_of_generation(&self, folder: &Path) -> Result<Vec<Facts>> {
        let documents = folder.join("site/documents");
        let facts = |(name, version): &Key| {
            let document: Document = read_json(&documents.join(name).join(format!("{version}.json")))?;
            let spec = Version::loose(&document.format_version).with_context(|| format!("{name}-{version}"))?;
            let PrintedConditions { kibana, agent, elastic } = document.conditions;
            Ok(Facts {
                name: name.clone(),
                version: version.clone(),
                package_type: document.package_type,
                release: document.release,
                kibana: kibana.map(|range| range.version),
                agent: agent.map(|range| range.version),
                spec: Spec { major: spec.major, minor: spec.minor },
                capabilities: elastic.and_then(|elastic| elastic.capabilities).unwrap_or_default(),
                discovery: DiscoveryFacts::default(),
                categories: Vec::new(),
                templates: Vec::new(),
                deprecated: None,
            })
        };
        let is_hidden = |key: &&Key| self.overlays.get(*key).is_some_and(|overlay| overlay.hidden.is_some());
        self.versions.keys().filter(|key| !is_hidden(key)).map(facts).collect()
    }
}

impl Holding {
    /// Returns true if both are one folder of a store.
    pub fn is_same(&self, other: &Self) -> bool {
        self.tree.is_some() && self.tree == other.tree
    }

    /// Paths of the files that one of the two lacks or holds with other content. The store is where lists may lie.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn differing(&self, other: &Self, store: Option<&Store>) -> Result<Vec<String>> {
        Ok(self.changes(store, other, store)?.into_keys().collect())
    }

    /// The differences to another package, by path. Each package comes with the store where its list may lie.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn changes(
        &self,
        store: Option<&Store>,
        other: &Self,
        other_store: Option<&Store>,
    ) -> Result<BTreeMap<String, Change>> {
        if self.is_same(other) {
            return Ok(BTreeMap::new());
        }
        let (ours, theirs) = (self.contents(store)?, other.contents(other_store)?);
        let mut changes = BTreeMap::new();
        for (path, blob) in &ours {
            match theirs.get(path) {
                None => changes.insert(path.clone(), Change::Removed),
                Some(other) if other.digest != blob.digest => changes.insert(path.clone(), Change::Changed),
                Some(_) => None,
            };
        }
        let added = theirs.into_keys().filter(|path| !ours.contains_key(path));
        changes.extend(added.map(|path| (path, Change::Added)));
        Ok(changes)
    }

    /// The files, by path.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn contents(&self, store: Option<&Store>) -> Result<BTreeMap<String, Blob>> {
        let files: BTreeMap<String, StoredFile> = match &self.files {
            Files::Text(text) => serde_json::from_str(text.get()),
            Files::Record(record) => match (&record.listing, store) {
                (Listing::Held(files), _) => Ok(files.clone()),
                (Listing::Stored(blob), Some(store)) => serde_json::from_slice(&listing_text(blob, store)?),
                (Listing::Stored(_), None) => bail!("a list of files is in a store that is not open"),
            },
        }
        .with_context(|| format!("cannot read the list of files of {}", self.package))?;
        Ok(files.into_iter().map(|(path, file)| (path, file.blob)).collect())
    }
}

fn key(name: &str, version: &str) -> Option<Key> {
    Some((name.to_owned(), Version::loose(version).ok()?))
}

/// The name of the folder of the store that a link leads to.
fn tree_name(link: &Path) -> Option<String> {
    let target = read_link(link).ok()?;
    let mut names = target.iter().rev().filter_map(|name| name.to_str());
    let (rest, shelf) = (names.next()?, names.next()?);
    Some(format!("{shelf}{rest}"))
}
