//! The change of one version, decided but not yet made.

use super::journal::LayerChange;
use super::layer_view::FoundPackage;
use super::slot::Slot;

/// What is done with one version.
pub(super) struct Step {
    pub(super) change: LayerChange,
    /// The package, where it is now.
    pub(super) found: FoundPackage,
    /// Where it goes.
    pub(super) to: Option<Slot>,
    /// Whether another content lies there.
    pub(super) replaces: bool,
    /// Whether it lies there already.
    pub(super) is_up: bool,
    /// Where it is taken away.
    pub(super) from: Option<Slot>,
}
