//! TLS: a certificate and its key from files, which are read again when they change. Knows nothing of HTTP.

use crate::base::fs;
use anyhow::{Context, Result, ensure};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};

static ONLY_V13: [&SupportedProtocolVersion; 1] = [&TLS13];

/// Files of the certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, then those between it and the authority, in PEM.
    pub certificate: PathBuf,
    /// The key of the first one, in PEM.
    pub key: PathBuf,
    /// Speaks no version below 1.3; otherwise none below 1.2.
    pub only_v13: bool,
}

/// Times and sizes of the two files.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate in use.
pub(super) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// State of the files that were last read, good or bad.
    stamp: Mutex<Stamp>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn open(files: &TlsFiles) -> Result<Self> {
        let stamp = stamp(files);
        let config = RwLock::new(Arc::new(read(files)?));
        Ok(Self { files: files.clone(), config, stamp: Mutex::new(stamp) })
    }

    /// Accepts connections with the certificate of this moment.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }

    /// Reads the files again and returns true if they changed. Bad ones are refused once; the old certificate
    /// stays in use.
    pub(super) fn refresh(&self) -> Result<bool> {
        let now = stamp(&self.files);
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == now {
            return Ok(false);
        }
        // Noted first: a pair of which only one file is new fails, and the change of the other is seen again.
        *known = now;
        let config = read(&self.files).context("the old certificate stays in use")?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        Ok(true)
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &TlsFiles) -> Result<ServerConfig> {
    let shown =
        |path: &Path| format!("cannot read `{}`\nhint: it must be in PEM and readable for this user", path.display());
    let chain = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.with_context(|| shown(&files.certificate))?;
    ensure!(!chain.is_empty(), "no certificate in `{}`", files.certificate.display());
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| shown(&files.key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(if files.only_v13 { &ONLY_V13 } else { ALL_VERSIONS })
        .context("cannot set up TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config
        .with_context(|| format!("the key `{}` does not fit `{}`", files.key.display(), files.certificate.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
