//! One generation, opened for serving.

use super::computed::Computer;
use super::options::ServeOptions;
use crate::answers::route::model::Routes;
use crate::base::file_notes::{self, FileNotes};
use crate::base::fs;
use crate::generation::distribution::with_remedy;
use crate::generation::history_page;
use crate::hosts::{HOSTING, Hosting};
use anyhow::Context;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The only file that is not below the document root.
const HISTORY: &str = "/ui/history.json";

/// A generation with its tables, which stays the same during a response.
pub(super) struct Site {
    /// The folder of the generation, links resolved.
    pub(super) folder: PathBuf,
    pub(super) routes: Routes,
    pub(super) notes: FileNotes,
    /// The path below which the registry lies.
    pub(super) prefix: String,
    pub(super) debug_header: bool,
    /// The name of the generation; of a release, that of the generation that it pins.
    pub(super) generation: String,
    /// Opened when it is first needed.
    computer: OnceLock<Result<Option<Arc<Computer>>, String>>,
    /// Keeps the generation from being removed while it is answered from.
    _hold: fs::Hold,
}

impl Site {
    /// Reads the tables of the generation that the path leads to now.
    pub(super) fn open(options: &ServeOptions) -> anyhow::Result<Self> {
        let folder = fs::canonical(&options.generation)?;
        let hold = fs::Hold::shared(&folder).with_context(|| format!("`{}` is being removed", folder.display()))?;
        let routes = fs::read_json_if_there(&folder.join("routes.json")).map_err(with_remedy)?;
        let routes = routes.with_context(|| format!("`{}` has no routes.json", folder.display()))?;
        let notes = fs::read_json_if_there(&folder.join(file_notes::FILE)).map_err(with_remedy)?.unwrap_or_default();
        let hosting: Hosting = fs::read_json_if_there(&folder.join(HOSTING)).map_err(with_remedy)?.unwrap_or_default();
        let debug_header = options.debug_header || hosting.debug_header;
        // The link leads to `generations/<id>/site`, for a release, or into the store.
        let target = fs::read_link(&folder.join("site")).unwrap_or_default();
        let pinned = target.parent().filter(|_| target.ends_with("site")).unwrap_or(&folder);
        let generation = pinned.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let computer = OnceLock::new();
        Ok(Self { folder, routes, notes, prefix: hosting.prefix, debug_header, generation, computer, _hold: hold })
    }

    /// What computes answers that no table holds; `None` for a generation of an earlier program.
    ///
    /// # Errors
    /// The reason why it cannot, which is the same each time.
    pub(super) fn computer(&self) -> Result<Option<Arc<Computer>>, String> {
        let open = || Computer::open(&self.folder, &self.routes).map_err(|error| format!("{:#}", with_remedy(error)));
        self.computer.get_or_init(open).clone()
    }

    /// The name of the generation.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
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
