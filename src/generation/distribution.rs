//! Generations: complete builds of a distribution side by side, one of which is in use.
//!
//! ```text
//! OUT/<distribution>/current                 symlink to the generation in use
//! OUT/<distribution>/generations/<id>/site   symlink to the document root in OUT/store
//!                                    /hosts/<server>/…  ready-made configurations
//!                                    /routes.json       the routing tables
//!                                    /facts.json        what filters know of each version
//!                                    /manifest.json     every path with size, SHA-256, type, cache class, layer
//!                                    /report.json       what was built, and what was not
//!                                    /own-files.json    the files above, with size and digest
//! ```
//!
//! A generation is written beside the others under a temporary name, renamed into place, and taken into use by renaming a
//! symlink over `current`: at no moment is there half of one. Before each of the two the disk has all that they lead to. Its
//! name comes from its content, so building the same again changes nothing, or mends what was damaged.

use crate::base::digest::{Digest, Hasher};
use crate::base::format::FORMAT;
use crate::base::fs::{
    self, LINK_TIME, Scrutiny, append, make_folders, set_time, stream_file, write_dated, write_file,
};
use crate::base::problem::Problem;
use crate::config::exceptions::{Exception, KeptException};
use crate::generation::own_files::{self, OwnFiles};
use crate::generation::uses::{self, Switch, Use, is_id};
use crate::hosts::{HOSTING, Hosting};
use crate::site::report::Report;
use crate::store::Store;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Generations in the order in which they were taken into use, see [`uses`].
const LOG: &str = "generations.log";

/// What policies and guards said to the last build, see [`Distribution::write_advice`].
pub const ADVICE: &str = "advice.json";

/// Before the number in the name of a folder that had the place of the link `current`.
const ASIDE: &str = "current.old-";

/// The output folder when no other is named.
pub const DEFAULT_OUT: &str = "out";
/// What to do about damage, for every command that meets some.
pub const REMEDY: &str = "`epr-build verify --repair` mends an output folder from the layers, with `--from FILE` from a bundle; \
                          `epr-build verify` lists all that is damaged";

/// Adds to the failure of a command that met damage what to do about it.
pub fn with_remedy(error: anyhow::Error) -> anyhow::Error {
    anyhow!("{error:#}\nhint: {REMEDY}")
}

/// Log of the exceptions from policies of layers, one a line.
const EXCEPTIONS: &str = "exceptions.log";

/// The files of a generation beside its document root, by path.
pub type Files<'a> = BTreeMap<String, FileContent<'a>>;

/// Writes the content of a file, as often as it is asked to.
type Writer<'a> = dyn Fn(&mut dyn Write) -> Result<()> + 'a;

