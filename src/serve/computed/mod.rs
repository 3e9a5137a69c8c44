//! Answers that no table holds, computed from the facts of the generation and joined from the elements of its lists.
//!
//! The tables hold the questions that clients are known to ask; a server can answer all. An answer is made of the same
//! stored elements as those of the tables, so both have the same bytes where both exist. Nothing is read before the first
//! question of the kind, and what is remembered is bounded.

mod answer;
mod elements;
mod vocabulary;

pub(super) use answer::{Answer, Form};

use crate::answers::route::request::{self, Decision};
use crate::answers::search::question::Question;
use crate::answers::search::{self, Hit, TemplateSelection};
use crate::base::compress;
use crate::base::fs;
use crate::package::Facts;
use crate::package::document::keep_templates;
use crate::site::facts;
use answer::{Content, Piece};
use anyhow::{Context, Result, ensure};
use elements::{Elements, Packed};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::path::Path;
use std::sync::{Arc, Weak};
use vocabulary::Vocabulary;

/// Bytes of answers that are remembered: lists of numbers, and texts that are no element as it is stored.
const REMEMBERED: u64 = 8 * 1024 * 1024;
/// Answers that this is room for, as a guess.
const USUAL_ANSWERS: usize = 2_000;

/// Computes the answers of one generation.
pub(super) struct Computer {
    /// In the order of the elements.
    facts: Vec<Facts>,
    vocabulary: Vocabulary,
    elements: Elements,
    answers: Cache<Question, Arc<Answer>, Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Question, Arc<Answer>> for Weight {
    fn weight(&self, question: &Question, answer: &Arc<Answer>) -> u64 {
        // What a question holds beyond its own size are words of the catalog.
        (size_of_val(question) + answer.weight()) as u64
    }
}

impl Computer {
    /// Reads the facts in the folder of a generation, whose tables say where its elements are. `None` if it has no facts,
    /// because an earlier program made it.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub(super) fn open(folder: &Path, routes: &crate::answers::route::model::Routes) -> Result<Option<Arc<Self>>> {
        let facts: Option<Vec<Facts>> = fs::read_json_if_there(&folder.join(facts::FILE))?;
        let Some(facts) = facts else { return Ok(None) };
        let everything = request::route(routes, "GET", "/search", Some("all=true&prerelease=true"));
        let Decision::File(file) = everything else { anyhow::bail!("the tables hold no list of all versions") };
        let path = folder.join("site").join(file.path.trim_start_matches('/'));
        let elements = Elements::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        ensure!(elements.len() == facts.len(), "`{}` has other versions than {}", path.display(), facts::FILE);
        let vocabulary = Vocabulary::of(&facts);
        let answers = Cache::with_weighter(USUAL_ANSWERS, REMEMBERED, Weight);
        let computer = Arc::new(Self { facts, vocabulary, elements, answers });
        // A first list would wait for hundreds of elements to be compressed. Where no thread can be had, it does.
        let packer = Arc::downgrade(&computer);
        let _ = std::thread::Builder::new().name("pack elements".to_owned()).spawn(move || pack_all(&packer));
        Ok(Some(computer))
    }

    /// The answer to a question.
    ///
    /// # Errors
    /// When an element cannot be read.
    pub(super) fn answer(&self, question: Question) -> Result<Arc<Answer>> {
        let question = self.vocabulary.known(question);
        self.answers.get_or_insert_with(&question, || self.compute(&question).map(Arc::new))
    }

    fn compute(&self, question: &Question) -> Result<Answer> {
        let content = match question {
            Question::Search(query) => {
                let hits = query.as_ref().map(|query| search::search(&self.facts, query)).unwrap_or_default();
                if hits.is_empty() {
                    Content::text("[]".to_owned())
                } else {
                    Content::Elements(hits.into_iter().map(|hit| self.piece(hit)).collect::<Result<_>>()?)
                }
            }
            Question::Categories(query, templates) => {
                let counts = query.as_ref().map(|query| search::categories(&self.facts, query, *templates));
                Content::text(search::render_categories(&counts.unwrap_or_default()))
            }
        };
        Answer::new(content, &self.elements)
    }

    fn piece(&self, hit: Hit) -> Result<Piece> {
        Ok(match &hit.templates {
            TemplateSelection::All => Piece::Stored(hit.index),
            TemplateSelection::Only(_) => {
                let text = keep_templates(&self.elements.text(hit.index)?, |position| hit.templates.keeps(position));
                let packed = Packed::new(text.as_bytes());
                Piece::Own(text.into_boxed_str(), packed)
            }
        })
    }

    /// The elements that answers are joined from.
    pub(super) fn elements(&self) -> &Elements {
        &self.elements
    }
}

/// Compresses every element, unless the computer is gone in the meantime.
fn pack_all(computer: &Weak<Computer>) {
    for position in 0.. {
        let Some(computer) = computer.upgrade() else { return };
        // An element that cannot be read fails the question that needs it.
        if position >= computer.elements.len() || computer.elements.packed(position).is_err() {
            return;
        }
    }
}

impl Content {
    fn text(text: String) -> Self {
        let packed = compress::gzip(text.as_bytes());
        Self::Text { packed: (packed.len() < text.len()).then(|| packed.into()), plain: text.into() }
    }
}
