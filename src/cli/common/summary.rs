//! What people read at the end of a build or check: problems and conflicts, then a summary of each distribution.
//!
//! Everything here is also in `report.json`, or in `advice.json` if it is about the change from the build before; except
//! times and how to serve the result. Prints nothing itself.

use super::Exit;
use super::options::DEFAULT_OUT;
use super::print::{field, shell_word};
use super::unneeded;
use crate::base::problem::{Problem, Severity};
use crate::base::progress::bytes;
use crate::base::words::counted;
use crate::base::words::few;
use crate::catalog::overlay::in_numbers;
use crate::config::DEFAULT_LISTEN;
use crate::config::exceptions::Exception;
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::ADVICE;
use crate::input::excerpt::Excerpts;
use crate::site::report::{CopyReport, Report, Sizes};
use crate::site::selection_report::SelectionReport;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::Path;

/// Warnings of a selection that the summary shows; the report lists all.
const SHOWN_WARNINGS: usize = 5;

/// The exit value of a run with these reports.
pub(in crate::cli) fn exit(reports: &[Report], strict: bool) -> Exit {
    if reports.iter().all(|report| report.is_clean(strict)) { Exit::Clean } else { Exit::Problems }
}

/// Says which permissions of a run none of its distributions needed.
pub(in crate::cli) fn tell_unneeded(settings: &Settings, reports: &[Report]) -> io::Result<()> {
    let is_needed = |exception: &Exception| reports.iter().any(|report| report.allowed.contains(exception));
    let is_loss_accepted = reports.iter().any(|report| report.is_loss_accepted);
    unneeded::tell(&settings.exceptions.allowed, is_needed, (settings.accept_loss, is_loss_accepted))
}

/// Something to print.
struct Line<'a> {
    text: String,
    problem: Option<&'a Problem>,
    /// The distribution to whose last change it was said; nothing for what a report lists.
    advice: Option<&'a str>,
}

/// Lists problems and conflicts of all reports: refusals, quarantines, conflicts, then warnings by their rules; and notes, if
/// asked for. What several distributions have in common is listed once. After `limit` of them, a line says how many more
/// there are of each rule, and where below the output folder they are listed.
pub(in crate::cli) fn render_problems(
    reports: &[Report],
    limit: usize,
    with_notes: bool,
    out: &Path,
    excerpts: &Excerpts<'_>,
) -> String {
    let of = |severity| {
        let line = |problem, advice| Line { text: Problem::to_string(problem), problem: Some(problem), advice };
        let problems = reports.iter().flat_map(move |report| {
            let advice = report.advice.iter().map(move |problem| line(problem, Some(report.distribution.as_str())));
            advice.chain(report.problems.iter().map(move |problem| line(problem, None)))
        });
        problems.filter(move |line| line.problem.is_some_and(|problem| problem.severity == severity))
    };
    let conflicts = reports.iter().flat_map(|report| &report.conflicts);
    let conflicts = conflicts.map(|copy| Line { text: conflict(copy), problem: None, advice: None });
    let mut warnings: Vec<_> = of(Severity::Warning).collect();
    warnings.sort_by_key(|line| line.problem.map(|problem| problem.rule));
    let notes = reports.iter().filter(|_| with_notes).flat_map(|report| &report.notes);
    let notes = notes.map(|note| Line { text: note.to_string(), problem: Some(note), advice: None });
    let mut seen = BTreeSet::new();
    let mut all: Vec<Line<'_>> =
        of(Severity::Refusal).chain(of(Severity::Quarantine)).chain(conflicts).chain(warnings).chain(notes).collect();
    all.retain(|line| seen.insert(line.text.clone()));
    let mut text = String::new();
    for line in all.iter().take(limit) {
        text += &line.problem.map_or_else(|| line.text.clone(), |problem| excerpts.render(problem));
        text.push('\n');
    }
    let more = all.get(limit..).unwrap_or_default();
    if !more.is_empty() {
        text += &render_rest(more, out);
    }
    text
}

