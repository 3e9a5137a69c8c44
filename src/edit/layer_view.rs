//! A layer as the commands see it: which packages it holds, read exactly as a build reads them, and where new ones go.
//!
//! Only what may be the package is opened: version folders of the wanted version, and what bears the package's name.

use super::slot::{Slot, usual_place};
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::base::rule::Rule;
use crate::catalog::cache::Cache;
use crate::catalog::intake::{self, IntakeContext};
use crate::catalog::merge::differing;
use crate::catalog::record::Record;
use crate::compare::holdings::Key;
use crate::compare::policy::id;
use crate::config::layer::{LayerPlan, LayerSource, Signatures};
use crate::config::limits::Limits;
use crate::config::location::{below, is_git};
use crate::dialect::version::Version;
use crate::input::carried::CarriedTable;
use crate::input::image::is_image;
use crate::input::source::{self, Candidate};
use crate::input::survey::{Inventories, LayerSurvey, ScanContext, Survey};
use crate::package::{Findings, PackageKind};
use crate::store::content::Contents;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A layer, searched.
pub(super) struct LayerView<'a> {
    pub(super) plan: &'a LayerPlan,
    /// Absolute paths.
    source: LayerSource,
    candidates: Vec<Candidate>,
    /// Problems of what lies there and was not even opened, and keep it out of builds.
    pub(super) skipped: Vec<Problem>,
    limits: Limits,
}

/// A package to look for: all versions, or one.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<&'a Version>,
}

/// A package of a layer.
#[derive(Clone)]
pub(super) struct FoundPackage {
    /// Path in the layer.
    pub(super) package: String,
    /// The folder or zip; absent for a package inside another one.
    pub(super) candidate: Option<Candidate>,
    /// The package as it was read; absent if it is quarantined.
    pub(super) record: Option<Arc<Record>>,
    /// The package, if it is left out because the layer holds its version already.
    repeats: Option<Arc<Record>>,
    /// Problems that keep it out.
    pub(super) problems: Vec<Problem>,
    /// Problems that do not.
    pub(super) warnings: Vec<Problem>,
}

/// The versions of a package that a layer holds.
pub(super) struct Holds {
    pub(super) versions: BTreeMap<Version, FoundPackage>,
    /// Paths of packages that are left out because the layer holds their versions already.
    pub(super) repeats: BTreeMap<Version, String>,
    /// Problems of versions that a build would quarantine.
    pub(super) broken: Vec<Problem>,
}

impl<'a> LayerView<'a> {
    /// Searches a layer.
    pub(super) fn open(plan: &'a LayerPlan, limits: Limits) -> Result<Self> {
        let mut source = plan.source.clone();
        for path in source.paths.iter_mut().filter(|path| !is_git(path)) {
            let shown = path.display().to_string();
            let found =
                if path.exists() { fs::canonical(path) } else { std::path::absolute(&*path).map_err(Into::into) };
            *path = found.with_context(|| format!("cannot find `{shown}`"))?;
        }
        let (candidates, problems) = source::discover(&source)?;
        let skipped = problems.into_iter().filter(Problem::is_quarantine).collect();
        Ok(Self { plan, source, candidates, skipped, limits })
    }

    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    /// The folder in which new packages go, and in which changes are prepared.
    pub(super) fn root(&self) -> Result<&Path> {
        let paths = &self.source.paths;
        let is_there = |path: &&PathBuf| is_git(path) || (path.is_dir() && !is_image(path));
        if let Some(image) =
            paths.iter().find(|path| is_image(path)).filter(|_| !paths.iter().any(|path| is_there(&path)))
        {
            let (name, image) = (self.name(), image.display());
            bail!(
                "layer `{name}` is the image {image}, into which nothing is written\nhint: give the layer a folder among its `paths`"
            );
        }
        let Some(path) = paths.iter().find(is_there).or_else(|| paths.iter().find(|path| !path.exists())) else {
            bail!("layer `{}` has no folder\nhint: give it a folder among its `paths`", self.name());
        };
        Ok(path)
    }

