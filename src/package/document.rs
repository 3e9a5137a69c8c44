//! The two documents of a package, as JSON text in pieces.
//!
//! The pieces are rendered once, when the package is read. The texts between them are decided by the catalog.

use super::facts::Deprecated;
use crate::dialect::json;
use serde::{Deserialize, Serialize};

/// Spaces before the braces of a search item.
pub(super) const ITEM_INDENT: usize = 2;
/// Spaces before the braces of a search item's policy template.
pub(super) const TEMPLATE_INDENT: usize = 6;
/// Spaces before the braces of the package document.
pub(super) const INFO_INDENT: usize = 0;

/// One element of a `/search` answer, in pieces.
///
/// The element is indented as the registry prints it inside the array (two spaces before its braces).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchItem {
    /// From `  {` to the last key before `policy_templates`, without the comma that would follow.
    pub before_templates: String,
    /// Each policy template from the six spaces before its `{` to its `}`, no commas.
    pub templates: Vec<String>,
    /// The keys between `policy_templates` and `deprecated`: each begins with `,\n` and has no comma after it.
    pub before_deprecated: String,
    /// The rest up to the closing `  }`, in the same form.
    pub after_deprecated: String,
}

impl SearchItem {
    /// Frees spare capacity, since the elements of all packages stay in memory.
    pub fn shrink_to_fit(&mut self) {
        self.before_templates.shrink_to_fit();
        self.templates.iter_mut().for_each(String::shrink_to_fit);
        self.templates.shrink_to_fit();
        self.before_deprecated.shrink_to_fit();
        self.after_deprecated.shrink_to_fit();
    }

    /// Bytes of the element with all its templates, without deprecation and joints.
    pub fn bytes(&self) -> usize {
        let templates: usize = self.templates.iter().map(String::len).sum();
        self.before_templates.len() + templates + self.before_deprecated.len() + self.after_deprecated.len()
    }

    /// Writes the element with the given deprecation and the templates whose index `keep` accepts.
    pub fn render(&self, out: &mut String, keep: impl Fn(usize) -> bool, deprecated: Option<&Deprecated>) {
        out.push_str(&self.before_templates);
        let mut kept = self.templates.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, text)| text);
        if let Some(first) = kept.next() {
            out.push_str(",\n    \"policy_templates\": [\n");
            out.push_str(first);
            for template in kept {
                out.push_str(",\n");
                out.push_str(template);
            }
            out.push_str("\n    ]");
        }
        out.push_str(&self.before_deprecated);
        push_deprecated(out, ITEM_INDENT, deprecated);
        out.push_str(&self.after_deprecated);
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
        let mut out = String::with_capacity(self.before_deprecated.len() + self.after_deprecated.len());
        out.push_str(&self.before_deprecated);
        push_deprecated(&mut out, INFO_INDENT, deprecated);
        out.push_str(&self.after_deprecated);
        out
    }
}

fn push_deprecated(out: &mut String, indent: usize, deprecated: Option<&Deprecated>) {
    json::more_members(out, indent, |object| {
        object.object_if_some("deprecated", deprecated, Deprecated::write_members);
    });
}