/// How many there are of each rule, and where they are listed.
fn render_rest(more: &[Line<'_>], out: &Path) -> String {
    let counts = counts(more.iter().map(|line| line.problem.map_or("conflict", |problem| problem.rule.name())));
    let mut places = Vec::new();
    if more.iter().any(|line| line.advice.is_none()) {
        places.push("`epr-build check` prints all, and report.json lists them".to_owned());
    }
    let changed: BTreeSet<&str> = more.iter().filter_map(|line| line.advice).collect();
    let files = changed.iter().map(|name| format!("`{}`", out.join(name).join(ADVICE).display()));
    let files = files.collect::<Vec<_>>().join(" and ");
    if !files.is_empty() {
        places.push(format!("{files} lists what was said to the change"));
    }
    format!("and {} more ({counts}): {}\n", more.len(), places.join("; "))
}

/// `3 missing-readme, 1 unreadable`, the most frequent first.
fn counts<'a>(rules: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rules.for_each(|rule| *counts.entry(rule).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(rule, count)| format!("{count} {rule}")).collect::<Vec<_>>().join(", ")
}

fn conflict(conflict: &CopyReport) -> String {
    let CopyReport { name, version, used, also_in, differing_files, .. } = conflict;
    let files = few(differing_files);
    format!(
        "warning: {name}-{version} in layer `{also_in}` differs from the one in `{used}`, which is used\n  --> {files}\n\
         hint: give the changed package a new version, or remove one of the two"
    )
}

/// Counts and sizes of one distribution.
pub(in crate::cli) fn render_summary(report: &Report) -> String {
    let (versions, packages) = (counted(report.versions, "version"), counted(report.packages, "package"));
    let mut lines = format!("{}: {versions} of {packages}\n", report.distribution);
    let mut line = |label: &str, text: String| lines += &field(label, text);
    if let Some(change) = &report.change {
        line("change", change.to_string());
    }
    for layer in &report.layers {
        let mut text = format!("{} found, {} used", layer.found, layer.used);
        for (count, words) in [
            (layer.shadowed, "also in an earlier layer"),
            (layer.quarantined, "quarantined"),
            (layer.left_out, "left out"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {words}");
            }
        }
        line(&format!("layer {}", layer.name), text);
    }
    if let Some(selection) = &report.selection {
        line("selection", selected(selection));
        let warnings = selection.warnings.iter().take(SHOWN_WARNINGS).filter_map(|words| words.lines().next());
        warnings.for_each(|words| line("of the selection", words.to_owned()));
    }
    let warnings = report.problems.iter().filter(|problem| problem.severity == Severity::Warning).count();
    let (conflicts, warnings) = (counted(report.conflicts.len(), "conflict"), counted(warnings, "warning"));
    let notes = match report.notes.len() {
        0 => String::new(),
        count => format!(", {}", counted(count, "note")),
    };
    line("problems", format!("{} quarantined, {conflicts}, {warnings}{notes}", report.quarantined()));
    let rules = |problems: &[Problem]| {
        let warnings = problems.iter().filter(|problem| problem.severity == Severity::Warning);
        counts(warnings.map(|problem| problem.rule.name()).collect::<Vec<_>>().into_iter())
    };
    for (label, counted) in [("warnings", rules(&report.problems)), ("of the change", rules(&report.advice))] {
        if !counted.is_empty() {
            line(label, counted);
        }
    }
    if !report.overrides.is_empty() {
        let overlays = report.overrides.iter().map(|one| &one.overlay);
        line("overrides", format!("{}; report.json lists them", in_numbers(overlays)));
    }
    if !report.carried_notices.is_empty() {
        let names = counted(report.carried_notices.len(), "package");
        line("deprecated", format!("{names} by notices that mirrors carried along; report.json lists them"));
    }
    if !report.exceptions.is_empty() {
        line("exceptions", format!("{} from policies, listed in report.json", report.exceptions.len()));
    }
    let Some(routing) = &report.routing else { return lines };
    line(
        "answers",
        format!(
            "{} for {} of parameters, {}",
            routing.distinct_answers,
            counted(routing.contexts, "combination"),
            counted(routing.node_rows + routing.profile_rows, "routing row")
        ),
    );
    if routing.refused_contexts > 0 {
        line(
            "refused",
            format!(
                "{} of parameters beyond the budget, in none of the circles that report.json lists",
                counted(routing.refused_contexts, "combination")
            ),
        );
    }
    let Sizes { package_files, package_file_count, archives, documents, answers } = report.sizes;
    line(
        "sizes",
        format!(
            "packages {} in {}, archives {}, documents {}, answers {}",
            bytes(package_files),
            counted(package_file_count, "file"),
            bytes(archives),
            bytes(documents),
            bytes(answers)
        ),
    );
    lines
}

