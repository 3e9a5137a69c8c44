//! Where a symbolic link inside a package leads.
//!
//! The reference follows links anywhere and publishes what it finds. A link that leaves its package would publish files
//! of the machine, so it is refused (contract, "Symlinks inside a directory package" and "Where a static site
//! differs"). Knows nothing of zips.

use super::disk::open_folder;
use crate::base::fs::{self, io_error};
use crate::input::door::{Found, look};
use rustix::fs::Dir;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The end of a link, all links on the way followed.
#[derive(Debug)]
pub(super) enum LinkEnd {
    /// Something inside the package, and its path below the root.
    Inside(PathBuf, Found),
    /// Outside of the package.
    Outside,
    /// Nothing is there.
    Dangling,
    /// The link leads to itself, or to a folder that contains it.
    Loop,
}

/// Follows the link at `path` below the package's folder `root`, which is open as `handle`.
pub(super) fn resolve(root: &Path, handle: BorrowedFd<'_>, path: &str) -> io::Result<LinkEnd> {
    let canonical = match fs::canonical(&root.join(path)).map_err(io_error) {
        Ok(canonical) => canonical,
        Err(error) => {
            return match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(LinkEnd::Dangling),
                Some(rustix::io::Errno::LOOP) => Ok(LinkEnd::Loop),
                _ => Err(error),
            };
        }
    };
    let Ok(inside) = canonical.strip_prefix(fs::canonical(root).map_err(io_error)?) else {
        return Ok(LinkEnd::Outside);
    };
    if Path::new(path).starts_with(inside) {
        return Ok(LinkEnd::Loop);
    }
    // The path was right a moment ago; walking it from the open root without links proves that it still is.
    let found = look_beneath(handle, inside)?;
    Ok(LinkEnd::Inside(inside.to_owned(), found))
}

/// Looks at a path below an open folder, refusing links on the way.
fn look_beneath(root: BorrowedFd<'_>, path: &Path) -> io::Result<Found> {
    let mut folder: Option<Dir> = None;
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else { break };
        let parent = match &folder {
            Some(folder) => folder.fd()?,
            None => root.as_fd(),
        };
        if components.peek().is_none() {
            return look(parent, name.as_bytes());
        }
        folder = Some(open_folder(parent, name.as_bytes())?);
    }
    Err(io::Error::other("the target of a link has no path inside the package"))
}
