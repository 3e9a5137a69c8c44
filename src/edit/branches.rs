//! Layers that are branches: one commit a layer, the upper one first, nothing checked out.
//!
//! The second commit is kept under a reference of its own until both branches are moved, so that the next command can
//! finish what was interrupted between them. Here the log is the history: each commit says what, why and with which
//! content.

use super::editor::{Done, Editor};
use super::journal::{Action, LayerChange};
use super::layer_view::{FoundPackage, LayerView, difference};
use super::slot::Slot;
use super::step::Step;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::config::layer::LayerPlan;
use crate::config::location::{Location, is_git};
use crate::input::git::{Branch, Change, Moved, Repository, halves};
use crate::input::signature_file;
use crate::input::source::{Candidate, OpenPackage, Origin};
use crate::package::{EntryKind, PackageFiles, PackageKind};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Returns true if any place of the steps is in a repository.
pub(super) fn are_meant(steps: &[Step]) -> bool {
    steps.iter().flat_map(|step| [&step.to, &step.from]).flatten().any(|slot| is_git(&slot.root))
}

/// Finishes what was interrupted in the repositories of the layers, and describes it.
pub(super) fn finish_pending(plans: &[LayerPlan]) -> Result<Vec<String>> {
    let mut repositories: Vec<Arc<Repository>> = Vec::new();
    for location in plans.iter().flat_map(|plan| &plan.source.paths).filter_map(|path| Location::of(path)) {
        let repository = Repository::open(&location.clone)?;
        if !repositories.contains(&repository) {
            repositories.push(repository);
        }
    }
    let mut finished = Vec::new();
    for repository in repositories {
        finished.extend(repository.finish_pending()?);
    }
    Ok(finished)
}

/// Does all steps with one commit on each branch.
pub(super) fn perform(editor: &Editor<'_>, plan: &LayerPlan, steps: Vec<Step>) -> Result<Done> {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    let branch = |slot: &Option<Slot>| slot.as_ref().map(branch_of).transpose();
    let first = steps.first().context("something is to be done")?;
    let (target, source) = (branch(&first.to)?, branch(&first.from)?);
    if let (Some(target), Some(source)) = (&target, &source)
        && target.repository != source.repository
    {
        bail!("the two layers are branches of different repositories\nhint: fetch one into the other first");
    }
    for step in &steps {
        if let (Some(target), Some(to), false) = (&target, &step.to, step.is_up) {
            above.extend(arrival(target, to, &step.found, editor)?);
        }
        if let Some(from) = &step.from {
            let path = path_of(from)?;
            below.extend([Change::Gone(format!("{path}.sig")), Change::Gone(path)]);
        }
    }
    let done = Done { changes: steps.iter().map(|step| step.change.clone()).collect(), ..Done::default() };
    if editor.dry_run {
        return Ok(done);
    }
    let mut moved = None;
    if let Some(target) = target.filter(|_| !above.is_empty()) {
        let commit = target.commit(&above, &message(&done.changes, true, None))?;
        for step in steps.iter().filter(|step| !step.is_up) {
            compare(&commit, step, plan, editor)?;
        }
        moved = Some(commit);
    }
    let Some(source) = source else {
        moved.map(|moved| moved.take_effect("epr-build")).transpose()?;
        return Ok(done);
    };
    let left = source.commit(&below, &message(&done.changes, false, moved.as_ref()))?;
    if let Some(moved) = moved {
        left.keep()?;
        if let Err(error) = moved.take_effect("epr-build promote") {
            left.forget()?;
            return Err(error);
        }
    }
    left.take_effect("epr-build")?;
    // Nothing is kept unless there are two halves.
    let _ = left.forget();
    Ok(done)
}

/// The branch of a place.
fn branch_of(slot: &Slot) -> Result<Branch> {
    let location = Location::of(&slot.root).with_context(|| {
        format!(
            "`{}` is a folder and the other layer a branch\nhint: promote between folders, or between branches",
            slot.root.display()
        )
    })?;
    Branch::open(&location)
}

/// The path of a place in the tree of its branch.
fn path_of(slot: &Slot) -> Result<String> {
    let package = slot.package.to_str().context("the path is not UTF-8")?;
    let folder = Location::of(&slot.root).map(|location| location.folder).unwrap_or_default();
    Ok(if folder.is_empty() { package.to_owned() } else { format!("{folder}/{package}") })
}

/// The changes that put a package into its place.
fn arrival(target: &Branch, to: &Slot, found: &FoundPackage, editor: &Editor<'_>) -> Result<Vec<Change>> {
    let path = path_of(to)?;
    let candidate = found.candidate.as_ref().context("only packages with a place are copied")?;
    let (change, signature) = match &candidate.origin {
        Some(origin) => (Change::Tree(path.clone(), origin.tree.clone()), origin.signature.clone()),
        None if found.kind() == PackageKind::Zip => {
            bail!("a zip cannot be in a branch\nhint: unpack it, or add it to a layer that is a folder")
        }
        None if editor.dry_run => return Ok(Vec::new()),
        None => {
            let scratch = target.repository.folder().join(format!("epr-build.{}.files", std::process::id()));
            let written = written(&target.repository, candidate, editor, &scratch);
            fs::remove_folder_if_there(&scratch)?;
            let (files, signature) = written?;
            (Change::Files(path.clone(), files), signature)
        }
    };
    let beside = format!("{path}.sig");
    let signature = signature.map_or_else(|| Change::Gone(beside.clone()), |id| Change::File(beside.clone(), id));
    Ok(vec![change, signature])
}

