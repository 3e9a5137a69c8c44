//! The answers that nodes point to: each distinct one once, at a path made from its content.
//!
//! Knows what an answer holds, not how it is rendered.

use super::diagram::{Arena, EMPTY, Link, Outcome};
use super::model::Node;
use crate::digest::Digest;
use crate::package::Facts;
use crate::search::{CategoryCount, Hit, TemplateSelection};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// What kind of question an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// The whole list.
    List,
    /// One package.
    Package,
    /// One category.
    Category,
    /// One package type.
    Type,
    /// The counts of all categories.
    Categories,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerContent {
    /// Elements of a `/search` answer, at least one.
    Items(Vec<Hit>),
    /// Elements of a `/categories` answer, at least one.
    Categories(Vec<CategoryCount>),
}

/// One file to render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Path below the document root without `.json`, as in [`Node::Answer`].
    pub path: Arc<str>,
    /// What it answers.
    pub kind: SubjectKind,
    /// What it says.
    pub content: AnswerContent,
}

/// All answers, by path.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    catalog: &'a [Facts],
    by_path: BTreeMap<Arc<str>, Answer>,
}

/// Hexadecimal digits of a content's hash in a path.
const DIGITS: usize = 12;

impl<'a> Answers<'a> {
    pub(super) fn new(catalog: &'a [Facts]) -> Self {
        Self { catalog, by_path: BTreeMap::new() }
    }

    /// The node for the end of a function; its content is kept if it is new.
    pub(super) fn node(&mut self, arena: &Arena, end: Link, kind: SubjectKind, folder: &str) -> Node {
        let content = match arena.end(end) {
            None | Some(Outcome::Refused) => return Node::Refused,
            Some(_) if end == EMPTY => return Node::Empty,
            Some(Outcome::Counts(counts)) => AnswerContent::Categories(counts.clone()),
            Some(_) => {
                // There are many answers, and they stay: nothing to spare in them.
                let mut hits = arena.all_hits(end);
                hits.shrink_to_fit();
                AnswerContent::Items(hits)
            }
        };
        let (short, long) = self.paths(&content, kind, folder);
        // Two different contents with one short path are as good as impossible; if they come, the second is spelt out.
        let free = |path: &str| self.by_path.get(path).is_none_or(|answer| answer.content == content);
        let path = if free(&short) { short } else { long };
        let path = match self.by_path.get_key_value(path.as_str()) {
            Some((path, _)) => Arc::clone(path),
            None => Arc::from(path),
        };
        self.by_path.entry(Arc::clone(&path)).or_insert_with(|| Answer { path: Arc::clone(&path), kind, content });
        Node::Answer(path)
    }

    /// All answers, in order of their paths.
    pub(super) fn into_vec(self) -> Vec<Answer> {
        self.by_path.into_values().collect()
    }

    /// The usual path of a content, and the one with its whole hash.
    fn paths(&self, content: &AnswerContent, kind: SubjectKind, folder: &str) -> (String, String) {
        let prefix = match (kind, content) {
            (SubjectKind::Package, AnswerContent::Items(hits)) => match hits.as_slice() {
                [hit] => {
                    let path = format!("/answers/{folder}/{}", self.catalog[hit.index].version);
                    return (path.clone(), path);
                }
                _ => "all-",
            },
            _ => "",
        };
        let hash = self.hash(content);
        (format!("/answers/{folder}/{prefix}{}", &hash[..DIGITS]), format!("/answers/{folder}/{prefix}{hash}"))
    }

    /// A hash of names, versions and shown templates, or of the counts. It must not depend on positions in the catalog:
    /// the same list has the same path in every build.
    fn hash(&self, content: &AnswerContent) -> String {
        let mut text = String::new();
        match content {
            AnswerContent::Items(hits) => {
                for hit in hits {
                    let facts = &self.catalog[hit.index];
                    let _ = match &hit.templates {
                        TemplateSelection::All => writeln!(text, "{}\0{}", facts.name, facts.version),
                        TemplateSelection::Only(kept) => writeln!(text, "{}\0{}\0{kept:?}", facts.name, facts.version),
                    };
                }
            }
            AnswerContent::Categories(counts) => {
                for CategoryCount { id, count } in counts {
                    let _ = writeln!(text, "{id}\0{count}");
                }
            }
        }
        Digest::of(text.as_bytes()).to_string()
    }
}
