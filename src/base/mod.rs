//! Files, digests, compression, times: the foundation of all other rooms, which imports none of them.

pub mod archive;
pub mod compress;
pub mod digest;
pub mod file_notes;
pub mod format;
pub mod fs;
pub mod headers;
pub mod media;
pub mod problem;
pub mod rule;
pub mod severity;
pub mod shown;
pub mod snippet;
pub mod progress;
pub mod suggest;
pub mod table;
pub mod time;
pub mod words;
