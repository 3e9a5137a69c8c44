//! Rewrites ranges step by step to plain comparators, as node-semver does: hyphens, blanks, carets, tildes, open parts.
//!
//! The steps are those of npm because its corners come from them: `1.2.*3` is `1.2.3`, `^ =1` is `^1`, and `= =1` is refused.
//! Must not know which versions fit.

use super::comparator::{Comparator, Operator, RangeError, full};

/// Bytes of an identifier that are read at once.
const MOST_IDENTIFIER: usize = 250;
/// Digits of a number that are read at once.
const MOST_DIGITS: usize = 257;

/// The text with one blank in place of several, whatever they are, and none at its ends.
pub(super) fn single_blanks(text: &str) -> String {
    let words = text.split(is_blank).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The white space of JavaScript.
fn is_blank(character: char) -> bool {
    character == '\u{feff}' || (character.is_whitespace() && character != '\u{85}')
}

/// Reads what must hold together; never empty.
pub(super) fn comparators(text: &str) -> Result<Vec<Comparator>, RangeError> {
    let text = without_build(text);
    let text = hyphens(&text).unwrap_or(text);
    let text = after_trim(&after_trim(&operators(&text), '~'), '^');
    let mut found = Vec::new();
    for word in text.split(' ') {
        for plain in open_parts_of_all(&carets_and_tildes(word)) {
            found.push(comparator(&plain).ok_or_else(|| RangeError::Comparator(word.to_owned()))?);
        }
    }
    let bounded: Vec<_> = found.into_iter().filter(|comparator| comparator.bound.is_some()).collect();
    Ok(if bounded.is_empty() { vec![Comparator::ANY] } else { bounded })
}

/// Takes every `+META` out.
fn without_build(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('+') {
        let behind = &rest[place + 1..];
        let length = identifiers(behind, usize::MAX);
        kept.push_str(&rest[..place + usize::from(length == 0)]);
        rest = &behind[length..];
    }
    kept + rest
}

/// Length of the identifiers with dots between them at the start of a text.
fn identifiers(text: &str, most: usize) -> usize {
    let one = |text: &str| text.bytes().take(most).take_while(|byte| in_identifier(*byte)).count();
    let mut length = one(text);
    while length > 0 && text[length..].starts_with('.') {
        let next = one(&text[length + 1..]);
        if next == 0 {
            break;
        }
        length += 1 + next;
    }
    length
}

fn in_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// A version of which parts may be open.
struct Partial<'a> {
    /// Major, minor and patch as they are written; open where they are absent or stand for any.
    numbers: [Option<&'a str>; 3],
    /// The part after the hyphen.
    pre: Option<&'a str>,
}

impl Partial<'_> {
    /// The numbers up to the first open one.
    fn closed(&self) -> [Option<&str>; 3] {
        let [major, minor, patch] = self.numbers.map(|number| number.filter(|number| !is_open(number)));
        let minor = major.and(minor);
        [major, minor, minor.and(patch)]
    }
}

fn is_open(number: &str) -> bool {
    matches!(number, "x" | "X" | "*")
}

/// Reads `[v=]*N[.N[.N[-PRE]]]`, and the text after it.
fn partial_at_start(text: &str) -> Option<(Partial<'_>, &str)> {
    let mut rest = text.trim_start_matches(|character| character == 'v' || character == '=' || is_blank(character));
    let mut numbers = [None; 3];
    let mut pre = None;
    for (place, number) in numbers.iter_mut().enumerate() {
        let behind = if place == 0 { rest } else { rest.strip_prefix('.').unwrap_or("") };
        let length = number_at_start(behind);
        if length == 0 {
            break;
        }
        *number = Some(&behind[..length]);
        rest = &behind[length..];
    }
    numbers[0]?;
    if numbers[2].is_some()
        && let Some(behind) = rest.strip_prefix('-')
    {
        let length = identifiers(behind, usize::MAX);
        let part = &behind[..length];
        let is_number =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|one| one.is_ascii_digit());
        if length > 0 && !part.split('.').any(is_number) {
            (pre, rest) = (Some(part), &behind[length..]);
        }
    }
    Some((Partial { numbers, pre }, rest))
}

/// Length of the number, or of the letter that stands for any, at the start of a text.
fn number_at_start(text: &str) -> usize {
    match text.bytes().next() {
        Some(b'x' | b'X' | b'*' | b'0') => 1,
        Some(b'1'..=b'9') => text.bytes().take(MOST_DIGITS).take_while(u8::is_ascii_digit).count(),
        _ => 0,
    }
}

