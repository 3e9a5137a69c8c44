//! Reads an image from end to end, and finds out what lies in it. Of the packages one at a time is on the disk.
//!
//! Zips are looked at as they pass. Whether there are version folders shows only at the end; then the image is read once more,
//! and these are unpacked into a temporary folder and made into the zips that a build would make of them.

use super::super::facts::{Facts, Key};
use super::super::listing::{self, Refused};
use super::super::scan::BOUNDS;
use super::catalogue::{Catalogue, Lying, Place};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{self, TemporaryFolder};
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::base::shown::printable;
use crate::config::limits::Limits;
use crate::dialect::version::Version;
use crate::input::image::{IntoFolder, SavedImage, Sink, placed};
use crate::input::source::{Candidate, OpenPackage};
use crate::openpgp::MOST_SIGNATURE_BYTES;
use crate::package::{self, Findings, ReadContext};
use crate::store::content::{StoreError, with_made_archive};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of all signatures.
const ALL_SIGNATURE_BYTES: u64 = 256 << 20;
/// Most zips and version folders.
const MOST_VERSIONS: usize = 200_000;
const MANIFEST: &str = "manifest.yml";

/// A version, or why it is none.
type Judged = Result<(Key, Lying), String>;

/// Reads an image.
///
/// # Errors
/// When it is damaged or holds no packages, or this machine fails.
pub(super) fn read(image: &SavedImage, limits: &Limits, progress: &Progress) -> Result<Catalogue> {
    let scratch = TemporaryFolder::new()?;
    let mut looking = Looking {
        limits: *limits,
        findings: Findings::default(),
        spool: scratch.path().join("package.zip"),
        judged: BTreeMap::new(),
        signatures: BTreeMap::new(),
        signature_bytes: 0,
        manifests: BTreeSet::new(),
    };
    image.lay_over(&mut looking, progress)?;
    // What lies in a version folder is a part of it.
    let roots = version_folders(&looking.manifests);
    let is_in_folder = |path: &Path| path.ancestors().any(|above| roots.contains(above));
    looking.judged.retain(|path, _| !is_in_folder(path));
    if !roots.is_empty() {
        let unpacked = TemporaryFolder::new()?;
        image.lay_over(&mut IntoFolder::new(unpacked.path(), is_in_folder)?, progress)?;
        progress.begin("making zips of folders", roots.len() as u64);
        for root in &roots {
            looking.judged.insert(root.clone(), folder(unpacked.path(), root, limits, &looking.findings)?);
            progress.step();
        }
        progress.finish();
    }
    let catalogue = catalogue(looking);
    let hint = "the packages of an image lie below `/packages`, or it was made by `epr-build image`";
    ensure!(!catalogue.versions.is_empty() || !catalogue.refused.is_empty(), "it holds no packages\nhint: {hint}");
    Ok(catalogue)
}

/// Folders with a manifest whose name is a version, and that lie in no other such folder.
fn version_folders(manifests: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let name = |folder: &Path| folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let is_version = |folder: &Path| name(folder).is_some_and(|name| Version::strict(&name).is_ok());
    let is_one = |folder: &Path| manifests.contains(folder) && is_version(folder);
    manifests.iter().filter(|folder| is_one(folder) && !folder.ancestors().skip(1).any(is_one)).cloned().collect()
}

/// Brings together what was found, each version once.
fn catalogue(looking: Looking) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut signatures = looking.signatures;
    // Zips come before folders, as in layers; within each, paths are in order.
    let (zips, folders): (Vec<_>, Vec<_>) =
        looking.judged.into_iter().partition(|(path, _)| path.extension().is_some_and(|ending| ending == "zip"));
    for (path, judged) in zips.into_iter().chain(folders) {
        let what = || printable(&path.to_string_lossy(), 120);
        match judged {
            Err(why) => catalogue.refused.push(Refused { what: what(), why }),
            Ok((key, mut lying)) => {
                if let Place::Zip { .. } = lying.place {
                    let mut beside = path.clone().into_os_string();
                    beside.push(".sig");
                    lying.signature = signatures.remove(Path::new(&beside));
                }
                match catalogue.versions.get(&key) {
                    Some(first) if first.sha256 == lying.sha256 => {}
                    Some(_) => {
                        let why = format!("it is {} {}, which lies there twice; the first one counts", key.0, key.1);
                        catalogue.refused.push(Refused { what: what(), why });
                    }
                    None => drop(catalogue.versions.insert(key, lying)),
                }
            }
        }
    }
    catalogue
}

