//! From the folders of the layers to records: every package is opened, read, checked and stored, each on its own.
//!
//! All layers are taken in together and in parallel; the order of the result is that of the configuration and the walk,
//! never that of completion. A package with something wrong becomes problems and no record; only a failure of the
//! machine stops the run.

use crate::config::{DashedFolders, Layer, Signatures, Validation};
use crate::content::{Blob, Contents, StoreError, StoredFile, StoredPackage};
use crate::digest::Digest;
use crate::hosts::notes::FileNotes;
use crate::package::{self, Facts, InfoDocument, Package, PackageKind, ReadContext, SearchItem};
use crate::problem::{Problem, Severity};
use crate::progress::Progress;
use crate::source::{self, Candidate, LayerSource, Limits, OpenPackage};
use crate::store::Store;
use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

/// A layer, ready to be searched.
#[derive(Clone, Debug)]
pub struct LayerPlan {
    /// Name and paths.
    pub source: LayerSource,
    /// How strictly its packages are read.
    pub rules: Layer,
}

/// A package version in the store: all that later stages need of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// What filters and latest selection need.
    pub facts: Facts,
    /// Its element of `/search` answers.
    pub item: SearchItem,
    /// Its document, without deprecation.
    pub document: Blob,
    /// The gzip twin of the document.
    pub document_gzip: Option<Blob>,
    /// Where in the document a deprecation is inserted, in bytes.
    pub document_cut: usize,
    /// What it was found as.
    pub kind: PackageKind,
    /// The folder that is served.
    pub tree: Digest,
    /// The archive that is served.
    pub archive: Blob,
    /// The signature of the archive.
    pub signature: Option<Blob>,
    /// The list of its files with their digests.
    pub listing: Listing,
    /// What servers must know of single files, by path below the package's root.
    pub notes: FileNotes,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// The list of a package's files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Listing {
    /// As JSON in the store.
    Stored(Blob),
    /// In memory, when there is no store.
    Held(BTreeMap<String, StoredFile>),
}

/// What became of one candidate.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Where it was found: the package's path in its layer.
    pub package: String,
    /// The stored package, unless it is quarantined.
    pub record: Option<Arc<Record>>,
    /// What is wrong or odd.
    pub problems: Vec<Problem>,
}

/// One layer, taken in.
#[derive(Clone, Debug)]
pub struct LayerIntake {
    /// Its name.
    pub name: String,
    /// Whether its versions never change.
    pub immutable: bool,
    /// Its packages in order of precedence.
    pub packages: Vec<Intake>,
    /// Problems of the layer itself.
    pub problems: Vec<Problem>,
}

/// What every package is taken in with.
pub struct Desk<'a> {
    /// Where contents go.
    pub contents: Contents<'a>,
    /// Bounds of a package.
    pub limits: Limits,
}

