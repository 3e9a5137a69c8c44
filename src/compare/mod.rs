//! What distributions hold, how that changed, and what may change.

mod base_in_git;
pub mod diff;
pub mod holdings;
pub mod loss;
pub mod package_history;
pub mod policy;
