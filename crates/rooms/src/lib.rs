//! Checks that the modules of a crate depend on each other in one direction.
//!
//! The rooms of a crate are the folders that its `lib.rs` declares with `mod`, and the order of the declarations is the
//! order of the rooms: each may use those before it. Inside a room no files may use each other in a circle. What a path
//! names counts for the file that defines it, however many `use` hand it on; code for tests is left out.
//!
//! A folder whose `mod.rs` and files use each other both ways is counted separately. Where a module below the crate's
//! root is a file, the order means nothing and only circles are reported.
//!
//! Not seen are methods that another file adds to a type, paths in doc comments, and `main.rs`, which may use everything.
#![allow(clippy::disallowed_methods, reason = "a tool of its own, beside the program's functions for files")]

mod graph;
mod paths;
mod tree;

#[cfg(test)]
mod tests;

use anyhow::Result;
use graph::{Graph, circles, floors, graph, part};
use paths::{Kind, Mention};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use tree::{Crate, Definition, FileId, ModuleId};

/// The room that parses the command line; nothing else may know of it.
const COMMAND_LINE: &str = "cli";

/// What was found in a source folder.
#[derive(Debug)]
pub struct Report {
    /// Number of files, those for tests left out.
    pub files: usize,
    /// Number of files in the longest chain of uses, where a circle counts as one.
    pub file_floors: usize,
    /// Modules below the crate's root, in the order of their declaration.
    pub rooms: Vec<String>,
    /// Number of rooms in the longest chain of uses, where a circle counts as one.
    pub room_floors: usize,
    /// Circles among rooms.
    pub room_circles: Vec<Vec<String>>,
    /// Uses of a room that comes later; nothing if the order of the rooms means nothing.
    pub backward: Option<Vec<Use>>,
    /// Uses of the command line by anything else.
    pub command_line: Vec<Use>,
    /// Circles among files.
    pub circles: Vec<Circle>,
    /// Folders whose `mod.rs` and files use each other, as paths of their `mod.rs`.
    pub knotted_folders: Vec<String>,
    /// Paths of this crate that lead to nothing that was found.
    pub unresolved: Vec<String>,
}

/// A path in one file that names something in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Where it is written.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The path as it is written.
    pub name: String,
    /// The file that defines what is named.
    pub defined_in: String,
}

/// Files that use each other.
#[derive(Debug)]
pub struct Circle {
    /// Their paths.
    pub files: Vec<String>,
    /// How they use each other.
    pub uses: Vec<Use>,
}

/// Uses between two files.
type Arrows = BTreeMap<(FileId, FileId), Vec<Use>>;

/// Looks at a source folder.
///
/// # Errors
/// When a file cannot be read or parsed.
pub fn check(folder: &Path) -> Result<Report> {
    let read = Crate::read(folder)?;
    let (arrows, unresolved) = arrows(&read);
    let files = graph(0..read.files.len(), arrows.keys().copied());
    let order = &read.modules[0].children;
    let room_arrows = arrows.keys().filter_map(|(from, to)| Some((read.room(*from)?, read.room(*to)?)));
    let rooms = graph(order.iter().copied(), room_arrows);
    let name = |room: &ModuleId| read.modules[*room].name.clone();

    let found = circles(&files).into_iter().flat_map(|circle| real_circles(&read, &files, circle));
    let mut found: Vec<Circle> = found.map(|circle| describe(&read, &arrows, &circle)).collect();
    found.sort_by_key(|circle| std::cmp::Reverse(circle.files.len()));
    let knotted = (0..read.files.len()).filter(|file| is_knotted(&read, &files, *file));
    let is_ordered =
        !order.is_empty() && order.iter().all(|room| read.files[read.modules[*room].file].path.ends_with("mod.rs"));
    Ok(Report {
        files: read.files.len(),
        file_floors: floors(&files),
        rooms: order.iter().map(name).collect(),
        room_floors: floors(&rooms),
        room_circles: circles(&rooms).iter().map(|circle| circle.iter().map(name).collect()).collect(),
        backward: is_ordered.then(|| backward(&read, &arrows)),
        command_line: command_line(&read, &arrows),
        circles: found,
        knotted_folders: knotted.map(|file| path(&read, file)).collect(),
        unresolved,
    })
}

/// All uses, and what could not be understood.
fn arrows(read: &Crate) -> (Arrows, Vec<String>) {
    let (mut arrows, mut unresolved) = (Arrows::new(), Vec::new());
    for (id, module) in read.modules.iter().enumerate() {
        for mention in &module.mentions {
            let name = mention.segments.join("::");
            let (file, line) = (path(read, module.file), mention.line);
            match read.resolve(id, &mention.segments) {
                Some(Definition::Item(definer)) => {
                    let to = read.modules[definer].file;
                    if to != module.file && !is_handed_on(read, id, definer, mention) && !is_imported(read, id, mention)
                    {
                        let used = Use { file, line, name, defined_in: path(read, to) };
                        arrows.entry((module.file, to)).or_default().push(used);
                    }
                }
                Some(Definition::Module(_)) => {}
                None if ["crate", "self", "super"].contains(&mention.segments[0].as_str()) => {
                    unresolved.push(format!("{file}:{line}: {name}"));
                }
                None => {}
            }
        }
    }
    for uses in arrows.values_mut() {
        uses.sort();
        uses.dedup();
    }
    (arrows, unresolved)
}