    /// Folders of the layer, in which changes may be prepared.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.source.paths.iter().map(PathBuf::as_path).filter(|path| path.is_dir() && !is_image(path))
    }

    /// Reads what may be the package, by the rules and keys of a layer.
    pub(super) fn holds(&self, wanted: &Wanted<'_>, by: &LayerPlan) -> Result<Holds> {
        let candidates: Vec<_> = self.candidates.iter().filter(|candidate| wanted.may_be(candidate)).cloned().collect();
        let mut holds = Holds { versions: BTreeMap::new(), repeats: BTreeMap::new(), broken: Vec::new() };
        for found in self.read(candidates, by)? {
            match (&found.record, &found.repeats) {
                (Some(record), _) if wanted.is(record) => {
                    holds.versions.insert(record.facts.version.clone(), found);
                }
                (None, Some(record)) if wanted.is(record) => {
                    holds.repeats.insert(record.facts.version.clone(), found.package);
                }
                (None, None) if wanted.is_named(&found) => holds.broken.extend(found.problems),
                _ => {}
            }
        }
        Ok(holds)
    }

    /// Reads all packages by the rules and keys of a layer.
    pub(super) fn all(&self, by: &LayerPlan) -> Result<Vec<FoundPackage>> {
        self.read(self.candidates.clone(), by)
    }

    /// Reads one candidate by the rules and keys of a layer.
    pub(super) fn read_one(&self, candidate: Candidate, by: &LayerPlan) -> Result<FoundPackage> {
        let place = candidate.package.clone();
        self.read(vec![candidate], by)?.into_iter().find(|found| found.package == place).context("it was read")
    }

    /// Reads the package at a place, if there is one.
    pub(super) fn at(&self, slot: &Slot) -> Result<Option<FoundPackage>> {
        let place = slot.path();
        let found = self.candidates.iter().find(|candidate| candidate.path == place);
        found.map(|candidate| self.read_one(candidate.clone(), self.plan)).transpose()
    }

    fn read(&self, candidates: Vec<Candidate>, by: &LayerPlan) -> Result<Vec<FoundPackage>> {
        let mut rules = by.rules.clone();
        if rules.signatures == Signatures::Strip {
            // A signature that is not published is part of what lies in the layer all the same.
            rules.signatures = Signatures::Pass;
        }
        let plan = LayerPlan { source: self.source.clone(), rules, keys: Arc::clone(&by.keys) };
        let context = IntakeContext {
            contents: Contents::new(None),
            findings: Findings::default(),
            scan: ScanContext { limits: self.limits, now_ns: 0 },
            cache: &Cache::none(),
            inventories: &Inventories::none(),
            store: None,
        };
        let found = candidates.iter().cloned().map(|candidate| (candidate, None)).collect();
        let survey =
            Survey(vec![LayerSurvey { candidates: found, problems: Vec::new(), carried: CarriedTable::new() }]);
        let layers = intake::take_in(std::slice::from_ref(&plan), survey, &context, &Progress::new(true))?;
        let packages = layers.into_iter().flat_map(|layer| layer.packages);
        let found = packages.map(|intake| {
            let (problems, warnings) = intake.outcome.problems.into_iter().partition(Problem::is_quarantine);
            FoundPackage {
                candidate: candidates.iter().find(|candidate| candidate.package == intake.package).cloned(),
                package: intake.package,
                problems,
                warnings,
                record: intake.outcome.record,
                repeats: intake.repeats,
            }
        });
        Ok(found.collect())
    }

    /// The place for a version that the layer does not hold: beside others of the package; else the path that it has in the
    /// layer it comes from; else as the layer's other packages lie.
    pub(super) fn slot_for(&self, (name, version): &Key, kind: PackageKind, like: Option<&Slot>) -> Slot {
        let usual = usual_place(name, version.as_str(), kind);
        let file_name = PathBuf::from(usual.file_name().unwrap_or_default());
        let is_sibling = |candidate: &&Candidate| {
            let parent = candidate.path.parent().and_then(Path::file_name);
            let file = candidate.path.file_name().unwrap_or_default().to_string_lossy();
            candidate.kind == kind
                && match kind {
                    PackageKind::Folder => parent.is_some_and(|parent| parent == name.as_str()),
                    PackageKind::Zip => file.starts_with(&format!("{name}-")),
                }
        };
        if let Some(slot) = self.candidates.iter().find(is_sibling).and_then(|sibling| self.slot_of(sibling)) {
            return Slot { package: slot.package.with_file_name(file_name), ..slot };
        }
        let root = self.root().map(Path::to_owned).unwrap_or_default();
        let package = match like {
            Some(like) => like.package.clone(),
            None if self.has_packages_folder(&root) => Path::new("packages").join(usual),
            None => usual,
        };
        Slot { root, package }
    }

    fn has_packages_folder(&self, root: &Path) -> bool {
        self.candidates.iter().any(|candidate| candidate.package.starts_with("packages/"))
            || root.join("packages").is_dir()
    }

    /// The place of a candidate.
    fn slot_of(&self, candidate: &Candidate) -> Option<Slot> {
        if candidate.origin.is_some() {
            let is_root = |path: &&PathBuf| below(path, &candidate.package) == candidate.path;
            let root = self.source.paths.iter().find(is_root)?;
            return Some(Slot { root: root.clone(), package: (&candidate.package).into() });
        }
        let root =
            self.source.paths.iter().find(|path| candidate.path.starts_with(path) && candidate.path != **path)?;
        let package = candidate.path.strip_prefix(root).ok()?.to_owned();
        Some(Slot { root: root.clone(), package })
    }
}

