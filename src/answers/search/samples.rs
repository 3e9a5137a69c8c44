//! Catalogs for tests, written as a few lines of text.

use crate::dialect::version::{Constraint, Version};
use crate::package::{Deprecated, DiscoveryFacts, Facts, Release, Spec, TemplateFacts};

/// One package version a line: `name version key=value ...`, sorted afterwards.
///
/// Keys: `kibana`, `agent` (`_` stands for a blank), `spec`, `caps`, `cats`, `fields`, `datasets`, `type`, `release=experimental`,
/// `deprecated=<reason>`, and `templates`, each template's categories after the other with `;` between them, `-` for
/// categories that are not set.
pub(crate) fn catalog(text: &str) -> Vec<Facts> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut catalog: Vec<_> = lines.map(facts).collect();
    catalog.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    catalog
}

fn facts(line: &str) -> Facts {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let mut facts = Facts {
        name: words.next().unwrap().to_owned(),
        version: Version::strict(words.next().unwrap()).unwrap(),
        package_type: "integration".to_owned(),
        release: Release::Ga,
        kibana: None,
        agent: None,
        spec: Spec { major: 1, minor: 0 },
        capabilities: Vec::new(),
        discovery: DiscoveryFacts::default(),
        categories: Vec::new(),
        templates: Vec::new(),
        deprecated: None,
    };
    for word in words {
        let (key, value) = word.split_once('=').unwrap();
        let constraint = || Some(Constraint::parse(&value.replace('_', " ")).unwrap());
        match key {
            "kibana" => facts.kibana = constraint(),
            "agent" => facts.agent = constraint(),
            "spec" => facts.spec = spec(value),
            "caps" => facts.capabilities = list(value),
            "fields" => facts.discovery.fields = list(value),
            "datasets" => facts.discovery.datasets = list(value),
            "cats" => facts.categories = list(value),
            "type" => facts.package_type = value.to_owned(),
            "release" => facts.release = Release::Experimental,
            "deprecated" => {
                facts.deprecated = Some(Deprecated { description: value.to_owned(), ..Deprecated::default() });
            }
            "templates" => {
                let template = |ids| TemplateFacts { categories: (ids != "-").then(|| list(ids)) };
                facts.templates = value.split(';').map(template).collect();
            }
            _ => panic!("unknown key {key}"),
        }
    }
    facts
}

/// `2.10`.
pub(crate) fn spec(text: &str) -> Spec {
    let (major, minor) = text.split_once('.').unwrap();
    Spec { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
}

/// Words between commas; nothing is no word.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
