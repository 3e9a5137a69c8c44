//! Where a redirect may lead: within the host, or to hosts that the configuration names; never away from TLS.

use crate::base::shown::printable;
use crate::config::upstream::Upstream;
use reqwest::Url;

/// Characters of an address that are shown.
const SHOWN: usize = 200;

/// Redirects that are followed for one request.
pub(super) const MOST: usize = 5;

/// The address that a redirect leads to.
///
/// # Errors
/// In words, if it may not be followed.
pub(super) fn target(upstream: &Upstream, own: &Url, from: &Url, location: &str) -> Result<Url, String> {
    let to = from.join(location).map_err(|_| {
        // What stands before `@` or after `?` may give access.
        let plain = location.split(['?', '#']).next().unwrap_or_default();
        let plain = plain.rsplit('@').next().unwrap_or_default();
        format!("a redirect leads to `{}`, which is no address", printable(plain, SHOWN))
    })?;
    let shown = printable(&public(&to), SHOWN);
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("a redirect leads to `{shown}`, which is not asked by HTTP"));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(format!("a redirect leads from https to `{shown}`, where anybody could answer"));
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(format!("a redirect to {} names a user", to.host_str().unwrap_or_default()));
    }
    let (own_host, host) = (own.host_str().unwrap_or_default(), to.host_str().unwrap_or_default());
    if !upstream.may_redirect_to(own_host, host) {
        return Err(format!(
            "a redirect leads to the host `{host}`, which the configuration does not name\n\
             hint: if it belongs to the registry, add it to `redirects` of the upstream"
        ));
    }
    Ok(to)
}

/// An address as it may be shown and recorded: a query, or a user, may be what gives access for a while.
pub(super) fn public(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // An address without a host has no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Returns true if two addresses are one server, to which the same credentials may go.
pub(super) fn is_same_server(one: &Url, other: &Url) -> bool {
    (one.scheme(), one.host_str(), one.port_or_known_default())
        == (other.scheme(), other.host_str(), other.port_or_known_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_where_they_may() {
        let upstream = Upstream { redirects: vec!["files.example".to_owned()], ..Upstream::at("https://epr.example") };
        let own = Url::parse("https://epr.example/").unwrap();
        let from = Url::parse("https://epr.example/epr/a/a-1.0.0.zip").unwrap();
        for (location, expected) in [
            ("/other", Ok("https://epr.example/other")),
            ("b.zip", Ok("https://epr.example/epr/a/b.zip")),
            ("//files.example/x", Ok("https://files.example/x")),
            ("https://files.example:8443/x?y", Ok("https://files.example:8443/x?y")),
            ("http://epr.example/x", Err("from https to")),
            ("https://evil.example/x", Err("the host `evil.example`")),
            ("https://user@epr.example/x", Err("names a user")),
            ("file:///etc/passwd", Err("not asked by HTTP")),
            ("https://[", Err("no address")),
            ("http://epr.example/x?token=secret", Err("to `http://epr.example/x`, where")),
            ("file:///etc/passwd?token=secret#secret", Err("to `file:///etc/passwd`, which")),
            ("https://evil.example/x?token=secret", Err("the host `evil.example`")),
            ("https://secret:secret@evil.example/x", Err("names a user")),
            ("http://secret@epr.example/x", Err("to `http://epr.example/x`, where")),
            ("https://secret@[?token=secret", Err("to `[`, which is no address")),
        ] {
            let found = target(&upstream, &own, &from, location);
            match expected {
                Ok(url) => assert_eq!(found.unwrap().as_str(), url),
                Err(words) => {
                    let said = found.unwrap_err();
                    assert!(said.contains(words) && !said.contains("secret"), "{location}: {said}");
                }
            }
        }
    }

    #[test]
    fn addresses_are_recorded_without_what_gives_access() {
        for (url, expected) in [
            ("https://files.example/a.zip?X-Amz-Signature=secret", "https://files.example/a.zip"),
            ("https://files.example:8443/a.zip?token#more", "https://files.example:8443/a.zip"),
            ("https://files.example/a%3Fb.zip", "https://files.example/a%3Fb.zip"),
            ("https://user:secret@files.example/a.zip", "https://files.example/a.zip"),
        ] {
            assert_eq!(public(&Url::parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn another_port_or_scheme_is_another_server() {
        let own = Url::parse("https://epr.example/x").unwrap();
        for (other, expected) in [
            ("https://epr.example:443/y", true),
            ("https://epr.example:8443/x", false),
            ("http://epr.example/x", false),
            ("https://other.example/x", false),
        ] {
            assert_eq!(is_same_server(&own, &Url::parse(other).unwrap()), expected, "{other}");
        }
    }
}
