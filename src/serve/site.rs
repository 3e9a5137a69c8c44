//! One generation, opened for serving.

use super::computed::Computer;
use super::kept::{Kept, Shelf};
use super::options::ServeOptions;
use crate::answers::route::model::Routes;
use crate::base::file_notes::{self, FileNotes};
use crate::base::fs;
use crate::generation::distribution::with_remedy;
use crate::generation::history_page;
use crate::hosts::{HOSTING, Hosting};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The only file that is not below the document root.
const HISTORY: &str = "/ui/history.json";

/// Time after which opening what failed to open is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Whether a computer was opened.
enum Opened {
    NotYet,
    Yes(Arc<Computer>),
    Failed(Instant),
}

/// A generation with its tables, which stays the same during a response.
pub(super) struct Site {
    /// The folder of the generation, links resolved.
    pub(super) folder: PathBuf,
    pub(super) routes: Routes,
    pub(super) notes: FileNotes,
    /// The path below which the registry lies.
    pub(super) prefix: String,
    pub(super) debug_header: bool,
    /// Its files that are kept in memory.
    pub(super) shelf: Shelf,
    /// The name of the generation; of a release, that of the generation that it pins.
    pub(super) generation: String,
    /// Opened when it is first needed.
    computer: Mutex<Opened>,
    /// True if the generation is no longer current, and answered from because a host still does.
    pub(super) is_earlier: bool,
    /// Keeps the generation from being removed while it is answered from; not one that anybody could name.
    _hold: Option<fs::Hold>,
}

impl Site {
    /// Reads the tables of the generation that the path leads to now.
    pub(super) fn open(options: &ServeOptions, kept: &Arc<Kept>) -> anyhow::Result<Self> {
        let folder = fs::canonical(&options.generation)?;
        let hold = fs::Hold::shared(&folder).with_context(|| format!("`{}` is being removed", folder.display()))?;
        Self::read(folder, options, kept, Some(hold))
    }

    /// Reads the tables of a generation that is no longer current. It may be removed at any moment.
    pub(super) fn open_earlier(folder: PathBuf, options: &ServeOptions, kept: &Arc<Kept>) -> anyhow::Result<Self> {
        Self::read(folder, options, kept, None)
    }

    fn read(folder: PathBuf, options: &ServeOptions, kept: &Arc<Kept>, hold: Option<fs::Hold>) -> anyhow::Result<Self> {
        let routes = fs::read_json_if_there(&folder.join("routes.json")).map_err(with_remedy)?;
        let routes = routes.with_context(|| format!("`{}` has no routes.json", folder.display()))?;
        let notes = fs::read_json_if_there(&folder.join(file_notes::FILE)).map_err(with_remedy)?.unwrap_or_default();
        let hosting: Hosting = fs::read_json_if_there(&folder.join(HOSTING)).map_err(with_remedy)?.unwrap_or_default();
        let debug_header = options.debug_header || hosting.debug_header;
        // The link leads to `generations/<id>/site`, for a release, or into the store.
        let target = fs::read_link(&folder.join("site")).unwrap_or_default();
        let pinned = target.parent().filter(|_| target.ends_with("site")).unwrap_or(&folder);
        let generation = pinned.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (computer, is_earlier) = (Mutex::new(Opened::NotYet), hold.is_none());
        Ok(Self {
            folder,
            routes,
            notes,
            prefix: hosting.prefix,
            debug_header,
            shelf: kept.shelf(),
            generation,
            computer,
            is_earlier,
            _hold: hold,
        })
    }

    /// What computes answers that no table holds; `None` for a generation of an earlier program.
    ///
    /// # Errors
    /// When it cannot be opened. It is tried again after a while: the machine may have been out of file handles.
    pub(super) fn computer(&self) -> anyhow::Result<Option<Arc<Computer>>> {
        let mut opened = self.computer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*opened {
            Opened::Yes(computer) => return Ok(Some(computer.clone())),
            Opened::Failed(when) if when.elapsed() < TRY_AGAIN => bail!("it could not be opened a moment ago"),
            Opened::Failed(_) | Opened::NotYet => {}
        }
        let computer = Computer::open(&self.folder, &self.routes).map_err(with_remedy);
        match &computer {
            Ok(Some(computer)) => *opened = Opened::Yes(computer.clone()),
            Ok(None) => {}
            Err(_) => *opened = Opened::Failed(Instant::now()),
        }
        computer
    }

    /// The name of the generation.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Returns true for a file of the generation itself, given its path below the document root.
    pub(super) fn never_changes(&self, path: &str) -> bool {
        path != HISTORY
    }

    /// Path of a file, given its path below the document root.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        if path == HISTORY {
            // Beside the generations: `<distribution>/generations/<id>`.
            return self.folder.join("../..").join(history_page::FILE);
        }
        let mut file = self.folder.join("site");
        // Decisions hold no dot segments; were there one, it must not lead out of the site.
        file.extend(path.split('/').filter(|segment| !matches!(*segment, "" | "." | "..")));
        file
    }
}
