//! What the manifest of a generation lists: every path of its document root with its digest.

use crate::base::digest::Digest;
use crate::base::fs;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the manifest in the folder of a generation.
pub const MANIFEST: &str = "manifest.json";

/// The parts of `manifest.json` that tell what lies where.
#[derive(Deserialize)]
pub struct Listed {
    distribution: String,
    generation: String,
    files: BTreeMap<String, ListedFile>,
    packages: Vec<ListedPackage>,
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

impl Listed {
    /// Reads the manifest in the folder of a generation, which must be of that generation.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence about it.
    pub fn of(folder: &Path) -> Result<Self, String> {
        // `<distribution>/generations/<id>`.
        let name = |steps: usize| {
            folder.ancestors().nth(steps).and_then(Path::file_name).unwrap_or_default().to_string_lossy()
        };
        let text = fs::read(&folder.join(MANIFEST)).map_err(|_| UNREADABLE.to_owned())?;
        Self::parse(&text, &name(2), &name(0))
    }

    /// Reads a manifest, which must be of this generation of this distribution.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence about it.
    pub fn parse(text: &[u8], distribution: &str, generation: &str) -> Result<Self, String> {
        let listed: Self = serde_json::from_slice(text).map_err(|_| UNREADABLE.to_owned())?;
        if listed.generation != generation {
            return Err(format!("is of the generation `{}`", listed.generation.escape_default()));
        }
        if listed.distribution != distribution {
            return Err(format!("is of the distribution `{}`", listed.distribution.escape_default()));
        }
        Ok(listed)
    }

    /// The path of each file below the document root, without a leading slash, and its digest.
    pub fn files(&self) -> impl Iterator<Item = (String, Digest)> {
        let own = self.files.iter().map(|(path, file)| (path.clone(), file.sha256, file.gzip_sha256));
        let packages = self.packages.iter().flat_map(|package| {
            let full = |path: &String| format!("{}/{path}", package.path);
            let of_file = move |(path, file): (&String, &ListedPackageFile)| {
                (full(path), file.digest, file.gzip.as_ref().map(|gzip_copy| gzip_copy.digest))
            };
            package.files.iter().map(of_file)
        });
        own.chain(packages).flat_map(|(path, digest, gzip_copy)| {
            let path = path.trim_start_matches('/').to_owned();
            let gzip_copy = gzip_copy.map(|digest| (format!("{path}.gz"), digest));
            gzip_copy.into_iter().chain([(path, digest)])
        })
    }
}

const UNREADABLE: &str = "cannot be read";
