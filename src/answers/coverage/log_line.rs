//! A line of an access log, of whichever server: the combined format of nginx and Apache, the common format, that of
//! `epr-build serve`, and the JSON lines of Caddy.
//!
//! Logs hold what strangers sent, so nothing is expected of a line: what is none of these is told from them, and no line
//! takes more memory than [`LONGEST_LINE`].

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// Longer lines, in bytes, are passed over: no server that is known takes a request as long.
pub const LONGEST_LINE: usize = 1 << 16;

/// A request as a log tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// Path, without query.
    pub path: String,
    /// The raw query, if there is one.
    pub query: Option<String>,
    /// The client, as it calls itself.
    pub agent: Option<String>,
}

/// Gives each line of a log, without its end; `None` stands for one that is too long.
///
/// # Errors
/// When the log cannot be read.
pub fn each_line(log: &mut dyn BufRead, mut take: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
    let (mut line, mut is_long, mut is_begun) = (Vec::new(), false, false);
    loop {
        let part = match log.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            part => part?,
        };
        if part.is_empty() {
            break;
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let text = &part[..end.unwrap_or(part.len())];
        is_long |= line.len() + text.len() > LONGEST_LINE;
        if !is_long {
            line.extend_from_slice(text);
        }
        is_begun = end.is_none();
        let used = end.map_or(part.len(), |end| end + 1);
        log.consume(used);
        if !is_begun {
            take((!is_long).then_some(line.strip_suffix(b"\r").unwrap_or(&line)));
            line.clear();
            is_long = false;
        }
    }
    if is_begun {
        take((!is_long).then_some(&line));
    }
    Ok(())
}

/// Reads a line; `None` if it tells of no request.
pub fn read(line: &[u8]) -> Option<Request> {
    let line = std::str::from_utf8(line).ok()?;
    if line.starts_with('{') { of_json(line) } else { of_combined(line) }
}

/// `… "GET /search?package=a HTTP/1.1" 200 42 "-" "Kibana/9.0.0"`, where the last two may be missing and more may follow.
fn of_combined(line: &str) -> Option<Request> {
    let mut quoted = Quoted(line);
    let request = quoted.next()?;
    let agent = quoted.nth(1).filter(|agent| agent != "-");
    let mut words = request.split(' ');
    let (method, target, protocol) = (words.next()?, words.next()?, words.next()?);
    let is_request = protocol.starts_with("HTTP/") && words.next().is_none();
    is_request.then(|| Request::new(method, target, agent))?
}

/// The texts between quotation marks, with what servers escape in them put back.
struct Quoted<'a>(&'a str);

impl Iterator for Quoted<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (_, text) = self.0.split_once('"')?;
        let mut is_escaped = false;
        let end = text.bytes().position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        })?;
        self.0 = &text[end + 1..];
        unescaped(&text[..end])
    }
}

/// Puts back `\xHH`, `\"` and `\\`; `None` if the bytes are no text.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = (*first == b'\\').then(|| escape(after)).flatten();
        let (byte, length) = escape.unwrap_or((*first, 0));
        bytes.push(byte);
        rest = &after[length..];
    }
    String::from_utf8(bytes).ok()
}

/// The byte that an escape stands for, and how many letters follow the backslash.
fn escape(after: &[u8]) -> Option<(u8, usize)> {
    match after {
        [b'x', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some(((digit(*high)? * 16 + digit(*low)?) as u8, 3))
        }
        [byte @ (b'"' | b'\\'), ..] => Some((*byte, 1)),
        _ => None,
    }
}

/// What Caddy writes of a request.
#[derive(Deserialize)]
struct Logged<'a> {
    #[serde(borrow)]
    request: LoggedRequest<'a>,
}

#[derive(Deserialize)]
struct LoggedRequest<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    uri: Cow<'a, str>,
    #[serde(default)]
    headers: BTreeMap<String, Vec<String>>,
}

fn of_json(line: &str) -> Option<Request> {
    let Logged { request } = serde_json::from_str(line).ok()?;
    let named = |(name, _): &(String, Vec<String>)| name.eq_ignore_ascii_case("user-agent");
    let agent = request.headers.into_iter().find(named).and_then(|(_, values)| values.into_iter().next());
    Request::new(&request.method, &request.uri, agent)
}

impl Request {
    /// The target is a path with its query, or a whole address.
    fn new(method: &str, target: &str, agent: Option<String>) -> Option<Self> {
        let address = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
        let target = address.map_or(target, |address| address.find('/').map_or("/", |slash| &address[slash..]));
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method || !(target.starts_with('/') || target == "*") {
            return None;
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Some(Self { method: method.to_owned(), path: path.to_owned(), query, agent })
    }
}
