//! Results of checking files, kept by the digest of their content.
//!
//! Fields files and pipelines seldom change from version to version, so each distinct content is parsed once in a
//! build. A finding depends on the content and the kind of check alone; the place of the file is added when a fault is
//! reported. Findings are kept up to a total size, so that hostile packages cannot fill the memory; parsed trees are
//! not kept.

use crate::base::digest::Digest;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes that all findings together may take; enough for hundreds of thousands of contents without fault.
const MOST_BYTES: usize = 32 << 20;
/// Approximate bytes that a finding takes besides its texts.
const FINDING_BYTES: usize = 128;

/// Kind of check that a file goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// A list of fields.
    Fields,
    /// A pipeline as YAML.
    YamlPipeline,
    /// A pipeline as JSON.
    JsonPipeline,
}

/// The reason why a content fails its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<u32>,
    pub(super) message: String,
}

/// An entry of a fields file, as far as later checks need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Value of `name`; `None` if it is absent or not a string.
    pub(super) name: Option<String>,
    /// Value of `type`; `None` if it is absent or not a string.
    pub(super) kind: Option<String>,
    /// Entries of the list `fields`, if there is one.
    pub(super) members: Vec<Field>,
}

/// Result of checking a content: the fields in it (none in a pipeline), or its fault.
pub(super) type Finding = Result<Vec<Field>, Fault>;

/// A check and half the digest of a content.
type Key = (Check, [u8; 16]);

/// The findings of a build, shared by its threads.
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
    /// The finding for a content; `compute` computes it if it is not known yet.
    pub(super) fn of(&self, check: Check, digest: &Digest, compute: impl FnOnce() -> Finding) -> Arc<Finding> {
        let key = (check, digest.half());
        let shard = &self.shards[usize::from(key.1[0]) % self.shards.len()];
        if let Some(known) = shard.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let finding = Arc::new(compute());
        let bytes = FINDING_BYTES + weight(&finding);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) <= MOST_BYTES {
            shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&finding));
        } else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        finding
    }
}

/// Approximate number of bytes on the heap.
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