/// A whole text as one version of which parts may be open.
fn partial(text: &str) -> Option<Partial<'_>> {
    partial_at_start(text).filter(|(_, rest)| rest.is_empty()).map(|(partial, _)| partial)
}

/// Rewrites `A - B`, if the whole text is that.
fn hyphens(text: &str) -> Option<String> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let (low, rest) = partial_at_start(text)?;
    let low_text = &text[..text.len() - rest.len()];
    let high_text = rest.strip_prefix(" - ")?;
    let (high, rest) = partial_at_start(high_text)?;
    if !matches!(rest, "" | " ") {
        return None;
    }
    let high_text = &high_text[..high_text.len() - rest.len()];
    let low = match low.closed() {
        [None, ..] => String::new(),
        [Some(major), None, _] => format!(">={major}.0.0"),
        [Some(major), Some(minor), None] => format!(">={major}.{minor}.0"),
        _ => format!(">={low_text}"),
    };
    let pre = high.pre;
    let high = match high.closed() {
        [None, ..] => String::new(),
        [Some(major), None, _] => format!("<{}.0.0-0", next(major)),
        [Some(major), Some(minor), None] => format!("<{major}.{}.0-0", next(minor)),
        [Some(major), Some(minor), Some(patch)] => match pre {
            Some(pre) => format!("<={major}.{minor}.{patch}-{pre}"),
            None => format!("<={high_text}"),
        },
    };
    Some(format!("{low} {high}").trim().to_owned())
}

/// The number after this one; one that is too large stays too large.
fn next(number: &str) -> String {
    number.parse::<u64>().ok().and_then(|number| number.checked_add(1)).unwrap_or(u64::MAX).to_string()
}

/// Joins operators with the versions behind them: `> 1` is `>1`.
fn operators(text: &str) -> String {
    let is_prefix = |character: &char| *character == 'v' || *character == '=' || is_blank(*character);
    let mut joined = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind_angle = if matches!(first, '<' | '>') { &rest[1..] } else { rest };
        let behind = behind_angle.trim_start_matches(|character| is_prefix(&character));
        let prefix = rest.len() - behind.len();
        if !behind.starts_with(|first: char| first.is_ascii_digit() || matches!(first, 'x' | 'X' | '*')) {
            let taken = if prefix > 0 { prefix } else { first.len_utf8() };
            joined.push_str(&rest[..taken]);
            rest = &rest[taken..];
            continue;
        }
        let (before, after) = blank_to_drop(&rest[..prefix]);
        joined.push_str(before);
        joined.push_str(after);
        let length = version_at_start(behind);
        joined.push_str(&behind[..length]);
        rest = &behind[length..];
    }
    joined
}

/// What stands before and after the one blank behind an operator that goes.
fn blank_to_drop(prefix: &str) -> (&str, &str) {
    let behind = prefix.strip_prefix(is_blank).unwrap_or(prefix);
    let behind = behind.strip_prefix(['<', '>']).unwrap_or(behind);
    let behind = behind.strip_prefix('=').unwrap_or(behind);
    let before = &prefix[..prefix.len() - behind.len()];
    (before, behind.strip_prefix(is_blank).unwrap_or(behind))
}

/// Length of the version at the start of a text, read as leniently as npm does here.
fn version_at_start(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = 0;
    for place in 0..3 {
        let dot = usize::from(place > 0);
        let behind = if place == 0 { Some(text) } else { text[length..].strip_prefix('.') };
        let count = behind.map_or(0, digits);
        if count == 0 {
            return partial_at_start(text).map_or(0, |(_, rest)| text.len() - rest.len());
        }
        length += dot + count;
    }
    let rest = &text[length..];
    let dash = usize::from(rest.starts_with('-'));
    let behind = identifiers(&rest[dash..], MOST_IDENTIFIER);
    // A hyphen alone is an identifier here.
    length + if behind > 0 { dash + behind } else { dash }
}

/// Takes the blank behind a lone `~`, `~>` or `^` away, and the `>` with it.
fn after_trim(text: &str, mark: char) -> String {
    let mut joined = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(mark) {
        let behind = &rest[place + 1..];
        joined.push_str(&rest[..=place]);
        let behind_angle = if mark == '~' { behind.strip_prefix('>').unwrap_or(behind) } else { behind };
        rest = behind_angle.strip_prefix(' ').unwrap_or(behind);
    }
    joined + rest
}

