//! Verifies that an incremental build equals a clean one: builds again from nothing and compares every file.

use crate::base::fs::{self, Metadata};
use crate::base::progress::Progress;
use crate::base::time;
use crate::config::settings::Settings;
use crate::generation::distribution::Distribution;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The folder of the second build, below the output folder.
const SCRATCH: &str = ".verify";

/// Builds the distributions again beside the output folder's own, without cache and with an empty store, and compares
/// name, content, mode and time of every file and folder.
///
/// # Errors
/// When they differ, naming the first difference, or when the disk fails.
pub fn equals_clean_build(settings: &Settings, out: &Path, progress: &Progress) -> Result<()> {
    let scratch = out.join(SCRATCH);
    fs::remove_folder_if_there(&scratch)?;
    // What may be lost was decided by the first build.
    let clean = Settings { use_cache: false, accept_loss: true, ..settings.clone() };
    for plan in &settings.distributions {
        Distribution::new(&scratch, &plan.name).take_exceptions(&Distribution::new(out, &plan.name))?;
    }
    let result = super::run(&clean, &scratch, progress).and_then(|_| {
        for plan in &settings.distributions {
            let (ours, theirs) = (Distribution::new(out, &plan.name), Distribution::new(&scratch, &plan.name));
            let (our_id, their_id) = (ours.current(), theirs.current());
            let (our_id, their_id) = (our_id.context("nothing was built")?, their_id.context("nothing was built")?);
            ensure!(our_id == their_id, "`{}` is generation {our_id}, a clean build gives {their_id}", plan.name);
            let id = our_id;
            same(&ours.generation(&id), &theirs.generation(&id))?;
        }
        Ok(())
    });
    fs::remove_folder_if_there(&scratch)?;
    result
}

/// Compares two trees, looking through links: the store names folders alike, but what counts is what a server sees.
///
/// # Errors
/// When they differ, naming the first difference.
pub fn same(ours: &Path, theirs: &Path) -> Result<()> {
    let (a, b) = (fs::metadata(ours)?, fs::metadata(theirs)?);
    let kind = |stat: &Metadata| if stat.is_dir() { "a folder" } else { "a file" };
    let (a, b) = (kind(&a).to_owned() + &seen(&a), kind(&b).to_owned() + &seen(&b));
    if a != b {
        bail!("{} is {a}\n{} of a clean build is {b}", ours.display(), theirs.display());
    }
    if !ours.is_dir() {
        ensure!(fs::read(ours)? == fs::read(theirs)?, "{} differs from {}", ours.display(), theirs.display());
        return Ok(());
    }
    let (names, others) = (names(ours)?, names(theirs)?);
    ensure!(names == others, "{} and {} hold different names", ours.display(), theirs.display());
    names.iter().try_for_each(|name| same(&ours.join(name), &theirs.join(name)))
}

/// Mode and time in words.
fn seen(stat: &Metadata) -> String {
    let time = u64::try_from(stat.mtime()).map_or_else(|_| format!("{} s", stat.mtime()), time::rfc3339);
    let fraction = match stat.mtime_nsec() {
        0 => String::new(),
        nanoseconds => format!(" and {nanoseconds} ns"),
    };
    format!(" with the mode {:04o}, changed at {time}{fraction}", stat.mode() & 0o7777)
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<OsString>> {
    Ok(fs::list(folder)?.iter().filter_map(|entry| entry.path.file_name()).map(OsString::from).collect())
}
