//! What the signature of a package says of its archive, and what the policy of the layer makes of that.
//!
//! A verdict follows from three contents (archive, signature and keys) and is remembered by their digests, beside the
//! records and not in them: other keys or another policy judge anew and read no package again. Verdicts look at no clock.
//!
//! A layer that names no keys is judged by Elastic's key. Signatures by others are then nobody's business, but one that
//! says to be Elastic's and does not fit its package is told.

use super::record::{Intake, Outcome, Record};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::digest_of_file;
use crate::base::problem::{Problem, Severity, reading_rule};
use crate::base::rule::Rule;
use crate::base::words::{counted, few, first};
use crate::catalog::cache::Cache;
use crate::config::layer::{LayerPlan, Signatures};
use crate::input::source::OpenPackage;
use crate::openpgp::{self, KeyRing, Verdict};
use crate::package::PackageKind;
use crate::store::Store;
use crate::store::content::{StoreError, with_made_archive};
use anyhow::{Context, Result, anyhow, ensure};
use std::io::{self, Read};

/// Keys that are named where a signature is by none of them.
const NAMED_KEYS: usize = 3;

/// A package that was opened, and the text of its signature. One that is remembered has both in the store.
pub(super) type Fresh<'a> = (&'a OpenPackage, Option<&'a [u8]>);

/// What the signatures of a layer are judged by.
pub(super) struct Judge<'a> {
    pub(super) plan: &'a LayerPlan,
    /// The digest of the layer's keys, worked out once.
    keys: Digest,
    /// Verdicts that earlier builds remember.
    cache: &'a Cache,
    /// Where archives lie that were stored.
    store: Option<&'a Store>,
}

impl<'a> Judge<'a> {
    /// A judge for all packages of a layer.
    pub(super) fn new(plan: &'a LayerPlan, cache: &'a Cache, store: Option<&'a Store>) -> Self {
        Self { plan, keys: plan.keys.digest(), cache, store }
    }

    /// Judges the signature of a package, and takes the package out if the policy of its layer says so.
    pub(super) fn judged(&self, package: &str, mut outcome: Outcome, fresh: Option<Fresh<'_>>) -> Result<Intake> {
        let layer = &self.plan.source.name;
        let verdict = match outcome.record.as_ref().map(|record| self.verdict(record, fresh)) {
            None => Verdict::Missing,
            Some(Ok(verdict)) => verdict,
            Some(Err(StoreError::Machine(error))) => {
                return Err(error.context(format!("cannot verify {layer}/{package}")));
            }
            Some(Err(StoreError::Package(problem))) => {
                outcome.record = None;
                outcome.problems.push(problem.within(layer, package));
                Verdict::Missing
            }
        };
        if let Some(problem) = problem(self.plan, &verdict) {
            if problem.is_quarantine() {
                outcome.record = None;
            }
            outcome.problems.push(problem.within(layer, package));
        }
        Ok(Intake { package: package.to_owned(), outcome, verdict, repeats: None })
    }

    /// The verdict on the signature that is published with a package.
    fn verdict(&self, record: &Record, fresh: Option<Fresh<'_>>) -> Result<Verdict, StoreError> {
        let Some(signature) = &record.signature else { return Ok(Verdict::Missing) };
        let kept = self.store.filter(|store| store.has_blob(&record.archive.digest, record.archive.size));
        // Where nothing is kept, the archive of a folder is not made, so it has no digest.
        let has_digest = record.kind == PackageKind::Zip || kept.is_some();
        let key = has_digest.then(|| key([&record.archive.digest, &signature.digest, &self.keys]));
        if let Some(known) = key.as_ref().and_then(|key| self.cache.verdicts.get(key)) {
            return Ok(known);
        }
        let stored;
        let text = match (fresh.and_then(|(_, text)| text), self.store) {
            (Some(text), _) => text,
            (None, Some(store)) => {
                stored = store.read_blob(&signature.digest)?;
                &stored
            }
            (None, None) => return Err(nowhere()),
        };
        let verdict = judge(&self.plan.keys, text, record, kept, fresh)?;
        if let (Some(key), Some(_)) = (key, self.store) {
            self.cache.verdicts.put(key, verdict.clone());
        }
        Ok(verdict)
    }
}

/// Judges a signature over the archive that is kept, or else over that of the open package.
fn judge(
    keys: &KeyRing,
    text: &[u8],
    record: &Record,
    kept: Option<&Store>,
    fresh: Option<Fresh<'_>>,
) -> Result<Verdict, StoreError> {
    let judge = |archive: &mut dyn Read| Ok(openpgp::judge(keys, text, archive)?.verdict);
    match (kept, fresh) {
        (Some(store), _) => {
            let mut archive = store.open_blob(&record.archive.digest)?;
            let verdict = judge(&mut archive).context("cannot read an archive in the store")?;
            if matches!(verdict, Verdict::Bad { .. }) {
                require_undamaged(store, &record.archive.digest)?;
            }
            Ok(verdict)
        }
        (None, Some((files, _))) if record.kind == PackageKind::Zip => {
            Ok(files.with_archive(judge).map_err(|error| unreadable(&error))?)
        }
        (None, Some((files, _))) => with_made_archive(files, &record.id(), judge),
        (None, None) => Err(nowhere()),
    }
}

