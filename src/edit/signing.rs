//! Signatures of a layer: judged as they lie there, and made where they are missing.
//!
//! What is signed is what is published: a zip as it is, and of a folder the zip that every build makes of it. A signature is
//! judged before it is written, and written by one rename. A note in the journal, as for every other change, tells the next
//! command whether the log still lacks a line.

use super::branches;
use super::editor::{Done, Editor};
use super::journal::{Action, Journal, LayerChange};
use super::layer_view::{FoundPackage, LayerView};
use super::signer::Signer;
use super::slot::{self, Slot};
use super::work::Workplace;
use crate::base::digest::Digest;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::time;
use crate::catalog::record::Record;
use crate::compare::policy::Refused;
use crate::config::layer::{Layer, LayerPlan, Signatures};
use crate::config::limits::Limits;
use crate::config::location::is_git;
use crate::input::git::WorkTree;
use crate::input::signature_file;
use crate::input::source::{Candidate, OpenPackage};
use crate::openpgp::{Judgement, KeyRing, Verdict, judge};
use crate::package::PackageKind;
use crate::store::content::{StoreError, with_made_archive};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rayon::prelude::*;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// How the signatures of a layer are made.
pub struct SigningOrder<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// The public keys by which a signature must be good. If absent: those that the layer names, else the signer's own.
    pub keys: Option<&'a KeyRing>,
    /// Packages with a signature that is not good by these keys are signed anew.
    pub replace: bool,
}

/// A package of a layer, and what its signature is worth.
pub struct JudgedPackage {
    /// Path in the layer.
    pub package: String,
    /// Its name and version, `acme-1.0.0`; absent if a build would leave it out.
    pub id: Option<String>,
    /// The verdict on its signature, with the times of it.
    pub judgement: Judgement,
}

/// A package to be signed.
struct Unsigned {
    found: FoundPackage,
    slot: Slot,
    record: Arc<Record>,
}

impl Unsigned {
    /// Returns true if the signature that was put beside it still lies there, as a regular file.
    fn is_signed(&self, change: &LayerChange) -> bool {
        let is_there = |digest| self.slot.has_signature(digest).unwrap_or_default();
        change.signature.as_deref().is_some_and(is_there)
    }

    /// That it does not.
    fn exchanged(&self, layer: &str) -> Problem {
        let message = format!("the signature of {} was exchanged while the layer was signed", self.record.id());
        let hint = "find out who else writes into the layer, then sign again with `--replace`";
        Problem::new(Rule::NotSigned, message).hint(hint).within(layer, &self.found.package)
    }
}

/// That a package has no place for a signature.
fn nested(package: &str, layer: &str) -> Problem {
    let message = "the package lies inside another one, where no signature is looked for";
    Problem::new(Rule::Nested, message).within(layer, package)
}

