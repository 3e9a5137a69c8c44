//! The reference router against the contract's tables. Real servers are compared with it in `tests/suite/routers`.

use super::super::model::{Axis, Node, Profile, Routes, Rows, Start, Unkeyed};
use super::{Decision, Kind, position_below, route};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One package, found from Kibana 8.0.0 on, its pre-release shown only on request; lists, a category and categories.
fn routes() -> Routes {
    let answer = |path: &str| Node::Answer(format!("/answers/{path}").into());
    let start = |node: Node| Start { node, kibana: 0, spec: 0 };
    let rows = |node: u32, exact: &[(&str, Node)], default: Node| {
        let mut rows = Rows::default();
        exact.iter().for_each(|(class, next)| rows.exact.insert(node, class, next.clone()));
        rows.default.insert(node, default);
        rows
    };
    let same = |labels: &[&str], default: &str| Profile {
        exact: labels.iter().map(|label| ((*label).to_owned(), (*label).to_owned())).collect(),
        default: default.to_owned(),
    };
    Routes {
        kibana_boundaries: vec![[8, 0, 0], [9, 0, 0]],
        specs: vec![[1, 0], [3, 0]],
        capabilities: vec!["apm".to_owned()],
        kibana_profiles: vec![same(&["0", "pre"], "any")],
        spec_min_profiles: vec![same(&["none"], "any")],
        spec_max_profiles: vec![same(&["none"], "any")],
        subjects: BTreeMap::from([
            ("latest/list".to_owned(), start(answer("list"))),
            ("latest/package/nginx".to_owned(), start(Node::Step(1))),
            ("latest/category/web".to_owned(), start(answer("web"))),
            ("latest/categories".to_owned(), start(answer("categories"))),
            ("all/package/nginx".to_owned(), start(answer("all"))),
            ("legacy/list".to_owned(), start(answer("legacy"))),
        ]),
        rows: BTreeMap::from([
            (Axis::Kibana, rows(1, &[("0", Node::Empty), ("pre", Node::Refused)], Node::Step(2))),
            (Axis::Prerelease, rows(2, &[("1", answer("beta"))], answer("ga"))),
        ]),
        ..Routes::default()
    }
}

/// `200 /path`, `200 kind /path`, `301 location`, or status and text.
fn decide(method: &str, target: &str) -> String {
    decide_by(&routes(), method, target)
}

fn decide_by(routes: &Routes, method: &str, target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    match route(routes, method, path, query) {
        Decision::File(file) => match file.kind {
            Kind::Packaged(document) => format!("200 {} else {document}", file.path),
            _ => format!("200 {}", file.path),
        },
        Decision::Redirect(location) => format!("301 {location}"),
        Decision::Health => "200".to_owned(),
        Decision::Options => "204".to_owned(),
        Decision::Refuse(status, text) => format!("{status} {text}"),
    }
}

fn check(target: &str, expected: &str) {
    let actual = decide("GET", target);
    assert!(actual.starts_with(expected), "{target}: `{actual}` instead of `{expected}`");
}

