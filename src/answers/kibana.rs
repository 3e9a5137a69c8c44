//! The lines of `kibana.yml` that lead a Kibana to a registry, and what changes between versions of it.
//!
//! Kibana does not start with a key that it does not know, so each line says since when it may stand there. Sources are
//! the pull requests named beside the versions. Knows nothing of what a registry holds.

use anyhow::{Result, ensure};
use std::fmt::Write;

/// A version of Kibana, as far as settings depend on it.
pub type KibanaVersion = [u64; 3];

/// A registry of one's own without a licence for it (elastic/kibana#113858).
const REGISTRY_URL: KibanaVersion = [7, 16, 0];
/// Signatures are verified (elastic/kibana#137239).
const VERIFICATION: KibanaVersion = [8, 4, 0];
/// The key for air gaps (elastic/kibana#174214).
const AIR_GAP: KibanaVersion = [8, 13, 0];

/// How a Kibana is to reach a registry.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// Base address of the registry.
    pub url: String,
    /// The Kibana; all from 7.16 on when absent.
    pub kibana: Option<KibanaVersion>,
    /// Where Kibana's machine has the certificate of the authority that signed the registry's.
    pub authority: Option<String>,
    /// Where Kibana's machine has the public key that packages are signed with, if it is not Elastic's.
    pub key: Option<String>,
    /// True if Kibana can reach the internet.
    pub has_internet: bool,
}

/// Writes the lines, a fragment of YAML in which everything else is a comment.
///
/// # Errors
/// When Kibana could not use the address, or is too old.
pub fn lines(wiring: &Wiring) -> Result<String> {
    let url = checked_address(&wiring.url)?;
    if let Some(version) = wiring.kibana {
        ensure!(
            version >= REGISTRY_URL,
            "Kibana {} needs a paid licence to use your own registry\nhint: kibana-config supports Kibana 7.16 and later",
            version_text(version)
        );
    }
    let mut out = match wiring.kibana {
        Some(version) => format!("# kibana.yml of Kibana {}\n", version_text(version)),
        None => "# kibana.yml, for Kibana 7.16 to 9.x\n".to_owned(),
    };
    setting(&mut out, "xpack.fleet.registryUrl", &quoted(url));
    if !wiring.has_internet {
        let why = "Stops requests to the internet; with registryUrl the registry is used all the same.";
        setting_since(&mut out, wiring, AIR_GAP, why, "xpack.fleet.isAirGapped", "true");
    }
    if let Some(key) = &wiring.key {
        let why = "Kibana reads one key only: packages signed by Elastic then count as wrongly signed.";
        setting_since(&mut out, wiring, VERIFICATION, why, "xpack.fleet.packageVerification.gpgKeyPath", &quoted(key));
    }
    if let Some(authority) = &wiring.authority {
        // Writing to a text cannot fail.
        let _ = write!(
            out,
            "\n# Not a setting but a variable of Kibana's environment (/etc/default/kibana, a drop-in of systemd, \
             the container):\n# NODE_EXTRA_CA_CERTS={authority}\n"
        );
    } else if url.starts_with("https:") {
        out.push_str(
            "\n# If the certificate comes from an authority of your own, name its file with --ca: Kibana has no setting \
             for it.\n",
        );
    }
    Ok(out)
}

/// Writes a setting that exists since Kibana `first`.
fn setting_since(out: &mut String, wiring: &Wiring, first: KibanaVersion, why: &str, key: &str, value: &str) {
    let first_shown = format!("{}.{}", first[0], first[1]);
    match wiring.kibana {
        Some(version) if version < first => {
            let _ = write!(out, "\n# {key} exists since Kibana {first_shown}; this one would not start with it.\n");
        }
        Some(_) => {
            let _ = write!(out, "\n# {why}\n");
            setting(out, key, value);
        }
        None => {
            let _ = write!(out, "\n# Since Kibana {first_shown}; earlier ones do not start with it.\n# {why}\n");
            setting(out, key, value);
        }
    }
}

fn setting(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key}: {value}");
}

