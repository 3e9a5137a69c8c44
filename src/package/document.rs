//! The two documents of a package, as JSON text cut where catalog rules still decide.
//!
//! Everything else is rendered once, when the package is read: answers are then joined from ready pieces.

use super::facts::Deprecated;
use serde::{Deserialize, Serialize};

/// One element of a `/search` answer, in pieces.
///
/// The element is indented as the registry prints it inside the array (two spaces before its braces).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchItem {
    /// From `  {` to the last key before `policy_templates`, without the comma that would follow.
    pub before_templates: String,
    /// Each policy template from its `{` (six spaces before it) to its `}`, no commas.
    pub templates: Vec<String>,
    /// The keys between `policy_templates` and `deprecated`: each begins with `,\n` and has no comma after it.
    pub before_deprecated: String,
    /// The rest up to the closing `  }`, in the same form.
    pub after_deprecated: String,
}

impl SearchItem {
    /// The element with the templates for which `keep` says so, and the given deprecation.
    pub fn render(&self, out: &mut String, keep: impl Fn(usize) -> bool, deprecated: Option<&Deprecated>) {
        let _ = (out, keep, deprecated);
        unimplemented!("the package module is being written")
    }
}

/// The package document, cut where `deprecated` goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoDocument {
    /// From `{` to the last key before `deprecated`, without the comma that would follow.
    pub before_deprecated: String,
    /// The rest to the closing brace and newline; keys begin with `,\n`.
    pub after_deprecated: String,
}

impl InfoDocument {
    /// The document with the given deprecation.
    pub fn render(&self, deprecated: Option<&Deprecated>) -> String {
        let _ = deprecated;
        unimplemented!("the package module is being written")
    }
}
