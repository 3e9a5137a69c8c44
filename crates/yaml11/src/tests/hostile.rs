//! Hostile input: limits, time, and no panic whatever the bytes.

use crate::{Limits, parse, parse_plain};
use proptest::prelude::*;
use std::fmt::Write;

fn refused(text: impl AsRef<[u8]>, rule: &str) {
    let error = parse(text.as_ref(), &Limits::default()).expect_err("refused");
    assert_eq!(error.rule, rule, "{error}");
}

#[test]
fn limits_hold() {
    refused(vec![b'#'; (8 << 20) + 1], "yaml-limit");
    refused("[".repeat(5_000_000), "yaml-limit");
    refused("{a: ".repeat(1_000_000), "yaml-limit");
    refused("- ".repeat(1_000_000), "yaml-limit");
    refused("? ".repeat(1_000_000), "yaml-limit");
    refused(format!("\"{}\": 1", ".".repeat(500)), "yaml-limit");
    refused(format!("? \"{}\"\n: 1", ".".repeat(4_000_000)), "yaml-limit");
}

#[test]
fn nesting_within_the_limit_is_read() {
    let deep = |levels: usize| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(deep(95).as_bytes(), &Limits::default()).is_ok());
    refused(deep(105), "yaml-limit");
    // Copies and dots count as well.
    let dots = format!("a: &x {}{}\nb: {}*x{}", "[".repeat(60), "]".repeat(60), "[".repeat(60), "]".repeat(60));
    refused(dots, "yaml-limit");
    refused(format!("{}: {}{}", ["k"; 60].join("."), "[".repeat(60), "]".repeat(60)), "yaml-limit");
}

#[test]
fn bombs_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{items}]").expect("writes");
    }
    refused(laughs, "yaml-limit");
    let long = format!("a: &x {}\nb: [{}]", "x".repeat(1_000_000), "*x, ".repeat(100_000));
    refused(long, "yaml-limit");
    let mut gaps = String::new();
    for key in 0..2000 {
        writeln!(gaps, "k{key}.1024: x").expect("writes");
    }
    refused(gaps, "yaml-limit");
    let mut directives = String::new();
    for index in 0..200_000 {
        writeln!(directives, "%TAG !e{index}! x").expect("writes");
    }
    refused(directives + "---\na: 1", "yaml-limit");
}

/// Each of these is linear in its size; a quadratic reading would take minutes.
#[test]
fn large_files_take_their_time_once() {
    let mut keys = String::new();
    for key in 0..200_000 {
        writeln!(keys, "k{key}: 1").expect("writes");
    }
    let texts = [
        keys,
        "a: 1\n".repeat(200_000),
        format!("a: [{}]", "b, ".repeat(400_000)),
        format!("a: \"{}\"", "x\\n ".repeat(1_000_000)),
        format!("a: |\n{}", "  x\n\n".repeat(1_000_000)),
        format!("a: {}", "x\n  ".repeat(1_000_000)),
        format!("a: x{}", "\n".repeat(4_000_000)),
        "# c\n".repeat(1_000_000),
        format!("a: {}", " ".repeat(4_000_000)),
        format!("a: {}\n", "'".repeat(4_000_000)),
    ];
    for text in texts {
        assert!(parse(text.as_bytes(), &Limits::default()).is_ok(), "{}", &text[..20]);
    }
}

/// Messages must not repeat a long key for each value below it.
#[test]
fn long_keys_cost_little() {
    let key = "k".repeat(1_000_000);
    let mut names = String::new();
    for name in 0..100_000 {
        write!(names, "n{name}: 1, ").expect("writes");
    }
    let text = format!("? a.{key}\n: {{{names}}}\na: {{? {key} : {{{names}}}}}\n");
    let document = parse(text.as_bytes(), &Limits::default()).expect("reads");
    assert_eq!(document.warnings.len(), 100_000);
    assert!(document.warnings.iter().all(|warning| warning.message.len() < 300));
}

