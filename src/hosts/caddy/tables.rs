//! The routing tables: labels, the start of a subject, and one step of the walk for each axis.
//!
//! A step happens only when the walk stands at a node of its axis. What does not depend on the axis says itself where the
//! walk goes on, since each value is written as the place of the node on the next axis that it depends on.

use super::treatment::pattern;
use super::versions;
use crate::answers::route::model::{Axis, Node, Profile, Routes, Rows};
use crate::answers::route::request::is_published;
use crate::answers::route::walk::{
    ANY, LOWEST, NONE, PRE, boundary_label, capabilities_label, capability_word, spec_label,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A bucket costs about as much as this many rows, when it is passed by.
const BUCKET_COST: usize = 20;
/// A letter for each axis, in the order of the walk.
const LETTERS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
/// Where a walk ends that tables made by this crate never have: no file has this name.
const NOWHERE: &str = "nowhere";

/// Adds the tables to a configuration.
pub(super) fn render(routes: &Routes, out: &mut String) {
    let places = Places::new(routes);
    starts(routes, &places, out);
    for (at, axis) in Axis::ALL.into_iter().enumerate() {
        if !places.buckets[at].is_empty() {
            step(routes, &places, at, axis, out);
        }
    }
}

/// Where the row of each node lies.
struct Places<'a> {
    /// By axis: nodes by bucket.
    buckets: Vec<Vec<Vec<u32>>>,
    /// By axis and node.
    names: Vec<BTreeMap<u32, String>>,
    /// The rows of each axis.
    rows: Vec<Option<&'a Rows>>,
}

impl<'a> Places<'a> {
    fn new(routes: &'a Routes) -> Self {
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

    /// What is written for a node where the walk goes on with axis `from`.
    fn value<'b>(&'b self, node: &'b Node, from: usize) -> &'b str {
        match node {
            Node::Step(number) => {
                let name = self.names.iter().skip(from).find_map(|names| names.get(number));
                name.map_or(NOWHERE, String::as_str)
            }
            Node::Answer(path) if path.bytes().all(is_plain) => path,
            Node::Empty => "[]",
            // What a rewrite would decode again is refused rather than answered wrongly.
            Node::Answer(_) | Node::Refused => "!",
        }
    }

    /// The row of a node: a marked text for each class, then what is left.
    fn row(&self, at: usize, node: u32, out: &mut String) {
        let Some(rows) = self.rows[at] else { return };
        for (class, next) in rows.exact.get(&node).into_iter().flatten() {
            choice(LETTERS[at], class, self.value(next, at + 1), out);
        }
        let _ = write!(out, "*{},", self.value(rows.default.get(&node).unwrap_or(&Node::Step(node)), at + 1));
    }
}

/// A class as maps give it: a lone dash would mean that they give nothing.
fn written(class: &str) -> &str {
    if class == "-" { "--" } else { class }
}

/// One text of a row, which gets its mark when the class in hand is this one.
fn choice(letter: char, class: &str, value: &str, out: &mut String) {
    out.extend(["{http.vars.epr_", letter.encode_utf8(&mut [0; 4]), ".", written(class), "}", value, ","]);
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._+~@-".contains(&byte)
}

/// Where the walk of each subject begins, and its profiles; by mode.
fn starts(routes: &Routes, places: &Places<'_>, out: &mut String) {
    for mode in ["latest", "all", "legacy", "legacy-all"] {
        let mut rows = String::new();
        for (subject, start) in &routes.subjects {
            let Some(subject) = subject.strip_prefix(mode).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let word = subject.rsplit('/').next().unwrap_or(subject);
            // No request can name another one.
            if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
                let _ =
                    writeln!(rows, "{subject} \"{}|{}|{}\"", places.value(&start.node, 0), start.kibana, start.spec);
            }
        }
        for subject in ["list", "categories", "categories-templates"] {
            if !routes.subjects.contains_key(&format!("{mode}/{subject}")) {
                let _ = writeln!(rows, "{subject} \"!|0|0\"");
            }
        }
        let other = if is_published(routes, &format!("{mode}/")) { "[]" } else { "!" };
        let id = mode.replace('-', "_");
        let _ = write!(
            out,
            "@epr_mode_{id} vars epr_mode {mode}\nroute @epr_mode_{id} {{\n\
             map {{http.vars.epr_subject}} {{epr_start_{id}}} {{\n{rows}default \"{other}|0|0\"\n}}\n\
             vars epr_start {{epr_start_{id}}}\n}}\n"
        );
    }
    out.push_str(
        r#"map {http.vars.epr_start} {epr_start_node} {epr_start_bucket} {epr_start_kibana} {epr_start_spec} {
"~^(([^.|]*)[^|]*)\|(\d+)\|(\d+)$" "${1}" "${2}" "${3}" "${4}"
}
vars {
epr_node {epr_start_node}
epr_bucket {epr_start_bucket}
epr_profile_kibana {epr_start_kibana}
epr_profile_spec {epr_start_spec}
}
"#,
    );
}