/// Looks at packages as they pass.
struct Looking {
    limits: Limits,
    findings: Findings,
    /// Where the zip lies that is looked at.
    spool: PathBuf,
    /// Zips and version folders by their paths in the image.
    judged: BTreeMap<PathBuf, Judged>,
    signatures: BTreeMap<PathBuf, String>,
    signature_bytes: u64,
    /// Folders with a manifest: version folders, and such as lie in them.
    manifests: BTreeSet<PathBuf>,
}

impl Sink for Looking {
    fn wants(&self, path: &Path) -> bool {
        is_zip(path) || is_signature(path) || path.file_name().is_some_and(|name| name == MANIFEST)
    }

    fn file(&mut self, layer: usize, source: &Path, names: &[PathBuf], content: &mut dyn Read) -> Result<()> {
        ensure!(self.judged.len() + self.manifests.len() <= MOST_PATHS, "it holds more than {MOST_PATHS} packages");
        let zips = names.iter().any(|name| is_zip(name));
        let judged = if zips { Some(self.zip(layer, source, content)?) } else { None };
        for name in names {
            if let Some(judged) = judged.as_ref().filter(|_| is_zip(name)) {
                ensure!(self.judged.len() < MOST_VERSIONS, "it holds more than {MOST_VERSIONS} packages");
                self.judged.insert(name.clone(), judged.clone());
            } else if name.file_name().is_some_and(|name| name == MANIFEST) {
                self.manifests.extend(name.parent().map(Path::to_owned));
            }
        }
        if !zips && names.iter().any(|name| is_signature(name)) {
            let mut text = Vec::new();
            // One byte more than there may be shows that it is too long.
            content.take(MOST_SIGNATURE_BYTES + 1).read_to_end(&mut text).context("it is damaged")?;
            self.signature_bytes += text.len() as u64;
            ensure!(
                self.signature_bytes <= ALL_SIGNATURE_BYTES,
                "its signatures have more than {ALL_SIGNATURE_BYTES} bytes"
            );
            let text = String::from_utf8_lossy(&text).into_owned();
            for name in names.iter().filter(|name| is_signature(name)) {
                self.signatures.insert(name.clone(), text.clone());
            }
        }
        Ok(())
    }

    fn link(&mut self, path: &Path) -> Result<()> {
        if is_zip(path) {
            let why = "it is a symbolic link, which is not followed".to_owned();
            self.judged.insert(path.to_owned(), Err(why));
        }
        Ok(())
    }
}

impl Looking {
    /// Judges a zip.
    fn zip(&mut self, layer: usize, path: &Path, content: &mut dyn Read) -> Result<Judged> {
        let most = self.limits.max_package_bytes;
        let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; 1 << 16]);
        let mut file = fs::create(&self.spool)?;
        loop {
            let count = content.read(&mut buffer).context("it is damaged")?;
            if count == 0 {
                break;
            }
            size += count as u64;
            if size > most {
                return Ok(Err(format!("the zip has more than the limit of {most} bytes")));
            }
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count]).with_context(|| format!("cannot write {}", self.spool.display()))?;
        }
        drop(file);
        let candidate = Candidate::named(&self.spool, "")?;
        let place = Place::Zip { layer, path: path.to_owned() };
        let opened = OpenPackage::open(&candidate, &self.limits);
        Ok(match opened {
            Ok(files) => {
                judge(&files, None, &self.findings).map(|(key, told)| (key, told.lying(place, hasher.finish(), size)))
            }
            Err(problem) => Err(said(&problem)),
        })
    }
}

/// Most files that are remembered.
const MOST_PATHS: usize = 1_000_000;

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "zip")
}

fn is_signature(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".zip.sig")
}

/// What a package says of itself.
struct Told {
    item: String,
    format_version: Option<String>,
    license: Option<String>,
}

impl Told {
    /// With where it lies, and digest and bytes of its zip.
    fn lying(self, place: Place, sha256: Digest, size: u64) -> Lying {
        let Self { item, format_version, license } = self;
        Lying { place, size, sha256, signature: None, format_version, license, item }
    }
}

