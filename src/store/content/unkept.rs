//! Archives of folder packages where no store keeps them: made as a build makes them, read once, and gone.

use super::{Contents, Kept, StoreError};
use crate::base::fs::TemporaryFolder;
use crate::input::source::OpenPackage;
use crate::store::Store;
use anyhow::Context;
use std::io::{self, Read};

/// Makes the archive of a folder package with the root folder `root` (`<name>-<version>`) and streams it into a function.
pub fn with_made_archive<T>(
    files: &OpenPackage,
    root: &str,
    use_archive: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, StoreError> {
    let folder = TemporaryFolder::new()?;
    let store = Store::open(folder.path())?;
    let archive = Contents::new(Some(&store)).store_folder(files, Kept::new(), root)?.archive;
    let mut stream = store.open_blob(&archive.digest)?;
    Ok(use_archive(&mut stream).context("cannot read an archive that was just made")?)
}
