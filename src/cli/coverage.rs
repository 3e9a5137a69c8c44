//! `epr-build coverage`: which questions a host that only looks answers up would refuse.

use super::common::Exit;
use super::common::failures::wanted_distribution;
use super::common::options::{Format, FormatOption, OutputFolder};
use super::common::print::{print, print_json};
use crate::answers::coverage::forms::{self, Asked, Form};
use crate::answers::coverage::log_line::each_line;
use crate::answers::coverage::tally::{Outcome, Reason, RefusedForm, Remedy, Tally};
use crate::answers::route::model::Routes;
use crate::base::fs;
use crate::base::words::{counted, first};
use crate::generation::distribution::{Distribution, with_remedy};
use crate::package::Facts;
use crate::site::facts;
use crate::site::report::Beyond;
use anyhow::{Context, Result};
use clap::Args;
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build coverage --dist production
  epr-build coverage --dist production /var/log/nginx/access.log /var/log/nginx/access.log.*.gz
  journalctl -u caddy -o cat | epr-build coverage --dist production -

nginx, Apache, Caddy, HAProxy, object stores and edges look answers up in tables. Tables hold every answer for one package, and \
every answer for lists, categories and types within a budget; beyond it they hold what clients are likely to send, and a host refuses \
the rest with 501. `epr-build serve` computes every answer, alone or as the fallback of such a host (`fallback:` in the \
configuration).

Without a log this tells what the tables hold of what clients are known to send. With one it tells what would have become of \
its requests: the log may be that of the registry in use today. It reads the combined and common formats of nginx and Apache, \
the lines of `epr-build serve --access-log`, and Caddy's JSON; compressed with gzip or not; `-` is standard input. What is \
refused is grouped, and followed by what to write into the configuration.

Exit codes:
  0  no request of a log would be refused, or no log is given, or the distribution has a fallback
  1  some would be
  2  wrong usage, or the machine failed";

/// Tell which questions a host that only looks answers up would refuse
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Access logs, plain or gzip; `-` is standard input
    #[arg(value_name = "ACCESS_LOG")]
    logs: Vec<PathBuf>,
    /// Distribution whose generation in use is asked [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    format: FormatOption,
}

/// Everything that is told.
#[derive(Serialize)]
struct Coverage {
    distribution: String,
    generation: String,
    /// True if the tables hold every question that they can.
    within_budget: bool,
    /// Subjects beyond the budget.
    beyond_budget: Vec<Beyond>,
    /// The server that hosts of this distribution hand refused questions to; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<String>,
    /// What clients are known to send; absent with logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    forms: Option<Vec<Form>>,
    /// What became of the requests of logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Outcome>,
}

/// Tells it.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let distribution = wanted_distribution(&arguments.folder.out, arguments.dist.as_deref())?;
    let coverage = coverage(&distribution, &arguments.logs)?;
    match format {
        Format::Json => print_json(&coverage)?,
        Format::Text => print(&render(&coverage))?,
    }
    let is_refused = coverage.fallback.is_none() && coverage.requests.is_some_and(|requests| requests.refused > 0);
    Ok(if is_refused { Exit::Problems } else { Exit::Clean })
}

fn coverage(distribution: &Distribution, logs: &[PathBuf]) -> Result<Coverage> {
    let generation = distribution.current().context("no generation is in use")?;
    let folder = distribution.generation(&generation);
    let routes: Routes = fs::read_json(&folder.join("routes.json")).map_err(with_remedy)?;
    let report = distribution.report(&generation);
    let beyond_budget =
        report.and_then(|report| report.routing).map(|routing| Beyond::of(&routing)).unwrap_or_default();
    let hosting = distribution.hosting(&generation)?;
    let (mut forms, mut requests) = (None, None);
    if logs.is_empty() {
        forms = Some(forms::held(&routes, &capability_sets(&folder)));
    } else {
        let mut tally = Tally::new(&routes, &hosting.prefix);
        for log in logs {
            read_log(log, &mut tally).with_context(|| format!("cannot read the log `{}`", log.display()))?;
        }
        requests = Some(tally.finish());
    }
    Ok(Coverage {
        distribution: distribution.name(),
        generation,
        within_budget: beyond_budget.is_empty(),
        beyond_budget,
        fallback: (!hosting.fallback.is_off()).then(|| hosting.fallback.to_string()),
        forms,
        requests,
    })
}

