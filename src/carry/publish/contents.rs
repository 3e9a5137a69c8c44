//! The files of a generation as folders of objects, as they shall be in the store.
//!
//! A version is a folder `v/<digest>`, whose name is made from the keys, contents and headers of its objects. All else is
//! the folder `g/<generation>`; with `--whole` everything is the folder `g/<generation>-whole`. Inside a folder, keys
//! are paths of the document root. Reads the generation's manifest; knows nothing of stores.

use super::object::{Folder, Headers, Object, Source};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs;
use crate::base::headers::CacheClass;
use crate::base::{file_notes, media};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// File in a generation's folder that maps `<name>-<version>` to the folder of the version.
pub const PLACES: &str = "places.json";
/// The same map as lines `<name>-<version> <folder>`, the form that HAProxy reads.
pub const PLACES_MAP: &str = "places.map";
/// Form of [`super::POINTER`], which names the generation in use.
const POINTER_SCHEMA: &str = "epr-build/current/1";

/// The generation that readers see, with what they can distinguish it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Name of the generation.
    pub generation: String,
    /// Versions by `<name>-<version>`.
    pub versions: BTreeMap<String, VersionState>,
    /// Digests of the files in the top folder, by path.
    pub fixed: BTreeMap<String, Digest>,
}

/// One version in [`Current`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionState {
    /// Name of the folder.
    pub folder: String,
    /// Half the digest of its document.
    pub document: String,
}

/// Everything that a generation needs in the store.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Name of the distribution.
    pub distribution: String,
    /// The folders of its versions.
    pub versions: Vec<Folder>,
    /// Answers, documents and tables.
    pub answers: Folder,
    /// The generation as readers see it.
    pub current: Current,
}

