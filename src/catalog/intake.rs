//! From the folders of the layers to records: every package is opened, read, checked and stored, each on its own.
//!
//! All layers are taken in together and in parallel; the order of the result is that of the configuration and the walk,
//! never that of completion. A package with something wrong becomes problems and no record; only a failure of the
//! machine stops the run.

use super::record::{Intake, LayerIntake, Listing, Outcome, Record};
use crate::base::compress;
use crate::base::digest::Digest;
use crate::base::file_notes::FileNotes;
use crate::base::problem::{Problem, reading_rule};
use crate::base::progress::Progress;
use crate::base::rule::Rule;
use crate::base::words::few;
use crate::catalog::cache::Cache;
use crate::catalog::duplicates;
use crate::catalog::overrides;
use crate::catalog::signatures::{self, Judge};
use crate::config::layer::{DashedFolders, Layer, LayerPlan, Signatures, Validation};
use crate::input::signature_file;
use crate::input::source::{self, Candidate, OpenPackage};
use crate::input::survey::{self, Inventories, ScanContext, Survey};
use crate::package::{self, Content, Entry, Findings, Package, PackageFiles, PackageKind, ReadContext};
use crate::store::Store;
use crate::store::content::{Blob, Contents, StoreError, StoredFile, StoredPackage, UNREADABLE_HINT};
use anyhow::{Context, Result, anyhow, ensure};
use rayon::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Everything that the intake of a package needs besides the package.
pub struct IntakeContext<'a> {
    /// The part of the store that contents go to.
    pub contents: Contents<'a>,
    /// Outcomes that earlier builds remember.
    pub cache: &'a Cache,
    /// Lists of the files of each package.
    pub inventories: &'a Inventories,
    /// Findings in files that many packages share.
    pub findings: Findings,
    /// Limits of packages, and the time of this build.
    pub scan: ScanContext,
    /// The store, if there is one: a remembered outcome counts only if the store still holds its files.
    pub store: Option<&'a Store>,
}

/// Takes in all packages that were found in the layers.
pub fn take_in(
    layers: &[LayerPlan],
    survey: Survey,
    context: &IntakeContext<'_>,
    progress: &Progress,
) -> Result<Vec<LayerIntake>> {
    progress.begin("reading packages", survey.len() as u64);
    layers
        .par_iter()
        .zip(survey.0)
        .map(|(layer, found)| {
            check_machine(&found.problems)?;
            let judge = Judge::new(layer, context.cache, context.store);
            let intakes = found
                .candidates
                .into_par_iter()
                .map(|(candidate, fingerprint)| {
                    let intake = take_one(&candidate, fingerprint, &judge, context)?;
                    progress.step();
                    let has_vanished = intake.has_no_record() && is_gone(&candidate);
                    Ok((intake, has_vanished.then_some(candidate.package)))
                })
                .collect::<Result<Vec<_>>>()?;
            let (intakes, vanished): (Vec<_>, Vec<_>) = intakes.into_iter().unzip();
            check_vanished(&layer.source.name, vanished.into_iter().flatten().collect())?;
            let digest =
                survey::layer_digest(intakes.iter().map(|intake| intake.fingerprint), &found.problems, &found.carried);
            let mut packages: Vec<_> = intakes.into_iter().flat_map(|intake| intake.packages).collect();
            packages.sort_by_key(|(order, _)| *order);
            let packages = packages.into_iter().map(|(_, intake)| intake).collect();
            let packages = duplicates::take_out(&layer.source.name, packages, context.store)?;
            let (overlays, of_overrides) = overrides::of_layer(layer, &packages);
            let problems = found.problems.into_iter().chain(signatures::of_layer(layer, &packages));
            let problems = problems.chain(of_overrides).collect();
            Ok(LayerIntake {
                name: layer.source.name.clone(),
                digest,
                immutable: layer.rules.immutable,
                keys: Arc::clone(&layer.keys),
                packages,
                problems,
                overlays,
                carried: found.carried,
            })
        })
        .collect()
}

/// Outcome of a candidate and of the packages inside it.
struct CandidateIntake {
    fingerprint: Option<Digest>,
    packages: Vec<(source::WalkOrder, Intake)>,
}

impl CandidateIntake {
    /// Returns true if nothing was understood of it.
    fn has_no_record(&self) -> bool {
        self.packages.iter().all(|(_, intake)| intake.outcome.record.is_none())
    }
}