#[test]
fn queries_are_answered_exactly_or_refused() {
    for (query, expected) in [
        ("", "200 /answers/list.json"),
        ("unknown=%3B%zz&internal=1", "200 /answers/list.json"),
        ("package=nginx", "200 /answers/ga.json"),
        ("package=nginx&package=other", "200 /answers/ga.json"),
        ("package=&package=nginx", "200 /answers/list.json"),
        ("package=nginx&prerelease=true", "200 /answers/beta.json"),
        ("package=nginx&kibana.version=7.17.99", "200 /answers/empty.json"),
        ("package=nginx&kibana.version=v08.1", "200 /answers/ga.json"),
        ("package=nginx&kibana.version=8%2Bmeta.01", "200 /answers/ga.json"),
        ("package=nginx&kibana.version=8-SNAPSHOT", "501"),
        ("package=unknown", "200 /answers/empty.json"),
        ("package=NGINX", "200 /answers/empty.json"),
        ("category=Web", "200 /answers/empty.json"),
        ("package=ngin%78", "501"),
        ("category=no+way", "200 /answers/empty.json"),
        ("package=nginx&category=web", "501"),
        ("all=true&package=nginx", "200 /answers/all.json"),
        ("all=true", "501"),
        ("all=true&category=web", "501"),
        ("all=true&package=unknown", "200 /answers/empty.json"),
        ("experimental=true", "200 /answers/legacy.json"),
        ("experimental=true&discovery=fields:a", "200 /answers/legacy.json"),
        ("experimental=true&all=true&package=unknown", "501"),
        ("discovery=datasets%3Aa", "501"),
        ("discovery=fields:a&discovery=", "400 invalid 'discovery' query param: ''"),
        ("kibana.version=abc", "400 invalid Kibana version 'abc': invalid semantic version"),
        ("kibana.version=8+1", "400"),
        ("kibana.version=8.1-01", "400"),
        ("kibana.version=99999999999999999999", "501"),
        ("agent.version=x", "400 invalid agent version 'x': invalid semantic version"),
        ("spec.min=1", "400 invalid 'spec.min' version: invalid version '1': it should be <major.version>"),
        ("spec.max=1.x", "400 invalid 'spec.max' version: invalid spec version '1.x': invalid semantic version"),
        ("spec.max=2.0-beta", "501"),
        ("all=yes", "400 invalid 'all' query param: 'yes'"),
        ("prerelease=tRUE", "400"),
        ("kibana%2Eversion=8", "501"),
        ("%61ll=true&all=maybe", "501"),
        ("al%=true&all=maybe", "501"),
        ("a=;", "501"),
        ("a=;&all=yes", "400"),
        ("capabilities=apm%2Cother", "200 /answers/list.json"),
        ("capabilities=ap%6d", "501"),
    ] {
        check(&format!("/search?{query}"), expected);
    }
    check("/categories?all=zz&package=%&category=a+b", "200 /answers/categories.json");
    check("/categories?include_policy_templates=true", "501");
    check("/categories?include_policy_templates=x", "400 invalid 'include_policy_templates' query param: 'x'");
}

// What is escaped is not decoded, but a byte that cannot be there decides nevertheless.
#[test]
fn escapes_are_seen_through() {
    const EMPTY: &str = "200 /answers/empty.json";
    const LIST: &str = "200 /answers/list.json";
    for (query, expected) in [
        ("kibana.version=8.1.0%20", "400 invalid Kibana version '8.1.0%20': invalid semantic version"),
        ("kibana.version=8.1.0%00", "400"),
        ("kibana.version=8.1.0+meta", "400"),
        ("kibana.version=8%2E1%20", "400"),
        ("kibana.version=_%2E1", "400"),
        ("kibana.version=8.1.0%", "501"),
        ("kibana.version=8.1.0%2", "501"),
        ("kibana.version=8.1.0%20%zz", "501"),
        ("kibana.version=8.1.0%20;", "501"),
        ("kibana.version=8%2E1", "501"),
        ("kibana.version=%38", "501"),
        ("kibana.version=8%2D1", "501"),
        ("kibana.version=%2B", "400"),
        ("kibana.version=8.1.0%2Bmeta%20", "400"),
        ("kibana.version=8.1.0%2Bmeta%2E1", "501"),
        ("kibana.version=%&kibana.version=8.1.0%20", "501"),
        ("kibana.version=8&kibana.version=%20", LIST),
        ("agent.version=8.1.0%0a", "400 invalid agent version '8.1.0%0a': invalid semantic version"),
        ("agent.version=8%2e1", "501"),
        ("spec.min=1%2E0", "501"),
        ("spec.min=%31", "501"),
        ("spec.min=1.0%2Bx", "501"),
        ("spec.min=1.0+x", "400 invalid 'spec.min' version: invalid spec version '1.0+x': invalid semantic version"),
        (
            "spec.min=1%2E0%20",
            "400 invalid 'spec.min' version: invalid spec version '1%2E0%20': invalid semantic version",
        ),
        ("spec.max=%20", "400 invalid 'spec.max' version: invalid version '%20': it should be <major.version>"),
        (
            "spec.max=1.0%2e%20",
            "400 invalid 'spec.max' version: invalid version '1.0%2e%20': it should be <major.version>",
        ),
        ("spec.max=1.0%", "501"),
        ("prerelease=%74rue", "501"),
        ("prerelease=%79es", "400 invalid 'prerelease' query param: '%79es'"),
        ("prerelease=%20true", "400"),
        ("prerelease=+1", "400"),
        ("prerelease=y%", "501"),
        ("prerelease=y;", "501"),
        ("package=..%2F..%2Fetc", EMPTY),
        ("package=%00", EMPTY),
        ("package=nginx+", EMPTY),
        ("package=%4Eginx", EMPTY),
        ("package=no-dash%61", EMPTY),
        ("package=%6eginx", "501"),
        ("package=%00%", "501"),
        ("package=%00&kibana.version=x", "400"),
        ("package=%00&package=nginx", EMPTY),
        ("package=%00&category=web", "501"),
        ("package=%00&all=true", EMPTY),
        ("package=%00&all=true&experimental=true", "501"),
        ("category=%E2%82%AC", EMPTY),
        ("category=\u{20ac}", EMPTY),
        ("category=no%20way", EMPTY),
        ("category=.web", EMPTY),
        ("category=%2Eweb", "501"),
        ("category=w%65b", "501"),
        ("category=web%g0", "501"),
        ("type=in%2Fput", EMPTY),
        ("type=in%70ut", "501"),
        ("type=%2F&all=true", EMPTY),
        ("capabilities=apm%20", LIST),
        ("capabilities=a+b,apm", LIST),
        ("capabilities=%61pm%20%2Capm", LIST),
        ("capabilities=a.b,c!", LIST),
        ("capabilities=apm,%61", "501"),
        ("capabilities=%20%2c%61pm%2Capm", "501"),
        ("capabilities=apm,%2", "501"),
        ("discovery=a;b", "501"),
    ] {
        check(&format!("/search?{query}"), expected);
    }
    check("/categories?package=%&type=%20&kibana.version=8", "200 /answers/categories.json");
}

