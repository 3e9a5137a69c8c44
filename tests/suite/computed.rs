//! What the built-in server computes because no table holds it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::build_samples;
use crate::harness::Case;
use crate::in_process::Server;
use crate::switching::wait_until;
use epr_build::serve::ServeOptions;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// An answer: status, headers, and the body as it was sent.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body without its encoding.
    fn text(&self) -> String {
        let bytes = match self.header("content-encoding") {
            "gzip" => epr_build::base::compress::gunzip(&self.bytes).unwrap(),
            _ => self.bytes.clone(),
        };
        String::from_utf8(bytes).unwrap()
    }
}

fn serve(folder: &Path, dist: &str) -> Server {
    let mut options = ServeOptions::new(folder.join("out").join(dist).join("current"));
    options.debug_header = true;
    Server::start(options)
}

fn ask(server: &Server, method: &str, target: &str, headers: &str) -> Answer {
    let mut stream = server.connect();
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let lines = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        bytes: answer[end + 4..].to_vec(),
    }
}

/// Questions that the tables of the samples hold. The mark stands where an escape makes the tables give up.
const HELD: [&str; 12] = [
    "/search?prerelease=@true",
    "/search?all=@true&prerelease=true",
    "/search?experimental=@true",
    "/search?kibana.version=@8.12.0&prerelease=true",
    "/search?kibana.version=@9.1.0&spec.min=2.3&spec.max=3.4",
    "/search?category=@security&prerelease=true",
    "/search?category=@observability&experimental=true",
    "/search?type=@input&prerelease=1",
    "/search?package=@acme_vault&all=true&prerelease=true",
    "/search?package=@nothing_of_the_kind",
    "/categories?prerelease=@true",
    "/categories?include_policy_templates=@true&prerelease=true",
];

/// The target with the letter behind the mark escaped, and with it as it is.
fn spellings(marked: &str) -> (String, String) {
    let (before, after) = marked.split_once('@').unwrap();
    (format!("{before}%{:02x}{}", after.as_bytes()[0], &after[1..]), format!("{before}{after}"))
}

#[test]
fn a_computed_answer_has_the_bytes_of_the_tables() {
    let home = build_samples();
    let server = serve(home.path(), "staging");
    for marked in HELD {
        let (escaped, plain) = spellings(marked);
        for encoding in ["", "Accept-Encoding: gzip\r\n"] {
            let (held, computed) = (ask(&server, "GET", &plain, encoding), ask(&server, "GET", &escaped, encoding));
            assert!(held.header("x-epr-route").starts_with("/answers/"), "{plain} is not in the tables");
            assert_eq!((computed.status, computed.header("x-epr-route")), (200, "computed"), "{escaped}");
            assert_eq!(computed.text(), held.text(), "{escaped}");
            assert_eq!(computed.header("content-length"), computed.bytes.len().to_string(), "{escaped}");
            for name in ["content-type", "cache-control", "access-control-allow-origin"] {
                assert_eq!(computed.header(name), held.header(name), "{escaped}: {name}");
            }
        }
    }
}

#[test]
fn what_no_table_holds_is_answered() {
    let home = build_samples();
    let server = serve(home.path(), "staging");
    for (target, expected) in [
        ("/search?package=acme_vault&category=security&prerelease=true", "acme_vault"),
        ("/search?all=true&type=input&category=custom&prerelease=true", ""),
        ("/search?kibana.version=8.12.0-SNAPSHOT&discovery=fields:a", ""),
        ("/search?%61ll=true&all=maybe&package=acme_vault&prerelease=true", "acme_vault"),
    ] {
        let answer = ask(&server, "GET", target, "");
        assert_eq!((answer.status, answer.header("x-epr-route")), (200, "computed"), "{target}");
        assert!(answer.text().contains(expected), "{target}");
    }
    for (target, text) in [
        ("/search?%61ll=maybe", "invalid 'all' query param: 'maybe'\n"),
        ("/search?kibana.version=%38;&prerelease=2", "invalid 'prerelease' query param: '2'\n"),
        ("/categories?spec.max=%33", "invalid 'spec.max' version: invalid version '3': it should be <major.version>\n"),
    ] {
        let answer = ask(&server, "GET", target, "");
        assert_eq!((answer.status, answer.text().as_str()), (400, text), "{target}");
        assert!(answer.header("cache-control").contains("no-store"), "{target}");
    }
}

#[test]
fn computed_answers_have_validators_and_lengths() {
    let home = build_samples();
    let server = serve(home.path(), "staging");
    let target = "/search?prerelease=%74rue";
    let plain = ask(&server, "GET", target, "");
    let packed = ask(&server, "GET", target, "Accept-Encoding: gzip\r\n");
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "Accept-Encoding"));
    assert_ne!(plain.header("etag"), packed.header("etag"));
    let head = ask(&server, "HEAD", target, "");
    assert_eq!((head.bytes.len(), head.header("content-length")), (0, plain.header("content-length")));
    let again = ask(&server, "GET", target, &format!("If-None-Match: {}\r\n", plain.header("etag")));
    assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, plain.header("etag")));
    let other = ask(&server, "GET", target, &format!("If-None-Match: {}\r\n", packed.header("etag")));
    assert_eq!(other.status, 200);
    for (tags, expected) in [(plain.header("etag"), 200), ("*", 200), ("\"x\"", 412), (packed.header("etag"), 412)] {
        let answer = ask(&server, "GET", target, &format!("If-Match: {tags}\r\n"));
        assert_eq!((answer.status, answer.text() == plain.text()), (expected, expected == 200), "{tags}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{tags}");
    }
    let next = ask(&server, "GET", "/search?prerelease=%74rue&type=integration", "");
    assert_ne!(next.header("etag"), plain.header("etag"));
}

