//! How YAML values are converted (contract, "Typed reading"), one column of the table a test. Each row is a YAML value
//! and its conversion; `REFUSED` stands for a conversion that fails.

use super::{Memory, accepted, check_fragment, compact, info, refusals, render_info};
use crate::base::rule::Rule;

const REFUSED: &str = "refused";

/// Puts the value into the manifest lines at `%` and looks for the fragment with the expected value at `%`.
fn check(lines: &str, fragment: &str, rows: &[(&str, &str)]) {
    for (yaml, expected) in rows {
        let lines = lines.replace('%', yaml);
        if *expected == REFUSED {
            let rules = refusals(Memory::minimal(&lines));
            assert!(rules.contains(&Rule::WrongType.to_owned()), "{lines} is not refused: {rules:?}");
        } else {
            check_fragment(&info(&lines), &fragment.replace('%', expected), &lines);
        }
    }
}

#[test]
fn strings() {
    check(
        "group: x\nowner: {type: %, github: end}\n",
        "\"owner\": {%\"github\": \"end\"}",
        &[
            ("~", ""),
            ("abc", "\"type\": \"abc\","),
            ("\"\"", ""),
            ("123", "\"type\": \"123\","),
            ("0123", "\"type\": \"83\","),
            ("0x1F", "\"type\": \"31\","),
            ("1_000", "\"type\": \"1000\","),
            ("-0", "\"type\": \"0\","),
            ("-0.0", "\"type\": \"-0\","),
            ("1.0", "\"type\": \"1\","),
            ("8.10", "\"type\": \"8.1\","),
            ("1e3", "\"type\": \"1000\","),
            ("1000000.0", "\"type\": \"1e+06\","),
            ("123456789.0", "\"type\": \"1.23456789e+08\","),
            ("0.00001", "\"type\": \"1e-05\","),
            ("1e21", "\"type\": \"1e+21\","),
            ("18446744073709551615", "\"type\": \"18446744073709551615\","),
            ("18446744073709551616", "\"type\": \"1.8446744073709552e+19\","),
            (".inf", "\"type\": \"+Inf\","),
            ("-.inf", "\"type\": \"-Inf\","),
            (".nan", "\"type\": \"NaN\","),
            ("yes", "\"type\": \"true\","),
            ("off", "\"type\": \"false\","),
            ("2020-01-02", "\"type\": \"2020-01-02\","),
            ("[a]", REFUSED),
            ("[]", REFUSED),
            ("{}", REFUSED),
            ("{a: 1}", REFUSED),
            ("[~]", REFUSED),
        ],
    );
}

#[test]
fn booleans() {
    check(
        "vars: [{name: v, type: text, multi: %}]\n",
        "\"type\": \"text\",\"multi\": %,\"required\": false",
        &[
            ("~", "false"),
            ("true", "true"),
            ("yes", "true"),
            ("off", "false"),
            ("\"1\"", "true"),
            ("\"T\"", "true"),
            ("\"False\"", "false"),
            ("\"yes\"", REFUSED),
            ("\"\"", REFUSED),
            ("abc", REFUSED),
            ("0", REFUSED),
            ("1", REFUSED),
            ("1.0", REFUSED),
            ("2020-01-02", REFUSED),
            ("[]", REFUSED),
            ("{}", REFUSED),
        ],
    );
}

#[test]
fn lists_of_strings() {
    check(
        "conditions: {elastic: {subscription: x, capabilities: %}}\n",
        "\"subscription\": \"x\"%}",
        &[
            ("~", ""),
            ("abc", ",\"capabilities\": [\"abc\"]"),
            ("\"\"", ",\"capabilities\": [\"\"]"),
            ("1.10", ",\"capabilities\": [\"1.1\"]"),
            ("yes", ",\"capabilities\": [\"true\"]"),
            ("[a, 1, 1.0, yes, ~]", ",\"capabilities\": [\"a\",\"1\",\"1\",\"true\",\"\"]"),
            ("[]", ""),
            ("{}", ""),
            ("{a: 1}", ""),
            ("[{}]", REFUSED),
            ("[[]]", REFUSED),
            ("[[x]]", REFUSED),
        ],
    );
}

/// An unset list of categories counts differently from an empty one (contract, "Counting categories").
#[test]
fn unset_and_empty_lists_differ() {
    for (yaml, expected) in
        [("~", None), ("[]", Some(vec![])), ("{a: 1}", Some(vec![])), ("web", Some(vec!["web".to_owned()]))]
    {
        let lines = format!("policy_templates: [{{name: p, title: P, description: D, categories: {yaml}}}]\n");
        assert_eq!(accepted(Memory::minimal(&lines)).facts.templates[0].categories, expected, "{yaml}");
    }
}

