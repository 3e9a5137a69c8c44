//! Includes: a web server that exists already takes in a generation through one link.
//!
//! ```text
//! OUT/<distribution>/includes/<host>-<digest>/link.json          the link, and which generations it leads and led to
//!                                            /<generation>-<digest>/…   what the server includes
//! ```
//!
//! The files are those of the generation's `hosts/<host>` that end in `.in`, completed by the path of the distribution. They
//! name one generation, and lie outside of it, because no generation knows where it lies. The link is where the server
//! looks for it, which may be on another machine than builds: so what is written down here, and not the link, says
//! which generations are to be kept. Knows nothing of servers.

use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{self, flush, flush_all, make_folders, write_over};
use crate::generation::distribution::Distribution;
use crate::hosts::{FOLDER_MARK, INCOMPLETE};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Below a distribution.
const FOLDER: &str = "includes";
/// The description of a link, in its folder.
const FILE: &str = "link.json";
/// Schema of [`FILE`].
const SCHEMA: &str = "epr-build/include/1";

/// A link through which a server takes in a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Include {
    /// `epr-build/include/1`; the number grows when a reader could misunderstand a newer file.
    pub schema: String,
    /// Name of the host.
    pub host: String,
    /// Path of the link.
    pub at: PathBuf,
    /// The generation that it leads to.
    pub generation: String,
    /// The one that it led to before: the server answers from it until it reads its configuration again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl Distribution {
    /// Returns the links of servers.
    ///
    /// # Errors
    /// When one cannot be read: which generations are to be kept would not be known.
    pub fn includes(&self) -> Result<Vec<Include>> {
        let folders = fs::list_if_there(&self.folder().join(FOLDER))?.unwrap_or_default();
        let read = folders.iter().map(|folder| fs::read_json_if_there(&folder.path.join(FILE)));
        read.filter_map(Result::transpose).collect()
    }

    /// Returns the generations that servers include, or did until they read their configuration again.
    ///
    /// # Errors
    /// As [`Self::includes`].
    pub fn included(&self) -> Result<BTreeSet<String>> {
        let includes = self.includes()?.into_iter();
        Ok(includes.flat_map(|include| [Some(include.generation), include.before]).flatten().collect())
    }
}

/// A place for a link, and what belongs to it in the output.
pub struct Place {
    host: String,
    at: PathBuf,
    /// The folder of the distribution, without links: what is written into files must not lead elsewhere one day.
    home: PathBuf,
    /// The folder of this link.
    own: PathBuf,
}

/// What the link shall lead to.
pub struct Plan {
    /// As it will be written down.
    pub include: Include,
    /// True if all is as it shall be.
    pub is_done: bool,
    folder: PathBuf,
    files: BTreeMap<String, String>,
}

impl Plan {
    /// Paths of the files that a server includes, through the link.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.keys().map(|name| self.include.at.join(name)).collect()
    }
}

impl Place {
    /// The place `at` for a link to generations of a distribution.
    ///
    /// # Errors
    /// When no link can have this path, or configurations cannot hold that of the output.
    pub fn new(distribution: &Distribution, host: &str, at: &Path) -> Result<Self> {
        let home = fs::canonical(distribution.folder())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+~-".contains(&byte);
        ensure!(
            home.to_str().is_some_and(|path| path.bytes().all(is_plain)),
            "configurations cannot hold the path `{}`\n\
             hint: move the output folder to a path of letters, digits and `/._+~-` alone",
            home.display()
        );
        let at = full_path(at)?;
        let key = Digest::of(at.as_os_str().as_encoded_bytes()).short(16);
        let own = home.join(FOLDER).join(format!("{host}-{key}"));
        Ok(Self { host: host.to_owned(), at, home, own })
    }

    /// Returns the path of the link.
    pub fn at(&self) -> &Path {
        &self.at
    }

    fn record(&self) -> Result<Option<Include>> {
        fs::read_json_if_there(&self.own.join(FILE))
    }

    /// Returns what the link leads to, if it is there.
    ///
    /// # Errors
    /// When something else is there.
    fn target(&self) -> Result<Option<PathBuf>> {
        let shown = self.at.display();
        let found = fs::link_metadata(&self.at).map_err(fs::io_error);
        match found {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => bail!("cannot look at `{shown}`: {error}"),
            Ok(found) if found.is_symlink() => {}
            Ok(_) => bail!("`{shown}` is there and no link\nhint: name a path with --at at which nothing is yet"),
        }
        let target = fs::read_link(&self.at)?;
        let is_own = target.parent() == Some(self.own.as_path());
        // The output was moved: a server can read nothing through the link.
        let is_lost = || fs::metadata(&self.at).is_err();
        ensure!(
            is_own || (self.record()?.is_some() && is_lost()),
            "`{shown}` leads to `{}`, which is not of this distribution and server\n\
             hint: name another path with --at, or remove the link first",
            target.display()
        );
        Ok(Some(target))
    }

