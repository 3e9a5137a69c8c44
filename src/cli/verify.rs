//! `epr-build verify`.

use super::common::Exit;
use super::common::bundles::render_verified;
use super::common::options::{Format, FormatOption, JobsOption, LayerOptions};
use super::common::print::{field, print, print_json};
use super::common::settings::Choice;
use super::common::talk::{self, say};
use crate::base::progress::{Progress, bytes};
use crate::base::words::counted;
use crate::build;
use crate::carry::bundle::parts::{Sealed, is_signature};
use crate::carry::bundle::unpack::contribute;
use crate::carry::bundle::{Refusal, check, sign};
use crate::carry::repair;
use crate::config::settings::Settings;
use crate::generation::distribution::Distribution;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
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
unless the layers have changed. Add --strict where builds have it: otherwise what they quarantine would be published.

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
    /// Quarantine packages that fail validation, as `build --strict` did
    #[arg(long, requires = "repair", conflicts_with = "from")]
    strict: bool,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    format: FormatOption,
    #[command(flatten)]
    jobs: JobsOption,
}

/// What was found at one path.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Verified {
    /// An output folder.
    Output {
        path: String,
        /// True if everything is as it was written.
        intact: bool,
        /// Faults, each with its place.
        faults: Vec<String>,
        /// Faults that were mended; absent if none was.
        #[serde(skip_serializing_if = "is_zero")]
        mended: usize,
        /// True if mending was asked for.
        #[serde(skip)]
        is_repaired: bool,
        /// Distributions and how many generations each has.
        generations: BTreeMap<String, usize>,
        contents: usize,
        bytes: u64,
    },
    /// A bundle that is as it was written.
    Bundle {
        path: String,
        intact: bool,
        distribution: String,
        generation: String,
        /// The generation that it builds on.
        #[serde(skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        sha256: String,
        /// Comment of the verified signature; absent if none was verified.
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// What was verified, in words.
        #[serde(skip)]
        verified: String,
    },
    /// A bundle that is refused.
    #[serde(rename = "bundle")]
    Refused { path: String, intact: bool, refusal: Refusal },
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Verifies everything that is named.
pub(super) fn run(args: &Arguments) -> Result<Exit> {
    let key = args.public_key.as_deref().map(sign::public_key).transpose()?;
    let format = args.format.format()?;
    args.jobs.start_threads()?;
    let progress = Progress::new(talk::quiet());
    let mut is_intact = true;
    let mut found = Vec::new();
    let mut add = |verified: Verified| -> Result<()> {
        is_intact &= verified.is_intact();
        match format {
            Format::Json => found.push(verified),
            Format::Text => report(&verified)?,
        }
        Ok(())
    };
    // Parts of one bundle belong together, in whatever order they are named.
    let mut bundles: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in &args.paths {
        if path.is_dir() {
            let verified =
                repair(args, path, key.as_ref(), &progress).and_then(|before| verify_folder(path, before, &progress));
            let from = args.from.first().map_or(path.clone(), |first| Sealed::stem(first));
            add(verified.or_else(|error| refused(&from, error))?)?;
        } else if !is_signature(path) || args.paths.len() == 1 {
            bundles.entry(Sealed::stem(path)).or_default().push(path.clone());
        }
    }
    for (stem, paths) in &bundles {
        add(verify_bundle(paths, key.as_ref(), &progress).or_else(|error| refused(stem, error))?)?;
    }
    progress.finish();
    if format == Format::Json {
        print_json(&found)?;
    }
    Ok(if is_intact { Exit::Clean } else { Exit::Problems })
}

fn verify_bundle(paths: &[PathBuf], key: Option<&minisign::PublicKey>, progress: &Progress) -> Result<Verified> {
    let sealed = Sealed::open(paths)?;
    let signed = key.map(|key| sign::verify(&sealed, key)).transpose()?;
    let (manifest, digest) = check::bundle(&sealed, progress)?;
    let signature = signed.map(|(comment, _)| comment);
    Ok(Verified::Bundle {
        path: sealed.name(),
        intact: true,
        distribution: manifest.distribution,
        generation: manifest.generation,
        base: manifest.base,
        sha256: digest.to_string(),
        verified: render_verified(signature.as_deref(), &sealed.signature()),
        signature,
    })
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
        let resolved = args.layers.resolve(Choice::new(&names, false), args.strict)?;
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
fn verify_folder(path: &Path, before: usize, progress: &Progress) -> Result<Verified> {
    let findings = check::folder(path, progress)?;
    let check::Findings { generations, contents, bytes, faults } = findings;
    let path = path.display().to_string();
    let mended = before.saturating_sub(faults.len());
    let is_repaired = before > 0;
    Ok(Verified::Output { path, intact: faults.is_empty(), faults, mended, is_repaired, generations, contents, bytes })
}

fn refused(path: &Path, error: anyhow::Error) -> Result<Verified> {
    let refusal = error.downcast::<Refusal>()?;
    Ok(Verified::Refused { path: path.display().to_string(), intact: false, refusal })
}

impl Verified {
    fn is_intact(&self) -> bool {
        let (Self::Output { intact, .. } | Self::Bundle { intact, .. } | Self::Refused { intact, .. }) = self;
        *intact
    }
}

/// Says what was found: faults on standard error, and the rest unless little is to be said.
fn report(found: &Verified) -> Result<()> {
    match found {
        Verified::Refused { refusal, .. } => say(&format!("error: {refusal}\n"))?,
        Verified::Output { faults, is_repaired, .. } if !faults.is_empty() => {
            say(&render_faults(faults, *is_repaired))?;
        }
        _ if talk::quiet() => {}
        Verified::Output { path, mended, generations, contents, bytes: size, .. } => {
            let names = generations.iter().map(|(name, count)| format!("{name} ({count})"));
            let names = names.collect::<Vec<_>>().join(", ");
            let contents = format!("{contents} with {}", bytes(*size));
            let mended = if *mended == 0 { String::new() } else { field("mended", counted(*mended, "fault")) };
            let head = format!("{path}: everything is as it was written\n");
            print(&(head + &field("generations", names) + &field("contents", contents) + &mended))?;
        }
        Verified::Bundle { path, distribution, generation, base, sha256, verified, .. } => {
            let mut text = format!("{path}: generation {generation} of `{distribution}`\n");
            text.extend(base.iter().map(|base| field("builds on", format!("generation {base}"))));
            print(&(text + &field("sha256", sha256) + &field("verified", verified)))?;
        }
    }
    Ok(())
}

fn render_faults(faults: &[String], is_repaired: bool) -> String {
    let shown = if talk::verbose() { usize::MAX } else { MAX_FAULTS };
    let mut text: String = faults.iter().take(shown).map(|fault| format!("error: {fault}\n")).collect();
    if let Some(more @ 1..) = faults.len().checked_sub(shown) {
        text += &format!("and {more} more\n");
    }
    let hint = if is_repaired {
        "this cannot be mended from what is at hand; name a bundle of the generation with `--from`, or remove the folder of a \
         generation that is not in use"
    } else {
        "add `--repair` to mend it from the layers, and `--from FILE` to mend it from a bundle"
    };
    text + &format!("hint: {hint}\n")
}