/// The sets of capabilities that packages name. Generations of older versions do not tell them.
fn capability_sets(folder: &Path) -> BTreeSet<Vec<String>> {
    let facts: Vec<Facts> = fs::read_json(&folder.join(facts::FILE)).unwrap_or_default();
    facts.into_iter().map(|facts| facts.capabilities).filter(|set| !set.is_empty()).collect()
}

fn read_log(path: &Path, tally: &mut Tally<'_>) -> Result<()> {
    let log: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(fs::open(path)?) };
    let mut log = BufReader::with_capacity(1 << 16, log);
    let is_gzip = log.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let take = |line: Option<&[u8]>| tally.line(line);
    if is_gzip {
        each_line(&mut BufReader::with_capacity(1 << 16, MultiGzDecoder::new(log)), take)?;
    } else {
        each_line(&mut log, take)?;
    }
    Ok(())
}

fn render(coverage: &Coverage) -> String {
    let Coverage { distribution, generation, beyond_budget, fallback, forms, requests, .. } = coverage;
    let mut text = format!("{distribution}: generation {generation}\n");
    match beyond_budget.as_slice() {
        [] => text += "the tables hold every combination of parameters that they can hold\n",
        beyond => {
            let named: Vec<_> = beyond.iter().take(5).map(|one| one.subject.as_str()).collect();
            let more = beyond.len().saturating_sub(5);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            text += &format!("beyond the budget, and so held in part: {}{more}\n", named.join(", "));
            let cut: BTreeSet<&String> = beyond.iter().flat_map(|one| &one.cut).collect();
            if !cut.is_empty() {
                let cut: Vec<String> = cut.into_iter().cloned().collect();
                text += &format!("left out for the budget: {}\n", first(&cut, 8));
            }
        }
    }
    fallback
        .iter()
        .for_each(|address| text += &format!("what the tables do not hold, hosts ask the fallback {address} for\n"));
    let words = if fallback.is_some() { &WITH_FALLBACK } else { &ALONE };
    forms.iter().for_each(|forms| text += &render_forms(forms, words));
    requests.iter().for_each(|requests| text += &render_requests(requests, words));
    text
}

/// What is said of what the tables do not hold: a host alone refuses it, and one with a fallback hands it over.
struct Words {
    /// Who answers look-ups of a log.
    who: &'static str,
    /// What they do with what is wrong.
    calls: &'static str,
    /// What becomes of the others.
    becomes: &'static str,
    /// Above examples of them.
    heading: &'static str,
    /// What else answers the questions of forms.
    remedy: &'static str,
    /// Who answers what no table can hold.
    otherwise: &'static str,
    /// What an entry of the configuration makes of a question.
    proposal: &'static str,
    /// True if somebody answers everything.
    answers_all: bool,
}

const ALONE: Words = Words {
    who: "a host that only looks answers up answers",
    calls: "calls",
    becomes: "refuses",
    heading: "refused",
    remedy: "hint: name such clients under `clients` in the configuration, raise `budget`, or run `epr-build serve`, alone or as \
             the fallback of the host, which answers everything; give the access log of the registry in use to see what is asked\n",
    otherwise: "`epr-build serve` answers these",
    proposal: "answer",
    answers_all: false,
};

const WITH_FALLBACK: Words = Words {
    who: "the tables of a host answer",
    calls: "call",
    becomes: "leave to the fallback",
    heading: "left to the fallback",
    remedy: "the fallback answers all of these\n",
    otherwise: "the fallback answers these",
    proposal: "hold",
    answers_all: true,
};