/// Reads a package as a build does. What a build would leave out is refused.
fn judge(files: &OpenPackage, version: Option<&str>, findings: &Findings) -> Result<(Key, Told), String> {
    let context = ReadContext {
        folder_version: version,
        signed: false,
        require_validation: false,
        allow_dashed_folders: true,
        findings: Some(findings),
    };
    let (package, problems) = package::read(files, &context);
    let Some(package) = package else {
        let worst = problems.iter().find(|problem| problem.is_quarantine());
        return Err(worst.map_or_else(|| "it cannot be read".to_owned(), said));
    };
    let deprecated = package.facts.deprecated.as_ref();
    let mut element = String::new();
    package.item.render(&mut element, |_| true, deprecated);
    let document: Value = serde_json::from_str(&package.info.render(None))
        .map_err(|error| format!("its document is damaged: {error}"))?;
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let listed = listing::read(format!("[{element}]").as_bytes(), "", &BOUNDS).map_err(|error| error.to_string())?;
    if let Some(refused) = listed.refused.into_iter().next() {
        return Err(refused.why);
    }
    let (key, facts) = listed.versions.into_iter().next().ok_or("it is no version")?;
    Ok((key, Told { item: facts.item, format_version: text("format_version"), license: text("license") }))
}

/// The facts of a package that lies on this machine, as an upstream of this name would have listed it.
///
/// # Errors
/// In words, if a build would leave it out.
pub(in super::super) fn facts_of(
    candidate: &Candidate,
    upstream: &str,
    limits: &Limits,
) -> Result<(Key, Facts), String> {
    let files = OpenPackage::open(candidate, limits).map_err(|problem| said(&problem))?;
    let (key, told) = judge(&files, candidate.folder_version.as_deref(), &Findings::default())?;
    let Told { item, format_version, license } = told;
    let upstream = upstream.to_owned();
    let (listed, hidden, signed, format_class, bytes) = (false, false, false, None, None);
    Ok((key, Facts { upstream, listed, hidden, signed, bytes, format_version, format_class, license, item }))
}

/// A problem in a sentence, with its file.
fn said(problem: &Problem) -> String {
    match &problem.place.file {
        Some(file) => format!("{} ({file})", problem.message),
        None => problem.message.clone(),
    }
}

/// A version folder that was unpacked: its version and its files, or why it cannot be opened.
pub(super) fn open_folder(
    unpacked: &Path,
    root: &Path,
    limits: &Limits,
) -> Result<Result<(Option<String>, OpenPackage), String>> {
    let place = unpacked.join(placed(root));
    let candidate = Candidate::named(&place, "").with_context(|| format!("cannot read {}", place.display()))?;
    let version = candidate.folder_version.clone();
    Ok(OpenPackage::open(&candidate, limits).map(|files| (version, files)).map_err(|problem| said(&problem)))
}

/// Streams the zip that a build makes of a version folder into a function. The inner error is that of the package.
pub(super) fn with_archive<T>(
    files: &OpenPackage,
    root: &str,
    use_archive: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<Result<T, String>> {
    match with_made_archive(files, root, use_archive) {
        Ok(used) => Ok(Ok(used)),
        Err(StoreError::Package(problem)) => Ok(Err(said(&problem))),
        Err(StoreError::Machine(error)) => Err(error),
    }
}

/// Judges a version folder.
fn folder(unpacked: &Path, root: &Path, limits: &Limits, findings: &Findings) -> Result<Judged> {
    let (version, files) = match open_folder(unpacked, root, limits)? {
        Ok(opened) => opened,
        Err(why) => return Ok(Err(why)),
    };
    let (key, told) = match judge(&files, version.as_deref(), findings) {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let made = with_archive(&files, &format!("{}-{}", key.0, key.1), |content| {
        let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; 1 << 16]);
        loop {
            match content.read(&mut buffer)? {
                0 => return Ok((hasher.finish(), size)),
                count => {
                    hasher.update(&buffer[..count]);
                    size += count as u64;
                }
            }
        }
    })?;
    Ok(made.map(|(sha256, size)| (key, told.lying(Place::Folder(root.to_owned()), sha256, size))))
}
