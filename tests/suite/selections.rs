//! Selections: files of Elastic's tool against a running registry, and the law on real packages.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::{build_samples, sample_packages};
use crate::conformance::{packages_below, shared, unpacked};
use crate::fixture_layer::fixtures;
use crate::harness::Case;
use crate::in_process::Server;
use epr_build::answers::questions::query_of_kibana;
use epr_build::answers::search::search;
use epr_build::base::progress::Progress;
use epr_build::catalog::layers::Layers;
use epr_build::config::exceptions::Exceptions;
use epr_build::config::file::elastic_distribution;
use epr_build::config::layer::{Layer, LayerPlan, LayerSource};
use epr_build::config::routing::changes_of_kibana;
use epr_build::config::selection::{KibanaRange, Selection};
use epr_build::config::settings::Settings;
use epr_build::config::{Config, file};
use epr_build::dialect::version::Version;
use epr_build::package::Facts;
use epr_build::select::{Candidate, Choice, Mistakes, choose, load};
use epr_build::serve::ServeOptions;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The packages of layers, the first of them on top.
fn catalog(layers: &[PathBuf]) -> Vec<Candidate> {
    let plan = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = LayerSource { name, paths: vec![path.clone()], follow_links: Vec::new() };
        LayerPlan { source, rules: Layer::default(), keys: Arc::default() }
    };
    let settings = Settings {
        distributions: Vec::new(),
        layers: layers.iter().map(plan).collect(),
        use_cache: false,
        keep: 1,
        config: Config::default(),
        strict: false,
        exceptions: Exceptions::default(),
        accept_loss: false,
    };
    let layers = Layers::read(&settings, None, &Progress::new(true)).unwrap();
    let records = layers.intakes.iter().flat_map(|layer| &layer.packages);
    let records = records.filter_map(|intake| intake.outcome.record.as_ref());
    records.map(|record| Candidate::of_package(&record.facts, &record.item).unwrap()).collect()
}

fn selection(text: &str) -> Selection {
    let config = file::parse(format!("selections:\n  a: {{{text}}}\n").as_bytes(), Path::new("a.yml")).unwrap();
    config.selections["a"].clone()
}

fn ids(choice: &Choice) -> BTreeSet<String> {
    choice.versions.keys().map(|(name, version)| format!("{name} {version}")).collect()
}

/// A registry of the samples, and the samples.
struct Registry {
    server: Server,
    catalog: Vec<Candidate>,
    _home: tempfile::TempDir,
}

impl Registry {
    fn new() -> Self {
        let home = build_samples();
        let server = Server::start(ServeOptions::new(home.path().join("out/staging/current")));
        let layers = ["production", "staging"].map(|layer| sample_packages().join(layer));
        Self { server, catalog: catalog(&layers), _home: home }
    }

    /// What the registry answers to queries.
    fn answers(&self, queries: &[String]) -> BTreeSet<String> {
        queries.iter().flat_map(|query| self.answer(query)).collect()
    }

