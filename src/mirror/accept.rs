//! Takes what an upstream gives now for a version that is held with other bytes: a person has decided so.
//!
//! Two files cannot be exchanged at once. So it is first written down what will be true; then the old zip goes aside, the new
//! signature comes into place, and the new zip comes last: a build in between sees the version with its own signature, or not
//! at all. Whenever that is interrupted, the next run that may write does the rest before anything else.

use super::aside::path as aside;
use super::deliver::{examine, said};
use super::entry::{Entry, Line, State, Validators, key, line};
use super::event::Event;
use super::facts::Key;
use super::leftovers;
use super::outcome::Mirrored;
use super::place;
use super::plan::id;
use super::record::Record;
use super::session::Run;
use super::workshop::{ACCEPTING, Workshop};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::edit::PackageSelector;
use crate::edit::journal::{Action, LayerChange};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The largest note of what is about to be done.
const MOST_NOTE_BYTES: u64 = 1 << 20;

/// What is about to be done.
#[derive(Serialize, Deserialize)]
struct Accepting<E> {
    #[serde(flatten)]
    line: Line<E>,
    /// For the log of the layer.
    change: LayerChange,
}

/// Reads the record, and finishes what was interrupted: runs that were killed, and an exchange that had begun. Returns the
/// version that was exchanged, and in a run that may not write what is left to be done.
pub(super) fn recover(workshop: &Workshop) -> Result<(Record, Option<Key>, Option<Event>)> {
    let mut record = workshop.recover()?;
    let note = workshop.folder.join(ACCEPTING);
    let Some(text) = read_note(&note)? else { return Ok((record, None, None)) };
    let hint = "hint: somebody else wrote it; move it away";
    let unknown = || format!("cannot understand {}\n{hint}", note.display());
    let accepting: Accepting<Entry> = serde_json::from_slice(&text).with_context(unknown)?;
    let Accepting { line: Line { name, version, entry }, change } = accepting;
    let key = key(name, &version).with_context(unknown)?;
    if !workshop.writes() {
        let why = "--accept-changed was interrupted; the next run that fetches finishes it";
        return Ok((record, None, Some(Event::new(said(&key), why, None))));
    }
    finish(workshop, &mut record, &key, entry, change)?;
    Ok((record, Some(key), None))
}

fn read_note(path: &Path) -> Result<Option<Vec<u8>>> {
    if fs::link_metadata(path).is_err() {
        return Ok(None);
    }
    fs::read_at_most(path, MOST_NOTE_BYTES)?.with_context(|| format!("{} is too long", path.display())).map(Some)
}

/// Takes the new bytes of one version.
pub(super) fn accept(run: &mut Run<'_>, selector: &PackageSelector, reason: &str) -> Result<()> {
    let layer = run.outcome.layer.clone();
    let Some(version) = &selector.version else {
        bail!("`{}` has no version\nhint: write NAME@VERSION", selector.name);
    };
    let key = (selector.name.clone(), version.clone());
    if run.outcome.accepted.contains(&said(&key)) {
        // The same command was interrupted before, and this one has just finished it.
        (run.outcome.wanted, run.outcome.held) = (1, 1);
        return leftovers::tidy(&run.workshop, &run.record, run.request.now, &mut run.outcome.cleared);
    }
    let audit = format!("epr-build mirror {layer} --audit --only {}@{version}", key.0);
    let changed = run.record.versions.get(&key).and_then(|entry| Some((entry.clone(), entry.changed_to?)));
    let Some((entry, digest)) = changed else {
        bail!(
            "no upstream has changed {} of layer `{layer}`, as far as is known\n\
             hint: `{audit}` asks",
            said(&key)
        );
    };
    if !run.allows_change() {
        bail!(
            "layer `{layer}` lets no version be overwritten\n\
             hint: what clients have seen must not change; `overwrite: allow` without `immutable` would permit it"
        );
    }
    let new = aside(&run.workshop.changed(), &key, &digest.to_string());
    let beside = place::signature_of(&new);
    let place = entry.path.clone().unwrap_or_else(|| place::usual(&key));
    if let Some(elsewhere) = run.workshop.holdings()?.zips.get(&id(&key)).filter(|zip| zip.path != place) {
        bail!(
            "{} lies at {}, where the mirror overwrites nothing\nhint: move it away; the next run fetches the new one",
            said(&key),
            elsewhere.path.display()
        );
    }
    place::check_way(&run.workshop.root, &place)?;
    if !is_file(&new) {
        bail!(
            "what the upstream gives now for {} does not lie in {}\n\
             hint: run `{audit}` first, which lays it aside",
            said(&key),
            run.workshop.changed().display()
        );
    }
    let signature = if is_file(&beside) { Some(fs::read(&beside)?) } else { None };
    let (found, size) = fs::digest_of_file(&new)?;
    if found != digest {
        bail!("{} is not what the upstream gave\nhint: move it away, and run `{audit}` again", new.display());
    }
    let (format_version, judged) = match examine(&run.site, &key, &new, signature.as_deref(), None)? {
        Ok(found) => found,
        Err((why, _)) => bail!("what the upstream gives now for {} is refused: {why}", said(&key)),
    };
    let kept = signature.as_deref().filter(|_| judged.keep);
    let new_entry = Entry {
        state: State::Held,
        sha256: Some(digest),
        size: Some(size),
        signature_sha256: kept.map(Digest::of),
        signature: Some(judged.words.clone()),
        format_version: Some(format_version),
        validators: Validators::default(),
        changed_to: None,
        refusal: None,
        unfit: None,
        reasons: vec![format!("accepted: {reason}")],
        ..entry
    };
    let change = LayerChange {
        time: run.site.now.clone(),
        action: Action::Replaced,
        reason: Some(reason.to_owned()),
        ..run.workshop.change(&key, &new_entry)
    };
    let note = Accepting { line: line(&key, &new_entry), change: change.clone() };
    let text = serde_json::to_vec(&note).context("cannot write down what is to be done")?;
    fs::write_over_for_good(&run.workshop.folder.join(ACCEPTING), &text)?;
    finish(&run.workshop, &mut run.record, &key, new_entry, change)?;
    run.outcome.mirrored.push(Mirrored {
        name: key.0.clone(),
        version: key.1.to_string(),
        bytes: size,
        signature: judged.words,
    });
    run.outcome.accepted.push(said(&key));
    (run.outcome.wanted, run.outcome.held) = (1, 1);
    leftovers::tidy(&run.workshop, &run.record, run.request.now, &mut run.outcome.cleared).context("cannot clear up")
}

