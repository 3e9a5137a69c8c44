//! Who answers in the place of a server: something on this machine that is an upstream, such as a saved image.
//!
//! It gives what a registry of our own gives, under the same paths, so that nothing else of a run knows the difference; save
//! that it can be told beforehand what is wanted, and needs no patience.

use super::facts::Key;
use super::listing::Refused;
use crate::base::progress::Progress;
use anyhow::{Context, Result};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue};
use reqwest::{Body, Response};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// Bytes of a part of a file.
const PART: usize = 1 << 16;

/// Who answers in the place of a server.
pub(super) trait StandIn: Send + Sync {
    /// The file or folder that it is.
    fn path(&self) -> &Path;

    /// What it gives for a path without a slash at its beginning; `known` is the validator of what is there already.
    fn answer(&self, path: &str, known: Option<&str>) -> Result<Content>;

    /// True if more was read of it in this run than what shows that it is the same.
    fn was_read(&self) -> bool;

    /// What it holds and is no version that anybody could be given.
    fn refused(&self) -> Result<Vec<Refused>>;

    /// Brings zips into a folder of unfinished downloads, where they are then found to be finished.
    fn bring(&self, keys: &[Key], partial: &Path, progress: &Progress) -> Result<()>;
}

/// What is given, with its validator.
pub(super) enum Content {
    /// A text without a validator.
    Text(String),
    /// A text with one.
    Told(String, String),
    /// A file of so many bytes.
    File(File, u64, String),
    /// It is still what is there already.
    Same(String),
    /// Nothing is there.
    Absent,
}

impl Content {
    /// As status, headers and answer of a server.
    pub(super) fn given(self) -> Result<(u16, HeaderMap, Response)> {
        let (status, length, etag, body) = match self {
            Self::Text(text) => (200, text.len() as u64, None, Body::from(text)),
            Self::Told(text, etag) => (200, text.len() as u64, Some(etag), Body::from(text)),
            Self::File(file, size, etag) => (200, size, Some(etag), Body::wrap(FileBody(file))),
            Self::Same(etag) => (304, 0, Some(etag), Body::from(String::new())),
            Self::Absent => (404, 0, None, Body::from(String::new())),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(etag) = etag {
            headers.insert(ETAG, HeaderValue::from_str(&etag).context("a digest fits into a header")?);
        }
        let response = hyper::Response::builder().status(status).body(body).context("cannot answer")?;
        Ok((status, headers, Response::from(response)))
    }
}

/// A file, part by part.
struct FileBody(File);

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
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
