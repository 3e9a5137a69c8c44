//! `epr-build verify`: compares what lies on disk with its digests.

use super::Exit;
use super::unbundle::{refused, verified};
use crate::base::progress::{Progress, bytes};
use crate::carry::bundle::parts::{Sealed, is_signature};
use crate::carry::bundle::{check, sign};
use anyhow::Result;
use clap::Args;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many faults are printed.
const MAX_FAULTS: usize = 50;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build verify out                                       every generation in the folder
  epr-build verify epr.bundle --public-key minisign.pub      before it is taken in
  epr-build verify /media/usb/epr.bundle.*                   all parts

Nothing is changed.

Exit codes:
  0  everything is as it was written
  1  something is damaged or not signed as demanded; each is named
  2  wrong usage, or the machine failed";

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Output folders, bundles, or parts of bundles
    #[arg(value_name = "DIR|FILE", required = true)]
    pub paths: Vec<PathBuf>,
    /// Bundles must have a signature of this public key of minisign
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
}

/// Verifies everything that is named.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit> {
    let key = args.public_key.as_deref().map(sign::public_key).transpose()?;
    let progress = Progress::new(false);
    let mut exit = Exit::Clean;
    let mut worse = |found: Exit| {
        if found != Exit::Clean {
            exit = found;
        }
    };
    // Parts of one bundle belong together, in whatever order they are named.
    let mut bundles: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in &args.paths {
        if path.is_dir() {
            worse(folder(path, &progress)?);
        } else if !is_signature(path) || args.paths.len() == 1 {
            bundles.entry(Sealed::stem(path)).or_default().push(path.clone());
        }
    }
    for paths in bundles.values() {
        worse(refused(bundle(paths, key.as_ref(), &progress))?);
    }
    progress.finish();
    Ok(exit)
}

fn bundle(paths: &[PathBuf], key: Option<&minisign::PublicKey>, progress: &Progress) -> Result<Exit> {
    let sealed = Sealed::open(paths)?;
    let signed = key.map(|key| sign::verify(&sealed, key)).transpose()?;
    let (manifest, digest) = check::bundle(&sealed, progress)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {} of `{}`", sealed.name(), manifest.generation, manifest.distribution)?;
    if let Some(base) = &manifest.base {
        writeln!(out, "  builds on          generation {base}")?;
    }
    writeln!(out, "  sha256             {digest}")?;
    let comment = signed.as_ref().map(|(comment, _)| comment.as_str());
    writeln!(out, "  verified           {}", verified(comment, &sealed.signature()))?;
    Ok(Exit::Clean)
}

fn folder(path: &Path, progress: &Progress) -> Result<Exit> {
    let findings = check::folder(path, progress)?;
    for fault in findings.faults.iter().take(MAX_FAULTS) {
        writeln!(io::stderr(), "error: {fault}")?;
    }
    if let Some(more @ 1..) = findings.faults.len().checked_sub(MAX_FAULTS) {
        writeln!(io::stderr(), "and {more} more")?;
    }
    if !findings.faults.is_empty() {
        let hint = "build again with `--no-cache`, or take the bundle in again";
        writeln!(io::stderr(), "hint: {hint}")?;
        return Ok(Exit::Problems);
    }
    let mut out = io::stdout().lock();
    let names = findings.generations.iter().map(|(name, count)| format!("{name} ({count})"));
    let names = names.collect::<Vec<_>>().join(", ");
    writeln!(out, "{}: all as it was written", path.display())?;
    writeln!(out, "  generations        {names}")?;
    writeln!(out, "  contents           {} with {}", findings.contents, bytes(findings.bytes))?;
    Ok(Exit::Clean)
}
