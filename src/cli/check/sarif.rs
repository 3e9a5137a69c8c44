//! Findings as SARIF 2.1.0, which code scanning of GitHub, editors and dashboards read.

use crate::base::problem::{Problem, Severity};
use crate::base::rule::{Entry, Rule};
use crate::cli::common::located::Located;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What stands in a path of an URI as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The log of one run.
pub(super) fn log(findings: &[Located], clean: bool) -> Value {
    let results: Vec<_> = findings.iter().map(result).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": Rule::all().filter_map(Rule::entry).map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [{ "executionSuccessful": true, "exitCode": u8::from(!clean) }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(entry: &Entry) -> Value {
    let Entry { code, name, level, summary, why, hint } = entry;
    json!({
        "id": name,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": format!("{summary} {why}") },
        "help": {
            "text": format!("{summary} {why}\n\nhint: {hint}"),
            "markdown": format!("{summary} {why}\n\n**Hint:** {hint}"),
        },
        "defaultConfiguration": { "level": word(level.default) },
        "properties": { "code": code },
    })
}

fn result(Located { problem, spot }: &Located) -> Value {
    let Problem { severity, rule, place, message, hint } = problem;
    let hint = hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    let mut full = problem.place.clone();
    full.line = None;
    // Readers want a path; that of a package in a branch begins at its layer.
    let uri = spot.path.as_ref().map_or_else(|| encoded(&full.to_string()), |path| uri(path));
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": uri } },
        "logicalLocations": [{ "fullyQualifiedName": full.to_string() }],
    });
    if let (Some(line), None) = (place.line, &spot.member) {
        let mut region = json!({ "startLine": line });
        if let Some((begin, end)) = spot.columns {
            region["startColumn"] = begin.into();
            region["endColumn"] = end.into();
        }
        location["physicalLocation"]["region"] = region;
    }
    let mut result = json!({
        "ruleId": rule.name(),
        "level": word(*severity),
        "message": { "text": format!("{message}{hint}") },
        "locations": [location],
        // The same finding in another run: lines move, and messages name numbers.
        "partialFingerprints": { "place/v1": format!("{} {full}", rule.name()) },
    });
    if let Some(index) = Rule::all().position(|known| known == *rule) {
        result["ruleIndex"] = index.into();
    }
    if let Some(member) = &spot.member {
        result["properties"] = json!({ "member": member, "line": place.line });
    }
    result
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Refusal | Severity::Quarantine => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A path as a URI, relative to the working directory unless it is absolute.
fn uri(path: &str) -> String {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    format!("{scheme}{}", encoded(path))
}

fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("packages/top/a/1.0.0-rc.1/manifest.yml", "packages/top/a/1.0.0-rc.1/manifest.yml"),
            ("/srv/my layer/x", "file:///srv/my%20layer/x"),
            ("a:b/%#?é+1", "a%3Ab/%25%23%3F%C3%A9%2B1"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