/// Checks what Kibana does not check: it appends paths to the address as it stands.
fn checked_address(url: &str) -> Result<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    ensure!(
        rest.is_some(),
        "`{url}` is not the address of a registry\nhint: write an address that begins with http:// or https://"
    );
    let rest = rest.unwrap_or_default().trim_end_matches('/');
    let host = rest.split('/').next().unwrap_or_default();
    ensure!(!host.is_empty(), "`{url}` has no host name");
    ensure!(
        !host.contains('@'),
        "`{url}` contains a user name\nhint: leave it out; Kibana sends no credentials to a registry"
    );
    let is_plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '<' | '>');
    ensure!(
        !url.contains(['?', '#']) && url.chars().all(is_plain),
        "`{url}` contains more than a host, port and path\nhint: leave out the rest; Kibana appends `/search?...` to the address"
    );
    // Appending to a slash at the end would make two.
    Ok(url.trim_end_matches('/'))
}

/// Text as a double-quoted scalar: the escapes of JSON are those of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The version as it is written.
pub fn version_text([major, minor, patch]: KibanaVersion) -> String {
    format!("{major}.{minor}.{patch}")
}

/// Reads `8.13.0`; patch and minor may be left out.
pub fn version(text: &str) -> Result<KibanaVersion, String> {
    let mut version = [0; 3];
    let parts: Vec<_> = text.split('.').collect();
    if parts.len() > version.len() {
        return Err("more than three numbers".to_owned());
    }
    for (number, part) in version.iter_mut().zip(&parts) {
        *number = part.parse().map_err(|_| format!("`{part}` is not a number"))?;
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn wiring() -> Wiring {
        Wiring {
            url: "https://epr.example.org/staging/".to_owned(),
            key: Some("/etc/kibana/our key.asc".to_owned()),
            authority: Some("/etc/kibana/ca.pem".to_owned()),
            ..Wiring::default()
        }
    }

    #[test]
    fn every_kibana_gets_all_lines_with_their_beginnings() {
        assert_data_eq!(
            lines(&wiring()).unwrap(),
            str![[r#"
# kibana.yml, for Kibana 7.16 to 9.x
xpack.fleet.registryUrl: "https://epr.example.org/staging"

# Since Kibana 8.13; earlier ones do not start with it.
# Stops requests to the internet; with registryUrl the registry is used all the same.
xpack.fleet.isAirGapped: true

# Since Kibana 8.4; earlier ones do not start with it.
# Kibana reads one key only: packages signed by Elastic then count as wrongly signed.
xpack.fleet.packageVerification.gpgKeyPath: "/etc/kibana/our key.asc"

# Not a setting but a variable of Kibana's environment (/etc/default/kibana, a drop-in of systemd, the container):
# NODE_EXTRA_CA_CERTS=/etc/kibana/ca.pem

"#]]
        );
    }

    // Settings by version; every other line is a comment, so the whole is YAML.
    #[test]
    fn a_kibana_gets_only_what_it_knows() {
        let url = "xpack.fleet.registryUrl";
        let (gap, key) = ("xpack.fleet.isAirGapped", "xpack.fleet.packageVerification.gpgKeyPath");
        for (kibana, expected) in [
            ("7.16", vec![url]),
            ("8.3.99", vec![url]),
            ("8.4.0", vec![url, key]),
            ("8.12.2", vec![url, key]),
            ("8.13", vec![url, gap, key]),
            ("9.5.4", vec![url, gap, key]),
        ] {
            let text = lines(&Wiring { kibana: Some(version(kibana).unwrap()), ..wiring() }).unwrap();
            let found: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            let keys: Vec<_> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
            assert_eq!(keys, expected, "{kibana}");
        }
        let connected = lines(&Wiring { has_internet: true, ..wiring() }).unwrap();
        assert!(!connected.contains(gap), "{connected}");
    }

    #[test]
    fn addresses_that_kibana_cannot_use_are_refused() {
        for (url, said) in [
            ("epr.example.org", "is not the address"),
            ("ftp://epr.example.org", "is not the address"),
            ("https://", "has no host name"),
            ("https:///search", "has no host name"),
            ("https://me:secret@epr.example.org", "contains a user name"),
            ("https://epr.example.org/?a=b", "more than a host, port and path"),
            ("https://epr.example.org/#a", "more than a host, port and path"),
            ("https://epr.example.org/a\nb", "more than a host, port and path"),
        ] {
            let error = lines(&Wiring { url: url.to_owned(), ..Wiring::default() }).unwrap_err().to_string();
            assert!(error.contains(said), "{url}: {error}");
        }
        let old = Wiring { kibana: Some([7, 15, 2]), ..wiring() };
        assert!(lines(&old).unwrap_err().to_string().contains("licence"));
        assert!(version("8.x").is_err() && version("8.1.2.3").is_err() && version("").is_err());
    }
}
