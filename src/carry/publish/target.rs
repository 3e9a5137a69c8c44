//! Where to publish: a bucket or a folder behind one interface, and objects that only one publisher may replace.
//!
//! Credentials come from the environment that each kind of store is used with. Knows nothing of generations.

use super::object::Headers;
use crate::base::fs::make_folders;
use anyhow::{Context, Result, anyhow, bail};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, GetOptions, ObjectStore, PutMode, PutOptions, UpdateVersion};
use reqwest::Url;
use std::fmt;
use std::sync::Arc;

/// A place to publish to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The bucket or folder.
    pub store: Arc<dyn ObjectStore>,
    /// Prefix of all keys, without slashes at its ends; may be empty.
    pub prefix: String,
    /// True if objects keep headers; files of a folder do not.
    pub keeps_headers: bool,
    /// The address, for messages.
    pub shown: String,
}

/// An object as it was when it was read, or its absence.
#[derive(Clone, Debug, Default)]
pub struct StoredObject {
    content: Option<(Vec<u8>, UpdateVersion)>,
}

impl StoredObject {
    /// The bytes, if the object exists.
    pub fn bytes(&self) -> Option<&[u8]> {
        Some(&self.content.as_ref()?.0)
    }

    /// Returns true if the object exists with these bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.bytes() == Some(bytes)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Target {
    /// Understands `s3://bucket/prefix`, `gs://…`, `az://container/prefix` and `file:///folder`.
    ///
    /// # Errors
    /// When the address has no such form, or the environment does not say how to reach it.
    pub fn open(address: &str) -> Result<Self> {
        let url = Url::parse(address).map_err(|error| {
            anyhow!("`{address}` is not an address: {error}\nhint: write `--to s3://bucket/prefix`")
        })?;
        if url.query().is_some() || url.fragment().is_some() {
            bail!("`{address}` has a query or fragment\nhint: write `--to s3://bucket/prefix`");
        }
        // Only the first call counts, and all of them ask for the same.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let unreachable = || format!("cannot use `{address}`");
        let shown = address.trim_end_matches('/').to_owned();
        let store: Arc<dyn ObjectStore> = match url.scheme() {
            "file" => return Self::folder(&url, shown),
            "s3" => Arc::new(
                AmazonS3Builder::from_env().with_url(address).build().map_err(plain).with_context(unreachable)?,
            ),
            "gs" => Arc::new(
                GoogleCloudStorageBuilder::from_env()
                    .with_url(address)
                    .build()
                    .map_err(plain)
                    .with_context(unreachable)?,
            ),
            "az" => Arc::new(
                MicrosoftAzureBuilder::from_env().with_url(address).build().map_err(plain).with_context(unreachable)?,
            ),
            other => {
                bail!(
                    "unknown kind of target `{other}://`\nhint: --to takes addresses that begin with s3://, gs://, az:// or file:///"
                )
            }
        };
        let path = Path::from_url_path(url.path()).with_context(unreachable)?;
        Ok(Self { store, prefix: path.to_string(), keeps_headers: true, shown })
    }

    fn folder(url: &Url, shown: String) -> Result<Self> {
        let path = url.to_file_path().map_err(|()| {
            anyhow!(
                "`{url}` is not a folder on this machine\nhint: write `--to file:///absolute/path`, with three slashes"
            )
        })?;
        make_folders(&path)?;
        let store =
            LocalFileSystem::new_with_prefix(&path).with_context(|| format!("cannot use {}", path.display()))?;
        let store = Arc::new(store.with_automatic_cleanup(true));
        Ok(Self { store, prefix: String::new(), keeps_headers: false, shown })
    }

    /// The place of a key below the prefix.
    ///
    /// # Errors
    /// When no object can have this key.
    pub fn path(&self, key: &str) -> Result<Path> {
        let full = if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        Path::parse(&full).with_context(|| format!("no object can be called `{full}`"))
    }

    /// The key below the prefix of an object that is there.
    pub fn key<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let path = path.as_ref();
        if self.prefix.is_empty() { Some(path) } else { path.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }

