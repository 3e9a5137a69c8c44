//! A place in the walk through the tables.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a walk stands or ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Node {
    /// In the middle of the walk.
    Step(u32),
    /// The end: an answer, as a path below the document root without its extension `.json`, for example
    /// `/answers/package/nginx/1.2.3`. Many rows lead to one answer, so they share its path.
    Answer(Arc<str>),
    /// The end: the empty list.
    Empty,
    /// The end: no answer was precomputed, the request is refused with 501.
    Refused,
}
