//! A look at the layers: what is there, and whether it is what was there before.
//!
//! A fingerprint of a package is made from names, sizes, times and inodes alone; no file is read. It is the key under
//! which the cache keeps what became of the package. When all fingerprints, the rules and the settings are those of the
//! last build, there is nothing to do.

use crate::config::Layer;
use crate::digest::{Digest, Hasher};
use crate::generation::FORMAT;
use crate::intake::LayerPlan;
use crate::package::{EntryKind, PackageFiles};
use crate::problem::Problem;
use crate::source::{self, Candidate, FileStat, Limits, OpenPackage};
use anyhow::{Context, Result};
use rayon::prelude::*;
use std::path::Path;

/// Clocks of file systems tick every few milliseconds: a file may change again within the tick in which it was looked at
/// and keep its times. What changed so shortly before the look is not trusted.
const TICK_NS: i64 = 100_000_000;
/// As [`TICK_NS`], where times are whole seconds.
const COARSE_TICK_NS: i64 = 2_000_000_000;

/// What every look is taken with.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Bounds of a package.
    pub limits: Limits,
    /// When the run began, by the clock of the file system, in nanoseconds since 1970.
    pub now_ns: i64,
}

/// What is in the layers.
pub struct Survey(pub Vec<LayerSurvey>);

/// What is in one layer.
pub struct LayerSurvey {
    /// In order of precedence; with a fingerprint where one was taken.
    pub candidates: Vec<(Candidate, Option<Digest>)>,
    /// What is odd about its folders.
    pub problems: Vec<Problem>,
}

impl Survey {
    /// Searches all layers.
    ///
    /// # Errors
    /// When a layer cannot be read.
    pub fn new(layers: &[LayerPlan]) -> Result<Self> {
        let search = |layer: &LayerPlan| {
            let found = source::discover(&layer.source);
            let (candidates, problems) =
                found.with_context(|| format!("cannot search layer `{}`", layer.source.name))?;
            Ok(LayerSurvey {
                candidates: candidates.into_iter().map(|candidate| (candidate, None)).collect(),
                problems,
            })
        };
        Ok(Self(layers.par_iter().map(search).collect::<Result<_>>()?))
    }

    /// One digest for each layer, see [`layer_digest`].
    pub fn digests(&self) -> Vec<Option<Digest>> {
        let digest =
            |found: &LayerSurvey| layer_digest(found.candidates.iter().map(|(_, print)| *print), &found.problems);
        self.0.iter().map(digest).collect()
    }

    /// Takes the fingerprints of all packages.
    pub fn take_fingerprints(&mut self, layers: &[LayerPlan], look: &Look) {
        for (layer, found) in layers.iter().zip(&mut self.0) {
            found.candidates.par_iter_mut().for_each(|(candidate, print)| {
                let opened = OpenPackage::open(candidate, &look.limits).ok();
                *print = opened.and_then(|files| fingerprint(candidate, &files, &layer.rules, look));
            });
        }
    }

    /// Number of packages found.
    pub fn len(&self) -> usize {
        self.0.iter().map(|found| found.candidates.len()).sum()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One digest of all that was found in a layer; `None` when a package has no fingerprint.
pub fn layer_digest(prints: impl IntoIterator<Item = Option<Digest>>, problems: &[Problem]) -> Option<Digest> {
    let mut hasher = Hasher::default();
    for print in prints {
        hasher.update(print?.bytes());
    }
    hasher.text(format!("{problems:?}"));
    Some(hasher.finish())
}

/// The fingerprint of a package: equal ones have equal files and are read by equal rules. `None` where that cannot be
/// promised: a file changed just now, or a zip lies inside the package, which is a package of its own.
pub fn fingerprint(candidate: &Candidate, files: &OpenPackage, rules: &Layer, look: &Look) -> Option<Digest> {
    if !files.nested().is_empty() {
        return None;
    }
    let mut hasher = Hasher::default();
    hasher.number(FORMAT);
    hasher.text(env!("CARGO_PKG_VERSION"));
    hasher.text(format!("{rules:?} {:?}", look.limits));
    hasher.text(&candidate.layer);
    hasher.text(&candidate.package);
    hasher.text(candidate.path.as_os_str().as_encoded_bytes());
    for entry in files.entries() {
        hasher.text(&entry.path);
        hasher.number(u64::from(entry.kind == EntryKind::Folder));
    }
    let signature = match &candidate.signature {
        Some(path) => Some(source::stat(path).ok()?),
        None => None,
    };
    for stat in files.stats().iter().chain(&signature) {
        if !is_settled(stat, look.now_ns) {
            return None;
        }
        [stat.size, stat.inode, stat.device].into_iter().for_each(|number| hasher.number(number));
        [stat.modified_ns, stat.changed_ns].into_iter().for_each(|time| hasher.update(time.to_le_bytes()));
    }
    Some(hasher.finish())
}

fn is_settled(stat: &FileStat, now_ns: i64) -> bool {
    let is_coarse = stat.changed_ns % 1_000_000_000 == 0;
    stat.changed_ns < now_ns - if is_coarse { COARSE_TICK_NS } else { TICK_NS }
}

/// The time of the file system, in nanoseconds since 1970: that of a file that was written just now.
///
/// # Errors
/// When the file cannot be looked at.
pub fn file_system_time(just_written: &Path) -> Result<i64> {
    Ok(source::stat(just_written).with_context(|| format!("cannot look at {}", just_written.display()))?.modified_ns)
}
