//! The answers of an image, in the form that a registry of our own gives them.

use super::super::facts::Key;
use super::super::fault::Fault;
use super::super::index::INDEX;
use super::super::transport::Ask;
use super::catalogue::{Catalogue, Lying};
use super::{Saved, bring};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::fs::TemporaryFolder;
use crate::dialect::version::Version;
use anyhow::{Context, Result};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue};
use reqwest::{Body, Response, Url};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waker, Poll};

/// Bytes of a part of a zip.
const PART: usize = 1 << 16;

/// Status, headers and content.
pub(in crate::mirror) type Given = (u16, HeaderMap, Response);

/// The content of an answer, and its validator.
enum Content {
    Text(String),
    Told(String, String),
    File(File, u64, String),
    Same(String),
    Absent,
}

impl Saved {
    /// Answers as a registry would.
    ///
    /// # Errors
    /// When the image is damaged, or this machine fails.
    pub(in crate::mirror) async fn answer(self: Arc<Self>, url: &Url, ask: &Ask<'_>) -> Result<Given, Fault> {
        let path = url.path().trim_start_matches('/').to_owned();
        let known = ask.unless.and_then(|validators| validators.etag.clone());
        let found = tokio::task::spawn_blocking(move || {
            let found = self.find(&path, known.as_deref());
            found.with_context(|| format!("cannot read the image {}", self.path.display()))
        });
        Ok(given(found.await.context("an image was not read")??)?)
    }

    fn find(&self, path: &str, known: Option<&str>) -> Result<Content> {
        // Of an image that is known as it is, not even what lies in it is looked at.
        let etag = quoted(&self.etag);
        if path == INDEX && known == Some(&etag) {
            return Ok(Content::Same(etag));
        }
        if path.is_empty() {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let root = json!({ "service.name": format!("container image {name}"), "service.version": self.id.short(12) });
            return Ok(Content::Text(root.to_string()));
        }
        let catalogue = self.catalogue()?;
        if path == INDEX {
            return Ok(Content::Told(index(&catalogue), etag));
        }
        if path == "search" {
            return Ok(Content::Text(listing(&catalogue)));
        }
        if let Some(id) = path.strip_prefix("package/") {
            let lying = id.trim_end_matches('/').split_once('/').and_then(|(name, version)| {
                let key = (name.to_owned(), Version::strict(version).ok()?);
                catalogue.versions.get_key_value(&key)
            });
            return Ok(lying.map_or(Content::Absent, |(key, lying)| Content::Text(document(key, lying))));
        }
        let is_signature = path.ends_with(".sig");
        let Some((key, lying)) = named(&catalogue, path.trim_end_matches(".sig")) else { return Ok(Content::Absent) };
        if is_signature {
            return Ok(lying.signature.clone().map_or(Content::Absent, Content::Text));
        }
        let etag = quoted(&lying.sha256);
        if known == Some(&etag) {
            return Ok(Content::Same(etag));
        }
        let folder = TemporaryFolder::new()?;
        let place = folder.path().join("zip");
        bring::one(self, key, lying, &place)?;
        Ok(Content::File(fs::open(&place)?, lying.size, etag))
    }
}

pub(super) fn quoted(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// The version with a zip of this path.
fn named<'a>(catalogue: &'a Catalogue, path: &str) -> Option<(&'a Key, &'a Lying)> {
    let (name, file) = path.strip_prefix("epr/")?.split_once('/')?;
    let version = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".zip")?;
    catalogue.versions.get_key_value(&(name.to_owned(), Version::strict(version).ok()?))
}

/// `index/packages.json`, as our sites publish it.
pub(super) fn index(catalogue: &Catalogue) -> String {
    let elements = catalogue.versions.iter().map(|((name, version), lying)| {
        let mut element =
            json!({ "name": name, "version": version.as_str(), "size": lying.size, "sha256": lying.sha256 });
        if let Some(text) = &lying.signature {
            element["signature"] = json!({ "size": text.len(), "sha256": Digest::of(text.as_bytes()) });
        }
        element.to_string()
    });
    let elements: Vec<_> = elements.collect();
    format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[\n{}\n]}}\n", elements.join(",\n"))
}

/// The listing, each element with what no listing of a registry tells.
pub(super) fn listing(catalogue: &Catalogue) -> String {
    let mut text = "[".to_owned();
    for (position, ((name, version), lying)) in catalogue.versions.iter().enumerate() {
        let path = format!("/epr/{name}/{name}-{version}.zip");
        let mut element = json!({ "name": name, "version": version.as_str(), "download": path });
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                element[key] = value.into();
            }
        };
        add("signature_path", lying.signature.as_ref().map(|_| format!("{path}.sig")));
        add("format_version", lying.format_version.clone());
        add("license", lying.license.clone());
        let element = element.to_string();
        let item = lying.item.trim_start_matches('{').trim_end();
        let joint = if item == "}" { "" } else { "," };
        text += if position == 0 { "\n" } else { ",\n" };
        text += &format!("{}{joint}{item}", element.trim_end_matches('}'));
    }
    text + "\n]\n"
}

pub(super) fn document((name, version): &Key, lying: &Lying) -> String {
    let format_version = lying.format_version.as_deref().unwrap_or_default();
    let license = lying.license.as_deref().unwrap_or_default();
    json!({ "name": name, "version": version.as_str(), "format_version": format_version, "license": license }).to_string()
}

fn given(content: Content) -> Result<Given> {
    let (status, length, etag, body) = match content {
        Content::Text(text) => (200, text.len() as u64, None, Body::from(text)),
        Content::Told(text, etag) => (200, text.len() as u64, Some(etag), Body::from(text)),
        Content::File(file, size, etag) => (200, size, Some(etag), Body::wrap(FileBody(file))),
        Content::Same(etag) => (304, 0, Some(etag), Body::from(String::new())),
        Content::Absent => return Ok((404, HeaderMap::new(), response(404, Body::from(String::new()))?)),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(etag) = etag {
        headers.insert(ETAG, HeaderValue::from_str(&etag).context("a digest fits into a header")?);
    }
    Ok((status, headers, response(status, body)?))
}

fn response(status: u16, body: Body) -> Result<Response> {
    let response = hyper::Response::builder().status(status).body(body).context("cannot answer")?;
    Ok(Response::from(response))
}

/// A file, part by part.
struct FileBody(File);

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Waker<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut part = vec![0; PART];
        Poll::Ready(match self.0.read(&mut part) {
            Ok(0) => None,
            Ok(count) => {
                part.truncate(count);
                Some(Ok(Frame::data(part.into())))
            }
            Err(error) => Some(Err(error)),
        })
    }
}
