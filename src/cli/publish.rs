//! `epr-build publish`.

use super::common::Exit;
use super::common::clock::unix_time;
use super::common::failures::wanted_distribution;
use super::common::options::{Format, FormatOption, LossOption, OutputFolder};
use super::common::print::{print, print_json};
use super::common::settings::layers_here;
use super::common::talk;
use super::common::unneeded;
use crate::base::fs::write_in_place;
use crate::base::progress::{Progress, bytes};
use crate::base::words::counted;
use crate::build::places::{self, Place};
use crate::carry::publish::contents::Contents;
use crate::carry::publish::object::Amount;
use crate::carry::publish::target::{Access, Target};
use crate::carry::publish::{self, InUse, Options, Outcome, front};
use crate::compare::holdings::Holdings;
use crate::compare::loss;
use crate::compare::policy::{Before, Refused};
use crate::site::report::Change;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  epr-build publish --dist staging --to s3://bucket/staging
  epr-build publish --dist staging --to gs://bucket/staging --dry-run -v
  epr-build publish --dist staging --to az://container/staging --prune-after 7d
  epr-build publish --dist staging --to file:///srv/origin --purge-list changed.txt

Credentials come from environment variables or a role:
  Amazon S3  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION
  MinIO      also AWS_ENDPOINT_URL, and AWS_ALLOW_HTTP=true without TLS
  Google     GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS
  Azure      AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY

Exit codes:
  0  published, or nothing to do
  2  could not publish; what was in use at the target stays in use";

/// Upload a distribution to an object store, and switch to it there
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to publish [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    /// Target: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder
    #[arg(long, value_name = "URL")]
    to: String,
    /// Generation or release to publish [default: the generation in use]
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Upload a complete document root for each generation, `g/<id>-whole/`, for routers that cannot look up the folder of
    /// a version: HAProxy, CloudFront, Cloudflare and plain web servers
    #[arg(long)]
    whole: bool,
    /// Number of requests at a time
    #[arg(long, alias = "jobs", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    requests: u16,
    /// Remove folders that no generation in use has needed for this time, such as 12h, 7d or 2w [default: remove nothing]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    prune_after: Option<Duration>,
    /// Certificates, in PEM, of authorities that the store's server may have its own from, besides those of the system
    #[arg(long = "ca", value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Print what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Ignore saved state: list the prefix and look at every needed object
    #[arg(long)]
    relist: bool,
    /// Write the paths whose answers changed to a file, one on each line, so that a CDN can be purged
    #[arg(long, value_name = "FILE")]
    purge_list: Option<PathBuf>,
    /// Write a configuration for an nginx in front of the store, which answers from the published files
    #[arg(long, value_name = "DIR", requires = "origin")]
    nginx: Option<PathBuf>,
    /// Address at which nginx reaches the prefix, such as http://127.0.0.1:9000/bucket/staging
    #[arg(long, value_name = "URL", requires = "nginx")]
    origin: Option<String>,
    #[command(flatten)]
    loss: LossOption,
    #[command(flatten)]
    format: FormatOption,
}

/// What was done, or would be.
#[derive(Serialize)]
struct Answer<'a> {
    dry_run: bool,
    distribution: &'a str,
    generation: &'a str,
    target: String,
    /// True if another generation was in use before.
    switched: bool,
    /// True if an earlier run had not finished.
    resumed: bool,
    /// The change of versions; absent if it is not known.
    change: Option<Change>,
    uploaded: Amount,
    unchanged: Amount,
    deleted: Amount,
    /// Paths whose answers changed, for a CDN to purge.
    changed_paths: &'a [String],
}

