//! Filters, choices and counts as tables.

use super::samples::{catalog, list, spec};
use super::{Hit, Query, TemplateSelection, categories, render_categories, search};
use crate::catalog::deprecation::{CarriedNotice, Notices, Origin, add, origin};
use crate::dialect::version::Version;
use crate::package::Deprecated;

/// A query from `key=value` words.
fn query(text: &str) -> Query {
    let mut query = Query::default();
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap();
        let version = || Some(Version::loose(value).unwrap());
        match key {
            "kibana" => query.kibana = version(),
            "agent" => query.agent = version(),
            "category" => query.category = Some(value.to_owned()),
            "package" => query.package = Some(value.to_owned()),
            "type" => query.package_type = Some(value.to_owned()),
            "caps" => query.capabilities = Some(list(value)),
            "min" => query.spec_min = Some(spec(value)),
            "max" => query.spec_max = Some(spec(value)),
            "all" => query.all = true,
            "prerelease" => query.prerelease = true,
            "experimental" => query.experimental = true,
            _ => panic!("unknown key {key}"),
        }
    }
    query
}

/// Searches and compares `name version[:shown templates]`, between blanks.
fn check(packages: &str, question: &str, expected: &str) {
    let catalog = catalog(packages);
    let text = |Hit { index, templates }: Hit| {
        let base = format!("{}-{}", catalog[index].name, catalog[index].version);
        match templates {
            TemplateSelection::All => base,
            TemplateSelection::Only(kept) => format!("{base}:{kept:?}").replace(' ', ""),
        }
    };
    let found: Vec<_> = search(&catalog, &query(question)).into_iter().map(text).collect();
    assert_eq!(found.join(" "), expected, "{question} on {packages}");
}

/// Every line of the normal filter, one package for each.
#[test]
fn the_normal_filter_skips_by_each_line() {
    let packages = "
        a 1.0.0 kibana=^7.16.0_||_^8.0.0 spec=1.0
        b 0.9.0 agent=^9.0.0 spec=2.10 type=input
        c 1.0.0-beta1 spec=2.3 caps=apm,security
        d 1.0.0 release=experimental spec=3.0
        e 1.0.0 caps=apm spec=3.1";
    for (question, expected) in [
        ("", "a-1.0.0 b-0.9.0 e-1.0.0"),
        ("prerelease=1", "a-1.0.0 b-0.9.0 c-1.0.0-beta1 d-1.0.0 e-1.0.0"),
        ("kibana=8", "a-1.0.0 b-0.9.0 e-1.0.0"),
        ("kibana=9.1", "b-0.9.0 e-1.0.0"),
        ("kibana=8.15.0-SNAPSHOT", "b-0.9.0 e-1.0.0"),
        ("agent=8.1.0", "a-1.0.0 e-1.0.0"),
        ("package=b", "b-0.9.0"),
        ("package=B", ""),
        ("type=input", "b-0.9.0"),
        ("caps=apm", "a-1.0.0 b-0.9.0 e-1.0.0"),
        ("caps=security prerelease=1", "a-1.0.0 b-0.9.0 d-1.0.0"),
        ("caps=uptime,security,apm prerelease=1", "a-1.0.0 b-0.9.0 c-1.0.0-beta1 d-1.0.0 e-1.0.0"),
        ("min=2.3", "b-0.9.0 e-1.0.0"),
        ("max=2.9", "a-1.0.0"),
        ("min=2.10 max=3.0 prerelease=1", "b-0.9.0 d-1.0.0"),
        ("experimental=1", "a-1.0.0 b-0.9.0 c-1.0.0-beta1 d-1.0.0 e-1.0.0"),
        ("experimental=1 caps=x min=9.0 agent=1.0.0", "a-1.0.0 b-0.9.0 c-1.0.0-beta1 d-1.0.0 e-1.0.0"),
        ("experimental=1 kibana=9.1 type=integration", "c-1.0.0-beta1 d-1.0.0 e-1.0.0"),
    ] {
        check(packages, question, expected);
    }
}

/// One version a name, in both modes, and what `all` keeps.
#[test]
fn the_choice_of_versions() {
    for (versions, question, expected) in [
        ("1.9.0 1.10.0 1.2.0", "", "1.10.0"),
        ("1.0.0 2.0.0-beta", "", "1.0.0"),
        ("1.0.0 2.0.0-beta", "prerelease=1", "2.0.0-beta"),
        ("1.0.0 2.0.0-beta", "experimental=1", "1.0.0"),
        ("0.1.0 2.0.0-beta 3.0.0-alpha", "experimental=1", "0.1.0"),
        ("2.0.0-beta2 2.0.0-beta11", "experimental=1", "2.0.0-beta2"),
        ("2.0.0-beta.2 2.0.0-beta.11", "experimental=1", "2.0.0-beta.11"),
        ("1.0.0+b 1.0.0+a", "", "1.0.0+a"),
        ("1.0.0+b 1.0.0+a", "experimental=1", "1.0.0+a"),
        ("0.1.0 1.0.0-rc1 1.0.0", "all=1", "0.1.0 1.0.0"),
        ("0.1.0 1.0.0-rc1 1.0.0", "all=1 prerelease=1", "0.1.0 1.0.0-rc1 1.0.0"),
        ("0.1.0 1.0.0-rc1 1.0.0 2.0.0-a", "all=1 experimental=1", "1.0.0"),
        ("0.1.0 1.0.0-rc1", "all=1 experimental=1", "0.1.0 1.0.0-rc1"),
    ] {
        let packages: String = versions.split(' ').map(|version| format!("p {version}\n")).collect();
        let expected: Vec<_> = expected.split(' ').map(|version| format!("p-{version}")).collect();
        check(&packages, question, &expected.join(" "));
    }
}