impl Holds {
    /// The refusal to take one of two equal versions out of a layer, which would leave the other.
    pub(super) fn repeated(&self, key: &Key, layer: &str) -> Option<Problem> {
        let (first, second) = (self.versions.get(&key.1)?, self.repeats.get(&key.1)?);
        let message = format!("{} is in layer `{layer}` twice, as `{}` and as `{second}`", id(key), first.package);
        Some(Problem::new(Rule::Duplicate, message).within(layer, second))
    }
}

impl Wanted<'_> {
    fn is(&self, record: &Record) -> bool {
        let Record { facts, .. } = record;
        facts.name == self.name && self.version.is_none_or(|version| *version == facts.version)
    }

    /// Returns true if a candidate may be the wanted package, judged by its path.
    fn may_be(&self, candidate: &Candidate) -> bool {
        self.version.is_some_and(|version| candidate.folder_version.as_deref() == Some(version.as_str()))
            || self.names(&candidate.package)
    }

    fn names(&self, package: &str) -> bool {
        let is_name =
            |part: &str| part.strip_prefix(self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        package.split('/').any(is_name)
    }

    /// Returns true if a package that cannot be read is the wanted one, judged by its path.
    fn is_named(&self, found: &FoundPackage) -> bool {
        let is_version = |version: &Version| {
            let end = [format!("/{version}"), format!("-{version}.zip")];
            end.iter().any(|end| found.package.ends_with(end))
        };
        self.names(&found.package) && self.version.is_none_or(is_version)
    }
}

impl FoundPackage {
    /// The place of the package in its layer.
    pub(super) fn slot(&self, view: &LayerView<'_>) -> Option<Slot> {
        view.slot_of(self.candidate.as_ref()?)
    }

    pub(super) fn kind(&self) -> PackageKind {
        self.record.as_ref().map_or(PackageKind::Folder, |record| record.kind)
    }
}

/// The differences of two packages: paths of files, and words for anything else.
pub(super) fn difference(a: &FoundPackage, b: &FoundPackage) -> Result<Vec<String>> {
    let (Some(a), Some(b)) = (&a.record, &b.record) else { return Ok(vec!["one cannot be read".to_owned()]) };
    let mut files = differing(a, b, None)?;
    if a.kind != b.kind {
        files.push("one is a folder and the other a zip".to_owned());
    } else if files.is_empty() && a.archive != b.archive {
        files.push("the zip itself".to_owned());
    }
    if a.signature != b.signature {
        files.push("the signature".to_owned());
    }
    Ok(files)
}
