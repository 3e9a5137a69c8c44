//! The number of everything that is written and read again.

/// Changes whenever the same input gives other output: it is part of every generation's name and of every key of the cache.
pub const FORMAT: u64 = 6;
