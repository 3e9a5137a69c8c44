//! Options of an image, and the places of files in it.

use std::path::PathBuf;

/// Path of the output folder in the image.
pub(super) const HOME: &str = "srv/epr";
/// Path of the program in the image.
pub(super) const PROGRAM: &str = "epr-build";
/// Id of the user that serves, who owns nothing.
pub(super) const USER: u64 = 65_532;
/// Port of the server.
pub(super) const PORT: u16 = 8080;

/// Options of an image.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// Folder the distributions were written to.
    pub out: PathBuf,
    /// Name of the distribution.
    pub distribution: String,
    /// A generation of it.
    pub generation: String,
    /// A statically linked `epr-build`.
    pub program: PathBuf,
    /// Name of the image, without tag.
    pub repository: String,
    /// Further tags besides distribution and generation.
    pub tags: Vec<String>,
}
