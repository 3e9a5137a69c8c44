//! `epr-build coverage`, on a catalog whose lists are beyond the budget.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::harness::{Case, Run};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::Stdio;

const BUDGET: &str = "budget: {max_contexts: 1, max_answers: 1, max_bytes: 1}\n";

/// Packages with constraints that differ.
fn beyond_the_budget() -> Case {
    let mut case = Case::new().config(BUDGET);
    for (name, version, kibana, spec) in [
        ("alpha", "1.0.0", "^8.11.0", "2.3.0"),
        ("alpha", "1.1.0", "^8.14.0 || ^9.0.0", "3.0.0"),
        ("beta", "1.0.0", "^8.12.0", "2.0.0"),
        ("beta", "1.2.0", "^8.16.0 || ^9.1.2", "2.3.0"),
        ("gamma", "1.0.0", "^8.13.2", "1.0.0"),
    ] {
        case = case.package("packages/production", name, version, "Text");
        let manifest = case.path(&format!("packages/production/{name}/{version}/manifest.yml"));
        let text = fs::read_to_string(&manifest).unwrap();
        let text =
            text.replace("^8.11.0", kibana).replacen("format_version: 3.0.0", &format!("format_version: {spec}"), 1);
        assert!(text.contains(kibana) && text.contains(spec), "{text}");
        fs::write(&manifest, text).unwrap();
    }
    build(&case);
    case
}

fn build(case: &Case) {
    let run = case.run(&["--dist", "production", "--quiet"]);
    assert_eq!(run.code, 0, "{run:#?}");
}

#[track_caller]
fn coverage(case: &Case, logs: &[&str], code: i32) -> Run {
    let run = case.run(&[&["coverage", "--dist", "production"], logs].concat());
    assert_eq!(run.code, code, "{run:#?}");
    run
}

fn as_json(case: &Case, logs: &[&str], code: i32) -> Value {
    serde_json::from_str(&coverage(case, &[logs, &["--format", "json"]].concat(), code).stdout).unwrap()
}

fn line(target: &str) -> String {
    format!(
        "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET {target} HTTP/1.1\" 200 2 \"-\" \"Kibana/9.3.0 node-fetch\"\n"
    )
}

/// What is beyond the budget, what is not, and requests that are no look-ups.
const ASKED: [&str; 7] = [
    "/search?kibana.version=8.16.2&spec.min=2.3&spec.max=2.3",
    "/search?prerelease=true&kibana.version=8.14.1&spec.min=2.3&spec.max=2.3",
    "/search?type=integration&kibana.version=8.12.0&spec.min=2.3&spec.max=2.3",
    "/search?package=alpha&spec.max=2.3",
    "/search?prerelease=true",
    "/search?spec.max=x",
    "/package/alpha/1.0.0/",
];

