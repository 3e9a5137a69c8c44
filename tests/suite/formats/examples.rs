//! The examples in docs/reference/json-output.md are what the commands print.
//!
//! Names of generations, digests, times, sizes and counts of contents are replaced, since every change of the program may
//! change them. `SNAPSHOTS=overwrite cargo test --test suite examples` writes the page anew.

use super::troubled;
use crate::harness::{Case, FOREIGN_SIGNATURE};
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- example: ";
/// Fields with numbers that follow from sizes.
const SIZES: [&str; 6] = ["bytes", "made_bytes", "objects", "carried", "made", "contents"];
/// How many paths of a long list are shown.
const SHOWN: usize = 3;

#[test]
fn examples_of_json_are_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/json-output.md");
    let text = fs::read_to_string(&page).unwrap();
    let case = troubled();
    fs::write(case.path("packages/staging/acme/1.1.0.sig"), FOREIGN_SIGNATURE).unwrap();
    let build = |code| assert_eq!(case.run(&["build", "--dist", "staging", "--quiet"]).code, code);
    build(1);
    assert_eq!(case.run(&["release", "8.5.0", "--dist", "staging", "--quiet"]).code, 0);
    fs::remove_file(case.path("packages/staging/beta-1.0.0.zip")).unwrap();
    let selections = "selections: {fleet: {kibana: 8.17.3, take: [{name: acme}]}}\n";
    fs::write(case.path("selections.yml"), selections).unwrap();
    let line = |target: &str| {
        format!("192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET {target} HTTP/1.1\" 200 2 \"-\" \"curl/8.5.0\"\n")
    };
    let targets = ["/search?kibana.version=9.0.0", "/search?discovery=fields:a", "/package/beta/1.0.0/"];
    fs::write(case.path("access.log"), targets.map(line).concat()).unwrap();
    let keep = "# epr-build keep 1\n# kibana: 9.1.3 prerelease: no taken: 2026-01-31T12:00:00Z complete: yes\n\
                acme@1.0.0 rollback\nacme@1.1.0 installed registry\napm@9.1.3 installed bundled optional\nbeta@1.0.0 policy\n";
    fs::write(case.path("site-a.keep"), keep).unwrap();
    let renewed = renewed(&text, |line| settled(&printed(&case, line), &case));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&page, &renewed).unwrap();
        return;
    }
    let renew = "run `SNAPSHOTS=overwrite cargo test --test suite examples` and read the change";
    assert!(renewed == text, "{renew}\n{renewed}");
    assert_eq!(text.matches(BEGIN).count(), 18, "each command has an example");
}

/// The page with what commands print now.
fn renewed(page: &str, printed: impl Fn(&str) -> String) -> String {
    let mut renewed = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        renewed += &format!("{line}\n");
        if let Some(command) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) {
            assert_eq!(lines.next(), Some("```json"), "{command}");
            assert!(lines.any(|line| line == "```"), "{command}");
            renewed += &format!("```json\n{}```\n", printed(command));
        }
    }
    renewed
}

fn printed(case: &Case, line: &str) -> String {
    let line = line.replace("/srv/", &format!("{}/", case.path("").display()).replace("//", "/"));
    let mut command = case.command(&line.split(' ').collect::<Vec<_>>());
    let output = command.env("SOURCE_DATE_EPOCH", "1769860800").output().unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text without what changes.
fn settled(text: &str, case: &Case) -> String {
    let text = text.replace(case.path("").to_str().unwrap().trim_end_matches('/'), "/srv");
    let (mut settled, mut key, mut in_list) = (String::new(), "", None);
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some((name, _)) = bare.strip_prefix('"').and_then(|rest| rest.split_once("\": ")) {
            key = name;
            in_list = (bare.ends_with('[') && name == "changed_paths").then_some(0);
        }
        if let Some(count) = in_list.as_mut().filter(|_| bare.starts_with("\"/")) {
            *count += 1;
            if *count > SHOWN {
                continue;
            }
        }
        settled += &format!("{}\n", settled_line(line, key));
    }
    // The last of the paths that are left has no comma.
    let shown: serde_json::Value = serde_json::from_str(&settled.replace(",\n  ]", "\n  ]")).unwrap();
    assert!(shown.is_object() || shown.is_array());
    settled.replace(",\n  ]", "\n  ]")
}

fn settled_line(line: &str, key: &str) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let bare = line.trim_start();
    let (head, value) = match bare.strip_prefix('"').and_then(|rest| rest.split_once("\": ")) {
        Some((_, value)) => (&bare[..bare.len() - value.len()], value),
        None => ("", bare),
    };
    let (value, comma) = value.strip_suffix(',').map_or((value, ""), |value| (value, ","));
    let is_number = value.parse::<u64>().is_ok();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = match inner {
        None if is_number && SIZES.contains(&key) => "4321".to_owned(),
        Some(inner) if inner.len() == 16 && is_hex(inner) => "\"0123456789abcdef\"".to_owned(),
        Some(inner) if inner.len() == 64 && is_hex(inner) => format!("\"{}\"", "0123456789abcdef".repeat(4)),
        Some(inner) if inner.len() == 20 && inner.ends_with('Z') && inner.as_bytes()[10] == b'T' => {
            "\"2026-01-31T12:00:00Z\"".to_owned()
        }
        _ => value.to_owned(),
    };
    format!("{indent}{head}{value}{comma}")
}
