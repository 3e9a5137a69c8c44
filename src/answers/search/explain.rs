//! Why an answer is what it is: which rule keeps each newer version of a package from a client.
//!
//! Each rule is asked alone, of the very filter that [`search`] applies, so that an explanation cannot disagree with an
//! answer. Knows nothing of layers and texts.

use super::{Hit, Query, passes, passes_legacy, search};
use crate::package::{Facts, Spec};
use std::cmp::Ordering;

/// A rule by which a version is not the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is offered to nobody, whatever they ask.
    Hidden,
    /// The constraint of the version excludes this Kibana.
    Kibana(String),
    /// The constraint of the version excludes this agent.
    Agent(String),
    /// The `format_version` is below what the client reads.
    SpecMin(Spec),
    /// The `format_version` is above what the client reads.
    SpecMax(Spec),
    /// It needs these, which the client does not have.
    Capabilities(Vec<String>),
    /// It is a pre-release or a technical preview, and the client did not ask for such.
    Prerelease,
    /// It passes, but the legacy filter takes a release where there is one.
    ReleaseFirst,
    /// It passes, but differs from the answer in build metadata only, and the first one counts.
    SameVersion,
}

/// The version of one package that a client gets, and the versions that it does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Position of the answer.
    pub answer: Option<usize>,
    /// Positions of all newer versions (without an answer: of all), the newest first, with the rules against each; never
    /// none.
    pub newer: Vec<(usize, Vec<Rule>)>,
}

/// Explains the answer to a query for the latest version of the package whose versions these are, ascending.
pub fn explain(versions: &[&Facts], query: &Query) -> Explanation {
    explain_offered(versions, |_| false, query)
}

/// The same where some versions, given by their positions, are hidden from every answer.
pub fn explain_offered(versions: &[&Facts], is_hidden: impl Fn(usize) -> bool, query: &Query) -> Explanation {
    let positions: Vec<usize> = (0..versions.len()).filter(|at| !is_hidden(*at)).collect();
    let offered: Vec<&Facts> = positions.iter().map(|at| versions[*at]).collect();
    let answer = search(&offered, query).first().map(|Hit { index, .. }| positions[*index]);
    let first = answer.map_or(0, |index| index + 1);
    let against = |index: usize| {
        let mut rules = rules(versions[index], query);
        if is_hidden(index) {
            rules.insert(0, Rule::Hidden);
        }
        if rules.is_empty() {
            let chosen = answer.map(|answer| versions[answer].version.precedence(&versions[index].version));
            rules.push(if chosen == Some(Ordering::Equal) { Rule::SameVersion } else { Rule::ReleaseFirst });
        }
        (index, rules)
    };
    Explanation { answer, newer: (first..versions.len()).rev().map(against).collect() }
}

