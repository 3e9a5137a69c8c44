//! The two documents of a package, as JSON text in pieces.
//!
//! The pieces are rendered once, when the package is read. The texts between them are decided by the catalog.

use super::facts::Deprecated;
use crate::dialect::json;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead};

/// Spaces before the braces of a search item.
pub(super) const ITEM_INDENT: usize = 2;
/// Spaces before the braces of a search item's policy template.
pub(super) const TEMPLATE_INDENT: usize = 6;
/// Spaces before the braces of the package document.
pub(super) const INFO_INDENT: usize = 0;

/// What stands before the policy templates of an element, and after them.
const TEMPLATES_BEGIN: &str = ",\n    \"policy_templates\": [\n";
const TEMPLATES_END: &str = "\n    ]";

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
            out.push_str(TEMPLATES_BEGIN);
            out.push_str(first);
            for template in kept {
                out.push_str(",\n");
                out.push_str(template);
            }
            out.push_str(TEMPLATES_END);
        }
        out.push_str(&self.before_deprecated);
        push_deprecated(out, ITEM_INDENT, deprecated);
        out.push_str(&self.after_deprecated);
    }
}

/// Leaves out of a rendered element the policy templates whose index `keep` does not accept.
///
/// Strings hold no line breaks, so lines that begin with so many spaces stand nowhere else.
pub fn keep_templates(element: &str, keep: impl Fn(usize) -> bool) -> String {
    let Some((before, rest)) = element.split_once(TEMPLATES_BEGIN) else { return element.to_owned() };
    let Some((templates, after)) = rest.split_once(TEMPLATES_END) else { return element.to_owned() };
    let brace = format!("{}{{", " ".repeat(TEMPLATE_INDENT));
    let joint = format!(",\n{brace}");
    let bodies = templates.strip_prefix(&brace).unwrap_or(templates).split(&joint).enumerate();
    let kept: Vec<_> = bodies.filter(|(index, _)| keep(*index)).map(|(_, body)| body).collect();
    let kept = match kept.is_empty() {
        true => String::new(),
        false => format!("{TEMPLATES_BEGIN}{brace}{}{TEMPLATES_END}", kept.join(&joint)),
    };
    format!("{before}{kept}{after}")
}

/// The places of the elements in the text of a `/search` answer: where each begins, and its bytes.
///
/// # Errors
/// When the text cannot be read.
pub fn element_places(mut answer: impl BufRead) -> io::Result<Vec<(u64, u64)>> {
    let brace = " ".repeat(ITEM_INDENT);
    let (begin, end) = (format!("{brace}{{\n"), format!("{brace}}}"));
    let (mut places, mut line, mut at, mut first) = (Vec::new(), Vec::new(), 0, 0);
    while answer.read_until(b'\n', &mut line)? > 0 {
        if line == begin.as_bytes() {
            first = at;
        } else if line.starts_with(end.as_bytes()) {
            places.push((first, at + end.len() as u64 - first));
        }
        at += line.len() as u64;
        line.clear();
    }
    Ok(places)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An element whose texts look like the lines that are searched for.
    fn element(templates: usize) -> SearchItem {
        let template = |number| {
            format!(
                "      {{\n        \"name\": \"t{number}\",\n        \"icons\": [\n          {{\n            \"src\": \"],\\n    ]\"\n          }}\n        ]\n      }}"
            )
        };
        SearchItem {
            before_templates: "  {\n    \"name\": \"policy_templates: [\\n  }\"".to_owned(),
            templates: (0..templates).map(template).collect(),
            before_deprecated: ",\n    \"categories\": [\n      \"web\"\n    ]".to_owned(),
            after_deprecated: "\n  }".to_owned(),
        }
    }

    fn text(item: &SearchItem, keep: impl Fn(usize) -> bool) -> String {
        let mut text = String::new();
        item.render(&mut text, keep, Some(&Deprecated { since: "1.0.0".to_owned(), ..Deprecated::default() }));
        text
    }

    #[test]
    fn cutting_a_rendered_element_is_rendering_it_cut() {
        for templates in 0..4 {
            let item = element(templates);
            let whole = text(&item, |_| true);
            for mask in 0..1_usize << templates {
                let keep = |index: usize| mask >> index & 1 == 1;
                assert_eq!(keep_templates(&whole, keep), text(&item, keep), "{templates} {mask:b}");
            }
        }
    }

    #[test]
    fn elements_are_found_in_an_answer() {
        let elements = [0, 2, 1].map(|templates| text(&element(templates), |_| true));
        let answer = format!("[\n{}\n]\n", elements.join(",\n"));
        let places = element_places(answer.as_bytes()).unwrap();
        let found: Vec<_> = places.iter().map(|(at, size)| &answer[*at as usize..(at + size) as usize]).collect();
        assert_eq!(found, elements);
        assert!(element_places(&b"[]"[..]).unwrap().is_empty());
    }
}
