//! The generation's own manifest inside a bundle: it must be of that generation, and list what lies in its document root.
//!
//! `verify` asks for the same of an output folder.

use super::Refusal;
use super::manifest::{BundleManifest, File, Folder, FolderEntry};
use crate::base::digest::Digest;
use crate::generation::listed::{Listed, MANIFEST};

/// Returns true for the generation's manifest, if it is in the bundle as it is.
pub(super) fn is_whole(file: &File) -> bool {
    file.path == MANIFEST && file.patch.is_none()
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
    let listed = Listed::parse(text, &manifest.distribution, &manifest.generation);
    let listed = listed.map_err(|what| Refusal::damaged(format!("`{MANIFEST}` {what}")))?;
    let odd = listed.files().find(|(path, digest)| !holds(manifest, path, digest, in_base));
    match odd {
        Some((path, _)) => Err(Refusal::damaged(format!("`{}` is not what `{MANIFEST}` lists", path.escape_default()))),
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
