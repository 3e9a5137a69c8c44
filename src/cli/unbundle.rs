//! `epr-build unbundle`.

use super::common::Exit;
use super::common::bundles::{render_verified, report_refusal};
use super::common::options::{DEFAULT_OUT, JobsOption, KeepOption, LossOption};
use super::common::print::{field, print, shell_word};
use super::common::settings::layers_here;
use super::common::talk;
use super::common::unneeded;
use crate::base::progress::Progress;
use crate::build::places::{self, Place};
use crate::carry::bundle::delta::Tally;
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::sign;
use crate::carry::bundle::unpack::{Terms, unpack};
use crate::generation::distribution::Distribution;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build unbundle epr.bundle --out /srv/epr
  epr-build unbundle /media/usb/epr.bundle.* --out /srv/epr --public-key minisign.pub

Everything is verified before the generation is taken into use. If a run is interrupted, run the command again: it continues \
where it stopped. Afterwards `serve`, `generations`, `rollback` and the generated configurations work as after a build.

Exit codes:
  0  the generation is in use
  1  the bundle was refused: it is damaged, older than what is in use, not signed with the key, or for another base; what was
     in use stays in use
  2  wrong usage, or the machine failed (disk, lock, too little room); run it again; or too many versions would be lost without
     --accept-loss";

/// Unpack a bundle into an output folder, and take its generation into use
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Bundle, or all its parts in any order
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Output folder to write the distribution to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Refuse the bundle unless its `.minisig` file is a signature by this minisign public key
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepOption,
    #[command(flatten)]
    loss: LossOption,
    /// Take in a bundle that is older than what is in use, or one without a number
    #[arg(long)]
    allow_older: bool,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Unpacks the bundle.
pub(super) fn run(args: &Arguments) -> Result<Exit> {
    args.jobs.start_threads()?;
    report_refusal(unbundle(args))
}

fn unbundle(args: &Arguments) -> Result<Exit> {
    places::are_apart(&layers_here(), Place::output(&args.out))?;
    let key = args.public_key.as_deref().map(sign::public_key).transpose()?;
    let sealed = Sealed::open(&args.files)?;
    let signed = key.as_ref().map(|key| sign::verify(&sealed, key)).transpose()?;
    let progress = Progress::new(talk::quiet());
    let digest = signed.as_ref().map(|(_, digest)| digest);
    let terms = Terms {
        signed: digest,
        keep: args.keep.generations(),
        accept_loss: args.loss.accept_loss,
        allow_older: args.allow_older,
    };
    let unpacked = unpack(&sealed, &args.out, &terms, &progress)?;
    progress.finish();
    talk::say(args.keep.warning())?;
    unneeded::tell(&[], |_| true, (args.loss.accept_loss, unpacked.is_loss_accepted))?;
    if talk::quiet() {
        return Ok(Exit::Clean);
    }

    let (manifest, tally) = (&unpacked.manifest, Tally::new(&unpacked.manifest));
    let mut text = format!("{}: generation {} is in use\n", manifest.distribution, manifest.generation);
    if let Some(previous) = unpacked.previous.filter(|previous| *previous != manifest.generation) {
        let options = Distribution::new(&args.out, &manifest.distribution).options();
        text += &field("before", format!("{previous}; go back to it with `epr-build rollback {options}`"));
    }
    if let Some(change) = &unpacked.change {
        text += &field("change", change);
    }
    let new = tally.carried - unpacked.present;
    text += &field("contents", format!("{new} new, {} already there, {} made again", unpacked.present, tally.made));
    text += &field("sha256", unpacked.digest);
    let comment = signed.as_ref().map(|(comment, _)| comment.as_str());
    text += &field("verified", render_verified(comment, &sealed.signature()));
    let options = Distribution::new(&args.out, &manifest.distribution).options();
    text += &field("try it", format!("epr-build serve {options}"));
    let nginx = args.out.join(&manifest.distribution).join("current/hosts/nginx");
    text += &field("serve it", format!("nginx -p {} -c nginx.conf", shell_word(&nginx.display().to_string())));
    print(&text)?;
    Ok(Exit::Clean)
}
