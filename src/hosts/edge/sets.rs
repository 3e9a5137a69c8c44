//! Sets of capabilities as questions for one capability after the other.
//!
//! A package asks for one capability or two, so half of all sets have its answer and half another one: a row for each set
//! says the same many times. Questions for single capabilities say it once. Knows nothing of tables.

use std::collections::HashMap;
use std::hash::Hash;

/// Where a question leads: to an end, or to another question by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step<L> {
    End(L),
    Question(usize),
}

/// Asks whether a set holds a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question<L> {
    /// Its position.
    pub(super) capability: usize,
    pub(super) without: Step<L>,
    pub(super) with: Step<L>,
}

/// A set, by position of the capability, and where it leads.
pub(super) type Row<L> = (Vec<bool>, L);

/// The questions that lead each set of `count` capabilities where its row does, and every other set to the default; those that
/// others lead to come first, and the last step is the first to be taken. `None` if it takes more than `most` questions.
pub(super) fn questions<L: Copy + Eq + Hash>(
    count: usize,
    rows: &[Row<L>],
    default: L,
    most: usize,
) -> Option<(Vec<Question<L>>, Step<L>)> {
    let mut work = Work { count, default, most, questions: Vec::new(), known: HashMap::new() };
    let step = work.step(0, &rows.iter().collect::<Vec<_>>())?;
    Some((work.questions, step))
}

struct Work<L> {
    count: usize,
    default: L,
    most: usize,
    questions: Vec<Question<L>>,
    known: HashMap<Question<L>, usize>,
}

impl<L: Copy + Eq + Hash> Work<L> {
    /// The step for those rows that agree on the capabilities before this one.
    fn step(&mut self, capability: usize, rows: &[&Row<L>]) -> Option<Step<L>> {
        let Some((_, link)) = rows.first() else { return Some(Step::End(self.default)) };
        if capability == self.count {
            return Some(Step::End(*link));
        }
        let (with, without): (Vec<_>, Vec<_>) = rows.iter().partition(|(set, _)| set[capability]);
        let without = self.step(capability + 1, &without)?;
        let with = self.step(capability + 1, &with)?;
        if with == without {
            return Some(with);
        }
        let question = Question { capability, without, with };
        if let Some(known) = self.known.get(&question) {
            return Some(Step::Question(*known));
        }
        if self.questions.len() == self.most {
            return None;
        }
        self.known.insert(question, self.questions.len());
        self.questions.push(question);
        Some(Step::Question(self.questions.len() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn follow(questions: &[Question<u8>], mut step: Step<u8>, set: &[bool]) -> u8 {
        loop {
            match step {
                Step::End(link) => return link,
                Step::Question(at) => {
                    let question = questions[at];
                    step = if set[question.capability] { question.with } else { question.without };
                }
            }
        }
    }

    fn set(mask: u32) -> Vec<bool> {
        (0..5).map(|capability| mask >> capability & 1 == 1).collect()
    }

    proptest! {
        #[test]
        fn questions_lead_where_rows_do(links in prop::collection::btree_map(0_u32..32, 0_u8..3, 0..32), default in 0_u8..3) {
            let rows: Vec<_> = links.iter().map(|(mask, link)| (set(*mask), *link)).collect();
            let (questions, first) = questions(5, &rows, default, 1_000).unwrap();
            for mask in 0..32 {
                let expected = links.get(&mask).copied().unwrap_or(default);
                prop_assert_eq!(follow(&questions, first, &set(mask)), expected);
            }
            for (at, question) in questions.iter().enumerate() {
                for step in [question.with, question.without] {
                    prop_assert!(!matches!(step, Step::Question(next) if next >= at));
                }
            }
        }
    }

    #[test]
    fn one_capability_is_one_question_and_many_are_too_many() {
        let rows: Vec<_> = (0..32).filter(|mask| mask & 4 > 0).map(|mask| (set(mask), 1)).collect();
        let (only, first) = questions(5, &rows, 0, 1).unwrap();
        assert_eq!(only, [Question { capability: 2, without: Step::End(0), with: Step::End(1) }]);
        assert_eq!(first, Step::Question(0));
        let rows: Vec<_> = (0..32).map(|mask| (set(mask), mask as u8)).collect();
        assert_eq!(questions(5, &rows, 0, 30), None);
    }
}
