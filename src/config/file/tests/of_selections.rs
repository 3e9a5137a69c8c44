//! Selections, and files in the form of Elastic's tool: every value, every mistake.

use super::{mistakes, read};
use crate::config::file::elastic_distribution;
use crate::config::glob::Glob;
use crate::config::selection::{Closure, Filter, KibanaRange, Latest, Preset, Subscription, What};
use crate::dialect::version::{Constraint, Version};
use crate::package::Release;
use std::path::Path;

#[test]
fn every_value_of_a_selection_arrives() {
    let config = read(
        "
selections:
  fleet:
    kibana: [9.1.0 - 9.2.4, 8.10, 8.19.5, 9.2.5]
    prerelease: no
    capabilities: [apm, security]
    take:
    - preset: fleet
    - {name: [nginx, 'ti_*'], latest: 2}
    - {type: [integration, input], category: security, owner: [elastic, elastic/sec-*], subscription: platinum, release: [ga, beta], latest: all}
    - {data_streams.type: logs, deployment_modes: agentless, versions: 2.10, prerelease: yes}
    - pin: system@1.38.3
    exclude: [{name: '*_otel'}, {type: content}]
    previous: 1
    closure: build
    content: discovered
    follow_replacements: yes
  lite: {distribution: lite.yaml}
  one: {kibana: 8.10, take: [{name: '*'}]}
distributions:
  a: {layers: [elastic], select: fleet}
upstreams: {elastic: {url: 'http://a'}}
layers:
  elastic: {mirror: {from: [elastic], select: lite, keep: ['keep/*.keep', b.keep]}}
",
    );
    let fleet = &config.selections["fleet"];
    let kibana: Vec<_> = fleet.kibana.iter().map(ToString::to_string).collect();
    assert_eq!(kibana, ["8.10.x", "8.19.5", "9.1.0–9.2.5"]);
    assert!(!fleet.prerelease && fleet.discovered && fleet.follow_replacements);
    assert_eq!(fleet.capabilities, Some(vec!["apm".to_owned(), "security".to_owned()]));
    assert_eq!((fleet.previous, fleet.closure, &fleet.distribution), (1, Closure::Build, &None));
    let globs = |words: &[&str]| words.iter().map(|word| Glob((*word).to_owned())).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let packages = |filter, latest, prerelease| What::Packages { filter, latest, prerelease };
    let expected = [
        ("preset: fleet", What::Preset(Preset::Fleet)),
        (
            "name: [nginx, ti_*], latest: 2",
            packages(Filter { names: globs(&["nginx", "ti_*"]), ..Filter::default() }, Latest::Newest(2), None),
        ),
        (
            "type: [integration, input], category: security, owner: [elastic, elastic/sec-*], subscription: platinum, release: [ga, beta], latest: all",
            packages(
                Filter {
                    types: words(&["integration", "input"]),
                    categories: words(&["security"]),
                    owner_types: words(&["elastic"]),
                    owners: globs(&["elastic/sec-*"]),
                    subscription: Some(Subscription::Platinum),
                    releases: vec![Release::Ga, Release::Beta],
                    ..Filter::default()
                },
                Latest::All,
                None,
            ),
        ),
        (
            "data_streams.type: logs, deployment_modes: agentless, versions: 2.10, prerelease: yes",
            packages(
                Filter {
                    data_streams: words(&["logs"]),
                    deployment_modes: words(&["agentless"]),
                    versions: Some(Constraint::parse("2.10").unwrap()),
                    ..Filter::default()
                },
                Latest::Newest(1),
                Some(true),
            ),
        ),
        ("pin: system@1.38.3", What::Pin("system".to_owned(), Version::strict("1.38.3").unwrap())),
    ];
    let taken: Vec<_> = fleet.take.iter().map(|take| (take.text.as_str(), take.what.clone())).collect();
    assert_eq!(taken, expected);
    let excluded: Vec<_> = fleet.exclude.iter().map(|rule| (rule.text.as_str(), rule.filter.clone())).collect();
    let otel = Filter { names: globs(&["*_otel"]), ..Filter::default() };
    let content = Filter { types: words(&["content"]), ..Filter::default() };
    assert_eq!(excluded, [("name: *_otel", otel), ("type: content", content)]);

    let lite = &config.selections["lite"];
    assert_eq!(lite.distribution.as_deref(), Some(Path::new("etc/lite.yaml")));
    assert_eq!((lite.closure, lite.prerelease), (Closure::None, true));
    let one = &config.selections["one"];
    assert_eq!((one.kibana.clone(), one.closure), (vec![KibanaRange::parse("8.10").unwrap()], Closure::Install));
    assert_eq!(config.distributions["a"].select.as_deref(), Some("fleet"));
    let mirror = config.layers["elastic"].mirror.as_ref().unwrap();
    assert_eq!(mirror.select.as_deref(), Some("lite"));
    assert_eq!(mirror.keep, [Path::new("etc/keep/*.keep"), Path::new("etc/b.keep")]);
}

