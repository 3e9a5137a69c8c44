//! Configurations for the web servers that host a generation, all made from the same routing tables.
//!
//! Each host is a pure function from the tables to files. Knows nothing of packages or disks.

pub mod nginx;
pub mod notes;

/// The content of `/favicon.ico`.
pub const FAVICON: &[u8] = include_bytes!("../../assets/favicon.ico");
