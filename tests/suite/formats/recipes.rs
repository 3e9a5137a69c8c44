//! The recipes of docs/guides/ci.md: their YAML is YAML, and every command line is one that this program takes.

use clap::Parser;
use epr_build::cli::Cli;
use std::fs;
use std::path::Path;

const NAME: &str = "epr-build ";

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/ci.md")).unwrap()
}

/// The blocks of code with their languages.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    for (index, part) in page.split("```").enumerate().filter(|(index, _)| index % 2 == 1) {
        let (language, text) = part.split_once('\n').unwrap_or_else(|| panic!("block {index} ends in its line"));
        blocks.push((language.to_owned(), text.to_owned()));
    }
    blocks
}

/// Words of a command, as a shell parts them, up to where the next command or a redirection begins.
pub(crate) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '>' | '|' | '&' | ';') => break,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every command line of the page: in blocks, and between back-ticks.
fn commands(page: &str) -> Vec<String> {
    let in_blocks = blocks(page).into_iter().filter(|(language, _)| language == "yaml" || language == "sh");
    let lines: Vec<String> =
        in_blocks.flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let in_blocks = lines.iter().filter_map(|line| Some(line[line.find(NAME)?..].to_owned()));
    let text: String = page.split("```").step_by(2).collect();
    let inline = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with(NAME)).map(str::to_owned);
    in_blocks.chain(inline).collect()
}

#[test]
fn every_command_line_is_one() {
    let found = commands(&page());
    assert!(found.len() > 12, "{found:#?}");
    for line in found {
        let line = words(&line);
        // What is only named needs no arguments.
        if line.len() > 2 {
            Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        }
    }
    assert!(Cli::try_parse_from(words("epr-build check --frmat json")).is_err());
}

#[test]
fn words_are_those_of_a_shell() {
    for (line, expected) in [
        ("epr-build a 'b c' \"$D e\"/f > x", &["epr-build", "a", "b c", "$D e/f"][..]),
        ("epr-build a || test $? -eq 1", &["epr-build", "a"]),
    ] {
        assert_eq!(words(line), expected);
    }
}

#[test]
fn recipes_are_yaml() {
    let mut count = 0;
    for (_, text) in blocks(&page()).iter().filter(|(language, _)| language == "yaml") {
        let document = yaml11::parse_plain(text.as_bytes(), &yaml11::Limits::default());
        let document = document.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert!(matches!(document.root, yaml11::Plain::Map(..)), "{text}");
        count += 1;
    }
    assert_eq!(count, 3);
}
