//! What coverage says of small catalogs, of logs of any kind, and what it proposes.

use super::forms;
use super::log_line::{LONGEST_LINE, Request, each_line, read};
use super::tally::{Outcome, Reason, Remedy, Tally};
use crate::answers::route::build::build;
use crate::answers::route::model::Routes;
use crate::answers::search::samples;
use crate::config::routing::{Budget, Options, known};
use crate::package::Facts;
use std::collections::BTreeSet;
use std::io::BufReader;

/// Packages whose answers differ by every parameter.
const CATALOG: &str = "
    alpha 1.0.0 kibana=^8.11.0 spec=1.0 cats=web
    alpha 1.1.0 kibana=^8.12.2_||_^9.0.0 spec=2.3 cats=web
    alpha 2.0.0-beta kibana=^8.14.0_||_^9.1.0 spec=3.0 cats=web
    beta 1.0.0 kibana=^8.13.0 spec=1.3 caps=observability cats=security
    beta 1.2.0 kibana=^9.0.0 spec=3.3 caps=observability,security cats=security
    gamma 0.1.0 spec=3.5 caps=security type=input agent=^9.0.0 cats=cloud
    gamma 0.2.0 spec=3.9 caps=apm type=content cats=cloud
";

fn request(method: &str, path: &str, query: Option<&str>, agent: Option<&str>) -> Request {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Request { method: method.to_owned(), path: path.to_owned(), query: owned(query), agent: owned(agent) }
}