#[derive(Deserialize)]
struct GenerationManifest {
    schema: String,
    distribution: String,
    generation: String,
    files: BTreeMap<String, ListedFile>,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct ListedFile {
    size: u64,
    sha256: Digest,
    media_type: String,
    cache: CacheClass,
    #[serde(default)]
    gzip_sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct Package {
    path: String,
    cache: CacheClass,
    files: BTreeMap<String, PackageFile>,
}

#[derive(Deserialize)]
struct PackageFile {
    digest: Digest,
    size: u64,
    media_type: String,
    #[serde(default)]
    gzip: Option<GzipCopy>,
}

#[derive(Deserialize)]
struct GzipCopy {
    digest: Digest,
    size: u64,
}

impl Contents {
    /// Reads a generation, given its folder.
    ///
    /// # Errors
    /// When it cannot be read, or is of another version of this program.
    pub fn read(generation: &Path) -> Result<Self> {
        let path = generation.join("manifest.json");
        let manifest: GenerationManifest = fs::read_json(&path)?;
        let known = "epr-build/manifest/1";
        ensure!(manifest.schema == known, "{} is of the form `{}`, not `{known}`", path.display(), manifest.schema);
        let GenerationManifest { distribution, generation: id, mut files, packages, .. } = manifest;
        let site = generation.join("site");
        let mut current = Current { generation: id.clone(), versions: BTreeMap::new(), fixed: BTreeMap::new() };
        let mut versions = Vec::new();
        for package in &packages {
            let Some((name, version)) = package.path.strip_prefix("/package/").and_then(|rest| rest.split_once('/'))
            else {
                bail!("{} lists a package at `{}`", path.display(), package.path)
            };
            let folder = version_folder(package, &mut files, &site, name, version);
            let document = files.get(&format!("/documents/{name}/{version}.json"));
            let document = document.with_context(|| format!("{} lists no document for {name}", path.display()))?;
            let state = VersionState { folder: folder.name.clone(), document: document.sha256.short(32) };
            current.versions.insert(format!("{name}-{version}"), state);
            versions.push(folder);
        }
        for (path, listed) in files.iter().filter(|(path, _)| !path[1..].contains('/')) {
            current.fixed.insert(path.clone(), listed.sha256);
        }
        let mut objects = Vec::new();
        for (path, listed) in &files {
            site_objects(&site, path, listed, &mut objects)?;
        }
        for name in ["routes.json", file_notes::FILE, "manifest.json"] {
            let path = generation.join(name);
            let bytes = fs::read(&path)?;
            objects.push(table(name, media::JSON, Source::File(path), &bytes));
        }
        for (name, media_type, text) in places(&current)? {
            objects.push(table(name, media_type, Source::Bytes(text.clone().into_bytes()), text.as_bytes()));
        }
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(Self { distribution, versions, answers: Folder { name: format!("g/{id}"), objects }, current })
    }

    /// Puts the versions into the folder of the generation, which is then a whole document root: for routers that
    /// look up no folders. Nothing is shared between generations.
    ///
    /// # Errors
    /// Only when memory runs out.
    pub fn in_one_folder(mut self) -> Result<Self> {
        let name = format!("{}-whole", self.answers.name);
        self.current.versions.values_mut().for_each(|version| version.folder.clone_from(&name));
        let mut objects = self.answers.objects;
        objects.retain(|object| ![PLACES, PLACES_MAP].contains(&object.key.as_str()));
        objects.extend(self.versions.drain(..).flat_map(|folder| folder.objects));
        for (name, media_type, text) in places(&self.current)? {
            objects.push(table(name, media_type, Source::Bytes(text.clone().into_bytes()), text.as_bytes()));
        }
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        self.answers = Folder { name, objects };
        Ok(self)
    }

    /// The text of the object that names the generation in use.
    pub fn pointer(&self) -> String {
        let (generation, folder) = (&self.current.generation, &self.answers.name);
        let pointer = serde_json::json!({
            "schema": POINTER_SCHEMA,
            "distribution": self.distribution,
            "generation": generation,
            "path": folder,
            "places": format!("{folder}/{PLACES}"),
        });
        format!("{pointer:#}\n")
    }

    /// All folders, versions first.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.versions.iter().chain([&self.answers])
    }
}

/// The folder of a generation that the text of a pointer names.
pub(super) fn folder_of_pointer(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Pointer {
        path: String,
    }
    serde_json::from_slice(text).ok().map(|Pointer { path }| path)
}

/// The folder of a version; takes its zip and signature out of the other files.
fn version_folder(
    package: &Package,
    files: &mut BTreeMap<String, ListedFile>,
    site: &Path,
    name: &str,
    version: &str,
) -> Folder {
    let mut objects = Vec::new();
    let mut add = |path: &str, size, sha256, media_type: &str, is_gzip, cache: CacheClass| {
        let headers = Headers { media_type: media_type.to_owned(), is_gzip, cache: cache.header() };
        let key = path[1..].to_owned();
        objects.push(Object { source: Source::File(site.join(&key)), key, size, sha256, headers });
    };
    for (path, file) in &package.files {
        let path = format!("{}/{path}", package.path);
        add(&path, file.size, file.digest, &file.media_type, false, package.cache);
        if let Some(gzip_copy) = &file.gzip {
            add(&format!("{path}.gz"), gzip_copy.size, gzip_copy.digest, &file.media_type, true, package.cache);
        }
    }
    for end in [".zip", ".zip.sig"] {
        let path = format!("/epr/{name}/{name}-{version}{end}");
        if let Some(listed) = files.remove(&path) {
            add(&path, listed.size, listed.sha256, &listed.media_type, false, listed.cache);
        }
    }
    objects.sort_by(|left, right| left.key.cmp(&right.key));
    Folder { name: format!("v/{}", digest(&objects).short(32)), objects }
}

/// The digest of keys, contents and headers.
fn digest(objects: &[Object]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.text("epr-build/folder/1");
    for Object { key, sha256, headers, .. } in objects {
        hasher.text(key);
        hasher.update(sha256.bytes());
        hasher.text(&headers.media_type);
        hasher.number(headers.is_gzip.into());
        hasher.text(headers.cache);
    }
    hasher.finish()
}

/// A file of the document root and its gzip copy, whose size the manifest does not say.
fn site_objects(site: &Path, path: &str, listed: &ListedFile, objects: &mut Vec<Object>) -> Result<()> {
    let key = &path[1..];
    let headers = Headers { media_type: listed.media_type.clone(), is_gzip: false, cache: listed.cache.header() };
    if let Some(sha256) = listed.gzip_sha256 {
        let key = format!("{key}.gz");
        let file = site.join(&key);
        let size = fs::metadata(&file)?.len();
        let headers = Headers { is_gzip: true, ..headers.clone() };
        objects.push(Object { key, source: Source::File(file), size, sha256, headers });
    }
    let source = Source::File(site.join(key));
    objects.push(Object { key: key.to_owned(), source, size: listed.size, sha256: listed.sha256, headers });
    Ok(())
}

/// A table for routers: its path names the generation, so it never changes.
fn table(name: &str, media_type: &str, source: Source, bytes: &[u8]) -> Object {
    let headers = Headers { media_type: media_type.to_owned(), is_gzip: false, cache: CacheClass::Immutable.header() };
    Object { key: name.to_owned(), source, size: bytes.len() as u64, sha256: Digest::of(bytes), headers }
}

/// The map of versions to folders, in both forms.
fn places(current: &Current) -> Result<[(&'static str, &'static str, String); 2]> {
    let versions: BTreeMap<_, _> = current.versions.iter().map(|(stem, version)| (stem, &version.folder)).collect();
    let lines = versions.iter().map(|(stem, folder)| format!("{stem} {folder}\n")).collect();
    let json = serde_json::json!({
        "schema": "epr-build/places/1",
        "generation": current.generation,
        "versions": versions,
    });
    let json = serde_json::to_string(&json).context("cannot write the places of versions")?;
    Ok([(PLACES, media::JSON, json + "\n"), (PLACES_MAP, media::TEXT, lines)])
}
