//! Headers of a request: the ones of every request, and those of a file that are for one server only.

use crate::base::fs;
use anyhow::{Context, Result, bail};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::path::Path;

/// Headers that decide how a message is read or what is asked for; nobody else sets them.
const OURS: &[&str] = &[
    "accept-encoding",
    "cache-control",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a file of headers: `Name: value`, one a line; empty lines and those that begin with `#` say nothing.
pub(super) fn read(path: &Path) -> Result<HeaderMap> {
    let text = fs::read_text(path).context("`headers_from` of the upstream")?;
    parse(&text).with_context(|| format!("cannot understand {}", path.display()))
}

/// Understands the text of such a file.
pub(crate) fn parse(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself may be a secret, so no message quotes it.
        let Some((name, value)) = line.split_once(':') else {
            bail!("line {} has no `:`\nhint: write `Name: value`, one header a line", number + 1);
        };
        let unfit = || format!("line {} is no header\nhint: write `Name: value`, one header a line", number + 1);
        let name = HeaderName::from_bytes(name.trim().as_bytes()).with_context(unfit)?;
        if OURS.contains(&name.as_str()) {
            bail!("line {} sets `{name}`, which only the program sets\nhint: remove the line", number + 1);
        }
        let mut value = HeaderValue::from_str(value.trim()).with_context(unfit)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// What the program calls itself; `contact` tells the registry's operator whom to write to.
pub(super) fn user_agent(contact: Option<&str>) -> String {
    let contact = contact.map(|contact| format!("; +{contact}")).unwrap_or_default();
    format!("epr-build/{} (mirror{contact})", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_secrets_are_not_repeated() {
        let headers = parse("# who we are\nAuthorization: Bearer abc\n\nX-Team:  a b \n").unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-team"], "a b");
        assert!(headers["authorization"].is_sensitive());
        for (text, said) in [
            ("secret", "line 1 has no `:`"),
            ("ok: 1\nse cret: x", "line 2 is no header"),
            ("x: secret\u{1}", "line 1 is no header"),
            ("Host: secret", "line 1 sets `host`"),
            ("Range: secret", "line 1 sets `range`"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_operator_of_a_registry_learns_whom_to_write_to() {
        assert!(user_agent(None).ends_with(" (mirror)"));
        assert!(user_agent(Some("ops@example.org")).ends_with(" (mirror; +ops@example.org)"));
    }
}
