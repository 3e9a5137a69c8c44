//! The dialects of versions, constraints and JSON that the registry speaks, and of npm's ranges.

pub mod json;
pub mod npm;
pub mod version;
