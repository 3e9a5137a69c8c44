//! `epr-build verify`.

use super::common::Exit;
use super::common::bundles::{render_verified, report_refusal};
use super::common::options::{JobsOption, LayerOptions};
use super::common::print::{field, print};
use super::common::settings::Choice;
use super::common::talk::{self, say};
use crate::base::progress::{Progress, bytes};
use crate::base::words::counted;
use crate::build;
use crate::carry::bundle::parts::{Sealed, is_signature};
use crate::carry::bundle::unpack::contribute;
use crate::carry::bundle::{check, sign};
use crate::carry::repair;
use crate::config::settings::Settings;
use crate::generation::distribution::Distribution;
use anyhow::Result;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many faults of a folder are printed, unless more is to be said.
const MAX_FAULTS: usize = 50;

const EXAMPLES: &str = "\
Examples:
  epr-build verify out                                       every generation in the folder
  epr-build verify epr.bundle --public-key minisign.pub      a bundle and its signature
  epr-build verify /media/usb/epr.bundle.*                   all parts of a bundle
  epr-build verify out --repair                              mend what is damaged from the layers
  epr-build verify out --repair --from epr.bundle            mend it from a bundle

Nothing is changed without --repair. With it the layers are built as `build --no-cache` builds them, or a bundle brings its \
contents; then every generation that good copies are at hand for is put right where it lies. What is in use stays in use, \
unless the layers have changed.

Exit codes:
  0  everything is as it was written, or is so again
  1  something is damaged or not signed with the key; each fault is printed
  2  wrong usage, or the machine failed";

/// Compare the contents of output folders and bundles with their digests
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, mut_arg("packages", |it| it.requires("repair")), mut_arg("config", |it| it.requires("repair")))]
pub(super) struct Arguments {
    /// Output folders, bundles, or parts of bundles
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,
    /// Require each bundle to be signed by this minisign public key
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Mend what is damaged in output folders, from the layers or from a bundle
    #[arg(long)]
    repair: bool,
    /// Bundle to mend from, or all its parts
    #[arg(long, value_name = "FILE", requires = "repair", num_args = 1..)]
    from: Vec<PathBuf>,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Verifies everything that is named.
pub(super) fn run(args: &Arguments) -> Result<Exit> {
    let key = args.public_key.as_deref().map(sign::public_key).transpose()?;
    args.jobs.start_threads()?;
    let quiet = talk::quiet();
    let progress = Progress::new(quiet);
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
            let verified = repair(args, path, key.as_ref(), &progress)
                .and_then(|found| verify_folder(path, found, &progress, quiet));
            worse(report_refusal(verified)?);
        } else if !is_signature(path) || args.paths.len() == 1 {
            bundles.entry(Sealed::stem(path)).or_default().push(path.clone());
        }
    }
    for paths in bundles.values() {
        worse(report_refusal(verify_bundle(paths, key.as_ref(), &progress, quiet))?);
    }
    progress.finish();
    Ok(exit)
}

fn verify_bundle(
    paths: &[PathBuf],
    key: Option<&minisign::PublicKey>,
    progress: &Progress,
    quiet: bool,
) -> Result<Exit> {
    let sealed = Sealed::open(paths)?;
    let signed = key.map(|key| sign::verify(&sealed, key)).transpose()?;
    let (manifest, digest) = check::bundle(&sealed, progress)?;
    if quiet {
        return Ok(Exit::Clean);
    }
    let mut text = format!("{}: generation {} of `{}`\n", sealed.name(), manifest.generation, manifest.distribution);
    if let Some(base) = &manifest.base {
        text += &field("builds on", format!("generation {base}"));
    }
    text += &field("sha256", digest);
    let comment = signed.as_ref().map(|(comment, _)| comment.as_str());
    text += &field("verified", render_verified(comment, &sealed.signature()));
    print(&text)?;
    Ok(Exit::Clean)
}

/// Mends a folder if that is asked for; returns how many faults were found before.
fn repair(args: &Arguments, out: &Path, key: Option<&minisign::PublicKey>, progress: &Progress) -> Result<usize> {
    if !args.repair {
        return Ok(0);
    }
    let found = check::folder(out, progress)?.faults.len();
    if found == 0 {
        return Ok(0);
    }
    if args.from.is_empty() {
        let names = Distribution::all(out)?.iter().map(Distribution::name).collect::<Vec<_>>();
        let resolved = args.layers.resolve(Choice::new(&names, false), false)?;
        // Nothing is forgotten: what is damaged in an earlier generation may be mended later from a bundle.
        let settings = Settings { use_cache: false, keep: usize::MAX, ..resolved };
        build::build(&settings, out, progress)?;
    } else {
        let sealed = Sealed::open(&args.from)?;
        let signed = key.map(|key| sign::verify(&sealed, key)).transpose()?;
        contribute(&sealed, out, signed.as_ref().map(|(_, digest)| digest), progress)?;
    }
    repair::output(out)?;
    Ok(found)
}

/// Verifies a folder in which so many faults were found before it was mended.
fn verify_folder(path: &Path, before: usize, progress: &Progress, quiet: bool) -> Result<Exit> {
    let findings = check::folder(path, progress)?;
    let shown = if talk::verbose() { usize::MAX } else { MAX_FAULTS };
    for fault in findings.faults.iter().take(shown) {
        say(&format!("error: {fault}\n"))?;
    }
    if let Some(more @ 1..) = findings.faults.len().checked_sub(shown) {
        say(&format!("and {more} more\n"))?;
    }
    if !findings.faults.is_empty() {
        let hint = if before == 0 {
            "add `--repair` to mend it from the layers, and `--from FILE` to mend it from a bundle"
        } else {
            "this cannot be mended from what is at hand; name a bundle of the generation with `--from`, or remove the \
             folder of a generation that is not in use"
        };
        say(&format!("hint: {hint}\n"))?;
        return Ok(Exit::Problems);
    }
    if quiet {
        return Ok(Exit::Clean);
    }
    let names = findings.generations.iter().map(|(name, count)| format!("{name} ({count})"));
    let names = names.collect::<Vec<_>>().join(", ");
    let contents = format!("{} with {}", findings.contents, bytes(findings.bytes));
    let head = format!("{}: everything is as it was written\n", path.display());
    let mended = if before == 0 { String::new() } else { field("mended", counted(before, "fault")) };
    print(&(head + &field("generations", names) + &field("contents", contents) + &mended))?;
    Ok(Exit::Clean)
}
