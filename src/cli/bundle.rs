//! `epr-build bundle`.

use super::common::Exit;
use super::common::failures::{other_file, wanted_distribution};
use super::common::options::{Format, FormatOption, JobsOption, OutputFolder};
use super::common::print::{field, print, print_json};
use super::common::talk;
use crate::base::fs::Lock;
use crate::base::progress::{Progress, bytes};
use crate::carry::bundle::delta::{BaseContents, Tally};
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::replaced;
use crate::carry::bundle::scan::Scan;
use crate::carry::bundle::write::{Order, Written, check_program, write};
use crate::carry::bundle::{Refusal, check, sign};
use crate::config::file;
use crate::generation::distribution::Distribution;
use crate::generation::uses::is_id;
use crate::store::Store;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build bundle --dist staging --output epr.bundle
  epr-build bundle --dist staging --output june.bundle --since 0123456789abcdef   a generation that the other side has
  epr-build bundle --dist staging --output june.bundle --since may.bundle         a bundle that it has taken in
  epr-build bundle --dist staging --output /media/usb/epr.bundle --split 4G --sign minisign.key

The same generation gives the same bytes on every machine, where it was taken into use by a switch of the same number: a bundle \
counts those, so that `unbundle` can refuse an older one. A bundle is a tar archive compressed with zstd; parts are joined with \
`cat`. The signature is written in minisign's format to a file `.minisig` beside the bundle. The password of the key is read from \
MINISIGN_PASSWORD or asked for.

Exit codes:
  0  written, or nothing is new
  2  could not write: wrong usage, a damaged store, or the machine failed";

/// Pack a distribution into one file, to carry it across an air gap
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to bundle [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    /// Generation or release to bundle [default: the generation in use]
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Bundle to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Leave out what the other side already has: a generation, or the bundle that brought it. If that bundle was an update
    /// and its base is gone here, name every bundle since the last whole one
    #[arg(long, value_name = "GENERATION|BUNDLE")]
    since: Vec<PathBuf>,
    /// Write parts FILE.001, FILE.002, ... of this size, such as 650M, 4G or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = part_size)]
    split: Option<u64>,
    /// Sign the bundle with this minisign secret key
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// Statically linked epr-build to put into the bundle [default: this program, if it is statically linked and --since is
    /// absent]
    #[arg(long, value_name = "FILE", conflicts_with = "no_program")]
    program: Option<PathBuf>,
    /// Put no program into the bundle
    #[arg(long)]
    no_program: bool,
    /// Write over a file that is not a bundle
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    format: FormatOption,
    #[command(flatten)]
    jobs: JobsOption,
}

/// The bundle that was written.
#[derive(Default, Serialize)]
struct Answer {
    distribution: String,
    generation: String,
    /// The generation that it builds on.
    base: Option<String>,
    /// False if the other side has the generation already.
    written: bool,
    /// The bundle, or its parts.
    files: Vec<String>,
    bytes: u64,
    /// Contents in the bundle, and those that are made again from them.
    carried: usize,
    made: usize,
    made_bytes: u64,
    /// Contents and folders of the base that are no longer needed.
    gone: usize,
    /// True if the program is in it.
    program: bool,
    /// Name of the key that signed it.
    signed_by: Option<String>,
    signature: Option<String>,
}

/// Reads the size of parts. A unit of one letter counts in thousands, so that 4G fits a FAT file system.
fn part_size(text: &str) -> Result<u64, String> {
    let spelled = if text.ends_with(['k', 'K', 'm', 'M', 'g', 'G']) { format!("{text}B") } else { text.to_owned() };
    file::size(&spelled).ok_or_else(|| "write a whole number and a unit, such as 650M, 4G or 2GiB".to_owned())
}

