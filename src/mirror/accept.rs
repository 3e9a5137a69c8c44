//! Takes what an upstream gives now for a version that is held with other bytes: a person has decided so.
//!
//! The old signature goes first and the new one comes last, so that at no moment a signature lies beside a zip that it is not
//! of. A run that is killed in between is repeated by the same command.

use super::audit::aside;
use super::deliver::{examine, said};
use super::outcome::Mirrored;
use super::place;
use super::plan::id;
use super::record::{Entry, State, Validators};
use super::session::Run;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::config::layer::Policy;
use crate::edit::PackageSelector;
use crate::edit::journal::{Action, LayerChange};
use anyhow::{Context, Result, bail};

/// Takes the new bytes of one version.
pub(super) fn accept(run: &mut Run<'_>, selector: &PackageSelector, reason: &str) -> Result<()> {
    let layer = run.outcome.layer.clone();
    let Some(version) = &selector.version else {
        bail!("`{}` has no version\nhint: write NAME@VERSION", selector.name);
    };
    let key = (selector.name.clone(), version.clone());
    let changed = run.record.versions.get(&key).and_then(|entry| Some((entry.clone(), entry.changed_to?)));
    let Some((entry, digest)) = changed else {
        bail!(
            "no upstream has changed {} of layer `{layer}`, as far as is known\n\
             hint: `epr-build mirror {layer} --audit --only {}@{version}` asks",
            said(&key),
            key.0
        );
    };
    let rules = &run.request.layer.rules;
    if rules.immutable || rules.policies(&layer).0 == Policy::Refuse {
        bail!(
            "layer `{layer}` lets no version be overwritten\n\
             hint: what clients have seen must not change; `overwrite: allow` without `immutable` would permit it"
        );
    }
    let new = aside(&run.workshop, &key, &digest.to_string());
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
    let target = run.workshop.root.join(place);
    let target_signature = place::signature_of(&target);
    let is_file = |path: &std::path::Path| fs::link_metadata(path).is_ok_and(|found| found.is_file());
    // A run that was killed may have come as far as the rename of the zip.
    let zip = if is_file(&new) { &new } else { &target };
    let signature = if is_file(&beside) { Some(fs::read(&beside)?) } else { None };
    let (found, size) = fs::digest_of_file(zip)?;
    if found != digest {
        bail!("{} is not what the upstream gave\nhint: run with --audit again", zip.display());
    }
    let (format_version, judged) = match examine(&run.site, &key, zip, signature.as_deref(), None)? {
        Ok(found) => found,
        Err((why, _)) => bail!("what the upstream gives now for {} is refused: {why}", said(&key)),
    };
    fs::remove_file_if_there(&target_signature)?;
    if zip == &new {
        fs::rename_for_good(&new, &target)?;
    }
    if judged.keep && signature.is_some() {
        fs::rename_for_good(&beside, &target_signature)?;
    } else {
        fs::remove_file_if_there(&beside)?;
    }
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
    run.workshop.log(&[change])?;
    run.outcome.mirrored.push(Mirrored {
        name: key.0.clone(),
        version: key.1.to_string(),
        bytes: size,
        signature: judged.words,
    });
    (run.outcome.wanted, run.outcome.held) = (1, 1);
    run.record.versions.insert(key, new_entry);
    run.record.write(&run.workshop.folder)?;
    run.workshop.tidy(&run.record).context("cannot clear up")
}
