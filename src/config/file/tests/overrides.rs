//! Overrides of layers: every mistake with its line, message and hint, and every value.

use super::{mistakes, read};
use crate::config::glob::Glob;
use crate::config::overrides::Override;
use crate::dialect::version::Constraint;
use crate::package::{Deprecated, ReplacedBy};

/// The mistakes of the overrides of a layer, the first of which stands on line 3.
#[test]
fn every_mistake_in_an_override_has_a_line_and_a_way_out() {
    const RULE: &str = "layers.staging.overrides";
    const NAMES: &str = "write `package: nginx`, `package: \"ti_*\"` or `package: [nginx, apache]`";
    const NOTICE: &str = "write `deprecated: {description: …, since: \"1.2.0\"}`; without the key the package's own notice counts, which no override takes away";
    const CHANGES: &str =
        "add `hide: yes`, `deprecated: {description: …, since: …}` or `kibana: \"^8.5.0\"`, or remove the rule";
    const LIST: &str =
        "write `- {package: nginx, versions: \"1.2.0\", hide: yes, reason: …}` for each rule, or remove the key";
    const REASON: &str = "add `reason: …`; reports, pages and `epr-build which` show it";
    const TWICE: &str = "remove one of the two; which of them counts is not known";
    let long = "x".repeat(2_001);
    let cases: &[(&str, &str)] = &[
        ("[]", &format!("2: `{RULE}` is an empty list | {LIST}")),
        ("{}", &format!("2: `{RULE}` must be a list of rules, not a mapping | {LIST}")),
        (
            "\n    - text",
            &format!(
                "3: `{RULE}.0` must be a mapping, not text | write `key: value` pairs, one a line; epr-build.sample.yml has an example"
            ),
        ),
        ("\n    - {package: a, hide: yes}", &format!("3: `{RULE}.0` has no reason | {REASON}")),
        (
            "\n    - {hide: yes, reason: x}",
            &format!("3: `{RULE}.0` names no package | add `package: nginx`, or a pattern such as `package: \"ti_*\"`"),
        ),
        ("\n    - {package: a, reason: x}", &format!("3: `{RULE}.0` changes nothing | {CHANGES}")),
        ("\n    - {package: a, hide: no, reason: x}", &format!("3: `{RULE}.0` changes nothing | {CHANGES}")),
        (
            "\n    - {package: a}",
            &format!("3: `{RULE}.0` has no reason | {REASON}\n3: `{RULE}.0` changes nothing | {CHANGES}"),
        ),
        (
            "\n    - {package: a, hid: yes, reason: x}",
            &format!("3: unknown key `hid` in `{RULE}.0` | did you mean `hide`?"),
        ),
        (
            "\n    - {package: a, hide: 'yes', reason: x}",
            &format!("3: `{RULE}.0.hide` must be yes or no, not text | write `yes` or `no`, without quotes"),
        ),
        ("\n    - {package: a, hide: yes, reason: ''}", &format!("3: `{RULE}.0.reason` is empty | write a reason")),
        ("\n    - {package: a, hide: yes, reason: ' '}", &format!("3: `{RULE}.0.reason` is blank | write a reason")),
        (
            "\n    - {package: a, hide: yes, reason: 7}",
            &format!("3: `{RULE}.0.reason` must be a reason, not a number | put quotes around it"),
        ),
        (
            &format!("\n    - {{package: a, hide: yes, reason: {long}}}"),
            &format!("3: `{RULE}.0.reason` is longer than 2000 bytes | shorten it, and name a page that says more"),
        ),
        ("\n    - {package: [], hide: yes, reason: x}", &format!("3: `{RULE}.0.package` is an empty list | {NAMES}")),
        (
            "\n    - {package: [a, a], hide: yes, reason: x}",
            &format!("3: `{RULE}.0.package` names `a` twice | remove one of the two"),
        ),
        (
            "\n    - {package: a b, hide: yes, reason: x}",
            &format!("3: `{RULE}.0.package` must be the name of a package, not `a b` | {NAMES}"),
        ),
        (
            "\n    - {package: nginx@1.2.0, hide: yes, reason: x}",
            &format!(
                "3: `{RULE}.0.package` must be the name of a package, not `nginx@1.2.0` | write `package: nginx` and `versions: \"1.2.0\"`"
            ),
        ),
        (
            "\n    - {package: a, versions: 1.2, hide: yes, reason: x}",
            &format!(
                "3: `{RULE}.0.versions` must be a constraint, such as `1.2.0` or `>=1.2.0 <1.4.0`, not a number | put quotes around it"
            ),
        ),
        (
            "\n    - {package: a, versions: new, hide: yes, reason: x}",
            &format!(
                "3: `{RULE}.0.versions`: improper constraint: \"new\" | write `1.2.0` or `>=1.2.0 <1.4.0`, with quotes around it; `||` stands between alternatives"
            ),
        ),
        (
            "\n    - {package: a, kibana: 8.5, reason: x}",
            &format!(
                "3: `{RULE}.0.kibana` must be a constraint, such as `^8.5.0`, not a number | put quotes around it"
            ),
        ),
        (
            "\n    - {package: a, kibana: any, reason: x}",
            &format!(
                "3: `{RULE}.0.kibana`: improper constraint: \"any\" | write `^8.5.0`, with quotes around it; `||` stands between alternatives"
            ),
        ),
        (
            "\n    - {package: a, deprecated: no, reason: x}",
            &format!("3: `{RULE}.0.deprecated` must be a mapping, not yes or no | {NOTICE}"),
        ),
        (
            "\n    - {package: a, deprecated: {description: x}, reason: x}",
            &format!("3: `{RULE}.0.deprecated` has no since | {NOTICE}"),
        ),
        (
            "\n    - {package: a, deprecated: {since: 1.0.0}, reason: x}",
            &format!("3: `{RULE}.0.deprecated` has no description | {NOTICE}"),
        ),
        (
            "\n    - {package: a, deprecated: {description: x, since: '1.0'}, reason: x}",
            &format!(
                "3: `{RULE}.0.deprecated.since`: invalid semantic version | write a whole version, such as `\"1.2.0\"`"
            ),
        ),
        (
            "\n    - {package: a, deprecated: {description: x, since: 1.0.0, replaced_by: {}}, reason: x}",
            &format!("3: `{RULE}.0.deprecated.replaced_by` names nothing | write `replaced_by: {{package: nginx}}`"),
        ),
        (
            "\n    - {package: a, deprecated: {description: x, since: 1.0.0, replaced_by: {pakage: b}}, reason: x}",
            &format!(
                "3: unknown key `pakage` in `{RULE}.0.deprecated.replaced_by` | did you mean `package`?\n3: `{RULE}.0.deprecated.replaced_by` names nothing | write `replaced_by: {{package: nginx}}`"
            ),
        ),
        // Rules that say the same thing of the same versions, and not only of some that both meet.
        (
            "\n    - {package: a, hide: yes, reason: x}\n    - {package: [b, a], hide: yes, reason: z}",
            &format!("4: `{RULE}.1` says again to hide of `b, a`, as `{RULE}.0` does | {TWICE}"),
        ),
        (
            "\n    - {package: a, versions: 1.0.0, kibana: ^8.0.0, reason: x}\n    - {package: a, versions: 1.0.0, kibana: ^9.0.0, reason: z}",
            &format!("4: `{RULE}.1` says again what Kibana is needed of `a 1.0.0`, as `{RULE}.0` does | {TWICE}"),
        ),
        (
            "\n    - {package: a, kibana: ^8.0.0, reason: x}\n    - {package: a, versions: 1.0.0, kibana: ^9.0.0, reason: z}",
            "none",
        ),
        ("\n    - {package: a, kibana: ^8.0.0, reason: x}\n    - {package: a, hide: yes, reason: z}", "none"),
    ];
    let text = |rules: &str| format!("layers:\n  staging:\n    overrides: {rules}");
    // The key stands on line 3, and lines count from there.
    let found = |rules: &str| {
        let lines = mistakes(text(rules).as_bytes());
        let shift = |line: &str| match line.split_once(": ") {
            Some((number, rest)) => format!("{}: {rest}", number.parse::<u32>().unwrap() - 1),
            None => line.to_owned(),
        };
        lines.lines().map(shift).collect::<Vec<_>>().join("\n")
    };
    let wrong = cases.iter().filter(|(rules, expected)| found(rules) != *expected);
    let wrong: Vec<_> = wrong.map(|(rules, expected)| format!("{rules}\n= {}\n≠ {expected}\n", found(rules))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_value_of_an_override_arrives() {
    let config = read(
        "layers:
  staging:
    overrides:
      - {package: nginx, versions: '<1.2.0 || 2.0.0', hide: yes, reason: broken}
      - package: [ti_*, apache]
        kibana: ^8.5.0
        deprecated: {description: gone, since: 1.0.0, replaced_by: {package: a, policy_template: b, input: c, data_stream: d, variable: e}}
        reason: old
      - {package: acme, deprecated: {description: gone, since: 1.0.0, replaced_by: beta}, reason: old}
",
    );
    let nothing = Override {
        packages: Vec::new(),
        versions: None,
        hide: false,
        kibana: None,
        deprecated: None,
        reason: "old".to_owned(),
    };
    let notice = |by: [&str; 5]| {
        let [package, policy_template, input, data_stream, variable] = by.map(str::to_owned);
        let replaced_by = Some(ReplacedBy { package, policy_template, input, data_stream, variable });
        Some(Deprecated { since: "1.0.0".to_owned(), description: "gone".to_owned(), replaced_by })
    };
    let expected = [
        Override {
            packages: vec![Glob("nginx".to_owned())],
            versions: Constraint::parse("<1.2.0 || 2.0.0").ok(),
            hide: true,
            reason: "broken".to_owned(),
            ..nothing.clone()
        },
        Override {
            packages: vec![Glob("ti_*".to_owned()), Glob("apache".to_owned())],
            kibana: Constraint::parse("^8.5.0").ok(),
            deprecated: notice(["a", "b", "c", "d", "e"]),
            ..nothing.clone()
        },
        Override { packages: vec![Glob("acme".to_owned())], deprecated: notice(["beta", "", "", "", ""]), ..nothing },
    ];
    assert_eq!(config.layers["staging"].overrides, expected);
}