/// Paths and ids of the files of a folder, and the id of its signature.
type Written = (Vec<(String, String)>, Option<String>);

/// Writes the files of a folder and its signature into a repository. `git` opens files by their paths and follows links, so
/// it gets copies, which are made in a folder that nobody else may write to.
fn written(repository: &Repository, candidate: &Candidate, editor: &Editor<'_>, scratch: &Path) -> Result<Written> {
    let refused = |problem: Box<Problem>| crate::compare::policy::Refused(vec![*problem]);
    let files = OpenPackage::open(candidate, &editor.settings.config.limits).map_err(refused)?;
    let signature = signature_file::read(candidate).map_err(refused)?;
    fs::remove_folder_if_there(scratch)?;
    ensure!(fs::make_private_folder(scratch)?, "{} is there already", scratch.display());
    let paths: Vec<&str> =
        files.entries().iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| entry.path.as_str()).collect();
    let place = |number: usize| scratch.join(number.to_string());
    for (number, path) in paths.iter().enumerate() {
        files
            .with_file(path, |content| {
                let copied = fs::create(&place(number)).and_then(|mut copy| Ok(io::copy(content, &mut copy)?));
                copied.map_err(fs::io_error)
            })
            .with_context(|| format!("cannot copy {}/{path}", candidate.package))?;
    }
    let mut copies: Vec<_> = (0..paths.len()).map(place).collect();
    if let Some(text) = &signature {
        copies.push(place(paths.len()));
        fs::write_file(&place(paths.len()), text)?;
    }
    let mut ids = repository.write(&copies)?;
    let signature = signature.and_then(|_| ids.pop());
    Ok((paths.into_iter().map(str::to_owned).zip(ids).collect(), signature))
}

/// Compares what a commit holds with what was read.
fn compare(moved: &Moved, step: &Step, plan: &LayerPlan, editor: &Editor<'_>) -> Result<()> {
    let (Some(to), Some(candidate)) = (&step.to, &step.found.candidate) else { return Ok(()) };
    let repository = &moved.branch.repository;
    let tree = repository.tree_at(&moved.commit, &path_of(to)?)?.context("the package is in the commit")?;
    if candidate.origin.as_ref().is_some_and(|origin| origin.tree == tree) {
        return Ok(());
    }
    let signature = repository.file_at(&moved.commit, &format!("{}.sig", path_of(to)?))?;
    let signature = signature.filter(|_| candidate.signature.is_some());
    let origin = Some(Arc::new(Origin { repository: Arc::clone(repository), tree, signature }));
    let copied = Candidate { origin, ..candidate.clone() };
    let copied = LayerView::open(plan, editor.settings.config.limits)?.read_one(copied, plan)?;
    let files = difference(&step.found, &copied)?;
    ensure!(
        files.is_empty(),
        "the package changed while it was copied: {}\nhint: try again when it is complete",
        crate::base::words::few(&files)
    );
    Ok(())
}

/// The message of a commit, for the upper or the lower of the two layers.
pub(super) fn message(changes: &[LayerChange], is_above: bool, first: Option<&Moved>) -> String {
    let Some(change) = changes.first() else { return String::new() };
    let (from, to) = (change.from.as_deref(), change.to.as_deref());
    let what = match changes {
        [change] => format!("{}-{}", change.package, change.version),
        _ => format!("{} packages", changes.len()),
    };
    let subject = match (from, to) {
        (None, Some(to)) if change.action == Action::Signed => format!("[{to}] Sign {what}"),
        (Some(from), Some(to)) if is_above => format!("[{to}] Promote {what} from {from}"),
        (Some(from), Some(to)) => format!("[{from}] Remove {what}, promoted to {to}"),
        (Some(from), None) => format!("[{from}] Remove {what}"),
        (None, to) => format!("[{}] Add {what}", to.unwrap_or_default()),
    };
    let mut text = format!("{subject}\n\n");
    // Writing to a text cannot fail.
    for change in changes {
        let _ = writeln!(text, "- {}-{} {}", change.package, change.version, change.content);
        for allowed in &change.allowed {
            let _ = writeln!(text, "  allowed: {allowed}");
        }
    }
    if let Some(reason) = &change.reason {
        let _ = writeln!(text, "\nReason: {}", reason.replace('\n', " "));
    }
    if let Some(first) = first {
        let _ = write!(text, "\n{}", halves(first));
    }
    text
}