    fn answer(&self, query: &str) -> Vec<String> {
        let mut stream = self.server.connect();
        write!(stream, "GET /search?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{query}: {answer}");
        let items: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let text = |item: &serde_json::Value, key: &str| item[key].as_str().unwrap().to_owned();
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| format!("{} {}", text(item, "name"), text(item, "version")))
            .collect()
    }

    /// What a file of Elastic's tool takes here.
    fn taken(&self, text: &str) -> BTreeSet<String> {
        self.chosen(text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn chosen(&self, text: &str) -> Result<BTreeSet<String>, Mistakes> {
        let take = elastic_distribution::parse(text.as_bytes(), Path::new("a.yaml")).unwrap().take;
        let closure = epr_build::config::selection::Closure::None;
        choose(&Selection { take, closure, ..Selection::default() }, &self.catalog, &[]).map(|choice| ids(&choice))
    }
}

/// Each file says in comments what Elastic's tool asks for, and which versions it takes unasked.
#[test]
fn distribution_files_give_what_their_queries_give() {
    let registry = Registry::new();
    let mut tried = 0;
    for entry in fs::read_dir(fixtures().join("distributions")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let after = |mark: &'static str| text.lines().filter_map(move |line| Some(line.strip_prefix(mark)?.to_owned()));
        let asked: Vec<String> = after("# asks: ").collect();
        let expected: BTreeSet<String> = registry.answers(&asked).into_iter().chain(after("# takes: ")).collect();
        assert!(!expected.is_empty(), "{}", path.display());
        assert_eq!(registry.taken(&text), expected, "{}", path.display());
        tried += 1;
    }
    assert_eq!(tried, 10);
}

/// Parameters and their values. The last two of a list are not sent.
const PARAMETERS: [(&str, &[&str]); 7] = [
    ("package", &["acme_access", "acme_firewall", "acme_legacy", "acme_suite", "nobody", "''", "~"]),
    ("all", &["true", "false", ""]),
    ("prerelease", &["true", "false", ""]),
    ("type", &["integration", "input", "content", "''", "~"]),
    ("kibana.version", &["7.17.0", "8.5.0", "8.10", "9.1.3", "9", "''", "~"]),
    ("spec.min", &["2.3", "1.0", "''", "~"]),
    ("spec.max", &["3.0", "3.10", "2.0", "''", "~"]),
];

/// A row: for some parameters the place of a value.
type Row = BTreeMap<usize, usize>;

fn row() -> impl Strategy<Value = Row> {
    prop::collection::btree_map(0..PARAMETERS.len(), 0usize..7, 0..4)
        .prop_map(|row| row.into_iter().map(|(key, value)| (key, value % PARAMETERS[key].1.len())).collect())
}

fn written(row: &Row) -> String {
    let pair = |(key, value): (&usize, &usize)| format!("{}: {}", PARAMETERS[*key].0, PARAMETERS[*key].1[*value]);
    row.iter().map(pair).collect::<Vec<_>>().join(", ")
}

fn sent(row: &Row) -> String {
    let is_sent = |key: usize, value: usize| value + 2 < PARAMETERS[key].1.len();
    let pairs = row.iter().filter(|(key, value)| is_sent(**key, **value));
    pairs
        .map(|(key, value)| format!("{}={}", PARAMETERS[*key].0, PARAMETERS[*key].1[*value]))
        .collect::<Vec<_>>()
        .join("&")
}

#[test]
fn random_distribution_files_give_what_their_queries_give() {
    let registry = Registry::new();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() });
    let files = (prop::collection::vec(row(), 0..3), prop::collection::vec(row(), 1..4));
    let tried = runner.run(&files, |(matrix, queries)| {
        let list = |rows: &[Row]| rows.iter().map(|row| format!("\n- {{{}}}", written(row))).collect::<String>();
        let text = format!("matrix:{}\nqueries:{}\n", list(&matrix), list(&queries));
        let one = [Row::new()];
        let rows = if matrix.is_empty() { &one[..] } else { &matrix };
        let together = rows.iter().flat_map(|row| {
            queries.iter().map(|query| sent(&row.iter().chain(query).map(|(key, value)| (*key, *value)).collect()))
        });
        let together: Vec<String> = together.collect();
        // A name that nobody has is a mistake, whatever the other queries find.
        if together.iter().any(|query| query.contains("package=nobody")) {
            let mistakes = registry.chosen(&text).unwrap_err().to_string();
            prop_assert!(mistakes.contains("no package is called `nobody`"), "{}: {}", text, mistakes);
        } else {
            prop_assert_eq!(registry.taken(&text), registry.answers(&together), "{}", text);
        }
        Ok(())
    });
    tried.unwrap();
}

/// Versions of Kibana that may be answered in another way than their neighbours.
fn kibanas(selection: &Selection, catalog: &[&Facts]) -> Vec<Version> {
    let constraints: BTreeMap<&str, _> =
        catalog.iter().filter_map(|facts| facts.kibana.as_ref()).map(|one| (one.as_str(), one)).collect();
    let bounds = constraints.values().flat_map(|constraint| constraint.boundaries()).chain(changes_of_kibana());
    let ranges = if selection.kibana.is_empty() { vec![KibanaRange::ALL] } else { selection.kibana.clone() };
    let within = |version: &[u64; 3]| ranges.iter().any(|range| range.holds(*version));
    let versions: BTreeSet<_> = bounds.chain(ranges.iter().map(|range| range.first)).filter(within).collect();
    versions.into_iter().map(Version::release).collect()
}