/// Returns true if what was found in a layer is there no more.
fn is_gone(candidate: &Candidate) -> bool {
    candidate.origin.is_none() && candidate.spot.look().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Stops the run when packages went while their layer was read: what was read of it before and after belongs to two states,
/// and each package that went would be told as one that is damaged.
fn check_vanished(layer: &str, vanished: Vec<String>) -> Result<()> {
    ensure!(
        vanished.is_empty(),
        "packages were removed from layer `{layer}` while it was read: {}\nhint: run it again",
        few(&vanished)
    );
    Ok(())
}

/// Takes in one candidate, and the zips that lie inside it.
fn take_one(
    candidate: &Candidate,
    fingerprint: Option<Digest>,
    judge: &Judge<'_>,
    context: &IntakeContext<'_>,
) -> Result<CandidateIntake> {
    let rules = &judge.plan.rules;
    let judged = |outcome, fresh| {
        let intake = judge.judged(&candidate.package, outcome, fresh)?;
        check_machine(&intake.outcome.problems)?;
        Ok::<_, anyhow::Error>((candidate.order, intake))
    };
    if let Some(known) = fingerprint.and_then(|fingerprint| remembered(&fingerprint, context)) {
        return Ok(CandidateIntake { fingerprint, packages: vec![judged(known, None)?] });
    }
    let opened = OpenPackage::open(candidate, &context.scan.limits);
    let nested = opened.as_ref().map(OpenPackage::nested).unwrap_or_default();
    let (mut problems, mut text) = (Vec::new(), None);
    let record = match &opened {
        Ok(files) => {
            let required = rules.validation == Validation::Require;
            problems.extend(files.warnings().iter().map(|warning| warning.clone().required(required)));
            let is_refused = problems.iter().any(Problem::is_quarantine);
            let signature = signature(candidate, rules, &mut problems);
            let is_refused = is_refused || signature.is_err();
            text = signature.ok().flatten();
            read_and_store(candidate, files, text.as_deref(), rules, context, &mut problems)?.filter(|_| !is_refused)
        }
        Err(problem) => {
            problems.push((**problem).clone());
            None
        }
    };
    let problems = problems.into_iter().map(|problem| problem.within(&candidate.layer, &candidate.package)).collect();
    let outcome = Outcome { record, problems };
    check_machine(&outcome.problems)?;
    let fingerprint = opened.as_ref().ok().filter(|_| outcome.is_lasting()).and_then(|files| {
        let print = survey::fingerprint(candidate, files, rules, &context.scan)?;
        context.inventories.put(candidate, files, print);
        Some(print)
    });
    // A package too new for a fingerprint is remembered by its content, which `release --only-compatible` looks up.
    let content = || outcome.record.as_ref().map(|record| record.content_key());
    if let (Some(key), Some(_)) = (fingerprint.or_else(content), context.store) {
        context.cache.packages.put(key, outcome.clone());
    }
    let fresh = opened.as_ref().ok().map(|files| (files, text.as_deref()));
    let mut packages = vec![judged(outcome, fresh)?];
    for inner in &nested {
        packages.extend(take_one(inner, None, judge, context)?.packages);
    }
    Ok(CandidateIntake { fingerprint, packages })
}

/// The text of a package's signature, if it may be published. An error quarantines the package.
fn signature(candidate: &Candidate, rules: &Layer, problems: &mut Vec<Problem>) -> Result<Option<Vec<u8>>, ()> {
    if rules.signatures == Signatures::Strip {
        return Ok(None);
    }
    if candidate.has_linked_signature {
        let message = "its signature is skipped: it is a symbolic link, which is not followed";
        problems.push(Problem::new(Rule::SymlinkSkipped, message).hint(source::LINK_HINT));
    }
    signature_file::read(candidate).map_err(|problem| problems.push(*problem))
}

/// Returns the remembered outcome of a package with this fingerprint, if the store still holds all its files.
fn remembered(fingerprint: &Digest, context: &IntakeContext<'_>) -> Option<Outcome> {
    let (known, store) = (context.cache.packages.get(fingerprint)?, context.store?);
    known.record.as_ref().is_none_or(|record| record.is_whole(store)).then_some(known)
}

/// Bytes of a package that are kept between checking and storing it.
const KEPT_BYTES: usize = 8 << 20;

/// The files of a package, for a reader that does not tell failures of the machine, or of the zip, from mistakes in the
/// package. What was read once is stored from memory: what was checked is what is published.
struct TrackedFiles<'a> {
    files: &'a OpenPackage,
    failure: Cell<Option<Problem>>,
    kept: RefCell<BTreeMap<String, Content>>,
    room: Cell<usize>,
}

impl PackageFiles for TrackedFiles<'_> {
    fn kind(&self) -> PackageKind {
        self.files.kind()
    }

    fn entries(&self) -> &[Entry] {
        self.files.entries()
    }

    fn root(&self) -> Option<&str> {
        self.files.root()
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.read(path).inspect_err(|error| {
            let problem = Problem::new(reading_rule(error), format!("cannot read the file: {error}")).file(path);
            if problem.rule != Rule::Unreadable {
                self.failure.set(Some(problem));
            } else if error.raw_os_error().is_some() {
                self.failure.set(Some(problem.hint(UNREADABLE_HINT)));
            }
        })
    }

    fn content(&self, path: &str) -> io::Result<Content> {
        if let Some(kept) = self.kept.borrow().get(path) {
            return Ok(kept.clone());
        }
        let content = Content::new(self.read(path)?);
        if let Some(room) = self.room.get().checked_sub(content.bytes.len()) {
            self.room.set(room);
            self.kept.borrow_mut().insert(path.to_owned(), content.clone());
        }
        Ok(content)
    }
}

