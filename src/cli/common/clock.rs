//! The present time, for records that no reader of a registry sees.

use std::time::UNIX_EPOCH;

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "times of logs and of publishing; nothing is built from them")]
pub(in crate::cli) fn unix_time() -> u64 {
    std::time::SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
