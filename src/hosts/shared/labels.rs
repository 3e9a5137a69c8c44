//! Labels of the four axes whose parameters are numbers, and the keys of subjects, as every host writes them.

use crate::answers::route::model::{Axis, Routes, Start};
use crate::answers::route::request::is_published;
use crate::answers::route::spelling::in_word;
use crate::answers::route::walk::{spec_ceiling, spec_floor, version_floor};
use std::ops::Range;

/// The axes, in the order of the walk, and their names in configurations.
pub(in crate::hosts) const AXES: [(Axis, &str); 6] = [
    (Axis::Kibana, "kibana"),
    (Axis::Agent, "agent"),
    (Axis::SpecMin, "min"),
    (Axis::SpecMax, "max"),
    (Axis::Capabilities, "capabilities"),
    (Axis::Prerelease, "prerelease"),
];

/// The modes: the first parts of the keys of subjects.
pub(in crate::hosts) const MODES: [&str; 4] = ["latest", "all", "legacy", "legacy-all"];

/// The modes that have subjects: a subject that is not listed in one of them is the empty list.
pub(in crate::hosts) fn published_modes(routes: &Routes) -> impl Iterator<Item = &'static str> {
    MODES.into_iter().filter(|mode| is_published(routes, &format!("{mode}/")))
}

/// The subjects that a request can name: mode, the rest of the key, and the start.
pub(in crate::hosts) fn subjects(routes: &Routes) -> impl Iterator<Item = (&str, &str, &Start)> {
    let subjects = routes.subjects.iter().filter_map(|(key, start)| {
        let (mode, subject) = key.split_once('/')?;
        Some((mode, subject, start))
    });
    subjects.filter(|(_, subject, _)| word(subject).bytes().all(in_word))
}

/// The last part of a subject's key: the name, category or type.
pub(in crate::hosts) fn word(subject: &str) -> &str {
    subject.rsplit('/').next().unwrap_or(subject)
}

/// An axis whose parameter is a version: the label of a request depends on how its numbers compare with sorted bounds.
pub(in crate::hosts) struct NumberAxis<'a> {
    /// `kibana`, `agent`, `min` or `max`.
    pub(in crate::hosts) name: &'static str,
    /// How many numbers a version has.
    pub(in crate::hosts) length: usize,
    /// Sorted, each of `length` numbers.
    pub(in crate::hosts) bounds: Vec<&'a [u64]>,
    /// The label, given how many bounds are at or below the request's version, and whether the last of them is equal.
    pub(in crate::hosts) label: Box<dyn Fn(usize, bool) -> String + 'a>,
}

/// A number of some bounds at one place.
pub(in crate::hosts) struct Listed {
    /// The number.
    pub(in crate::hosts) number: u64,
    /// The bounds that have it.
    pub(in crate::hosts) bounds: Range<usize>,
    /// The numbers before it that no bound has.
    pub(in crate::hosts) unlisted: Range<u64>,
}

impl<'a> NumberAxis<'a> {
    /// The axes of numbers, in the order of the walk.
    pub(in crate::hosts) fn all(routes: &'a Routes) -> impl Iterator<Item = Self> {
        AXES.into_iter().filter_map(|(axis, name)| Self::new(routes, axis, name))
    }

    /// One axis; `None` if its parameter is no version.
    pub(in crate::hosts) fn new(routes: &'a Routes, axis: Axis, name: &'static str) -> Option<Self> {
        match axis {
            Axis::Kibana => Some(Self::of_versions(name, &routes.kibana_boundaries)),
            Axis::Agent => Some(Self::of_versions(name, &routes.agent_boundaries)),
            Axis::SpecMin => {
                let specs = &routes.specs;
                let label = |count: usize, is_equal| spec_ceiling(specs, count - usize::from(is_equal));
                Some(Self { name, length: 2, bounds: slices(specs), label: Box::new(label) })
            }
            Axis::SpecMax => {
                let specs = &routes.specs;
                let label = |count, _| spec_floor(specs, count);
                Some(Self { name, length: 2, bounds: slices(specs), label: Box::new(label) })
            }
            Axis::Capabilities | Axis::Prerelease => None,
        }
    }

    fn of_versions(name: &'static str, boundaries: &'a [[u64; 3]]) -> Self {
        let label = |count, _| version_floor(boundaries, count);
        Self { name, length: 3, bounds: slices(boundaries), label: Box::new(label) }
    }

    /// The distinct numbers at `depth` of some bounds, which agree in the numbers before.
    pub(in crate::hosts) fn listed(&self, bounds: Range<usize>, depth: usize) -> Vec<Listed> {
        let (mut first, mut free) = (bounds.start, 0);
        let mut listed = Vec::new();
        while first < bounds.end {
            let number = self.bounds[first][depth];
            let end = first + self.bounds[first..bounds.end].partition_point(|bound| bound[depth] == number);
            listed.push(Listed { number, bounds: first..end, unlisted: free..number });
            (first, free) = (end, number.saturating_add(1));
        }
        listed
    }
}

fn slices<const N: usize>(bounds: &[[u64; N]]) -> Vec<&[u64]> {
    bounds.iter().map(<[u64; N]>::as_slice).collect()
}
