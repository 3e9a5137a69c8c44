//! Does steps one after the other, and finishes or undoes what an interrupted command left of them.
//!
//! The order is: copy beside the place, compare, note, put, remove below, log, delete the note. A note without the
//! package in its new place means that nothing was done; with it the rest is done now.

use super::branches;
use super::editor::{Done, Editor};
use super::journal::{Action, Journal, LayerChange, Pending};
use super::layer_view::{FoundPackage, LayerView, difference};
use super::slot::{self, Slot};
use super::step::Step;

use crate::base::fs::{self, Lock};
use crate::config::layer::LayerPlan;
use crate::config::location::is_git;
use crate::input::door::Spot;
use crate::input::git::WorkTree;
use crate::input::source::Candidate;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Layers that are locked and in order.
pub(super) struct Workplace<'a> {
    editor: &'a Editor<'a>,
    plans: Vec<&'a LayerPlan>,
    /// By folder.
    locks: BTreeMap<PathBuf, Lock>,
    /// Descriptions of interrupted steps that were finished.
    pub(super) finished: Vec<String>,
}

impl<'a> Workplace<'a> {
    /// Locks layers, unless nothing is to be changed, and finishes or undoes what was interrupted in any layer.
    pub(super) fn open(editor: &'a Editor<'a>, plans: &[&'a LayerPlan]) -> Result<Self> {
        let mut work = Self { editor, plans: plans.to_vec(), locks: BTreeMap::new(), finished: Vec::new() };
        let limits = editor.settings.config.limits;
        if !editor.dry_run {
            work.finished = branches::finish_pending(&editor.settings.layers)?;
        }
        for plan in &editor.settings.layers {
            let view = LayerView::open(plan, limits)?;
            let is_mine = plans.iter().any(|mine| mine.source.name == plan.source.name);
            let mut folders: Vec<_> = view.folders().map(Path::to_owned).collect();
            if is_mine && !is_git(view.root()?) {
                folders.push(view.root()?.to_owned());
            }
            for folder in folders {
                let journal = Journal::of(&folder);
                if is_mine && !editor.dry_run {
                    work.lock(&folder)?;
                }
                if let Some(pending) = journal.pending()? {
                    if editor.dry_run {
                        bail!(
                            "{} was interrupted\nhint: run any command without --dry-run, which finishes or undoes it",
                            what(&pending.change)
                        );
                    }
                    work.lock(&folder)?;
                    work.recover(&journal, &pending)?;
                }
                if is_mine && !editor.dry_run {
                    journal.tidy()?;
                }
            }
        }
        Ok(work)
    }

    /// A layer as it is now.
    pub(super) fn view(&self, name: &str) -> Result<LayerView<'a>> {
        let plan = self.plans.iter().find(|plan| plan.source.name == name).context("the layer is locked")?;
        LayerView::open(plan, self.editor.settings.config.limits)
    }

    /// Does the steps.
    pub(super) fn perform(&mut self, steps: Vec<Step>) -> Result<Done> {
        let finished = std::mem::take(&mut self.finished);
        let arriving = steps.iter().filter(|step| step.to.is_some());
        let warnings = arriving.flat_map(|step| step.found.warnings.iter().cloned()).collect();
        if branches::are_meant(&steps) {
            let plan = self.plans.first().context("a layer is locked")?;
            return Ok(Done { finished, warnings, ..branches::perform(self.editor, plan, steps)? });
        }
        let is_committed = self.editor.commit && !self.editor.dry_run;
        let commits = if is_committed { commits(&steps)? } else { Vec::new() };
        let mut changes = Vec::new();
        for step in steps {
            if !self.editor.dry_run {
                self.one(&step).with_context(|| format!("cannot finish: {}", what(&step.change)))?;
            }
            changes.push(step.change);
        }
        for Commit { tree, paths, is_above } in commits {
            tree.commit(&paths, &branches::message(&changes, is_above, None))?;
        }
        Ok(Done { changes, finished, warnings, ..Done::default() })
    }

    fn one(&self, step: &Step) -> Result<()> {
        let home = step.to.as_ref().or(step.from.as_ref()).context("a step has a place")?;
        let journal = Journal::of(&home.root);
        let mut prepared = None;
        if let Some(to) = step.to.as_ref().filter(|_| !step.is_up) {
            prepared = Some(self.prepare(&step.found, to, &journal)?);
        }
        let pending = Pending { change: step.change.clone(), to: step.to.clone(), from: step.from.clone() };
        journal.begin(&pending)?;
        if let (Some(to), Some(prepared)) = (&step.to, &prepared) {
            to.put(prepared, step.replaces)?;
        }
        finish(&journal, &pending)
    }

