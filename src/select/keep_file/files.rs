//! The keep files that a configuration or a person names.

use super::written::KeepFile;
use crate::base::fs;
use crate::config::file::Mistakes;
use crate::config::glob::Glob;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The ending of the names of keep files.
pub const EXTENSION: &str = "keep";

/// Reads all keep files that these paths name, by site. In the last part of a path `*` and `?` are patterns.
///
/// # Errors
/// When a pattern names no file, two files are of one site, or a file is wrong. Mistakes of all files are collected.
pub fn read_all(patterns: &[PathBuf]) -> Result<Vec<KeepFile>> {
    let mut files: BTreeMap<String, (PathBuf, KeepFile)> = BTreeMap::new();
    let mut mistakes: Vec<String> = Vec::new();
    for path in keep_files(patterns)? {
        match KeepFile::read(&path) {
            Ok(file) => {
                if let Some((other, _)) = files.get(&file.site) {
                    let (one, other) = (other.display(), path.display());
                    let hint = "hint: a site has the name of its file; rename one";
                    bail!("`{one}` and `{other}` are both of site `{}`\n{hint}", file.site);
                }
                files.insert(file.site.clone(), (path, file));
            }
            Err(error) => mistakes.push(error.downcast::<Mistakes>()?.to_string()),
        }
    }
    if !mistakes.is_empty() {
        let text = mistakes.join("\n");
        bail!("{}", text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    }
    Ok(files.into_values().map(|(_, file)| file).collect())
}

/// The keep files that patterns mean, each once, in the order of their paths.
///
/// # Errors
/// When a pattern matches none, or a folder cannot be read.
pub fn keep_files(patterns: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let glob = Glob(name.to_owned());
        if glob.is_literal() {
            files.insert(pattern.clone());
            continue;
        }
        let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let found = fs::list_if_there(folder).context("cannot look for keep files")?.unwrap_or_default();
        let is_meant =
            |entry: &&fs::Entry| !entry.begins_with(".") && entry.name().is_some_and(|name| glob.matches(name));
        let before = files.len();
        files.extend(found.iter().filter(is_meant).map(|entry| entry.path.clone()));
        if files.len() == before && !found.iter().any(|entry| is_meant(&entry)) {
            let example = folder.join("site-a.keep");
            bail!(
                "no keep file is like `{}`\nhint: `epr-build keep import --kibana https://kibana.example.org:5601 --api-key-file \
                 key --output {}` writes one; without one, take `keep` out of the layer's `mirror`",
                pattern.display(),
                example.strip_prefix(".").unwrap_or(&example).display()
            );
        }
    }
    Ok(files)
}
