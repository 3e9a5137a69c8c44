//! The keep files that configuration or arguments name.

use crate::config::file::Mistakes;
use crate::select::keep_file::KeepFile;
use crate::select::resolved::keep_files;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
