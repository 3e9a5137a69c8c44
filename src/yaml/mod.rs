//! YAML as the registry reads it: YAML 1.1 scalars, dotted keys expanded, typed reading by fixed conversion rules.
//!
//! Three stages (contract, section 2): [`decode`] turns text into generic values, [`tree`] splits keys on dots and merges,
//! and the readers on [`Node`] convert to the types of the manifest model. Nothing here knows what a manifest is.

pub mod decode;
pub mod tree;

pub use tree::{Node, Scalar, Value};