/// Asks, for every boundary of any package and every selected name, whole and choice. Gives the number of questions.
fn check_law(selection: &Selection, catalog: &[Candidate], choice: &Choice) -> usize {
    let mut facts: Vec<&Facts> = catalog.iter().map(|candidate| &candidate.facts).collect();
    facts.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    facts.dedup_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version));
    let kibanas = kibanas(selection, &facts);
    let names: BTreeSet<&str> = choice.versions.keys().map(|key| key.0.as_str()).collect();
    let mut asked = 0;
    for of_name in facts.chunk_by(|a, b| a.name == b.name).filter(|of_name| names.contains(of_name[0].name.as_str())) {
        let has = |facts: &&&Facts| choice.versions.contains_key(&(facts.name.clone(), facts.version.clone()));
        let subset: Vec<&Facts> = of_name.iter().filter(has).copied().collect();
        for kibana in &kibanas {
            for prerelease in [false, true] {
                let query = query_of_kibana(&of_name[0].name, kibana, prerelease, None);
                let answer =
                    |facts: &[&Facts]| search(facts, &query).first().map(|hit| facts[hit.index].version.clone());
                assert_eq!(answer(of_name), answer(&subset), "{} for Kibana {kibana}, {prerelease}", of_name[0].name);
                asked += 1;
            }
        }
    }
    asked
}

/// Selections for Kibanas of the time of the data.
const OF_THAT_TIME: [(&str, &str); 4] = [
    ("one Kibana", "kibana: 8.2.0, take: [{name: '*'}]"),
    ("an upgrade", "kibana: 7.17 - 8.3, take: [{name: '*'}], previous: 1"),
    ("security only", "kibana: [7.17.5, 8.0 - 8.3], take: [{preset: fleet}, {category: security}]"),
    ("everything that any Kibana gets", "take: [{name: '*'}]"),
];

/// The law for selections over the layers in a folder.
pub(crate) fn check_law_of_layers(packages: &Path, at_least: usize) {
    let layers = ["production", "staging", "snapshot"].map(|layer| packages.join(layer));
    let catalog = catalog(&layers);
    assert!(catalog.len() >= at_least, "{} versions", catalog.len());
    for (what, text) in OF_THAT_TIME {
        let selection = selection(text);
        let begin = Instant::now();
        let choice = choose(&selection, &catalog, &[]).unwrap();
        let time = begin.elapsed();
        assert!(choice.losses.is_empty(), "{what}: {:?}", choice.losses);
        assert!(choice.versions.len() < catalog.len());
        let asked = check_law(&selection, &catalog, &choice);
        let names: BTreeSet<&str> = choice.versions.keys().map(|key| key.0.as_str()).collect();
        println!(
            "{what}: {} of {} versions of {} names; {time:?}; {asked} questions hold",
            choice.versions.len(),
            catalog.len(),
            names.len(),
        );
        assert!(time < Duration::from_secs(30), "{what}: {time:?}");
    }
}

#[test]
fn the_law_holds_on_the_small_set() {
    let Some(shared) = shared() else { return };
    let home = unpacked(&shared, "package-storage-small.tar.zst");
    check_law_of_layers(&packages_below(home.path()), 250);
}

/// A layer of small packages, and selections over it.
fn case() -> Case {
    let selections = "\
distributions: {a: {layers: [upper, lower], select: some}}
selections:
  some: {kibana: 8.17.3, take: [{name: 'b*'}, {pin: acme@1.0.0}]}
  all: {take: [{name: '*', latest: all}], exclude: [{name: nobody*}]}
  vain: {take: [{name: bta}]}
  tool: {distribution: lite.yaml}
";
    Case::new()
        .config(selections)
        .file("lite.yaml", "validate: yes\nqueries: [{package: beta}]\npackages: [{name: acme, version: 1.0.0}]\n")
        .package("packages/upper", "acme", "1.0.0", "a")
        .package("packages/upper", "acme", "1.1.0", "a")
        .package("packages/lower", "acme", "1.0.0", "b")
        .package("packages/lower", "beta", "1.0.0", "c")
}