/// Writes a bundle.
pub(super) fn run(args: &Arguments) -> Result<Exit> {
    let format = args.format.format()?;
    args.jobs.start_threads()?;
    let out = &args.folder.out;
    let distribution = wanted_distribution(out, args.dist.as_deref())?;
    let dist = &distribution.name();
    let key = args.sign.as_deref().map(sign::secret_key).transpose()?;
    let _lock = Lock::take(out)?;
    let generation = match &args.generation {
        Some(name) => distribution.resolve(name)?,
        None => distribution.current().context("a distribution that exists has a generation in use")?,
    };
    let progress = Progress::new(talk::quiet());
    let base = base(args, &distribution, &progress)?;
    if base.as_ref().is_some_and(|(id, _)| *id == generation) {
        let text = format!("{dist}: the other side already has generation {generation}; nothing is written\n");
        let base = Some(generation.clone());
        let answer = Answer { distribution: dist.clone(), generation, base, ..Answer::default() };
        return tell(format, &answer, || text);
    }
    if let Some(file) = if args.force { None } else { replaced::other_file(&args.output)? } {
        return Err(other_file(&file, "a bundle"));
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
    let mut answer = answer(&written);
    let mut signed = "no; sign with a minisign key with `--sign`".to_owned();
    if let Some(key) = &key {
        let sealed = Sealed::open(&written.files)?;
        sign::sign(&sealed, key, &format!("epr-build bundle of {dist}, generation {generation}"))?;
        let (name, signature) = (sign::key_name(key.keynum()), sealed.signature().display().to_string());
        signed = format!("with the key {name}, in {signature}");
        (answer.signed_by, answer.signature) = (Some(name), Some(signature));
    }
    progress.finish();
    tell(format, &answer, || render_written(&written, args, &signed, note))
}

fn tell(format: Format, answer: &Answer, text: impl FnOnce() -> String) -> Result<Exit> {
    match format {
        Format::Json => print_json(answer)?,
        Format::Text if talk::quiet() => {}
        Format::Text => print(&text())?,
    }
    Ok(Exit::Clean)
}

fn answer(Written { files, size, manifest }: &Written) -> Answer {
    let Tally { carried, made, made_bytes, gone } = Tally::new(manifest);
    Answer {
        distribution: manifest.distribution.clone(),
        generation: manifest.generation.clone(),
        base: manifest.base.clone(),
        written: true,
        files: files.iter().map(|file| file.display().to_string()).collect(),
        bytes: *size,
        carried,
        made,
        made_bytes,
        gone,
        program: manifest.program.is_some(),
        signed_by: None,
        signature: None,
    }
}

/// The generation that the other side has, and its contents.
fn base(args: &Arguments, distribution: &Distribution, progress: &Progress) -> Result<Option<(String, BaseContents)>> {
    let store = Store::existing(&args.folder.out.join("store"))?;
    let at_hand = |id: &str| -> Result<Option<BaseContents>> {
        let scan = distribution.has(id).then(|| Scan::new(distribution, id, &store)).transpose()?;
        Ok(scan.as_ref().map(BaseContents::of_scan))
    };
    let mut base: Option<(String, BaseContents)> = None;
    for since in &args.since {
        let id = since.to_str().unwrap_or_default();
        if is_id(id) && distribution.has(id) {
            base = at_hand(id)?.map(|stock| (id.to_owned(), stock));
            continue;
        }
        let sealed =
            Sealed::open(std::slice::from_ref(since)).map_err(|error| not_a_base(since, distribution, error))?;
        let (manifest, _) = check::bundle(&sealed, progress)?;
        if manifest.distribution != distribution.name() {
            bail!("`{}` is a bundle of `{}`, not of `{}`", since.display(), manifest.distribution, distribution.name());
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
                "`{}` builds on generation {needed}, whose contents are not known here\n\
                 hint: repeat `--since` for every bundle from the last whole one to this one",
                since.display()
            )
        })?;
        base = Some((manifest.generation, stock));
    }
    Ok(base)
}

/// The error for a base that is neither a generation nor a bundle. It lists the generations.
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

/// The program for the bundle, and a note if there is none.
fn program(args: &Arguments) -> Result<(Option<PathBuf>, Option<&'static str>)> {
    if let Some(program) = &args.program {
        check_program(program)?;
        return Ok((Some(program.clone()), None));
    }
    // Whoever takes an update already has the program.
    if args.no_program || !args.since.is_empty() {
        return Ok((None, None));
    }
    match std::env::current_exe() {
        Ok(program) if check_program(&program).is_ok() => Ok((Some(program), None)),
        _ => Ok((
            None,
            Some(
                "left out, because this one is not statically linked; make one with `cargo static` and name it with `--program`",
            ),
        )),
    }
}

fn render_written(written: &Written, args: &Arguments, signed: &str, note: Option<&str>) -> String {
    let Written { files, size, manifest } = written;
    let Tally { carried, made, made_bytes, gone } = Tally::new(manifest);
    let mut text = format!("{}: generation {}\n", manifest.distribution, manifest.generation);
    let mut line = |label: &str, value: String| text += &field(label, value);
    match (&files[..], args.split) {
        ([first, .., last], Some(_)) => {
            line("parts", format!("{} to {}, {}", first.display(), last.display(), bytes(*size)));
        }
        _ => line("bundle", format!("{}, {}", files[0].display(), bytes(*size))),
    }
    line("contents", format!("{carried} carried; {made} with {} are made again from them", bytes(made_bytes)));
    if let Some(base) = &manifest.base {
        line("builds on", format!("generation {base}, of which {gone} contents and folders are no longer needed"));
    }
    if manifest.program.is_some() {
        line("program", "in the bundle, as `epr-build`".to_owned());
    } else if let Some(note) = note {
        line("program", note.to_owned());
    }
    line("signed", signed.to_owned());
    text
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
