//! How to publish.

use std::time::Duration;

/// How to publish.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests at a time.
    pub jobs: usize,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Believe no state: list what is there and verify it.
    pub relist: bool,
    /// How long folders stay that the generation in use does not need; for ever when absent.
    pub prune_after: Option<Duration>,
    /// The time, in seconds since 1970.
    pub now: u64,
}
