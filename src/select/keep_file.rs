//! Keep files: what one Kibana has installed, as text that a reviewer can read and carry out of a closed network.
//!
//! ```text
//! # epr-build keep 1
//! # kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: yes   key: d27d666cd88e42b4
//! nginx@2.3.1                              installed registry
//! apm@9.1.3                                installed bundled optional
//! ```
//!
//! Nothing but names, versions, reasons, sources, the version of Kibana, the key that it verifies by and the time is in it. The
//! reader is strict: who prunes by a file that was cut off or edited wrongly would remove what is installed. The same
//! contents give the same bytes.

mod files;
mod reading;
#[cfg(test)]
mod tests;
mod words;
mod written;

pub use files::{EXTENSION, keep_files, read_all};
pub(super) use words::in_words;
pub use words::{Source, Why, is_name};
pub use written::{KeepFile, Kept, Pin};
