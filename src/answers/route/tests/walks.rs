//! For random catalogs and queries, walking the tables and reading the answer is the same as searching.

use crate::answers::route::answers::AnswerContent;
use crate::answers::route::build::{Built, build};
use crate::answers::route::model::{Axis, Node, Routes, Unkeyed};
use crate::answers::route::walk::Labels;
use crate::answers::search::samples::catalog;
use crate::answers::search::{Query, categories, search};
use crate::config::routing::{Budget, Client, Options};
use crate::dialect::version::{Constraint, Version};
use crate::package::{Facts, Spec, TemplateFacts};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

const VERSIONS: &[&str] =
    &["0.1.0", "0.2.0-beta", "1.0.0", "1.0.0+a", "1.1.0-rc.1", "1.1.0", "2.0.0-alpha", "2.0.0", "2.1.0", "3.0.0-beta1"];
const CONSTRAINTS: &[&str] = &[
    "",
    "",
    "^7.16.0 || ^8.0.0",
    "^8.0.0",
    "^8.2.0",
    ">=7.9.0",
    "~8.2.1",
    ">8.2.1 <9.0.0",
    "^8.3.0 || ^9.0.0",
    "!=8.2.1",
    "<8.3.0",
];
const PRERELEASE_CONSTRAINTS: &[&str] = &["", "^8.0.0-0", "^8.2.0 || >=9.0.0-SNAPSHOT", "^8.2.0"];
const REQUESTED: &[&str] = &[
    "",
    "",
    "7.8.9",
    "7.16.0",
    "8.0.0",
    "8",
    "8.2.0",
    "8.2.1",
    "8.2.2",
    "8.3.0",
    "8.99.0",
    "9.0.0",
    "10.1.0",
    "8.2.0-SNAPSHOT",
    "8.2.0+meta",
    "0.0.0",
];
const SPECS: &[&str] = &["1.0", "2.3", "2.10", "3.0"];
const BOUNDS: &[&str] = &["", "", "0.9", "1.0", "2.0", "2.3", "2.9", "2.10", "3.0", "3.1"];
const CAPABILITIES: &[&str] = &["apm", "security", "odd-one,~"];
const CATEGORIES: &[&str] = &["web", "observability", "security", "aws", "firewall_security"];
const TEMPLATE_CATEGORIES: &[&str] = &["web", "observability", "unknown", "un known", ".", "aws"];
const TYPES: &[&str] = &["integration", "integration", "input", "content"];

fn texts(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(words).prop_map(str::to_owned), 0..=most)
}

fn constraint(words: &'static [&'static str]) -> impl Strategy<Value = Option<Constraint>> {
    select(words).prop_map(|text| (!text.is_empty()).then(|| Constraint::parse(text).unwrap()))
}

fn facts() -> impl Strategy<Value = Facts> {
    let identity = (select(&["a", "b", "c"][..]), select(VERSIONS), select(TYPES), prop::bool::weighted(0.1));
    let kibana = prop_oneof![9 => constraint(CONSTRAINTS), 1 => constraint(PRERELEASE_CONSTRAINTS)];
    let agent = prop_oneof![8 => Just(None), 4 => constraint(CONSTRAINTS), 1 => constraint(PRERELEASE_CONSTRAINTS)];
    let template = prop::option::weighted(0.7, texts(TEMPLATE_CATEGORIES, 2));
    let rest = (select(SPECS), texts(CAPABILITIES, 2), texts(CATEGORIES, 2), prop::collection::vec(template, 0..3));
    (identity, kibana, agent, rest).prop_map(|((name, version, package_type, experimental), kibana, agent, rest)| {
        let release = if experimental { " release=experimental" } else { "" };
        let mut facts = catalog(&format!("{name} {version} type={package_type} spec={}{release}", rest.0)).remove(0);
        let templates = rest.3.into_iter().map(|categories| TemplateFacts { categories }).collect();
        (facts.kibana, facts.agent, facts.capabilities) = (kibana, agent, rest.1);
        (facts.categories, facts.templates) = (rest.2, templates);
        facts
    })
}

pub(super) fn catalogs() -> impl Strategy<Value = Vec<Facts>> {
    prop::collection::vec(facts(), 0..16).prop_map(|mut catalog| {
        catalog.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        catalog.dedup_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version));
        catalog
    })
}

pub(super) fn bound() -> impl Strategy<Value = Option<Spec>> {
    select(BOUNDS).prop_map(|text| (!text.is_empty()).then(|| crate::answers::search::samples::spec(text)))
}

pub(super) fn requested() -> impl Strategy<Value = Option<Version>> {
    select(REQUESTED).prop_map(|text| (!text.is_empty()).then(|| Version::loose(text).unwrap()))
}

