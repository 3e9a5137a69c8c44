//! Objects, folders of objects, and their sizes.

use crate::base::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::AddAssign;
use std::path::PathBuf;

/// Headers of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Content-Type.
    pub media_type: String,
    /// True for `Content-Encoding: gzip`.
    pub is_gzip: bool,
    /// Cache-Control.
    pub cache: &'static str,
}

impl Headers {
    /// Headers of an object that every run replaces.
    pub fn internal(media_type: &str) -> Self {
        Self { media_type: media_type.to_owned(), is_gzip: false, cache: "no-cache" }
    }
}

/// Source of the bytes of an object.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, which may be large.
    File(PathBuf),
    /// Bytes in memory.
    Bytes(Vec<u8>),
}

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Key in the folder: the path in the document root, without a leading slash.
    pub key: String,
    /// The content.
    pub source: Source,
    /// Bytes.
    pub size: u64,
    /// Digest of the content.
    pub sha256: Digest,
    /// Headers.
    pub headers: Headers,
}

/// Objects that belong together, sorted by key.
#[derive(Clone, Debug)]
pub struct Folder {
    /// `v/<digest>` or `g/<generation>`.
    pub name: String,
    /// Objects, sorted by key.
    pub objects: Vec<Object>,
}

impl Folder {
    /// Number and size of the objects.
    pub fn amount(&self) -> Amount {
        self.objects.iter().map(|object| Amount { objects: 1, bytes: object.size }).sum()
    }
}

/// Number and size of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Number of objects.
    pub objects: u64,
    /// Bytes of all objects together.
    pub bytes: u64,
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Self) {
        self.objects += more.objects;
        self.bytes += more.bytes;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}

/// Objects by key below the prefix, with their sizes in bytes.
pub type Sizes = BTreeMap<String, u64>;

/// The folder that a key lies in, if it is one of ours.
pub(super) fn folder_of(key: &str) -> Option<&str> {
    let name = key.strip_prefix("v/").or_else(|| key.strip_prefix("g/"))?;
    let length = name.find('/')?;
    Some(&key[..2 + length])
}
