//! What distributions hold, how that changed, and what may change.

pub mod diff;
pub mod holdings;
pub mod loss;
pub mod package_history;
pub mod policy;
