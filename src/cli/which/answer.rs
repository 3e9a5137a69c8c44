//! The answer of one distribution, whether layers or a generation gave it, and how it is told.

use crate::answers::search::explain::Rule;
use crate::answers::search::only_with_prerelease;
use crate::base::problem::Problem;
use crate::base::shown::printable;
use crate::base::words::counted;
use crate::catalog::overlay::{Hidden, Overlay, Told};
use crate::catalog::signatures::in_words;
use crate::cli::common::located::Located;
use crate::cli::common::print::field;
use crate::dialect::version::Version;
use crate::openpgp::Verdict;
use crate::package::Facts;
use serde::Serialize;

/// Characters of a reason that are shown.
pub(super) const SHOWN: usize = 300;

/// The answer of one distribution.
#[derive(Serialize)]
pub(super) struct Answer {
    pub(super) distribution: String,
    /// The generation that was asked; absent if layers were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<String>,
    pub(super) name: String,
    pub(super) kibana: String,
    /// The question as Kibana asks it.
    pub(super) question: String,
    /// What it gets; absent if it gets nothing.
    pub(super) answer: Option<Held>,
    /// Newer versions (without an answer: all), the newest first, and why it does not get them.
    pub(super) newer: Vec<NotGiven>,
    /// Versions that layers hold and the selection of the distribution leaves out, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<Unpublished>,
    /// What the version that it gets requires, and nothing in the distribution meets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unmet: Vec<Requirement>,
    /// Quarantined packages whose path has the name; absent if a generation without a report was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quarantined: Option<Vec<Located>>,
    /// What to do if the distribution does not hold the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// A version, and where it lies.
#[derive(Serialize)]
pub(super) struct Held {
    pub(super) version: String,
    pub(super) layer: String,
    /// Where it lies; absent if it is nowhere any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) package: Option<String>,
    /// What the signature that is published with it is worth; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<Verdict>,
    /// What overrides of the layer change of what the package says; absent if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overrides: Option<Overlay>,
}

/// A version that Kibana does not get.
#[derive(Serialize)]
pub(super) struct NotGiven {
    #[serde(flatten)]
    pub(super) held: Held,
    pub(super) reasons: Vec<Reason>,
}

/// A version that is held and not published.
#[derive(Serialize)]
pub(super) struct Unpublished {
    #[serde(flatten)]
    pub(super) held: Held,
    /// Name of the selection that leaves it out.
    pub(super) selection: String,
    /// Why, in words.
    pub(super) reason: String,
}

/// What a version requires of another package.
#[derive(Serialize)]
pub(super) struct Requirement {
    pub(super) package: String,
    pub(super) version: String,
    /// Why nothing meets it, in words.
    pub(super) message: String,
    pub(super) hint: String,
}

/// A rule of the search, in a word and in words.
#[derive(Serialize)]
pub(super) struct Reason {
    pub(super) rule: &'static str,
    pub(super) message: String,
}

/// Returns true if the path of a problem's package has this name.
pub(super) fn is_of(name: &str, problem: &Problem) -> bool {
    let zip = format!("{name}-");
    problem.place.package.split('/').any(|part| part == name || part.starts_with(&zip))
}

/// The answer and the question, then the newer versions with the rules that exclude them. Older ones that a selection leaves out are
/// counted, and listed if `all` are asked for.
pub(super) fn render(answer: &Answer, prerelease_has_no_effect: bool, all: bool) -> String {
    let Answer { distribution, generation, name, kibana, question, answer, newer, left_out, unmet, quarantined, hint } =
        answer;
    let mut text = match answer {
        Some(Held { version, layer, package, signature, overrides }) => {
            let signature = signature.as_ref().map(|verdict| field("signature", in_words(verdict)));
            let changes = overrides.iter().flat_map(Overlay::lines);
            let changes: String = changes.map(|change| field("override", printable(&change, SHOWN))).collect();
            format!("{distribution}: Kibana {kibana} gets {name} {version} from layer `{layer}`\n")
                + &package.as_ref().map(|package| field("package", package)).unwrap_or_default()
                + &signature.unwrap_or_default()
                + &changes
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
        let (reasons, layer) = (reasons.join("; "), format!("layer `{}`", held.layer));
        let named = if reasons.contains(&layer) { String::new() } else { format!(" ({layer})") };
        text += &field(&format!("not {}", held.version), reasons + &named);
    }
    for Requirement { package, version, message, hint } in unmet {
        text += &field("unmet", format!("it requires `{package}` {version}, and {message}\nhint: {hint}"));
    }
    // What is older than the answer takes nothing from this Kibana.
    let version = |held: &Held| Version::strict(&held.version).ok();
    let given = answer.as_ref().and_then(version);
    let is_told = |one: &&Unpublished| all || version(&one.held) > given;
    for Unpublished { held, selection, reason } in left_out.iter().filter(is_told) {
        let Held { version, layer, overrides, .. } = held;
        let why = format!("held by layer `{layer}`, left out by selection `{selection}`: {reason}");
        let changes = overrides.iter().flat_map(Overlay::lines);
        let changes: String = changes.map(|change| format!("; override: {}", printable(&change, SHOWN))).collect();
        text += &field(&format!("not {version}"), why + &changes);
    }
    let older = left_out.iter().filter(|one| !is_told(one)).count();
    if older > 0 {
        text += &field("older", format!("{} that the selection leaves out; -v lists them", counted(older, "version")));
    }
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    let line =
        |Located { problem, .. }: &Located| field("quarantined", format!("{}: {}", problem.place, problem.message));
    text.extend(quarantined.iter().flatten().map(line));
    text
}

/// A rule against a version of a layer in words, with what is known of overrides.
pub(super) fn reason(rule: &Rule, facts: &Facts, layer: &str, overlay: &Overlay) -> Reason {
    let why = |reason: &str| printable(reason, SHOWN);
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    let (rule, message) = match rule {
        Rule::Hidden => {
            let reason = overlay.hidden.as_ref().map(|Hidden { reason }| why(reason)).unwrap_or_default();
            ("hidden", format!("hidden by an override of layer `{layer}`: {reason}"))
        }
        Rule::Kibana(constraint) => {
            let by = overlay
                .kibana
                .as_ref()
                .map(|Told { reason, .. }| format!(", set by an override of layer `{layer}` ({}),", why(reason)));
            let by = by.unwrap_or_default();
            ("kibana", format!("the kibana constraint `{constraint}`{by} excludes this Kibana"))
        }
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