// A host before the server says which generation its tables are of: an answer from another one would not fit them.
#[test]
fn a_host_is_answered_from_the_generation_that_it_names() {
    let case = Case::new().package("packages/production", "acme", "1.0.0", "one");
    assert_eq!(case.run(&["--dist", "production"]).code, 0);
    let name = |case: &Case| {
        let link = fs::read_link(case.path("out/production/current")).unwrap();
        link.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let (first, server) = (name(&case), serve(&case.path(""), "production"));
    let ask = |generation: &str| {
        let answer = ask(&server, "GET", "/search?package=%61cme", &format!("X-Epr-Generation: {generation}\r\n"));
        let text = answer.text();
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{generation}");
        let held = ["1.0.0", "1.1.0"].into_iter().find(|version| text.contains(&format!("\"version\": \"{version}\"")));
        (answer.status, held, answer.header("cache-control").contains("no-store"))
    };
    assert_eq!(ask(&first), (200, Some("1.0.0"), false));
    let case = case.package("packages/production", "acme", "1.1.0", "two");
    assert_eq!(case.run(&["--dist", "production"]).code, 0);
    let second = name(&case);
    assert_ne!(first, second);
    let event = server.events.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert!(matches!(event, epr_build::serve::Event::Generation(_)), "{event:?}");
    assert_eq!(ask(&second), (200, Some("1.1.0"), false));
    assert_eq!(ask(&first), (200, Some("1.0.0"), true), "the host has not followed yet, and no cache may follow it");
    for unknown in ["0123456789abcdef", "../../../etc", ""] {
        assert_eq!(ask(unknown), (503, None, true), "{unknown}");
    }
}

// An earlier generation that a host still asks for is nobody's: it may go at any moment, and then there is no answer.
#[test]
fn an_earlier_generation_may_be_removed_while_it_is_asked() {
    let case = Case::new().package("packages/production", "acme", "1.0.0", "one");
    assert_eq!(case.run(&["--dist", "production"]).code, 0);
    let first = fs::read_link(case.path("out/production/current")).unwrap();
    let server = serve(&case.path(""), "production");
    let header = format!("X-Epr-Generation: {}\r\n", first.file_name().unwrap().to_str().unwrap());
    let ask = || ask(&server, "GET", "/search?package=%61cme", &header).status;
    let case = case.package("packages/production", "acme", "1.1.0", "two");
    assert_eq!(case.run(&["--dist", "production"]).code, 0);
    server.events.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(ask(), 200);
    let case = case.package("packages/production", "acme", "1.2.0", "three");
    let run = case.run(&["--dist", "production", "--keep", "1"]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(!case.path("out/production").join(&first).exists(), "{run:#?}");
    wait_until("the generation is closed", || ask() == 503);
}

// What fails once need not fail for ever: the machine may have been out of file handles.
#[test]
fn facts_that_could_not_be_read_are_read_again() {
    let home = build_samples();
    let facts = home.path().join("out/staging/current/facts.json");
    let text = fs::read(&facts).unwrap();
    fs::write(&facts, "[{}]").unwrap();
    let server = serve(home.path(), "staging");
    let ask = || ask(&server, "GET", "/search?prerelease=%74rue", "").status;
    assert_eq!(ask(), 500);
    fs::write(&facts, text).unwrap();
    wait_until("the facts are read again", || ask() == 200);
}

// Never half of a list: what cannot be read is an error, and a generation of an earlier program refuses as its tables do.
#[test]
fn what_is_damaged_or_missing_is_not_guessed() {
    let home = build_samples();
    let generation = home.path().join("out/staging/current");
    let target = "/search?prerelease=%74rue";
    let list = {
        let server = serve(home.path(), "staging");
        assert_eq!(ask(&server, "GET", target, "").status, 200);
        ask(&server, "GET", "/search?all=true&prerelease=true", "").header("x-epr-route").to_owned()
    };
    let list = generation.join("site").join(list.trim_start_matches('/'));
    let text = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    for damage in [&b""[..], &text[..text.len() / 2], &b"[]"[..]] {
        fs::write(&list, damage).unwrap();
        assert_eq!(ask(&serve(home.path(), "staging"), "GET", target, "").status, 500, "{} bytes", damage.len());
    }
    fs::write(&list, text).unwrap();
    fs::write(generation.join("facts.json"), "[{}]").unwrap();
    assert_eq!(ask(&serve(home.path(), "staging"), "GET", target, "").status, 500);
    fs::remove_file(generation.join("facts.json")).unwrap();
    assert_eq!(ask(&serve(home.path(), "staging"), "GET", target, "").status, 501);
}
