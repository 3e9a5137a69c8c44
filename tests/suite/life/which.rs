//! `which` against what was built and what was recorded, and its words.

use crate::built::{DISTRIBUTIONS, Generation, build_samples, sample_packages};
use crate::conformance::{packages_below, shared};
use crate::harness::Case;
use epr_build::answers::questions::{query_of_kibana, question};
use epr_build::answers::search::explain::explain;
use epr_build::base::progress::Progress;
use epr_build::catalog::layers::Layers;
use epr_build::cli::common::settings::{self, Choice, Input};
use epr_build::config::settings::Settings;
use epr_build::dialect::version::Version;
use epr_build::package::Facts;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Kibanas on both sides of every change of what they send.
const KIBANAS: [&str; 14] = [
    "7.14.0", "7.17.0", "8.0.0", "8.5.0", "8.6.0", "8.10.4", "8.11.0", "8.15.5", "8.16.6", "8.19.21", "9.0.8",
    "9.1.10", "9.3.8", "9.5.4",
];

/// All packages below a folder, merged for each distribution.
struct Read {
    settings: Settings,
    layers: Layers,
}

impl Read {
    fn new(packages: &Path) -> Self {
        let input = Input { distributions: Choice::All, packages, config: None, strict: false };
        let settings = settings::resolve(input).unwrap();
        let layers = Layers::read(&settings, None, &Progress::new(true)).unwrap();
        Self { settings, layers }
    }

    /// The versions of each package.
    fn packages(&self, distribution: &str) -> BTreeMap<String, Vec<Facts>> {
        let plan = self.settings.distributions.iter().find(|plan| plan.name == distribution).unwrap();
        let mut packages: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
        for facts in self.layers.catalog(plan).unwrap().facts() {
            packages.entry(facts.name.clone()).or_default().push(facts.clone());
        }
        packages
    }
}

/// The version that is explained, and the question that Kibana asks for it.
fn explained(name: &str, versions: &[Facts], kibana: &str, prerelease: bool) -> (Option<String>, String) {
    let query = query_of_kibana(name, &Version::loose(kibana).unwrap(), prerelease, None);
    let versions: Vec<&Facts> = versions.iter().collect();
    let explanation = explain(&versions, &query);
    assert!(explanation.newer.iter().all(|(_, rules)| !rules.is_empty()));
    (explanation.answer.map(|index| versions[index].version.to_string()), question(&query))
}

/// The one version in an answer.
fn answered(answer: &Value) -> Option<String> {
    let hits = answer.as_array().unwrap();
    assert!(hits.len() <= 1);
    hits.first().map(|hit| hit["version"].as_str().unwrap().to_owned())
}

/// What is explained is what the built tables answer to the same question.
#[test]
fn it_agrees_with_what_was_built() {
    let read = Read::new(&sample_packages());
    let home = build_samples();
    let mut answers = BTreeSet::new();
    for distribution in DISTRIBUTIONS {
        let generation = Generation::open(&home.path().join("out"), distribution);
        for (name, versions) in read.packages(distribution) {
            for (kibana, prerelease) in KIBANAS.iter().flat_map(|kibana| [(kibana, false), (kibana, true)]) {
                let (answer, question) = explained(&name, &versions, kibana, prerelease);
                assert_eq!(answer, answered(&generation.get_json(&question)), "{question}");
                answers.insert((name.clone(), answer));
            }
        }
    }
    assert!(answers.len() > 20, "{answers:?}");
}

/// What is explained is what the reference answered to the same question, for every recorded question of a Kibana.
#[test]
fn it_agrees_with_the_recorded_answers() {
    let Some(shared) = shared() else { return };
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for archive in ["data/package-storage-small.tar.zst", "oracle/answers-small.tar.zst"] {
        let mut unpack = Command::new("sh");
        unpack.args(["-c", "zstd -dc --long=31 \"$0\" | tar -x"]).arg(shared.join(archive));
        assert!(unpack.current_dir(home.path()).status().unwrap().success(), "{archive}");
    }
    let read = Read::new(&packages_below(home.path()));
    for distribution in DISTRIBUTIONS {
        let packages = read.packages(distribution);
        let (mut names, mut count) = (BTreeSet::new(), 0);
        let recorded = fs::read_to_string(home.path().join(format!("{distribution}.jsonl"))).unwrap();
        for line in recorded.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let path = line["path"].as_str().unwrap().replace("&internal=true", "");
            let value = |key: &str| path.split(['?', '&']).find_map(|pair| pair.strip_prefix(key));
            let (Some(name), Some(kibana)) = (value("package="), value("kibana.version=")) else { continue };
            let Some(versions) = packages.get(name) else { continue };
            if Version::strict(kibana).is_err() {
                continue;
            }
            let (answer, question) = explained(name, versions, kibana, value("prerelease=") == Some("true"));
            if question == path {
                let body = fs::read(home.path().join("bodies").join(line["sha256"].as_str().unwrap())).unwrap();
                assert_eq!(answer, answered(&serde_json::from_slice(&body).unwrap()), "{distribution} {path}");
                names.insert(name.to_owned());
                count += 1;
            }
        }
        println!("{distribution}: {count} recorded answers for {} packages are explained", names.len());
        assert!(names.len() >= 10 && count > 500, "{count} {names:?}");
    }
}

