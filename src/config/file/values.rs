//! Values of the configuration that have rules of their own: names, paths, addresses.

use super::reader::{Reader, Value};
use crate::config::fallback::Fallback;
use crate::config::layer::KeySource;
use crate::config::location::Location;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use yaml11::{Plain, Scalar};

/// Folders of the output that are not distributions.
const RESERVED: [&str; 2] = ["store", "cache"];
/// A name becomes a folder and part of longer file names.
const MAX_NAME_BYTES: usize = 64;

/// A prefix is part of patterns and keys of servers.
const MAX_PREFIX_BYTES: usize = 200;

/// Checks that a name of a distribution or layer is safe as the name of a folder.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(format!("`{name}` is taken: a folder of the output is called so"));
    }
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.bytes().all(safe) {
        return Err(format!("`{}` cannot be the name of a folder everywhere", name.escape_default()));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("`{name}` is longer than {MAX_NAME_BYTES} characters"));
    }
    Ok(())
}

/// Returns true if this is a port, or an address or host name with one. It is written into configurations of servers as it is.
fn is_listen(text: &str) -> bool {
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    // What looks like an address of digits must be one: servers would take it for a host name that nobody has.
    let is_digits = |host: &str| host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
            && (!is_digits(host) || host.parse::<Ipv4Addr>().is_ok())
    };
    match text.rsplit_once(':') {
        None => is_port(text),
        Some((host, port)) => is_port(port) && (is_host(host) || text.parse::<SocketAddr>().is_ok()),
    }
}

/// A path that starts at the folder of the file, also that of a repository.
fn place(folder: &Path, text: &str) -> PathBuf {
    match Location::of(Path::new(text)) {
        Some(location) => Location { clone: folder.join(&location.clone), ..location }.to_path(),
        None => folder.join(text),
    }
}

/// Returns true if a registry may lie at this path. It is written into configurations of servers as it is.
fn is_prefix(text: &str) -> bool {
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
    };
    text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

impl Reader<'_> {
    /// Returns true if the name of a distribution or layer may be used.
    pub(super) fn name(&mut self, name: &str, value: &Value<'_>) -> bool {
        let checked = check_name(name);
        if let Err(message) = &checked {
            let hint = "use letters, digits, `.`, `_` and `-`, and begin with a letter or digit";
            let hint = if message.contains("taken") { "choose another name" } else { hint };
            self.mistake(value.line, message, hint);
        }
        checked.is_ok()
    }

    /// One path or several; relative ones start at `folder`.
    pub(super) fn paths(&mut self, value: &Value<'_>, folder: &Path) -> Vec<PathBuf> {
        let key = value.path.rsplit('.').next().unwrap_or_default();
        let hint = format!("write `{key}: folder` or `{key}: [folder, another]`");
        let items = match value.plain {
            Plain::List(..) => self.list(value, "a path or a list of paths", &hint),
            _ => vec![value.clone()],
        };
        let mut paths = Vec::new();
        for item in items {
            let Some(path) = self.text(&item, "a path").map(|text| place(folder, text)) else { continue };
            if paths.contains(&path) {
                self.mistake(item.line, format!("`{}` has the same path twice", value.path), "remove one of the two");
            } else {
                paths.push(path);
            }
        }
        paths
    }

    /// One source of keys or several; relative paths start at `folder`.
    pub(super) fn keys(&mut self, value: &Value<'_>, folder: &Path) -> Vec<KeySource> {
        let hint = "write `keys: elastic` or `keys: [elastic, folder/key.asc]`";
        let items = match value.plain {
            Plain::List(..) => self.list(value, "`elastic`, a file or a list of them", hint),
            _ => vec![value.clone()],
        };
        let mut keys = Vec::new();
        for item in items {
            let source = match self.text(&item, "`elastic` or the path of a file with public keys") {
                Some("elastic") => KeySource::Elastic,
                Some(path) => KeySource::File(folder.join(path)),
                None => continue,
            };
            if keys.contains(&source) {
                self.mistake(item.line, format!("`{}` has the same key twice", value.path), "remove one of the two");
            } else {
                keys.push(source);
            }
        }
        keys
    }

    /// Reads an address to listen on.
    pub(super) fn listen(&mut self, value: &Value<'_>) -> Option<String> {
        let text = match value.plain {
            Plain::Scalar(Scalar::Int(port), _) => port.to_string(),
            plain => plain.as_str().unwrap_or_default().to_owned(),
        };
        if is_listen(&text) {
            return Some(text);
        }
        let message = format!("`{}` must be a port, or an address and a port", value.path);
        self.mistake(value.line, message, "write `8080`, `127.0.0.1:8080` or `\"[::1]:8080\"`");
        None
    }

    /// Where hosts ask for what their tables do not hold; nowhere when it is wrong.
    pub(super) fn fallback(&mut self, value: &Value<'_>) -> Fallback {
        if matches!(value.plain, Plain::Scalar(Scalar::Bool(false), _)) {
            return Fallback::Off;
        }
        let text = value.plain.as_str().unwrap_or_default();
        if let Some(fallback) = text.parse().ok().filter(|fallback: &Fallback| !fallback.is_off()) {
            return fallback;
        }
        let message = format!("`{}` must be the address of a server without a path, a Unix socket, or no", value.path);
        let hint = "write `http://127.0.0.1:8090`, `https://epr.example.org`, `unix:/run/epr-build/epr.sock` or `no`";
        self.mistake(value.line, message, hint);
        Fallback::Off
    }

    /// A share, written with a percent sign.
    pub(super) fn percent(&mut self, value: &Value<'_>) -> Option<u64> {
        let number = value.plain.as_str().and_then(|text| plain_number(text.strip_suffix('%')?));
        let percent = number.filter(|percent| *percent <= 100);
        if percent.is_none() {
            let message = format!("`{}` must be a share from `0%` to `100%`", value.path);
            self.mistake(value.line, message, "write a whole number and a percent sign, for example `50%`");
        }
        percent
    }

    /// The path below which a registry lies; empty when it is wrong.
    pub(super) fn prefix(&mut self, value: &Value<'_>) -> String {
        if let Some(text) = value.plain.as_str().filter(|text| is_prefix(text) && text.len() <= MAX_PREFIX_BYTES) {
            return text.to_owned();
        }
        let message = format!("`{}` must be a path of letters, digits, `.`, `_`, `~` and `-`", value.path);
        self.mistake(value.line, message, "write `/epr/staging`, with a slash before each part and none at the end");
        String::new()
    }

    /// Two numbers with a dot, as text: 3.10 as a number would be 3.1.
    pub(super) fn numbers<const N: usize>(&mut self, value: &Value<'_>, example: &str) -> Option<[u64; N]> {
        let read = |text: &str| {
            let parts: Option<Vec<u64>> = text.split('.').map(plain_number).collect();
            <[u64; N]>::try_from(parts?).ok()
        };
        let numbers = value.plain.as_str().and_then(read);
        if numbers.is_none() {
            let message = format!("`{}` must be {N} whole numbers with dots between, as text", value.path);
            self.mistake(value.line, message, &format!("write `{example}`"));
        }
        numbers
    }
}

/// A number without sign, blanks or leading zero.
fn plain_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}