#[test]
fn structs() {
    check(
        "source: %\n",
        "\"release\": \"ga\",%\"description\"",
        &[
            ("~", ""),
            ("{}", "\"source\": {},"),
            ("[]", "\"source\": {},"),
            ("[a, 1]", "\"source\": {},"),
            ("[~]", "\"source\": {},"),
            ("{a: 1}", "\"source\": {},"),
            ("{license: x}", "\"source\": {\"license\": \"x\"},"),
            ("abc", REFUSED),
            ("\"\"", REFUSED),
            ("1", REFUSED),
            ("yes", REFUSED),
        ],
    );
}

#[test]
fn lists_of_structs() {
    const EMPTY: &str = "{\"name\": \"\",\"type\": \"\",\"multi\": false,\"required\": false,\"show_user\": false}";
    let one = format!("],\"vars\": [{EMPTY}]}}");
    let named = one.replace("\"name\": \"\"", "\"name\": \"x\"");
    check(
        "vars: %\n",
        "README.md\"%",
        &[
            ("~", "]}"),
            ("[]", "]}"),
            ("{}", "]}"),
            ("{a: 1}", "]}"),
            ("[~]", &one),
            ("[{}]", &one),
            ("[[]]", &one),
            ("{\"0\": {name: x}}", &named),
            ("[x]", REFUSED),
            ("abc", REFUSED),
            ("1.5", REFUSED),
        ],
    );
    check("vars.0.name: %\n", "README.md\"%", &[("x", &named)]);
}

#[test]
fn free_values() {
    check(
        "vars: [{name: v, type: text, default: %}]\n",
        "\"show_user\": false%}",
        &[
            ("~", ""),
            ("{}", ""),
            ("abc", ",\"default\": \"abc\""),
            ("\"\"", ",\"default\": \"\""),
            ("0123", ",\"default\": 83"),
            ("-0", ",\"default\": 0"),
            ("-0.0", ",\"default\": -0"),
            ("8.10", ",\"default\": 8.1"),
            ("1000000.0", ",\"default\": 1000000"),
            ("1.5e10", ",\"default\": 15000000000"),
            ("0.000001", ",\"default\": 0.000001"),
            ("0.0000001", ",\"default\": 1e-7"),
            ("1e20", ",\"default\": 100000000000000000000"),
            ("1e21", ",\"default\": 1e+21"),
            ("18446744073709551615", ",\"default\": 18446744073709551615"),
            ("18446744073709551616", ",\"default\": 18446744073709552000"),
            ("4.9e-324", ",\"default\": 5e-324"),
            ("no", ",\"default\": false"),
            ("2020-01-02", ",\"default\": \"2020-01-02\""),
            ("[a, 1, 1.0, yes, ~]", ",\"default\": [\"a\",1,1,true,null]"),
            ("[]", ",\"default\": []"),
            ("{a: 1}", ",\"default\": {\"a\": 1}"),
            ("[~]", ",\"default\": [null]"),
            ("[{}]", ",\"default\": [null]"),
            ("{a: {}}", ",\"default\": {\"a\": null}"),
            ("{a: ~}", ",\"default\": {\"a\": null}"),
            ("[[]]", ",\"default\": [[]]"),
            ("[[x]]", ",\"default\": [[\"x\"]]"),
            ("{b: 1, B: 2, a.c: 3, a.b: 4}", ",\"default\": {\"B\": 2,\"a\": {\"b\": 4,\"c\": 3},\"b\": 1}"),
            ("{\"1\": a}", ",\"default\": [null,\"a\"]"),
            ("{\"0\": x, b: z}", ",\"default\": {\"0\": \"x\",\"b\": \"z\"}"),
        ],
    );
}

#[test]
fn free_maps() {
    for (yaml, expected) in [
        ("~", ""),
        ("{}", ""),
        ("[a]", ""),
        ("{a: ~, b: {}, c: {d: {}}}", "\"index_template.settings\": {\"c\": {\"d\": null}}"),
        ("{a: [], dynamic: false}", "\"index_template.settings\": {\"a\": [],\"dynamic\": false}"),
    ] {
        let stream = format!("title: Log\ntype: logs\nelasticsearch: {{index_template: {{settings: {yaml}}}}}\n");
        let document = compact(&render_info(&accepted(Memory::with_data_stream(&stream)).info));
        check_fragment(&document, &format!("\"elasticsearch\": {{{expected}}}"), yaml);
    }
    let stream = "title: Log\ntype: logs\nelasticsearch.index_template.settings: a\n";
    assert_eq!(refusals(Memory::with_data_stream(stream)), [Rule::WrongType]);
}

/// What JSON cannot say keeps a package out where it would be printed, and nowhere else.
#[test]
fn infinities_are_refused_in_free_values() {
    for yaml in [".inf", "-.inf", ".nan", "{a: [.nan]}"] {
        let lines = format!("vars: [{{name: v, type: text, default: {yaml}}}]\n");
        assert_eq!(refusals(Memory::minimal(&lines)), [Rule::NotAJsonNumber], "{yaml}");
    }
}
