//! A Kibana that is asked over the network, as upstreams are: with the same patience, proxies and authorities, and with its
//! credentials for no other server.

use super::import::{Kibana, Reply};
use crate::base::fs;
use crate::config::upstream::{Retries, Upstream};
use crate::mirror::{Fault, Gates, Transport, parse_headers};
use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::path::Path;
use std::time::Duration;

/// Bytes of the longest answer: the list of all packages of the public registry has ten megabytes.
const MOST_BYTES: usize = 128 << 20;
/// Bytes of the largest file with a key.
const MOST_KEY_BYTES: u64 = 64 << 10;
/// The version of the API, which newer Kibanas want to be told.
const API_VERSION: &str = "2023-10-31";

/// The way to a Kibana.
pub struct Client {
    transport: Transport,
    runtime: tokio::runtime::Runtime,
}

/// Where a Kibana is, and how it is reached.
#[derive(Clone, Debug)]
pub struct Address<'a> {
    /// Its address, with the path below which it lies.
    pub url: &'a str,
    /// File with an API key.
    pub key: &'a Path,
    /// File with certificates of authorities that count beside those of the system.
    pub ca: Option<&'a Path>,
    /// Address of a proxy, in place of that of the environment.
    pub proxy: Option<&'a str>,
}

impl Client {
    /// Prepares the way; asks nothing.
    ///
    /// # Errors
    /// When the address, the key or the certificates are unfit.
    pub fn new(address: &Address<'_>) -> Result<Self> {
        let url = checked(address.url)?;
        // A Kibana is near, and somebody waits.
        let retries = Retries {
            tries: 4,
            first: Duration::from_millis(300),
            most: Duration::from_secs(5),
            longest_wait: Duration::from_secs(60),
            ..Retries::default()
        };
        let upstream = Upstream {
            ca: address.ca.map(Path::to_owned),
            proxy: address.proxy.map(str::to_owned),
            jobs: 1,
            rate: None,
            retries,
            ..Upstream::at(&url)
        };
        let transport = Transport::with("kibana", &upstream, headers(address.key)?, &Gates::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { transport, runtime: runtime.context("cannot start the requests")? })
    }
}

impl Kibana for Client {
    fn ask(&mut self, path: &str) -> Result<Reply> {
        let answer = self.runtime.block_on(async {
            let url = self.transport.address(path)?;
            self.transport.small(&url, true, MOST_BYTES).await
        });
        match answer {
            Ok(bytes) => {
                let hint = "hint: is it Kibana that answers there, and not a page for people to log in?";
                let value = serde_json::from_slice(&bytes);
                Ok(Reply::Answer(value.with_context(|| format!("the answer to {path} is no JSON\n{hint}"))?))
            }
            Err(Fault::Status(status)) => Ok(Reply::Refused(status)),
            Err(Fault::Machine(error)) => Err(error),
            Err(Fault::Unfit(why)) => {
                // What is to be done about it there is of upstreams.
                let what = why.lines().next().unwrap_or_default();
                let hint = "hint: --kibana is the address at which Kibana itself answers";
                Err(anyhow!("Kibana cannot be asked for {path}: {what}\n{hint}"))
            }
            Err(fault) => Ok(Reply::Unreachable(fault.words())),
        }
    }
}

/// The address, if it is one that can be asked.
fn checked(text: &str) -> Result<String> {
    let hint = "hint: write it as https://kibana.example.org:5601, with the path before `/app` if there is one";
    let url = Url::parse(text).with_context(|| format!("`{text}` is no address\n{hint}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        bail!("`{text}` is not asked by HTTP\n{hint}");
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!(
            "the address of Kibana names a user\nhint: put `Authorization: Basic …` into the file of --api-key-file instead"
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!("`{text}` has more than a path\n{hint}");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The headers of every request. The file has an API key, as Kibana shows it or as Elasticsearch answered when it was made;
/// or headers, one a line.
fn headers(file: &Path) -> Result<HeaderMap> {
    let too_long = || format!("{} is too long for a key", file.display());
    let bytes = fs::read_at_most(file, MOST_KEY_BYTES)?.with_context(too_long)?;
    let hint = "hint: put the key in it that Kibana shows once, encoded, when it makes one; or headers, one a line";
    // No message quotes the content.
    let unfit = || format!("{} holds no API key\n{hint}", file.display());
    let text = String::from_utf8(bytes).ok().with_context(unfit)?;
    let text = text.trim();
    let mut headers = match text {
        text if text.starts_with('{') => one(&of_answer(text).with_context(unfit)?).with_context(unfit)?,
        text if text.contains(": ") => {
            parse_headers(text).with_context(|| format!("cannot understand {}", file.display()))?
        }
        text if text.split_once(':').is_some() => one(&STANDARD.encode(text)).with_context(unfit)?,
        text => one(text).with_context(unfit)?,
    };
    for (name, value) in [("kbn-xsrf", "epr-build"), ("elastic-api-version", API_VERSION)] {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    Ok(headers)
}

/// The header for an encoded key.
fn one(encoded: &str) -> Option<HeaderMap> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    if encoded.is_empty() || !encoded.bytes().all(is_fit) {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("ApiKey {encoded}")).ok()?;
    value.set_sensitive(true);
    Some([(AUTHORIZATION, value)].into_iter().collect())
}

/// The encoded key in what Elasticsearch answers when it makes one.
fn of_answer(text: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let of = |key: &str| answer.get(key)?.as_str().map(str::to_owned);
    of("encoded").or_else(|| Some(STANDARD.encode(format!("{}:{}", of("id")?, of("api_key")?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_form_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let expected = "ApiKey aWQ6c2VjcmV0";
        for (text, authorization) in [
            ("aWQ6c2VjcmV0\n", expected),
            ("id:secret", expected),
            ("{\"id\":\"id\",\"api_key\":\"secret\"}", expected),
            ("{\"id\":\"id\",\"name\":\"x\",\"encoded\":\"aWQ6c2VjcmV0\"}", expected),
            ("# of the proxy\nX-Token: t\nAuthorization: Basic abc\n", "Basic abc"),
        ] {
            std::fs::write(&file, text).unwrap();
            let headers = headers(&file).unwrap();
            assert_eq!(headers["authorization"], authorization, "{text}");
            assert_eq!(
                (&headers["kbn-xsrf"], &headers["elastic-api-version"]),
                (&HeaderValue::from_static("epr-build"), &HeaderValue::from_static(API_VERSION))
            );
            assert!(headers["authorization"].is_sensitive());
        }
        for text in ["", "two secrets", "{\"secret\":1}", "secr\u{e9}t", "se: cret\u{1}"] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", headers(&file).unwrap_err());
            assert!(error.contains("hint: ") && !error.contains("secret") && !error.contains("cret\u{1}"), "{error}");
        }
    }

    #[test]
    fn addresses_name_a_server_and_a_path() {
        assert_eq!(checked("https://kb.example.org:5601/base/").unwrap(), "https://kb.example.org:5601/base");
        for text in ["kb.example.org", "ftp://kb", "https://u:p@kb", "https://kb/?a=b", "https://kb/#x", "kb:5601"] {
            assert!(checked(text).unwrap_err().to_string().contains("hint: "), "{text}");
        }
    }
}