    /// Returns what is to be done for a generation; writes nothing.
    ///
    /// # Errors
    /// When something else is at the place, or the generation has no files to include.
    pub fn plan(&self, generation: &str) -> Result<Plan> {
        let files = self.files(generation)?;
        let mut hasher = Hasher::default();
        files.iter().for_each(|(name, text)| [name, text].into_iter().for_each(|part| hasher.text(part)));
        let folder = self.own.join(format!("{generation}-{}", hasher.finish().short(8)));
        let (target, record) = (self.target()?, self.record()?);
        // A run that was stopped may have written down what the link never led to.
        let noted = record.iter().flat_map(|record| [Some(&record.generation), record.before.as_ref()]).flatten();
        let mut earlier = target.as_deref().and_then(generation_of).into_iter().chain(noted.cloned());
        let include = Include {
            schema: SCHEMA.to_owned(),
            host: self.host.clone(),
            at: self.at.clone(),
            generation: generation.to_owned(),
            before: earlier.find(|earlier| earlier != generation),
        };
        let is_written =
            |(name, text): (&String, &String)| fs::read_text(&folder.join(name)).is_ok_and(|is| is == *text);
        let is_done =
            target.as_ref() == Some(&folder) && record.as_ref() == Some(&include) && files.iter().all(is_written);
        Ok(Plan { include, is_done, folder, files })
    }

    /// The files that a server includes, by name.
    fn files(&self, generation: &str) -> Result<BTreeMap<String, String>> {
        let hosts = self.home.join("generations").join(generation).join("hosts").join(&self.host);
        let home = self.home.to_string_lossy();
        let mut files = BTreeMap::new();
        for entry in fs::list_if_there(&hosts)?.unwrap_or_default() {
            if let Some(name) = entry.name().and_then(|name| name.strip_suffix(INCOMPLETE)) {
                files.insert(name.to_owned(), fs::read_text(&entry.path)?.replace(FOLDER_MARK, &home));
            }
        }
        ensure!(
            !files.is_empty(),
            "generation {generation} has no files to include: an earlier version of epr-build made it\n\
             hint: build again, or choose another one with --generation"
        );
        Ok(files)
    }

    /// Lets the link lead to what was planned. All that it leads to is on the disk before.
    ///
    /// # Errors
    /// When the disk fails; the link then leads to where it led before.
    pub fn switch(&self, plan: &Plan) -> Result<()> {
        let (folder, name) = (self.at.parent().unwrap_or(&self.at), self.at.file_name().unwrap_or_default());
        // Hidden, so that no pattern of a configuration takes it for another one.
        let next = folder.join(format!(".{}.new", name.to_string_lossy()));
        fs::remove_file_if_there(&next)
            .and_then(|()| fs::symlink(&plan.folder, &next))
            .map_err(|error| anyhow!("{error:#}\nhint: name a path with --at in a folder that you may write to"))?;
        let switched = self.write(plan).and_then(|()| fs::rename(&next, &self.at));
        if switched.is_err() {
            fs::remove_file_if_there(&next)?;
        }
        switched?;
        flush(folder)?;
        self.tidy(plan)
    }

    fn write(&self, plan: &Plan) -> Result<()> {
        make_folders(&plan.folder)?;
        for (name, text) in &plan.files {
            write_over(&plan.folder.join(name), text.as_bytes())?;
        }
        let json = serde_json::to_string_pretty(&plan.include).context("cannot write where the link is")?;
        write_over(&self.own.join(FILE), format!("{json}\n").as_bytes())?;
        // The generation is as new, and nothing has flushed it.
        flush_all(&self.home)
    }

    /// Removes the files of generations that the link neither leads to nor led to last.
    fn tidy(&self, plan: &Plan) -> Result<()> {
        for entry in fs::list(&self.own)?.iter().filter(|entry| entry.kind.is_dir()) {
            let generation = generation_of(&entry.path);
            if entry.path != plan.folder && generation != plan.include.before {
                fs::remove_folder(&entry.path)?;
            }
        }
        Ok(())
    }

    /// Returns true if there is a link, or a note of one.
    ///
    /// # Errors
    /// When something else is at the place.
    pub fn is_there(&self) -> Result<bool> {
        Ok(self.target()?.is_some() || self.record()?.is_some())
    }

    /// Removes the link and what belongs to it.
    ///
    /// # Errors
    /// When something else is at the place, or the disk fails.
    pub fn remove(&self) -> Result<()> {
        if self.target()?.is_some() {
            fs::remove_file(&self.at)?;
            flush(self.at.parent().unwrap_or(&self.at))?;
        }
        fs::remove_folder_if_there(&self.own)
    }
}

/// The path from the root, without links in the folder of the link. That need not be there any more.
fn full_path(at: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(at).with_context(|| format!("`{}` is no path", at.display()))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        bail!("`{}` cannot be the path of a link\nhint: write for example `--at /etc/nginx/epr`", at.display());
    };
    ensure!(
        absolute.to_str().is_some_and(|path| !path.contains(char::is_control)),
        "`{}` cannot stand in a configuration\nhint: write for example `--at /etc/nginx/epr`",
        at.display()
    );
    Ok(fs::canonical(folder).unwrap_or_else(|_| folder.to_owned()).join(name))
}

/// The generation that the files in a folder are of.
fn generation_of(folder: &Path) -> Option<String> {
    let (generation, _) = folder.file_name()?.to_str()?.rsplit_once('-')?;
    Some(generation.to_owned())
}
