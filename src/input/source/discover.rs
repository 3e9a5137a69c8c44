//! Finding what may be a package: version folders and zips (contract, "Walk order" to "Signature, duplicates").
//!
//! The reference knows version folders at the second level only (`<anything>/<version>`); here they may lie deeper too, so
//! that a checkout of package-storage (`packages/<name>/<version>`) is a layer as it stands. On the first level a folder
//! is never a package.
//!
//! Only names and kinds are looked at, and version folders are not entered: that happens when they are opened, in
//! parallel, and brings up the zips inside them. Hidden folders and those of other programs are not entered either
//! (`strays`). Of a package's content nothing is known but whether a folder with a wrong name is meant to be one.

use super::disk::{self, Listed};
use super::folder::unreadable;
use super::misplaced::{MANIFEST, few, holds_package, refuse_misplaced, tree_holds_package};
use super::names::shown;
use super::strays::{is_like_version, is_other_archive, is_passed_over};
use super::{Candidate, LayerSource, Origin, WalkOrder};
use crate::base::fs;
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use crate::config::location::Location;
use crate::dialect::version::Version;
use crate::input::door::{self, Spot};
use crate::input::git::{Kind, Repository, TreeEntry};
use crate::package::PackageKind;
use anyhow::Context;
use rustix::fs::{Dir, FileType};
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders are searched for zips down to this level.
const MAX_DEPTH: usize = 64;

/// Name of the folder in which changes of a layer are prepared and logged. It holds no packages.
pub const JOURNAL_FOLDER: &str = ".epr-build";

/// What to do with a link that is not followed.
pub(crate) const LINK_HINT: &str =
    "replace it by what it points to, or name the folder of its targets in `follow_links` of the layer";

/// Finds the candidates of a layer, in ascending [`Candidate::order`], and what is odd about the layer's folders.
///
/// A path that is a symbolic link is followed (the reference finds nothing behind one). No other link is, but for zips and
/// signatures that link into folders which the layer names; what is skipped gets a warning. A path that does not exist holds
/// nothing. Zips inside version folders are not among the candidates: [`super::FolderPackage::nested`] gives those.
///
/// # Errors
///
/// When a layer's path exists but cannot be read, or holds packages only in places where none are searched: sources, or
/// version folders one level too high.
pub fn discover(layer: &LayerSource) -> anyhow::Result<(Vec<Candidate>, Vec<Problem>)> {
    let mut search = Search {
        layer: &layer.name,
        candidates: Vec::new(),
        problems: Vec::new(),
        passed_over: Vec::new(),
        misplaced: Vec::new(),
        position: 0,
        targets: layer.follow_links.iter().filter_map(|folder| fs::canonical(folder).ok()).collect(),
    };
    for path in &layer.paths {
        let before = search.candidates.len();
        search.layer_path(path).with_context(|| format!("cannot read the layer path {}", path.display()))?;
        let misplaced = std::mem::take(&mut search.misplaced);
        if before == search.candidates.len() && !misplaced.is_empty() {
            refuse_misplaced(path, &misplaced)?;
        }
    }
    search.tell_passed_over();
    search.candidates.sort_by_key(|candidate| candidate.order);
    Ok((search.candidates, search.problems))
}

/// A folder on the way.
struct Place<'a> {
    folder: &'a Dir,
    names: &'a [Listed],
    spot: &'a Spot,
    /// Relative to the layer's path, as it is shown; empty for that path itself.
    shown: &'a str,
    /// Components of the entries in it, from 1.
    depth: usize,
}

struct Search<'a> {
    layer: &'a str,
    candidates: Vec<Candidate>,
    problems: Vec<Problem>,
    /// Folders that were not entered.
    passed_over: Vec<String>,
    /// Folders of the layer path that are meant to be packages, by their manifest, and lie where none are searched.
    misplaced: Vec<String>,
    position: usize,
    /// Folders that links may lead to.
    targets: Vec<PathBuf>,
}

/// What a search had found at some time, for telling what is new.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Found {
    candidates: usize,
    problems: usize,
    misplaced: usize,
}