/// The words, the exit codes, and that nothing is written.
#[test]
fn it_says_why() {
    let case = Case::new()
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/staging", "acme", "1.2.0-beta1", "three")
        .broken("packages/staging", "acme", "1.3.0");
    let before = case.tree();
    let run = case.run(&["which", "acme", "--dist", "staging", "--kibana", "8.12.0"]);
    assert_eq!(case.tree(), before);
    let expected = "\
staging: Kibana 8.12.0 gets acme 1.1.0 from layer `staging`
  package            acme/1.1.0
  it asks            /search?package=acme&prerelease=false&kibana.version=8.12.0&spec.max=3.0
  not 1.2.0-beta1    it is a pre-release, and this Kibana asks for releases only (layer `staging`)
  quarantined        staging/acme/1.3.0/manifest.yml: ";
    assert!(run.code == 0 && run.stdout.starts_with(expected), "{run:#?}");
    let run = case.run(&["which", "acme", "--dist", "production", "--kibana", "7.10.0", "--quiet"]);
    let expected = "\
production: Kibana 7.10.0 gets no version of acme
  it asks            /search?package=acme&experimental=true&kibana.version=7.10.0
  not 1.0.0          the kibana constraint `^8.11.0` excludes this Kibana (layer `production`)
";
    assert_eq!((run.code, run.stdout.as_str()), (1, expected), "{run:#?}");
    let run = case.run(&["which", "acmee", "--dist", "production", "--kibana", "8.12.0"]);
    assert!(run.code == 1 && run.stdout.contains("does not hold this package; did you mean `acme`?"), "{run:#?}");
    let run = case.run(&["which", "acme", "--dist", "production", "--kibana", "new"]);
    assert_eq!(run.code, 2, "{run:#?}");
    // After a build the same comes from what it found out.
    let slow = case.run(&["which", "acme", "--dist", "staging", "--kibana", "8.4.0", "--prerelease"]);
    assert_eq!(case.run(&["--dist", "staging", "--quiet"]).code, 1);
    let (before, quick) =
        (case.tree(), case.run(&["which", "acme", "--dist", "staging", "--kibana", "8.4.0", "--prerelease"]));
    assert_eq!((slow.stdout, before), (quick.stdout, case.tree()));
}

/// Behind an air gap there are neither layers nor a configuration: the generation says the same, but for what was left out.
#[test]
fn a_generation_says_it_without_layers() {
    let case = Case::new()
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/staging", "acme", "1.2.0-beta1", "three")
        .broken("packages/staging", "acme", "1.3.0");
    assert_eq!(case.run(&["--dist", "staging", "--quiet"]).code, 1);
    let bundle = ["bundle", "--dist", "staging", "--output", "ours.bundle", "--no-program", "--quiet"];
    let bundled = case.run(&bundle);
    assert_eq!(bundled.code, 0, "{bundled:#?}");
    let far = Case::new();
    fs::copy(case.path("ours.bundle"), far.path("ours.bundle")).unwrap();
    let unbundled = far.run(&["unbundle", "ours.bundle", "--quiet"]);
    assert_eq!(unbundled.code, 0, "{unbundled:#?}");
    let before = far.tree();
    let asked = ["which", "acme", "--kibana", "8.12.0"];
    let run = far.run(&asked);
    assert_eq!(far.tree(), before);
    let generation = fs::read_link(far.path("out/staging/current")).unwrap();
    let generation = generation.file_name().unwrap().to_str().unwrap().to_owned();
    let expected = format!(
        "\
staging: Kibana 8.12.0 gets acme 1.1.0 from layer `staging`
  package            out/staging/generations/{generation}/site/epr/acme/acme-1.1.0.zip
  it asks            /search?package=acme&prerelease=false&kibana.version=8.12.0&spec.max=3.0
  generation         {generation}
  not 1.2.0-beta1    it is a pre-release, and this Kibana asks for releases only (layer `staging`)
  quarantined        staging/acme/1.3.0/manifest.yml: open manifest.yml: no such file or directory
"
    );
    assert_eq!((run.code, run.stdout.as_str()), (0, expected.as_str()), "{run:#?}");
    assert!(run.stderr.contains("which knows what the build knew"), "{run:#?}");
    // The same where there are layers, if it is asked for, and in the other form.
    let here = case.run(&[&asked[..], &["--built", "--format", "json"]].concat());
    let answers: Value = serde_json::from_str(&here.stdout).unwrap();
    assert_eq!((here.code, here.stderr.as_str()), (0, ""), "{here:#?}");
    assert_eq!((&answers[0]["generation"], &answers[0]["answer"]["version"]), (&generation.into(), &"1.1.0".into()));
    let run = far.run(&["which", "acmee", "--kibana", "8.12.0"]);
    assert!(run.code == 1 && run.stdout.contains("did you mean `acme`?"), "{run:#?}");
    let run = far.run(&["which", "acme", "--kibana", "8.12.0", "--dist", "stagin"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean `staging`?"), "{run:#?}");
    let run = Case::new().run(&["which", "acme", "--kibana", "8.12.0", "--built"]);
    assert!(run.code == 2 && run.stderr.contains("there is no distribution in `out`"), "{run:#?}");
}
