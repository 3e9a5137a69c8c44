//! Tables of texts and the plain values they read as.

use super::plain;
use crate::{Limits, WarningKind, parse_plain};

fn check(text: impl AsRef<[u8]>, expected: &str) {
    let found = plain(text.as_ref());
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    match expected.strip_prefix('!') {
        Some(part) => assert!(found.starts_with('!') && found.contains(part), "{shown:?}: {found}, not {expected}"),
        None => assert_eq!(found, expected, "{shown:?}"),
    }
}

/// A plain scalar as the value of a key.
fn check_scalars(texts: &[&str], expected: &str) {
    for text in texts {
        check(format!("a: {text}\n"), &format!("{{a:{expected}}}"));
    }
}

#[test]
fn plain_words() {
    check_scalars(&["", "~", "null", "Null", "NULL"], "~");
    check_scalars(&["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"], "true");
    check_scalars(&["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"], "false");
    check_scalars(&[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], "inf");
    check_scalars(&["-.inf", "-.Inf", "-.INF"], "-inf");
    check_scalars(&[".nan", ".NaN", ".NAN"], "NaN");
    for text in ["tRue", "nUll", "yEs", "oN", "inf", "nan", ".Nan", ".INf", "=", "<<", "$X", "${VAR}", "${a:b}"] {
        check(format!("a: {text}"), &format!("{{a:{text:?}}}"));
        check(format!("a: '{text}'"), &format!("{{a:{text:?}}}"));
    }
}

#[test]
fn plain_integers() {
    let table: &[(&str, &[&str])] = &[
        ("123", &["123", "1_23", "+123", "0x7b", "0X7B", "0173", "0o173", "0O173", "0b1111011", "0B1111011"]),
        ("5", &["+5", "5_", "0_5", "0x_5"]),
        ("-5", &["-5", "-0b101", "-0o5", "-0x5", "-05"]),
        ("1000", &["1_000", "1_0__00"]),
        ("10", &["1__0"]),
        ("1", &["1_", "+0b1", "0b0_1"]),
        ("-1", &["-_1", "-1", "0b-1"]),
        ("83", &["0123"]),
        ("7", &["0_7", "007"]),
        ("0", &["0", "00", "-0", "+0"]),
        ("15", &["0o17", "0O17"]),
        ("-7", &["-0o7"]),
        ("31", &["0x1F", "0X1f", "+0x1F", "0x1_F"]),
        ("-31", &["-0x1F"]),
        ("9223372036854775807", &["9223372036854775807", "+9223372036854775807"]),
        ("-9223372036854775808", &["-9223372036854775808", "-0x8000000000000000"]),
        ("9223372036854775808u", &["9223372036854775808", "0x8000000000000000"]),
        ("18446744073709551615u", &["18446744073709551615", "0xFFFFFFFFFFFFFFFF"]),
    ];
    for (expected, texts) in table {
        check_scalars(texts, expected);
    }
}

#[test]
fn plain_floats() {
    let table: &[(&str, &[&str])] = &[
        ("8.0", &["08", "8.0", "8."]),
        ("9.5", &["09.5"]),
        ("1.0", &["1.0", "1.", "+1.0", "1.0_0", "0.1e1"]),
        ("0.5", &[".5", "+.5", "0.5"]),
        ("-0.5", &["-.5"]),
        ("-0.0", &["-0.0"]),
        ("1000.0", &["1e3", "1E3", "1e+3", "1_e3"]),
        ("12000.0", &["12e03"]),
        ("1.5e-7", &["1.5e-7"]),
        ("12.5", &["1_2.5"]),
        ("1e50", &["1e5_0"]),
        ("0.1", &[".1_0", ".1"]),
        ("8.1", &["8.10"]),
        ("0.0", &["1e-400"]),
        ("1.8446744073709552e19", &["18446744073709551616", "+18446744073709551615"]),
        ("-9.223372036854776e18", &["-9223372036854775809"]),
    ];
    for (expected, texts) in table {
        check_scalars(texts, expected);
    }
}

#[test]
fn plain_strings_that_look_like_numbers() {
    let texts = "1e400 -1e400 .1e400 1.2.3 12e e3 . .. 0x1p4 1-1 1,000 0o8 0x 0xZZ 0b 0b2 0o _1 12:30:45 1:30 2020-01-02 \
        2020-01-02T03:04:05Z 0x10000000000000000 0o2000000000000000000000 +-1 --1 + .1_ .1__0 ._1 .e3 1e 1e+ 0x-1 \
        8.15.0-SNAPSHOT ^8.0.0 1.0a ٣";
    for text in texts.split_whitespace() {
        check(format!("a: {text}"), &format!("{{a:{text:?}}}"));
    }
    // Without its quotes this one is no value at all.
    check("a: -", "!block sequence entries");
}

