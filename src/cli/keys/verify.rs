//! `epr-build keys verify`.

use crate::base::fs::{open, read_at_most};
use crate::base::time::rfc3339;
use crate::base::words::counted;
use crate::cli::common::edit::now;
use crate::cli::common::options::{Format, FormatOption, JobsOption, LayerOptions};
use crate::cli::common::print::{print, print_json};
use crate::cli::common::{Exit, key_files, talk};
use crate::edit::Editor;
use crate::input::image;
use crate::openpgp::{Judgement, KeyRing, MOST_SIGNATURE_BYTES, Verdict, judge};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build keys verify --layer production              every package of a layer, by the keys that it names
  epr-build keys verify nginx-1.0.0.zip                 a zip with nginx-1.0.0.zip.sig beside it, by Elastic's key
  epr-build keys verify --key our-key.asc *.zip         zips, by a key of one's own

Nothing is remembered from earlier runs, and nothing is asked of the network.

Exit codes:
  0  every signature is good
  1  a signature is missing, or not good
  2  wrong usage or configuration, or the machine failed";

/// Judge signatures as Kibana does
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Zips, each with its signature in a file `.sig` beside it
    #[arg(value_name = "ZIP", required_unless_present = "layer", conflicts_with = "layer")]
    zips: Vec<PathBuf>,
    /// Layer to verify
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Trusted keys: `elastic`, or a file of public keys; may be repeated [default: those of the layer, or Elastic's]
    #[arg(long, value_name = "FILE")]
    key: Vec<String>,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    jobs: JobsOption,
    #[command(flatten)]
    format: FormatOption,
}

/// One verdict.
#[derive(Serialize)]
struct Verified {
    /// Path of the zip, or of the package in its layer.
    path: String,
    /// Name and version; absent for zips that are named, and for packages that a build would leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    /// True for a package of a layer that builds leave out.
    #[serde(skip)]
    is_left_out: bool,
    /// True if the signature is good.
    good: bool,
    /// What the signature is worth, with the reason.
    signature: Verdict,
    /// When it says it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<String>,
    /// When it says it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// What the present time adds.
    notes: Vec<String>,
}

/// Verifies what is named.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    arguments.jobs.start_threads()?;
    let given = (!arguments.key.is_empty()).then(|| key_files::named(&arguments.key)).transpose()?;
    let now = now();
    let verified = match &arguments.layer {
        Some(layer) => verify_layer(arguments, layer, given.as_ref(), now)?,
        None => {
            let keys = given.unwrap_or_else(KeyRing::elastic);
            arguments.zips.iter().map(|path| verify_zip(path, &keys, now)).collect::<Result<_>>()?
        }
    };
    match format {
        Format::Json => print_json(&verified)?,
        Format::Text => report(&verified)?,
    }
    Ok(if verified.iter().all(|one| one.good) { Exit::Clean } else { Exit::Problems })
}

fn verify_layer(arguments: &Arguments, layer: &str, given: Option<&KeyRing>, now: u64) -> Result<Vec<Verified>> {
    let name = layer.to_owned();
    let settings = arguments.layers.resolve_for(&[&name])?;
    let editor = Editor { settings: &settings, reason: None, dry_run: true, commit: false, now };
    let plan = settings.layers.iter().find(|plan| plan.source.name == layer);
    let own = plan.map(|plan| &*plan.keys);
    let fallback = KeyRing::default();
    let keys = given.or(own).unwrap_or(&fallback);
    let judged = editor.judge_signatures(layer, keys)?;
    if plan.is_some_and(|plan| image::is_among(std::slice::from_ref(plan))) {
        let fault = if judged.is_empty() { "holds no packages" } else { "has more packages than can be verified" };
        bail!(
            "layer `{layer}` {fault} outside of an image\n\
             hint: an image is verified by a build: run `epr-build build`, and its report has the verdicts"
        );
    }
    if judged.is_empty() {
        bail!("layer `{layer}` holds no packages\nhint: correct `paths` of the layer");
    }
    let verified = judged.into_iter().map(|one| Verified {
        is_left_out: one.id.is_none(),
        ..Verified::new(one.package, one.id, one.judgement, now)
    });
    Ok(verified.collect())
}

fn verify_zip(path: &Path, keys: &KeyRing, now: u64) -> Result<Verified> {
    let beside = {
        let mut name = path.as_os_str().to_owned();
        name.push(".sig");
        PathBuf::from(name)
    };
    let zip = open(path)?;
    let judgement = if beside.exists() {
        // One byte more than is read tells the judge that it is too long.
        let text = read_at_most(&beside, MOST_SIGNATURE_BYTES)?;
        let text = text.unwrap_or_else(|| vec![b' '; MOST_SIGNATURE_BYTES as usize + 1]);
        judge(keys, &text, zip).with_context(|| format!("cannot read {}", path.display()))?
    } else {
        Judgement::missing()
    };
    Ok(Verified::new(path.display().to_string(), None, judgement, now))
}

impl Verified {
    fn new(path: String, package: Option<String>, judgement: Judgement, now: u64) -> Self {
        let notes = judgement.notes(now).iter().map(ToString::to_string).collect();
        let Judgement { verdict: signature, made, expires, .. } = judgement;
        let (made, expires) = (made.map(rfc3339), expires.map(rfc3339));
        Self {
            path,
            package,
            is_left_out: false,
            good: signature.good_key().is_some(),
            signature,
            made,
            expires,
            notes,
        }
    }
}

/// Prints what is not good, and what a clock adds, and the good ones if more is to be said.
fn report(verified: &[Verified]) -> Result<()> {
    let mut good = 0;
    for Verified { path, signature, notes, good: is_good, is_left_out, .. } in verified {
        if *is_good {
            good += 1;
            if talk::verbose() {
                print(&format!("{path}: {}\n", signature))?;
            }
        } else {
            let left_out = "is left out by builds, so nothing was verified";
            let told = if *is_left_out { left_out.to_owned() } else { signature.text() };
            talk::say(&format!("error: {path}: {told}\n"))?;
        }
        for note in notes {
            talk::say(&format!("warning: {path}: {note}\n"))?;
        }
    }
    if !talk::quiet() {
        print(&format!("{good} of {} good\n", counted(verified.len(), "signature")))?;
    }
    Ok(())
}
