//! How large a package may be before it is refused.
//!
//! A package comes from outside and may be built to exhaust memory or disk. Every bound here is far above what real
//! packages need (a few thousand files, some ten megabytes) and is checked before or while content is read. Knows
//! nothing of folders or zips.

use serde::Deserialize;

/// The bounds of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one unpacked file.
    pub max_file_bytes: u64,
    /// Bytes of all unpacked files together, and of a zip itself.
    pub max_package_bytes: u64,
    /// Files and folders together.
    pub max_entries: usize,
    /// How many times larger than the zip its unpacked files may be together. Deflate reaches 1032.
    pub max_zip_ratio: u64,
    /// Bytes of a path below the package's root.
    pub max_path_bytes: usize,
    /// Components of a path below the package's root.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 512 << 20,
            max_package_bytes: 2 << 30,
            max_entries: 100_000,
            max_zip_ratio: 200,
            max_path_bytes: 1024,
            max_depth: 32,
        }
    }
}
