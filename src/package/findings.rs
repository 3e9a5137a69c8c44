//! What was found in files that are read for nothing but a check, by content.
//!
//! Most fields files and pipelines are the same from version to version: each distinct content is parsed once in a build.
//! What is found must depend on the content and the kind of check alone; where a file lies is said when a fault is reported.
//! Findings are kept, trees are not, and a finding of unusual size is not kept either, so that hostile packages cannot fill
//! the memory.

use crate::base::digest::Digest;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that all findings together may take: room for hundreds of thousands of contents without fault.
const MOST_BYTES: usize = 32 << 20;
/// What a finding takes besides its texts, about.
const FINDING_BYTES: usize = 128;

/// What a file is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// A list of fields.
    Fields,
    /// A pipeline as YAML.
    YamlPipeline,
    /// A pipeline as JSON.
    JsonPipeline,
}

/// Why a content is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<u32>,
    pub(super) message: String,
}

/// What later checks need of an entry of a fields file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// `None` when it has none, or none that is a text.
    pub(super) name: Option<String>,
    /// Its type, as `name`.
    pub(super) kind: Option<String>,
    /// The entries below it, if it has a list of them.
    pub(super) members: Vec<Field>,
}

/// What a look at a content gave; a pipeline has no fields.
pub(super) type Finding = Result<Vec<Field>, Fault>;

/// A check and half the digest of a content.
type Key = (Check, [u8; 16]);

/// All that was found in a build, shared by its threads.
#[derive(Debug)]
pub struct Findings {
    shards: Vec<Mutex<HashMap<Key, Arc<Finding>>>>,
    bytes: AtomicUsize,
}

impl Default for Findings {
    fn default() -> Self {
        Self { shards: (0..64).map(|_| Mutex::default()).collect(), bytes: AtomicUsize::new(0) }
    }
}

impl Findings {
    /// What is found in a content, looked for unless it is known.
    pub(super) fn of(&self, check: Check, digest: &Digest, look: impl FnOnce() -> Finding) -> Arc<Finding> {
        let key = (check, digest.half());
        let shard = &self.shards[usize::from(key.1[0]) % self.shards.len()];
        if let Some(known) = shard.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let finding = Arc::new(look());
        let bytes = FINDING_BYTES + weight(&finding);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) <= MOST_BYTES {
            shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&finding));
        } else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        finding
    }
}

/// Bytes on the heap, about.
fn weight(finding: &Finding) -> usize {
    fn of_field(field: &Field) -> usize {
        let texts = [&field.name, &field.kind].into_iter().flatten().map(String::len).sum::<usize>();
        size_of::<Field>() + texts + field.members.iter().map(of_field).sum::<usize>()
    }
    match finding {
        Ok(fields) => fields.iter().map(of_field).sum(),
        Err(fault) => fault.message.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same content is looked at once for each kind of check.
    #[test]
    fn a_known_content_is_not_looked_at_again() {
        let findings = Findings::default();
        let content = Digest::of(b"content");
        let fault = Fault { line: Some(3), message: "odd".to_owned() };
        assert_eq!(*findings.of(Check::Fields, &content, || Ok(Vec::new())), Ok(Vec::new()));
        assert_eq!(*findings.of(Check::YamlPipeline, &content, || Err(fault.clone())), Err(fault.clone()));
        assert_eq!(*findings.of(Check::Fields, &content, || panic!("it is known")), Ok(Vec::new()));
        assert_eq!(*findings.of(Check::YamlPipeline, &content, || panic!("it is known")), Err(fault));
    }

    /// What does not fit is found anew each time.
    #[test]
    fn findings_do_not_grow_without_bound() {
        let findings = Findings::default();
        let large = || Err(Fault { line: None, message: "x".repeat(MOST_BYTES / 4) });
        (0..100_u8).for_each(|number| drop(findings.of(Check::Fields, &Digest::of(&[number]), large)));
        assert!(findings.shards.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>() < 6);
    }
}
