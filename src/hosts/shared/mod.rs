//! Code that the hosts share: options, patterns, labels, texts, templates, and the tables of exact keys.
//!
//! Every host imports this folder, and no host imports another. Knows no host.

pub(in crate::hosts) mod escape;
pub(in crate::hosts) mod includes;
pub(in crate::hosts) mod labels;
pub(in crate::hosts) mod options;
pub(in crate::hosts) mod package_files;
pub(in crate::hosts) mod patterns;
pub mod tables;
pub(in crate::hosts) mod templates;
pub(in crate::hosts) mod texts;
