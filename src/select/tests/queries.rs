//! Queries of distribution files.

use super::{candidates, versions};
use crate::config::selection::{Closure, Query, Selection, Take, What};
use crate::dialect::version::Version;
use crate::select::{Candidate, Choice, Mistakes, choose};
use std::time::{Duration, Instant};

const CATALOG: &str =
    "a 1.0.0 kibana=^8.0.0\n a 1.1.0 kibana=^8.10.0\n a 1.2.0-rc1\n b 1.0.0 type=input\n b 0.9.0 type=input";

fn rule(text: &str, asked_by: &[&str]) -> Take {
    let asked_by = asked_by.iter().map(|place| (*place).to_owned()).collect();
    Take { text: text.to_owned(), place: None, what: What::Query(Query { text: text.to_owned(), asked_by }) }
}

fn taken(take: Vec<Take>, catalog: &[Candidate]) -> Result<Choice, Mistakes> {
    choose(&Selection { take, closure: Closure::None, ..Selection::default() }, catalog, &[])
}

#[test]
fn queries_take_what_a_registry_answers() {
    let catalog = candidates(CATALOG);
    for (query, expected) in [
        ("", "a 1.1.0, b 1.0.0"),
        ("kibana.version=8.9.0&package=a", "a 1.0.0"),
        ("kibana.version=8.10&package=a&prerelease=true", "a 1.2.0-rc1"),
        ("all=true&type=input", "b 0.9.0, b 1.0.0"),
        ("package=a&kibana.version=7.0.0", ""),
    ] {
        assert_eq!(versions(&taken(vec![rule(query, &[])], &catalog).unwrap()), expected, "{query}");
    }
    let mistakes = taken(vec![rule("kibana.version=x", &[])], &catalog).unwrap_err();
    assert_eq!(mistakes.to_string(), "take 1 (kibana.version=x): invalid Kibana version 'x': invalid semantic version");
}

#[test]
fn a_query_that_finds_nothing_in_any_row_is_told_once() {
    let catalog = candidates(CATALOG);
    let old = "kibana.version=7.17.0&package=";
    // One row of two is enough.
    let rules = |name: &str| vec![rule(&format!("{old}{name}"), &["x:3"]), rule(&format!("package={name}"), &["x:3"])];
    assert!(taken(rules("a"), &catalog).unwrap().warnings.is_empty());
    let choice =
        taken(vec![rule(&format!("{old}a"), &["x:3", "x:5"]), rule("type=input", &["x:5"])], &catalog).unwrap();
    assert_eq!(
        choice.warnings,
        [
            "x:3 takes nothing, whichever row of the matrix it is asked for\nhint: look at the versions of Kibana and of the format that are asked for"
        ]
    );
    // A name that nobody has is a mistake like any other.
    let mistakes = taken(rules("c"), &catalog).unwrap_err();
    assert_eq!(mistakes.to_string(), "x:3: no package is called `c`\nhint: known are `a`, `b`");
    let long = candidates("nginx 1.0.0");
    let pin = Take {
        text: "x".to_owned(),
        place: Some("x:7".to_owned()),
        what: What::Exact("ngnix".to_owned(), Version::strict("1.0.0").unwrap()),
    };
    let mistakes = taken(vec![rule("package=ngnix", &["x:3"]), pin], &long).unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "x:7: no package is called `ngnix`\nhint: did you mean `nginx`?\nerror: x:3: no package is called `ngnix`\nhint: did you mean `nginx`?"
    );
}

/// All rules take the same versions, each for a reason of its own.
#[test]
fn many_queries_take_no_longer_than_each_of_them() {
    let names: Vec<String> = (0..100).map(|number| format!("a{number} 1.0.0")).collect();
    let catalog = candidates(&names.join("\n"));
    let begin = Instant::now();
    let rules = (0..5_000).map(|number| rule(&format!("kibana.version=8.0.{number}"), &["x:3"])).collect();
    let choice = taken(rules, &catalog).unwrap();
    assert_eq!((choice.versions.len(), choice.rules.len(), choice.rules[4_999].1), (100, 5_000, 100));
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