    /// The headers of an object, as the store takes them.
    pub fn attributes(&self, headers: &Headers, sha256: Option<&str>) -> Attributes {
        let mut attributes = Attributes::new();
        if self.keeps_headers {
            attributes.insert(Attribute::ContentType, headers.media_type.clone().into());
            attributes.insert(Attribute::CacheControl, headers.cache.into());
            if headers.is_gzip {
                attributes.insert(Attribute::ContentEncoding, "gzip".into());
            }
            if let Some(sha256) = sha256 {
                attributes.insert(Attribute::Metadata("sha256".into()), sha256.to_owned().into());
            }
        }
        attributes
    }

    /// Reads a small object.
    ///
    /// # Errors
    /// When the store fails. An object that does not exist is no failure.
    pub async fn get(&self, key: &str) -> Result<StoredObject> {
        let failed = || format!("cannot read {key} of `{self}`");
        let found = match self.store.get_opts(&self.path(key)?, GetOptions::default()).await {
            Err(Error::NotFound { .. }) => return Ok(StoredObject::default()),
            found => found.map_err(plain).with_context(failed)?,
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(plain).with_context(failed)?;
        Ok(StoredObject { content: Some((bytes.to_vec(), version)) })
    }

    /// Replaces an object if it is still as it was when it was read.
    ///
    /// # Errors
    /// When the store fails, or when somebody else has replaced it.
    pub async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        headers: &Headers,
        held: &StoredObject,
    ) -> Result<StoredObject> {
        let path = self.path(key)?;
        let put = |mode| {
            let options = PutOptions { mode, attributes: self.attributes(headers, None), ..PutOptions::default() };
            self.store.put_opts(&path, bytes.clone().into(), options)
        };
        let mode = match &held.content {
            None => PutMode::Create,
            Some((_, version)) => PutMode::Update(version.clone()),
        };
        let written = match put(mode).await {
            // No such condition in this store: then at least a look.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                let now = self.get(key).await?;
                if now.bytes() != held.bytes() {
                    return Err(self.overtaken(key));
                }
                put(PutMode::Overwrite).await
            }
            Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {
                // An answer that was lost on its way makes the second try meet the first.
                let now = self.get(key).await?;
                return if now.is(&bytes) { Ok(now) } else { Err(self.overtaken(key)) };
            }
            written => written,
        };
        let written = written.map_err(plain).with_context(|| format!("cannot write {key} to `{self}`"))?;
        let version = UpdateVersion { e_tag: written.e_tag, version: written.version };
        Ok(StoredObject { content: Some((bytes, version)) })
    }

    fn overtaken(&self, key: &str) -> anyhow::Error {
        anyhow!(
            "somebody else publishes to `{self}`: {key} changed meanwhile\nhint: readers have a whole generation; let the \
             other one finish, then publish again"
        )
    }
}

/// An error of the store without the wrapping that repeats it, and with a hint.
pub(super) fn plain(error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            "\nhint: the credentials of the environment must allow reading, writing, listing and deleting below the prefix"
        }
        _ => "",
    };
    anyhow!("{}{hint}", error.to_string().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        let error = Target::open(address).map(|target| target.shown).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{address}: {error:#}");
    }

    #[test]
    fn addresses_that_lead_nowhere_are_refused_with_a_hint() {
        check("bucket/prefix", "hint: write `--to s3://bucket/prefix`");
        check("ftp://host/prefix", "unknown kind of target `ftp://`");
        check("s3://bucket/prefix?list-type=2", "has a query");
        check("file://host/prefix", "three slashes");
    }

    #[test]
    fn keys_go_below_the_prefix_and_back() {
        for prefix in ["", "a", "a/b c"] {
            let store = Arc::new(object_store::memory::InMemory::new());
            let target = Target { store, prefix: prefix.to_owned(), keeps_headers: true, shown: String::new() };
            let path = target.path("v/x/package/a/1.0.0+b/100%.yml").unwrap();
            assert_eq!(target.key(&path), Some("v/x/package/a/1.0.0+b/100%.yml"));
        }
    }
}