/// What a selection leaves out, and why.
fn selected(selection: &SelectionReport) -> String {
    let SelectionReport { name, left_out, bytes: size, names, reasons, losses, .. } = selection;
    let mut text = format!("`{name}` leaves out {}", counted(*left_out, "version"));
    if *left_out > 0 {
        let reasons: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let _ = write!(text, ", {} ({})", bytes(*size), reasons.join(", "));
    }
    if *names > 0 {
        let _ = write!(text, "; nothing of {} is published", counted(*names, "package"));
    }
    if !losses.is_empty() {
        let _ = write!(text, "; {} Kibanas get less on purpose, see report.json", counted(losses.len(), "answer"));
    }
    text
}

/// Where the result is, how to serve it, and what to write into `kibana.yml`.
pub(in crate::cli) fn render_how_to_serve(report: &Report, plan: &DistributionPlan, out: &Path) -> String {
    let (name, out) = (&plan.name, out.display().to_string());
    let current = format!("{out}/{name}/current");
    let mut command = format!("epr-build serve --dist {name}");
    if out != DEFAULT_OUT {
        let _ = write!(command, " --out {}", shell_word(&out));
    }
    if plan.listen != DEFAULT_LISTEN {
        let _ = write!(command, " --listen {}", shell_word(&plan.listen));
    }
    let nginx = format!("nginx -p {} -c nginx.conf", shell_word(&format!("{current}/hosts/nginx")));
    let mut lines = vec![
        ("generation", format!("{} in {current}", report.generation)),
        ("try it", command),
        ("serve it", nginx),
        ("kibana.yml", format!("xpack.fleet.registryUrl: {}", registry_url(plan))),
    ];
    lines.extend(own_key_line(report).map(|line| ("", line)));
    lines.iter().map(|(label, line)| field(label, line)).collect()
}

/// What Kibana must be told where one key that is not Elastic's has signed all that is signed: it refuses the rest by itself.
pub(in crate::cli) fn own_key_line(report: &Report) -> Option<String> {
    let (layer, _) = report.own_key()?;
    Some(format!(
        "xpack.fleet.packageVerification.gpgKeyPath: the key by which these packages are signed; `epr-build keys export \
         --for-kibana --layer {layer} --output our-key.asc` writes it"
    ))
}

/// The address for Kibana. A server that listens on every address has none of its own to show.
fn registry_url(DistributionPlan { listen, prefix, .. }: &DistributionPlan) -> String {
    match listen.rsplit_once(':') {
        None => format!("http://<this host>:{listen}{prefix}"),
        Some(("0.0.0.0" | "[::]", port)) => format!("http://<this host>:{port}{prefix}"),
        Some(_) => format!("http://{listen}{prefix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::registry_url;
    use crate::cli::common::print::shell_word;
    use crate::config::fallback::Fallback;
    use crate::config::settings::DistributionPlan;

    #[test]
    fn kibana_is_line_an_address_it_can_reach() {
        for (listen, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("epr.example:80", "http://epr.example:80"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("8080", "http://<this host>:8080"),
            ("0.0.0.0:8080", "http://<this host>:8080"),
            ("[::]:8080", "http://<this host>:8080"),
        ] {
            for prefix in ["", "/epr/staging"] {
                let plan = DistributionPlan {
                    name: "staging".to_owned(),
                    layers: Vec::new(),
                    listen: listen.to_owned(),
                    fallback: Fallback::Off,
                    prefix: prefix.to_owned(),
                    debug_header: false,
                    ui: true,
                    select: None,
                };
                assert_eq!(registry_url(&plan), format!("{expected}{prefix}"), "{listen}");
            }
        }
    }

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        for (word, expected) in
            [("/srv/epr", "/srv/epr"), ("my out", "'my out'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(shell_word(word), expected, "{word}");
        }
    }
}
