//! What a list of system calls says of files whose content the disk may not have.

use super::Fate;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Files that were written and not flushed, and moves in their order.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    unflushed: BTreeSet<PathBuf>,
    /// Files that a line was added to: only that line may be lost.
    grown: BTreeSet<PathBuf>,
    /// Renames that nothing has flushed: the paths after them.
    unflushed_moves: BTreeSet<PathBuf>,
    /// Removals while a move was not flushed, with these moves.
    pub(crate) hasty: Vec<String>,
}

impl Trace {
    /// Follows the calls of a program that ran in a folder.
    pub(crate) fn read(text: &str, folder: &Path) -> Self {
        let folder = fs::canonicalize(folder).unwrap();
        let (mut trace, mut begun) = (Self::default(), BTreeMap::new());
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
                // What has begun may be done; what flushes is done when it is.
                trace.follow(begin, false, &folder);
                begun.insert(thread.to_owned(), begin.to_owned());
            } else if let Some((_, end)) = rest.split_once(" resumed>") {
                let begin = begun.remove(thread).unwrap_or_default();
                trace.follow(&format!("{begin}{end}"), true, &folder);
            } else {
                trace.follow(rest, true, &folder);
            }
        }
        trace
    }

    fn follow(&mut self, line: &str, is_whole: bool, folder: &Path) {
        let Some((call, arguments)) = line.split_once('(') else { return };
        let (arguments, result) = arguments.rsplit_once(" = ").unwrap_or((arguments, "?"));
        if result.starts_with('-') {
            return;
        }
        let is_done = is_whole && !result.starts_with('?');
        match call {
            "open" | "openat" if arguments.contains("O_APPEND") => self.grown.extend(handle(result)),
            "open" | "openat" if arguments.contains("O_CREAT") || arguments.contains("O_TRUNC") => {
                self.unflushed.extend(handle(result).filter(|path| path.starts_with(folder)));
            }
            "write" | "pwrite64" | "writev" | "ftruncate" | "sendfile" => {
                self.unflushed.extend(handle(arguments).filter(|path| path.starts_with(folder)));
            }
            "copy_file_range" => {
                let target = arguments.split(", ").nth(2).and_then(handle);
                self.unflushed.extend(target.filter(|path| path.starts_with(folder)));
            }
            "rename" | "renameat" | "renameat2" => self.rename(&names(arguments, folder), is_done),
            "fsync" | "fdatasync" if is_done => {
                if let Some(path) = handle(arguments) {
                    self.unflushed.remove(&path);
                    self.unflushed_moves.retain(|moved| moved.parent() != Some(&path));
                }
            }
            "syncfs" if is_done => {
                self.unflushed.clear();
                self.unflushed_moves.clear();
            }
            "unlink" | "unlinkat" | "rmdir" => {
                for path in names(arguments, folder) {
                    self.hasty.extend(self.unflushed_moves.iter().map(|moved| format!("{path:?} before {moved:?}")));
                    self.unflushed.remove(&path);
                }
            }
            _ => {}
        }
    }

    fn rename(&mut self, names: &[PathBuf], is_done: bool) {
        let [from, to] = names else { return };
        let moved: Vec<PathBuf> = self.unflushed.iter().filter(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            if is_done {
                self.unflushed.remove(&path);
            }
            let below = path.strip_prefix(from).unwrap();
            self.unflushed.insert(if below.as_os_str().is_empty() { to.clone() } else { to.join(below) });
        }
        self.unflushed_moves.insert(to.clone());
    }

    /// Removals of pieces while one of these moves was not flushed.
    pub(crate) fn hasty_for(&self, name: &str) -> Vec<&String> {
        self.hasty.iter().filter(|line| line.ends_with(&format!("/{name}\""))).collect()
    }

    /// Loses the content of what was not flushed; returns the number of files.
    pub(crate) fn lose(&self, folder: &Path, fate: Fate) -> usize {
        let is_file = |path: &&PathBuf| fs::symlink_metadata(path).is_ok_and(|stat| stat.is_file() && stat.len() > 0);
        let lost: Vec<&PathBuf> = self.unflushed.iter().filter(is_file).collect();
        let whole = lost.iter().filter(|path| !self.grown.contains(**path));
        let inodes: BTreeSet<u64> = whole.map(|path| fs::metadata(path).unwrap().ino()).collect();
        for path in &lost {
            let stat = fs::metadata(path).unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            if self.grown.contains(*path) {
                let text = fs::read(path).unwrap();
                let before = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n');
                file.set_len(before.map_or(0, |at| at as u64 + 1)).unwrap();
                continue;
            }
            match fate {
                Fate::Empty | Fate::Gone => file.set_len(0).unwrap(),
                Fate::Zeros => file.write_all_at(&vec![0; stat.len() as usize], 0).unwrap(),
            }
            file.set_modified(stat.modified().unwrap()).unwrap();
        }
        if matches!(fate, Fate::Gone) {
            let names = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
            let names =
                names.filter(|entry| entry.file_type().is_file() && inodes.contains(&entry.metadata().unwrap().ino()));
            names
                .map(walkdir::DirEntry::into_path)
                .collect::<Vec<_>>()
                .iter()
                .for_each(|path| fs::remove_file(path).unwrap());
        }
        lost.len()
    }
}

/// The path of the first file handle: `5</path>`.
fn handle(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    let path = rest.split_once('>')?.0;
    Some(path.trim_end_matches(" (deleted)").into()).filter(|path: &PathBuf| path.is_absolute())
}

/// The quoted paths of a call, those relative to a handle or the folder made absolute.
fn names(arguments: &str, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut base = folder.to_owned();
    let mut rest = arguments;
    while let Some(at) = rest.find(['<', '"']) {
        let quote = if rest.as_bytes()[at] == b'<' { '>' } else { '"' };
        let Some((inner, after)) = rest[at + 1..].split_once(quote) else { break };
        if quote == '>' {
            base = inner.into();
        } else {
            found.push(base.join(inner));
            base = folder.to_owned();
        }
        rest = after;
    }
    found
}
