//! Generations: complete builds of a distribution side by side, one of which is in use.
//!
//! ```text
//! OUT/<distribution>/current                 symlink to the generation in use
//! OUT/<distribution>/generations/<id>/site   symlink to the document root in OUT/store
//!                                    /hosts/<server>/…  ready-made configurations
//!                                    /routes.json       the routing tables
//!                                    /manifest.json     every path with size, SHA-256, type, cache class, layer
//!                                    /report.json       what was built, and what was not
//! ```
//!
//! A generation is written beside the others under a temporary name, renamed into place, and taken into use by renaming a
//! symlink over `current`: at no moment is there half of one. Its name comes from its content, so building the same
//! again changes nothing.

use crate::digest::{Digest, Hasher};
use crate::policy::Exception;
use crate::report::Report;
use crate::store::{FILE_MODE, FOLDER_MODE, LINK_TIME, Store, times};
use anyhow::{Context, Result, ensure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Changes whenever the same input gives other output: it is part of every generation's name.
pub const FORMAT: u64 = 2;

/// Names of generations, one a line, in the order in which they were taken into use.
const LOG: &str = "generations.log";

/// What the policies of layers were told to allow, one a line.
const EXCEPTIONS: &str = "exceptions.log";

/// A policy that was told to allow something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptException {
    /// The exception, as it was written: `changed-version=nginx@1.2.3`.
    pub allowed: String,
    /// Why.
    pub reason: String,
    /// The generation that was in use until then.
    pub since: Option<String>,
}

/// The files of a generation beside its document root, by path.
pub type Files<'a> = BTreeMap<String, Content<'a>>;

/// Writes the content of a file, as often as it is asked to.
type Writer<'a> = dyn Fn(&mut dyn Write) -> Result<()> + 'a;

/// What a file of a generation holds.
pub enum Content<'a> {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is written when it is asked for: lists that grow with the catalog are never in memory as a text.
    Written(Box<Writer<'a>>),
}

/// One distribution in the output folder.
#[derive(Clone, Debug)]
pub struct Distribution {
    folder: PathBuf,
}

/// The name of a generation: 16 hexadecimal digits of the digest of all that it is made from.
pub fn id(site: &Digest, parts: &[&[u8]]) -> String {
    let mut hasher = Hasher::default();
    hasher.number(FORMAT);
    hasher.text(env!("CARGO_PKG_VERSION"));
    hasher.update(site.bytes());
    parts.iter().for_each(|part| hasher.text(part));
    hasher.finish().short(16)
}

impl Distribution {
    /// The distribution `name` below `out`.
    pub fn new(out: &Path, name: &str) -> Self {
        Self { folder: out.join(name) }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The folder of one generation.
    pub fn generation(&self, id: &str) -> PathBuf {
        self.folder.join("generations").join(id)
    }

    /// The link to the generation in use.
    pub fn current_link(&self) -> PathBuf {
        self.folder.join("current")
    }

    /// The generation in use, if there is one.
    pub fn current(&self) -> Option<String> {
        let target = fs::read_link(self.current_link()).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Whether a generation is there; one that is there is whole.
    pub fn has(&self, id: &str) -> bool {
        self.generation(id).is_dir()
    }

    /// The report of a generation.
    pub fn report(&self, id: &str) -> Option<Report> {
        serde_json::from_slice(&fs::read(self.generation(id).join("report.json")).ok()?).ok()
    }

    /// Writes a generation, unless it is there: one that is there is whole.
    pub fn write(&self, id: &str, site: &Digest, files: &Files<'_>) -> Result<()> {
        let place = self.generation(id);
        if self.has(id) {
            return Ok(());
        }
        let parent = self.folder.join("generations");
        make_folders(&parent)?;
        let temporary = parent.join(format!(".{id}"));
        if temporary.exists() {
            fs::remove_dir_all(&temporary).with_context(|| format!("cannot clear {}", temporary.display()))?;
        }
        make_folders(&temporary)?;
        let target = format!("../../../store/{}", Store::tree_path(site));
        rustix::fs::symlinkat(&target, CWD, temporary.join("site"))
            .with_context(|| format!("cannot link {}", temporary.join("site").display()))?;
        set_time(&temporary.join("site"), LINK_TIME)?;
        let mut folders = BTreeSet::from([temporary.clone()]);
        for (path, content) in files {
            let path = temporary.join(path);
            let digest = match content {
                Content::Bytes(bytes) => write_file(&path, bytes).map(|()| Digest::of(bytes))?,
                Content::Written(write) => stream_file(&path, write)?,
            };
            set_time(&path, digest.modified())?;
            folders.extend(path.ancestors().skip(1).take_while(|folder| *folder != temporary).map(Path::to_owned));
        }
        // From the leaves up: making an entry moves the time of its folder.
        for folder in folders.iter().rev() {
            set_time(folder, LINK_TIME)?;
        }
        fs::rename(&temporary, &place).with_context(|| format!("cannot rename to {}", place.display()))
    }

    /// Every distribution below `out`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(out: &Path) -> Result<Vec<Self>> {
        let entries = fs::read_dir(out).with_context(|| format!("cannot read {}", out.display()))?;
        let mut folders = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        folders.retain(|folder| folder.join("generations").is_dir());
        folders.sort();
        Ok(folders.into_iter().map(|folder| Self { folder }).collect())
    }

    /// Its generations, the one last taken into use first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn generations(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("generations");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
        let used = self.used();
        names.sort_by_key(|name| (Reverse(used.iter().rposition(|id| id == name)), name.clone()));
        Ok(names)
    }

