//! Ranges of versions in `requires` against node-semver, by which Kibana compares them: what it once said is recorded, and where
//! node is there it is asked again, also about ranges that are made up from a seed.
//!
//! `SNAPSHOTS=overwrite cargo test --test suite npm_ranges` records its answers anew.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::running;
use epr_build::dialect::npm::Range;
use epr_build::dialect::version::Version;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A range, and what node-semver says of versions.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Recorded {
    range: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    invalid: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allows: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refuses: Vec<String>,
}

/// A range and versions to ask about.
type Question = (String, Vec<String>);

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// `invalid`, or `1` and `0` for each version, as the script for node says it.
fn ours((range, versions): &Question) -> String {
    let Ok(range) = Range::parse(range) else { return "invalid".to_owned() };
    let allows = |version: &String| Version::loose(version).is_ok_and(|version| range.allows(&version));
    versions.iter().map(|version| if allows(version) { '1' } else { '0' }).collect()
}

/// What node-semver says to each question.
fn theirs(node: &Path, questions: &[Question]) -> Vec<String> {
    let mut process = Command::new(node)
        .arg(folder("edge/npm-ranges.js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = questions.iter().map(|question| format!("{}\n", json!(question))).collect();
    let mut input = process.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// Ranges as people write them, and corners of the grammar.
const RANGES: &[&str] = &[
    "^0.3.0",
    "^0.0.2",
    "^1.2.3",
    "^1.2",
    "^1",
    "^0",
    "^0.0",
    "^1.2.3-beta.2",
    "^0.0.3-beta",
    "^x",
    "^1.x.3",
    "~1.2.3",
    "~1.2",
    "~1",
    "~0.2.3",
    "~1.2.3-beta.2",
    "~>1.2.3",
    "~> 1.2",
    "~ >1.2",
    "1.2.3",
    "=1.2.3",
    "v1.2.3",
    "= v1.2",
    "1.2",
    "1",
    "1.2.x",
    "1.X",
    "*",
    "x",
    "",
    " ",
    "1.2.*",
    "1.2.*3",
    "1.2.3*",
    "1.x.3",
    "x.1",
    "*.1.2",
    ">1",
    ">1.2",
    ">1.2.3",
    ">=1",
    ">=1.2",
    ">=0.0.0",
    ">=0.0.0-0",
    "<1",
    "<1.2",
    "<=1",
    "<=1.2",
    "<=1.2.3",
    "<0.0.0-0",
    ">*",
    "<x",
    "<=*",
    ">= 1.2.3",
    "> 1.2.3 < 2",
    ">=1.2.3 <2.0.0",
    ">=1.2.3-alpha <2.0.0",
    ">1.2.3-alpha.3 <=1.2.3-beta.1",
    "1.2.3 - 2.3.4",
    "1.2 - 2.3.4",
    "1.2.3 - 2.3",
    "1.2.3 - 2",
    "* - 2.3",
    "1.2.3-alpha - 2.3.4-beta",
    "1.2.3 -2.3.4",
    "1.2.3- 2.3.4",
    "v1.2.3 - v2",
    "1.2.3 - 2.3.4 || 4",
    "1.2.3 - 2.3.4 5",
    "^1 || ^2",
    "^1.2.3||~0.9",
    "1.2.3 || 2.x || >=3.0.0-beta <3.1",
    "* || >=1.0.0-beta",
    "<0.0.0-0 || 1",
    "|| 1",
    "1 ||",
    "1 | 2",
    "||",
    "^1, ^2",
    "^1,^2",
    ">1 , <2",
    "==1.2.3",
    ">==1.2",
    "=> 1",
    ">= = 1",
    "^=1.2",
    "^ =1",
    "^v1.2",
    "^ ~1",
    "^>1",
    "~^1",
    "> ^1",
    "latest",
    "1.2.3.4",
    "01.2.3",
    "1.02",
    "1.2.3-01",
    "1.2.3-",
    "1.2.3--",
    "1.2.3beta",
    "1.2.3+build",
    "^1.2.3+build.1 <2+x",
    "1.2.3 +b",
    "1 +a - 2",
    "^9007199254740991.0.0",
    "^9007199254740992.0.0",
    "~1.2.9007199254740992",
    "^1.x.9007199254740992",
    "1.2.3-9007199254740993",
    "\u{a0}^1\u{feff}\t<1.5\n",
    "^1\u{85}",
    "^1.2.3-v = 1.2.4",
    "git://example.org",
    "file:..",
    "http",
    "^1.2.3 ^1.4",
    ">=1.2.3 *",
    "1.2.3 x",
];

fn number(dice: &mut Rng) -> String {
    let odd = ["00", "01", "9007199254740991", "9007199254740992", "99999999999999999999", ""];
    let usual = ["0", "0", "0", "1", "1", "2", "3", "10"];
    let numbers: &[&str] = if dice.u8(..) < 2 { &odd } else { &usual };
    numbers[dice.usize(..numbers.len())].to_owned()
}

fn pre(dice: &mut Rng) -> &'static str {
    let parts = [
        "-alpha",
        "-alpha.1",
        "-beta.2",
        "-beta.10",
        "-0",
        "-rc",
        "-rc.1.x",
        "-1",
        "-v",
        "--",
        "-01",
        "-9007199254740993",
    ];
    parts[dice.usize(..parts.len())]
}

fn partial(dice: &mut Rng) -> String {
    let parts = [1, 2, 3, 3, 3, 3][dice.usize(..6)];
    let part =
        |dice: &mut Rng| if dice.u8(..) < 28 { ["x", "X", "*"][dice.usize(..3)].to_owned() } else { number(dice) };
    let mut text = [(); 3].iter().take(parts).map(|()| part(dice)).collect::<Vec<_>>().join(".");
    if (parts == 3 || dice.u8(..) < 10) && dice.u8(..) < 60 {
        text += pre(dice);
    }
    if dice.u8(..) < 8 {
        text += "+b.1";
    }
    let prefix = ["v", "=", "v=", "= ", "v "][dice.usize(..5)];
    if dice.u8(..) < 6 { format!("{prefix}{text}") } else { text }
}

fn comparator(dice: &mut Rng) -> String {
    let usual = ["", "^", "^", "~", ">", ">=", "<", "<=", "="];
    let odd = ["~>", "=>", "==", "^^", "~^", ">>", "!", "v"];
    let operators: &[&str] = if dice.u8(..) < 5 { &odd } else { &usual };
    let operator = operators[dice.usize(..operators.len())];
    let blank = if dice.u8(..) < 40 { [" ", " ", "  ", "\t"][dice.usize(..4)] } else { "" };
    format!("{operator}{blank}{}", partial(dice))
}

fn alternative(dice: &mut Rng) -> String {
    match dice.u8(..100) {
        0..14 => format!("{} - {}", partial(dice), partial(dice)),
        14..17 => {
            let odd = ["", "*", "latest", ">", "1.2.*3", "-", "1 - ", "+b", "^"];
            odd[dice.usize(..odd.len())].to_owned()
        }
        _ => {
            let count = [1, 1, 1, 2, 2, 3][dice.usize(..6)];
            let joint = if dice.u8(..) < 6 { [", ", ",", "", " | "][dice.usize(..4)] } else { " " };
            (0..count).map(|_| comparator(dice)).collect::<Vec<_>>().join(joint)
        }
    }
}

fn range(dice: &mut Rng) -> String {
    let count = [1, 1, 1, 1, 2, 3][dice.usize(..6)];
    let joint = [" || ", "||", " ||"][dice.usize(..3)];
    (0..count).map(|_| alternative(dice)).collect::<Vec<_>>().join(joint)
}

/// Versions near those that a range names.
fn versions(dice: &mut Rng, range: &str) -> Vec<String> {
    let mut numbers: Vec<u64> = vec![0, 1, 2];
    let named =
        range.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| digits.parse::<u64>().ok());
    numbers.extend(named.flat_map(|number| [number, number, number.saturating_add(1)]));
    let one = |dice: &mut Rng| {
        let mut number = || numbers[dice.usize(..numbers.len())];
        let text = format!("{}.{}.{}", number(), number(), number());
        match dice.u8(..8) {
            0 | 1 => text + pre(dice),
            2 if dice.u8(..) < 20 => text + "+b",
            _ => text,
        }
    };
    let mut versions: Vec<String> = (0..9).map(|_| one(dice)).collect();
    // The very one that it names, if it is one.
    let words = range.split(|character: char| !(character.is_ascii_alphanumeric() || "-.".contains(character)));
    let whole: Vec<_> = words.filter(|word| word.split('.').count() >= 3).collect();
    versions.push(whole.get(dice.usize(..whole.len().max(1))).map_or_else(|| one(dice), |word| (*word).to_owned()));
    versions
}

fn questions(seed: u64, count: usize) -> Vec<Question> {
    let dice = &mut Rng::with_seed(seed);
    let ranges = RANGES.iter().map(|range| (*range).to_owned()).collect::<Vec<_>>();
    let made = (0..count).map(|_| range(dice)).collect::<Vec<_>>();
    let ranges = ranges.into_iter().chain(made);
    ranges
        .map(|range| {
            let versions = versions(dice, &range);
            (range, versions)
        })
        .collect()
}

fn recorded() -> Vec<Recorded> {
    let text = fs::read_to_string(folder("fixtures/npm_ranges.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(questions: &[Question], answers: &[String]) {
    let mut text = String::new();
    for ((range, versions), answers) in questions.iter().zip(answers) {
        let pairs = || versions.iter().zip(answers.chars());
        let of = |mark| pairs().filter(|(_, answer)| *answer == mark).map(|(version, _)| version.clone()).collect();
        let invalid = answers == "invalid";
        let (allows, refuses) = if invalid { (Vec::new(), Vec::new()) } else { (of('1'), of('0')) };
        let row = Recorded { range: range.clone(), invalid, allows, refuses };
        text += &serde_json::to_string(&row).unwrap();
        text.push('\n');
    }
    fs::write(folder("fixtures/npm_ranges.jsonl"), text).unwrap();
}

#[test]
fn recorded_answers_of_node_semver_are_given() {
    let rows = recorded();
    assert!(rows.len() > 300, "{}", rows.len());
    for Recorded { range, invalid, allows, refuses } in rows {
        let versions: Vec<_> = allows.iter().chain(&refuses).cloned().collect();
        let expected = match invalid {
            true => "invalid".to_owned(),
            false => "1".repeat(allows.len()) + &"0".repeat(refuses.len()),
        };
        let question = (range, versions);
        assert_eq!(ours(&question), expected, "{question:?}");
    }
}

#[test]
fn node_semver_says_the_same() {
    let Some(node) = running::binary("node") else { return };
    if !running::skip_unless(folder("edge/node_modules/semver").is_dir(), "no semver in tests/edge") {
        return;
    }
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    if overwrite {
        let questions = questions(1, 250);
        record(&questions, &theirs(&node, &questions));
    }
    let rows = recorded().into_iter().map(|row| (row.range, [row.allows, row.refuses].concat()));
    let questions: Vec<_> = rows.chain(questions(2, 2000)).collect();
    let (mut pairs, mut allowed, mut invalid) = (0, 0, 0);
    for (question, theirs) in questions.iter().zip(theirs(&node, &questions)) {
        assert_eq!(ours(question), theirs, "{question:?}");
        pairs += question.1.len();
        allowed += theirs.matches('1').count();
        invalid += usize::from(theirs == "invalid");
    }
    // The questions are worth asking.
    let ranges = questions.len();
    assert!(
        pairs > 20_000 && allowed > 3_000 && invalid > 100 && invalid * 3 < ranges,
        "{pairs} {allowed} {invalid} {ranges}"
    );
}