/// All parameters but those that choose the subject.
pub(super) fn queries() -> impl Strategy<Value = Query> {
    let agent = prop_oneof![2 => Just(None), 1 => requested()];
    let mut words = CAPABILITIES.to_vec();
    words.push("uptime");
    let capabilities = prop::option::of(prop::collection::vec(select(words).prop_map(str::to_owned), 0..=4));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (requested(), agent, bound(), bound(), capabilities, flags).prop_map(
        |(kibana, agent, spec_min, spec_max, capabilities, flags)| {
            let (prerelease, experimental, all) = flags;
            Query { kibana, agent, spec_min, spec_max, capabilities, prerelease, experimental, all, ..Query::default() }
        },
    )
}

fn labels(routes: &Routes, query: &Query) -> Labels {
    Labels {
        kibana: routes.label_kibana(query.kibana.as_ref()),
        agent: routes.label_agent(query.agent.as_ref()),
        spec_min: routes.label_spec_min(query.spec_min),
        spec_max: routes.label_spec_max(query.spec_max),
        capabilities: routes.label_capabilities(query.capabilities.as_deref()),
        prerelease: Routes::label_prerelease(query.prerelease),
    }
}

fn mode(query: &Query) -> &'static str {
    match (query.experimental, query.all) {
        (false, false) => "latest",
        (false, true) => "all",
        (true, false) => "legacy",
        (true, true) => "legacy-all",
    }
}

/// Every subject that the query may name, with the query that names it and what it answers.
fn questions(catalog: &[Facts], query: &Query) -> Vec<(String, Query, Option<AnswerContent>)> {
    let mode = mode(query);
    let mut questions = Vec::new();
    let mut ask = |word: String, query: Query| {
        let hits = search(catalog, &query);
        questions.push((format!("{mode}/{word}"), query, (!hits.is_empty()).then_some(AnswerContent::Items(hits))));
    };
    ask("list".to_owned(), query.clone());
    for name in ["a", "b", "c", "unheard"] {
        ask(format!("package/{name}"), Query { package: Some(name.to_owned()), ..query.clone() });
    }
    if query.all {
        return questions;
    }
    for id in CATEGORIES.iter().chain(TEMPLATE_CATEGORIES).filter(|id| crate::answers::route::build::is_plain(id)) {
        ask(format!("category/{id}"), Query { category: Some((*id).to_owned()), ..query.clone() });
    }
    for package_type in ["integration", "input", "content", "unheard"] {
        ask(format!("type/{package_type}"), Query { package_type: Some(package_type.to_owned()), ..query.clone() });
    }
    for (word, include_templates) in [("categories", false), ("categories-templates", true)] {
        let counts = categories(catalog, query, include_templates);
        let content = (!counts.is_empty()).then_some(AnswerContent::Categories(counts));
        questions.push((format!("{mode}/{word}"), query.clone(), content));
    }
    questions
}

/// Whether the contract with the router allows to refuse: pre-release requests where some constraint of the packages
/// concerned names a pre-release, and lists of every version under any other filter.
fn may_refuse(catalog: &[Facts], query: &Query, labels: &Labels, subject: &str) -> bool {
    let filtered = |axis: Axis| labels.get(axis) != "any";
    if subject == "all/list" && Axis::ALL[..5].iter().any(|axis| filtered(*axis)) {
        return true;
    }
    if subject == "legacy-all/list" && filtered(Axis::Kibana) {
        return true;
    }
    let named = |facts: &&Facts| query.package.as_ref().is_none_or(|name| *name == facts.name);
    let typed = |facts: &&Facts| query.package_type.as_ref().is_none_or(|own| *own == facts.package_type);
    let mut concerned = catalog.iter().filter(named).filter(typed);
    let names = |constraint: &Option<Constraint>| constraint.as_ref().is_some_and(Constraint::names_prerelease);
    let kibana = query.kibana.as_ref().is_some_and(Version::is_prerelease);
    let agent = query.agent.as_ref().is_some_and(Version::is_prerelease) && !query.experimental;
    concerned.any(|facts| kibana && names(&facts.kibana) || agent && names(&facts.agent))
}

/// Walks for every subject; `exact` says whether a refusal has to be justified.
pub(super) fn check(catalog: &[Facts], built: &Built, query: &Query, exact: bool) -> Result<(), TestCaseError> {
    check_subjects(catalog, built, query, |_| exact)
}

/// Walks for every subject; a refusal has to be justified for those of which `is_exact` is true.
pub(super) fn check_subjects(
    catalog: &[Facts],
    built: &Built,
    query: &Query,
    is_exact: impl Fn(&str) -> bool,
) -> Result<(), TestCaseError> {
    let answers: BTreeMap<_, _> =
        built.answers.iter().map(|answer| (&*answer.path, built.answers.content(answer))).collect();
    let labels = labels(&built.routes, query);
    for (subject, query, expected) in questions(catalog, query) {
        match built.routes.walk(&subject, &labels) {
            Node::Step(number) => prop_assert!(false, "{subject} ends in step {number}"),
            Node::Refused => prop_assert!(
                !is_exact(&subject) || may_refuse(catalog, &query, &labels, &subject),
                "{subject} is refused for {labels:?}"
            ),
            Node::Empty => prop_assert_eq!(None, expected, "{} for {:?}", subject, labels),
            Node::Answer(path) => {
                prop_assert_eq!(answers.get(&*path), expected.as_ref(), "{} for {:?}", subject, labels);
            }
        }
    }
    Ok(())
}