/// Returns true if a module names what a file below it defines only for others to import.
fn is_handed_on(read: &Crate, module: ModuleId, definer: ModuleId, mention: &Mention) -> bool {
    matches!(mention.kind, Kind::Import { is_public: true, .. }) && read.lineage(definer).any(|above| above == module)
}

/// Returns true if code mentions what its module imports, so that the import stands for it.
fn is_imported(read: &Crate, module: ModuleId, mention: &Mention) -> bool {
    let is_import = |other: &&Mention| match &other.kind {
        Kind::Import { alias, is_public: false } => *alias == mention.segments[0],
        _ => false,
    };
    let import = read.modules[module].mentions.iter().find(is_import);
    matches!(mention.kind, Kind::Code)
        && import.is_some_and(|import| matches!(read.resolve(module, &import.segments), Some(Definition::Item(_))))
}

/// Uses of a room that comes later. The crate's root comes last.
fn backward(read: &Crate, arrows: &Arrows) -> Vec<Use> {
    let order = &read.modules[0].children;
    let place = |file| {
        let room = read.room(file);
        order.iter().position(|other| Some(*other) == room).unwrap_or(order.len())
    };
    arrows.iter().filter(|((from, to), _)| place(*from) < place(*to)).flat_map(|(_, uses)| uses.clone()).collect()
}

fn command_line(read: &Crate, arrows: &Arrows) -> Vec<Use> {
    let is_in = |file| read.room(file).is_some_and(|room| read.modules[room].name == COMMAND_LINE);
    arrows.iter().filter(|((from, to), _)| is_in(*to) && !is_in(*from)).flat_map(|(_, uses)| uses.clone()).collect()
}

/// Circles among files, without those of a `mod.rs` and files below it: there the rest is looked at again.
fn real_circles(read: &Crate, files: &Graph, circle: BTreeSet<FileId>) -> Vec<BTreeSet<FileId>> {
    let is_top = |file: &FileId| circle.iter().all(|other| lies_below(read, *other, *file));
    let Some(top) = circle.iter().copied().find(is_top) else { return vec![circle] };
    let rest = circle.into_iter().filter(|file| *file != top).collect();
    circles(&part(files, &rest)).into_iter().flat_map(|circle| real_circles(read, files, circle)).collect()
}

/// Returns true if the files below this one and itself use each other, without any other file having a part in it.
fn is_knotted(read: &Crate, files: &Graph, file: FileId) -> bool {
    let below = (0..read.files.len()).filter(|other| lies_below(read, *other, file)).collect();
    circles(&part(files, &below)).iter().any(|circle| circle.contains(&file))
}

/// Returns true if `file` is a module in `top`, or `top` itself.
fn lies_below(read: &Crate, file: FileId, top: FileId) -> bool {
    read.lineage(read.files[file].module).any(|above| above == read.files[top].module)
}

fn describe(read: &Crate, arrows: &Arrows, circle: &BTreeSet<FileId>) -> Circle {
    let is_inside = |(from, to): &(FileId, FileId)| circle.contains(from) && circle.contains(to);
    let uses = arrows.iter().filter(|(ends, _)| is_inside(ends)).flat_map(|(_, uses)| uses.clone()).collect();
    Circle { files: circle.iter().map(|file| path(read, *file)).collect(), uses }
}

fn path(read: &Crate, file: FileId) -> String {
    read.files[file].path.display().to_string()
}

impl Report {
    /// Returns true if nothing runs against the order or in a circle. Knotted folders are tolerated.
    pub fn is_clean(&self) -> bool {
        self.backward.as_ref().is_none_or(Vec::is_empty)
            && self.command_line.is_empty()
            && self.circles.is_empty()
            && self.unresolved.is_empty()
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.file, self.line, self.name, self.defined_in)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "files: {}, on {} floors", self.files, self.file_floors)?;
        writeln!(f, "rooms: {}, on {} floors", self.rooms.len(), self.room_floors)?;
        let largest = self.room_circles.first().map_or(0, Vec::len);
        writeln!(f, "circles among rooms: {}, the largest of {largest} rooms", self.room_circles.len())?;
        match &self.backward {
            Some(uses) => list(f, "uses of later rooms", uses)?,
            None => writeln!(f, "uses of later rooms: unknown, for not all modules of lib.rs are folders")?,
        }
        list(f, "uses of the command line outside of it", &self.command_line)?;
        let largest = self.circles.first().map_or(0, |circle| circle.files.len());
        writeln!(f, "circles among files: {}, the largest of {largest} files", self.circles.len())?;
        for circle in &self.circles {
            writeln!(f, "  circle of {} files: {}", circle.files.len(), circle.files.join(", "))?;
            circle.uses.iter().try_for_each(|used| writeln!(f, "    {used}"))?;
        }
        list(f, "folders whose mod.rs and files use each other", &self.knotted_folders)?;
        list(f, "paths that lead to nothing", &self.unresolved)
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, lines: &[impl fmt::Display]) -> fmt::Result {
    writeln!(f, "{what}: {}", lines.len())?;
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}
