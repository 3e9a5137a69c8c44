//! The path of a request, cleaned as web servers clean it.
//!
//! Escapes are decoded first, so that hidden dots and slashes count; then repeated slashes are merged and dot segments
//! resolved. What comes out cannot leave the document root. Knows nothing of routes or disks.

/// The decoded and cleaned path; `None` when it is malformed or leaves the root.
pub(super) fn clean(raw: &str) -> Option<String> {
    let decoded = decode(raw)?;
    let rest = decoded.strip_prefix('/')?;
    let mut segments: Vec<&str> = Vec::new();
    for segment in rest.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            _ => segments.push(segment),
        }
    }
    let is_folder = matches!(rest.rsplit('/').next(), Some("" | "." | ".."));
    let mut path = segments.iter().flat_map(|segment| ["/", segment]).collect::<String>();
    if is_folder || path.is_empty() {
        path.push('/');
    }
    Some(path)
}

/// The rest of a cleaned path below the path of the registry; `None` if it does not lie below it.
///
/// `prefix` is empty, or a path without a slash at its end. The prefix itself is the root, with and without a slash.
pub(super) fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// Undoes percent-encoding; bytes that are no UTF-8 become replacement characters, which no file name holds.
fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            plain => plain,
        };
        if byte == 0 {
            return None;
        }
        bytes.push(byte);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_below_a_path_sees_the_rest() {
        for (prefix, path, expected) in [
            ("", "/", Some("/")),
            ("", "/search", Some("/search")),
            ("/epr", "/epr", Some("/")),
            ("/epr", "/epr/", Some("/")),
            ("/epr", "/epr/epr/a/b", Some("/epr/a/b")),
            ("/epr", "/eprx/search", None),
            ("/epr", "/EPR/search", None),
            ("/epr", "/search", None),
            ("/a/b", "/a/b/search/", Some("/search/")),
            ("/a/b", "/a", None),
        ] {
            assert_eq!(below(prefix, path), expected, "{prefix} {path}");
        }
    }

    #[test]
    fn paths_are_cleaned_and_cannot_leave_the_root() {
        for (raw, expected) in [
            ("/", Some("/")),
            ("//search", Some("/search")),
            ("/a/./b/../c", Some("/a/c")),
            ("/a/%2e%2E/b", Some("/b")),
            ("/a%2Fb/", Some("/a/b/")),
            ("/a/..", Some("/")),
            ("/a/b/.", Some("/a/b/")),
            ("/..", None),
            ("/a/../../b", None),
            ("/%2e%2e/b", None),
            ("/a%00", None),
            ("/a%2", None),
            ("/a%zz", None),
            ("/a%2Bb+c%25%3f", Some("/a+b+c%?")),
            ("a", None),
        ] {
            assert_eq!(clean(raw).as_deref(), expected, "{raw}");
        }
    }
}
