//! `epr-build bundle`: one distribution as one file, or what is new in it.

use super::Exit;
use super::args::DistributionArgs;
use super::upkeep::existing;
use crate::base::fs::Lock;
use crate::base::progress::{Progress, bytes};
use crate::carry::bundle::delta::{BaseContents, Tally};
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::scan::Scan;
use crate::carry::bundle::write::{Order, Written, check_program, write};
use crate::carry::bundle::{Refusal, check, sign};
use crate::config::file;
use crate::generation::distribution::Distribution;
use crate::store::Store;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build bundle --dist staging --output epr.bundle
  epr-build bundle --dist staging --output june.bundle --since 0123456789abcdef   a generation that the far side has
  epr-build bundle --dist staging --output june.bundle --since may.bundle         a bundle that it took in
  epr-build bundle --dist staging --output /media/usb/epr.bundle --split 4G --sign minisign.key

The same generation gives the same bytes on every machine. A bundle is a tar archive in zstd, and parts joined by `cat` are a \
bundle. The signature, in the file `.minisig` beside it, is minisign's; a password is asked for, or taken from \
MINISIGN_PASSWORD.

Exit codes:
  0  written, or nothing has changed since
  2  could not write: wrong usage, a damaged store, or the machine failed";

/// Arguments of `bundle`.
#[derive(Args, Debug)]
pub struct BundleArgs {
    /// What to bundle.
    #[command(flatten)]
    pub distribution: DistributionArgs,
    /// Generation or release to bundle; the generation in use when absent
    #[arg(long, value_name = "ID")]
    pub generation: Option<String>,
    /// The bundle to write
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Leave out what the far side has: a generation, or the bundle that brought it; several, if that bundle had a base
    /// whose generation is gone
    #[arg(long, value_name = "GENERATION|BUNDLE")]
    pub since: Vec<PathBuf>,
    /// Write parts FILE.001, FILE.002, ... of this size, such as 650M, 4G or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = part_size)]
    pub split: Option<u64>,
    /// Sign with this secret key of minisign
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
    /// Put this statically linked epr-build into the bundle; without it this program, if it is one and the bundle is whole
    #[arg(long, value_name = "FILE", conflicts_with = "no_program")]
    pub program: Option<PathBuf>,
    /// Put no program into the bundle
    #[arg(long)]
    pub no_program: bool,
}

/// The size of parts. A unit of one letter counts thousands, so that 4G fits a FAT file system.
fn part_size(text: &str) -> Result<u64, String> {
    let spelled = if text.ends_with(['k', 'K', 'm', 'M', 'g', 'G']) { format!("{text}B") } else { text.to_owned() };
    file::size(&spelled).ok_or_else(|| "write a whole number and a unit, such as 650M, 4G or 2GiB".to_owned())
}

/// Writes a bundle.
pub(super) fn run(args: &BundleArgs) -> Result<Exit> {
    let DistributionArgs { dist, out } = &args.distribution;
    let distribution = existing(out, dist)?;
    let key = args.sign.as_deref().map(sign::secret_key).transpose()?;
    let _lock = Lock::take(out)?;
    let generation = match &args.generation {
        Some(name) => distribution.resolve(name)?,
        None => distribution.current().context("a distribution that exists has a generation in use")?,
    };
    let progress = Progress::new(false);
    let base = base(args, &distribution, &progress)?;
    if base.as_ref().is_some_and(|(id, _)| *id == generation) {
        writeln!(io::stdout(), "{dist}: generation {generation} is there already, there is nothing to carry")?;
        return Ok(Exit::Clean);
    }
    let (program, note) = program(args)?;
    let order = Order {
        out,
        distribution: dist,
        generation: &generation,
        base: base.as_ref().map(|(id, stock)| (id.as_str(), stock)),
        program: program.as_deref(),
        target: &args.output,
        split: args.split,
    };
    let written = write(&order, &progress)?;
    let mut signed = "no; `--sign` names a key of minisign".to_owned();
    if let Some(key) = &key {
        let sealed = Sealed::open(&written.files)?;
        sign::sign(&sealed, key, &format!("epr-build bundle of {dist}, generation {generation}"))?;
        signed = format!("with the key {}, in {}", sign::key_name(key.keynum()), sealed.signature().display());
    }
    progress.finish();
    tell(&written, args, &signed, note)?;
    Ok(Exit::Clean)
}

