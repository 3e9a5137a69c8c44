//! Bounds on the size of a package, beyond which it is refused.
//!
//! A package comes from outside and may be made to exhaust memory or disk. Every bound is far above what real packages need
//! (a few thousand files, some ten megabytes) and is checked before or while content is read.

use serde::{Deserialize, Serialize};

/// Bounds on the size of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest size of an unpacked file, in bytes.
    pub max_file_bytes: u64,
    /// Largest size of all unpacked files together, and of a zip itself, in bytes.
    pub max_package_bytes: u64,
    /// Largest number of files and folders together.
    pub max_entries: usize,
    /// Largest ratio of all unpacked files to their zip. Deflate can reach 1032.
    pub max_zip_ratio: u64,
    /// Longest path below the package's root, in bytes.
    pub max_path_bytes: usize,
    /// Largest number of components in a path below the package's root.
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
