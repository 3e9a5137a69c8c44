//! The routing tables: labels, the start of a subject, and one step of the walk for each axis.
//!
//! A step is taken only when the walk stands at a node of its axis. A node is written as the place of its row on the next
//! axis that it depends on, so a walk skips all axes between.

use super::treatment::literal;
use super::versions;
use crate::answers::route::model::{Axis, Node, Profile, Routes, Rows, Start};
use crate::answers::route::request::is_published;
use crate::answers::route::walk::{ANY, PRE, capabilities_label, capability_word};
use crate::hosts::shared::labels::{AXES, MODES, NumberAxis, published_modes, subjects};
use crate::hosts::shared::patterns::is_plain_path;
use crate::hosts::shared::templates::{self, Template};
use anyhow::Result;
use minijinja::{Value, context};
use std::collections::{BTreeMap, BTreeSet};

/// The template of one step of the walk.
const STEP: Template = ("step.caddy", include_str!("../../../templates/caddy/step.caddy"));
/// To skip a bucket costs about as much as to compare this many rows.
const BUCKET_COST: usize = 20;
/// A letter for each axis, in the order of the walk.
const LETTERS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
/// The text of a node without a row, which tables made by this crate never have: no file has this name.
const NOWHERE: &str = "nowhere";

/// Where the row of each node lies.
pub(super) struct Places<'a> {
    /// By axis: nodes by bucket.
    buckets: Vec<Vec<Vec<u32>>>,
    /// By axis and node.
    names: Vec<BTreeMap<u32, String>>,
    /// The rows of each axis.
    rows: Vec<Option<&'a Rows>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(routes: &'a Routes) -> Self {
        let mut places = Self { buckets: Vec::new(), names: Vec::new(), rows: Vec::new() };
        for (axis, letter) in Axis::ALL.iter().zip(LETTERS) {
            let rows = routes.rows.get(axis);
            let nodes: BTreeSet<u32> =
                rows.into_iter().flat_map(|rows| rows.exact.keys().chain(rows.default.keys())).copied().collect();
            let nodes: Vec<u32> = nodes.into_iter().collect();
            let size = (nodes.len() * BUCKET_COST).isqrt().max(BUCKET_COST);
            let buckets: Vec<Vec<u32>> = nodes.chunks(size).map(<[u32]>::to_vec).collect();
            let mut names = BTreeMap::new();
            for (number, bucket) in buckets.iter().enumerate() {
                names.extend(bucket.iter().enumerate().map(|(row, node)| (*node, format!("{letter}{number}.{row}"))));
            }
            places.buckets.push(buckets);
            places.names.push(names);
            places.rows.push(rows);
        }
        places
    }

    /// The text of a node from which the walk goes on with axis `from`.
    fn value<'b>(&'b self, node: &'b Node, from: usize) -> &'b str {
        match node {
            Node::Step(number) => {
                let name = self.names.iter().skip(from).find_map(|names| names.get(number));
                name.map_or(NOWHERE, String::as_str)
            }
            Node::Answer(path) if is_plain_path(path) => path,
            Node::Empty => "[]",
            // A path that a rewrite would decode again is refused rather than answered wrongly.
            Node::Answer(_) | Node::Refused => "!",
        }
    }

    /// The row of a node: a value for each class, then that of all others.
    fn row(&self, at: usize, node: u32) -> String {
        let rows = self.rows[at];
        let classes = rows.and_then(|rows| rows.exact.get(&node)).into_iter().flatten();
        let choices = classes.map(|(class, next)| (class_in_maps(class), self.value(next, at + 1)));
        let stay = Node::Step(node);
        let default = rows.and_then(|rows| rows.default.get(&node)).unwrap_or(&stay);
        marked_row(&LETTERS[at].to_string(), choices, self.value(default, at + 1))
    }
}

/// A class as maps give it: a lone dash would mean that they give nothing.
fn class_in_maps(class: &str) -> &str {
    if class == "-" { "--" } else { class }
}

/// A row as one text: for each name a variable and a value, then the value of all other names behind a `*`. The variable
/// of the name in hand holds the mark `=`, all others are empty.
fn marked_row<'a>(variables: &str, choices: impl Iterator<Item = (&'a str, &'a str)>, default: &str) -> String {
    let mut row = String::new();
    for (name, value) in choices {
        row.extend(["{http.vars.epr_", variables, ".", name, "}", value, ","]);
    }
    row + "*" + default + ","
}