/// Content of a file of a generation.
pub enum FileContent<'a> {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Written when it is asked for: lists that grow with the catalog are never in memory as a text.
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

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the name.
    pub fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The options that name it on a command line.
    pub fn options(&self) -> String {
        let out = self.folder.parent().filter(|out| *out != Path::new(DEFAULT_OUT));
        let out = out.map(|out| format!(" --out {}", out.display())).unwrap_or_default();
        format!("--dist {}{out}", self.name())
    }

    /// The folder of one generation.
    pub fn generation(&self, id: &str) -> PathBuf {
        self.folder.join("generations").join(id)
    }

    /// The link to the generation in use.
    pub fn current_link(&self) -> PathBuf {
        self.folder.join("current")
    }

    /// Returns the generation in use, if there is one.
    pub fn current(&self) -> Option<String> {
        let target = fs::read_link(&self.current_link()).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Returns true if a generation is there; one that is there is complete.
    pub fn has(&self, id: &str) -> bool {
        self.generation(id).is_dir()
    }

    /// Returns the report of a generation, unless it is missing or damaged.
    pub fn report(&self, id: &str) -> Option<Report> {
        fs::read_json(&self.generation(id).join("report.json")).ok()
    }

    /// Returns how a generation is hosted. One that does not say it lies at the root of its server.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn hosting(&self, id: &str) -> Result<Hosting> {
        Ok(fs::read_json_if_there(&self.generation(id).join(HOSTING)).map_err(with_remedy)?.unwrap_or_default())
    }

    /// Writes a generation, or puts right what differs of one that is there.
    pub fn write(&self, id: &str, site: &Digest, files: &Files<'_>) -> Result<()> {
        let temporary = self.prepare(id, site, files)?;
        fs::flush_all(&temporary)?;
        let place = self.generation(id);
        if self.has(id) { own_files::mend(&temporary, &place) } else { fs::rename_for_good(&temporary, &place) }
    }

    /// Writes a generation beside its place.
    fn prepare(&self, id: &str, site: &Digest, files: &Files<'_>) -> Result<PathBuf> {
        let parent = self.folder.join("generations");
        make_folders(&parent)?;
        let temporary = parent.join(format!(".{id}"));
        fs::remove_any(&temporary)?;
        make_folders(&temporary)?;
        fs::symlink(format!("../../../store/{}", Store::tree_path(site)), &temporary.join("site"))?;
        set_time(&temporary.join("site"), LINK_TIME)?;
        let mut folders = BTreeSet::from([temporary.clone()]);
        for (path, content) in files.iter().filter(|(path, _)| *path != own_files::FILE) {
            let path = temporary.join(path);
            let digest = match content {
                FileContent::Bytes(bytes) => write_file(&path, bytes).map(|()| Digest::of(bytes))?,
                FileContent::Written(write) => stream_file(&path, write)?,
            };
            set_time(&path, digest.modified())?;
            folders.extend(path.ancestors().skip(1).take_while(|folder| *folder != temporary).map(Path::to_owned));
        }
        OwnFiles::write(&temporary)?;
        // From the leaves up: making an entry moves the time of its folder.
        for folder in folders.iter().rev() {
            set_time(folder, LINK_TIME)?;
        }
        Ok(temporary)
    }

    /// Returns every distribution below `out`, sorted by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(out: &Path) -> Result<Vec<Self>> {
        let folders = fs::list(out)?.into_iter().map(|entry| entry.path);
        let is_distribution = |folder: &PathBuf| folder.join("generations").is_dir();
        Ok(folders.filter(is_distribution).map(|folder| Self { folder }).collect())
    }

    /// Returns the generations, the one last taken into use first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn generations(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("generations");
        let entries = fs::list_if_there(&folder)?.unwrap_or_default();
        let folders = entries.iter().filter(|entry| entry.kind.is_dir());
        let names = folders.filter_map(|entry| entry.name().filter(|name| is_id(name)));
        let mut names: Vec<_> = names.map(str::to_owned).collect();
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
        let is_ours = |name: &str| name.strip_prefix('.').is_some_and(is_id);
        for entry in fs::list_if_there(&folder)?.unwrap_or_default() {
            if entry.name().is_some_and(is_ours) {
                fs::remove_any(&entry.path)?;
            }
        }
        fs::remove_any(&self.folder.join(".current"))
    }

    /// Returns what is damaged or lost of the files of a generation beside its document root.
    pub fn faults(&self, id: &str, scrutiny: Scrutiny) -> Vec<String> {
        own_files::faults(&self.generation(id), scrutiny)
    }

    /// Refuses a generation of whose own files one is damaged or lost: nothing is made from it, and it is not carried on.
    ///
    /// # Errors
    /// When one is, naming it and the remedy.
    pub fn require_intact(&self, id: &str) -> Result<()> {
        self.refuse(id, &own_files::damage(&self.generation(id), Scrutiny::Read))
    }

    /// Checks the same, and that nothing lies there that does not belong there, for those who take all that lies there.
    ///
    /// # Errors
    /// When it is not so, naming a file and the remedy.
    pub fn require_exact(&self, id: &str) -> Result<()> {
        self.refuse(id, &self.faults(id, Scrutiny::Read))
    }

    fn refuse(&self, id: &str, faults: &[String]) -> Result<()> {
        match faults.first() {
            None => Ok(()),
            Some(fault) => bail!("generation {id} of `{}` is damaged: {fault}\nhint: {REMEDY}", self.name()),
        }
    }

    /// Returns true if a generation is there as it was written, as far as a look tells.
    pub fn is_whole(&self, id: &str, store: &Store) -> bool {
        if !self.faults(id, Scrutiny::Look).is_empty() {
            return false;
        }
        let site = fs::read_link(&self.generation(id).join("site")).unwrap_or_default();
        let mut names = site.iter().rev().filter_map(|name| name.to_str());
        let (Some(rest), Some(shard)) = (names.next(), names.next()) else { return false };
        store.has_whole_tree(&format!("{shard}{rest}"))
    }

    /// Returns the names of generations in the order in which they were taken into use, repeats included.
    pub fn used(&self) -> Vec<String> {
        self.uses().into_iter().map(|one| one.id).collect()
    }

    /// Returns when which generation was taken into use, in order.
    pub fn uses(&self) -> Vec<Use> {
        uses::read(&self.log())
    }

    /// Returns the generation that was in use before the present one and is still there.
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
    /// When it is in use, a release or a web server needs it, or the disk fails.
    pub fn remove(&self, id: &str) -> Result<()> {
        ensure!(self.current().as_deref() != Some(id), "generation {id} is in use");
        ensure!(!self.pinned()?.contains(id), "a release needs generation {id}");
        ensure!(!self.included()?.contains(id), "a web server includes generation {id}");
        let (place, leaving) = (self.generation(id), self.folder.join("generations").join(format!(".{id}")));
        // Kept until it is gone, so that no server takes it up meanwhile.
        let _hold = fs::Hold::alone(&place).with_context(|| format!("a server still answers from generation {id}"))?;
        // Out of sight first: a generation is there as a whole or not at all.
        fs::rename(&place, &leaving)?;
        fs::remove_folder(&leaving)
    }

    /// Returns true if a server on this machine answers from a generation.
    pub fn is_held(&self, id: &str) -> bool {
        fs::Hold::alone(&self.generation(id)).is_none()
    }

    /// Returns all exceptions that were ever used, and those used now, which count from the generation in use.
    pub fn exceptions_with(&self, allowed: &[Exception], reason: &str) -> Vec<KeptException> {
        let log = fs::read_text(&self.folder.join(EXCEPTIONS)).unwrap_or_default();
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

    /// Records exceptions permanently. A line that is there is not written again: a build that was stopped afterwards
    /// repeats it.
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

    /// Writes what was said to the change that led to a generation. It depends on what was in use before, so it lies
    /// outside of the generation.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write_advice(&self, generation: &str, advice: &[Problem]) -> Result<()> {
        let text = serde_json::json!({ "schema": "epr-build/advice/1", "generation": generation, "problems": advice });
        write_dated(&self.folder.join(ADVICE), format!("{text:#}\n").as_bytes())
    }

    /// Copies the exceptions of another output folder, which are as much an input as the layers.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn take_exceptions(&self, other: &Self) -> Result<()> {
        make_folders(&self.folder)?;
        self.keep_exceptions(&other.exceptions_with(&[], ""))
    }

    /// The log of uses.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Takes a generation into use. The disk has all that the link leads to before it moves, and the link before this returns.
    pub fn switch(&self, id: &str, by: Switch) -> Result<()> {
        if self.current().as_deref() == Some(id) {
            return Ok(());
        }
        uses::add(&self.log(), id, by)?;
        fs::flush_all(&self.folder)?;
        self.lead_to(id)
    }

    /// Moves the link to the generation in use.
    pub(crate) fn lead_to(&self, id: &str) -> Result<()> {
        let next = self.folder.join(".current");
        fs::remove_any(&next)?;
        fs::symlink(format!("generations/{id}"), &next)?;
        self.set_current_aside()?;
        fs::rename_for_good(&next, &self.current_link())
    }

    /// Makes room for the link where a folder has its place. What is in that is not ours, so it gets another name.
    fn set_current_aside(&self) -> Result<()> {
        let place = self.current_link();
        if !fs::link_metadata(&place).is_ok_and(|stat| stat.is_dir()) || fs::remove_empty_folder(&place).is_ok() {
            return Ok(());
        }
        let mut names = (1_u32..).map(|number| self.folder.join(format!("{ASIDE}{number}")));
        let free = names.find(|path| fs::link_metadata(path).is_err());
        free.map_or(Ok(()), |free| fs::rename(&place, &free))
    }

    /// Folders that had the place of the link to the generation in use, and were given another name.
    pub fn set_aside(&self) -> Vec<PathBuf> {
        let entries = fs::list(&self.folder).unwrap_or_default().into_iter();
        entries.filter(|entry| entry.begins_with(ASIDE)).map(|entry| entry.path).collect()
    }
}