fn render_forms(forms: &[Form], words: &Words) -> String {
    let mut text =
        format!("\n{:<38}{:>16}{:>16}{:>16}{:>18}\n", "", "lists", "categories", "types", "single categories");
    for form in forms {
        let cell = |asked: Asked| {
            let share = form.shares.iter().find(|share| share.asked == asked);
            share.map_or_else(String::new, |share| match share.held {
                held if held == share.requests => format!("all {held}"),
                held => format!("{held} of {}", share.requests),
            })
        };
        let [lists, categories, types, single] = Asked::ALL.map(cell);
        text += &format!("{:<38}{lists:>16}{categories:>16}{types:>16}{single:>18}\n", form.form);
    }
    if forms.iter().any(|form| form.sampled) {
        text += "of forms with very many combinations some thousand were tried, evenly chosen\n";
    }
    let refused: Vec<_> =
        forms.iter().flat_map(|form| form.shares.iter().filter_map(|share| share.refused.as_ref())).collect();
    if !refused.is_empty() {
        text += &format!("\n{}, for example\n", words.heading);
        refused.iter().take(5).for_each(|target| text += &format!("  {target}\n"));
        text += words.remedy;
    }
    text += &format!(
        "\nin no tables: `discovery`, `all=true` with a category or type, two of `package`, `category` and `type`, unusual escapes; \
         {}\n",
        words.otherwise
    );
    text
}

fn render_requests(outcome: &Outcome, words: &Words) -> String {
    let percent = |part: u64| if outcome.lookups == 0 { 100.0 } else { part as f64 * 100.0 / outcome.lookups as f64 };
    let mut text = format!(
        "{}: {}, {}, {} that {} no request\n",
        counted(outcome.lines, "line"),
        counted(outcome.lookups, "look-up"),
        counted(outcome.other_requests, "other request"),
        counted(outcome.unreadable_lines, "line"),
        if outcome.unreadable_lines == 1 { "tells of" } else { "tell of" },
    );
    text += &format!(
        "{} {} of the look-ups ({:.2} %), {} {} wrong as every registry does, and {} {} ({:.2} %)\n",
        words.who,
        outcome.answered,
        percent(outcome.answered),
        words.calls,
        outcome.wrong,
        words.becomes,
        outcome.refused,
        percent(outcome.refused)
    );
    if outcome.refused == 0 {
        return text;
    }
    text += &format!("\n{}:\n", words.heading);
    const SHOWN: usize = 20;
    outcome.forms.iter().take(SHOWN).for_each(|form| text += &render_form(form));
    let more: u64 = outcome.forms.iter().skip(SHOWN).map(|form| form.requests).sum::<u64>() + outcome.forgotten;
    if more > 0 {
        text += &format!("{:>9}  of other forms\n", more);
    }
    let is_left = outcome.forms.iter().any(|form| form.remedy == Remedy::Fallback) || outcome.forgotten > 0;
    if !outcome.clients_yaml.is_empty() {
        text += &format!(
            "\nwritten into the configuration, this lets the next build {} {}; entries that are there under `clients` stay:\n\n{}",
            words.proposal,
            if outcome.clients_left_out > 0 {
                "the most frequent of those beyond the budget"
            } else {
                "those beyond the budget"
            },
            outcome.clients_yaml
        );
    }
    if words.answers_all {
        return text;
    }
    let which = if is_left && !outcome.clients_yaml.is_empty() { "the others" } else { "all of them" };
    text + &format!("\nhint: `epr-build serve`, alone or as the fallback of the host, answers {which}\n")
}

fn render_form(form: &RefusedForm) -> String {
    let reason = match form.reason {
        Reason::Budget => "beyond the budget",
        Reason::Filters => "filters that tables do not hold together",
        Reason::Spelling => "an unusual spelling",
    };
    let mut text = format!("{:>9}  {}  ({reason})\n{:11}for example {}\n", form.requests, form.form, "", form.example);
    if !form.clients.is_empty() {
        let clients: Vec<_> = form.clients.keys().map(String::as_str).collect();
        text += &format!("{:11}from {}\n", "", clients.join(", "));
    }
    text
}
