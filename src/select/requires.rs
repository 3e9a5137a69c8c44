//! What versions require of other packages.

use anyhow::Result;

/// What a version requires of other packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {}

impl Requires {
    /// Reads the element of a listing.
    ///
    /// # Errors
    /// When the element does not have the form.
    pub fn of_item(_item: &serde_json::Value) -> Result<Self> {
        Ok(Self::default())
    }
}