    /// Copies a package beside its place, and compares.
    fn prepare(&self, found: &FoundPackage, to: &Slot, journal: &Journal) -> Result<PathBuf> {
        let candidate = found.candidate.as_ref().context("only packages with a place are copied")?;
        let name = to.package.file_name().context("a place has a name")?;
        let path = journal.incoming()?.join(name);
        slot::copy(candidate, &path)?;
        let spot = Spot::named(&path);
        let copied = Candidate {
            signature: candidate.signature.is_some().then(|| spot.signature()),
            path: path.clone(),
            spot,
            ..candidate.clone()
        };
        // Any layer's rules would do: what counts is the content.
        let plan = self.plans.first().context("a layer is locked")?;
        let copied = LayerView::open(plan, self.editor.settings.config.limits)?.read_one(copied, plan)?;
        let files = difference(found, &copied)?;
        ensure!(
            files.is_empty(),
            "the package changed while it was copied: {}\nhint: try again when it is complete",
            crate::base::words::few(&files)
        );
        Ok(path)
    }

    /// Puts a signature beside a package that stays where it is.
    pub(super) fn put_signature(&self, slot: &Slot, change: &LayerChange, text: &[u8]) -> Result<()> {
        let journal = Journal::of(&slot.root);
        let prepared = journal.incoming()?.join("signature");
        fs::write_file(&prepared, text)?;
        fs::flush(&prepared)?;
        let pending = Pending { change: change.clone(), to: Some(slot.clone()), from: None };
        journal.begin(&pending)?;
        slot.put_signature(&prepared)?;
        finish(&journal, &pending)
    }

    fn lock(&mut self, folder: &Path) -> Result<()> {
        if !self.locks.contains_key(folder) {
            let journal = Journal::of(folder);
            journal.make()?;
            let lock = Lock::take_as(journal.path(), "command", folder)?;
            self.locks.insert(folder.to_owned(), lock);
        }
        Ok(())
    }

    /// Finishes a step whose package is in place, and undoes any other.
    fn recover(&mut self, journal: &Journal, pending: &Pending) -> Result<()> {
        let mut is_done = true;
        if let Some(to) = &pending.to {
            is_done = match &pending.change.signature {
                Some(digest) => to.has_signature(digest)?,
                None => self.holds(to, &pending.change)?,
            };
        }
        if let Some(from) = &pending.from {
            self.lock(&from.root)?;
            match &pending.to {
                // Other content than was moved is not removed; the next command reports the conflict.
                Some(_) => is_done &= !from.is_taken() || self.holds(from, &pending.change)?,
                None => is_done = !from.is_taken(),
            }
        }
        journal.tidy()?;
        if is_done {
            finish(journal, pending)?;
            self.finished.push(what(&pending.change));
            return Ok(());
        }
        if let Some(to) = &pending.to {
            to.leave_no_empty_folder();
        }
        journal.end()
    }

    /// Returns true if the content of a change lies at a place.
    fn holds(&self, slot: &Slot, change: &LayerChange) -> Result<bool> {
        for plan in &self.editor.settings.layers {
            let view = LayerView::open(plan, self.editor.settings.config.limits)?;
            if let Some(found) = view.at(slot)? {
                return Ok(found.record.is_some_and(|record| record.tree.to_string() == change.content));
            }
        }
        Ok(false)
    }
}

/// A commit to one layer.
struct Commit {
    tree: WorkTree,
    paths: Vec<PathBuf>,
    is_above: bool,
}

/// The commits of the steps, that of the upper layer first.
fn commits(steps: &[Step]) -> Result<Vec<Commit>> {
    let mut commits = Vec::new();
    for is_above in [true, false] {
        let slots = steps.iter().filter_map(|step| if is_above { step.to.as_ref() } else { step.from.as_ref() });
        let slots: Vec<_> = slots.collect();
        let Some(first) = slots.first() else { continue };
        let tree = WorkTree::of(&first.root)?;
        let roots: BTreeSet<&Path> = slots.iter().map(|slot| slot.root.as_path()).collect();
        let mut paths: Vec<_> = roots.into_iter().flat_map(|root| Journal::of(root).kept()).collect();
        paths.extend(slots.iter().flat_map(|slot| [slot::signature(&slot.path()), slot.path()]));
        commits.push(Commit { tree, paths, is_above });
    }
    Ok(commits)
}

/// Does what follows once the package is in its new place.
pub(super) fn finish(journal: &Journal, pending: &Pending) -> Result<()> {
    if let Some(from) = &pending.from {
        from.take_away()?;
        let below = Journal::of(&from.root);
        if below.path() != journal.path() {
            below.log(&pending.change)?;
        }
    }
    journal.log(&pending.change)?;
    journal.end()?;
    journal.tidy()
}

/// Describes a change.
fn what(change: &LayerChange) -> String {
    let LayerChange { package, version, from, to, .. } = change;
    match (from, to) {
        (_, Some(to)) if change.action == Action::Signed => format!("the signature of {package}-{version} in `{to}`"),
        (Some(from), Some(to)) => format!("the promotion of {package}-{version} from `{from}` to `{to}`"),
        (Some(from), None) => format!("the removal of {package}-{version} from `{from}`"),
        (_, to) => format!("the addition of {package}-{version} to `{}`", to.as_deref().unwrap_or_default()),
    }
}
