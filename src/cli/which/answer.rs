//! The answer for one distribution, wherever its versions are known from.

use crate::answers::questions::question;
use crate::answers::search::explain::{Explanation, Rule, explain};
use crate::answers::search::{Query, only_with_prerelease};
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::signatures::in_words;
use crate::cli::common::located::Located;
use crate::cli::common::print::field;
use crate::dialect::version::Version;
use crate::openpgp::Verdict;
use crate::package::Facts;
use serde::Serialize;

/// The answer of one distribution.
#[derive(Serialize)]
pub(super) struct Answer {
    distribution: String,
    /// The generation that was asked; absent if the layers were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<String>,
    name: String,
    kibana: String,
    /// The question as Kibana asks it.
    question: String,
    /// What it gets; absent if it gets nothing.
    answer: Option<Held>,
    /// Newer versions (without an answer: all), the newest first, and why it does not get them.
    newer: Vec<NotGiven>,
    /// Quarantined packages whose path has the name.
    pub(super) quarantined: Vec<Located>,
    /// What to do if the distribution does not hold the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A version, and where it lies.
#[derive(Serialize)]
struct Held {
    version: String,
    layer: String,
    package: String,
    /// What the signature that is published with it is worth; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Verdict>,
}

/// A version that Kibana does not get.
#[derive(Serialize)]
struct NotGiven {
    #[serde(flatten)]
    held: Held,
    reasons: Vec<Reason>,
}

/// A rule of the search, in a word and in words.
#[derive(Serialize)]
struct Reason {
    rule: &'static str,
    message: String,
}

impl Answer {
    /// Returns true if Kibana gets a version.
    pub(super) fn is_given(&self) -> bool {
        self.answer.is_some()
    }
}

/// A version of a distribution.
pub(super) struct Offered<'a> {
    pub(super) facts: &'a Facts,
    pub(super) layer: &'a str,
    /// Where it lies.
    pub(super) package: String,
    pub(super) verdict: &'a Verdict,
}

/// What a Kibana gets of a package, and why nothing newer.
pub(super) fn answer(distribution: &str, all: &[Offered<'_>], name: &str, kibana: &Version, query: &Query) -> Answer {
    let versions: Vec<&Offered<'_>> = all.iter().filter(|version| version.facts.name == name).collect();
    let facts: Vec<&Facts> = versions.iter().map(|version| version.facts).collect();
    let Explanation { answer, newer } = explain(&facts, query);
    let held = |index: usize| Held {
        version: facts[index].version.to_string(),
        layer: versions[index].layer.to_owned(),
        package: versions[index].package.clone(),
        signature: Some(versions[index].verdict).filter(|verdict| **verdict != Verdict::Missing).cloned(),
    };
    let not_given = newer.iter().map(|(index, rules)| NotGiven {
        held: held(*index),
        reasons: rules.iter().map(|rule| reason(rule, facts[*index])).collect(),
    });
    Answer {
        distribution: distribution.to_owned(),
        generation: None,
        name: name.to_owned(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answer.map(held),
        newer: not_given.collect(),
        quarantined: Vec::new(),
        hint: versions.is_empty().then(|| unknown(name, all)),
    }
}

/// The answer and the question, then the newer versions with the rules that exclude them.
pub(super) fn render(answer: &Answer, prerelease_has_no_effect: bool) -> String {
    let Answer { distribution, generation, name, kibana, question, answer, newer, quarantined, hint } = answer;
    let mut text = match answer {
        Some(Held { version, layer, package, signature }) => {
            let signature = signature.as_ref().map(|verdict| field("signature", in_words(verdict)));
            format!("{distribution}: Kibana {kibana} gets {name} {version} from layer `{layer}`\n")
                + &field("package", package)
                + &signature.unwrap_or_default()
        }
        None => format!("{distribution}: Kibana {kibana} gets no version of {name}\n"),
    };
    text += &field("it asks", question);
    text.extend(generation.iter().map(|generation| field("generation", generation)));
    if prerelease_has_no_effect {
        text += &field("--prerelease", "has no effect: Kibana before 8.6 always asks for pre-releases");
    }
    for NotGiven { held, reasons } in newer {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        text += &field(&format!("not {}", held.version), format!("{} (layer `{}`)", reasons.join("; "), held.layer));
    }
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    let line =
        |Located { problem, .. }: &Located| field("quarantined", format!("{}: {}", problem.place, problem.message));
    text.extend(quarantined.iter().map(line));
    text
}

/// A rule in words.
fn reason(rule: &Rule, facts: &Facts) -> Reason {
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    let (rule, message) = match rule {
        Rule::Kibana(constraint) => ("kibana", format!("the kibana constraint `{constraint}` excludes this Kibana")),
        Rule::Agent(constraint) => ("agent", format!("the agent constraint `{constraint}` excludes this agent")),
        Rule::SpecMin(bound) => ("spec_min", format!("{format} is below spec.min {}.{}", bound.major, bound.minor)),
        Rule::SpecMax(bound) => ("spec_max", format!("{format} is above spec.max {}.{}", bound.major, bound.minor)),
        Rule::Capabilities(missing) => ("capabilities", format!("it needs the capabilities {}", missing.join(", "))),
        Rule::Prerelease => {
            ("prerelease", format!("it is {}, and this Kibana asks for releases only", maturity(facts)))
        }
        Rule::ReleaseFirst => {
            ("release_first", "it is a pre-release, and Kibana before 8.6 prefers a release".to_owned())
        }
        Rule::SameVersion => {
            ("same_version", "it differs only in build metadata, and the first such version counts".to_owned())
        }
    };
    Reason { rule, message }
}

fn maturity(facts: &Facts) -> &'static str {
    debug_assert!(only_with_prerelease(facts));
    if facts.version.is_prerelease() { "a pre-release" } else { "experimental" }
}

/// A hint for the name of a package that the distribution does not hold.
fn unknown(name: &str, all: &[Offered<'_>]) -> String {
    let mut known: Vec<&str> = all.iter().map(|version| version.facts.name.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        return "the layers of this distribution hold no packages".to_owned();
    }
    let is_near = nearest(name, &known).is_some();
    let hint =
        if is_near { did_you_mean(name, &known) } else { "check that its folder is in one of the layers".to_owned() };
    format!("the distribution does not hold this package; {hint}")
}
