//! Tables of texts and the trees they expand to.

use super::expanded;
use crate::{Limits, Value, parse};

fn check(text: &str, expected: &str) {
    let found = expanded(text);
    match expected.strip_prefix('!') {
        Some(part) => assert!(found.starts_with('!') && found.contains(part), "{text:?}: {found}, not {expected}"),
        None => assert_eq!(found, expected, "{text:?}"),
    }
}

#[test]
fn keys_are_split_on_dots_at_any_depth() {
    check("a.b: 1", "{a:{b:1}}");
    check("a..b: 1", "{a:{:{b:1}}}");
    check(".a: 1", "{:{a:1}}");
    check("a.: 1", "{a:{:1}}");
    check("\"\": 1", "{:1}");
    check("x: [{a.b: {c.d: 1}}]", "{x:[{a:{b:{c:{d:1}}}}]}");
    check("2020-01-02: x", r#"{2020-01-02:"x"}"#);
}

#[test]
fn integer_parts_are_list_indexes() {
    check(r#"x: {"0": a}"#, r#"{x:["a"]}"#);
    check(r#"x: {"1": a}"#, r#"{x:[~,"a"]}"#);
    check(r#"x: {"0x2": z}"#, r#"{x:[~,~,"z"]}"#);
    check(r#"x: {"1.5": a}"#, r#"{x:[~,[~,~,~,~,~,"a"]]}"#);
    check(r#"x: {"2000": z, "1025": w}"#, r#"{x:{1025:"w",2000:"z"}}"#);
    check(
        r#"x: {"08": a, "1__0": b, "1e1": c, "_1": d, "1_": e, "": f, "+": g, "0x": h}"#,
        r#"{x:{:"f",+:"g",08:"a",0x:"h",1_:"e",1__0:"b",1e1:"c",_1:"d"}}"#,
    );
    check(r#"x: {"010": a}"#, r#"{x:[~,~,~,~,~,~,~,~,"a"]}"#);
    check(r#"x: {"0_3": a}"#, r#"{x:[~,~,~,"a"]}"#);
    check(r#"x: {"+1": a}"#, r#"{x:[~,"a"]}"#);
    check(r#"x: {"-0": a}"#, r#"{x:["a"]}"#);
    check(r#"x: {"0b1": a, "0o0": b, "0x_2": c}"#, r#"{x:["b","a","c"]}"#);
    check(r#"x: {"2.0.0.1": a}"#, r#"{x:[~,~,[[[~,"a"]]]]}"#);
    check(r#"x: {"0": x, b: z}"#, r#"{x:["x"]{b:"z"}}"#);
    check(
        r#"x: {"0_x1": a, "0x__1": b, "0_": c, "0x1_": d, "_0x1": e, "0b-1": f}"#,
        r#"{x:{0_:"c",0_x1:"a",0b-1:"f",0x1_:"d",0x__1:"b",_0x1:"e"}}"#,
    );
    check("vars.0.name: x\nvars.0.type: w", r#"{vars:[{name:"x",type:"w"}]}"#);
    check(
        "x: {\"9223372036854775808\": a, \"-9223372036854775809\": b}",
        r#"{x:{-9223372036854775809:"b",9223372036854775808:"a"}}"#,
    );
    let text = r#"x: {"1024": a}"#;
    let document = parse(text.as_bytes(), &Limits::default()).expect("reads");
    let Some(Value::Node(node)) = document.root.names.get("x") else { panic!("no list") };
    assert_eq!(node.items.len(), 1025);
}

#[test]
fn refused_keys() {
    for key in ["1", "on", "y", "~", "1.5", "? ", "0x10"] {
        check(&format!("a: [{{b: {{{key}: x}}}}]"), "!yaml-key: string key required when merging into");
    }
    for key in ["-1", "a.-1", "-0x1", "a.-5.b"] {
        check(&format!("\"{key}\": x"), "!yaml-negative-index");
    }
}

#[test]
fn top_level() {
    for text in ["", "# c", "~", "{}"] {
        check(text, "{}");
    }
    check("[a, {b.c: 1}]", r#"["a",{b:{c:1}}]"#);
    check("- {1: a}", "!yaml-key");
    check("foo", "!yaml-top-level: type 'string' is not supported on top level of config, only dictionary or list");
    check("1", "!yaml-top-level: type 'int'");
    check("''", "!yaml-top-level: type 'string'");
}

/// Each pair is tried in both orders, which must make no difference.
#[test]
fn dotted_and_nested_keys_are_merged() {
    let table = [
        ("owner.github: a", "owner: {type: t}", r#"{owner:{github:"a",type:"t"}}"#),
        ("owner.github: a", "owner:", r#"{owner:{github:"a"}}"#),
        ("owner.github:", "owner: {github: a}", r#"{owner:{github:"a"}}"#),
        ("owner.github:", "owner: foo", r#"{owner:"foo"}"#),
        ("owner.github: a", "owner: {}", r#"{owner:{github:"a"}}"#),
        ("categories.1: security", "categories: [web]", r#"{categories:["web","security"]}"#),
        ("categories.3: d", "categories: [a, b]", r#"{categories:["a","b",~,"d"]}"#),
        ("categories.0: d", "categories: [~, b]", r#"{categories:["d","b"]}"#),
        ("a.0.x: 1", "a: [{z: 2}]", "{a:[{x:1,z:2}]}"),
        ("owner.github: a", "owner: {github: b}", r#"{owner:{github:"b"}}"#),
        ("a.b: {c: 1}", "a: {b.c: 2}", "{a:{b:{c:2}}}"),
        ("a.b.c: 1", "a.b: {c: 2}", "{a:{b:{c:2}}}"),
        ("a.0: 1", "a: {b: 2}", "{a:[1]{b:2}}"),
        (
            "owner.github: a",
            "owner: foo",
            "!yaml-conflict: required 'object', but found 'string' in field 'owner.github'",
        ),
        ("a.b: {c: 1}", "a: {b: 2}", "!yaml-conflict: required 'object'"),
        ("a.b: 1", "a: {b: {c: 2}}", "!yaml-conflict: required 'object'"),
        ("categories.0: a", "categories: [web]", "!yaml-conflict: duplicate key accessing 'categories.0'"),
        ("a.0: 1", "a.00: 2", "!yaml-conflict: duplicate key accessing"),
    ];
    for (dotted, nested, expected) in table {
        check(&format!("{dotted}\n{nested}\n"), expected);
        check(&format!("{nested}\n{dotted}\n"), expected);
    }
}

#[test]
fn a_value_given_twice_is_warned_about() {
    let document = parse(b"owner.github: a\nowner:\n  github: b\n", &Limits::default()).expect("reads");
    let warnings: Vec<_> = document.warnings.iter().map(|warning| (warning.line, warning.message.as_str())).collect();
    assert_eq!(warnings, [(1, "`owner.github` is also given in nested form, which counts; this one is ignored")]);
}

#[test]
fn values_know_their_lines() {
    let document = parse(b"a.b: 1\nc:\n  - x\n  - d:\n      e: 2\n", &Limits::default()).expect("reads");
    let names = |value: &Value, name: &str| match value {
        Value::Node(node) => node.names.get(name).cloned().expect("there"),
        Value::Scalar(..) => panic!("no node"),
    };
    let root = Value::Node(document.root);
    let line = |value: &Value| match value {
        Value::Node(node) => node.line,
        Value::Scalar(_, line) => *line,
    };
    let list = names(&root, "c");
    let Value::Node(node) = &list else { panic!("no list") };
    let inner = names(&node.items[1], "d");
    let found = [&root, &names(&names(&root, "a"), "b"), &list, &node.items[1], &inner, &names(&inner, "e")].map(line);
    assert_eq!(found, [1, 1, 3, 4, 5, 5]);
    assert!(node.is_list);
}
