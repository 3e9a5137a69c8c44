//! Tables of selections over small catalogs, and the law over random ones.

mod beyond_rules;
mod laws;
mod queries;
mod random;
mod told;

use super::{Candidate, Choice, Pin, choose};
use crate::answers::search::samples::catalog;
use crate::config::file;
use crate::config::selection::{Selection, Subscription};
use crate::dialect::version::Version;
use crate::select::requires::Need;
use std::path::Path;

/// Versions as [`catalog`] reads them, with more keys: `sub`, `owner`, `team`, `streams`, `datasets_of`, `modes`, `needs` and
/// `puts_in` (`package@range`), `replaced`.
pub(super) fn candidates(text: &str) -> Vec<Candidate> {
    const MORE: [&str; 9] = ["sub", "owner", "team", "streams", "data", "modes", "needs", "puts_in", "replaced"];
    let line = |line: &str| {
        let is_more = |word: &&str| word.split_once('=').is_some_and(|(key, _)| MORE.contains(&key));
        let (more, plain): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(is_more);
        let facts = catalog(&plain.join(" ")).remove(0);
        let mut candidate = Candidate {
            facts,
            is_format_known: true,
            subscription: Subscription::Basic,
            owner_type: String::new(),
            owner_github: String::new(),
            requires: Default::default(),
            data_stream_types: Vec::new(),
            datasets: Vec::new(),
            deployment_modes: vec!["default".to_owned()],
            is_hidden: false,
            is_kibana_overridden: false,
            is_whole: false,
        };
        for (key, value) in more.into_iter().filter_map(|word| word.split_once('=')) {
            let words = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
            let needs = || {
                let pair =
                    |text: &str| text.split_once('@').map(|(name, range)| Need::new(name, range.replace('_', " ")));
                value.split(',').filter_map(pair).collect::<Vec<_>>()
            };
            match key {
                "sub" => candidate.subscription = Subscription::of_word(value),
                "owner" => value.clone_into(&mut candidate.owner_type),
                "team" => value.clone_into(&mut candidate.owner_github),
                "streams" => candidate.data_stream_types = words(),
                "data" => candidate.datasets = words(),
                "modes" => candidate.deployment_modes = words(),
                "needs" => candidate.requires.content = needs(),
                "puts_in" => candidate.requires.input = needs(),
                _ => {
                    let by = crate::package::ReplacedBy { package: value.to_owned(), ..Default::default() };
                    let block = crate::package::Deprecated { replaced_by: Some(by), ..Default::default() };
                    candidate.facts.deprecated = Some(block);
                }
            }
        }
        candidate
    };
    text.lines().map(str::trim).filter(|text| !text.is_empty()).map(line).collect()
}