/// What the far side has: the generation, and all of it.
fn base(args: &BundleArgs, distribution: &Distribution, progress: &Progress) -> Result<Option<(String, BaseContents)>> {
    let store = Store::existing(&args.distribution.out.join("store"))?;
    let at_hand = |id: &str| -> Result<Option<BaseContents>> {
        let scan = distribution.has(id).then(|| Scan::new(distribution, id, &store)).transpose()?;
        Ok(scan.as_ref().map(BaseContents::of_scan))
    };
    let mut base: Option<(String, BaseContents)> = None;
    for since in &args.since {
        let id = since.to_str().unwrap_or_default();
        if crate::carry::bundle::manifest::is_generation(id) && distribution.has(id) {
            base = at_hand(id)?.map(|stock| (id.to_owned(), stock));
            continue;
        }
        let sealed =
            Sealed::open(std::slice::from_ref(since)).map_err(|error| not_a_base(since, distribution, error))?;
        let (manifest, _) = check::bundle(&sealed, progress)?;
        if manifest.distribution != args.distribution.dist {
            bail!(
                "`{}` is a bundle of `{}`, not of `{}`",
                since.display(),
                manifest.distribution,
                args.distribution.dist
            );
        }
        let known = at_hand(&manifest.generation)?;
        let before = match (&manifest.base, base.take()) {
            (Some(needed), Some((id, stock))) if *needed == id => Some(stock),
            (Some(needed), _) => at_hand(needed)?,
            (None, _) => Some(BaseContents::default()),
        };
        let stock = known.or_else(|| before.map(|stock| stock.after(&manifest))).ok_or_else(|| {
            let needed = manifest.base.as_deref().unwrap_or_default();
            anyhow!(
                "`{}` builds on generation {needed}, and does not say what that one has\n\
                 hint: give `--since` for all bundles, from the one that brought everything to this one",
                since.display()
            )
        })?;
        base = Some((manifest.generation, stock));
    }
    Ok(base)
}

/// Neither a generation nor a bundle: says which generations there are.
fn not_a_base(since: &Path, distribution: &Distribution, error: anyhow::Error) -> anyhow::Error {
    if error.is::<Refusal>() {
        return error;
    }
    let there = distribution.generations().unwrap_or_default().join(", ");
    anyhow!(
        "`{}` is neither a generation nor a bundle\nhint: `{}` has the generations {there}",
        since.display(),
        distribution.name()
    )
}

/// The program for the bundle, and what to say when there is none.
fn program(args: &BundleArgs) -> Result<(Option<PathBuf>, Option<&'static str>)> {
    if let Some(program) = &args.program {
        check_program(program)?;
        return Ok((Some(program.clone()), None));
    }
    // Who takes a delta has the program already.
    if args.no_program || !args.since.is_empty() {
        return Ok((None, None));
    }
    match std::env::current_exe() {
        Ok(program) if check_program(&program).is_ok() => Ok((Some(program), None)),
        _ => Ok((None, Some("left out, this one needs libraries; `cargo static` makes one for `--program`"))),
    }
}

fn tell(written: &Written, args: &BundleArgs, signed: &str, note: Option<&str>) -> Result<()> {
    let Written { files, size, manifest } = written;
    let tally = Tally::new(manifest);
    let mut out = io::stdout().lock();
    writeln!(out, "{}: generation {}", manifest.distribution, manifest.generation)?;
    let mut line = |label: &str, text: String| writeln!(out, "  {label:<18} {text}");
    match (&files[..], args.split) {
        ([first, .., last], Some(_)) => {
            line("parts", format!("{} to {}, {}", first.display(), last.display(), bytes(*size)))?;
        }
        _ => line("bundle", format!("{}, {}", files[0].display(), bytes(*size)))?,
    }
    let Tally { carried, made, made_bytes, gone } = tally;
    line("contents", format!("{carried} carried, {made} with {} are made from others", bytes(made_bytes)))?;
    if let Some(base) = &manifest.base {
        line("builds on", format!("generation {base}, of which {gone} contents and folders are not needed any more"))?;
    }
    if manifest.program.is_some() {
        line("program", "in the bundle, as `epr-build`".to_owned())?;
    } else if let Some(note) = note {
        line("program", note.to_owned())?;
    }
    line("signed", signed.to_owned())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::part_size;

    #[test]
    fn sizes_of_parts() {
        for (text, expected) in [
            ("4G", Some(4_000_000_000)),
            ("650M", Some(650_000_000)),
            ("650 MB", Some(650_000_000)),
            ("2GiB", Some(1 << 31)),
            ("100000", Some(100_000)),
            ("0", None),
            ("4T", None),
            ("G", None),
            ("-1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(part_size(text).ok(), expected, "{text}");
        }
    }
}