/// Where the walk of each subject begins, and its profiles, by mode.
pub(super) fn start_values(routes: &Routes, places: &Places<'_>) -> Value {
    let published: Vec<_> = published_modes(routes).collect();
    let modes = MODES.map(|mode| {
        let starts = subjects(routes).filter(|(own, _, _)| *own == mode);
        let row = |(_, subject, start): (&str, &str, &Start)| {
            context! { subject, node => places.value(&start.node, 0), kibana => start.kibana, spec => start.spec }
        };
        let is_unpublished = |subject: &&str| !is_published(routes, &format!("{mode}/{subject}"));
        let unpublished = ["list", "categories", "categories-templates"].into_iter().filter(is_unpublished);
        context! {
            name => mode,
            id => mode.replace('-', "_"),
            rows => starts.map(row).collect::<Vec<_>>(),
            unpublished => unpublished.collect::<Vec<_>>(),
            other => if published.contains(&mode) { "[]" } else { "!" },
        }
    });
    context! { modes => modes.to_vec() }
}

/// Adds the steps of the walk. They are many megabytes: each axis goes when it is written.
pub(super) fn add_steps(routes: &Routes, places: &Places<'_>, out: &mut String) -> Result<()> {
    for at in 0..AXES.len() {
        if !places.buckets[at].is_empty() {
            out.push_str(&templates::render("Caddy", STEP, &step_values(routes, places, at))?);
        }
    }
    Ok(())
}

fn step_values(routes: &Routes, places: &Places<'_>, at: usize) -> Value {
    let (axis, name) = AXES[at];
    let letter = LETTERS[at];
    let bucket = |(number, nodes): (usize, &Vec<u32>)| {
        let row = |node: &u32| (places.names[at][node].clone(), places.row(at, *node));
        context! { id => format!("{letter}{number}"), rows => nodes.iter().map(row).collect::<Vec<_>>() }
    };
    let profiles = match axis {
        Axis::Kibana => Some(("kibana", &routes.kibana_profiles)),
        Axis::SpecMin => Some(("spec", &routes.spec_min_profiles)),
        Axis::SpecMax => Some(("spec", &routes.spec_max_profiles)),
        Axis::Agent | Axis::Capabilities | Axis::Prerelease => None,
    };
    context! {
        letter => letter.to_string(),
        any => ANY,
        pre => PRE,
        numbers => NumberAxis::new(routes, axis, name).map(|axis| number_values(&axis)),
        capabilities => (axis == Axis::Capabilities).then(|| capability_values(&routes.capabilities)),
        profiles => profiles.map(|(kind, profiles)| {
            context! { kind, rows => profiles.iter().map(|profile| profile_row(letter, profile)).collect::<Vec<_>>() }
        }),
        buckets => places.buckets[at].iter().enumerate().map(bucket).collect::<Vec<_>>(),
    }
}

/// From the label in hand to the subject's class.
fn profile_row(letter: char, profile: &Profile) -> String {
    let choices = profile.exact.iter().map(|(label, class)| (label.as_str(), class.as_str()));
    marked_row(&format!("{letter}l"), choices, &profile.default)
}

/// The label of an axis of numbers.
fn number_values(axis: &NumberAxis<'_>) -> Value {
    let rows = versions::rows(axis);
    context! { id => axis.name, rows, above => (axis.label)(axis.bounds.len(), false) }
}

/// The label of the capabilities: one map for each known one, and one for their sum.
fn capability_values(known: &[String]) -> Value {
    let words: Vec<_> = known.iter().map(|capability| format!("-{}", capability_word(capability))).collect();
    let pairs = known.iter().zip(&words);
    let none = capabilities_label(&[], known.len());
    context! {
        known => pairs.map(|(known, word)| context! { pattern => literal(known), word }).collect::<Vec<_>>(),
        sum => (0..known.len()).map(|at| format!("{{epr_capability_{at}}}")).collect::<String>(),
        all => words.concat(),
        none => class_in_maps(&none),
    }
}