impl Editor<'_> {
    /// Judges the signatures of all packages of a layer, in its order, by some keys.
    ///
    /// # Errors
    /// When the layer cannot be read.
    pub fn judge_signatures(&self, layer: &str, keys: &KeyRing) -> Result<Vec<JudgedPackage>> {
        let view = LayerView::open(self.layer(layer)?, self.limits())?;
        let judged = view.all(&whatever_the_signature(view.plan))?.into_par_iter().map(|found| {
            let record = found.record.as_ref();
            let id = record.map(|record| record.id());
            let judgement = match (record, &found.candidate) {
                (Some(record), Some(candidate)) => self.judgement(candidate, record, keys)?,
                _ => Judgement::missing(),
            };
            Ok(JudgedPackage { package: found.package, id, judgement })
        });
        let mut judged = judged.collect::<Result<Vec<_>>>()?;
        let skipped = view.skipped.iter().map(|problem| problem.place.package.clone());
        judged.extend(skipped.map(|package| JudgedPackage { package, id: None, judgement: Judgement::missing() }));
        Ok(judged)
    }

    /// Signs every package of a layer that has no good signature, and tells which stay without one.
    ///
    /// # Errors
    /// [`Refused`] if other signatures are in the way, and then nothing is signed. Otherwise when the signer fails or makes a
    /// signature that is not good; what was signed before stays.
    pub fn sign(&self, layer: &str, order: &SigningOrder<'_>) -> Result<Done> {
        let plan = self.layer(layer)?;
        let keys = match (order.keys, order.signer.public()) {
            (Some(keys), _) => keys,
            (None, _) if !plan.rules.keys.is_empty() => &plan.keys,
            (None, Some(own)) => own,
            (None, None) => bail!(
                "layer `{layer}` names no keys, so it is not known by which key its signatures shall be good\n\
                 hint: give the layer `keys`, or name the public key with --key"
            ),
        };
        let mut work = Workplace::open(self, &[plan])?;
        let view = work.view(layer)?;
        if is_git(view.root()?) {
            bail!(
                "layer `{layer}` is a branch of a repository, where nothing is signed\n\
                 hint: sign in a work tree of the branch, with --commit"
            );
        }
        let mut done = Done { finished: std::mem::take(&mut work.finished), ..Done::default() };
        let unsigned = self.unsigned(&view, keys, order.replace, &mut done)?;
        for Unsigned { found, slot, record } in &unsigned {
            let mut change = self.signing(layer, record);
            if !self.dry_run {
                let id = format!("{}-{}", change.package, change.version);
                let text = self.signature(found, record, order.signer, keys).with_context(|| {
                    format!("{id} is not signed; {} of {} were", done.changes.len(), unsigned.len())
                })?;
                change.signature = Some(Digest::of(&text).to_string());
                work.put_signature(slot, &change, &text)
                    .with_context(|| format!("cannot write the signature of {id}"))?;
            }
            done.changes.push(change);
        }
        if !self.dry_run {
            let (there, gone): (Vec<_>, Vec<_>) =
                unsigned.iter().zip(&done.changes).partition(|(one, change)| one.is_signed(change));
            if self.commit {
                self.commit_signatures(&there)?;
            }
            done.unsigned.extend(gone.into_iter().map(|(one, _)| one.exchanged(layer)));
        }
        Ok(done)
    }

    /// The packages that need a signature.
    fn unsigned(&self, view: &LayerView<'_>, keys: &KeyRing, replace: bool, done: &mut Done) -> Result<Vec<Unsigned>> {
        let layer = view.name();
        let found = view.all(&whatever_the_signature(view.plan))?;
        let judged = found.into_par_iter().map(|found| {
            let both = found.record.clone().zip(found.candidate.as_ref());
            let judgement =
                both.as_ref().map(|(record, candidate)| self.judgement(candidate, record, keys)).transpose();
            Ok((both.map(|(record, _)| record), judgement?, found))
        });
        let judged = judged.collect::<Result<Vec<_>>>()?;
        let (mut unsigned, mut refusals) = (Vec::new(), Vec::new());
        for (record, judgement, found) in judged {
            let (Some(record), Some(judgement)) = (record, judgement) else {
                if found.problems.is_empty() {
                    done.unsigned.push(nested(&found.package, layer));
                }
                done.unsigned.extend(found.problems);
                continue;
            };
            let id = record.id();
            if judgement.verdict.good_key().is_some() {
                done.already.push(format!("{id} is signed in layer `{layer}`: {}", judgement.verdict));
                continue;
            }
            let has_one = found.candidate.as_ref().is_some_and(|it| it.signature.is_some() || it.has_linked_signature);
            if has_one && !replace {
                let message =
                    format!("{id} has a signature that is not good by the keys here: {}", judgement.verdict.text());
                let hint = "add `--replace` to sign it anew, or remove the signature";
                refusals.push(Problem::new(Rule::PlaceTaken, message).hint(hint).within(layer, &found.package));
                continue;
            }
            match found.slot(view) {
                Some(slot) => unsigned.push(Unsigned { found, slot, record }),
                None => refusals.push(nested(&found.package, layer)),
            }
        }
        done.unsigned.extend(view.skipped.iter().cloned());
        if refusals.is_empty() { Ok(unsigned) } else { Err(Refused(refusals).into()) }
    }

    /// Makes a signature of a package, and judges it.
    fn signature(&self, found: &FoundPackage, record: &Record, signer: &Signer, keys: &KeyRing) -> Result<Vec<u8>> {
        let candidate = found.candidate.as_ref().context("only packages with a place are signed")?;
        let text = with_zip(candidate, record, self.limits(), |zip| Ok(signer.sign(zip, self.now)))??;
        let judged = with_zip(candidate, record, self.limits(), |zip| judge(keys, &text, zip))?;
        let hint = match judged.verdict {
            Verdict::Unreadable { .. } => {
                "the signer writes an armored signature to its standard output: with `gpg`, add `--armor`"
            }
            _ => "the public key of the signer belongs into `keys` of the layer, or behind --key",
        };
        ensure!(
            judged.verdict.good_key().is_some(),
            "what the signer made is not good: {}\nhint: {hint}",
            judged.verdict.text()
        );
        Ok(text)
    }

    fn judgement(&self, candidate: &Candidate, record: &Record, keys: &KeyRing) -> Result<Judgement> {
        let text =
            signature_file::read(candidate).map_err(|problem| anyhow!("{}: {}", candidate.package, problem.message))?;
        let Some(text) = text else { return Ok(Judgement::missing()) };
        with_zip(candidate, record, self.limits(), |zip| judge(keys, &text, zip))
    }

    fn signing(&self, layer: &str, record: &Record) -> LayerChange {
        LayerChange {
            time: time::rfc3339(self.now),
            action: Action::Signed,
            package: record.facts.name.clone(),
            version: record.facts.version.to_string(),
            from: None,
            to: Some(layer.to_owned()),
            content: record.tree.to_string(),
            signature: None,
            allowed: Vec::new(),
            reason: self.reason.clone(),
        }
    }

    fn commit_signatures(&self, signed: &[(&Unsigned, &LayerChange)]) -> Result<()> {
        let Some((first, _)) = signed.first() else { return Ok(()) };
        let paths = signed.iter().flat_map(|(Unsigned { slot, .. }, _)| {
            [slot::signature(&slot.path())].into_iter().chain(Journal::of(&slot.root).kept())
        });
        let changes: Vec<_> = signed.iter().map(|(_, change)| (*change).clone()).collect();
        let paths: Vec<PathBuf> = paths.collect();
        WorkTree::of(&first.slot.root)?.commit(&paths, &branches::message(&changes, true, None))
    }

    fn limits(&self) -> Limits {
        self.settings.config.limits
    }
}

/// A layer without what it says of signatures: these are what is looked at here.
fn whatever_the_signature(plan: &LayerPlan) -> LayerPlan {
    let rules = Layer { signatures: Signatures::Pass, keys: Vec::new(), ..plan.rules.clone() };
    LayerPlan { source: plan.source.clone(), rules, keys: Arc::default() }
}

/// Streams the zip that a package is published as.
fn with_zip<T>(
    candidate: &Candidate,
    record: &Record,
    limits: Limits,
    use_zip: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T> {
    let told = |problem: &Problem| anyhow!("{}: {}", candidate.package, problem.message);
    let files = OpenPackage::open(candidate, &limits).map_err(|problem| told(&problem))?;
    if candidate.kind == PackageKind::Zip {
        return files.with_archive(use_zip).with_context(|| format!("cannot read {}", candidate.path.display()));
    }
    let root = record.id();
    with_made_archive(&files, &root, use_zip).map_err(|error| match error {
        StoreError::Package(problem) => told(&problem),
        StoreError::Machine(error) => error,
    })
}