/// Does what was written down, as far as it is not done yet.
fn finish(workshop: &Workshop, record: &mut Record, key: &Key, entry: Entry, change: LayerChange) -> Result<()> {
    let digest = entry.sha256.context("a note of a version without its digest")?;
    let new = aside(&workshop.changed(), key, &digest.to_string());
    let place = entry.path.clone().unwrap_or_else(|| place::usual(key));
    place::check_way(&workshop.root, &place)?;
    exchange(&new, &workshop.root.join(place), &entry)
        .with_context(|| format!("what an upstream gives now for {} could not take its place", said(key)))?;
    // That something else lies there is no failure.
    let _ = fs::remove_empty_folder(&workshop.changed());
    workshop.log(&[change])?;
    record.versions.insert(key.clone(), entry);
    record.write(&workshop.folder)?;
    fs::remove_file_if_there(&workshop.folder.join(ACCEPTING))?;
    fs::flush(&workshop.folder)
}

/// Lets a new zip and its signature take the places of the old ones, step by step: each step can be the last one before a
/// kill, and is passed over when it is done already.
fn exchange(new: &Path, target: &Path, entry: &Entry) -> Result<()> {
    let (new_signature, signature) = (place::signature_of(new), place::signature_of(target));
    let old = old(new);
    if is_file(new) {
        let (found, _) = fs::digest_of_file(new)?;
        if entry.sha256 != Some(found) {
            bail!("{} is not what the upstream gave\nhint: move it away, and run with --audit again", new.display());
        }
        // The old zip may be lost, and its folder with it.
        let folder = target.parent().context("a place has a folder")?;
        fs::make_folders(folder)?;
        // Without signatures one rename is enough, and the version is there at every moment.
        let has_signatures = is_file(&signature) || entry.signature_sha256.is_some();
        if has_signatures && is_file(target) {
            fs::rename_for_good(target, &old)?;
            fs::flush(folder)?;
        }
        if entry.signature_sha256.is_none() {
            fs::remove_file_if_there(&signature)?;
        } else if is_file(&new_signature) {
            fs::rename_for_good(&new_signature, &signature)?;
        }
        fs::rename_for_good(new, target)?;
    }
    let (found, _) = fs::digest_of_file(target)?;
    if entry.sha256 != Some(found) {
        bail!("{} is neither the old zip nor the new one\nhint: put one of them back", target.display());
    }
    fs::remove_file_if_there(&old)?;
    fs::remove_file_if_there(&new_signature)
}

/// Where the zip that was held lies while the new one takes its place.
fn old(new: &Path) -> PathBuf {
    let mut name = new.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

fn is_file(path: &Path) -> bool {
    fs::link_metadata(path).is_ok_and(|found| found.is_file())
}