/// Lines of each server, and lines that are none.
#[test]
fn lines_of_all_servers_are_read() {
    let search = |agent| Some(request("GET", "/search", Some("package=a"), agent));
    let kibana = Some("Kibana/9.0.0 node-fetch");
    for (line, expected) in [
        // nginx and Apache, combined; common; with a host before it; ours, with the seconds it took.
        (
            r#"192.0.2.7 - - [06/Nov/2025:08:49:37 +0000] "GET /search?package=a HTTP/1.1" 200 42 "-" "Kibana/9.0.0 node-fetch""#,
            search(kibana),
        ),
        (r#"192.0.2.7 - frank [06/Nov/2025:08:49:37 +0000] "GET /search?package=a HTTP/1.0" 200 42"#, search(None)),
        (
            r#"epr.example:443 192.0.2.7 - - [06/Nov/2025:08:49:37 +0000] "GET /search?package=a HTTP/2.0" 200 42 "https://x.example/" "Kibana/9.0.0 node-fetch""#,
            search(kibana),
        ),
        (
            r#"192.0.2.7 - - [06/Nov/2025:08:49:37 +0000] "GET /search?package=a HTTP/1.1" 200 42 "-" "Kibana/9.0.0 node-fetch" 0.001500"#,
            search(kibana),
        ),
        (r#"192.0.2.7 - - [06/Nov/2025:08:49:37 +0000] "GET /search?package=a HTTP/1.1" 200 42 "-" "-""#, search(None)),
        // Caddy.
        (
            r#"{"level":"info","ts":1.5,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"epr.example","uri":"/search?package=a","headers":{"Accept":["*/*"],"User-Agent":["Kibana/9.0.0 node-fetch"]},"tls":{"resumed":false}},"status":200,"size":42}"#,
            search(kibana),
        ),
        (r#"{"request":{"method":"GET","uri":"\/search?package=a"}}"#, search(None)),
        // Escapes of nginx (`\x22`) and Apache (`\"`), and of ours.
        (
            r#"- - - [-] "GET /search?package=a\x22b HTTP/1.1" 200 42 "-" "x\x5Cy""#,
            Some(request("GET", "/search", Some("package=a\"b"), Some("x\\y"))),
        ),
        (
            r#"- - - [-] "GET /search?package=a\"b HTTP/1.1" 200 42 "a \"quoted\" page" "x""#,
            Some(request("GET", "/search", Some("package=a\"b"), Some("x"))),
        ),
        (
            r#"- - - [-] "GET /search?package=\xC3\xA9 HTTP/1.1" 200 42"#,
            Some(request("GET", "/search", Some("package=é"), None)),
        ),
        // Whole addresses, as proxies get them.
        (r#"- - - [-] "GET http://epr.example:80/search?package=a HTTP/1.1" 200 42"#, search(None)),
        (r#"- - - [-] "GET https://epr.example HTTP/1.1" 200 42"#, Some(request("GET", "/", None, None))),
        (r#"- - - [-] "OPTIONS * HTTP/1.1" 204 0"#, Some(request("OPTIONS", "*", None, None))),
        (r#"- - - [-] "GET /search? HTTP/1.1" 200 42"#, Some(request("GET", "/search", Some(""), None))),
        // What tells of no request.
        ("", None),
        ("a line of something else", None),
        (r#"192.0.2.7 - - [06/Nov/2025:08:49:37 +0000] "-" 400 0 "-" "-" 0.000000"#, None),
        (r#"- - - [-] "\x16\x03\x01\x02" 400 0"#, None),
        (r#"- - - [-] "GET /search HTTP/1.1"#, Some(request("GET", "/search", None, None)).filter(|_| false)),
        (r#"- - - [-] "GET /a b HTTP/1.1" 400 0"#, None),
        (r#"- - - [-] "get /search HTTP/1.1" 400 0"#, None),
        (r#"- - - [-] "GET search HTTP/1.1" 400 0"#, None),
        (r#"- - - [-] "GET /search" 200 0"#, None),
        (r#"- - - [-] "GET /\xFF HTTP/1.1" 400 0"#, None),
        (r#"{"request":{"method":"GET"}}"#, None),
        (r#"{"request":"GET /search"}"#, None),
        (r#"{"level":"info","msg":"serving"}"#, None),
        (r#"{"request":{"method":"GET","uri":"/search""#, None),
    ] {
        assert_eq!(read(line.as_bytes()), expected, "{line}");
    }
    assert_eq!(read(b"- - - [-] \"GET /\xff HTTP/1.1\" 200 0"), None);
    assert_eq!(read("[".repeat(LONGEST_LINE).as_bytes()), None);
    assert_eq!(read(format!("{{\"request\":{}", "[".repeat(LONGEST_LINE)).as_bytes()), None);
}

#[test]
fn lines_are_cut_where_they_end() {
    let lines = |text: &[u8], buffer: usize| {
        let mut found = Vec::new();
        each_line(&mut BufReader::with_capacity(buffer, text), |line| found.push(line.map(<[u8]>::to_vec))).unwrap();
        found
    };
    let some = |texts: &[&str]| texts.iter().map(|text| Some(text.as_bytes().to_vec())).collect::<Vec<_>>();
    for buffer in [1, 3, 64] {
        assert_eq!(lines(b"", buffer), some(&[]));
        assert_eq!(lines(b"a\nbc\r\n\nlast", buffer), some(&["a", "bc", "", "last"]));
    }
    let long =
        [&[b'x'; 2 * LONGEST_LINE][..], b"\nshort\n", &[b'y'; LONGEST_LINE], b"\n", &[b'z'; LONGEST_LINE + 1]].concat();
    let found = lines(&long, 4096);
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true, false]);
    assert_eq!(found[1].as_deref(), Some(&b"short"[..]));
}

/// Tables of the sample catalog in which whole lists are beyond the budget.
fn small_budget(clients: Vec<crate::config::routing::Client>) -> (Vec<Facts>, Routes) {
    let catalog = samples::catalog(CATALOG);
    let options = Options { budget: Budget { max_contexts: 1, max_answers: 1, max_bytes: 0 }, clients };
    let routes = build(&catalog, &options).routes;
    (catalog, routes)
}

fn tallied(routes: &Routes, targets: &[&str]) -> Outcome {
    let mut tally = Tally::new(routes, "");
    for target in targets {
        tally.line(Some(format!("- - - [-] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"curl\"").as_bytes()));
    }
    tally.finish()
}

const REFUSED: [&str; 5] = [
    "/search?kibana.version=8.14.0&spec.min=1.3&spec.max=3.9",
    "/search?kibana.version=8.12.3&spec.max=3.9&spec.min=1.3&prerelease=true",
    "/search?type=integration&spec.min=1.3&kibana.version=8.14.2&spec.max=3.9",
    "/search?type=integration&spec.max=1.1&capabilities=observability",
    "/search?kibana.version=8.12.3&capabilities=security",
];

/// What is proposed makes the refused requests answered.
#[test]
fn proposals_are_enough() {
    let (_, routes) = small_budget(known());
    let before = tallied(&routes, &REFUSED);
    assert_eq!((before.lookups, before.refused), (5, 5), "{before:#?}");
    assert!(before.forms.iter().all(|form| form.reason == Reason::Budget && form.remedy == Remedy::Clients));
    let forms: Vec<_> = before.forms.iter().map(|form| (form.form.as_str(), form.requests)).collect();
    assert!(forms.contains(&("/search?kibana.version=<version>&spec.min=1.3&spec.max=3.9", 2)), "{forms:?}");
    assert_eq!(before.clients.len(), 3, "{:#?}", before.clients);
    let text = format!("{}\n", before.clients_yaml);
    let config = crate::config::file::parse(text.as_bytes(), std::path::Path::new("epr-build.yml")).unwrap();
    let (_, routes) = small_budget(config.routing.clients);
    let after = tallied(&routes, &REFUSED);
    assert_eq!((after.lookups, after.answered), (5, 5), "{after:#?}\n{text}");
}

#[test]
fn what_no_client_can_be_configured_for_is_left_to_a_fallback() {
    let (_, routes) = small_budget(known());
    for (target, reason, form) in [
        ("/search?agent.version=9.0.0&spec.max=3.9", Reason::Budget, "/search?agent.version=<version>&spec.max=3.9"),
        ("/search?category=web&type=input", Reason::Filters, "/search?category=<category>&type=<type>"),
        ("/search?type=input&all=true", Reason::Filters, "/search?type=<type>&all=true"),
        ("/search?discovery=fields:a", Reason::Filters, "/search?discovery=<filter>"),
        ("/search?spec.max=%33.5", Reason::Spelling, "/search?spec.max=3.5"),
        ("/search?kibana%2Eversion=9.0.0", Reason::Spelling, "/search?kibana.version=<version>"),
        (
            "/search?kibana.version=9.0.0-rc1&spec.max=1.0",
            Reason::Budget,
            "/search?kibana.version=<pre-release>&spec.max=1.0",
        ),
        (
            "/search?spec.min=3.5&spec.max=1.0&kibana.version=9.0.0",
            Reason::Budget,
            "/search?kibana.version=<version>&spec.min=3.5&spec.max=1.0",
        ),
        ("/search?package=%ff", Reason::Spelling, "/search?<unusual values>"),
    ] {
        let outcome = tallied(&routes, &[target]);
        if outcome.refused == 0 {
            // Whether these few packages tell it apart is for the tables to say.
            assert_eq!(outcome.answered, 1, "{target}");
            continue;
        }
        let [found] = &outcome.forms[..] else { panic!("{target}: {outcome:#?}") };
        assert_eq!((found.reason, found.form.as_str(), found.remedy), (reason, form, Remedy::Fallback), "{target}");
        assert_eq!((found.example.as_str(), found.clients.get("curl")), (target, Some(&1)));
        assert!(outcome.clients.is_empty() && outcome.clients_yaml.is_empty(), "{target}");
    }
    let mixed =
        tallied(&routes, &["/search?spec.max=x", "/package/a/1.0.0/", "/search?package=a", "/epr/a/a-1.0.0.zip"]);
    assert_eq!((mixed.other_requests, mixed.lookups, mixed.wrong, mixed.answered), (2, 2, 1, 1), "{mixed:#?}");
}

/// A log of which no two requests are alike takes no more memory than any other, and hides nothing that is frequent.
#[test]
fn what_is_kept_of_a_log_is_bounded() {
    let (_, routes) = small_budget(known());
    let mut tally = Tally::new(&routes, "");
    let mut add = |target: &str, agent: &str| {
        tally.line(Some(format!("- - - [-] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"{agent}\"").as_bytes()));
    };
    for number in 0..30_000 {
        let (major, minor, patch) = (number % 90, number / 90 % 90, number / 8100);
        add(
            &format!("/search?spec.min=0.{minor}&spec.max={major}.{minor}&capabilities=w{patch}"),
            &format!("agent {number}"),
        );
        if number % 10 == 0 {
            add("/search?kibana.version=8.14.0&spec.min=1.3&spec.max=3.9", "often");
        }
    }
    tally.line(Some(&[0xff; 100]));
    tally.line(None);
    let outcome = tally.finish();
    assert_eq!((outcome.lines, outcome.unreadable_lines, outcome.lookups), (33_002, 2, 33_000));
    assert!(outcome.forms.len() <= 1000 && outcome.clients.len() <= 20, "{} forms", outcome.forms.len());
    assert_eq!(outcome.forms.iter().map(|form| form.requests).sum::<u64>() + outcome.forgotten, outcome.refused);
    assert_eq!((outcome.forms[0].requests, outcome.forms[0].clients["often"]), (3000, 3000), "{:#?}", outcome.forms[0]);
    assert!(outcome.forms.iter().all(|form| form.clients.len() <= 5));
    assert_eq!(outcome.clients[0].kibana, Some(["8.14.0".to_owned(), "8.14.1".to_owned()]));
}

#[test]
fn known_forms_are_tried() {
    let catalog = samples::catalog(CATALOG);
    let sets = BTreeSet::from([vec!["apm".to_owned(), "security".to_owned()]]);
    let all = forms::held(&build(&catalog, &Options::default()).routes, &sets);
    for form in &all {
        assert!(form.shares.iter().all(|share| share.requests > 0), "{form:#?}");
        // Lists of all versions are held without any other parameter only.
        assert!(form.is_held() || form.form == "download tools: all versions", "{form:#?}");
    }
    let (_, routes) = small_budget(known());
    let few = forms::held(&routes, &sets);
    assert_eq!(few.len(), all.len());
    let of = |name: &str| few.iter().find(|form| form.form == name).unwrap();
    assert!(of("Kibana with the bounds of its branch").is_held(), "{few:#?}");
    let other = &of("Kibana with other bounds").shares[0];
    assert!(other.held < other.requests && other.refused.as_ref().unwrap().starts_with("/search?kibana.version="));
}
