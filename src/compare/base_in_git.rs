//! Layers in a repository as the other side of a check: which folders of a branch they are.

use crate::base::progress::Progress;
use crate::catalog::layers::Layers;
use crate::config::location::Location;
use crate::config::settings::Settings;
use crate::dialect::version::Version;
use crate::input::git::{Kind, Repository, TreeEntry};
use crate::input::source::is_passed_over;
use anyhow::{Result, bail};

/// Folders are searched for those of layers down to this level.
const MAX_DEPTH: usize = 2;

/// Reads the layers of the settings as a repository holds them: in branches named like them if no branch is given; else in
/// folders of that branch named like them, which may lie together in another folder; or the whole branch if there are no
/// such folders and there is one layer only.
///
/// # Errors
/// When there is nothing to compare with, or it cannot be read.
pub(super) fn read(location: &Location, settings: &Settings, progress: &Progress) -> Result<Layers> {
    let path = location.to_path();
    let mut below = settings.below(&path);
    if location.reference.is_empty() {
        return Layers::read(&below, None, progress);
    }
    let repository = Repository::open(&location.clone)?;
    let commit = repository.commit(location)?;
    let Some(tree) = repository.tree_at(&commit, &location.folder)? else {
        bail!(
            "`{}` is nothing to compare with: `{}` has no folder `{}`\nhint: name the folder that holds the folders of the \
             layers",
            path.display(),
            location.reference,
            location.folder
        );
    };
    let names: Vec<&str> = settings.layers.iter().map(|layer| layer.source.name.as_str()).collect();
    let entries = repository.tree(&tree)?;
    if entries.iter().any(|entry| is_named(entry, &names)) {
        return Layers::read(&below, None, progress);
    }
    if let Some(folder) = folder_of_layers(&repository, &entries, &names, 1)? {
        let folder =
            [location.folder.as_str(), &folder].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let place = Location { folder: folder.join("/"), ..location.clone() };
        return Layers::read(&settings.below(&place.to_path()), None, progress);
    }
    if let [layer] = below.layers.as_mut_slice() {
        layer.source.paths = vec![path.clone()];
        let layers = Layers::read(&below, None, progress)?;
        if layers.intakes.iter().any(|layer| !layer.packages.is_empty()) {
            return Ok(layers);
        }
    }
    bail!(
        "`{}` is nothing to compare with\nhint: name the folder that holds a folder for each \
         layer, as in `git+file:CLONE#{}:packages`, or check one distribution of one layer; without `#` each layer is the \
         branch of its name",
        path.display(),
        location.reference
    );
}

fn is_named(entry: &TreeEntry, names: &[&str]) -> bool {
    entry.kind == Kind::Tree && names.iter().any(|name| name.as_bytes() == entry.name)
}

/// The only folder further down that holds folders of layers, which hold no versions themselves: a package may have the
/// name of a layer.
fn folder_of_layers(
    repository: &Repository,
    entries: &[TreeEntry],
    names: &[&str],
    depth: usize,
) -> Result<Option<String>> {
    let mut found = None;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Tree && !is_passed_over(&entry.name)) {
        let inner = repository.tree(&entry.id)?;
        let mut is_found = false;
        for layer in inner.iter().filter(|layer| is_named(layer, names)) {
            is_found |= !repository.tree(&layer.id)?.iter().any(is_version);
        }
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let here = if is_found {
            Some(name)
        } else if depth < MAX_DEPTH {
            folder_of_layers(repository, &inner, names, depth + 1)?.map(|below| format!("{name}/{below}"))
        } else {
            None
        };
        if let Some(here) = here {
            if found.is_some() {
                return Ok(None);
            }
            found = Some(here);
        }
    }
    Ok(found)
}

fn is_version(entry: &TreeEntry) -> bool {
    entry.kind == Kind::Tree && std::str::from_utf8(&entry.name).is_ok_and(|name| Version::strict(name).is_ok())
}
