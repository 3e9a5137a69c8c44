//! How the registry spells things: versions and constraints, and JSON.

pub mod json;
pub mod version;