#[test]
fn documents() {
    for text in ["", "# only a comment\n", "~", "---\n", "--- \n...\n", "\u{feff}"] {
        check(text, "~");
    }
    for rest in ["---\nb: [", "...\n@@@", "--- {", "---\n\u{7}", "... \nb: 1", "---\n%%%"] {
        check(format!("a: 1\n{rest}"), "{a:1}");
        check(format!("---\na: 1\n{rest}"), "{a:1}");
    }
    check(b"a: 1\n---\n\xff\xff", "{a:1}");
    check("a: 1\n--- 2", "{a:1}");
    check("a: ---", r#"{a:"---"}"#);
    check("%YAML 1.1\n---\na: 1", "{a:1}");
    check("%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1", r#"{a:"1"}"#);
    check("%YAML 1.2\n---\na: 1", "!yaml: found incompatible YAML document");
    check("%YAML 1.1\n%YAML 1.1\n---\na: 1", "!duplicate %YAML");
    check("%FOO\n---\na: 1", "!unknown directive");
    check("%YAML 1.1\na: 1", "!did not find expected <document start>");
    check("a: !e!str 1", "!undefined tag handle");
}

#[test]
fn encodings() {
    let text = "a: \u{e4}\u{1f600}\r\nb:\r\n  - |\r\n    x\r\n";
    let expected = "{a:\"\u{e4}\u{1f600}\",b:[\"x\\n\"]}";
    check(text, expected);
    check(format!("\u{feff}{text}"), expected);
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check([&[0xff, 0xfe], &little[..]].concat(), expected);
    check([&[0xfe, 0xff], &big[..]].concat(), expected);
    check([&[0xfe, 0xff], &big[1..]].concat(), "!yaml");
    check(b"\xff\xfe\x61\x00\x00\xd8", "!invalid UTF-16");
    check(b"a: \xc3", "!invalid UTF-8");
    check("{a: 1} \u{7}", "!control characters are not allowed");
    check("a: 1\n\u{feff}b: 2", "{a:1,\u{feff}b:2}");
    check("a: x\u{7}", "!control characters are not allowed");
    check("a: \"\u{1b}\"", "!control characters");
    check("a: x\u{7f}", "!control characters");
    check("a: x\u{fffe}", "!control characters");
}

#[test]
fn duplicate_keys_and_aliases() {
    check("a: {x: 1}\nb: 2\na: {z: 3}", "{b:2,a:{z:3}}");
    check("a: 1\n\"a\": 2", "{a:2}");
    check("1: a\n\"1\": b", r#"{<1>:"a",1:"b"}"#);
    check("a: &x {k: [1]}\nb: *x\nc: [*x, *x]", "{a:{k:[1]},b:{k:[1]},c:[{k:[1]},{k:[1]}]}");
    check("&k a: &v 1\nb: *k\n*v : *k", r#"{a:1,b:"a",<1>:"a"}"#);
    check("a: &x 1\nb: &x 2\nc: *x", "{a:1,b:2,c:2}");
    check("a: &x\nb: *x", "{a:~,b:~}");
    check("a: *x", "!yaml: unknown anchor 'x' referenced");
    check("a: &x [*x]", "!anchor 'x' value contains itself");
    check("a: &x {b: *x}", "!anchor 'x' value contains itself");
    check("a: & x", "!did not find expected alphabetic or numeric character");
}

#[test]
fn merge_keys_follow_document_order() {
    check("x: &x {type: a, k: b}\nv: {type: u, <<: *x}", r#"{x:{type:"a",k:"b"},v:{type:"a",k:"b"}}"#);
    check("x: &x {type: a, k: b}\nv: {<<: *x, type: u}", r#"{x:{type:"a",k:"b"},v:{k:"b",type:"u"}}"#);
    check("x: &x {k: 1}\nv: &v {k: 2, l: 3}\nz: {<<: [*x, *v]}", "{x:{k:1},v:{k:2,l:3},z:{l:3,k:1}}");
    check("a: {<<: {b: 1}}", "{a:{b:1}}");
    check("a: {<<: [{b: 1}, {b: 2}]}", "{a:{b:1}}");
    check("a: {\"<<\": 1}", "{a:{<<:1}}");
    check("a: <<", r#"{a:"<<"}"#);
    for value in ["1", "~", "", "[1]", "[{a: 1}, 2]", "x"] {
        check(format!("<<: {value}"), "!yaml: map merge requires map or sequence of maps as the value");
    }
}

#[test]
fn blanks_and_indicators() {
    check("a:\n\tb: 1", "!cannot start any token");
    check("\ta: 1", "!cannot start any token");
    check("a: b\tc", r#"{a:"b\tc"}"#);
    check("a: \tb", r#"{a:"b"}"#);
    for text in
        ["a: b: c", "a: @x", "a: `x", "a: %x", "a: \"x", "a: 'x", "a: \"a\"b", "a: |x\n", "a: [", "a: {", "a: ]"]
    {
        check(text, "!yaml-syntax");
    }
    for text in
        ["\"a\nb\": 1", "a\nb: 1", "? [a]\n: b", "{[a]: b}", "[a,,b]", "{a: 1,,b: 2}", "- a\nb: 1", "a: 1\n b: 2"]
    {
        check(text, "!yaml-syntax");
    }
    check("? [a]", "!yaml: invalid map key");
    check("? a\n: b\n? c", r#"{a:"b",c:~}"#);
    check("{a:1}", "{a:1:~}");
    check("{\"a\":1}", "{a:1}");
    check("a: {b:}", "{a:{b::~}}");
    check("[a, b,]", r#"["a","b"]"#);
    check("[a: 1, b]", r#"[{a:1},"b"]"#);
    check("a: [\nb, # c\n c\n]", r#"{a:["b","c"]}"#);
    check("a: 'it''s' # c", r#"{a:"it's"}"#);
    check("a: x#y #z", r#"{a:"x#y"}"#);
    check("a:\n- b\n- - c\n  - d\n-\ne:", r#"{a:["b",["c","d"],~],e:~}"#);
    check("- a: 1\n  b: 2\n- c", r#"[{a:1,b:2},"c"]"#);
    check("a: -b\nc: ?d\ne: :f", r#"{a:"-b",c:"?d",e:":f"}"#);
}

#[test]
fn long_keys() {
    check(format!("{}: 1", "k".repeat(1024)), &format!("{{{}:1}}", "k".repeat(1024)));
    check(format!("{}: 1", "\u{e4}".repeat(1024)), &format!("{{{}:1}}", "\u{e4}".repeat(1024)));
    check(format!("{}: 1", "k".repeat(1025)), "!yaml-syntax");
    check(format!("'{}': 1", "k".repeat(1025)), "!yaml-syntax");
    check(format!("? {}\n: 1", "k".repeat(1025)), &format!("{{{}:1}}", "k".repeat(1025)));
}

#[test]
fn escapes() {
    let all = r#""\0\a\b\t\n\v\f\r\e\"\'\\\N\_\L\P\x41\u00e4\U0001F600\ |""#;
    let text = "\0\x07\x08\t\n\x0b\x0c\r\x1b\"'\\\u{85}\u{a0}\u{2028}\u{2029}A\u{e4}\u{1f600} |";
    check(all, &format!("{text:?}"));
    check("\"a\\\n  b\"", r#""ab""#);
    check("\"a \\\n\n  b\"", "\"a \\nb\"");
    check("\"a\n  b\n\n  c \"", "\"a b\\nc \"");
    check("'a\n  b\n\n  c '", "\"a b\\nc \"");
    for bad in [r"\/", r"\q", r"\1", "\\"] {
        check(format!("a: \"{bad}\""), if bad == "\\" { "!end of stream" } else { "!found unknown escape character" });
    }
    check("a: \"x\\", "!found unknown escape character");
    check(r#"a: "\ud83d""#, "!found invalid Unicode character escape code");
    check(r#"a: "\U00110000""#, "!found invalid Unicode character escape code");
    check(r#"a: "\x4""#, "!did not find expected hexdecimal number");
    check(r"a: '\/\q'", r#"{a:"\\/\\q"}"#);
}

#[test]
fn block_scalars() {
    check("a: |\n  x\n   y\n\n  z\n\nb: 1", "{a:\"x\\n y\\n\\nz\\n\",b:1}");
    check("a: >\n  x\n  y\n\n  z\n   w\n  v\n", "{a:\"x y\\nz\\n w\\nv\\n\"}");
    check("a: |-\n  x\n", "{a:\"x\"}");
    check("a: |+\n  x\n\n\nb: 1", "{a:\"x\\n\\n\\n\",b:1}");
    check("a: |2\n    x\n", "{a:\"  x\\n\"}");
    check("a: |-2\n    x\n", "{a:\"  x\"}");
    check("a: | # c\n  x\n", "{a:\"x\\n\"}");
    // The last line break is not invented.
    for style in ["|", "|-", "|+", ">"] {
        check(format!("a: {style}\n  x"), "{a:\"x\"}");
    }
    check("a: |\n  1\nb: >-\n  ~\n", "{a:\"1\\n\",b:\"~\"}");
    check("a: |\n\tx\n", "!tab character");
    check("a: |0\n x", "!indentation indicator equal to 0");
    check("a: |\nb: 1", "{a:\"\",b:1}");
}

#[test]
fn plain_scalars_over_lines() {
    check("a: x\n  y\n\n  z\nb: 1", "{a:\"x y\\nz\",b:1}");
    check("a: x\n  # c\n", r#"{a:"x"}"#);
    check("a: x\n  y # c\n", r#"{a:"x y"}"#);
    check("a: x\n\t y\n", "!tab character that violates indentation");
}

#[test]
fn tags() {
    let table = [
        ("!custom x", r#""x""#),
        ("!custom 12", r#""12""#),
        ("!!python/foo x", r#""x""#),
        ("!<tag:yaml.org,2002:int> 3", "3"),
        ("! 12", r#""12""#),
        ("!!str", r#""""#),
        ("!!str 12", r#""12""#),
        ("!!str ~", r#""~""#),
        ("!!int \"12\"", "12"),
        ("!!int 0x1F", "31"),
        ("!!float 3", "3.0"),
        ("!!float \"1.5\"", "1.5"),
        ("!!bool \"yes\"", "true"),
        ("!!null", "~"),
        ("!!null ''", "~"),
        ("!!binary aGVsbG8=", r#""hello""#),
        ("!!binary |\n  aGVs\n  bG8=\n", r#""hello""#),
        ("!!timestamp 2020-01-02", r#""2020-01-02""#),
        ("!!set {a, b}", "{a:~,b:~}"),
        ("!!omap [a: 1]", "[{a:1}]"),
        ("!!seq [a]", r#"["a"]"#),
        ("!!map {a: 1}", "{a:1}"),
        ("!custom {a: 1}", "{a:1}"),
        ("&x !!str 1", r#""1""#),
        ("!!str &x 1", r#""1""#),
        ("[!a,b ]", r#"[""]"#),
    ];
    for (text, expected) in table {
        check(format!("a: {text}"), &format!("{{a:{expected}}}"));
    }
    for bad in ["!!int x", "!!int 1.5", "!!float x", "!!bool 1", "!!bool x", "!!null x", "!!timestamp x", "!!int yes"] {
        check(format!("a: {bad}"), "!yaml: cannot decode");
    }
    check("a: !!binary a", "!yaml: !!binary value contains invalid base64 data");
    check("a: !!str !!int 1", "!did not find expected key");
}

#[test]
fn lines_are_those_of_the_text() {
    let check = |text: &str, line: u32| {
        let error = parse_plain(text.as_bytes(), &Limits::default()).expect_err("refused");
        assert_eq!(error.line, Some(line), "{text:?}: {error}");
    };
    check("a: 1\nb: @\n", 2);
    check("a: 1\r\nb: *x\r\n", 2);
    check("a: |\n  x\n\nb: \"\\q\"\n", 4);
    check("a: 1\n\nb: \u{1}\n", 3);
    check("a: 1\rb: 2\r\nc: 3\u{2028}d: \u{1}", 4);
    let document = parse_plain(b"# c\na: 1\n\nb:\n  - x\n  - {y: z}\na: 2\n", &Limits::default()).expect("reads");
    let list = document.root.get("b").expect("b");
    assert_eq!((document.root.line(), list.line()), (2, 5));
    assert_eq!(document.root.get("a").map(crate::Plain::line), Some(7));
    let messages: Vec<_> = document.warnings.iter().map(|warning| (warning.line, warning.message.as_str())).collect();
    assert_eq!(messages, [(7, "duplicate key `a`; this last one counts")]);
}

/// What reads differently, or not at all, in other readers of YAML.
#[test]
fn what_others_refuse_is_warned_of() {
    let check = |text: &[u8], expected: &[(WarningKind, u32)]| {
        let document = parse_plain(text, &Limits::default()).expect("reads");
        let found: Vec<_> = document.warnings.iter().map(|warning| (warning.kind, warning.line)).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    };
    for one in
        ["", "a: 1", "---\na: 1\n", "a: 1\n...\n", "a: 1\n...\n...\n# end\n\n", "--- # x\n", "a: !!str 1\nb: ! x\n"]
    {
        check(one.as_bytes(), &[]);
    }
    for (text, line) in [
        ("a: 1\n---\n", 2),
        ("a: 1\n---\nb: 1\n", 2),
        ("a: 1\n...\n\nb\n", 4),
        ("a\n...\n---\n", 3),
        ("a\n---\n\t@: {", 2),
        ("---\n---\n", 2),
    ] {
        check(text.as_bytes(), &[(WarningKind::SeveralDocuments, line)]);
    }
    check(b"a: 1\n...\n\x00", &[(WarningKind::SeveralDocuments, 3)]);
    check(b"\xff\xfea\0:\0 \x001\0", &[(WarningKind::Utf16, 1)]);
    check(
        b"a: 1\na: 2\nb: !x {c: !!foo d}\n",
        &[(WarningKind::DuplicateKey, 2), (WarningKind::UnknownTag, 3), (WarningKind::UnknownTag, 3)],
    );
}
