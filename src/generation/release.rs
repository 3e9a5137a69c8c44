//! Releases: generations that stay under the version of a stack, for installations that stay with that stack.
//!
//! ```text
//! OUT/<distribution>/releases/<name>/release.json    what it is
//!                                   /site, /routes.json, /files.json, /manifest.json, /report.json   links to its generation
//!                                   /hosting.json    the path below which it lies
//!                                   /hosts/<server>/…   what the configuration of the generation in use includes
//! OUT/<distribution>/releases.log                    what was released and removed, and why
//! ```
//!
//! A release is made beside the others and renamed into place. Its generation is never forgotten, so a release costs its
//! configurations alone; what of these is the same as the generation's is the same file. Knows nothing of packages.

use crate::answers::route::model::Routes;
use crate::base::digest::Digest;
use crate::base::file_notes::{self, FileNotes};
use crate::base::fs::{self, LINK_TIME, Scrutiny, make_folders, set_time, write_file};
use crate::base::suggest::{did_you_mean, nearest};
use crate::dialect::version::Version;
use crate::generation::distribution::{Distribution, with_remedy};
use crate::generation::own_files::{self, OwnFiles};
use crate::generation::release_log;
use crate::hosts::Published;
use crate::hosts::{HOSTING, HostOptions, Hosting, release};
use crate::site::facts;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Below a distribution.
pub const FOLDER: &str = "releases";
/// The description of a release, in its folder.
const FILE: &str = "release.json";
/// The log of releases that were made and removed, one a line.
const LOG: &str = "releases.log";
/// Before the name of a release that is being made or removed, in the folder of the distribution.
const UNFINISHED: &str = ".release-";
/// Schema of [`FILE`].
const SCHEMA: &str = "epr-build/release/1";
/// Longer names are none.
const LONGEST_NAME: usize = 64;
/// Entries that a release shares with its generation, by links.
const SHARED: [&str; 6] = ["site", "routes.json", facts::FILE, file_notes::FILE, "manifest.json", "report.json"];

/// A generation under the version of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `epr-build/release/1`; the number grows when a reader could misunderstand a newer file.
    pub schema: String,
    /// Name: two or three numbers and maybe a word, such as `8.5.0` or `8.5.0-SNAPSHOT`.
    pub name: String,
    /// Name of the distribution.
    pub distribution: String,
    /// Name of the generation.
    pub generation: String,
    /// The Kibana that it is restricted to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kibana: Option<String>,
    /// The path below which it lies on every server.
    pub path: String,
}

/// Outcome of pinning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// The release is new.
    New,
    /// The release was there, with the same content.
    Before,
}