/// The category filter comes after the choice of the latest, and hides templates that do not name the category.
#[test]
fn the_category_filter() {
    for (packages, question, expected) in [
        ("p 1.0.0 cats=web templates=-;datastore", "category=web", "p-1.0.0"),
        ("p 1.0.0 cats=web templates=-;datastore", "category=observability", "p-1.0.0"),
        ("p 1.0.0 cats=web templates=-;datastore", "category=datastore", "p-1.0.0:[1]"),
        ("p 1.0.0 cats=web templates=-;datastore", "category=bogus", ""),
        ("p 1.0.0 templates=bogus;bogus", "category=bogus", "p-1.0.0"),
        ("p 1.0.0 templates=web", "category=observability", "p-1.0.0:[]"),
        ("p 1.0.0 templates=web;observability", "category=observability", "p-1.0.0:[1]"),
        ("p 1.0.0 cats=web\np 2.0.0", "category=web", ""),
        ("p 1.0.0 cats=web\np 2.0.0", "category=web all=1", "p-1.0.0"),
    ] {
        check(packages, question, expected);
    }
}

#[test]
fn names_are_sorted_by_bytes() {
    check(
        "order_a 1.0.0\norder 1.0.0\nOrder 1.0.0\na 1.0.0\norder-a 1.0.0",
        "",
        "Order-1.0.0 a-1.0.0 order-1.0.0 order-a-1.0.0 order_a-1.0.0",
    );
}

/// Counts as `id:count`, without and with templates.
#[test]
fn counts_of_categories() {
    for (packages, question, without, with) in [
        ("p 1.0.0 cats=web,security templates=datastore;web;-", "", "security:1 web:1", "datastore:2 security:4 web:5"),
        ("p 1.0.0 cats=web,web templates=-", "", "web:2", "web:2"),
        ("p 1.0.0 cats=web templates=", "", "web:1", "web:2"),
        (
            "p 1.0.0 cats=firewall_security templates=security,security",
            "",
            "firewall_security:1",
            "firewall_security:2 security:2",
        ),
        ("p 1.0.0 templates=odd,odd;odd", "", "", "odd:4"),
        ("p 1.0.0 cats=web\np 2.0.0-a cats=aws\nq 1.0.0 cats=web", "", "web:2", "web:2"),
        (
            "p 1.0.0 cats=web\np 2.0.0-a cats=aws\nq 1.0.0 cats=web",
            "prerelease=1 category=web all=1",
            "aws:1 web:1",
            "aws:1 web:1",
        ),
    ] {
        for (include_templates, expected) in [(false, without), (true, with)] {
            let counts = categories(&catalog(packages), &query(question), include_templates);
            let text: Vec<_> = counts.iter().map(|count| format!("{}:{}", count.id, count.count)).collect();
            assert_eq!(text.join(" "), expected, "{packages}, templates: {include_templates}");
        }
    }
}

/// Keys, order, indentation, unknown ids and escapes of the categories answer.
#[test]
fn rendered_categories() {
    let counts = categories(&catalog("p 1.0.0 cats=firewall_security templates=-;o\u{2028}<\"d"), &query(""), true);
    let expected = concat!(
        "[\n  {\n    \"id\": \"firewall_security\",\n    \"title\": \"Firewall\",\n    \"count\": 3,\n",
        "    \"parent_id\": \"security\",\n    \"parent_title\": \"Security\"\n  },\n",
        "  {\n    \"id\": \"o\\u2028<\\\"d\",\n    \"title\": \"o\\u2028<\\\"d\",\n    \"count\": 2\n  }\n]\n"
    );
    assert_eq!(render_categories(&counts), expected);
    assert_eq!(render_categories(&[]), "[]\n");
}

/// The highest version that says something speaks for all versions of its name, and for no other name. What is carried along
/// speaks where its version is higher, and says something else.
#[test]
fn deprecation_reaches_all_versions() {
    let catalog = catalog(
        "p 1.0.0 deprecated=old\np 2.0.0 deprecated=new\np 3.0.0\nq 1.0.0\nr 1.0.0+a deprecated=first\nr 1.0.0+b deprecated=second",
    );
    for (carried, expected) in [
        ("", "p new; q none; r first"),
        ("p 2.0.0", "p new; q none; r first"),
        ("p 2.0.0-rc1, q 0.1.0, s 1.0.0", "p new; q carried q 0.1.0; r first"),
        ("p 2.0.1, r 1.0.0+z", "p carried p 2.0.1; q none; r first"),
        ("p 2.5.0, p 2.4.0", "p carried p 2.5.0; q none; r first"),
        ("p 2.4.0, p 2.5.0", "p carried p 2.5.0; q none; r first"),
        ("p 9.0.0=new", "p new; q none; r first"),
    ] {
        let mut notices = Notices::new();
        for word in carried.split(", ").filter(|word| !word.is_empty()) {
            let (id, description) = word.split_once('=').unwrap_or((word, word));
            let (name, version) = id.split_once(' ').unwrap();
            let deprecated = Deprecated { description: description.to_owned(), ..Deprecated::default() };
            let version = Version::strict(version).unwrap();
            let notice = CarriedNotice { name: name.to_owned(), version, layer: "elastic".to_owned(), deprecated };
            add(&mut notices, notice);
        }
        let names = catalog.chunk_by(|a, b| a.name == b.name).map(|versions| {
            let text = match origin(versions, &notices) {
                None => "none".to_owned(),
                Some(Origin::Held(_, deprecated)) => deprecated.description.clone(),
                Some(Origin::Carried(notice)) => format!("carried {}", notice.deprecated.description),
            };
            format!("{} {text}", versions[0].name)
        });
        assert_eq!(names.collect::<Vec<_>>().join("; "), expected, "{carried}");
    }
}