/// Publishes a generation.
pub(super) fn run(args: &Arguments) -> Result<Exit> {
    let (begin, format) = (Instant::now(), args.format.format()?);
    let distribution = wanted_distribution(&args.folder.out, args.dist.as_deref())?;
    let dist = distribution.name();
    let id = match &args.generation {
        Some(id) => distribution.resolve(id)?,
        None => distribution.current().unwrap_or_default(),
    };
    if let Some(folder) = Target::local_folder(&args.to) {
        places::are_apart(&layers_here(), Place::target(&folder))?;
    }
    let progress = Progress::new(talk::quiet());
    distribution.require_intact(&id)?;
    let contents = Contents::read(&distribution.generation(&id))?;
    let contents = if args.whole { contents.in_one_folder()? } else { contents };
    let options = Options {
        jobs: args.requests.into(),
        dry_run: args.dry_run,
        relist: args.relist,
        prune_after: args.prune_after,
        now: unix_time(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the uploads")?;
    let access = Access { authority: args.authority.clone(), only_looks: args.dry_run };
    let target = Target::open(&args.to, &access)?;
    let now = Holdings::of_generation(&distribution.generation(&id))?;
    let before = match runtime.block_on(publish::in_use(&target, &dist, &id))? {
        InUse::Nothing => Before::Nothing,
        InUse::Same => Before::Known(now.clone()),
        InUse::Other(was) => Before::Known(was),
    };
    let refusals = before.holdings().map(|was| loss::refusals(was, &now)).unwrap_or_default();
    if !refusals.is_empty() && !args.loss.accept_loss {
        return Err(Refused(refusals).into());
    }
    unneeded::tell(&[], |_| true, (args.loss.accept_loss, !refusals.is_empty()))?;
    let change = before.change_to(&now);
    let outcome = runtime.block_on(publish::publish(&target, &contents, &options, &progress));
    progress.finish();
    let outcome = outcome?;
    if let (Some(file), false) = (&args.purge_list, args.dry_run) {
        write_list(file, &outcome.purge)?;
    }
    if let (Some(folder), Some(origin), false) = (&args.nginx, &args.origin, args.dry_run) {
        front::write_nginx(folder, origin, &dist, &distribution.generation(&id), &contents)?;
    }
    match format {
        Format::Json => print_json(&answer(args, (&dist, &id), (&target, change), &outcome))?,
        Format::Text if talk::quiet() => {}
        Format::Text => print(&render_summary(args, (&dist, &id), (&target, change), &outcome, begin.elapsed()))?,
    }
    Ok(Exit::Clean)
}

fn answer<'a>(
    args: &'a Arguments,
    (dist, id): (&'a str, &'a str),
    (target, change): (&Target, Option<Change>),
    outcome: &'a Outcome,
) -> Answer<'a> {
    Answer {
        dry_run: args.dry_run,
        distribution: dist,
        generation: id,
        target: target.to_string(),
        switched: outcome.switched,
        resumed: outcome.resumed,
        change,
        uploaded: outcome.uploaded,
        unchanged: outcome.unchanged,
        deleted: outcome.deleted,
        changed_paths: &outcome.purge,
    }
}

fn write_list(file: &Path, paths: &[String]) -> Result<()> {
    let text: String = paths.iter().map(|path| format!("{path}\n")).collect();
    write_in_place(file, text.as_bytes())
}

fn render_summary(
    args: &Arguments,
    (dist, id): (&str, &str),
    (target, change): (&Target, Option<Change>),
    outcome: &Outcome,
    time: Duration,
) -> String {
    let mut lines = Vec::new();
    if talk::verbose() {
        lines.extend(outcome.keys.iter().map(|key| format!("+ {key}")));
        lines.extend(outcome.folders.iter().map(|folder| format!("- {folder}/")));
    }
    let is = match (args.dry_run, outcome.switched) {
        (true, true) => "would be in use",
        (false, true) => "is in use now",
        (_, false) => "is in use",
    };
    lines.push(format!("{dist}: generation {id} {is} at {target}"));
    if let Some(change) = change {
        lines.push(format!("  {:<10} {change}", "change"));
    }
    if outcome.resumed {
        lines.push("  continues an earlier run that did not finish".to_owned());
    }
    let did = if args.dry_run { ["to upload", "to delete"] } else { ["uploaded", "deleted"] };
    for (label, amount) in [(did[0], outcome.uploaded), ("unchanged", outcome.unchanged), (did[1], outcome.deleted)] {
        let Amount { objects, bytes: size } = amount;
        lines.push(format!("  {label:<10} {}, {}", counted(objects, "object"), bytes(size)));
    }
    let (count, hint) =
        (outcome.purge.len(), if args.purge_list.is_none() { "; write them to a file with --purge-list" } else { "" });
    if count > 0 {
        lines.push(format!("  {:<10} {} to purge from a CDN{hint}", "changed", counted(count, "path")));
    }
    lines.push(format!("time: {:.1} s", time.as_secs_f64()));
    lines.join("\n") + "\n"
}

/// Reads `90s`, `30m`, `12h`, `7d` or `2w`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err("write a whole number and a unit (s, m, h, d or w), such as 7d".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "write a whole number and a unit (s, m, h, d or w), such as 7d".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        for (text, expected) in
            [("0s", Some(0)), ("90s", Some(90)), ("7d", Some(604_800)), ("7", None), ("d", None), ("-1d", None)]
        {
            assert_eq!(duration(text).ok().map(|found| found.as_secs()), expected, "{text}");
        }
    }
}
