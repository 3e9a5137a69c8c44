//! Limits on what a text may cost.

use crate::error::{Result, YamlError};

/// Limits on what a text may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest size in bytes.
    pub bytes: usize,
    /// Largest number of levels below the root, including those made by dots in keys. Reading needs stack in proportion.
    pub depth: usize,
    /// Largest number of values, counted after aliases are replaced by copies. Dotted keys may add as many again. A copied
    /// string counts one more for each 64 bytes.
    pub nodes: usize,
}

impl Default for Limits {
    /// 8 MiB, 100 levels, a million values.
    fn default() -> Self {
        Limits { bytes: 8 << 20, depth: 100, nodes: 1_000_000 }
    }
}

/// Number of values that may still be made.
pub(crate) struct Budget(usize);

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Budget(limits.nodes)
    }

    /// Takes an amount, or fails with a message.
    pub(crate) fn spend(&mut self, line: u32, amount: usize, message: impl FnOnce() -> String) -> Result<()> {
        self.0 = self.0.checked_sub(amount).ok_or_else(|| YamlError::limit(line, message()))?;
        Ok(())
    }
}
