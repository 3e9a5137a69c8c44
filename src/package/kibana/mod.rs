//! What Kibana refuses to install although the registry serves it.
//!
//! Kibana reads manifests again from the zip, by its own rules: YAML of one document, keys as they are written, fields
//! that must be there. `manifests` looks at what manifests say, `files` at the rest of the package. Nothing here changes
//! a document. What the registry's rules have told of a field already is not told twice.

mod files;
mod manifests;
mod told;

pub(super) use files::check_files;
pub(super) use manifests::{of_data_stream, of_package};
pub(super) use told::of_oddity;
