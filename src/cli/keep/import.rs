//! `epr-build keep import`.

use crate::base::fs;
use crate::base::words::counted;
use crate::cli::common::edit::now;
use crate::cli::common::options::{Format, FormatOption};
use crate::cli::common::print::{Id, field, ids, print, print_json};
use crate::cli::common::{Exit, talk};
use crate::dialect::version::Version;
use crate::keep::replace::{changes, may_replace};
use crate::keep::sources::{in_words, sources};
use crate::keep::{Address, Client, Imported, Spaces, Stop, import, import_saved, is_space};
use crate::select::keep_file::{EXTENSION, KeepFile};
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build keep import --kibana https://kibana.example.org:5601 --api-key-file key --output keep/site-a.keep
  epr-build keep import --kibana https://10.0.0.7:5601/base --api-key-file key --ca our-ca.pem --output keep/site-b.keep
  epr-build keep import --from packages.json policies.json status.json --output keep/site-c.keep

The file has names, versions, sources, reasons, the version of Kibana and the date, and nothing else. A complete file is not replaced \
by one that is not, unless --force says so.

Exit codes:
  0  the file has everything that is installed
  1  something may be missing; the file says what
  2  could not: wrong usage, a key that is not accepted, answers that are none, or the machine failed; nothing was written
  3  Kibana could not be reached; nothing was written";

/// Write down what a Kibana has installed
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Address of Kibana
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "from",
        conflicts_with = "from",
        requires = "api_key_file"
    )]
    kibana: Option<String>,
    /// File with an API key for Kibana, or with headers, one a line
    #[arg(long, value_name = "FILE", requires = "kibana")]
    api_key_file: Option<PathBuf>,
    /// File with certificates of your own authorities, in PEM
    #[arg(long, value_name = "FILE", requires = "kibana")]
    ca: Option<PathBuf>,
    /// Address of a proxy [default: that of the environment]
    #[arg(long, value_name = "URL", requires = "kibana")]
    proxy: Option<String>,
    /// Space whose policies count, or `all`; may be repeated
    #[arg(long, value_name = "ID", default_value = "all", requires = "kibana", value_parser = space)]
    space: Vec<String>,
    /// Saved answers of Kibana, in JSON
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// Version of Kibana, if its answers do not tell it
    #[arg(long, value_name = "VERSION", value_parser = version)]
    kibana_version: Option<Version>,
    /// File to write, such as keep/site-a.keep; its name is that of the site
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Write it even if the file that is there is better
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    format: FormatOption,
}

/// What was imported.
#[derive(Serialize)]
struct Answer<'a> {
    file: String,
    /// False if the file that is there is better.
    written: bool,
    complete: bool,
    kibana: Option<&'a Version>,
    prerelease: Option<bool>,
    packages: usize,
    versions: usize,
    /// How many of them Kibana has from where: `registry`, `bundled`, `upload`, `custom`, or `unknown`.
    sources: BTreeMap<String, usize>,
    /// Versions that the file before does not have.
    added: Vec<Id<'a>>,
    /// Versions that only the file before has.
    gone: Vec<Id<'a>>,
    /// What may be missing, in words.
    problems: &'a [String],
    /// Why the file that is there stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
}

fn version(text: &str) -> Result<Version, String> {
    Version::strict(text).map_err(|error| format!("{error}; write it as 8.17.3"))
}

fn space(text: &str) -> Result<String, String> {
    if is_space(text) { Ok(text.to_owned()) } else { Err("write the id of a space, as its address has it".to_owned()) }
}

/// Asks, or reads, and writes the file.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let (site, before) = place(&arguments.output)?;
    let imported = match &arguments.kibana {
        Some(url) => match ask(arguments, url, &site) {
            Ok(imported) => imported,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Unreachable(why)) => {
                let (why, hint) = why.split_once("\nhint: ").unwrap_or((&why, ""));
                // What stands there is of upstreams.
                let is_trust = hint.contains("authority");
                let hint = if is_trust {
                    "name the file of your own authority with --ca"
                } else {
                    "look at --kibana, and run it again later"
                };
                talk::say(&format!("error: Kibana could not be reached: {why}\n  --> {url}\nhint: {hint}\n"))?;
                return Ok(Exit::TryAgain);
            }
        },
        None => read(arguments, &site)?,
    };
    let Imported { file, problems } = &imported;
    let refusal = may_replace(before.as_ref(), file).err().filter(|_| !arguments.force);
    if refusal.is_none() {
        fs::write_over_for_good(&arguments.output, file.render().as_bytes())?;
    }
    let shown = arguments.output.display().to_string();
    let changed = changes(before.as_ref(), file);
    let packages = file.versions.keys().map(|(name, _)| name).collect::<BTreeSet<_>>().len();
    let answer = Answer {
        file: shown,
        written: refusal.is_none(),
        complete: file.complete,
        kibana: file.kibana.as_ref(),
        prerelease: file.prerelease,
        packages,
        versions: file.versions.len(),
        sources: sources([file]),
        added: if before.is_some() { ids(&changed.added) } else { Vec::new() },
        gone: ids(&changed.gone),
        problems,
        refusal: refusal.as_deref(),
    };
    match format {
        Format::Json => print_json(&answer)?,
        Format::Text => tell(&answer)?,
    }
    Ok(if refusal.is_some() || !problems.is_empty() { Exit::Problems } else { Exit::Clean })
}