/// One step of the walk, taken when the walk stands at a node of the axis.
fn step(routes: &Routes, places: &Places<'_>, at: usize, axis: Axis, out: &mut String) {
    let letter = LETTERS[at];
    let _ = write!(out, "@epr_{letter} vars_regexp {{http.vars.epr_bucket}} ^{letter}\nroute @epr_{letter} {{\n");
    label(routes, axis, out);
    match axis {
        Axis::Kibana => profiles(letter, &routes.kibana_profiles, "kibana", out),
        Axis::SpecMin => profiles(letter, &routes.spec_min_profiles, "spec", out),
        Axis::SpecMax => profiles(letter, &routes.spec_max_profiles, "spec", out),
        Axis::Agent | Axis::Capabilities | Axis::Prerelease => {}
    }
    let _ = writeln!(out, "vars epr_{letter}.{{http.vars.epr_class}} \"=\"");
    for (number, bucket) in places.buckets[at].iter().enumerate() {
        let id = format!("{letter}{number}");
        let _ = write!(
            out,
            "@epr_{id} vars epr_bucket {id}\nroute @epr_{id} {{\nmap {{http.vars.epr_node}} {{epr_row_{id}}} {{\n"
        );
        for node in bucket {
            let _ = write!(out, "{} \"", places.names[at][node]);
            places.row(at, *node, out);
            out.push_str("\"\n");
        }
        let _ = write!(out, "}}\nvars epr_row {{epr_row_{id}}}\n}}\n");
    }
    taken("epr_next", letter, "", out);
    let _ = write!(out, "vars {{\nepr_node {{epr_next_{letter}}}\nepr_bucket {{epr_next_{letter}_bucket}}\n}}\n}}\n");
}

/// Reads the marked value of the row in hand, and the bucket that it names.
fn taken(name: &str, letter: char, default: &str, out: &mut String) {
    let _ = write!(
        out,
        "map {{http.vars.epr_row}} {{{name}_{letter}}} {{{name}_{letter}_bucket}} {{\n\
         \"~[=*](([^,.]*)[^,]*),\" \"${{1}}\" \"${{2}}\"\ndefault \"{default}\" \"\"\n}}\n"
    );
}

/// From the label in hand to the subject's class. `of` is which profile counts; without one the label is the class.
fn profiles(letter: char, profiles: &[Profile], of: &str, out: &mut String) {
    let _ = write!(
        out,
        "vars epr_{letter}l.{{http.vars.epr_class}} \"=\"\n\
         map {{http.vars.epr_profile_{of}}} {{epr_profile_{letter}}} {{\n"
    );
    for (number, profile) in profiles.iter().enumerate() {
        let _ = write!(out, "{number} \"");
        for (label, class) in &profile.exact {
            out.extend(["{http.vars.epr_", letter.encode_utf8(&mut [0; 4]), "l.", label, "}", class, ","]);
        }
        let _ = writeln!(out, "*{},\"", profile.default);
    }
    out.push_str("default \"\"\n}\n");
    let _ = writeln!(out, "vars epr_row {{epr_profile_{letter}}}");
    taken("epr_of", letter, "{http.vars.epr_class}", out);
    let _ = writeln!(out, "vars epr_class {{epr_of_{letter}}}");
}

