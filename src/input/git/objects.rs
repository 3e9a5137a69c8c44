//! Reading objects of a repository through long-running `git cat-file --batch` and `--batch-check` processes.
//!
//! There are as many processes as threads that ask at the same time. A process with an unexpected answer is not used again.

use super::cat_file::unexpected;
use super::program::Repository;
use crate::config::location::Location;
use std::io::{self, Read, Write};

/// Most bytes of a tree object.
const MAX_TREE_BYTES: u64 = 64 << 20;
/// Number of questions that fit into a pipe together with their answers.
const AT_ONCE: usize = 256;

/// Kind of an entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Tree,
    /// A file, executable or not.
    File,
    /// A symbolic link, whose target is its content.
    Link,
    /// A commit of another repository, or an unknown kind.
    Other,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Name, any bytes but `/` and zero.
    pub name: Vec<u8>,
    /// Kind.
    pub kind: Kind,
    /// Id of its object, in hexadecimal digits.
    pub id: String,
}

impl Repository {
    /// Id of the tree that an expression such as `<commit>:<folder>` names; `None` if there is none.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree_at(&self, commit: &str, folder: &str) -> io::Result<Option<String>> {
        if folder.contains('\n') {
            return Ok(None);
        }
        let answers = self.check(&[format!("{commit}:{folder}")])?;
        Ok(answers.into_iter().flatten().next().filter(|(_, kind, _)| kind == "tree").map(|(id, ..)| id))
    }

    /// Id of the file at a path of a commit; `None` if there is none.
    ///
    /// # Errors
    /// When git fails.
    pub fn file_at(&self, commit: &str, path: &str) -> io::Result<Option<String>> {
        if path.contains('\n') {
            return Ok(None);
        }
        let answers = self.check(&[format!("{commit}:{path}")])?;
        Ok(answers.into_iter().flatten().next().filter(|(_, kind, _)| kind == "blob").map(|(id, ..)| id))
    }

    /// The entries of a tree, by name.
    ///
    /// # Errors
    /// When git fails, or the object is not a tree.
    pub fn tree(&self, id: &str) -> io::Result<Vec<TreeEntry>> {
        let bytes = self.with_object(id, "tree", |size, content| {
            if size > MAX_TREE_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            Ok(bytes)
        })?;
        let mut entries = parse(&bytes, id.len() / 2).ok_or_else(|| unexpected("a tree in another form"))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Sizes of files, in bytes.
    ///
    /// # Errors
    /// When git fails, or a file is missing.
    pub fn sizes(&self, ids: &[String]) -> io::Result<Vec<u64>> {
        let mut sizes = Vec::with_capacity(ids.len());
        for answer in self.check(ids)? {
            let Some((_, kind, size)) = answer else { return Err(unexpected("an object is missing")) };
            if kind != "blob" {
                return Err(unexpected("an object is no file"));
            }
            sizes.push(size);
        }
        Ok(sizes)
    }

    /// Streams a file of the given size in bytes.
    ///
    /// # Errors
    /// When `use_content` fails, git fails, or the file has another size.
    pub fn with_blob<T>(
        &self,
        id: &str,
        expected: u64,
        use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        self.with_object(id, "blob", |size, content| {
            if size == expected { use_content(content) } else { Err(unexpected("another size")) }
        })
    }

    /// Asks for an object. `use_content` need not read all of it.
    fn with_object<T>(
        &self,
        id: &str,
        kind: &str,
        use_content: impl FnOnce(u64, &mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut process = self.objects.contents.take(|| self.command(&["cat-file", "--batch"]))?;
        writeln!(process.input, "{id}")?;
        let (_, found, size) = process.answer()?.ok_or_else(|| unexpected("an object is missing"))?;
        if found != kind {
            return Err(unexpected("an object of another kind"));
        }
        let mut content = (&mut process.output).take(size);
        let result = use_content(size, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        let mut end = [0];
        process.output.read_exact(&mut end)?;
        if end != *b"\n" {
            return Err(unexpected("an object in another form"));
        }
        self.objects.contents.give_back(process);
        Ok(result)
    }

    /// Id, kind and size of objects; `None` for a missing one.
    fn check(&self, names: &[String]) -> io::Result<Vec<Option<(String, String, u64)>>> {
        let mut process = self.objects.sizes.take(|| self.command(&["cat-file", "--batch-check"]))?;
        let mut answers = Vec::with_capacity(names.len());
        for part in names.chunks(AT_ONCE) {
            let questions: String = part.iter().map(|name| format!("{name}\n")).collect();
            process.input.write_all(questions.as_bytes())?;
            for _ in part {
                answers.push(process.answer()?);
            }
        }
        self.objects.sizes.give_back(process);
        Ok(answers)
    }
}

/// Returns true if anything lies at a place in a repository.
pub fn is_there(location: &Location) -> bool {
    let look = || -> anyhow::Result<bool> {
        let repository = Repository::open(&location.clone)?;
        let (commit, path) = (repository.commit(location)?, &location.folder);
        Ok(repository.tree_at(&commit, path)?.is_some() || repository.file_at(&commit, path)?.is_some())
    };
    look().unwrap_or(false)
}

/// Reads a tree object. Each entry is `<mode> <name>`, a zero byte, and the bytes of the id.
fn parse(mut bytes: &[u8], id_bytes: usize) -> Option<Vec<TreeEntry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (mode, name) = (&bytes[..space], bytes.get(space + 1..end)?);
        let id = bytes.get(end + 1..end + 1 + id_bytes)?;
        let kind = match mode {
            b"40000" | b"040000" => Kind::Tree,
            b"100644" | b"100755" | b"100664" => Kind::File,
            b"120000" => Kind::Link,
            _ => Kind::Other,
        };
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        entries.push(TreeEntry { name: name.to_owned(), kind, id });
        bytes = &bytes[end + 1 + id_bytes..];
    }
    Some(entries)
}
