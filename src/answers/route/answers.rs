//! The answers that nodes point to: each distinct one once, at a path made from its content.
//!
//! Knows what an answer holds, not how it is rendered.

use super::diagram::{Arena, EMPTY, Link, Outcome};
use super::interned::Interned;
use super::model::Node;
use crate::answers::search::{CategoryCount, Hit, TemplateSelection};
use crate::base::digest::Digest;
use crate::package::Facts;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// The kind of question that an answer belongs to.
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

/// The content of an answer.
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
    /// The question that it answers.
    pub kind: SubjectKind,
    /// The text: equal numbers are equal texts, see [`Answers::content`].
    pub text: Text,
}

/// The content of an answer as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Elements of a `/search` answer; below [`Answers::lists`].
    Items(u32),
    /// Elements of a `/categories` answer; below [`Answers::counts`].
    Categories(u32),
}

/// All answers. Lists are kept as sequences of parts that they share, since most have most in common.
#[derive(Debug)]
pub struct Answers {
    /// In order of their paths.
    answers: Vec<Answer>,
    /// Number of versions in the catalog: a smaller number in a part is a version with all its templates.
    versions: u32,
    /// The other hits, those that show a selection.
    selected: Vec<Hit>,
    parts: Interned<u32>,
    lists: Interned<u32>,
    counts: Vec<Vec<CategoryCount>>,
}

impl Answers {
    /// All answers, in order of their paths.
    pub fn iter(&self) -> std::slice::Iter<'_, Answer> {
        self.answers.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// How many distinct lists there are.
    pub fn lists(&self) -> u32 {
        self.lists.len()
    }

    /// How many distinct lists of counts there are.
    pub fn counts(&self) -> u32 {
        u32::try_from(self.counts.len()).expect("there are no more counts than answers")
    }

    /// How many distinct parts lists are made of.
    pub fn parts(&self) -> u32 {
        self.parts.len()
    }

    /// The parts of a list. Where one ends depends on the names and versions in it alone.
    pub fn list(&self, list: u32) -> &[u32] {
        self.lists.get(list)
    }

    /// The hits of a part.
    pub fn part(&self, part: u32) -> impl ExactSizeIterator<Item = Hit> {
        self.parts.get(part).iter().map(|&hit| match hit.checked_sub(self.versions) {
            None => Hit { index: hit as usize, templates: TemplateSelection::All },
            Some(selected) => self.selected[selected as usize].clone(),
        })
    }

    /// One list of counts.
    pub fn count(&self, counts: u32) -> &[CategoryCount] {
        &self.counts[counts as usize]
    }

    /// The content of an answer.
    pub fn content(&self, answer: &Answer) -> AnswerContent {
        match answer.text {
            Text::Items(list) => {
                AnswerContent::Items(self.list(list).iter().flat_map(|&part| self.part(part)).collect())
            }
            Text::Categories(counts) => AnswerContent::Categories(self.count(counts).to_vec()),
        }
    }
}

impl PartialEq for Answers {
    fn eq(&self, other: &Self) -> bool {
        let contents = |answers: &Self| answers.iter().map(|answer| answers.content(answer)).collect::<Vec<_>>();
        self.answers == other.answers && contents(self) == contents(other)
    }
}

/// Answers in the making.
pub(super) struct Collector<'a> {
    catalog: &'a [&'a Facts],
    /// Returns true if a part ends after a version.
    ends: Vec<bool>,
    by_path: BTreeMap<Arc<str>, (SubjectKind, Text)>,
    selected: BTreeMap<Hit, u32>,
    count_numbers: BTreeMap<Vec<CategoryCount>, u32>,
    answers: Answers,
}

/// Hexadecimal digits of a content's hash in a path.
const DIGITS: usize = 12;
/// Of so many versions one ends a part: short parts are shared by more lists, long ones compress better.
const PART: u8 = 128;

impl<'a> Collector<'a> {
    pub(super) fn new(catalog: &'a [&'a Facts]) -> Self {
        let ends = |facts: &&Facts| {
            Digest::of(format!("{}\0{}", facts.name, facts.version).as_bytes()).bytes()[0].is_multiple_of(PART)
        };
        let answers = Answers {
            answers: Vec::new(),
            versions: u32::try_from(catalog.len()).expect("four billion versions do not fit into memory"),
            selected: Vec::new(),
            parts: Interned::new(),
            lists: Interned::new(),
            counts: Vec::new(),
        };
        Self {
            catalog,
            ends: catalog.iter().map(ends).collect(),
            by_path: BTreeMap::new(),
            selected: BTreeMap::new(),
            count_numbers: BTreeMap::new(),
            answers,
        }
    }

    /// The node for the end of a function; its content is kept if it is new.
    pub(super) fn node(&mut self, arena: &Arena, end: Link, kind: SubjectKind, folder: &str) -> Node {
        let content = match arena.end(end) {
            None | Some(Outcome::Refused) => return Node::Refused,
            Some(_) if end == EMPTY => return Node::Empty,
            Some(Outcome::Counts(counts)) => AnswerContent::Categories(counts.to_vec()),
            Some(_) => AnswerContent::Items(arena.all_hits(end)),
        };
        let (short, long) = self.paths(&content, kind, folder);
        let text = match content {
            AnswerContent::Items(hits) => self.list(hits),
            AnswerContent::Categories(counts) => self.counts(counts),
        };
        // Two different contents with one short path are as good as impossible; if they come, the second is spelt out.
        let free = |path: &str| self.by_path.get(path).is_none_or(|(_, own)| *own == text);
        let path = if free(&short) { short } else { long };
        let path = match self.by_path.get_key_value(path.as_str()) {
            Some((path, _)) => Arc::clone(path),
            None => Arc::from(path),
        };
        self.by_path.entry(Arc::clone(&path)).or_insert((kind, text));
        Node::Answer(path)
    }

    /// The number of a list, which is stored if it is new.
    fn list(&mut self, hits: Vec<Hit>) -> Text {
        let (mut part, mut parts) = (Vec::new(), Vec::new());
        for hit in hits {
            let index = hit.index;
            part.push(self.hit(hit));
            if self.ends[index] {
                parts.push(self.answers.parts.position(&part));
                part.clear();
            }
        }
        if !part.is_empty() {
            parts.push(self.answers.parts.position(&part));
        }
        Text::Items(self.answers.lists.position(&parts))
    }

    /// A hit as a number.
    fn hit(&mut self, hit: Hit) -> u32 {
        if hit.templates == TemplateSelection::All {
            return hit.index as u32;
        }
        let selected = &mut self.answers.selected;
        let next = self.answers.versions + selected.len() as u32;
        *self.selected.entry(hit).or_insert_with_key(|hit| {
            selected.push(hit.clone());
            next
        })
    }

    fn counts(&mut self, counts: Vec<CategoryCount>) -> Text {
        let all = &mut self.answers.counts;
        let next = all.len() as u32;
        Text::Categories(*self.count_numbers.entry(counts).or_insert_with_key(|counts| {
            all.push(counts.clone());
            next
        }))
    }

    /// All answers, in order of their paths.
    pub(super) fn finish(self) -> Answers {
        let mut answers = self.answers;
        let made = self.by_path.into_iter().map(|(path, (kind, text))| Answer { path, kind, text });
        answers.answers = made.collect();
        answers.parts.close();
        answers.lists.close();
        answers
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
                    let facts = self.catalog[hit.index];
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
