//! How much is said, and whether in colours: the options that every command has, and the way that messages take.
//!
//! They are set once, when a run begins. Results on standard output have no colours: they are for pipes and files too.

use crate::base::shown;
use clap::{Args, ColorChoice, ValueEnum};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

static TALK: OnceLock<TalkOptions> = OnceLock::new();

/// Words that begin a line of a message, with the colours they get.
const WORDS: [(&str, &str); 5] = [
    ("error:", "\x1b[1;31m"),
    ("warning:", "\x1b[1;33m"),
    ("note:", "\x1b[1;32m"),
    ("hint:", "\x1b[1;36m"),
    ("  -->", "\x1b[1;34m"),
];
const PLAIN: &str = "\x1b[0m";

/// What is said.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(in crate::cli) struct TalkOptions {
    /// Print only problems and failures
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print more: what is read, every problem instead of the first ones, every object that is published
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Colours in messages; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    color: Color,
}

/// When messages have colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Sets what is said from now on; only the first call counts.
pub(in crate::cli) fn begin(options: TalkOptions) {
    let _ = TALK.set(options);
}

fn options() -> TalkOptions {
    TALK.get().copied().unwrap_or_default()
}

/// Returns true if only problems and failures are printed.
pub(in crate::cli) fn quiet() -> bool {
    options().quiet
}

/// Returns true if more is printed.
pub(in crate::cli) fn verbose() -> bool {
    options().verbose
}

/// Prints a message on standard error. In one piece, so that nothing else can come between. What cannot be seen in names
/// and values is written out.
pub(in crate::cli) fn say(text: &str) -> io::Result<()> {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let is_plain_terminal = !variable("NO_COLOR").is_empty() || variable("TERM") == "dumb";
    let is_colored = wanted(options().color, io::stderr().is_terminal() && !is_plain_terminal);
    let text = shown::lines(text);
    let text = if is_colored { Cow::Owned(painted(&text)) } else { text };
    io::stderr().write_all(text.as_bytes())
}

/// Prints a note, once, if more is to be printed.
pub(in crate::cli) fn note(text: &str) -> io::Result<()> {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let is_new = || SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned());
    if verbose() && is_new() { say(&format!("note: {text}\n")) } else { Ok(()) }
}

fn wanted(color: Color, is_fit: bool) -> bool {
    match color {
        Color::Auto => is_fit,
        Color::Always => true,
        Color::Never => false,
    }
}

/// The text with colours for the words that begin lines of messages.
fn painted(text: &str) -> String {
    let paint = |line: &str| {
        let word = WORDS.iter().find(|(word, _)| line.starts_with(word));
        word.map_or_else(|| line.to_owned(), |(word, style)| format!("{style}{word}{PLAIN}{}", &line[word.len()..]))
    };
    text.split_inclusive('\n').map(paint).collect()
}

/// The colours that arguments ask for, for messages about the arguments themselves.
pub(in crate::cli) fn asked(arguments: impl Iterator<Item = String>) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut arguments = arguments.take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--color=") {
            Some(value) => Some(value.to_owned()),
            None if argument == "--color" => arguments.next(),
            None => continue,
        };
        choice = match value.as_deref() {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_at_the_beginning_of_lines_are_painted() {
        let text = "error: no error: here\n  --> a:1\n3 | hint:\nhint: b\nwarning: c";
        let expected = "\x1b[1;31merror:\x1b[0m no error: here\n\x1b[1;34m  -->\x1b[0m a:1\n3 | hint:\n\
                        \x1b[1;36mhint:\x1b[0m b\n\x1b[1;33mwarning:\x1b[0m c";
        assert_eq!(painted(text), expected);
    }

    #[test]
    fn colours_are_for_terminals_unless_asked_for() {
        for is_fit in [true, false] {
            assert_eq!(wanted(Color::Auto, is_fit), is_fit);
            assert!(wanted(Color::Always, is_fit) && !wanted(Color::Never, is_fit));
        }
        for (arguments, expected) in [
            ("check --color never", ColorChoice::Never),
            ("check --color=always --bogus", ColorChoice::Always),
            ("check -- --color never", ColorChoice::Auto),
            ("check --color", ColorChoice::Auto),
            ("check", ColorChoice::Auto),
        ] {
            assert_eq!(asked(arguments.split(' ').map(str::to_owned)), expected, "{arguments}");
        }
    }
}
