//! The registry's own dialects of versions, constraints and JSON.

pub mod json;
pub mod version;