/// Refuses names that are no versions of a stack: they become folders, paths of addresses and tags of images.
///
/// # Errors
/// When it is none.
pub fn check_name(name: &str) -> Result<()> {
    let (numbers, word) = name.split_once('-').map_or((name, None), |(numbers, word)| (numbers, Some(word)));
    let is_number = |part: &str| {
        (1..=9).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_good = (2..=3).contains(&numbers.split('.').count())
        && numbers.split('.').all(is_number)
        && word.is_none_or(|word| word.split('.').all(is_part));
    ensure!(
        is_good && name.len() <= LONGEST_NAME,
        "`{}` is not a stack version\nhint: write for example `8.5.0` or `8.5.0-SNAPSHOT`",
        name.escape_default()
    );
    Ok(())
}

impl Distribution {
    /// Returns the releases, by version.
    ///
    /// # Errors
    /// When one cannot be read: which generations are to be kept would not be known.
    pub fn releases(&self) -> Result<Vec<Release>> {
        let folder = self.folder().join(FOLDER);
        let mut releases: Vec<Release> = Vec::new();
        for entry in fs::list_if_there(&folder)?.unwrap_or_default() {
            // What somebody else put there is no release.
            if entry.name().is_some_and(|name| check_name(name).is_ok()) {
                releases.push(fs::read_json(&entry.path.join(FILE)).map_err(with_remedy)?);
            }
        }
        releases.sort_by_cached_key(|release| (Version::loose(&release.name).ok(), release.name.clone()));
        Ok(releases)
    }

    /// Returns the folder of a release, which need not be there.
    pub fn release_folder(&self, name: &str) -> PathBuf {
        self.folder().join(FOLDER).join(name)
    }

    /// Returns the generations that releases need.
    ///
    /// # Errors
    /// As [`Self::releases`].
    pub fn pinned(&self) -> Result<BTreeSet<String>> {
        let mut pinned: BTreeSet<String> = self.releases()?.into_iter().map(|release| release.generation).collect();
        // The link counts too: what a description says may be damaged.
        let links =
            self.release_names()?.into_iter().map(|name| fs::read_link(&self.release_folder(&name).join("site")));
        pinned.extend(links.filter_map(|target| generation_of(&target.ok()?)));
        Ok(pinned)
    }

    /// Returns the generation of this name, or of the release of this name.
    ///
    /// # Errors
    /// When there is none; says what there is.
    pub fn resolve(&self, name: &str) -> Result<String> {
        let releases = self.releases()?;
        if let Some(release) = releases.iter().find(|release| release.name == name) {
            return Ok(release.generation.clone());
        }
        let generations = self.generations()?;
        if generations.iter().any(|id| id == name) {
            return Ok(name.to_owned());
        }
        let known: Vec<&str> =
            releases.iter().map(|release| &release.name).chain(&generations).map(String::as_str).collect();
        let near = nearest(name, &known).map(|_| did_you_mean(name, &known));
        let hint = near.unwrap_or_else(|| format!("`epr-build generations {}` lists those it has", self.options()));
        Err(anyhow!("`{}` has no generation or release `{}`\nhint: {hint}", self.name(), name.escape_default()))
    }

    /// Keeps a generation under a name, for ever or until it is removed.
    ///
    /// # Errors
    /// When the name has another content already, there is no such generation, or the disk fails.
    pub fn pin(&self, name: &str, generation: &str, kibana: Option<&str>) -> Result<Pinned> {
        check_name(name)?;
        if let Some(there) = self.releases()?.into_iter().find(|there| there.name == name) {
            if there.generation == generation && there.kibana.as_deref() == kibana {
                return Ok(Pinned::Before);
            }
            let of = there.kibana.map(|kibana| format!(", restricted to Kibana {kibana},")).unwrap_or_default();
            bail!(
                "release {name} of `{0}` is already generation {1}{of}, and cannot become {generation}\n\
                 hint: choose another name, or first run `epr-build release --remove {name} {2} --reason TEXT`",
                self.name(),
                there.generation,
                self.options()
            );
        }
        ensure!(self.has(generation), "`{}` has no generation {generation}", self.name());
        let hosting: Hosting = fs::read_json(&self.generation(generation).join(HOSTING))?;
        let release = Release {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            distribution: self.name(),
            generation: generation.to_owned(),
            kibana: kibana.map(str::to_owned),
            path: format!("{}/release/{name}", hosting.prefix),
        };
        let temporary = self.unfinished(name);
        fs::remove_any(&temporary)?;
        self.require_intact(generation)?;
        self.make(&release, &hosting, &temporary)?;
        release_log::add(&self.folder().join(LOG), &line(name, generation, kibana))?;
        make_folders(&self.folder().join(FOLDER))?;
        fs::flush_all(&temporary)?;
        fs::rename_for_good(&temporary, &self.release_folder(name))?;
        Ok(Pinned::New)
    }

    /// Removes a release; its generation goes when builds forget it.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    pub fn unpin(&self, name: &str, reason: &str) -> Result<Release> {
        let releases = self.releases()?;
        let Some(release) = releases.iter().find(|release| release.name == name) else {
            let known: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
            let hint = if known.is_empty() { "it has none".to_owned() } else { did_you_mean(name, &known) };
            bail!("`{}` has no release `{}`\nhint: {hint}", self.name(), name.escape_default());
        };
        let leaving = self.unfinished(name);
        fs::remove_any(&leaving)?;
        let removed = serde_json::json!({ "removed": name, "generation": release.generation, "reason": reason });
        release_log::add(&self.folder().join(LOG), &removed)?;
        fs::flush_all(self.folder())?;
        // Out of sight first: a release is there as a whole or not at all.
        fs::rename_for_good(&self.release_folder(name), &leaving)?;
        fs::flush(&self.folder().join(FOLDER))?;
        fs::remove_any(&leaving)?;
        Ok(release.clone())
    }

    /// Removes what an earlier run was making or removing when it ended.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn clear_unfinished_releases(&self) -> Result<()> {
        for entry in fs::list(self.folder())?.iter().filter(|entry| entry.begins_with(UNFINISHED)) {
            fs::remove_any(&entry.path)?;
        }
        Ok(())
    }

    /// Returns what is damaged or lost in the folders of releases.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn release_faults(&self, scrutiny: Scrutiny) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for name in self.release_names()? {
            let folder = self.release_folder(&name);
            faults.extend(own_files::faults(&folder, scrutiny));
            let leads_to = fs::read_link(&folder.join("site")).ok();
            let has_generation = leads_to.and_then(|target| generation_of(&target)).is_some_and(|id| self.has(&id));
            if !has_generation {
                faults.push(format!("{} leads to no generation", folder.display()));
            }
        }
        if scrutiny == Scrutiny::Read && !self.is_release_log_intact()? {
            let log = self.folder().join(LOG);
            faults.push(format!("{} is damaged, or has lost a release that is there", log.display()));
        }
        Ok(faults)
    }

    pub(super) fn release_names(&self) -> Result<Vec<String>> {
        let entries = fs::list_if_there(&self.folder().join(FOLDER))?.unwrap_or_default();
        let names = entries.iter().filter_map(|entry| entry.name().map(str::to_owned));
        Ok(names.filter(|name| check_name(name).is_ok()).collect())
    }

    /// Makes what is damaged of releases again, from their generations. What is damaged there stays so.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn mend_releases(&self, scrutiny: Scrutiny) -> Result<()> {
        for name in self.release_names()? {
            let place = self.release_folder(&name);
            // The description says what is kept, and is small: it is always read.
            if own_files::faults(&place, scrutiny).is_empty() && fs::is_dated(&place.join(FILE), Scrutiny::Read) {
                continue;
            }
            let Some(release) = self.recalled(&name) else { continue };
            if !self.has(&release.generation) || !self.faults(&release.generation, Scrutiny::Read).is_empty() {
                continue;
            }
            let hosting: Hosting = fs::read_json(&self.generation(&release.generation).join(HOSTING))?;
            let release = Release { path: format!("{}/release/{name}", hosting.prefix), ..release };
            let temporary = self.unfinished(&name);
            fs::remove_any(&temporary)?;
            self.make(&release, &hosting, &temporary)?;
            fs::flush_all(&temporary)?;
            own_files::mend(&temporary, &place)?;
        }
        self.mend_release_log()
    }

    fn is_release_log_intact(&self) -> Result<bool> {
        let path = self.folder().join(LOG);
        Ok(release_log::is_intact(&path) && self.release_names()?.iter().all(|name| release_log::has(&path, name)))
    }

    /// Writes the log anew with what can be read of it, and with the releases that are there.
    fn mend_release_log(&self) -> Result<()> {
        if self.is_release_log_intact()? {
            return Ok(());
        }
        let path = self.folder().join(LOG);
        let names = self.release_names()?;
        let lost = names.iter().filter(|name| !release_log::has(&path, name));
        let described = lost.filter_map(|name| self.described(name));
        let lines: Vec<_> = described.map(|one| line(&one.name, &one.generation, one.kibana.as_deref())).collect();
        if lines.is_empty() && release_log::is_intact(&path) { Ok(()) } else { release_log::mend(&path, &lines) }
    }

    /// A release as its folder says, unless what it says is not what was written.
    fn described(&self, name: &str) -> Option<Release> {
        let folder = self.release_folder(name);
        let is_listed = OwnFiles::read(&folder).is_none_or(|own| own.has(&folder, FILE));
        let is_as_written = is_listed && fs::is_dated(&folder.join(FILE), Scrutiny::Read);
        let release: Release = fs::read_json(&folder.join(FILE)).ok().filter(|_| is_as_written)?;
        (release.name == name).then_some(release)
    }

    /// A release as its folder says, or where that is damaged the log. It is never made from what is damaged.
    fn recalled(&self, name: &str) -> Option<Release> {
        if let Some(release) = self.described(name) {
            return Some(release);
        }
        let noted = release_log::released(&self.folder().join(LOG), name)?;
        Some(Release {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            distribution: self.name(),
            generation: noted.generation,
            kibana: noted.kibana,
            path: String::new(),
        })
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{UNFINISHED}{name}"))
    }

    /// Writes the folder of a release; `of` is how its generation is hosted.
    fn make(&self, release: &Release, of: &Hosting, folder: &Path) -> Result<()> {
        let generation = self.generation(&release.generation);
        make_folders(folder)?;
        // A generation of an earlier program has no facts.
        for name in SHARED.iter().filter(|name| generation.join(name).exists()) {
            let target = format!("../../generations/{}/{name}", release.generation);
            let link = folder.join(name);
            fs::symlink(target, &link)?;
            set_time(&link, LINK_TIME)?;
        }
        let mut files = hosts(release, of, &generation)?;
        let hosting = Hosting { prefix: release.path.clone(), listen: String::new(), ..of.clone() };
        files.insert(HOSTING.to_owned(), serde_json::to_string(&hosting).context("cannot write how it is hosted")?);
        let json = serde_json::to_string_pretty(release).context("cannot write the release")?;
        files.insert(FILE.to_owned(), json + "\n");
        let mut folders = BTreeSet::from([folder.to_owned()]);
        for (name, text) in files {
            let path = folder.join(&name);
            folders.extend(path.ancestors().skip(1).take_while(|parent| *parent != folder).map(Path::to_owned));
            let same = generation.join(&name);
            if fs::read(&same).is_ok_and(|bytes| bytes == text.as_bytes()) {
                path.parent().map_or(Ok(()), make_folders)?;
                fs::hard_link(&same, &path)?;
            } else {
                write_file(&path, text.as_bytes())?;
                set_time(&path, Digest::of(text.as_bytes()).modified())?;
            }
        }
        OwnFiles::write(folder)?;
        // From the leaves up: making an entry moves the time of its folder.
        folders.iter().rev().try_for_each(|folder| set_time(folder, LINK_TIME))
    }
}

