//! What the signature of a version must be, by the policy of its layer.

use crate::base::digest::Digest;
use crate::base::fs;
use crate::config::layer::{KeySource, Layer, Signatures};
use crate::openpgp::{self, KeyRing, Verdict};
use anyhow::{Context, Result};
use std::io::BufReader;
use std::path::Path;

/// Bytes of a zip that are read at once.
const READ_BYTES: usize = 1 << 17;

/// Policy and keys of a layer.
pub(super) struct Trust {
    policy: Signatures,
    /// The keys of the layer; that of Elastic if it names none, as in builds.
    ring: KeyRing,
    names_keys: bool,
    now: u64,
}

/// What becomes of a version and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// The verdict, in words for the record.
    pub(super) words: String,
    /// True if the signature is kept beside the zip.
    pub(super) keep: bool,
    /// Why the version is refused, if it is.
    pub(super) refused: Option<String>,
    /// What a person should know although it is taken.
    pub(super) warnings: Vec<String>,
    /// True if a trusted key vouches for the bytes.
    pub(super) is_good: bool,
}

impl Trust {
    /// Reads the keys of a layer.
    pub(super) fn of(layer: &str, rules: &Layer, now: u64) -> Result<Self> {
        let mut ring = KeyRing::default();
        for source in &rules.keys {
            match source {
                KeySource::Elastic => ring.join(&KeyRing::elastic()),
                KeySource::File(path) => {
                    let unfit = || format!("`{}`, a key file of layer `{layer}`, cannot be used", path.display());
                    ring.add(&fs::read(path)?).with_context(unfit)?;
                }
            }
        }
        let names_keys = !rules.keys.is_empty();
        let ring = if names_keys { ring } else { KeyRing::elastic() };
        Ok(Self { policy: rules.signatures, ring, names_keys, now })
    }

    /// Returns true if signatures are asked for at all.
    pub(super) fn wants_signatures(&self) -> bool {
        self.policy != Signatures::Strip
    }

    /// Returns true if a version without a signature is refused.
    pub(super) fn needs_signatures(&self) -> bool {
        self.policy == Signatures::Require
    }

    /// Returns true if signatures may come into the layer that no upstream gave.
    pub(super) fn leaves_signing_to_others(&self) -> bool {
        self.policy == Signatures::Sign
    }

    /// Digest of what decides about signatures.
    pub(super) fn digest(&self) -> Digest {
        Digest::of_value(&(self.policy, self.ring.digest().to_string(), self.names_keys))
    }

    /// Judges a signature over a zip.
    pub(super) fn judge(&self, signature: Option<&[u8]>, zip: &Path) -> Result<Judged> {
        if !self.wants_signatures() {
            return Ok(self.decide(&Verdict::Missing, false, Vec::new()));
        }
        let Some(signature) = signature else { return Ok(self.decide(&Verdict::Missing, false, Vec::new())) };
        let content = BufReader::with_capacity(READ_BYTES, fs::open(zip)?);
        let judgement =
            openpgp::judge(&self.ring, signature, content).with_context(|| format!("cannot read {}", zip.display()))?;
        let notes = judgement.notes(self.now).iter().map(ToString::to_string).collect();
        Ok(self.decide(&judgement.verdict, true, notes))
    }

    /// The table of policies.
    fn decide(&self, verdict: &Verdict, is_there: bool, notes: Vec<String>) -> Judged {
        let is_good = matches!(verdict, Verdict::Good { .. });
        // Where no keys are named, signatures by others than Elastic are nobody's business.
        let is_strange = !self.names_keys && matches!(verdict, Verdict::OtherKey { .. });
        let words = match is_there {
            false => "missing".to_owned(),
            true if is_strange => "not verified".to_owned(),
            true => verdict.text(),
        };
        let is_wrong = is_there && !is_good;
        let (keep, refused) = match self.policy {
            Signatures::Strip => (false, None),
            Signatures::Pass => (is_there, None),
            Signatures::Sign => (is_good, None),
            Signatures::Require if !is_there => {
                (false, Some("it has no signature, and the layer requires one".to_owned()))
            }
            Signatures::Require if !self.names_keys => {
                // It needs one, whatever it says; but what cannot be read is none.
                let is_none = matches!(verdict, Verdict::Unreadable { .. });
                (true, is_none.then(|| self.reason(verdict)))
            }
            Signatures::Require | Signatures::Verify => (is_there, is_wrong.then(|| self.reason(verdict))),
        };
        let mut warnings = notes;
        let takes_wrong_ones = matches!(self.policy, Signatures::Pass | Signatures::Require);
        if refused.is_none() && is_wrong && !is_strange && takes_wrong_ones {
            warnings.insert(0, self.reason(verdict));
        }
        let words = if self.policy == Signatures::Strip { "not asked for".to_owned() } else { words };
        Judged { words, keep, refused, warnings, is_good }
    }

    fn reason(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::OtherKey { key } => {
                let trusted: Vec<_> = self.ring.keys().map(|key| key.fingerprint.key_id().to_string()).collect();
                format!(
                    "the signature is not by a key of the layer: it names {}, trusted is {}\n\
                     hint: if the publisher has changed the key, put the new one beside the old one in `keys`",
                    key.key_id(),
                    crate::base::words::few(&trusted)
                )
            }
            verdict => match verdict.reason() {
                Some(reason) => format!("the signature {reason}"),
                None => format!("the signature is {verdict}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(policy: Signatures, has_keys: bool) -> Trust {
        Trust { policy, ring: KeyRing::elastic(), names_keys: has_keys, now: 0 }
    }

    /// Policy by verdict: taken with its signature, taken without, or refused.
    #[test]
    fn the_table_of_policies() {
        use Signatures::{Pass, Require, Sign, Strip, Verify};
        let elastic = KeyRing::elastic();
        let good = Verdict::Good { key: elastic.keys().next().unwrap().fingerprint };
        let bad = Verdict::Bad { reason: "is in text mode".to_owned() };
        let none = Verdict::Unreadable { reason: "is no signature".to_owned() };
        let missing = Verdict::Missing;
        for (policy, has_keys, verdict, expected) in [
            (Require, true, &good, "kept"),
            (Require, true, &bad, "refused"),
            (Require, true, &missing, "refused"),
            (Require, true, &none, "refused"),
            (Require, false, &good, "kept"),
            (Require, false, &bad, "kept, warning"),
            (Require, false, &none, "refused"),
            (Require, false, &missing, "refused"),
            (Verify, true, &good, "kept"),
            (Verify, true, &bad, "refused"),
            (Verify, true, &missing, "alone"),
            (Pass, true, &good, "kept"),
            (Pass, true, &bad, "kept, warning"),
            (Pass, false, &bad, "kept, warning"),
            (Pass, false, &none, "kept, warning"),
            (Pass, true, &missing, "alone"),
            (Strip, true, &good, "alone"),
            (Strip, false, &missing, "alone"),
            (Sign, true, &good, "kept"),
            (Sign, true, &bad, "alone"),
            (Sign, true, &missing, "alone"),
        ] {
            let judged = trust(policy, has_keys).decide(verdict, *verdict != missing, Vec::new());
            let found = match (&judged.refused, judged.keep, judged.warnings.is_empty()) {
                (Some(_), ..) => "refused",
                (None, true, true) => "kept",
                (None, true, false) => "kept, warning",
                (None, false, _) => "alone",
            };
            assert_eq!(found, expected, "{policy:?} {has_keys} {verdict:?}");
        }
    }
}
