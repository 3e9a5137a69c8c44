//! Whether content comes at all, or a server only keeps the connection.

use std::time::{Duration, Instant};

/// Slower than this for as long as silence is borne counts as silence. Bytes a second.
const SLOWEST: u64 = 1024;

/// Sees to it that content comes at all.
pub(super) struct Watch {
    patience: Duration,
    begin: Instant,
    bytes: u64,
}

impl Watch {
    /// Begins to watch, with so much patience.
    pub(super) fn new(patience: Duration, begin: Instant) -> Self {
        Self { patience, begin, bytes: 0 }
    }

    /// Counts bytes; true if too few came in the time that silence would be borne.
    pub(super) fn is_too_slow(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes += bytes as u64;
        let passed = now.saturating_duration_since(self.begin);
        if passed < self.patience {
            return false;
        }
        let is_slow = (self.bytes as f64) < SLOWEST as f64 * passed.as_secs_f64();
        *self = Self::new(self.patience, now);
        is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_counts_as_silence() {
        let begin = Instant::now();
        let patience = Duration::from_secs(60);
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut watch = Watch::new(patience, begin);
        assert!(!watch.is_too_slow(1, after(30)));
        assert!(watch.is_too_slow(1, after(60)));
        let mut watch = Watch::new(patience, begin);
        assert!(!watch.is_too_slow(61 * 1024, after(59)));
        assert!(!watch.is_too_slow(0, after(60)));
        // The next window starts anew.
        assert!(watch.is_too_slow(100, after(120)));
    }
}