/// The line of the log that says that a release was made.
fn line(name: &str, generation: &str, kibana: Option<&str>) -> serde_json::Value {
    let mut line = serde_json::json!({ "released": name, "generation": generation });
    if let Some(kibana) = kibana {
        line["kibana"] = kibana.into();
    }
    line
}

/// The generation that a link of a release leads into: `../../generations/<id>/site`.
fn generation_of(target: &Path) -> Option<String> {
    Some(target.parent()?.file_name()?.to_str()?.to_owned())
}

/// The configurations that servers include, by path.
fn hosts(release: &Release, of: &Hosting, generation: &Path) -> Result<BTreeMap<String, String>> {
    let routes: Routes = fs::read_json(&generation.join("routes.json"))?;
    let notes: FileNotes = fs::read_json(&generation.join(file_notes::FILE))?;
    let options = HostOptions {
        distribution: release.distribution.clone(),
        generation_id: release.generation.clone(),
        prefix: release.path.clone(),
        debug_header: of.debug_header,
        fallback: of.fallback.clone(),
        notes,
        published: published(generation)?,
        ..HostOptions::default()
    };
    let files = release::render(&routes, &options, &release.name)?;
    Ok(files.into_iter().map(|(name, text)| (format!("hosts/{name}"), text)).collect())
}