/// Takes in all packages of the layers.
pub fn take_in(layers: &[LayerPlan], desk: &Desk<'_>, progress: &Progress) -> Result<Vec<LayerIntake>> {
    let found = layers
        .par_iter()
        .map(|layer| {
            source::discover(&layer.source).with_context(|| format!("cannot search layer `{}`", layer.source.name))
        })
        .collect::<Result<Vec<_>>>()?;
    let candidates: Vec<(&Layer, &Candidate)> = layers
        .iter()
        .zip(&found)
        .flat_map(|(layer, (candidates, _))| candidates.iter().map(|candidate| (&layer.rules, candidate)))
        .collect();
    progress.begin("reading packages", candidates.len() as u64);
    let mut taken = candidates
        .par_iter()
        .map(|(rules, candidate)| {
            let taken = take_one(candidate, rules, desk);
            progress.step();
            taken
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter();
    Ok(layers
        .iter()
        .zip(found)
        .map(|(layer, (candidates, problems))| {
            let mut packages: Vec<_> = taken.by_ref().take(candidates.len()).flatten().collect();
            packages.sort_by_key(|(order, _)| *order);
            LayerIntake {
                name: layer.source.name.clone(),
                immutable: layer.rules.immutable,
                packages: refuse_duplicates(packages.into_iter().map(|(_, intake)| intake).collect()),
                problems,
            }
        })
        .collect())
}

/// Takes in one candidate, and the zips that lie inside it.
fn take_one(candidate: &Candidate, rules: &Layer, desk: &Desk<'_>) -> Result<Vec<(source::WalkOrder, Intake)>> {
    let opened = OpenPackage::open(candidate, &desk.limits);
    let nested = opened.as_ref().map(OpenPackage::nested).unwrap_or_default();
    let mut problems = Vec::new();
    let record = match opened {
        Ok(files) => {
            problems.extend_from_slice(files.warnings());
            read_and_store(candidate, &files, rules, desk, &mut problems)?
        }
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    for problem in &mut problems {
        *problem = problem.clone().within(&candidate.layer, &candidate.package);
    }
    let mut all = vec![(candidate.order, Intake { package: candidate.package.clone(), record, problems })];
    for inner in &nested {
        all.extend(take_one(inner, rules, desk)?);
    }
    Ok(all)
}

fn read_and_store(
    candidate: &Candidate,
    files: &OpenPackage,
    rules: &Layer,
    desk: &Desk<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Arc<Record>>> {
    let (package, found) = package::read(
        files,
        &ReadContext {
            folder_version: candidate.folder_version.as_deref(),
            signed: candidate.signature.is_some(),
            require_validation: rules.validation == Validation::Require,
            allow_dashed_folders: rules.dashed_folders == DashedFolders::Warn,
        },
    );
    problems.extend(found);
    let Some(package) = package else { return Ok(None) };
    if rules.signatures == Signatures::Require && candidate.signature.is_none() {
        let id = format!("{}-{}", package.facts.name, package.facts.version);
        problems.push(
            Problem::quarantine("missing-signature", format!("package {id} is missing a required signature file"))
                .hint("put the detached signature beside the package, or set `signatures: optional` for the layer"),
        );
        return Ok(None);
    }
    match store(candidate, files, &package, desk) {
        Ok(stored) => Ok(Some(Arc::new(record(package, files, stored, &desk.contents)?))),
        Err(StoreError::Package(problem)) => {
            problems.push(problem);
            Ok(None)
        }
        Err(StoreError::Machine(error)) => {
            Err(error.context(format!("cannot store {}/{}", candidate.layer, candidate.package)))
        }
    }
}

fn store(
    candidate: &Candidate,
    files: &OpenPackage,
    package: &Package,
    desk: &Desk<'_>,
) -> Result<(StoredPackage, Option<Blob>), StoreError> {
    let open = |path: &std::path::Path| {
        File::open(path).map_err(|error| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            StoreError::Package(Problem::quarantine("unreadable", format!("cannot read the file: {error}")).file(name))
        })
    };
    let stored = match candidate.kind {
        PackageKind::Folder => {
            desk.contents.store_folder(files, &format!("{}-{}", package.facts.name, package.facts.version))?
        }
        PackageKind::Zip => desk.contents.store_zip(files, &mut open(&candidate.path)?)?,
    };
    let signature = match &candidate.signature {
        Some(path) => Some(desk.contents.copy(&mut open(path)?)?),
        None => None,
    };
    Ok((stored, signature))
}

fn record(
    Package { facts, item, info }: Package,
    files: &OpenPackage,
    (stored, signature): (StoredPackage, Option<Blob>),
    contents: &Contents<'_>,
) -> Result<Record> {
    let (document, document_gzip) = contents.put_text(&info.render(None))?;
    let mut notes = FileNotes::default();
    stored.files.iter().for_each(|(path, file)| notes.note(path, &file.media_type));
    Ok(Record {
        facts,
        item,
        document,
        document_gzip,
        document_cut: info.before_deprecated.len(),
        kind: crate::package::PackageFiles::kind(files),
        tree: stored.tree,
        archive: stored.archive,
        signature,
        notes,
        files: stored.files.len() as u64,
        bytes: stored.files.values().map(|file| file.blob.size).sum(),
        listing: contents.put_listing(stored.files)?,
    })
}

impl Contents<'_> {
    fn put_listing(&self, files: BTreeMap<String, StoredFile>) -> Result<Listing> {
        if !self.is_kept() {
            return Ok(Listing::Held(files));
        }
        let text = serde_json::to_vec(&files).context("cannot write the list of files")?;
        Ok(Listing::Stored(self.put(&text)?))
    }
}

impl Record {
    /// The document, in the pieces it was rendered from.
    pub fn info(&self, store: &Store) -> Result<InfoDocument> {
        let mut before = String::from_utf8(store.read_blob(&self.document.digest)?).context("a document is text")?;
        let after = before.split_off(self.document_cut);
        Ok(InfoDocument { before_deprecated: before, after_deprecated: after })
    }

    /// `<name>-<version>`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.facts.name, self.facts.version)
    }
}

/// Of packages with the same name and version in one layer the first stays; the others are quarantined.
fn refuse_duplicates(mut packages: Vec<Intake>) -> Vec<Intake> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for intake in &mut packages {
        let Some(record) = &intake.record else { continue };
        let id = record.id();
        let Some(earlier) = first.get(&id) else {
            first.insert(id, intake.package.clone());
            continue;
        };
        let mut problem = Problem::quarantine(
            "duplicate",
            format!("{id} is in this layer already, as `{earlier}`; the first one counts"),
        )
        .hint("remove one of the two");
        problem.place.layer = intake.problems.first().map_or_else(String::new, |known| known.place.layer.clone());
        problem.place.package.clone_from(&intake.package);
        intake.problems.push(problem);
        intake.record = None;
    }
    packages
}

impl LayerIntake {
    /// All problems, those of the layer first.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(self.packages.iter().flat_map(|intake| &intake.problems))
    }

    /// How many packages are quarantined.
    pub fn quarantined(&self) -> usize {
        let is_out = |intake: &&Intake| intake.problems.iter().any(|problem| problem.severity == Severity::Quarantine);
        self.packages.iter().filter(is_out).count()
    }
}
