//! Circles: what is answered beyond the budget, and what it costs.

use super::walks::{bound, catalogs, check, check_subjects, queries, requested};
use crate::answers::route::axes::Axes;
use crate::answers::route::build::build;
use crate::answers::route::model::{Axis, Node, Routes};
use crate::answers::search::Query;
use crate::answers::search::samples::catalog;
use crate::config::routing::{Budget, Client, Options, branches, known};
use crate::dialect::version::Version;
use crate::package::{Facts, Spec};
use proptest::prelude::*;
use proptest::sample::select;

/// Nothing is computed for all combinations, and circles may take so many bytes.
fn beyond_the_budget(max_bytes: u64) -> Options {
    Options { budget: Budget { max_contexts: 0, max_answers: 0, max_bytes }, ..Options::default() }
}

const KIBANAS: &[&str] =
    &["7.17.3", "8.0.0", "8.2.1", "8.3.0", "8.10.9", "8.12.0", "8.15.3", "8.19.2", "9.0.0", "9.2.5", "10.1.0"];

fn kibana() -> impl Strategy<Value = Version> {
    select(KIBANAS).prop_map(|text| Version::loose(text).unwrap())
}

fn branch_of(kibana: &Version) -> Option<Client> {
    let numbers = kibana.numbers();
    let carries = |client: &Client| client.kibana.is_some_and(|(first, next)| first <= numbers && numbers < next);
    branches().into_iter().find(carries)
}

/// What a Kibana of this version sends.
fn of_branch(kibana: Version) -> Query {
    let branch = branch_of(&kibana);
    Query {
        spec_min: branch.as_ref().and_then(|branch| branch.spec_min),
        spec_max: branch.as_ref().and_then(|branch| branch.spec_max),
        kibana: Some(kibana),
        ..Query::default()
    }
}

/// Capabilities of the project types, and the sets that some package of a catalog asks for.
fn sets(catalog: &[Facts]) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let projects = known().into_iter().filter_map(|client| client.capabilities).collect();
    (projects, catalog.iter().map(|facts| facts.capabilities.clone()).collect())
}

/// A question with a single filter.
fn single() -> impl Strategy<Value = Query> {
    let capability = select(&["apm", "security", "uptime", "odd-one,~"][..]).prop_map(str::to_owned);
    prop_oneof![
        requested().prop_map(|kibana| Query { kibana, ..Query::default() }),
        bound().prop_map(|spec_min| Query { spec_min, ..Query::default() }),
        bound().prop_map(|spec_max| Query { spec_max, ..Query::default() }),
        capability.prop_map(|own| Query { capabilities: Some(vec![own]), ..Query::default() }),
    ]
}

/// Which subjects a question is asked of: all, or all but single categories.
type Asked = fn(&str) -> bool;
const ALL: Asked = |_| true;
const LISTS: Asked = |subject| !subject.contains("/category/");

