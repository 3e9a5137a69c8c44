//! `publish`: what was built, to an object store.

use super::Exit;
use super::args::DEFAULT_OUT;
use super::upkeep::existing;
use crate::base::fs::write_in_place;
use crate::base::progress::{Progress, bytes};
use crate::carry::publish::contents::Contents;
use crate::carry::publish::plan::Amount;
use crate::carry::publish::target::Target;
use crate::carry::publish::{self, Options, Outcome, front};
use anyhow::{Context, Result};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build publish --dist staging --to s3://bucket/staging
  epr-build publish --dist staging --to gs://bucket/staging --dry-run -v
  epr-build publish --dist staging --to az://container/staging --prune-after 7d
  epr-build publish --dist staging --to file:///srv/origin --purge-list changed.txt

Credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or a role; for MinIO also
AWS_ENDPOINT_URL, and AWS_ALLOW_HTTP=true without TLS. GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS.
AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or a role.

Exit codes:
  0  published, or nothing to do
  2  could not publish; what was in use there still is";

/// Arguments of `publish`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Distribution to publish
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: String,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Where to: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Generation or release to publish; the generation in use when absent
    #[arg(long, value_name = "ID")]
    pub generation: Option<String>,
    /// Send a whole document root for each generation, `g/<id>-whole/`, for routers that cannot look up where versions
    /// lie: HAProxy, CloudFront, Cloudflare and plain web servers
    #[arg(long)]
    pub whole: bool,
    /// Requests at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Remove what no reader needed for so long, such as 12h, 7d or 2w; nothing is removed when absent
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub prune_after: Option<Duration>,
    /// Say what would be done, and change nothing there
    #[arg(long)]
    pub dry_run: bool,
    /// Believe no state of earlier runs: list the prefix and look at every object that is needed
    #[arg(long)]
    pub relist: bool,
    /// Write the paths whose answers changed to a file, one a line, for a cache in front to forget
    #[arg(long, value_name = "FILE")]
    pub purge_list: Option<PathBuf>,
    /// Write a configuration for an nginx in front of the store, which answers from what was published
    #[arg(long, value_name = "DIR", requires = "origin")]
    pub nginx: Option<PathBuf>,
    /// Address at which that nginx reaches the prefix, such as http://127.0.0.1:9000/bucket/staging
    #[arg(long, value_name = "URL", requires = "nginx")]
    pub origin: Option<String>,
    /// Print every key that is sent and every folder that is removed
    #[arg(long, short)]
    pub verbose: bool,
    /// Print failures only
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// Publishes a generation.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let begin = Instant::now();
    let distribution = existing(&args.out, &args.dist)?;
    let id = match &args.generation {
        Some(id) => distribution.resolve(id)?,
        None => distribution.current().unwrap_or_default(),
    };
    let progress = Progress::new(args.quiet);
    let contents = Contents::read(&distribution.generation(&id))?;
    let contents = if args.whole { contents.in_one_folder()? } else { contents };
    let options = Options {
        jobs: args.jobs.into(),
        dry_run: args.dry_run,
        relist: args.relist,
        prune_after: args.prune_after,
        now: now(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the uploads")?;
    let target = Target::open(&args.to)?;
    let outcome = runtime.block_on(publish::publish(&target, &contents, &options, &progress));
    progress.finish();
    let outcome = outcome?;
    if let Some(file) = &args.purge_list {
        write_list(file, &outcome.purge)?;
    }
    if let (Some(folder), Some(origin), false) = (&args.nginx, &args.origin, args.dry_run) {
        front::write_nginx(folder, origin, &args.dist, &distribution.generation(&id), &contents)?;
    }
    if !args.quiet {
        let told = summary(args, &id, &target, &outcome, begin.elapsed());
        io::stdout().write_all(told.as_bytes())?;
    }
    Ok(Exit::Clean)
}

fn write_list(file: &Path, paths: &[String]) -> Result<()> {
    let text: String = paths.iter().map(|path| format!("{path}\n")).collect();
    write_in_place(file, text.as_bytes())
}

fn summary(args: &Args, id: &str, target: &Target, outcome: &Outcome, time: Duration) -> String {
    let mut lines = Vec::new();
    if args.verbose {
        lines.extend(outcome.keys.iter().map(|key| format!("+ {key}")));
        lines.extend(outcome.folders.iter().map(|folder| format!("- {folder}/")));
    }
    let is = match (args.dry_run, outcome.switched) {
        (true, true) => "would be in use",
        (false, true) => "is in use now",
        (_, false) => "is in use",
    };
    lines.push(format!("{}: generation {id} {is} at {target}", args.dist));
    if outcome.resumed {
        lines.push("  an earlier run did not finish; what it sent is not sent again".to_owned());
    }
    let did = if args.dry_run { ["to upload", "to delete"] } else { ["uploaded", "deleted"] };
    for (label, amount) in [(did[0], outcome.uploaded), ("unchanged", outcome.unchanged), (did[1], outcome.deleted)] {
        let Amount { objects, bytes: size } = amount;
        lines.push(format!("  {label:<10} {objects} objects, {}", bytes(size)));
    }
    let (count, hint) =
        (outcome.purge.len(), if args.purge_list.is_none() { "; --purge-list writes them" } else { "" });
    if count > 0 {
        lines.push(format!("  {:<10} {count} paths, for a cache in front to forget{hint}", "changed"));
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
        _ => return Err("write a number and s, m, h, d or w, such as 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a whole number and a unit, such as 7d".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "when something was last needed is remembered, and never read by readers"
)]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
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
