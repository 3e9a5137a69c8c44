//! `epr-build unbundle`: takes a bundle into an output folder, on the far side of an air gap.

use super::Exit;
use super::args::DEFAULT_OUT;
use crate::base::progress::Progress;
use crate::carry::bundle::delta::Tally;
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::{Refusal, sign, unpack};
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build unbundle epr.bundle --out /srv/epr
  epr-build unbundle /media/usb/epr.bundle.* --out /srv/epr --public-key minisign.pub

Everything is verified before anything is taken into use. A run that is ended goes on where it was when it is run again. \
Afterwards `serve`, `generations`, `rollback` and the generated configurations work on the folder as after a build.

Exit codes:
  0  the generation is in use
  1  the bundle was refused: damaged, not signed as demanded, or for another base; what was in use stays in use
  2  wrong usage, or the machine failed (disk, lock); run it again";

/// Arguments of `unbundle`.
#[derive(Args, Debug)]
pub struct UnbundleArgs {
    /// The bundle, or all its parts in any order
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Folder the distributions are written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Take the bundle only if its `.minisig` file is a signature of this public key of minisign
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Generations of each distribution that stay, the one in use included
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
}

/// Takes a bundle in.
pub(super) fn run(args: &UnbundleArgs) -> Result<Exit> {
    refused(take(args))
}

fn take(args: &UnbundleArgs) -> Result<Exit> {
    let key = args.public_key.as_deref().map(sign::public_key).transpose()?;
    let sealed = Sealed::open(&args.files)?;
    let signed = key.as_ref().map(|key| sign::verify(&sealed, key)).transpose()?;
    let progress = Progress::new(false);
    let digest = signed.as_ref().map(|(_, digest)| digest);
    let unpacked = unpack::unpack(&sealed, &args.out, args.keep.into(), digest, &progress)?;
    progress.finish();

    let (manifest, tally) = (&unpacked.manifest, Tally::new(&unpacked.manifest));
    let mut out = io::stdout().lock();
    writeln!(out, "{}: generation {} is in use", manifest.distribution, manifest.generation)?;
    let mut line = |label: &str, text: String| writeln!(out, "  {label:<18} {text}");
    if let Some(previous) = unpacked.previous.filter(|previous| *previous != manifest.generation) {
        line("before", format!("{previous}; `epr-build rollback` goes back to it"))?;
    }
    let new = tally.carried - unpacked.present;
    line("contents", format!("{new} new, {} were there, {} made from others", unpacked.present, tally.made))?;
    line("sha256", unpacked.digest.to_string())?;
    line("verified", verified(signed.as_ref().map(|(comment, _)| comment.as_str()), &sealed.signature()))?;
    let nginx = args.out.join(&manifest.distribution).join("current/hosts/nginx");
    line("serve it", format!("nginx -p {} -c nginx.conf", nginx.display()))?;
    Ok(Exit::Clean)
}

/// What was verified, and what was not.
pub(super) fn verified(comment: Option<&str>, signature: &Path) -> String {
    match comment {
        Some(comment) => format!("all digests and the signature: {}", comment.escape_default()),
        None if signature.exists() => "all digests; the signature was not, `--public-key` names the key".to_owned(),
        None => "all digests; there is no signature".to_owned(),
    }
}

/// A bundle that is refused is no failure of the machine.
pub(super) fn refused(result: Result<Exit>) -> Result<Exit> {
    match result.map_err(anyhow::Error::downcast::<Refusal>) {
        Ok(exit) => Ok(exit),
        Err(Ok(refusal)) => {
            writeln!(io::stderr(), "error: {refusal}")?;
            Ok(Exit::Problems)
        }
        Err(Err(error)) => Err(error),
    }
}
