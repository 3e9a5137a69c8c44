//! Labels, client combinations and many capabilities, as tables.

use crate::answers::route::build::build;
use crate::answers::route::model::{Node, Routes};
use crate::answers::route::walk::Labels;
use crate::answers::search::samples::{catalog, list, spec};
use crate::config::routing::{Budget, Options};
use crate::dialect::version::Version;

fn routes() -> Routes {
    Routes {
        kibana_boundaries: vec![[7, 16, 0], [8, 2, 1], [8, 10, 0]],
        specs: vec![[1, 0], [2, 3], [2, 10]],
        capabilities: list("apm,a-b,security").into_iter().chain([String::new()]).collect(),
        ..Routes::default()
    }
}

#[test]
fn labels_of_versions() {
    for (version, expected) in [
        ("", "any"),
        ("7.15.9", "0"),
        ("7.16", "7.16.0"),
        ("8.2.1+x", "8.2.1"),
        ("8.9.99", "8.2.1"),
        ("v08.10", "8.10.0"),
        ("99", "8.10.0"),
        ("8.2.1-SNAPSHOT", "pre"),
    ] {
        let version = (!version.is_empty()).then(|| Version::loose(version).unwrap());
        assert_eq!(routes().label_kibana(version.as_ref()), expected);
    }
    let version = Version::loose("8.1").unwrap();
    assert_eq!(routes().label_agent(Some(&version)), "0", "without boundaries");
}

#[test]
fn labels_of_spec_bounds() {
    for (bound, min, max) in [
        ("", "any", "any"),
        ("0.9", "any", "none"),
        ("1.0", "any", "1.0"),
        ("1.1", "2.3", "1.0"),
        ("2.3", "2.3", "2.3"),
        ("2.4", "2.10", "2.3"),
        ("2.10", "2.10", "any"),
        ("3.0", "none", "any"),
    ] {
        let bound = (!bound.is_empty()).then(|| spec(bound));
        assert_eq!((routes().label_spec_min(bound).as_str(), routes().label_spec_max(bound).as_str()), (min, max));
    }
}

/// Unknown names, order and repeats do not matter, odd names are spelt so that no two sets share a label.
#[test]
fn labels_of_capabilities() {
    let label = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        routes().label_capabilities(Some(&words))
    };
    assert_eq!(routes().label_capabilities(None), "any");
    assert_eq!(label(&["uptime"]), "-");
    assert_eq!(label(&["security", "apm", "uptime", "apm"]), "-apm-security");
    assert_eq!(label(&["a-b"]), "-a~2db");
    assert_eq!(label(&["", "apm"]), "-apm-~");
    assert_eq!(label(&["security", "apm", "", "a-b"]), "any");
}

pub(super) fn labels(routes: &Routes, kibana: &str, min: &str, max: &str, capabilities: &str) -> Labels {
    let bound = |text: &str| (!text.is_empty()).then(|| spec(text));
    let kibana = (!kibana.is_empty()).then(|| Version::loose(kibana).unwrap());
    let capabilities = (!capabilities.is_empty()).then(|| list(capabilities));
    Labels {
        kibana: routes.label_kibana(kibana.as_ref()),
        agent: routes.label_agent(None),
        spec_min: routes.label_spec_min(bound(min)),
        spec_max: routes.label_spec_max(bound(max)),
        capabilities: routes.label_capabilities(capabilities.as_deref()),
        prerelease: Routes::label_prerelease(true),
    }
}

/// Beyond the budget and without room for further circles, the combinations of real clients are answered; others are not,
/// unless their answer is there anyway.
#[test]
fn the_combinations_of_real_clients() {
    let specs = ["1.0", "2.2", "2.3", "3.0", "3.2", "3.3", "3.4", "3.5", "3.6", "4.0"];
    let boundaries = ["8.11.0", "8.15.2", "8.15.4", "8.16.0", "8.19.0", "9.0.0", "9.1.0", "9.2.0", "9.4.0"];
    let mut text: String = specs.iter().enumerate().map(|(n, spec)| format!("p 1.{n}.0 spec={spec}\n")).collect();
    for (n, boundary) in boundaries.iter().enumerate() {
        text += &format!("q 1.{n}.0 spec=1.0 kibana=>={boundary}\n");
    }
    text += "r 1.0.0 caps=apm\nr 1.1.0 caps=security\nr 1.2.0 caps=observability,uptime\n";
    let budget = Budget { max_contexts: 0, max_answers: 0, max_bytes: 0 };
    let routes = build(&catalog(&text), &Options { budget, ..Options::default() }).routes;
    for (kibana, min, max, capabilities, answered) in [
        ("", "", "", "", true),
        ("7.17.0", "", "", "", true),
        ("8.9.0", "", "", "", true),
        ("8.11.3", "", "3.0", "", true),
        ("8.11.3", "", "3.2", "", false),
        ("8.15.2", "", "3.0", "", true),
        ("8.15.3", "", "3.2", "", true),
        ("8.18.4", "", "3.3", "", true),
        ("8.19.0", "", "3.4", "", true),
        ("8.19.0", "2.3", "3.4", "", false),
        ("9.0.5", "2.3", "3.3", "", true),
        ("9.1.0", "2.3", "3.4", "", true),
        ("9.3.8", "2.3", "3.5", "", true),
        ("9.5.0", "2.3", "3.6", "", true),
        ("8.18.4", "", "3.3", "uptime", false),
        ("", "3.0", "3.5", "security", true),
        ("", "3.0", "3.6", "apm,observability,uptime", true),
        // No package tells this from `apm,observability`, which was sent once.
        ("", "3.0", "3.6", "apm", true),
        ("", "3.0", "3.6", "uptime", false),
    ] {
        let labels = labels(&routes, kibana, min, max, capabilities);
        let node = routes.walk("latest/list", &labels);
        assert_eq!(node != Node::Refused, answered, "{kibana} {min} {max} {capabilities}");
        assert_ne!(routes.walk("latest/package/p", &labels), Node::Refused);
        assert_ne!(routes.walk("legacy/list", &labels), Node::Refused);
    }
}

/// Not every set of many capabilities has a label that is computed: the others are refused where they matter.
#[test]
fn many_capabilities() {
    let names: Vec<_> = ('a'..='j').map(String::from).collect();
    let text: String =
        names.iter().map(|name| format!("p 1.{}.0 caps={name}\n", u32::from(name.as_bytes()[0]))).collect();
    let routes = build(&catalog(&format!("{text}q 1.0.0\nq 0.1.0 caps=a")), &Options::default()).routes;
    let walk = |subject: &str, capabilities: &str| routes.walk(subject, &labels(&routes, "", "", "", capabilities));
    let answer = |path: &str| Node::Answer(path.into());
    assert_eq!(walk("latest/package/p", ""), answer("/answers/package/p/1.106.0"));
    assert_eq!(walk("latest/package/p", "c"), answer("/answers/package/p/1.99.0"));
    assert_eq!(walk("latest/package/p", "unknown"), Node::Empty);
    assert_eq!(walk("latest/package/p", &names.join(",")), answer("/answers/package/p/1.106.0"));
    assert_eq!(walk("latest/package/p", "a,c"), Node::Refused);
    assert_eq!(walk("latest/package/q", "a,c"), answer("/answers/package/q/1.0.0"));
}
