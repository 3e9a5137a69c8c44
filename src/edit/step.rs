//! The change of one version, decided but not yet made.

use super::journal::LayerChange;
use super::layer_view::FoundPackage;
use super::slot::Slot;

/// A change of one version.
pub(super) struct Step {
    pub(super) change: LayerChange,
    /// The package, where it is now.
    pub(super) found: FoundPackage,
    /// The place it goes to.
    pub(super) to: Option<Slot>,
    /// True if another content lies there, which is replaced.
    pub(super) replaces: bool,
    /// True if it lies there already.
    pub(super) is_up: bool,
    /// The place it is removed from.
    pub(super) from: Option<Slot>,
}