/// A limit is what stopped the reading, so that the message says so, not what stands behind the document.
#[test]
fn a_limit_is_named_before_damage_behind_the_document() {
    let limits = Limits { nodes: 5, ..Limits::default() };
    let error = parse(b"a: [1, 2, 3, 4, 5]\n---\n\xff", &limits).expect_err("refused");
    assert_eq!(error.rule, "yaml-limit");
}

/// Fragments that reach more of the grammar than random bytes do.
fn fragment() -> impl Strategy<Value = String> {
    let fragments = [
        "a: ",
        "b:",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        ": ",
        "?",
        "? ",
        "&x ",
        "*x",
        "!!str ",
        "!!int ",
        "!",
        "!a,",
        "<<: ",
        "'",
        "\"",
        "\\",
        "\\x4",
        "|",
        ">-",
        "|+2",
        "\n---\n",
        "\n...\n",
        "%TAG !e! x\n",
        "%YAML 1.1\n",
        "#",
        " # c",
        "\t",
        "0x1",
        "1.5",
        "a.b: ",
        "a.0: ",
        "\"-1\": ",
        "\u{e4}",
        "\u{2028}",
        "\u{85}",
        "\r\n",
        "\u{feff}",
        "~",
        "\u{1}",
        "!!binary ",
        "1024.1024: ",
    ];
    prop::collection::vec(prop::sample::select(fragments.to_vec()), 0..40).prop_map(|parts| parts.concat())
}

const MANIFEST: &str = r#"format_version: 3.0.0
name: nginx
title: "Nginx \"x\""
version: 1.2.3
conditions:
  kibana.version: "^8.0.0"
  elastic:
    subscription: basic
icons:
  - src: /img/logo.svg
    size: 32x32
policy_templates: &templates
  - name: nginx
    description: >-
      Collect logs
      and metrics.
    inputs:
      - {type: logfile, vars: [{name: paths, multi: true, default: ["/var/log/*"]}]}
      - type: nginx/metrics
        template: |
          period: 10s

          hosts:
            - a
owner: {github: elastic/obs, <<: {type: elastic}}
more: *templates
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn any_fragments_are_answered(text in fragment()) {
        let plain = parse_plain(text.as_bytes(), &Limits::default());
        let whole = parse(text.as_bytes(), &Limits::default());
        // Expanding can only refuse more, and the same text always gives the same answer.
        prop_assert!(plain.is_ok() || whole.is_err());
        prop_assert_eq!(plain.is_ok(), crate::parse_texts(text.as_bytes(), &Limits::default()).is_ok());
        let again = parse(text.as_bytes(), &Limits::default());
        prop_assert_eq!(format!("{whole:?}"), format!("{again:?}"));
    }

    #[test]
    fn a_broken_manifest_is_answered(at in 0..MANIFEST.len(), cut in 0usize..6, text in fragment()) {
        let end = (at + cut).min(MANIFEST.len());
        let mut bytes = MANIFEST.as_bytes().to_vec();
        bytes.splice(at..end, text.bytes());
        if let Err(error) = parse(&bytes, &Limits::default()) {
            let lines = 2 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + text.chars().count();
            prop_assert!(error.line.is_some_and(|line| line >= 1 && line as usize <= lines), "{}", error);
        }
    }

    /// What follows the first document never matters.
    #[test]
    fn only_the_first_document_counts(text in fragment()) {
        let with_rest = format!("{MANIFEST}---\n{text}");
        let expected = parse(MANIFEST.as_bytes(), &Limits::default()).expect("reads").root;
        prop_assert_eq!(parse(with_rest.as_bytes(), &Limits::default()).expect("reads").root, expected);
    }

    /// A string in double quotes comes back as it was.
    #[test]
    fn a_quoted_string_is_itself(text in "\\PC*") {
        let quoted = format!("a: \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let document = parse_plain(quoted.as_bytes(), &Limits::default());
        if let Ok(document) = document {
            // White space folds in quotes, but not within a line.
            prop_assert_eq!(document.root.get("a").and_then(crate::Plain::as_str), Some(text.as_str()));
        } else {
            prop_assert!(!text.is_ascii(), "refused");
        }
    }
}