/// As much of `manifest.json` as hosts without a disk need.
#[derive(Deserialize)]
struct GenerationManifest {
    files: BTreeMap<String, ListedFile>,
}

#[derive(Deserialize)]
struct ListedFile {
    gzip_sha256: Option<serde::de::IgnoredAny>,
}

fn published(generation: &Path) -> Result<Published> {
    let manifest: GenerationManifest = fs::read_json(&generation.join("manifest.json"))?;
    let mut published = Published::default();
    manifest.files.iter().for_each(|(path, listed)| published.note(path, listed.gzip_sha256.is_some()));
    Ok(published)
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_versions_of_stacks() {
        for name in ["8.5.0", "8.5", "10.0.0", "8.5.0-SNAPSHOT", "9.0.0-rc.1", "8.5.0-a-b", "0.0.0"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "8",
            "8.5.0.1",
            "8.5.",
            ".5.0",
            "8..0",
            "08.5.0",
            "v8.5.0",
            "latest",
            "../8.5.0",
            "8.5.0/..",
            "8.5.0-",
            "8.5.0-.",
            "8.5.0-..",
            "8.5.0-a/b",
            "8.5.0-a b",
            "8.5.0+1",
            "8.5.0-\n",
            "8.5.0-é",
            "1234567890.0.0",
            "8.5.0\0",
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("hint: write for example `8.5.0`"), "{name:?}: {error}");
        }
        assert!(check_name(&format!("8.5.0-{}", "a".repeat(60))).is_err());
    }
}
