//! Makes the code of a function small enough: a function may have 10 KB, names and comments included.
//!
//! Comments and blanks go, and names that the code declares itself become short; nothing else changes. It reads the plain
//! JavaScript of our own templates, in which every statement ends in a semicolon or brace. The tests run what comes out.

use std::collections::{BTreeMap, BTreeSet};

/// Names that something outside of the code looks for.
const KEPT: [&str; 5] = ["begin", "step", "lookUp", "handler", "cf"];

/// Makes code smaller.
pub(in crate::hosts) fn minify(code: &str) -> String {
    let tokens = tokens(code);
    let names = names(&tokens);
    let mut out = String::new();
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        let text = if is_name(&tokens, at) { names.get(token).map_or(*token, String::as_str) } else { token };
        let (last, first) = (out.bytes().last(), text.bytes().next());
        if is_joined(last, first) {
            out.push(' ');
        }
        out.push_str(text);
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        if depth == 0 && matches!(*token, ";" | "}") && tokens.get(at + 1) != Some(&";") {
            out.push('\n');
        }
    }
    out
}

/// Returns true if two tokens would become one without a blank between them.
fn is_joined(last: Option<u8>, first: Option<u8>) -> bool {
    let (Some(last), Some(first)) = (last, first) else { return false };
    (in_word(last) && in_word(first)) || (last == first && b"+-".contains(&last))
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_$".contains(&byte)
}

/// Words, strings, patterns, `++` and `--`, and single characters of everything else; no blanks and comments.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens: Vec<&str> = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_operand = tokens.last().is_some_and(|last| {
            last.bytes().all(in_word) && *last != "return"
                || matches!(*last, ")" | "]" | "}")
                || last.starts_with(['\'', '"'])
        });
        let length = match first {
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]).trim_start();
                continue;
            }
            '\'' | '"' => quoted(rest, first),
            '/' if !is_operand => pattern(rest),
            '+' | '-' if rest[1..].starts_with(first) => 2,
            _ if first.is_ascii() && in_word(first as u8) => rest.bytes().take_while(|byte| in_word(*byte)).count(),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// The length of a string.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if letter == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    text.len()
}

/// The length of a pattern without its flags.
fn pattern(text: &str) -> usize {
    let (mut is_escaped, mut in_class) = (false, false);
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => {}
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return at + 1,
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    text.len()
}

/// Returns true if a token stands for a variable or function, and not for a property, key or flag of a pattern.
fn is_name(tokens: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |before| tokens[before]);
    let is_key = matches!(before, "{" | ",") && tokens.get(at + 1) == Some(&":");
    let is_flag = before.len() > 1 && before.starts_with('/');
    before != "." && !is_key && !is_flag && tokens[at].bytes().all(in_word)
}

/// Short names for what the code declares, the shortest for what it uses most.
fn names<'a>(tokens: &[&'a str]) -> BTreeMap<&'a str, String> {
    let declared = declared(tokens);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reserved: BTreeSet<String> = ["do", "if", "in", "of"].map(str::to_owned).into();
    for (_, token) in tokens.iter().enumerate().filter(|(at, _)| is_name(tokens, *at)) {
        if declared.contains(token) {
            *counts.entry(token).or_default() += 1;
        } else {
            reserved.insert((*token).to_owned());
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let letters = || ('a'..='z').chain('A'..='Z');
    let short = letters().map(String::from).chain(letters().flat_map(|a| letters().map(move |b| format!("{a}{b}"))));
    counts.into_iter().map(|(name, _)| name).zip(short.filter(|name| !reserved.contains(name))).collect()
}

/// Functions, parameters and variables.
fn declared<'a>(tokens: &[&'a str]) -> BTreeSet<&'a str> {
    let mut declared = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "function" | "catch" => {
                let end = tokens[at..].iter().position(|token| *token == ")").map_or(at, |length| at + length);
                declared.extend(&tokens[at + 1..end]);
            }
            "var" => {
                let mut depth = 0;
                for (next, token) in tokens.iter().enumerate().skip(at + 1) {
                    match *token {
                        "(" | "[" | "{" => depth += 1,
                        ")" | "]" | "}" => depth -= 1,
                        ";" if depth == 0 => break,
                        word if depth == 0 && matches!(tokens[next - 1], "var" | ",") => {
                            declared.insert(word);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    declared.retain(|name| name.bytes().all(in_word) && !KEPT.contains(name));
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_becomes_small_and_stays_the_same() {
        let code = r#"
// A comment.
import cf from 'cloudfront';
var LIST = [/[/"']\/ x/g, 'it\'s // a + b'], table = { list: LIST, b: 1 - -2 };
function find(key, list) {
  for (var i = 0; i < list.length; i++) if (list[i].key === key) return /a b/.test(key) ? key : list.key;
  try { throw 1 / 2; } catch (error) { return; } // gone
}
async function handler(event) { return await find(event.list, table); }
"#;
        let expected = r#"import cf from'cloudfront';
var d=[/[/"']\/ x/g,'it\'s // a + b'],g={list:d,b:1- -2};
function f(b,c){for(var a=0;a<c.length;a++)if(c[a].key===b)return/a b/.test(b)?b:c.key;try{throw 1/2;}catch(h){return;}}
async function handler(e){return await f(e.list,g);}
"#;
        assert_eq!(minify(code), expected);
    }
}
