//! Options of a run.

use std::time::Duration;

/// Options of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of requests at a time.
    pub jobs: usize,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Ignore the state: list what is there and verify it.
    pub relist: bool,
    /// Time for which folders stay that the generation in use does not need; for ever when absent.
    pub prune_after: Option<Duration>,
    /// The time, in seconds since 1970.
    pub now: u64,
}