#[test]
fn the_command_shows_what_is_taken_and_why() {
    let case = case();
    let run = case.run(&["select", "some"]);
    assert_eq!(run.code, 0, "{run:?}");
    for line in [
        "selection some of layer upper, layer lower",
        "  Kibana             8.17.3",
        "  taken              3 versions of 2 names",
        "  out of             3 versions of 2 names",
        "  by rule            1 version: take 1 (name: b*)",
        "  by rule            2 versions: take 2 (pin: acme@1.0.0)",
        "  acme                             1.1.0, 1.0.0",
        "  beta                             1.0.0",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    let explained = case.run(&["select", "some", "--explain", "acme"]);
    assert!(
        explained.stdout.contains("  1.1.0 is taken\n    take 2 (pin: acme@1.0.0), for Kibana 8.17.3\n"),
        "{explained:?}"
    );
    let csv = case.run(&["select", "some", "--format", "csv"]).stdout;
    assert!(csv.starts_with("name,version,bytes,reasons\nacme,1.0.0,"), "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(&case.run(&["select", "some", "--diff", "all", "--explain", "--format", "json"]).stdout)
            .unwrap();
    assert_eq!(json["taken"]["versions"], 3);
    assert_eq!(json["diff"]["only_there"], serde_json::json!([]));
    assert_eq!(json["kibana"], serde_json::json!([{"first": "8.17.3", "next": "8.17.4"}]));
    assert_eq!(json["versions"][0]["reasons"][0]["text"], "take 2 (pin: acme@1.0.0)");
    let table = |more: &[&str]| {
        let run = case.run(&[&["select", "tool", "--format", "csv"], more].concat());
        assert_eq!(run.code, 0, "{run:?}");
        // Sizes are those of archives, which only builds make.
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (explained, compared) = (table(&["--explain"]), table(&["--diff", "some"]));
    assert_eq!(explained[0], "name,version,bytes,taken,reasons");
    let column = |lines: &[String], at: usize| {
        lines[1..].iter().map(|line| line.split(',').nth(at).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (column(&explained, 1), column(&explained, 3)),
        ("1.0.0 1.1.0 1.0.0".to_owned(), "yes no yes".to_owned())
    );
    assert!(explained[2].ends_with("\"no rule that is about the package admits this version\""), "{explained:#?}");
    assert_eq!(compared[0], "name,version,bytes,change,reasons");
    assert_eq!(column(&compared, 3), "both only_there both");
    let both = case.run(&["select", "tool", "--diff", "some", "--explain"]);
    let told = "only in some: 1 version of 1 name\n  acme 1.1.0\n    take 2 (pin: acme@1.0.0), for Kibana 8.17.3\n";
    assert!(both.stdout.contains(told), "{both:?}");
    let one = case.run(&["select", "tool", "--diff", "some", "--explain", "acme"]);
    assert!(one.stdout.ends_with("  only taken here: none\n  only taken by some: 1.1.0\n"), "{one:?}");
    let tool = case.run(&["select", "tool"]);
    assert!(tool.stderr.contains("the key `validate` is not known and ignored"), "{tool:?}");
    assert!(tool.stdout.contains("2 versions of 2 names"), "{tool:?}");
}

#[test]
fn the_command_teaches() {
    let case = case();
    for (arguments, expected) in [
        ("select vain", "error: take 1 (name: bta): no package is called `bta`\nhint: did you mean `beta`?"),
        ("select som", "error: unknown selection `som`\nhint: did you mean `some`?"),
        (
            "select some --explain betta",
            "error: there is no package `betta` to choose from\nhint: did you mean `beta`?",
        ),
        (
            "select some --from uper",
            "error: there is no layer, no upstream and no image `uper`\nhint: did you mean `upper`?",
        ),
    ] {
        let run = case.run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments}");
        assert!(run.stderr.starts_with(expected), "{arguments}: {}", run.stderr);
    }
    let lost = case.run(&["select", "tool", "--kibana", "8.x"]);
    assert!(lost.code == 2 && lost.stderr.contains("write 8.19.5, 8.19 for all its patches"), "{lost:?}");
}

/// Without the file that it names a selection is nothing.
#[test]
fn a_file_that_is_not_there_is_named() {
    let loaded = load(&Selection { distribution: Some("nowhere.yaml".into()), ..selection("take: [{name: a}]") });
    assert!(format!("{:#}", loaded.unwrap_err()).contains("cannot read `nowhere.yaml`"));
}