// Where packages do name something that no key can hold, or ask for odd capabilities, less is known.
#[test]
fn what_no_key_can_hold_is_refused() {
    let mut routes = routes();
    routes.unkeyed = Unkeyed { categories: true, types: false };
    routes.capabilities = vec!["a b".to_owned()];
    for (query, expected) in [
        ("category=no+way", "501"),
        ("category=%E2%82%AC", "501"),
        ("category=.web", "501"),
        ("category=unknown", "200 /answers/empty.json"),
        ("type=no+way", "200 /answers/empty.json"),
        ("capabilities=a%20b", "501"),
        ("capabilities=a+b", "501"),
        ("capabilities=a!", "501"),
        ("capabilities=a", "200 /answers/list.json"),
    ] {
        let actual = decide_by(&routes, "GET", &format!("/search?{query}"));
        assert!(actual.starts_with(expected), "{query}: `{actual}` instead of `{expected}`");
    }
    routes.unkeyed = Unkeyed { categories: false, types: true };
    assert!(decide_by(&routes, "GET", "/search?type=no+way").starts_with("501"));
    assert!(decide_by(&routes, "GET", "/search?category=no+way").starts_with("200"));
}

#[test]
fn registries_are_told_by_their_paths() {
    for (path, expected) in [
        ("/release/8.5/search", Some(0)),
        ("/release/8.5.0", Some(1)),
        ("/release/8%2e5.0/", Some(1)),
        ("/x/../release//8.5.0/../8.5/search", Some(0)),
        ("/release/8.5.0/../../search", None),
        ("/release/8.5.00/search", None),
        ("/Release/8.5.0/search", None),
        ("/release/8.5.0/%zz", None),
        ("/search", None),
    ] {
        assert_eq!(position_below(path, ["/release/8.5", "/release/8.5.0"]), expected, "{path}");
    }
    assert_eq!(position_below("/search", []), None);
}

