//! The subcommands that look after an output folder: its generations, and what earlier builds left behind.

use super::Exit;
use super::args::{CacheAction, CacheArgs, DistributionArgs, RollbackArgs};
use super::commands::not_built;
use crate::base::fs::Lock;
use crate::base::progress::bytes;
use crate::catalog::cache::Cache;
use crate::generation::distribution::Distribution;
use crate::generation::{history_page, prune};
use crate::store::Store;
use anyhow::Result;
use std::io::{self, Write};
use std::path::Path;

/// Lists the generations of a distribution.
pub(super) fn generations(args: &DistributionArgs) -> Result<Exit> {
    let distribution = existing(&args.out, &args.dist)?;
    let (current, releases) = (distribution.current(), distribution.releases()?);
    let mut out = io::stdout().lock();
    for id in distribution.generations()? {
        let mut mark = if Some(&id) == current.as_ref() { "  in use".to_owned() } else { String::new() };
        for release in releases.iter().filter(|release| release.generation == id) {
            mark += &format!("  release {}", release.name);
        }
        match distribution.report(&id) {
            Some(report) => writeln!(out, "{id}  {} versions of {} packages{mark}", report.versions, report.packages)?,
            None => writeln!(out, "{id}  without a report{mark}")?,
        }
    }
    Ok(Exit::Clean)
}

/// Takes an earlier generation into use again.
pub(super) fn rollback(args: &RollbackArgs) -> Result<Exit> {
    let DistributionArgs { dist, out } = &args.distribution;
    let _lock = Lock::take(out)?;
    let distribution = existing(out, dist)?;
    let id = match &args.to {
        Some(id) => distribution.resolve(id)?,
        None => distribution.previous()?,
    };
    distribution.switch(&id)?;
    history_page::write(&distribution)?;
    writeln!(io::stdout(), "{dist}: generation {id} is in use")?;
    Ok(Exit::Clean)
}

/// Shows or clears what earlier builds left behind.
pub(super) fn cache(args: &CacheArgs) -> Result<Exit> {
    let out = &args.out;
    let _lock = Lock::take(out)?;
    let cache = Cache::read(out);
    let mut text = io::stdout().lock();
    match args.action {
        CacheAction::Info => {
            let (packages, answers) = cache.len();
            writeln!(text, "{packages} packages and {answers} answers are remembered")?;
        }
        CacheAction::Prune => {
            let store = Store::open(&out.join("store"))?;
            let pruned = prune::sweep(out, &store, &cache)?;
            writeln!(text, "removed {} folders and {} files, {}", pruned.trees, pruned.blobs, bytes(pruned.bytes))?;
        }
    }
    Ok(Exit::Clean)
}

pub(super) fn existing(out: &Path, name: &str) -> Result<Distribution> {
    let distribution = Distribution::new(out, name);
    if distribution.current().is_none() {
        return Err(not_built(name, out));
    }
    Ok(distribution)
}
