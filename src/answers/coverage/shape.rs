//! The form of a refused question: its parameters, with values left out that many requests differ in.

use super::proposal::{Wanted, is_usual};
use crate::answers::route::request::Endpoint;
use crate::answers::search::Query;
use crate::answers::search::question::Question;
use crate::dialect::version::Version;
use crate::package::Spec;

/// Longer words of a list are left out of a form.
const LONGEST_WORD: usize = 32;
/// More words of a list are left out of a form.
const MOST_WORDS: usize = 8;
/// Numbers of bounds above this are left out of a form.
const MOST_SPEC: u64 = 99;

/// A refused question without what many requests differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// For example `/search?kibana.version=<version>&spec.max=3.7`. `prerelease` is left out.
    pub(super) form: String,
    /// The client to configure, if that would have the question answered.
    pub(super) wanted: Option<Wanted>,
}

impl Shape {
    /// The form of a raw query that is refused; `is_of_budget` says that the tables would hold it for a known client.
    pub(super) fn of(endpoint: Endpoint, raw: &str, is_of_budget: bool) -> Self {
        let path = match endpoint {
            Endpoint::Search => "/search",
            Endpoint::Categories => "/categories",
        };
        let (query, has_templates) = match endpoint.question(raw) {
            Ok(Question::Search(query)) => (query, false),
            Ok(Question::Categories(query, has_templates)) => (query, has_templates),
            Err(_) => (None, false),
        };
        let Some(query) = query else { return Self { form: format!("{path}?<unusual values>"), wanted: None } };
        let mut parts = parts(&query);
        parts.extend(has_templates.then(|| "include_policy_templates=true".to_owned()));
        let form = if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) };
        let wanted = is_of_budget.then(|| Wanted::of(&query)).flatten();
        Self { form, wanted }
    }
}

fn parts(query: &Query) -> Vec<String> {
    let given = |name: &str, is_given: bool, value: &str| is_given.then(|| format!("{name}={value}"));
    let version = |version: &Option<Version>| match version {
        Some(version) if version.is_prerelease() => Some("<pre-release>"),
        Some(_) => Some("<version>"),
        None => None,
    };
    let text = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
    let parts = [
        given("package", query.package.is_some(), "<name>"),
        given("category", query.category.is_some(), "<category>"),
        given("type", query.package_type.is_some(), "<type>"),
        given("all", query.all, "true"),
        given("experimental", query.experimental, "true"),
        text("kibana.version", version(&query.kibana).map(str::to_owned)),
        text("agent.version", version(&query.agent).map(str::to_owned)),
        text("capabilities", query.capabilities.as_deref().map(words)),
        text("spec.min", query.spec_min.as_ref().map(bound)),
        text("spec.max", query.spec_max.as_ref().map(bound)),
        given("discovery", !query.discovery.is_empty(), "<filter>"),
    ];
    parts.into_iter().flatten().collect()
}

fn words(words: &[String]) -> String {
    let is_plain = |word: &String| word.len() <= LONGEST_WORD && is_usual(word);
    if words.len() <= MOST_WORDS && words.iter().all(is_plain) { words.join(",") } else { "<words>".to_owned() }
}

fn bound(spec: &Spec) -> String {
    if spec.major.max(spec.minor) <= MOST_SPEC { format!("{}.{}", spec.major, spec.minor) } else { "<spec>".to_owned() }
}
