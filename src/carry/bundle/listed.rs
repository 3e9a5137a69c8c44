//! The generation's own manifest inside a bundle: it must be of that generation, and list what lies in its document root.
//!
//! `verify` asks for the same of an output folder.

use super::Refusal;
use super::manifest::{BundleManifest, File, Folder, FolderEntry};
use crate::base::digest::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Path of the generation's manifest.
pub(super) const PATH: &str = "manifest.json";

/// Returns true for the generation's manifest, if it is in the bundle as it is.
pub(super) fn is_whole(file: &File) -> bool {
    file.path == PATH && file.patch.is_none()
}

/// Checks the generation's manifest. `in_base` tells if a content lies at a path below a folder that the base has.
///
/// # Errors
/// A [`Refusal`] when it is of another generation, or lists something else.
pub(super) fn check(
    manifest: &BundleManifest,
    text: &[u8],
    in_base: &dyn Fn(&Folder, &str, &Digest) -> bool,
) -> Result<(), Refusal> {
    let listed = Listed::parse(text, &manifest.generation);
    let listed = listed.map_err(|what| Refusal::damaged(format!("`{PATH}` {what}")))?;
    let odd = listed.files().find(|(path, digest)| !holds(manifest, path, digest, in_base));
    match odd {
        Some((path, _)) => Err(Refusal::damaged(format!("`{}` is not what `{PATH}` lists", path.escape_default()))),
        None => Ok(()),
    }
}

/// Returns true if a content lies at a path of the document root.
fn holds(
    manifest: &BundleManifest,
    path: &str,
    digest: &Digest,
    in_base: &dyn Fn(&Folder, &str, &Digest) -> bool,
) -> bool {
    let mut folder = &manifest.folders[manifest.site()];
    let mut rest = path;
    loop {
        let Some(entries) = &folder.entries else { return in_base(folder, rest, digest) };
        let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
        match entries.get(name) {
            Some(FolderEntry::Folder(inner)) if !below.is_empty() => folder = &manifest.folders[*inner],
            Some(FolderEntry::File(content)) if below.is_empty() => {
                return manifest.contents[*content].sha256 == *digest;
            }
            _ => return false,
        }
        rest = below;
    }
}

/// The parts of a generation's manifest that are verified.
#[derive(Deserialize)]
pub(super) struct Listed {
    generation: String,
    files: BTreeMap<String, ListedFile>,
    packages: Vec<ListedPackage>,
}

impl Listed {
    /// Reads the manifest of a generation; what is wrong follows upon its name in a sentence.
    pub(super) fn parse(text: &[u8], generation: &str) -> Result<Self, String> {
        let listed: Self = serde_json::from_slice(text).map_err(|_| "cannot be read".to_owned())?;
        if listed.generation == generation {
            Ok(listed)
        } else {
            Err(format!("is of the generation `{}`", listed.generation.escape_default()))
        }
    }

    /// The path of each file below the document root, and its digest.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, Digest)> {
        let own = self.files.iter().map(|(path, file)| (path.clone(), file.sha256, file.gzip_sha256));
        let packages = self.packages.iter().flat_map(|package| {
            let full = |path: &String| format!("{}/{path}", package.path);
            package
                .files
                .iter()
                .map(move |(path, file)| (full(path), file.digest, file.gzip.as_ref().map(|gzip| gzip.digest)))
        });
        own.chain(packages).flat_map(|(path, digest, gzip_copy)| {
            let path = path.trim_start_matches('/').to_owned();
            let gzip_copy = gzip_copy.map(|digest| (format!("{path}.gz"), digest));
            gzip_copy.into_iter().chain([(path, digest)])
        })
    }
}

#[derive(Deserialize)]
struct ListedFile {
    sha256: Digest,
    gzip_sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct ListedPackage {
    path: String,
    files: BTreeMap<String, ListedPackageFile>,
}

#[derive(Deserialize)]
struct ListedPackageFile {
    digest: Digest,
    gzip: Option<ListedGzipCopy>,
}

#[derive(Deserialize)]
struct ListedGzipCopy {
    digest: Digest,
}