/// A selection as it stands in the configuration, in one line.
pub(super) fn selection(text: &str) -> Selection {
    match file::parse(format!("selections:\n  a: {{{text}}}\n").as_bytes(), Path::new("a.yml")) {
        Ok(config) => config.selections["a"].clone(),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

pub(super) fn pin(text: &str) -> Pin {
    let mut words = text.split(' ');
    let (name, version) = words.next().unwrap().split_once('@').unwrap();
    let mut pin = Pin {
        name: name.to_owned(),
        version: Version::strict(version).unwrap(),
        reasons: vec![super::keep_file::Why::Installed],
        kibana: None,
        prerelease: false,
        optional: false,
        site: "site".to_owned(),
    };
    for word in words {
        match word {
            "optional" => pin.optional = true,
            "prerelease" => pin.prerelease = true,
            kibana => pin.kibana = Some(Version::strict(kibana).unwrap()),
        }
    }
    pin
}

fn versions(choice: &Choice) -> String {
    choice.versions.keys().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

fn made(catalog: &str, rules: &str, pins: &[&str]) -> Choice {
    let pins: Vec<Pin> = pins.iter().map(|text| pin(text)).collect();
    choose(&selection(rules), &candidates(catalog), &pins).unwrap_or_else(|mistakes| panic!("{rules}: {mistakes}"))
}

fn check(catalog: &str, cases: &[(&str, &str)]) {
    for (rules, expected) in cases {
        assert_eq!(versions(&made(catalog, rules, &[])), *expected, "{rules}");
    }
}

/// Backports: the answer changes inside of minor versions.
const BACKPORTS: &str = "
    a 1.0.0 kibana=^8.0.0 spec=3.0
    a 1.1.0 kibana=~8.18.8_||_^8.19.5_||_~9.0.8_||_^9.1.5 spec=3.0
    a 1.2.0 kibana=^9.2.0 spec=3.5
    a 2.0.0-beta1 kibana=^9.0.0 spec=3.0
    b 0.1.0 spec=3.0";

#[test]
fn every_boundary_of_a_range_is_asked() {
    check(
        BACKPORTS,
        &[
            ("kibana: 8.18.7, take: [{name: a}]", "a 1.0.0"),
            ("kibana: 8.18.8, take: [{name: a}]", "a 1.1.0"),
            ("kibana: 8.18, take: [{name: a}]", "a 1.0.0, a 1.1.0"),
            ("kibana: 8.18.7 - 8.18.8, take: [{name: a}]", "a 1.0.0, a 1.1.0"),
            ("kibana: [8.18.7, 9.2.0], take: [{name: a}]", "a 1.0.0, a 1.2.0, a 2.0.0-beta1"),
            ("kibana: [9.1.5], take: [{name: a}]", "a 1.1.0, a 2.0.0-beta1"),
            ("kibana: [9.1.5], prerelease: no, take: [{name: a}]", "a 1.1.0"),
            ("kibana: [9.1.5], prerelease: no, take: [{name: a, prerelease: yes}]", "a 1.1.0, a 2.0.0-beta1"),
            ("kibana: 9.0.0, take: [{name: '*'}]", "a 2.0.0-beta1, b 0.1.0"),
            ("take: [{name: a}]", "a 1.0.0, a 1.1.0, a 1.2.0, a 2.0.0-beta1"),
        ],
    );
}

#[test]
fn kibanas_read_some_formats_only() {
    let catalog = "
        a 1.0.0 spec=1.0
        a 1.1.0 spec=2.3
        a 1.2.0 spec=3.3
        a 1.3.0 spec=3.5";
    check(
        catalog,
        &[
            ("kibana: 8.5.0, take: [{name: a}]", "a 1.3.0"),
            ("kibana: 8.11.0, take: [{name: a}]", "a 1.1.0"),
            ("kibana: 8.15 - 8.16, take: [{name: a}]", "a 1.1.0, a 1.2.0"),
            ("kibana: 9.0.0, take: [{name: a, latest: all}]", "a 1.1.0, a 1.2.0"),
            ("kibana: 8.19.0, take: [{name: a, latest: 2}]", "a 1.1.0, a 1.2.0"),
        ],
    );
}

#[test]
fn latest_counts_for_each_kibana() {
    let catalog = "
        a 1.0.0 kibana=^8.0.0
        a 1.1.0 kibana=^8.0.0
        a 1.2.0 kibana=^8.0.0
        a 2.0.0 kibana=^9.0.0 spec=2.3
        a 2.1.0 kibana=^9.0.0 spec=2.3
        a 3.0.0-rc1 kibana=^8.0.0";
    check(
        catalog,
        &[
            ("kibana: [8.7.0, 9.0.0], prerelease: no, take: [{name: a}]", "a 1.2.0, a 2.1.0"),
            (
                "kibana: [8.7.0, 9.0.0], prerelease: no, take: [{name: a, latest: 2}]",
                "a 1.1.0, a 1.2.0, a 2.0.0, a 2.1.0",
            ),
            ("kibana: 8.7.0, take: [{name: a, latest: 2}]", "a 1.1.0, a 1.2.0, a 3.0.0-rc1"),
            // Before 8.6 a release comes first, and pre-releases of what has a release count no more.
            ("kibana: 8.5.0, take: [{name: a, latest: 2}]", "a 1.1.0, a 1.2.0"),
            ("kibana: 8.7.0, prerelease: no, take: [{name: a}], previous: 1", "a 1.1.0, a 1.2.0"),
            ("kibana: 8.7.0, take: [{name: a}], previous: 1", "a 1.1.0, a 1.2.0, a 2.1.0, a 3.0.0-rc1"),
        ],
    );
}

#[test]
fn conditions_choose_packages_and_not_versions() {
    let catalog = "
        aws 1.0.0 kibana=^7.0.0 cats=cloud owner=elastic team=elastic/obs streams=logs,metrics
        aws 2.0.0 kibana=^8.0.0 cats=cloud,web owner=elastic team=elastic/obs streams=logs sub=platinum
        fire 1.0.0 cats=firewall_security owner=partner team=acme/x release=experimental
        templ 1.0.0 templates=-;threat_intel type=input modes=default,agentless
        cont 1.0.0 type=content sub=enterprise";
    check(
        catalog,
        &[
            ("kibana: 8.0.0, take: [{category: security}]", "fire 1.0.0, templ 1.0.0"),
            ("kibana: 8.0.0, take: [{category: observability}]", "aws 2.0.0"),
            // In 7.17 it is in no such category, but in 8.0 it is: then both Kibanas get what they get from the whole.
            ("kibana: [7.17, 8.0.0], take: [{category: observability}]", "aws 1.0.0, aws 2.0.0"),
            ("take: [{owner: partner}]", "fire 1.0.0"),
            ("take: [{owner: elastic/*}]", "aws 1.0.0, aws 2.0.0"),
            ("kibana: 8.0.0, take: [{subscription: gold}]", "fire 1.0.0, templ 1.0.0"),
            ("kibana: 8.0.0, take: [{subscription: platinum, name: aws}]", "aws 2.0.0"),
            ("take: [{type: [content, input]}]", "cont 1.0.0, templ 1.0.0"),
            ("take: [{deployment_modes: agentless}]", "templ 1.0.0"),
            ("kibana: 7.17, take: [{data_streams.type: metrics}]", "aws 1.0.0"),
            ("take: [{release: experimental}]", "fire 1.0.0"),
            ("take: [{name: '*'}], exclude: [{name: 'a*'}, {type: content}]", "fire 1.0.0, templ 1.0.0"),
        ],
    );
}

#[test]
fn what_is_excluded_is_as_if_it_were_not_there() {
    let catalog = "
        a 1.0.0
        a 1.1.0
        a 1.2.0
        b 1.0.0 needs=a@1.2.0";
    check(
        catalog,
        &[
            ("take: [{name: a}], exclude: [{name: a, versions: '=1.2.0'}]", "a 1.1.0"),
            // What a package requires wins, and so does what sites have.
            ("take: [{name: '*'}], exclude: [{name: a, versions: '=1.2.0'}]", "a 1.1.0, a 1.2.0, b 1.0.0"),
            ("take: [{name: b}], exclude: [{name: a}]", "a 1.2.0, b 1.0.0"),
            ("take: [{name: b}], closure: none", "b 1.0.0"),
            ("take: [{name: b}, {pin: a@1.0.0}], exclude: [{name: a}], closure: none", "b 1.0.0"),
        ],
    );
    let choice = made(catalog, "take: [{name: b}], exclude: [{name: a}], closure: none", &["a@1.0.0"]);
    assert_eq!(versions(&choice), "a 1.0.0, b 1.0.0");
    let choice = made(catalog, "kibana: 8.7.0, take: [{name: a}], exclude: [{name: a, versions: '=1.2.0'}]", &[]);
    let losses: Vec<_> = choice
        .losses
        .iter()
        .map(|loss| {
            let choice = loss.choice.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {} {choice} for {}: {}", loss.name, loss.kibana, loss.whole, loss.because)
        })
        .collect();
    assert_eq!(losses[0], "a 8.7.0 1.1.0 for 1.2.0: exclude 1 (name: a, versions: =1.2.0)");
}

#[test]
fn presets_take_what_there_is_with_pre_releases() {
    let catalog = "
        system 1.0.0
        system 1.1.0-beta1
        endpoint 8.0.0 kibana=^8.0.0
        nginx 1.0.0";
    check(
        catalog,
        &[(
            "kibana: 8.9.0, prerelease: no, take: [{preset: fleet}]",
            "endpoint 8.0.0, system 1.0.0, system 1.1.0-beta1",
        )],
    );
}

#[test]
fn elements_of_listings_are_read() {
    let item = r#"{"type":"integration","release":"beta","conditions":{"kibana":{"version":"^8.0.0"},"elastic":{"subscription":"gold","capabilities":["apm"]}},
        "owner":{"github":"elastic/x","type":"elastic"},"categories":["web","nope"],"discovery":{"datasets":[{"name":"d"}]},
        "data_streams":[{"type":"logs","dataset":"a.b","title":"t"},{"type":"logs","dataset":"a.c","title":"t"}],
        "policy_templates":[{"name":"p","categories":["aws"]},{"name":"q","deployment_modes":{"default":{"enabled":false},"agentless":{"enabled":true,"release":"beta"}}}],
        "requires":{"content":[{"package":"c","version":"^1.0.0"}]},"deprecated":{"since":"1.0.0","description":"d","replaced_by":{"package":"n"}}}"#;
    let version = Version::strict("1.2.3").unwrap();
    let candidate = Candidate::of_item(item, "a", &version, Some("3.10.1"), Some("platinum")).unwrap();
    assert_eq!((candidate.facts.spec.major, candidate.facts.spec.minor, candidate.is_format_known), (3, 10, true));
    assert_eq!(candidate.subscription, Subscription::Gold);
    assert_eq!((candidate.owner_type.as_str(), candidate.owner_github.as_str()), ("elastic", "elastic/x"));
    assert_eq!(candidate.facts.categories, ["web"]);
    assert_eq!(
        (candidate.data_stream_types.as_slice(), candidate.datasets.as_slice()),
        (&["logs".to_owned()][..], &["a.b".to_owned(), "a.c".to_owned()][..])
    );
    assert_eq!(candidate.deployment_modes, ["agentless", "default"]);
    assert_eq!(candidate.requires.content, [Need::new("c", "^1.0.0")]);
    assert_eq!(candidate.facts.deprecated.unwrap().replaced_by.unwrap().package, "n");
    let plain = Candidate::of_item("{}", "a", &version, None, Some("platinum")).unwrap();
    assert_eq!((plain.subscription, plain.is_format_known), (Subscription::Platinum, false));
    for (item, reason) in [
        ("[]", "cannot understand what is listed of a 1.2.3"),
        ("{\"conditions\":7}", "invalid type"),
        ("{\"conditions\":{\"kibana\":{\"version\":\"none\"}}}", "improper constraint"),
        ("{\"requires\":[]}", "`requires`"),
    ] {
        let error = format!("{:#}", Candidate::of_item(item, "a", &version, None, None).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }
}