/// Stops the run when the machine ran out of something, instead of leaving out what could not be read because of it.
fn check_machine(problems: &[Problem]) -> Result<()> {
    let exhausted = problems.iter().find(|problem| problem.rule == Rule::MachineExhausted);
    exhausted.map_or(Ok(()), |problem| Err(anyhow!("{}: {}", problem.place, problem.message)))
}

fn read_and_store(
    candidate: &Candidate,
    files: &OpenPackage,
    signature: Option<&[u8]>,
    rules: &Layer,
    context: &IntakeContext<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Arc<Record>>> {
    let tracked =
        TrackedFiles { files, failure: Cell::new(None), kept: RefCell::default(), room: Cell::new(KEPT_BYTES) };
    let (package, found) = package::read(
        &tracked,
        &ReadContext {
            folder_version: candidate.folder_version.as_deref(),
            signed: candidate.signature.is_some() && rules.signatures != Signatures::Strip,
            require_validation: rules.validation == Validation::Require,
            allow_dashed_folders: rules.dashed_folders == DashedFolders::Warn,
            findings: Some(&context.findings),
        },
    );
    if let Some(problem) = tracked.failure.take() {
        // What the reader made of a file that it could not read says nothing about the package.
        problems.push(problem);
        return Ok(None);
    }
    problems.extend(found);
    let Some(package) = package else { return Ok(None) };
    if rules.signatures == Signatures::Require && candidate.signature.is_none() {
        let id = format!("{}-{}", package.facts.name, package.facts.version);
        problems
            .push(Problem::new(Rule::MissingSignature, format!("package {id} is missing a required signature file")));
        return Ok(None);
    }
    match store(candidate, files, signature, tracked.kept.into_inner(), &package, context) {
        Ok((stored, signature)) => Ok(Some(Arc::new(record(package, files, stored, signature, &context.contents)?))),
        Err(StoreError::Package(problem)) => {
            problems.push(*problem);
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
    signature: Option<&[u8]>,
    kept: BTreeMap<String, Content>,
    package: &Package,
    context: &IntakeContext<'_>,
) -> Result<(StoredPackage, Option<Blob>), StoreError> {
    let stored = match candidate.kind {
        PackageKind::Folder => {
            context.contents.store_folder(files, kept, &format!("{}-{}", package.facts.name, package.facts.version))?
        }
        PackageKind::Zip => context.contents.store_zip(files, kept)?,
    };
    let signature = signature.map(|text| context.contents.put(text)).transpose()?;
    Ok((stored, signature))
}

fn record(
    Package { facts, mut item, info }: Package,
    files: &OpenPackage,
    stored: StoredPackage,
    signature: Option<Blob>,
    contents: &Contents<'_>,
) -> Result<Record> {
    let (document, document_gzip) = contents.put_text(&info.render(None))?;
    item.shrink_to_fit();
    let mut notes = FileNotes::default();
    stored.files.iter().for_each(|(path, file)| notes.note(path, &file.media_type));
    Ok(Record {
        facts,
        item_digest: Digest::of_value(&item),
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
        Ok(Listing::Stored(self.put(&compress::gzip(&text))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layer::LayerSource;

    /// What a removal takes away while a build reads is no damage of packages, and is told once.
    #[test]
    fn packages_that_go_while_their_layer_is_read_stop_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a-1.0.0.zip", "b-1.0.0.zip", "broken-1.0.0.zip"] {
            std::fs::write(path(name), "no zip").unwrap();
        }
        std::fs::create_dir_all(path("c/1.0.0")).unwrap();
        let source =
            LayerSource { name: "up".to_owned(), paths: vec![folder.path().to_owned()], follow_links: Vec::new() };
        let layers = [LayerPlan { source, rules: Layer::default(), keys: Arc::default() }];
        let read = |between: &dyn Fn()| {
            let survey = Survey::new(&layers).unwrap();
            between();
            let (cache, inventories) = (Cache::none(), Inventories::none());
            let context = IntakeContext {
                contents: Contents::new(None),
                findings: Findings::default(),
                scan: ScanContext { limits: Default::default(), now_ns: 0 },
                cache: &cache,
                inventories: &inventories,
                store: None,
            };
            take_in(&layers, survey, &context, &Progress::new(true))
        };
        assert_eq!(read(&|| ()).unwrap()[0].quarantined(), 4);
        let remove = || {
            std::fs::remove_file(path("a-1.0.0.zip")).unwrap();
            std::fs::remove_dir(path("c/1.0.0")).unwrap();
        };
        let error = read(&remove).err().unwrap();
        assert_eq!(
            error.to_string(),
            "packages were removed from layer `up` while it was read: a-1.0.0.zip, c/1.0.0\nhint: run it again"
        );
        assert_eq!(read(&|| ()).unwrap()[0].quarantined(), 2);
    }
}