impl Search<'_> {
    fn found(&self) -> Found {
        Found { candidates: self.candidates.len(), problems: self.problems.len(), misplaced: self.misplaced.len() }
    }

    fn layer_path(&mut self, path: &Path) -> anyhow::Result<()> {
        if let Some(location) = Location::of(path) {
            return self.layer_in_git(&location);
        }
        let shown_path = shown(path.as_os_str().as_bytes());
        let warn = |rule, what: &str| Problem::new(rule, format!("the layer path `{shown_path}` {what}"));
        let found = match door::look_through(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.report(warn(Rule::MissingLayerPath, "does not exist"), "");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let before = self.found();
        if found.kind == FileType::Directory {
            let mut folder = disk::open_named_folder(path)?;
            let names = disk::list(&mut folder, usize::MAX)?;
            let spot = Spot::new(path, "");
            self.folder(&Place { folder: &folder, names: &names, spot: &spot, shown: "", depth: 1 });
            if holds_package(&folder, &names, &spot) {
                self.misplaced.clear();
                self.misplaced.push(String::new());
            }
        } else if path.as_os_str().as_bytes().ends_with(b".zip") {
            let name = shown(path.file_name().unwrap_or_default().as_bytes());
            let spot = Spot::named(&fs::canonical(path)?);
            self.add(PackageKind::Zip, &Spot::named(path), spot, &name, None, true);
        } else {
            self.report(warn(Rule::NotALayerPath, "is neither a folder nor a zip"), "");
        }
        if before == self.found() {
            self.report(warn(Rule::EmptyLayerPath, "holds no packages"), "");
        }
        Ok(())
    }

    /// Searches the tree of a commit.
    fn layer_in_git(&mut self, location: &Location) -> anyhow::Result<()> {
        let repository = Repository::open(&location.clone)?;
        let commit = repository.commit(location)?;
        let layer = location.to_path();
        let warn = |rule, what: &str| Problem::new(rule, format!("the layer path `{}` {what}", layer.display()));
        let Some(tree) = repository.tree_at(&commit, &location.folder)? else {
            self.report(warn(Rule::MissingLayerPath, "does not exist"), "");
            return Ok(());
        };
        let before = self.found();
        let entries = repository.tree(&tree)?;
        self.tree(&repository, &entries, location, "", 1)?;
        if tree_holds_package(&repository, &entries)? {
            self.misplaced.clear();
            self.misplaced.push(String::new());
        }
        if before == self.found() {
            self.report(warn(Rule::EmptyLayerPath, "holds no packages"), "");
        }
        Ok(())
    }

    /// Looks at the entries of one tree and those below, as [`Self::folder`] does.
    fn tree(
        &mut self,
        repository: &Arc<Repository>,
        entries: &[TreeEntry],
        location: &Location,
        parent: &str,
        depth: usize,
    ) -> anyhow::Result<()> {
        for entry in entries {
            let name = shown(&entry.name);
            let text = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
            if entry.kind != Kind::Tree {
                self.tree_file(entry, depth, &text);
            } else if is_passed_over(&entry.name) {
                self.pass_over(&entry.name, text);
            } else if depth >= 2 && Version::strict(&name).is_ok() {
                self.add_tree(repository, entries, entry, location, &text);
            } else if depth >= MAX_DEPTH {
                self.report(Problem::new(Rule::FoldersTooDeep, "folders below are not searched"), &text);
            } else {
                let before = self.found();
                let inner = repository.tree(&entry.id)?;
                self.tree(repository, &inner, location, &text, depth + 1)?;
                if tree_holds_package(repository, &inner)? {
                    self.misplaced(before, &name, text);
                } else if depth >= 2 && before == self.found() {
                    self.skip(&name, &text);
                }
            }
        }
        Ok(())
    }

    /// Looks at an entry of a tree that is not a tree.
    fn tree_file(&mut self, entry: &TreeEntry, depth: usize, text: &str) {
        let name = entry.name.as_slice();
        let (rule, message, hint) = if name.ends_with(b".zip") {
            let message = "the zip is skipped: in a repository packages are folders";
            (Rule::ZipInGit, message, "unpack it, or put it into a layer that is a folder")
        } else if is_other_archive(name) {
            let message = "the file is ignored: in a repository packages are folders";
            (Rule::OtherArchive, message, "unpack it if it is a package, else remove it")
        } else if depth == 2 && entry.kind == Kind::Link && !name.ends_with(b".sig") {
            let message = "the symbolic link is skipped: packages are not searched behind links";
            (Rule::SymlinkSkipped, message, "replace it by what it points to")
        } else if depth == 2 && !name.ends_with(b".sig") && name != MANIFEST {
            let message = "the file is ignored: only version folders and signatures are expected here";
            (Rule::NotAVersionFolder, message, "remove it")
        } else {
            return;
        };
        self.report(Problem::new(rule, message).hint(hint), text);
    }

    fn add_tree(
        &mut self,
        repository: &Arc<Repository>,
        siblings: &[TreeEntry],
        entry: &TreeEntry,
        location: &Location,
        text: &str,
    ) {
        let wanted = [entry.name.as_slice(), b".sig"].concat();
        let signature = siblings.iter().find(|sibling| sibling.name == wanted);
        let is_link = signature.is_some_and(|signature| signature.kind == Kind::Link);
        let signature = signature.filter(|_| !is_link);
        if signature.is_some_and(|signature| signature.kind != Kind::File) {
            self.report(Problem::new(Rule::SignatureNotAFile, "its signature is not a regular file"), text);
            return;
        }
        let mut place = location.clone();
        place.folder = if place.folder.is_empty() { text.to_owned() } else { format!("{}/{text}", place.folder) };
        let path = place.to_path();
        let signed = signature.map(|signature| signature.id.clone());
        let order = WalkOrder::new(PackageKind::Folder, self.position);
        self.position += 1;
        self.candidates.push(Candidate {
            layer: self.layer.to_owned(),
            package: text.to_owned(),
            signature: signed.as_ref().map(|_| Spot::new(&path, "").signature()),
            has_linked_signature: is_link,
            spot: Spot::new(&path, ""),
            path,
            kind: PackageKind::Folder,
            folder_version: Some(String::from_utf8_lossy(&entry.name).into_owned()),
            order,
            origin: Some(Arc::new(Origin {
                repository: Arc::clone(repository),
                tree: entry.id.clone(),
                signature: signed,
            })),
        });
    }

    /// Looks at the entries of one folder and those below.
    fn folder(&mut self, place: &Place<'_>) {
        for listed in place.names {
            let name = listed.name.to_bytes();
            let text = match place.shown {
                "" => shown(name),
                parent => format!("{parent}/{}", shown(name)),
            };
            let spot = place.spot.join(OsStr::from_bytes(name));
            if let Err(error) = self.entry(place, listed, &spot, &text) {
                self.report(*unreadable("")(error), &text);
            }
        }
    }

    fn entry(&mut self, place: &Place<'_>, listed: &Listed, spot: &Spot, text: &str) -> io::Result<()> {
        let name = listed.name.to_bytes();
        let kind = match listed.kind {
            FileType::Unknown => door::look(place.folder.fd()?, &listed.name)?.kind,
            kind => kind,
        };
        if kind != FileType::Directory {
            self.file(place, kind, name, spot, text);
            return Ok(());
        }
        if is_passed_over(name) {
            self.pass_over(name, text.to_owned());
            return Ok(());
        }
        let version = std::str::from_utf8(name).ok().filter(|name| Version::strict(name).is_ok());
        if let Some(version) = version.filter(|_| place.depth >= 2) {
            let is_signed = has_signature(name, place.names);
            self.add(PackageKind::Folder, spot, spot.clone(), text, Some(version.to_owned()), is_signed);
            return Ok(());
        }
        if place.depth >= MAX_DEPTH {
            self.report(Problem::new(Rule::FoldersTooDeep, "folders below are not searched for zips"), text);
            return Ok(());
        }
        let mut folder = disk::open_folder(place.folder.fd()?, &listed.name)?;
        let names = disk::list(&mut folder, usize::MAX)?;
        let before = self.found();
        self.folder(&Place { folder: &folder, names: &names, spot, shown: text, depth: place.depth + 1 });
        let is_barren = place.depth >= 2 && before == self.found();
        if holds_package(&folder, &names, spot) {
            self.misplaced(before, &shown(name), text.to_owned());
        } else if is_barren || names.iter().any(|listed| listed.name.to_bytes() == MANIFEST) {
            self.skip(&shown(name), text);
        }
        Ok(())
    }

    fn skip(&mut self, name: &str, text: &str) {
        let message = format!("the folder is skipped: `{name}` is not a version such as `1.0.0`");
        self.report(Problem::new(Rule::NotAVersionFolder, message), text);
    }

    /// Notes a folder that is meant to be a package and lies where none is searched. Its own folders are no strays.
    fn misplaced(&mut self, before: Found, name: &str, text: String) {
        let mut below = self.problems.split_off(before.problems);
        below.retain(|problem| problem.rule != Rule::NotAVersionFolder);
        self.problems.append(&mut below);
        self.misplaced.truncate(before.misplaced);
        let is_version = Version::strict(name).is_ok();
        if is_version {
            let message = "the folder is skipped: a version folder lies in a folder, as in `acme/1.0.0`";
            self.report(Problem::new(Rule::NotAVersionFolder, message).hint("move it into a folder"), &text);
        } else {
            self.skip(name, &text);
        }
        // A misspelt version is a fault of one package, not of the layer.
        if is_version || !is_like_version(name) {
            self.misplaced.push(text);
        }
    }

    fn pass_over(&mut self, name: &[u8], text: String) {
        // What this program keeps in layers is no news.
        if name != JOURNAL_FOLDER.as_bytes() {
            self.passed_over.push(text);
        }
    }

    /// One note for the whole layer.
    fn tell_passed_over(&mut self) {
        let message = match self.passed_over.len() {
            0 => return,
            1 => format!("1 folder is passed over: {}", few(&self.passed_over)),
            count => format!("{count} folders are passed over: {}", few(&self.passed_over)),
        };
        self.report(Problem::new(Rule::PassedOver, message), "");
    }

    /// Looks at an entry that is not a folder. A link to a folder is not one.
    fn file(&mut self, place: &Place<'_>, kind: FileType, name: &[u8], spot: &Spot, text: &str) {
        let is_link = kind == FileType::Symlink;
        if name.ends_with(b".zip") {
            match self.target(is_link, spot) {
                Some(target) => {
                    self.add(PackageKind::Zip, spot, target, text, None, has_signature(name, place.names));
                }
                None => {
                    let message = "the zip is skipped: it is a symbolic link, which is not followed";
                    self.report(Problem::new(Rule::SymlinkSkipped, message).hint(LINK_HINT), text);
                }
            }
        } else if is_other_archive(name) {
            let message = "the file is ignored: packages are version folders and files that end with `.zip`";
            self.report(Problem::new(Rule::OtherArchive, message), text);
        } else if is_link
            && !name.ends_with(b".sig")
            && (place.depth == 2 || (place.depth == 1 && spot.path().is_dir()))
        {
            let message = "the symbolic link is skipped: packages are not searched behind links";
            self.report(Problem::new(Rule::SymlinkSkipped, message), text);
        } else if place.depth == 2 && !name.ends_with(b".sig") && name != MANIFEST {
            let message = "the file is ignored: only version folders, zips and signatures are expected here";
            self.report(Problem::new(Rule::NotAVersionFolder, message).hint("remove it"), text);
        }
    }

    /// What is opened for a zip: itself, or what a link leads to if the layer allows it. A link to nothing is found out
    /// when it is opened: in a layer of links it is a zip that is missing.
    fn target(&self, is_link: bool, spot: &Spot) -> Option<Spot> {
        if !is_link {
            return Some(spot.clone());
        }
        Spot::behind(&spot.path(), &self.targets).unwrap_or_else(|_| Some(spot.clone()))
    }

    /// Adds a candidate that lies at `place`, unless something that is no file lies where its signature should.
    fn add(
        &mut self,
        kind: PackageKind,
        place: &Spot,
        spot: Spot,
        package: &str,
        folder_version: Option<String>,
        is_signed: bool,
    ) {
        let order = WalkOrder::new(kind, self.position);
        self.position += 1;
        let signature = if is_signed { self.signature(place.signature()) } else { Ok((None, false)) };
        let (signature, has_linked_signature) = match signature {
            Ok(signature) => signature,
            Err(problem) => return self.report(*problem, package),
        };
        self.candidates.push(Candidate {
            layer: self.layer.to_owned(),
            package: package.to_owned(),
            path: place.path(),
            spot,
            kind,
            folder_version,
            signature,
            has_linked_signature,
            order,
            origin: None,
        });
    }

    /// The signature at a place, and whether a link lies there that is not followed.
    fn signature(&self, spot: Spot) -> Result<(Option<Spot>, bool), Box<Problem>> {
        match spot.look().map(|found| found.kind) {
            Ok(FileType::RegularFile) => Ok((Some(spot), false)),
            Ok(FileType::Symlink) => {
                let target = Spot::behind(&spot.path(), &self.targets).unwrap_or_default();
                let is_skipped = target.is_none();
                Ok((target, is_skipped))
            }
            Ok(_) => Err(Problem::new(Rule::SignatureNotAFile, "its signature is not a regular file").into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, false)),
            Err(error) => {
                Err(Problem::new(reading_rule(&error), format!("its signature cannot be read: {error}")).into())
            }
        }
    }

    fn report(&mut self, problem: Problem, package: &str) {
        self.problems.push(problem.within(self.layer, package));
    }
}

/// Returns true if the folder lists `<name>.sig`. Asking the disk for each candidate would cost more.
fn has_signature(name: &[u8], names: &[Listed]) -> bool {
    let wanted = [name, b".sig"].concat();
    names.binary_search_by(|listed| CStr::to_bytes(&listed.name).cmp(&wanted)).is_ok()
}