/// Logs of each kind tell the same; what is proposed makes the next build answer all of it.
#[test]
fn what_is_proposed_is_answered_after_the_next_build() {
    let case = beyond_the_budget();
    let text: String = ASKED.iter().map(|target| line(target)).collect();
    let caddy: String = ASKED
        .iter()
        .map(|target| {
            let request =
                json!({ "method": "GET", "uri": target, "headers": { "User-Agent": ["Kibana/9.3.0 node-fetch"] } });
            format!("{}\n", json!({ "level": "info", "msg": "handled request", "request": request, "status": 200 }))
        })
        .collect();
    let gzip = |text: &str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    fs::write(case.path("access.log"), &text).unwrap();
    fs::write(case.path("caddy.log"), &caddy).unwrap();
    // Two members, as logs are that were appended to.
    fs::write(case.path("old.gz"), [gzip(&text[..300]), gzip(&text[300..])].concat()).unwrap();
    let first = as_json(&case, &["access.log"], 1);
    for log in ["caddy.log", "old.gz"] {
        assert_eq!(as_json(&case, &[log], 1)["requests"], first["requests"], "{log}");
    }
    let mut piped = case.command(&["coverage", "--dist", "production", "-", "--format", "json"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let piped: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(piped, first);

    let requests = &first["requests"];
    let counts = ["lines", "unreadable_lines", "other_requests", "lookups", "answered", "wrong", "refused"];
    let counts = counts.map(|key| requests[key].as_u64().unwrap());
    assert_eq!(counts, [7, 0, 1, 6, 2, 1, 3], "{requests:#}");
    assert_eq!(requests["forms"][0]["form"], "/search?kibana.version=<version>&spec.min=2.3&spec.max=2.3");
    assert_eq!(requests["forms"][0]["clients"], json!({ "Kibana/9.3.0 node-fetch": 2 }));
    let told = coverage(&case, &["access.log", "old.gz"], 1).stdout;
    for part in ["refuses 6 (50.00 %)", ASKED[0], "kibana: [8.12.0, 8.16.3]", "spec_max: \"2.3\"", "epr-build serve"] {
        assert!(told.contains(part), "{part}: {told}");
    }

    let yaml = requests["clients_yaml"].as_str().unwrap();
    fs::write(case.path("epr-build.yml"), format!("{BUDGET}{yaml}")).unwrap();
    build(&case);
    let after = as_json(&case, &["access.log"], 0);
    assert_eq!((after["requests"]["answered"].as_u64(), after["requests"]["refused"].as_u64()), (Some(5), Some(0)));
}

/// Without a log it tells of known clients; the report and the page tell the shares.
#[test]
fn the_shares_are_told() {
    let case = beyond_the_budget();
    let told = as_json(&case, &[], 0);
    assert_eq!(told["within_budget"], false);
    let form = |name: &str| {
        let forms = told["forms"].as_array().unwrap();
        forms.iter().find(|form| form["form"] == name).unwrap()["shares"].clone()
    };
    for share in form("Kibana with the bounds of its branch").as_array().unwrap() {
        assert_eq!(share["held"], share["requests"], "{share}");
    }
    let lists = &form("Kibana with other bounds")[0];
    assert!(lists["held"].as_u64() < lists["requests"].as_u64() && lists["refused"].is_string(), "{lists}");
    let text = coverage(&case, &[], 0).stdout;
    assert!(text.contains("beyond the budget") && text.contains("Kibana with other bounds"), "{text}");

    let report = case.json("out/production/current/report.json");
    let shares = &report["coverage"];
    assert!(shares["held_combinations"].as_u64() < shares["combinations"].as_u64(), "{shares}");
    assert!(shares["exact_subjects"].as_u64() < shares["subjects"].as_u64(), "{shares}");
    let page = || fs::read_to_string(case.path("out/production/current/site/ui/distribution/index.html")).unwrap();
    let held = format!("the answers to {} of ", shares["held_combinations"]);
    assert!(page().contains(&held) && page().contains("left to"), "{held}");

    fs::write(case.path("epr-build.yml"), "").unwrap();
    build(&case);
    assert_eq!(as_json(&case, &[], 0)["within_budget"], true);
    assert!(page().contains("Static hosts hold every answer"));
    let report = case.json("out/production/current/report.json");
    assert_eq!(report["coverage"]["held_combinations"], report["coverage"]["combinations"]);
}

/// With a fallback nothing is refused, and no word says so.
#[test]
fn a_fallback_is_told_as_one() {
    let case = beyond_the_budget();
    fs::write(case.path("epr-build.yml"), format!("{BUDGET}fallback: http://127.0.0.1:8090\n")).unwrap();
    build(&case);
    let unheld = "/search?discovery=fields:a";
    fs::write(case.path("access.log"), [line(ASKED[0]), line(ASKED[4]), line(unheld)].concat()).unwrap();
    let (forms, log) = (coverage(&case, &[], 0).stdout, coverage(&case, &["access.log"], 0).stdout);
    for told in [&forms, &log] {
        assert!(told.contains("hosts ask the fallback http://127.0.0.1:8090 for"), "{told}");
        assert!(told.contains("left to the fallback") && !told.contains("refuse"), "{told}");
        assert!(!told.contains("epr-build serve"), "{told}");
    }
    assert!(log.contains("and leave to the fallback 2 (66.67 %)") && log.contains("lets the next build hold"), "{log}");
    assert_eq!(as_json(&case, &["access.log"], 0)["requests"]["refused"], 2);
}

/// Logs hold what strangers send.
#[test]
fn hostile_logs_are_read_to_their_end() {
    let case = beyond_the_budget();
    let mut log = vec![0xff; 200_000];
    log.extend(b"\n\0\0\n{\"request\":\n\x1b[2J \"GET /search?spec.max=2.3\x1b[2J&a HTTP/1.1\" 200 1 \"-\" \"\xe2\x80\xaeevil\"\n");
    log.extend(format!("- \"GET /search?{} HTTP/1.1\" 414 0\n", "a".repeat(1 << 20)).into_bytes());
    log.extend(line(ASKED[0]).into_bytes());
    log.extend(b"- \"GET /search?spec.max=2.3\\x22\\x1b[31m HTTP/1.1\" 400 0 \"-\" \"\\x1b[31m\"");
    fs::write(case.path("access.log"), &log).unwrap();
    let told = coverage(&case, &["access.log"], 1);
    assert!(told.stdout.starts_with("production: "), "{told:#?}");
    assert!(!told.stdout.contains(['\x1b', '\u{202e}', '\0']), "{told:#?}");
    let requests = &as_json(&case, &["access.log"], 1)["requests"];
    assert_eq!(requests["lines"], 7, "{requests:#}");
    assert_eq!(requests["unreadable_lines"], 4, "{requests:#}");
    // A gzip file that breaks off, one that is none, and a log that is not there.
    fs::write(case.path("short.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    for log in ["short.gz", "absent.log", "packages"] {
        let run = coverage(&case, &[log], 2);
        assert!(run.stderr.contains(&format!("cannot read the log `{log}`")) && run.stdout.is_empty(), "{run:#?}");
    }
    fs::write(case.path("empty.log"), "").unwrap();
    assert_eq!(as_json(&case, &["empty.log"], 0)["requests"]["lookups"], 0);
    let run = case.run(&["coverage", "--dist", "absent"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean") || run.stderr.contains("build it with"), "{run:#?}");
}
