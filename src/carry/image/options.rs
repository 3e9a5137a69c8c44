//! What to make an image of, and where things lie in it.

use std::path::PathBuf;

/// Where the image keeps the output folder.
pub(super) const HOME: &str = "srv/epr";
/// Where it keeps the program.
pub(super) const PROGRAM: &str = "epr-build";
/// The user that serves: nobody's.
pub(super) const USER: u64 = 65_532;
/// The port that it serves on.
pub(super) const PORT: u16 = 8080;

/// What to make an image of.
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