/// A package that is remembered is whole in the store.
fn nowhere() -> StoreError {
    StoreError::Machine(anyhow!("the package is neither open nor in the store"))
}

/// Blames no signature for a disk that lost bits.
fn require_undamaged(store: &Store, archive: &Digest) -> Result<()> {
    let path = store.root().join(Store::blob_path(archive));
    let (found, _) = digest_of_file(&path)?;
    ensure!(found == *archive, "{} is damaged\nhint: build with --no-cache, which mends it", path.display());
    Ok(())
}

/// The key under which a verdict is remembered: what it follows from.
fn key(archive_signature_and_keys: [&Digest; 3]) -> Digest {
    let mut hasher = Hasher::default();
    archive_signature_and_keys.into_iter().for_each(|digest| hasher.update(digest.bytes()));
    hasher.finish()
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::new(reading_rule(error), format!("cannot read the file: {error}"))
}

/// What is to be told of a signature; a quarantine where the layer takes good ones only.
fn problem(plan: &LayerPlan, verdict: &Verdict) -> Option<Problem> {
    let problem = match verdict {
        Verdict::Good { .. } | Verdict::Missing => return None,
        Verdict::OtherKey { .. } if plan.rules.keys.is_empty() => return None,
        Verdict::OtherKey { key } => {
            let (named, trusted) = (key.key_id(), trusted(&plan.keys));
            let message = format!("the signature is not by a key of the layer: it names {named}, trusted is {trusted}");
            Problem::new(Rule::SignatureByOtherKey, message)
        }
        Verdict::Bad { reason } => Problem::new(Rule::BadSignature, format!("{REFUSED}: the signature {reason}")),
        Verdict::Weak { what } => {
            Problem::new(Rule::WeakSignature, format!("{REFUSED}: the signature rests on {what}, which is too weak"))
        }
        Verdict::Unreadable { reason } => {
            Problem::new(Rule::SignatureNotArmored, format!("{REFUSED}: the signature {reason}"))
        }
    };
    Some(if plan.requires_good_signatures() { problem.severity(Severity::Quarantine) } else { problem })
}

const REFUSED: &str = "Kibana refuses it where it verifies signatures";

/// The key ids of trusted keys, for a message.
fn trusted(keys: &KeyRing) -> String {
    let ids: Vec<_> = keys.keys().map(|key| key.fingerprint.key_id().to_string()).collect();
    first(&ids, NAMED_KEYS)
}

/// What is to be told of all signatures of a layer together.
pub(super) fn of_layer(plan: &LayerPlan, packages: &[Intake]) -> Option<Problem> {
    let layer = &plan.source.name;
    let taken = || packages.iter().filter_map(|intake| Some((intake.outcome.record.as_ref()?, &intake.verdict)));
    let problem = match plan.rules.signatures {
        Signatures::Require if plan.rules.keys.is_empty() && taken().next().is_some() => {
            let message =
                format!("layer `{layer}` requires signatures and has no `keys`, so they were only looked for");
            Problem::new(Rule::SignaturesNotVerified, message)
        }
        Signatures::Sign => {
            let unsigned = taken().filter(|(_, verdict)| verdict.good_key().is_none());
            let (unsigned, verdicts): (Vec<_>, Vec<_>) =
                unsigned.map(|(record, verdict)| (record.id(), verdict)).unzip();
            if unsigned.is_empty() {
                return None;
            }
            let (packages, list) = (counted(unsigned.len(), "package"), few(&unsigned));
            let is_in_the_way = verdicts.iter().any(|verdict| **verdict != Verdict::Missing);
            let replace = if is_in_the_way { " --replace" } else { "" };
            let hint = format!(
                "run `epr-build keys sign --layer {layer}{replace} --signer '…'`, or with `--secret-key FILE` for the signer"
            );
            let message = format!("{packages} of layer `{layer}` without a good signature by its keys: {list}");
            Problem::new(Rule::NotSigned, message).hint(hint)
        }
        _ => return None,
    };
    Some(problem.within(layer, ""))
}

/// A verdict in words for people.
pub fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good { key } => format!("good, by key {key}"),
        Verdict::Bad { reason } => format!("not good: it {reason}"),
        Verdict::OtherKey { key } => format!("by a key that the layer does not list, {key}"),
        Verdict::Weak { what } => format!("not good: it rests on {what}, which is too weak"),
        Verdict::Unreadable { reason } => format!("not readable: it {reason}"),
        Verdict::Missing => "none".to_owned(),
    }
}
