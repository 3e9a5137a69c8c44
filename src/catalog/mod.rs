//! Packages that were read and stored, and the merged versions of a distribution.

pub mod cache;
pub mod deprecation;
mod duplicates;
pub mod intake;
pub mod layers;
pub mod merge;
pub mod mixed_keys;
pub mod overlay;
mod overrides;
pub mod page_record;
pub mod record;
pub mod signatures;
