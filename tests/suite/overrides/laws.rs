//! Laws: hiding is having nothing to offer and keeping everything, the same input gives the same bytes, and no package is
//! read again for another override.

use super::{BUILD, EACH, config, run, world};
use crate::built::Generation;
use crate::crash::{calls_of, can_trace};
use crate::harness::Case;
use crate::incremental::{settle, written};
use epr_build::build::verify::same;
use proptest::prelude::*;
use std::fs;

const IDS: [(&str, &str); 8] = [
    ("a", "0.9.0"),
    ("a", "1.0.0"),
    ("a", "1.1.0-rc1"),
    ("a", "2.0.0"),
    ("b", "1.0.0"),
    ("b", "1.0.1"),
    ("c", "0.1.0"),
    ("c", "3.0.0-beta1"),
];

/// Everything below a folder of the site, as it is on disk.
fn same_parts(ours: &Generation, theirs: &Generation, parts: &[&str]) {
    for part in parts {
        let [ours, theirs] = [ours, theirs].map(|generation| generation.site().join(part));
        assert_eq!(ours.exists(), theirs.exists(), "{part}");
        if ours.exists() {
            same(&ours, &theirs).unwrap_or_else(|error| panic!("{part}: {error:#}"));
        }
    }
}

fn read(generation: &Generation, name: &str) -> String {
    fs::read_to_string(generation.folder.join(name)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Tables, answers and facts are those of a layer without the hidden versions; documents, files and archives those of
    /// a build that hides nothing.
    #[test]
    fn hiding_is_having_nothing_to_offer(mask in 1_u8..255, is_wide in any::<bool>()) {
        let is_hidden = |at: usize| mask >> at & 1 == 1;
        let mut case = Case::new();
        for (at, (name, version)) in IDS.iter().enumerate() {
            case = case.package("packages/production", name, version, "some");
            if !is_hidden(at) {
                case = case.package("fewer/production", name, version, "some");
            }
        }
        let rules: Vec<String> = IDS
            .iter()
            .enumerate()
            .filter(|(at, _)| is_hidden(*at))
            .map(|(_, (name, version))| format!("package: {name}, versions: \"{version}\", hide: yes, reason: x"))
            .collect();
        // The last name as a whole, if all of it is hidden, by a pattern.
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let whole = ["package: \"c*\", hide: yes, reason: x"];
        let rules = if mask == 0b1100_0000 && is_wide { &whole[..] } else { &rules[..] };
        let case = case.config(&config(rules)).file("none.yml", &config(&[])).file("fewer.yml", &config(&[]).replace("packages/", "fewer/"));
        run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
        run(&case, &[&BUILD[..], &["--quiet", "--out", "plain", "--config", "none.yml"]].concat(), 0);
        run(&case, &[&BUILD[..], &["--quiet", "--out", "few", "--config", "fewer.yml"]].concat(), 0);
        let open = |out: &str| Generation::open(&case.path(out), "production");
        let (hiding, plain, few) = (open("out"), open("plain"), open("few"));
        for name in ["routes.json", "facts.json"] {
            prop_assert_eq!(read(&hiding, name), read(&few, name), "{}", name);
        }
        same_parts(&hiding, &few, &["answers"]);
        same_parts(&hiding, &plain, &["documents", "package", "epr", "index.json"]);
        for name in ["nginx/routing.conf", "nginx/maps.conf", "tables/tables.json"] {
            let [ours, theirs] = [&hiding, &few].map(|one| one.folder.join("hosts").join(name));
            if ours.exists() {
                prop_assert_eq!(fs::read_to_string(ours).unwrap(), fs::read_to_string(theirs).unwrap(), "{}", name);
            }
        }
    }
}

/// The notice of a name stays although the version that has it is hidden.
#[test]
fn what_a_hidden_version_says_of_its_name_stays() {
    let case = world();
    super::edit(&case, "acme/1.2.0", "owner:\n", "deprecated: {since: 1.2.0, description: Use beta}\nowner:\n");
    let case = case.config(&config(&EACH[..1]));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let generation = Generation::open(&case.path("out"), "production");
    for target in ["/search?package=acme", "/search?package=acme&all=true"] {
        let list = generation.get_json(target);
        assert!(list.as_array().unwrap().iter().all(|one| one["deprecated"]["description"] == "Use beta"), "{list}");
    }
}

fn current(case: &Case) -> std::path::PathBuf {
    fs::canonicalize(case.path("out/production/current")).unwrap()
}

/// The same overrides give the same generation, other ones another; and only the configuration is read for it.
#[test]
fn another_override_reads_no_package() {
    let case = world().config(&config(&[]));
    settle();
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    let mut seen = vec![current(&case)];
    for overrides in [&EACH[..1], &EACH[..2], &EACH[1..], &["package: acme, versions: 1.2.0, hide: yes, reason: other"]]
    {
        case.reconfigure(&config(overrides));
        let arguments = [&BUILD[..], &["--quiet"]].concat();
        if can_trace() {
            let opened = calls_of(&case, "openat,?openat2", &arguments);
            let is_package =
                |line: &&str| ["manifest.yml\"", "beta-2.0.0.zip\""].iter().any(|name| line.contains(name));
            let opened: Vec<_> = opened.lines().filter(is_package).collect();
            assert!(opened.is_empty(), "{opened:#?}");
        } else {
            run(&case, &arguments, 0);
        }
        let now = current(&case);
        assert!(!seen.contains(&now), "{overrides:?}");
        // Nothing changed: nothing is written.
        let before = written(&case);
        run(&case, &arguments, 0);
        assert!(before == written(&case), "something was written");
        // Comments and blanks are no change of the overrides.
        case.reconfigure(&format!("# more\n\n{}", config(overrides)));
        run(&case, &arguments, 0);
        assert_eq!(current(&case), now);
        seen.push(now);
    }
    case.reconfigure(&config(&[]));
    run(&case, &[&BUILD[..], &["--quiet"]].concat(), 0);
    assert_eq!(current(&case), seen[0]);
}

#[test]
fn a_clean_build_is_the_same() {
    let case = world().config(&config(&EACH));
    settle();
    run(&case, &BUILD, 0);
    run(&case, &[&BUILD[..], &["--verify-clean"]].concat(), 0);
    case.reconfigure(&config(&EACH[..2]));
    run(&case, &[&BUILD[..], &["--verify-clean"]].concat(), 0);
    run(&case, &["verify", "out"], 0);
}
