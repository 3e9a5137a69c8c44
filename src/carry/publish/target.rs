//! Where to publish: a bucket or a folder behind one interface, and objects that only one publisher may replace.
//!
//! Credentials come from the environment that each kind of store is used with. Knows nothing of generations.

use super::object::Headers;
use crate::base::fs::{flush_all, make_folders, read};
use anyhow::{Context, Result, anyhow, bail, ensure};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Certificate, ClientConfigKey, ClientOptions, Error, GetOptions, ObjectStore, PutMode,
    PutOptions, UpdateVersion,
};
use reqwest::Url;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A place to publish to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The bucket or folder.
    pub store: Arc<dyn ObjectStore>,
    /// The folder on the disk, if it is one.
    pub folder: Option<PathBuf>,
    /// Prefix of all keys, without slashes at its ends; may be empty.
    pub prefix: String,
    /// True if objects keep headers; files of a folder do not.
    pub keeps_headers: bool,
    /// The address, for messages.
    pub shown: String,
}

/// How a place is reached, besides what the environment says.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// File with certificates, in PEM, of authorities that servers may have theirs from.
    pub authority: Option<PathBuf>,
    /// True if nothing may be written there, not even an empty folder.
    pub only_looks: bool,
}

impl Access {
    /// Options of connections that trust the authority; absent without one. What the environment says of connections, in
    /// variables with this prefix, counts too.
    fn client(&self, prefix: &str) -> Result<Option<ClientOptions>> {
        let Some(file) = &self.authority else { return Ok(None) };
        let unfit = || {
            format!(
                "`{}` holds no certificate\nhint: --ca names a file in PEM, with lines `BEGIN CERTIFICATE`",
                file.display()
            )
        };
        let certificates = Certificate::from_pem_bundle(&read(file)?).map_err(plain).with_context(unfit)?;
        ensure!(!certificates.is_empty(), unfit());
        let mut options = ClientOptions::new();
        for (name, value) in std::env::vars_os() {
            let (Some(name), Some(value)) = (name.to_str().map(str::to_ascii_lowercase), value.to_str()) else {
                continue;
            };
            let key = name.strip_prefix(prefix).and_then(|name| name.parse::<ClientConfigKey>().ok());
            options = key.into_iter().fold(options, |options, key| options.with_config(key, value));
        }
        Ok(Some(certificates.into_iter().fold(options, ClientOptions::with_root_certificate)))
    }
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
    pub fn open(address: &str, access: &Access) -> Result<Self> {
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
            "file" => return Self::folder(address, &url, shown, access),
            "s3" => {
                let builder = AmazonS3Builder::from_env().with_url(address);
                let builder = match access.client("aws_")? {
                    Some(client) => builder.with_client_options(client),
                    None => builder,
                };
                Arc::new(builder.build().map_err(plain).with_context(unreachable)?)
            }
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(address);
                let builder = match access.client("google_")? {
                    Some(client) => builder.with_client_options(client),
                    None => builder,
                };
                Arc::new(builder.build().map_err(plain).with_context(unreachable)?)
            }
            "az" => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(address);
                let builder = match access.client("azure_")? {
                    Some(client) => builder.with_client_options(client),
                    None => builder,
                };
                Arc::new(builder.build().map_err(plain).with_context(unreachable)?)
            }
            other => {
                bail!(
                    "unknown kind of target `{other}://`\nhint: --to takes addresses that begin with s3://, gs://, az:// or file:///"
                )
            }
        };
        let path = Path::from_url_path(url.path()).with_context(unreachable)?;
        Ok(Self { store, folder: None, prefix: path.to_string(), keeps_headers: true, shown })
    }

    /// The folder on this machine that an address names, if it names one.
    pub fn local_folder(address: &str) -> Option<PathBuf> {
        Url::parse(address).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
    }

    fn folder(address: &str, url: &Url, shown: String, access: &Access) -> Result<Self> {
        // The parser takes a relative path for one from the root.
        let is_absolute = address.split_once(':').is_some_and(|(_, path)| path.starts_with('/'));
        let path = url.to_file_path().ok().filter(|_| is_absolute).ok_or_else(|| {
            anyhow!(
                "`{address}` is not a folder on this machine\n\
                 hint: write `--to file:///absolute/path`, with three slashes and the whole path"
            )
        })?;
        if access.only_looks && !path.exists() {
            let store = Arc::new(InMemory::new());
            return Ok(Self { store, folder: None, prefix: String::new(), keeps_headers: false, shown });
        }
        make_folders(&path)?;
        let store = Arc::new(local(&path)?);
        Ok(Self { store, folder: Some(path), prefix: String::new(), keeps_headers: false, shown })
    }

    /// Lets the disk have everything that was sent; a store keeps what it took.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn flush(&self) -> Result<()> {
        self.folder.as_deref().map_or(Ok(()), flush_all)
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
        // What others are led by is on the disk before its name is, and then its name.
        let store: Arc<dyn ObjectStore> = match &self.folder {
            Some(folder) => Arc::new(local(folder)?.with_fsync(true)),
            None => Arc::clone(&self.store),
        };
        let put = |mode| {
            let options = PutOptions { mode, attributes: self.attributes(headers, None), ..PutOptions::default() };
            store.put_opts(&path, bytes.clone().into(), options)
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

/// A folder of this machine as a store.
fn local(path: &std::path::Path) -> Result<LocalFileSystem> {
    let store = LocalFileSystem::new_with_prefix(path).with_context(|| format!("cannot use {}", path.display()))?;
    Ok(store.with_automatic_cleanup(true))
}

/// An error of the store without the wrapping that repeats it, and with a hint.
pub(super) fn plain(error: Error) -> anyhow::Error {
    let text = error.to_string();
    let is_denied = matches!(error, Error::Unauthenticated { .. } | Error::PermissionDenied { .. });
    // Causes that the texts leave out are in the debug form.
    let hint = hint(&format!("{text} {error:?}"), is_denied).map(|hint| format!("\nhint: {hint}"));
    anyhow!("{}{}", text.trim_end(), hint.unwrap_or_default())
}

/// What to do about an error of a store, found by what it says: no store has a kind of error for these.
fn hint(said: &str, is_denied: bool) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let pick = |s3, google, azure| match () {
        () if says(&["Azure"]) => azure,
        () if says(&["GCS", "Google", "google"]) => google,
        () => s3,
    };
    if says(&["scheme is not allowed", "BadScheme"]) {
        Some(pick(
            "the endpoint begins with `http://`; set AWS_ALLOW_HTTP=true, or give it TLS",
            "the endpoint begins with `http://`; set GOOGLE_ALLOW_HTTP=true, or give it TLS",
            "the endpoint begins with `http://`; set AZURE_ALLOW_HTTP=true, or give it TLS",
        ))
    } else if says(&["invalid peer certificate", "UnknownIssuer", "InvalidCertificate"]) {
        Some("the server's certificate is not trusted; name that of its authority with --ca, or in SSL_CERT_FILE")
    } else if says(&["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]) {
        Some("make the bucket first, or correct its name in --to")
    } else if says(&["Account must be specified", "MissingAccount"]) {
        Some("set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY")
    } else if says(&["169.254.169.254", "metadata.google.internal", "MissingCredentials"]) {
        Some(pick(
            "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role",
            "there are no credentials; set GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS to a file",
            "there are no credentials; set AZURE_STORAGE_ACCOUNT_KEY, or run with an identity",
        ))
    } else if is_denied {
        Some("the credentials of the environment must allow reading, writing, listing and deleting below the prefix")
    } else if says(&["Connection refused", "ConnectionRefused", "dns error"]) {
        Some(pick(
            "nothing answers there; correct AWS_ENDPOINT_URL, or start the store",
            "nothing answers there; see whether this machine reaches the internet",
            "nothing answers there; correct AZURE_STORAGE_ACCOUNT_NAME or AZURE_STORAGE_ENDPOINT",
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        let error = Target::open(address, &Access::default()).map(|target| target.shown).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{address}: {error:#}");
    }

    #[test]
    fn addresses_that_lead_nowhere_are_refused_with_a_hint() {
        check("bucket/prefix", "hint: write `--to s3://bucket/prefix`");
        check("ftp://host/prefix", "unknown kind of target `ftp://`");
        check("s3://bucket/prefix?list-type=2", "has a query");
        check("file://host/prefix", "three slashes");
        for relative in ["file:origin", "file:./origin", "file:../origin", "FILE:origin", "file:~/origin"] {
            check(relative, "three slashes");
        }
    }

    #[test]
    fn errors_of_stores_come_with_a_remedy() {
        let generic = |store, said: &str| Error::Generic { store, source: said.to_owned().into() };
        for (error, remedy) in [
            (generic("S3", "builder error for url: URL scheme is not allowed"), "AWS_ALLOW_HTTP=true"),
            (generic("MicrosoftAzure", "URL scheme is not allowed"), "AZURE_ALLOW_HTTP=true"),
            (generic("S3", "invalid peer certificate: UnknownIssuer"), "--ca"),
            (generic("S3", "<Code>NoSuchBucket</Code>"), "make the bucket"),
            (generic("MicrosoftAzure", "Account must be specified"), "AZURE_STORAGE_ACCOUNT_NAME"),
            (generic("S3", "PUT http://169.254.169.254/latest/api/token"), "AWS_ACCESS_KEY_ID"),
            (generic("GCS", "GET http://169.254.169.254/computeMetadata"), "GOOGLE_SERVICE_ACCOUNT"),
            (generic("S3", "tcp connect error: Connection refused (os error 111)"), "AWS_ENDPOINT_URL"),
            (Error::PermissionDenied { path: "x".to_owned(), source: "no".into() }, "must allow reading"),
        ] {
            let text = format!("{:#}", plain(error));
            assert!(text.split_once("\nhint: ").is_some_and(|(_, hint)| hint.contains(remedy)), "{remedy}: {text}");
        }
        let text = plain(generic("S3", "503 SlowDown")).to_string();
        assert!(!text.contains("hint"), "{text}");
    }

    #[test]
    fn a_look_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a/b");
        let address = format!("file://{}", place.display());
        let mut access = Access { only_looks: true, ..Access::default() };
        Target::open(&address, &access).unwrap();
        assert!(!place.parent().unwrap().exists());
        access.only_looks = false;
        Target::open(&address, &access).unwrap();
        assert!(place.is_dir());
    }

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "nothing").unwrap();
        for authority in [file, folder.path().join("none.pem")] {
            let access = Access { authority: Some(authority), only_looks: true };
            let error = Target::open("s3://bucket", &access).map(|target| target.shown).unwrap_err();
            assert!(format!("{error:#}").contains(".pem"), "{error:#}");
        }
    }

    #[test]
    fn keys_go_below_the_prefix_and_back() {
        for prefix in ["", "a", "a/b c"] {
            let store = Arc::new(object_store::memory::InMemory::new());
            let target =
                Target { store, folder: None, prefix: prefix.to_owned(), keeps_headers: true, shown: String::new() };
            let path = target.path("v/x/package/a/1.0.0+b/100%.yml").unwrap();
            assert_eq!(target.key(&path), Some("v/x/package/a/1.0.0+b/100%.yml"));
        }
    }
}
