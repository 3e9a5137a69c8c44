//! A diagram as short texts: values of a key-value table.
//!
//! A value is pieces between bars: the links of the modes (empty in the further values of a subject), then nodes. A node is
//! its axis and fields between spaces. A link is `*piece`, `*value.piece`, `-` (the empty list), `!` (refused), `?` (broken)
//! or an answer: below the folder of its subject, or a whole path. Nodes are written after those they lead to, so the
//! number of a value is known when something points to it, and a walk mostly stays in one value.

use super::diagram::{Diagram, Link, Node};
use crate::answers::route::model::Axis;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most bytes of a value: what CloudFront's store takes.
pub(super) const LONGEST: usize = 1024;

/// The key of the value in which a walk begins is the subject; further ones have a colon and their number behind it.
pub(super) fn write(diagram: &Diagram<'_>, key: &str, table: &mut BTreeMap<String, String>) {
    let folder = format!("/answers/{}/", key.strip_suffix("-templates").unwrap_or(key));
    let mut writer = Writer { folder, places: Vec::new(), full: Vec::new(), open: String::new(), pieces: 0 };
    for node in &diagram.nodes {
        let place = writer.place(node.clone());
        writer.places.push(place);
    }
    let starts = |writer: &Writer| {
        let link = |start: &Option<Link<'_>>| start.map_or(".".to_owned(), |link| writer.link(link));
        diagram.starts.iter().map(link).collect::<Vec<_>>().join(" ")
    };
    let mut first = starts(&writer);
    if first.len() + writer.open.len() > LONGEST {
        writer.close();
        first = starts(&writer);
    }
    table.insert(key.to_owned(), first + &writer.open);
    table.extend(writer.full.into_iter().enumerate().map(|(number, value)| (format!("{key}:{number}"), value)));
}

struct Writer {
    /// Answers below it are written by the rest of their path.
    folder: String,
    /// By number of a node: value and piece.
    places: Vec<(usize, usize)>,
    /// Values that are full.
    full: Vec<String>,
    /// The value that is being filled, without its first piece, and its pieces.
    open: String,
    pieces: usize,
}

/// A node whose links are written as far as they do not depend on where it lies.
enum Destination<'a> {
    Diagram(Link<'a>),
    Place(usize, usize),
}

impl Writer {
    fn close(&mut self) {
        self.full.push(std::mem::take(&mut self.open));
        self.pieces = 0;
    }

    fn place(&mut self, node: Node<'_>) -> (usize, usize) {
        let Node { axis, heads, rows } = node;
        let heads = heads.into_iter().map(Destination::Diagram).collect();
        let rows = rows.into_iter().map(|(label, link)| (label, Destination::Diagram(link))).collect();
        self.place_fields(axis, heads, rows)
    }

    /// Writes a node into the open value, or a new one. One that no value can hold becomes several, each of which asks the
    /// same and knows part of the answers.
    fn place_fields(
        &mut self,
        axis: Axis,
        heads: Vec<Destination<'_>>,
        mut rows: Vec<(&str, Destination<'_>)>,
    ) -> (usize, usize) {
        let mut text = self.fields(axis, &heads, &rows);
        if self.open.len() + text.len() > LONGEST && !self.open.is_empty() {
            self.close();
            text = self.fields(axis, &heads, &rows);
        }
        if text.len() > LONGEST && rows.len() > 1 {
            let mut rest = rows.split_off(rows.len() / 2);
            let place = if axis == Axis::Capabilities {
                self.place_fields(axis, heads, rest)
            } else {
                // From the first of these bounds on. What stands before its link is not asked a second time.
                let (bound, link) = rest.remove(0);
                let mut others: Vec<_> = heads.iter().skip(1).map(|_| Destination::Diagram(Link::Empty)).collect();
                others.push(link);
                let place = self.place_fields(axis, others, rest);
                rows.push((bound, Destination::Place(place.0, place.1)));
                return self.place_fields(axis, heads, rows);
            };
            return self.place_fields(axis, vec![Destination::Place(place.0, place.1)], rows);
        }
        self.open.push_str(&text);
        self.pieces += 1;
        (self.full.len(), self.pieces)
    }

    fn fields(&self, axis: Axis, heads: &[Destination<'_>], rows: &[(&str, Destination<'_>)]) -> String {
        let mut text = match axis {
            Axis::Kibana => "|k",
            Axis::Agent => "|a",
            Axis::SpecMin => "|m",
            Axis::SpecMax => "|x",
            Axis::Capabilities => "|c",
            Axis::Prerelease => "|p",
        }
        .to_owned();
        for head in heads {
            text.push(' ');
            text.push_str(&self.target(head));
        }
        for (label, link) in rows {
            let label = if axis == Axis::Capabilities { label } else { label.trim_end_matches(".0") };
            let _ = write!(text, " {label} {}", self.target(link));
        }
        text
    }

    fn target(&self, target: &Destination<'_>) -> String {
        match target {
            Destination::Diagram(link) => self.link(*link),
            Destination::Place(value, piece) => self.reference((*value, *piece)),
        }
    }

    fn link(&self, link: Link<'_>) -> String {
        match link {
            Link::Empty => "-".to_owned(),
            Link::Refused => "!".to_owned(),
            Link::Broken => "?".to_owned(),
            Link::Answer(path) => self.answer(path).to_owned(),
            Link::Node(number) => self.reference(self.places[number as usize]),
        }
    }

    fn reference(&self, (value, piece): (usize, usize)) -> String {
        if value == self.full.len() { format!("*{piece}") } else { format!("*{value}.{piece}") }
    }

    fn answer<'p>(&self, path: &'p str) -> &'p str {
        // What begins otherwise could be taken for something else.
        path.strip_prefix(&self.folder)
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            .unwrap_or(path)
    }
}
