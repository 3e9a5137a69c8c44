//! The line that a problem points to, as a person sees it in the file.
//!
//! Only for printing: a report has the place and no text of the file.

use super::problem::Problem;
use super::shown::printable;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Characters of a line that are shown.
const MAX_SHOWN: usize = 160;

impl Problem {
    /// The text of the problem with its line of the file, if the problem has a line and the file has that line.
    pub fn with_snippet(&self, file: &str) -> String {
        let line = self.place.line.and_then(|number| Some((number, nth_line(file, number)?)));
        let Some((number, line)) = line else { return self.to_string() };
        let snippet = snippet(number, line);
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let first = Self { hint: None, ..self.clone() };
        format!("{first}\n{snippet}{hint}")
    }
}

/// The columns of what a problem points to: its line without indentation, from the first character to behind the last one,
/// counted in characters from 1.
pub fn columns(file: &str, line: u32) -> Option<(usize, usize)> {
    let line = nth_line(file, line)?.trim_end();
    let indent = line.chars().take_while(|c| c.is_whitespace()).count();
    let end = line.chars().count();
    (indent < end).then_some((indent + 1, end + 1))
}

/// A line with its number, and a mark below all that is not indentation.
fn snippet(number: u32, line: &str) -> String {
    let line = printable(line, MAX_SHOWN);
    let line = line.trim_end();
    let indent = line.len() - line.trim_start().len();
    let mark = AnnotationKind::Primary.span(indent..line.len());
    let source = Snippet::source(line).line_start(number as usize).annotation(mark);
    // The line is short enough as it is; the width of the terminal must not decide what is printed.
    Renderer::plain().term_width(10 * MAX_SHOWN).render(&[Group::with_level(Level::ERROR).element(source)])
}

/// A line by its number, from 1. Lines end as in YAML 1.1.
fn nth_line(text: &str, number: u32) -> Option<&str> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    for _ in 1..number {
        let at = rest.find(is_break)?;
        let after = &rest[at..];
        let length = if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        rest = &after[length..];
    }
    Some(rest.split(is_break).next().unwrap_or_default())
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use crate::base::problem::Problem;
    use crate::base::rule::Rule;
    use snapbox::{assert_data_eq, str};

    fn problem(line: u32) -> Problem {
        Problem::new(Rule::WrongType, "it is wrong")
            .file("manifest.yml")
            .line(line)
            .field("a.b")
            .within("top", "p/1.0.0")
    }

    #[test]
    fn the_line_is_shown_with_its_number_and_a_mark() {
        let file = "one: 1\ntwo:\n  - a: [x]  \n";
        assert_data_eq!(
            problem(3).with_snippet(file),
            str![[r#"
error: it is wrong
  --> top/p/1.0.0/manifest.yml:3 (a.b)
  |
3 |   - a: [x]
  |   ^^^^^^^^
hint: write a value of the expected type
"#]]
        );
    }

    /// The form without a snippet is that of logs.
    #[test]
    fn without_the_line_the_text_is_as_before() {
        for (line, file) in [(3, "one\ntwo"), (2, ""), (u32::MAX, "one\n")] {
            assert_eq!(problem(line).with_snippet(file), problem(line).to_string(), "{file}");
        }
        let mut nowhere = problem(1);
        nowhere.place.line = None;
        assert_eq!(nowhere.with_snippet("one"), nowhere.to_string());
    }

    #[test]
    fn lines_end_as_in_yaml() {
        for file in ["1\n2\n3", "\u{feff}1\r\n2\r3", "1\u{85}2\u{2028}3\u{2029}", "\n\n3\n"] {
            assert!(problem(3).with_snippet(file).contains("\n3 | 3\n"), "{file:?}");
        }
        assert!(problem(2).with_snippet("1\n").contains("\n2 |\n  | ^\n"), "an empty line has a number too");
    }

    #[test]
    fn nothing_in_a_line_reaches_the_terminal_as_a_command() {
        let shown = problem(1).with_snippet("a: \u{1b}[31m\t\u{9b}\u{202e}\u{2066}\u{200d}\u{7}\u{0}");
        let is_harmless =
            |c: char| c == '\n' || !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(shown.chars().all(is_harmless), "{shown:?}");
        assert!(shown.contains(r"\u{1b}[31m"), "{shown}");
    }

    #[test]
    fn long_lines_are_cut() {
        let shown = problem(1).with_snippet(&"日".repeat(1 << 20));
        assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
        assert!(shown.contains("日…\n"), "{shown}");
    }
}