fn restricted(clients: Vec<Client>) -> Options {
    Options { budget: Budget { max_contexts: 0, max_answers: 0, ..Budget::default() }, clients }
}

fn client(query: &Query) -> Client {
    let numbers = |version: &Version| [version.major, version.minor, version.patch];
    let next = |[major, minor, patch]: [u64; 3]| [major, minor, patch + 1];
    Client {
        name: "test".to_owned(),
        kibana: query.kibana.as_ref().map(|version| (numbers(version), next(numbers(version)))),
        spec_min: query.spec_min,
        spec_max: query.spec_max,
        capabilities: query.capabilities.clone(),
        experimental: query.experimental,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn tables_answer_like_the_search(catalog in catalogs(), queries in prop::collection::vec(queries(), 8)) {
        let built = build(&catalog, &Options::default());
        for query in queries {
            check(&catalog, &built, &query, true)?;
        }
    }

    /// Beyond the budget nothing is wrong, and what a known client sends is answered.
    #[test]
    fn what_clients_send_is_answered_beyond_the_budget(catalog in catalogs(), sent in queries(), other in queries()) {
        let sent = Query { all: false, agent: None, ..sent };
        let built = build(&catalog, &restricted(vec![client(&sent)]));
        check(&catalog, &built, &sent, sent.kibana.as_ref().is_none_or(|version| !version.is_prerelease()))?;
        check(&catalog, &built, &other, false)?;
    }

    /// The same catalog gives the same tables, and a node is never written twice.
    #[test]
    fn tables_are_reproducible_and_reduced(catalog in catalogs()) {
        let built = build(&catalog, &Options::default());
        let again = build(&catalog, &Options::default());
        prop_assert_eq!(&built.routes, &again.routes);
        prop_assert_eq!(&built.answers, &again.answers);
        for rows in built.routes.rows.values() {
            let mut nodes: Vec<_> = rows.default.iter().map(|(number, default)| (default, rows.exact.get(number).unwrap())).collect();
            prop_assert!(nodes.iter().all(|(default, exact)| !exact.is_empty() && exact.values().all(|node| node != *default)));
            let count = nodes.len();
            nodes.sort();
            nodes.dedup();
            prop_assert_eq!(count, nodes.len());
        }
    }
}

/// With nothing published every question has the empty answer.
#[test]
fn an_empty_catalog_answers_nothing() {
    let built = build::<Facts>(&[], &Options::default());
    assert!(built.answers.is_empty());
    let labels = labels(&built.routes, &Query::default());
    for subject in ["latest/list", "all/list", "legacy/categories", "latest/package/nginx"] {
        assert_eq!(built.routes.walk(subject, &labels), Node::Empty, "{subject}");
    }
}

/// Paths say what they hold: one version, several, or a hash where there are many.
#[test]
fn paths_of_answers() {
    let catalog = catalog("p 1.0.0 cats=web kibana=^8.0.0\np 2.0.0-beta cats=web\nq 1.0.0+a type=input");
    let built = build(&catalog, &Options::default());
    let folders: std::collections::BTreeSet<_> = built
        .answers
        .iter()
        .map(|answer| match answer.path.rsplit_once('/').unwrap() {
            (folder, leaf) if leaf.len() == 12 && leaf.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                format!("{folder}/#")
            }
            (folder, leaf) if leaf.starts_with("all-") => format!("{folder}/all-#"),
            _ => answer.path.to_string(),
        })
        .collect();
    let expected = [
        "/answers/categories/#",
        "/answers/category/observability/#",
        "/answers/category/web/#",
        "/answers/list/#",
        "/answers/package/p/1.0.0",
        "/answers/package/p/2.0.0-beta",
        "/answers/package/p/all-#",
        "/answers/package/q/1.0.0+a",
        "/answers/type/input/#",
        "/answers/type/integration/#",
    ];
    assert_eq!(folders.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn words_without_a_subject_are_noted() {
    for (line, expected) in [
        ("a 1.0.0 type=input templates=web;-", (false, false)),
        ("a 1.0.0 templates=no/way", (true, false)),
        ("a 1.0.0 templates=web;.web", (true, false)),
        ("a 1.0.0 type=in/put", (false, true)),
        ("a 1.0.0 type=", (false, false)),
    ] {
        let unkeyed = build(&catalog(line), &Options::default()).routes.unkeyed;
        assert_eq!(unkeyed, Unkeyed { categories: expected.0, types: expected.1 }, "{line}");
    }
}