    /// Removes what an earlier run was making or removing when it ended.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn clear_unfinished(&self) -> Result<()> {
        self.clear_unfinished_releases()?;
        let folder = self.folder.join("generations");
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                let path = entry.path();
                fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        match fs::remove_file(self.folder.join(".current")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.folder.join(".current").display()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the document root of a generation is in the store as it was written.
    pub fn is_whole(&self, id: &str, store: &Store) -> bool {
        let site = fs::read_link(self.generation(id).join("site")).unwrap_or_default();
        let mut names = site.iter().rev().filter_map(|name| name.to_str());
        let (Some(rest), Some(shelf)) = (names.next(), names.next()) else { return false };
        store.has_whole_tree(&format!("{shelf}{rest}"))
    }

    /// Names of generations in the order in which they were taken into use, repeats included.
    pub fn used(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// The generation that was in use before the present one and is still there.
    ///
    /// # Errors
    /// When there is none.
    pub fn previous(&self) -> Result<String> {
        let current = self.current();
        let mut earlier = self.used().into_iter().rev().filter(|id| Some(id) != current.as_ref() && self.has(id));
        earlier.next().context("there is no earlier generation to go back to")
    }

    /// Removes a generation that is not in use.
    ///
    /// # Errors
    /// When it is in use, a release needs it, or the disk fails.
    pub fn remove(&self, id: &str) -> Result<()> {
        ensure!(self.current().as_deref() != Some(id), "generation {id} is in use");
        ensure!(!self.pinned()?.contains(id), "a release needs generation {id}");
        let (place, leaving) = (self.generation(id), self.folder.join("generations").join(format!(".{id}")));
        // Out of sight first: a generation is there as a whole or not at all.
        fs::rename(&place, &leaving).with_context(|| format!("cannot rename {}", place.display()))?;
        fs::remove_dir_all(&leaving).with_context(|| format!("cannot remove {}", leaving.display()))
    }

    /// What was ever allowed, and what is allowed now, why, and since which generation: the one in use.
    pub fn exceptions_with(&self, allowed: &[Exception], reason: &str) -> Vec<KeptException> {
        let log = fs::read_to_string(self.folder.join(EXCEPTIONS)).unwrap_or_default();
        let mut kept: Vec<_> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for exception in allowed {
            let one =
                KeptException { allowed: exception.to_string(), reason: reason.to_owned(), since: self.current() };
            if !kept.contains(&one) {
                kept.push(one);
            }
        }
        kept
    }

    /// Keeps for ever what was allowed. A line that is there is not written again: a build that was stopped afterwards says
    /// the same.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep_exceptions(&self, exceptions: &[KeptException]) -> Result<()> {
        let known = self.exceptions_with(&[], "");
        for exception in exceptions.iter().filter(|exception| !known.contains(exception)) {
            let line = serde_json::to_string(exception).context("cannot write an exception")?;
            append(&self.folder.join(EXCEPTIONS), &line)?;
        }
        Ok(())
    }

    /// Copies what is kept of another output folder, which is as much an input as the layers.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn take_exceptions(&self, other: &Self) -> Result<()> {
        make_folders(&self.folder)?;
        self.keep_exceptions(&other.exceptions_with(&[], ""))
    }