fn ask(arguments: &Arguments, url: &str, site: &str) -> Result<Imported, Stop> {
    let Some(key) = &arguments.api_key_file else {
        return Err(anyhow::anyhow!("Kibana is asked with a key\nhint: add --api-key-file").into());
    };
    let mut client =
        Client::new(&Address { url, key, ca: arguments.ca.as_deref(), proxy: arguments.proxy.as_deref() })?;
    let spaces = match arguments.space.iter().any(|space| space == "all") {
        true => Spaces::All,
        false => Spaces::Named(arguments.space.clone()),
    };
    import(&mut client, &spaces, arguments.kibana_version.clone(), (site, now()))
}

/// Reads saved answers. They are as old as the oldest of the files.
fn read(arguments: &Arguments, site: &str) -> Result<Imported> {
    /// Bytes of the longest answer.
    const MOST_BYTES: u64 = 128 << 20;
    let (mut files, mut taken) = (Vec::new(), now());
    for path in &arguments.from {
        let Some(bytes) = fs::read_at_most(path, MOST_BYTES)? else {
            bail!("`{}` is too long for an answer of Kibana\nhint: name the files one by one", path.display());
        };
        taken = taken.min(u64::try_from(fs::metadata(path)?.mtime()).unwrap_or(0));
        files.push((path.display().to_string(), bytes));
    }
    import_saved(&files, arguments.kibana_version.clone(), (site, taken))
}

/// The site of an output file, and the keep file that is there.
fn place(output: &Path) -> Result<(String, Option<KeepFile>)> {
    let site = output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if output.extension().is_none_or(|extension| extension != EXTENSION) || site.is_empty() {
        bail!("`{}` does not end in `.{EXTENSION}`\nhint: write --output keep/site-a.{EXTENSION}", output.display());
    }
    if let Some(folder) = output.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        bail!("there is no folder `{}`\nhint: make it, or name another with --output", folder.display());
    }
    let before = if fs::link_metadata(output).is_ok() { Some(KeepFile::read(output)?) } else { None };
    Ok((site, before))
}

fn tell(answer: &Answer<'_>) -> Result<()> {
    for problem in answer.problems {
        talk::say(&format!("warning: {}: {problem}\n", answer.file))?;
    }
    if let Some(why) = answer.refusal {
        talk::say(&format!("error: {} was not written: {why}\nhint: --force writes it all the same\n", answer.file))?;
    }
    if talk::quiet() { Ok(()) } else { print(&render(answer)) }
}

fn render(answer: &Answer<'_>) -> String {
    let kibana =
        answer.kibana.map_or_else(|| "a Kibana of unknown version".to_owned(), |version| format!("Kibana {version}"));
    let written = if answer.written { "" } else { ", not written" };
    let mut text = format!(
        "{}: {kibana}, {} of {}{written}\n",
        answer.file,
        counted(answer.versions, "version"),
        counted(answer.packages, "package name"),
    );
    let prerelease = answer.prerelease.map_or("unknown", |yes| if yes { "yes" } else { "no" });
    text += &field("complete", if answer.complete { "yes" } else { "no" });
    text += &field("prerelease", prerelease);
    text += &field("of these", in_words(&answer.sources));
    for (label, versions) in [("added", &answer.added), ("gone", &answer.gone)] {
        if !versions.is_empty() {
            let versions: Vec<_> = versions.iter().map(|Id { name, version }| format!("{name}@{version}")).collect();
            let most = if talk::verbose() { versions.len() } else { 5 };
            text += &field(label, crate::base::words::first(&versions, most));
        }
    }
    text
}