/// Every question of the circles, from the outermost ones down to those that are always held.
fn questions(catalog: &[Facts], at: usize, kibana: Version, bounds: [Option<Spec>; 2]) -> Vec<(Query, Asked)> {
    let [spec_min, spec_max] = bounds;
    let any = Query { spec_min, spec_max, ..Query::default() };
    let own = of_branch(kibana.clone());
    let later = own.spec_max.map(|own| spec_max.unwrap_or(own).max(own));
    let (projects, named) = sets(catalog);
    let pick = |sets: &[Vec<String>]| sets.get(at % sets.len().max(1)).cloned();
    let capability = named.concat().get(at % named.concat().len().max(1)).map(|own| vec![own.clone()]);
    vec![
        (Query { kibana: Some(kibana.clone()), ..any.clone() }, LISTS),
        (any.clone(), LISTS),
        (Query { capabilities: pick(&projects), ..any }, LISTS),
        (Query { capabilities: pick(&named), ..Query::default() }, LISTS),
        (Query { agent: Some(kibana.clone()), ..Query::default() }, LISTS),
        (Query { capabilities: capability, ..own.clone() }, LISTS),
        (Query { capabilities: pick(&named), ..own.clone() }, LISTS),
        (Query { spec_max: later, ..own.clone() }, ALL),
        (own, ALL),
        (Query { kibana: Some(kibana), ..Query::default() }, ALL),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Where there is room for them, no circle is cut: each of their questions has its answer.
    #[test]
    fn circles_are_answered(
        catalog in catalogs(),
        single in single(),
        at in any::<usize>(),
        kibana in kibana(),
        bounds in [bound(), bound()],
        flags in any::<(bool, bool)>(),
    ) {
        let built = build(&catalog, &beyond_the_budget(Budget::default().max_bytes));
        let mut questions = questions(&catalog, at, kibana, bounds);
        questions.push((single, ALL));
        for (query, asked) in questions {
            let query = Query { prerelease: flags.0, experimental: flags.1, ..query };
            check_subjects(&catalog, &built, &query, asked)?;
        }
    }

    /// However little room there is, nothing is wrong, and what is always held is answered.
    #[test]
    fn nothing_is_wrong_where_circles_are_cut(
        catalog in catalogs(),
        max_bytes in select(&[0_u64, 3_000, 20_000, 60_000_000][..]),
        single in single(),
        kibana in kibana(),
        prerelease in any::<bool>(),
        others in prop::collection::vec(queries(), 6),
    ) {
        let built = build(&catalog, &beyond_the_budget(max_bytes));
        for query in [of_branch(kibana), single] {
            check_subjects(&catalog, &built, &Query { prerelease, ..query }, ALL)?;
        }
        for query in others {
            check(&catalog, &built, &query, false)?;
        }
    }
}

/// A catalog of many lists: names that follow Kibana in different steps.
fn many_lists() -> Vec<Facts> {
    let mut text = String::new();
    for name in 0..40 {
        for version in 0..6 {
            let (minor, patch) = (version * 3 + name % 3, name % 7);
            let spec = ["1.0", "2.3", "3.0", "3.3", "3.4", "3.6"][version];
            let capabilities = ["", "security", "apm,security", ""][name % 4];
            text += &format!(
                "p{name:02} 1.{version}.0 kibana=^8.{minor}.{patch}_||_^9.{version}.{patch} spec={spec} caps={capabilities} cats=web\n"
            );
        }
    }
    catalog(&text)
}

/// What is cut is cut as a whole, stays within its share, and is told.
#[test]
fn circles_are_cut_as_wholes() {
    let catalog = many_lists();
    let list = |max_bytes: u64| {
        let report = build(&catalog, &beyond_the_budget(max_bytes)).report;
        report.families.into_iter().find(|family| family.subject == "latest/list").unwrap()
    };
    let [none, some, all] = [0, 300_000, 600_000_000].map(list);
    let always = ["what clients send", "a single filter", "later formats, newest Kibana"];
    assert_eq!(none.circles, always);
    assert_eq!(some.circles[..always.len()], always);
    assert!(some.circles.len() > always.len() && some.cut.len() > 3, "{some:?}");
    assert!(all.cut.is_empty(), "{all:?}");
    for family in [&none, &some, &all] {
        assert!(!family.exact && family.refused_contexts > 0);
        assert_eq!(family.circles.iter().filter(|circle| family.cut.contains(circle)).count(), 0);
    }
    assert!(none.answers < some.answers && some.answers < all.answers);
    assert!(none.refused_contexts > some.refused_contexts && some.refused_contexts > all.refused_contexts);
    // Just over half of the bytes are for the list, and one of 20 to 40 elements takes 2,600 to 5,200.
    let added = some.answers - none.answers;
    assert!(added <= 300_000 / 2_600, "{added}");
}

/// What many may ask comes before what few do: branches that get patches before older ones, usual sets before odd ones.
#[test]
fn the_likeliest_circles_are_held_first() {
    let mut catalog = many_lists();
    // Ten sets of which each is asked for by one version alone.
    let odd = (0..16_u32).filter(|mask| mask.count_ones() > 1 && *mask != 3).map(|mask| {
        let words = ["apm", "security", "uptime", "observability"].into_iter().enumerate();
        words.filter(|(position, _)| mask >> position & 1 == 1).map(|(_, word)| word.to_owned()).collect::<Vec<_>>()
    });
    let newest = catalog.iter_mut().filter(|facts| facts.capabilities.is_empty() && facts.spec.minor == 6);
    newest.zip(odd).for_each(|(facts, set)| facts.capabilities = set);
    let family = |max_bytes: u64| {
        let report = build(&catalog, &beyond_the_budget(max_bytes)).report;
        report.families.into_iter().find(|family| family.subject == "latest/list").unwrap()
    };
    let all = family(600_000_000).circles;
    let place = |name: &str| all.iter().position(|own| own == name).unwrap_or_else(|| panic!("{name}: {all:?}"));
    for (first, second) in [
        ("any bounds without Kibana", "later formats, Kibana 9.2"),
        ("later formats, Kibana 9.0", "a set of capabilities alone"),
        ("a set of capabilities alone", "a usual capability, Kibana 9.4"),
        ("a usual capability, Kibana 9.4", "a usual capability, Kibana 9.0"),
        ("a usual capability, Kibana 9.0", "later formats, Kibana 8.16"),
        ("later formats, Kibana 8.11", "a set of capabilities, Kibana 9.4"),
        ("a set of capabilities, Kibana 9.0", "a usual capability, Kibana 8.16"),
        ("any bounds, Kibana 9.0", "a set of capabilities, Kibana 8.16"),
    ] {
        assert!(place(first) < place(second), "{first}: {all:?}");
    }
    // A set that one in four versions asks for is usual; one that a single version asks for is not.
    let mut routes = Routes::default();
    let facts: Vec<&Facts> = catalog.iter().collect();
    let axes = Axes::new(&facts, &[], &mut routes);
    let is_usual = |set: &[&str]| {
        let set: Vec<String> = set.iter().map(|&word| word.to_owned()).collect();
        let label = axes.table(Axis::Capabilities).position(&routes.label_capabilities(Some(&set))).unwrap();
        assert!(axes.named_sets().contains(&label), "{set:?}");
        axes.usual_sets().contains(&label)
    };
    assert!(is_usual(&["apm", "security"]) && !is_usual(&["apm", "uptime"]));
}

/// Requests of real programs, written out: each has an answer at budget 0.
#[test]
fn what_programs_ask() {
    let catalog = many_lists();
    let routes = build(&catalog, &beyond_the_budget(600_000_000)).routes;
    for (what, kibana, min, max, capabilities) in [
        ("Kibana whose version check is switched off", "", "2.3", "3.6", ""),
        ("Kibana with bounds set by hand", "9.3.0", "2.0", "3.0", ""),
        ("the download tool for 7.17", "7.17.9", "", "3.0", ""),
        ("the next Kibana with the first package of a new format", "9.6.0", "2.3", "3.7", ""),
        ("the next Kibana with another lower bound", "10.0.0", "3.0", "4.0", ""),
        ("the next serverless Kibana", "", "3.0", "3.7", "security"),
        ("a Kibana with a capability set by hand", "9.2.1", "2.3", "3.5", "security"),
        ("a Kibana with those of a package", "8.17.0", "", "3.3", "apm,security"),
        ("a load script", "", "", "3.0", ""),
        ("another", "8.15.0", "", "", ""),
    ] {
        let labels = super::labels::labels(&routes, kibana, min, max, capabilities);
        for subject in ["latest/list", "latest/categories", "latest/categories-templates", "latest/type/integration"] {
            assert_ne!(routes.walk(subject, &labels), Node::Refused, "{what}: {subject}");
        }
    }
}