/// Rewrites a word that begins with a caret or a tilde to two comparators, or to none.
fn carets_and_tildes(word: &str) -> String {
    let caret = word.strip_prefix('^').and_then(partial);
    let tilde = || {
        let behind = word.strip_prefix('~')?;
        partial(behind.strip_prefix('>').unwrap_or(behind))
    };
    match caret {
        Some(version) => between(&version, true),
        None => tilde().map_or_else(|| word.to_owned(), |version| between(&version, false)),
    }
}

fn between(version: &Partial<'_>, is_caret: bool) -> String {
    let pre = version.pre.map(|pre| format!("-{pre}")).unwrap_or_default();
    match version.closed() {
        [None, ..] => String::new(),
        [Some(major), None, _] => format!(">={major}.0.0 <{}.0.0-0", next(major)),
        [Some(major), Some(minor), None] if is_caret && major != "0" => {
            format!(">={major}.{minor}.0 <{}.0.0-0", next(major))
        }
        [Some(major), Some(minor), None] => format!(">={major}.{minor}.0 <{major}.{}.0-0", next(minor)),
        [Some(major), Some(minor), Some(patch)] => {
            let end = match (is_caret, major, minor) {
                (true, "0", "0") => format!("0.0.{}", next(patch)),
                (true, "0", _) | (false, ..) => format!("{major}.{}.0", next(minor)),
                (true, ..) => format!("{}.0.0", next(major)),
            };
            format!(">={major}.{minor}.{patch}{pre} <{end}-0")
        }
    }
}

/// Rewrites open parts of each word, and the words that then are any version.
fn open_parts_of_all(words: &str) -> Vec<String> {
    let rewritten: Vec<_> = words.split(' ').map(open_parts).collect();
    let plain = without_star(&rewritten.join(" "));
    plain.split(' ').map(|word| if word == ">=0.0.0" { String::new() } else { word.to_owned() }).collect()
}

/// Rewrites `1.x`, `>=1`, `*` and the like.
fn open_parts(word: &str) -> String {
    let behind = word.strip_prefix(['<', '>']).unwrap_or(word);
    let behind = behind.strip_prefix('=').unwrap_or(behind);
    let operator = &word[..word.len() - behind.len()];
    let Some(version) = partial(behind) else { return word.to_owned() };
    let [major, minor, patch] = version.closed();
    let is_named = |place: usize| version.numbers[place].is_some_and(|number| !is_open(number));
    if (1..3).any(|place| is_named(place) && !is_named(place - 1)) {
        return word.to_owned();
    }
    match (major, minor, patch, operator) {
        (None, _, _, "<" | ">") => "<0.0.0-0".to_owned(),
        (None, ..) => "*".to_owned(),
        (Some(major), None, _, "" | "=") => format!(">={major}.0.0 <{}.0.0-0", next(major)),
        (Some(major), Some(minor), None, "" | "=") => format!(">={major}.{minor}.0 <{major}.{}.0-0", next(minor)),
        (Some(major), None, _, ">") => format!(">={}.0.0", next(major)),
        (Some(major), Some(minor), None, ">") => format!(">={major}.{}.0", next(minor)),
        (Some(major), None, _, "<=") => format!("<{}.0.0-0", next(major)),
        (Some(major), Some(minor), None, "<=") => format!("<{major}.{}.0-0", next(minor)),
        (Some(major), minor, None, ">=") => format!(">={major}.{}.0", minor.unwrap_or("0")),
        (Some(major), minor, None, _) => format!("<{major}.{}.0-0", minor.unwrap_or("0")),
        _ => word.to_owned(),
    }
}

/// Takes the first star out, with the operator before it.
fn without_star(text: &str) -> String {
    let Some(place) = text.find('*') else { return text.to_owned() };
    let mut before = &text[..place];
    before = before.strip_suffix('=').unwrap_or(before);
    before = before.strip_suffix(['<', '>']).unwrap_or(before);
    format!("{before}{}", &text[place + 1..])
}

/// Reads a plain comparator; nothing is any version.
fn comparator(text: &str) -> Option<Comparator> {
    if text.is_empty() {
        return Some(Comparator::ANY);
    }
    let spellings = [
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("=", Operator::Equal),
        ("", Operator::Equal),
    ];
    let (spelling, operator) = spellings.iter().find(|(spelling, _)| text.starts_with(spelling))?;
    let bound = full(&text[spelling.len()..])?;
    Some(Comparator { operator: *operator, bound: Some(bound) })
}
