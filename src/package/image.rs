//! Icons and screenshots (contract, "Images").
//!
//! `validate` checks that the image exists.

use super::lexical;
use super::reader::Fields;
use crate::dialect::json::Object;

/// An image, as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Path in the package, with or without a leading slash; printed as written.
    pub(super) source: String,
    pub(super) title: String,
    pub(super) size: String,
    pub(super) media_type: String,
}

impl Image {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        // The registry derives the path itself; a value of the wrong kind is refused all the same.
        fields.text("path");
        Self {
            source: fields.required_text("src"),
            title: fields.text("title"),
            size: fields.text("size"),
            media_type: fields.text("type"),
        }
    }

    /// Writes the members; `base` is the address of the package, `/package/<name>/<version>`.
    pub(super) fn write(&self, object: &mut Object<'_>, base: &str) {
        object.text("src", &self.source);
        object.text("path", &lexical::join(base, &self.source).expect("a rooted base cannot be left"));
        object.text_if_set("title", &self.title);
        object.text_if_set("size", &self.size);
        object.text_if_set("type", &self.media_type);
    }
}