/// The rules of the filter that keep a version out.
fn rules(facts: &Facts, query: &Query) -> Vec<Rule> {
    let filter = if query.experimental { passes_legacy } else { passes };
    // Everything that the query restricts, lifted; then one restriction after the other is put back.
    let open = Query { prerelease: true, ..Query::default() };
    let text = |constraint: &Option<crate::dialect::version::Constraint>| constraint.as_ref().map(ToString::to_string);
    let missing = |given: &[String]| facts.capabilities.iter().filter(|word| !given.contains(word)).cloned().collect();
    let rules = [
        (Query { kibana: query.kibana.clone(), ..open.clone() }, text(&facts.kibana).map(Rule::Kibana)),
        (Query { agent: query.agent.clone(), ..open.clone() }, text(&facts.agent).map(Rule::Agent)),
        (Query { spec_min: query.spec_min, ..open.clone() }, query.spec_min.map(Rule::SpecMin)),
        (Query { spec_max: query.spec_max, ..open.clone() }, query.spec_max.map(Rule::SpecMax)),
        (
            Query { capabilities: query.capabilities.clone(), ..open.clone() },
            query.capabilities.as_deref().map(missing).map(Rule::Capabilities),
        ),
        (Query { prerelease: query.prerelease, ..open }, Some(Rule::Prerelease)),
    ];
    rules.into_iter().filter(|(alone, _)| !filter(facts, alone)).filter_map(|(_, rule)| rule).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::catalog;
    use super::{Explanation, Rule, explain_offered};
    use crate::answers::questions::query_of_kibana;
    use crate::dialect::version::Version;

    /// Versions with this patch are hidden.
    const HIDDEN: u64 = 666;

    /// The answer, then what is newer with its rules.
    fn check(versions: &str, kibana: &str, prerelease: bool, expected: &str) {
        let catalog = catalog(versions);
        let versions: Vec<_> = catalog.iter().collect();
        let capabilities = Some(vec!["apm".to_owned()]);
        let query = query_of_kibana("a", &Version::loose(kibana).unwrap(), prerelease, capabilities);
        let is_hidden = |at: usize| versions[at].version.patch == HIDDEN;
        let Explanation { answer, newer } = explain_offered(&versions, is_hidden, &query);
        let mut text = answer.map_or_else(|| "none".to_owned(), |index| versions[index].version.to_string());
        for (index, rules) in newer {
            let words = rules.iter().map(|rule| match rule {
                Rule::Hidden => "hidden".to_owned(),
                Rule::Kibana(text) => format!("kibana {text}"),
                Rule::Agent(text) => format!("agent {text}"),
                Rule::SpecMin(bound) => format!("min {}.{}", bound.major, bound.minor),
                Rule::SpecMax(bound) => format!("max {}.{}", bound.major, bound.minor),
                Rule::Capabilities(words) => format!("lacks {}", words.join(",")),
                Rule::Prerelease => "prerelease".to_owned(),
                Rule::ReleaseFirst => "release first".to_owned(),
                Rule::SameVersion => "same".to_owned(),
            });
            let words: Vec<_> = words.collect();
            text += &format!("; {} {}", versions[index].version, words.join(" + "));
        }
        assert_eq!(text, expected, "{kibana}");
    }

    #[test]
    fn every_newer_version_has_all_its_rules() {
        let versions = "
            a 1.0.0 kibana=^7.16.0_||_^8.0.0 spec=1.0
            a 1.1.0 kibana=^8.5.0 spec=2.0
            a 1.2.0-beta1 spec=2.4
            a 1.3.0 kibana=^8.0.0_||_^9.0.0 spec=3.1
            a 1.4.0 kibana=^9.0.0 spec=3.4 caps=apm,security
            a 1.5.0 release=experimental spec=3.3";
        for (kibana, prerelease, expected) in [
            ("7.17.0", false, "1.5.0; "),
            (
                "8.12.0",
                false,
                "1.1.0; 1.5.0 max 3.0 + prerelease; 1.4.0 kibana ^9.0.0 + max 3.0 + lacks security; 1.3.0 max 3.0; 1.2.0-beta1 prerelease",
            ),
            (
                "8.12.0",
                true,
                "1.2.0-beta1; 1.5.0 max 3.0; 1.4.0 kibana ^9.0.0 + max 3.0 + lacks security; 1.3.0 max 3.0",
            ),
            ("9.1.0", false, "1.3.0; 1.5.0 prerelease; 1.4.0 lacks security"),
            ("9.1.0", true, "1.5.0"),
        ] {
            check(versions, kibana, prerelease, expected.trim_end_matches("; "));
        }
        check("a 1.0.0 kibana=^8.0.0\n a 1.1.0 spec=2.9", "9.0.0", true, "1.1.0");
        check(
            "a 1.0.0 spec=2.2\n a 1.1.0 kibana=^7.0.0",
            "9.0.0",
            true,
            "none; 1.1.0 kibana ^7.0.0 + min 2.3; 1.0.0 min 2.3",
        );
        // The legacy filter knows neither capabilities nor bounds, and takes a release first.
        check(
            "a 1.0.0 caps=x\n a 2.0.0-rc1 spec=9.0\n a 3.0.0 kibana=^9.0.0",
            "8.5.0",
            true,
            "1.0.0; 3.0.0 kibana ^9.0.0; 2.0.0-rc1 release first",
        );
        check("a 1.0.0+a\n a 1.0.0+b", "8.9.0", false, "1.0.0+a; 1.0.0+b same");
        // What is hidden is no answer, and of no other rule is less said.
        check(
            "a 1.0.0\n a 1.1.666\n a 1.2.666 kibana=^9.0.0",
            "8.9.0",
            false,
            "1.0.0; 1.2.666 hidden + kibana ^9.0.0; 1.1.666 hidden",
        );
        check("a 1.0.666\n a 1.1.0", "8.9.0", false, "1.1.0");
        check("a 1.0.666", "8.9.0", true, "none; 1.0.666 hidden");
    }
}