/// The label of the request on an axis, as `epr_class`.
fn label(routes: &Routes, axis: Axis, out: &mut String) {
    let boundary = |bounds: &[[u64; 3]], count: usize| {
        count.checked_sub(1).map_or_else(|| LOWEST.to_owned(), |last| boundary_label(bounds[last]))
    };
    let specs = &routes.specs;
    match axis {
        Axis::Kibana | Axis::Agent => {
            let (id, bounds) = match axis {
                Axis::Kibana => ("kibana", &routes.kibana_boundaries),
                _ => ("agent", &routes.agent_boundaries),
            };
            numbers(id, &parts(bounds), 3, &|count, _| boundary(bounds, count), out);
        }
        Axis::SpecMin => {
            let ceiling = |count: usize, exact: bool| {
                let below = count - usize::from(exact);
                match specs.get(below) {
                    _ if below == 0 => ANY.to_owned(),
                    Some(spec) => spec_label(*spec),
                    None => NONE.to_owned(),
                }
            };
            numbers("min", &parts(specs), 2, &ceiling, out);
        }
        Axis::SpecMax => {
            let floor = |count: usize, _: bool| match count.checked_sub(1) {
                _ if count == specs.len() => ANY.to_owned(),
                Some(last) => spec_label(specs[last]),
                None => NONE.to_owned(),
            };
            numbers("max", &parts(specs), 2, &floor, out);
        }
        Axis::Capabilities => capabilities(&routes.capabilities, out),
        Axis::Prerelease => out.push_str("vars epr_class {http.vars.epr_kind_prerelease}\n"),
    }
}

fn parts<const N: usize>(bounds: &[[u64; N]]) -> Vec<&[u64]> {
    bounds.iter().map(<[u64; N]>::as_slice).collect()
}

/// The label of an axis of numbers.
fn numbers(id: &str, bounds: &[&[u64]], parts: usize, label: versions::Label<'_>, out: &mut String) {
    let (rows, above) = versions::rows(bounds, parts, label);
    let _ = write!(
        out,
        "map {{http.vars.epr_kind_{id}}} {{epr_{id}_1}} {{epr_{id}_2}} {{\n\
         \"~^(\\d+)\\.(\\d+)\" \"${{1}}\" \"${{1}}.${{2}}\"\n}}\n"
    );
    for (at, rows) in rows.iter().enumerate() {
        let length = at + 1;
        let source =
            if length == parts { format!("{{http.vars.epr_kind_{id}}}") } else { format!("{{epr_{id}_{length}}}") };
        let _ = writeln!(out, "map {source} {{epr_floor_{id}_{length}}} {{");
        if length == parts {
            let _ = write!(out, "any {ANY}\npre {PRE}\n");
        }
        for (key, label) in rows {
            let _ = writeln!(out, "\"{key}\" \"{label}\"");
        }
        let default = if at == 0 { above.clone() } else { format!("{{epr_floor_{id}_{at}}}") };
        let _ = write!(out, "default \"{default}\"\n}}\n");
    }
    let _ = writeln!(out, "vars epr_class {{epr_floor_{id}_{parts}}}");
}

/// The label of the capabilities: one map for each known one, and one for their sum.
fn capabilities(known: &[String], out: &mut String) {
    if known.is_empty() {
        let _ = writeln!(out, "vars epr_class {ANY}");
        return;
    }
    let mut sum = String::new();
    let mut words = String::new();
    for (at, capability) in known.iter().enumerate() {
        let word = format!("-{}", capability_word(capability));
        let _ = write!(
            out,
            "map {{http.vars.epr_q_capabilities}} {{epr_capability_{at}}} {{\n\
             \"~(?:^|,|%2[Cc]){}(?:,|%2[Cc]|$)\" \"{word}\"\ndefault \"\"\n}}\n",
            pattern(capability)
        );
        let _ = write!(sum, "{{epr_capability_{at}}}");
        words.push_str(&word);
    }
    let none = capabilities_label(&[], known.len());
    let none = written(&none);
    let _ = writeln!(out, "map \"{sum}\" {{epr_capability_set}} {{\n\"\" \"{none}\"\n\"{words}\" {ANY}");
    let _ = write!(
        out,
        "default \"{sum}\"\n}}\nmap {{http.vars.epr_q_capabilities}} {{epr_label_capabilities}} {{\n\
         \"\" {ANY}\ndefault \"{{epr_capability_set}}\"\n}}\nvars epr_class {{epr_label_capabilities}}\n"
    );
}