    fn log(&self, id: &str) -> Result<()> {
        append(&self.folder.join(LOG), id)
    }

    /// Takes a generation into use.
    pub fn switch(&self, id: &str) -> Result<()> {
        if self.current().as_deref() == Some(id) {
            return Ok(());
        }
        let (current, next) = (self.current_link(), self.folder.join(".current"));
        if next.symlink_metadata().is_ok() {
            fs::remove_file(&next).with_context(|| format!("cannot remove {}", next.display()))?;
        }
        rustix::fs::symlinkat(format!("generations/{id}"), CWD, &next)
            .with_context(|| format!("cannot link {}", next.display()))?;
        self.log(id)?;
        fs::rename(&next, &current).with_context(|| format!("cannot switch {}", current.display()))
    }
}

/// Adds a line to a file.
pub(crate) fn append(path: &Path, line: &str) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let write = || -> std::io::Result<()> {
        fs::File::from(rustix::fs::openat(CWD, path, flags, FILE_MODE)?).write_all(format!("{line}\n").as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Gives a file, folder or link its time: what is published has no other time than its content's.
pub(crate) fn set_time(path: &Path, seconds: i64) -> Result<()> {
    rustix::fs::utimensat(CWD, path, &times(seconds), AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("cannot set the time of {}", path.display()))
}

/// Makes a folder and those above it, readable by all.
pub(crate) fn make_folders(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folders(parent)?;
    }
    rustix::fs::mkdirat(CWD, path, FOLDER_MODE).with_context(|| format!("cannot create {}", path.display()))
}

/// Replaces a file by one rename.
pub(crate) fn write_over(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    write_file(&temporary, bytes)?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file part by part and returns its digest.
fn stream_file(path: &Path, write: &dyn Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    write_file(path, b"")?;
    let file = fs::OpenOptions::new().append(true).open(path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = Hashed { out: file, hasher: Hasher::default() };
    let mut buffered = BufWriter::with_capacity(1 << 16, &mut out);
    write(&mut buffered)?;
    buffered.flush().with_context(|| format!("cannot write {}", path.display()))?;
    drop(buffered);
    Ok(out.hasher.finish())
}

/// The digest of what would be written.
///
/// # Errors
/// Those of `write`.
pub fn digest_of(write: impl Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    let mut out = BufWriter::new(Hashed { out: io::sink(), hasher: Hasher::default() });
    write(&mut out)?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.hasher.finish())
}

/// Hashes what passes through.
struct Hashed<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a new file and the folders above it, readable by all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let write =
        || -> std::io::Result<()> { fs::File::from(rustix::fs::openat(CWD, path, flags, FILE_MODE)?).write_all(bytes) };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The lock of an output folder: one build at a time. The kernel lets go of it when the process ends, however it ends.
pub struct Lock {
    path: PathBuf,
    _file: fs::File,
}

impl Lock {
    /// Takes the lock, or says which process has it.
    pub fn take(out: &Path) -> Result<Self> {
        Self::take_as(out, "build", out)
    }

    /// The same for something else than a build, which writes to `what`.
    ///
    /// # Errors
    /// When another process has it, or the disk fails.
    pub fn take_as(out: &Path, who: &str, what: &Path) -> Result<Self> {
        make_folders(out)?;
        let path = out.join(".lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let mut file: fs::File = rustix::fs::openat(CWD, &path, flags, Mode::from_raw_mode(0o644))
            .with_context(|| format!("cannot open {}", path.display()))?
            .into();
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            anyhow::bail!("another {who} writes to {} (process {})", what.display(), holder.trim());
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, _file: file })
    }

    /// The file that is locked, written a moment before this was made.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
