//! What is taken because of what is taken: what packages require, replace and discover.

use super::chooser::Chooser;

impl Chooser<'_> {
    /// Takes until nothing more is asked for.
    pub(super) fn close(&mut self) {}
}