#[test]
fn paths_are_found() {
    for (path, expected) in [
        ("/", "200 /index.json"),
        ("//index.json", "200 /index.json"),
        ("/index/packages.json", "200 /index/packages.json"),
        ("/index/./packages.json", "200 /index/packages.json"),
        ("/index/packages.json.gz", "404 404 page not found"),
        ("/index/", "404 404 page not found"),
        ("/favicon.ico", "200 /favicon.ico"),
        ("/health?x", "200"),
        ("/search/?a=b", "301 /search?a=b"),
        ("/categories/", "301 /categories"),
        ("/SEARCH", "404 404 page not found"),
        ("/package", "404 404 page not found"),
        ("/package/nginx/", "404 404 page not found"),
        ("/package/nginx/1.0.0", "200 /documents/nginx/1.0.0.json"),
        ("/package/nginx/1.0.0%2Bmeta/", "200 /documents/nginx/1.0.0+meta.json"),
        ("/package/fo-o/1.0.0/", "404 404 page not found"),
        ("/package/fo-o/1.0.0/a", "200 /package/fo-o/1.0.0/a else /documents/fo-o/1.0.0.json"),
        ("/package/nginx/latest/", "400 invalid package version"),
        ("/package/nginx/1.0.0/docs/", "404 resource not found"),
        ("/package/nginx/1.0.0/docs%2FREADME.md", "200 /package/nginx/1.0.0/docs/README.md"),
        ("/package/nginx/1.0.0/../../../x", "404 404 page not found"),
        ("/epr/anything/nginx-1.0.0.zip", "200 /epr/nginx/nginx-1.0.0.zip"),
        ("/epr/package/nginx-1.0.0.zip.sig", "200 /epr/nginx/nginx-1.0.0.zip.sig"),
        ("/epr/fo-o/fo-o-1.0.0.zip", "400 invalid package version"),
        ("/epr/Foo/Foo-1.0.0.zip", "404 404 page not found"),
        ("/epr/nginx/nginx-1.0.0.tar.gz", "404 404 page not found"),
        ("/..", "400"),
    ] {
        check(path, expected);
    }
    assert_eq!(decide("OPTIONS", "/search"), "204");
    assert_eq!(decide("POST", "/search"), "405 method not allowed");
}

proptest! {
    // The law of escapes: spelled in any way, a value gets the answer of its plain spelling, or is refused with 501.
    #[test]
    fn spelling_changes_nothing(
        name in prop::sample::select(vec![
            "package", "category", "type", "kibana.version", "agent.version", "spec.min", "spec.max", "prerelease", "all",
            "capabilities",
        ]),
        plain in prop::sample::select(vec![
            "nginx", "web", "input", "8.1.0", "7.0.0", "1.0", "4.0", "true", "0", "apm", "apm,x", "8.1.0 ", "no way", "a-b",
            "..", "1.0.0.", "TRUE", "_", "=", "yes",
        ]),
        choices in prop::collection::vec(0..6_usize, 20),
    ) {
        let spelled: String = plain.bytes().zip(choices).map(|(byte, choice)| match choice {
            0 => format!("%{byte:02x}"),
            1 => format!("%{byte:02X}"),
            _ if byte == b' ' => "+".to_owned(),
            _ => char::from(byte).to_string(),
        }).collect();
        // The space itself is no spelling of a query, but the router takes it as it is.
        let status = |value: &str| decide("GET", &format!("/search?{name}={value}"));
        let (expected, actual) = (status(plain), status(&spelled));
        let texts_apart = |text: &str| if text.starts_with("400") { "400".to_owned() } else { text.to_owned() };
        prop_assert!(
            actual.starts_with("501") || texts_apart(&actual) == texts_apart(&expected),
            "{}={}: `{}` instead of `{}`", name, spelled, actual, expected,
        );
    }

    // Totality: whatever is asked, there is a decision, and it is never a server error.
    #[test]
    fn every_request_gets_a_decision(path in "[/.%a-z0-9-]{0,20}", query in "([a-z.]{0,8}=?[-%+;&.v0-9A-Za-z]{0,12}&?){0,4}") {
        for path in [&path, "/search", "/categories"] {
            let decision = route(&routes(), "GET", path, Some(&query));
            prop_assert!(!matches!(decision, Decision::Refuse(status, _) if status >= 500 && status != 501));
        }
    }

    // Nothing but the document root is ever named.
    #[test]
    fn no_path_leaves_the_root(path in "/(package|epr)/(\\.|%2e|%2F|/|[a-z0-9.-]){0,30}") {
        if let Decision::File(file) = route(&routes(), "GET", &path, None) {
            prop_assert!(file.path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | "..")), "{}", file.path);
        }
    }
}

/// Every host writes the texts into its configuration as they are: what ends a flag, a quotation or a line in one of them is in
/// none of the texts. Each says what helps.
#[test]
fn texts_of_refusals_suit_every_configuration() {
    for text in [super::UNPUBLISHED, crate::answers::route::query::UNREAD, crate::answers::route::query::FILTERS] {
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-".contains(&byte)), "{text}");
        assert!(text.contains("epr-build serve") && text.contains("fallback"), "{text}");
    }
}
