//! Where the server listens: at an address and port, or at a Unix socket.

use crate::base::fs::{self, Metadata};
use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, chmod};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// Begins the text of a socket, before its path.
pub(super) const SOCKET: &str = "unix:";
/// Who may connect: the user and the group of the server, whatever its umask.
const MODE: Mode = Mode::from_raw_mode(0o660);

/// Where connections come in.
#[derive(Debug)]
pub enum Listener {
    /// At an address and port.
    Address(TcpListener),
    /// At a Unix socket.
    Socket(Socket),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Address(listener)
    }
}

/// A Unix socket of this process, which is removed with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// The file, as the file system knows it: another server may have taken the path since.
    identity: (u64, u64),
}

impl Socket {
    /// Listens at a path. A socket that lies there is replaced if nobody answers on it.
    ///
    /// # Errors
    /// When somebody does, when something else lies there, or when there can be no socket.
    pub(super) async fn bind(path: &Path) -> Result<Self> {
        let shown = format!("{SOCKET}{}", path.display());
        if let Ok(found) = fs::link_metadata(path) {
            if !found.file_type().is_socket() {
                bail!("cannot listen on `{shown}`: something else lies there\nhint: name another path with --listen");
            }
            match UnixStream::connect(path).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Ok(_) => bail!(
                    "cannot listen on `{shown}`: another program does\nhint: stop it, or name another path with --listen"
                ),
                Err(error) => return Err(error).with_context(|| format!("cannot listen on `{shown}`")),
            }
        }
        let name = path.file_name().filter(|_| path.is_absolute()).with_context(|| {
            format!("`{shown}` is no path from the root\nhint: write `--listen unix:/run/epr-build/epr.sock`")
        })?;
        // It gets its mode before anybody can see it, and its name at once, so that there always is a socket or none.
        let hidden = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        fs::remove_file_if_there(&hidden)?;
        let listener = UnixListener::bind(&hidden).with_context(|| format!("cannot listen on `{shown}`"))?;
        let named = || -> Result<(u64, u64)> {
            chmod(&hidden, MODE).map_err(Error::from)?;
            let identity = identity(&fs::link_metadata(&hidden)?);
            fs::rename(&hidden, path)?;
            Ok(identity)
        };
        match named() {
            Ok(identity) => Ok(Self { listener, path: path.to_owned(), identity }),
            Err(error) => {
                fs::remove_file_if_there(&hidden)?;
                Err(error.context(format!("cannot listen on `{shown}`")))
            }
        }
    }

    /// The path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> std::io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::link_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            // What is left is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net;

    fn bind(path: &Path) -> Result<Socket> {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(Socket::bind(path))
    }

    #[test]
    fn a_socket_that_nobody_answers_on_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("epr.sock");
        let left = net::UnixListener::bind(&at).unwrap();
        let refused = bind(&at).unwrap_err().to_string();
        assert!(refused.contains("another program does\nhint: "), "{refused}");
        drop(left);

        let socket = bind(&at).unwrap();
        let mode = fs::link_metadata(&at).unwrap().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert_eq!(fs::list(folder.path()).unwrap().len(), 1);
        drop(socket);
        assert!(fs::list(folder.path()).unwrap().is_empty());

        fs::write_file(&at, b"of somebody").unwrap();
        let refused = bind(&at).unwrap_err().to_string();
        assert!(refused.contains("something else lies there\nhint: "), "{refused}");
        assert_eq!(fs::read(&at).unwrap(), b"of somebody");

        for path in ["relative.sock", "", "/"] {
            assert!(bind(Path::new(path)).is_err(), "{path}");
        }
        let long = folder.path().join("x".repeat(120));
        assert!(bind(&long).is_err());
        assert!(bind(&folder.path().join("nowhere/epr.sock")).is_err());
    }

    // A server that was replaced must not take the socket of its successor with it.
    #[test]
    fn only_the_own_socket_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("epr.sock");
        let socket = bind(&at).unwrap();
        fs::remove_file(&at).unwrap();
        let other = net::UnixListener::bind(&at).unwrap();
        drop(socket);
        assert!(at.exists());
        drop(other);
    }
}