#[test]
fn every_mistake_in_a_selection_has_a_line_and_a_way_out() {
    const RULES: &str = "write `[{preset: fleet}, {name: [nginx, 'ti_*'], latest: 2}]`";
    const KIBANA: &str = "write `8.19.5`, `8.19` for all its patches, or `9.1.0 - 9.2.4`";
    let cases: &[(&str, &str)] = &[
        (
            "a: {kibana: 8}",
            "2: `selections.a` takes nothing | add `take: [{preset: fleet}, {name: nginx}]`; `{name: '*'}` takes every package",
        ),
        ("a: {take: []}", &format!("2: `selections.a.take` is an empty list | {RULES}")),
        ("a: {take: {name: x}}", &format!("2: `selections.a.take` must be a list of rules, not a mapping | {RULES}")),
        (
            "a: {take: [{latest: 2}]}",
            "2: `selections.a.take.0` does not say which packages are meant | add `name`, `type`, `category` or another condition; `name: '*'` means all",
        ),
        (
            "a: {take: [{nam: x}, {name: x}]}",
            "2: unknown key `nam` in `selections.a.take.0` | did you mean `name`?\n2: `selections.a.take.0` does not say which packages are meant | add `name`, `type`, `category` or another condition; `name: '*'` means all",
        ),
        (
            "a: {take: [{preset: flet}]}",
            "2: `selections.a.take.0.preset` must be `fleet`, not `flet` | did you mean `fleet`?",
        ),
        (
            "a: {take: [{preset: fleet, latest: 2}]}",
            "2: `selections.a.take.0` has other keys beside `preset` or `pin` | give each a rule of its own: `[{preset: fleet}, {pin: system@1.38.3}]`",
        ),
        (
            "a: {take: [{pin: system}]}",
            "2: `selections.a.take.0.pin` is not a name and a version | write `system@1.38.3`, with all three numbers",
        ),
        (
            "a: {take: [{category: securty}]}",
            "2: unknown category `securty` in `selections.a.take.0.category` | did you mean `security`?",
        ),
        (
            "a: {take: [{owner: elastc}]}",
            "2: `elastc` in `selections.a.take.0.owner` is neither a type of owners nor a team on GitHub | did you mean `elastic`?",
        ),
        (
            "a: {take: [{release: alpha}]}",
            "2: `alpha` in `selections.a.take.0.release` is no maturity | known are `ga`, `beta`, `experimental`",
        ),
        (
            "a: {take: [{name: x, subscription: gol}]}",
            "2: `selections.a.take.0.subscription` must be `basic` or `gold` or `platinum` or `enterprise`, not `gol` | did you mean `gold`?",
        ),
        (
            "a: {take: [{name: x, versions: nonsense}]}",
            "2: `selections.a.take.0.versions`: improper constraint: \"nonsense\" | write it as `^2.1`, `'>=1.2 <2.0'` or `=1.2.3`",
        ),
        (
            "a: {take: [{name: x, latest: 0}]}",
            "2: `selections.a.take.0.latest` must be a whole number, 1 or more | write it with digits only, for example `2`",
        ),
        (
            "a: {take: [{name: x}], exclude: [{}]}",
            "2: `selections.a.exclude.0` does not say which versions are meant | add `name`, `type`, `versions` or another condition, or remove the rule",
        ),
        (
            "a: {take: [{name: x}], kibana: [8.1.x, 9.0 - 8.0]}",
            &format!(
                "2: `8.1.x` in `selections.a.kibana` is neither a version of Kibana nor a range of them | {KIBANA}\n2: `9.0 - 8.0` in `selections.a.kibana` ends before it begins | write `8.0 - 9.0`"
            ),
        ),
        (
            "a: {take: [{name: x}], prerelease: maybe}",
            "2: `selections.a.prerelease` must be yes or no, not text | write `yes` or `no`",
        ),
        (
            "a: {take: [{name: x}], closure: all}",
            "2: `selections.a.closure` must be `install` or `none` or `build`, not `all` | known are `install`, `none`, `build`",
        ),
        (
            "..: {take: [{name: x}]}",
            "2: `..` cannot be the name of a folder everywhere | use letters, digits, `.`, `_` and `-`, and begin with a letter or digit",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(mistakes(format!("selections:\n  {text}\n").as_bytes()), *expected, "{text}");
    }
    assert_eq!(
        mistakes(b"distributions:\n  a: {layers: [b], select: flet}\nselections: {fleet: {take: [{preset: fleet}]}}"),
        "2: distribution `a` selects `flet`, which is no selection | did you mean `fleet`?"
    );
    assert_eq!(
        mistakes(b"upstreams: {u: {url: 'http://a'}}\nlayers:\n  staging: {mirror: {from: [u], select: fleet}}"),
        "3: layer `staging` selects `fleet`, which is no selection | add `selections:` with `fleet: {take: [{preset: fleet}]}`"
    );
}

/// What is said of a file that takes nothing.
const NOTHING: &str = "there are neither queries nor packages, so nothing is taken | write `queries:` with `- {package: nginx}`, or `packages:` with `- {name: nginx, version: 1.2.3}`";

#[test]
fn a_distribution_file_takes_something_and_has_a_bound() {
    for text in ["", "address: http://a\nmatrix: []\nqueries: []\n", "matrix:\n- kibana.version: 9.1.0\n"] {
        assert_eq!(distribution(text), format!("1: {NOTHING}"), "{text}");
    }
    let file = |rows: usize, queries: usize| {
        let rows: String = (0..rows).map(|row| format!("- kibana.version: 8.0.{row}\n")).collect();
        let queries: String = (0..queries).map(|query| format!("- package: a{query}\n")).collect();
        distribution(&format!("matrix:\n{rows}queries:\n{queries}"))
    };
    assert_eq!(file(200, 100).lines().count(), 20_000);
    assert_eq!(
        file(3_000, 3_000),
        "3002: 3000 rows of `matrix` with 3000 `queries` each ask more than 20000 times | share them among files, each with a selection of its own"
    );
}

fn distribution(text: &str) -> String {
    match elastic_distribution::parse(text.as_bytes(), Path::new("lite.yaml")) {
        Ok(file) => {
            let rules = file.take.iter().map(|take| match &take.what {
                What::Query(query) => format!("?{}", query.text),
                What::Exact(name, version) => format!("{name}@{version}"),
                other => format!("{other:?}"),
            });
            rules
                .chain(file.warnings.iter().map(|warning| format!("warning: {warning}")))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(mistakes) => {
            let show = |problem: &crate::base::problem::Problem| {
                format!("{}: {} | {}", problem.place.line.unwrap(), problem.message, problem.hint.as_deref().unwrap())
            };
            mistakes.problems.iter().map(show).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Whatever a second one would replace or drop is said, in the words of our own configuration.
#[test]
fn files_of_elastics_tool_have_nothing_twice() {
    let documents = "something follows the first document, and is ignored | write everything into one document, without `---` in between";
    for (text, expected) in [
        (
            "queries:\n- {package: a}\nqueries:\n- {package: b}\n",
            "3: duplicate key `queries` | remove one of the two".to_owned(),
        ),
        ("queries:\n- {package: a, package: b}\n", "2: duplicate key `package` | remove one of the two".to_owned()),
        (
            "packages:\n- name: a\n  name: b\n  version: 1.0.0\n",
            "3: duplicate key `name` | remove one of the two".to_owned(),
        ),
        ("queries: [{package: a}]\n---\nqueries: [{package: b}]\n", format!("2: {documents}")),
        // What is merged in is replaced on purpose.
        (
            "matrix:\n- &row {kibana.version: 9.1.0}\n- {<<: *row, kibana.version: 9.2.0}\nqueries: [{}]\n",
            "?kibana.version=9.1.0\n?kibana.version=9.2.0".to_owned(),
        ),
    ] {
        assert_eq!(distribution(text), expected, "{text}");
    }
}

#[test]
fn files_of_elastics_tool_are_read_as_that_tool_reads_them() {
    for (text, expected) in [
        // Without a matrix there is one row; parameters are sorted; false and empty ones are not sent; text stays text.
        (
            "queries:\n- {package: nginx, prerelease: true, all: false, type: '', spec.max: 3.10, kibana.version: 8.10}\n- {}\n",
            "?kibana.version=8.10&package=nginx&prerelease=true&spec.max=3.10\n?",
        ),
        // Each row with each query; what the query says counts.
        (
            "matrix:\n- kibana.version: 9.1.0\n  prerelease: true\n- kibana.version: 9.2\nqueries:\n- package: a b\n- package: c\n  prerelease: false\n",
            "?kibana.version=9.1.0&package=a%20b&prerelease=true\n?kibana.version=9.1.0&package=c\n?kibana.version=9.2&package=a%20b\n?kibana.version=9.2&package=c",
        ),
        // Versions come first, wherever they stand.
        (
            "queries: [{all: yes}]\npackages:\n- {name: apache, version: 2.1.0}\nactions:\n- print:\n- download: {destination: ./x}\n",
            "apache@2.1.0\n?all=true",
        ),
        (
            "validate: true\nqueries:\n- {package: a, kibana: 8.0}\n",
            "?package=a\nwarning: lite.yaml:1: the key `validate` is not known and ignored\nwarning: lite.yaml:3: the key `queries.0.kibana` is not known and ignored\nhint: did you mean `kibana.version`?",
        ),
        // What is asked twice stands once.
        (
            "matrix: [{}, {kibana.version: ''}]\nqueries: [{package: a}, {type: input}, {package: a}]\n",
            "?package=a\n?type=input",
        ),
        // What the tool refuses.
        (
            "actions:\n- print:\n  download: {}\n",
            "2: `actions.0` has more than one action | begin each action with `- `",
        ),
        ("actions:\n- pint:\n", "2: `pint` is no action | did you mean `print`?"),
        (
            "packages:\n- {name: a}\n",
            "2: `packages.0` does not name a version of a package | write `{name: nginx, version: 1.2.3}`",
        ),
        (
            "queries:\n- {all: perhaps}\n",
            "2: `queries.0.all` must be true or false, not text | write `true` or `false`",
        ),
    ] {
        assert_eq!(distribution(text), expected, "{text}");
    }
}
