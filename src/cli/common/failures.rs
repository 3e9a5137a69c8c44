//! Failures, with hints that say what to do.

use crate::base::fs::list;
use crate::base::suggest::nearest;
use crate::generation::distribution::Distribution;
use anyhow::{Error, Result, anyhow, bail};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a distribution that was built.
///
/// # Errors
/// Fails if the output folder does not hold it, with a hint that names a similar one.
pub(in crate::cli) fn built_distribution(out: &Path, name: &str) -> Result<Distribution> {
    let distribution = Distribution::new(out, name);
    if distribution.current().is_some() { Ok(distribution) } else { Err(not_built(out, name)) }
}

/// Opens the distribution that is named, or the only one that was built.
///
/// # Errors
/// Fails if the output folder does not hold it; or, where none is named, if it holds none or several.
pub(in crate::cli) fn wanted_distribution(out: &Path, name: Option<&str>) -> Result<Distribution> {
    if let Some(name) = name {
        return built_distribution(out, name);
    }
    let mut all = Distribution::all(out)?;
    all.retain(|distribution| distribution.current().is_some());
    match &mut all[..] {
        [_] => Ok(all.remove(0)),
        [] => bail!(
            "there is no distribution in `{}`\nhint: build one, or name its output folder with --out",
            out.display()
        ),
        several => {
            let names: Vec<_> = several.iter().map(|one| format!("`{}`", one.name())).collect();
            bail!(
                "there are several distributions in `{}`\nhint: name one with --dist: {}",
                out.display(),
                names.join(", ")
            )
        }
    }
}

fn not_built(out: &Path, name: &str) -> Error {
    let entries = list(out).unwrap_or_default();
    let mut built: Vec<_> = entries.iter().filter_map(|entry| entry.name().map(str::to_owned)).collect();
    built.retain(|name| Distribution::new(out, name).current().is_some());
    let built: Vec<_> = built.iter().map(String::as_str).collect();
    let hint = match nearest(name, &built) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("build it with `epr-build --dist {name}`, or name its output folder with --out"),
    };
    anyhow!("there is no distribution `{name}` in `{}`\nhint: {hint}", out.display())
}

/// The kind of error that the operating system reported, if that is the cause.
pub(in crate::cli) fn error_kind(error: &Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind.or_else(|| cause.downcast_ref::<rustix::io::Errno>().map(|errno| errno.kind()))
    })
}

/// A failure in words: what was done, why it failed, and below that what to do.
///
/// Hints come from any depth and end up last. A file that is not there or may not be read gets one in any case.
pub(in crate::cli) fn render(error: &Error) -> String {
    let (mut whats, mut hints) = (Vec::new(), Vec::new());
    for cause in error.chain() {
        let text = cause.to_string();
        match text.split_once("\nhint: ") {
            Some((what, hint)) => {
                whats.push(what.to_owned());
                hints.push(hint.to_owned());
            }
            None => whats.push(text),
        }
    }
    if hints.is_empty() {
        hints.extend(hint_of(error).map(str::to_owned));
    }
    let hints: String = hints.iter().map(|hint| format!("\nhint: {hint}")).collect();
    format!("error: {}{hints}\n", whats.join(": "))
}

/// The failure to write to a file that something else is in: a slip of the keyboard must not cost it.
pub(in crate::cli) fn other_file(file: &Path, wanted: &str) -> Error {
    anyhow!(
        "`{}` is there, and is not {wanted}\nhint: name another file with --output, or write over it with --force",
        file.display()
    )
}

fn hint_of(error: &Error) -> Option<&'static str> {
    Some(match error_kind(error)? {
        ErrorKind::NotFound => {
            "nothing is there: check the path, which begins in the present folder unless it begins with `/`"
        }
        ErrorKind::PermissionDenied => {
            "this user may not do that there: change the permissions, or run it as another user"
        }
        ErrorKind::IsADirectory => "it is a folder: name a file",
        ErrorKind::NotADirectory => "a part of the path is a file: name a folder",
        ErrorKind::ReadOnlyFilesystem => "the disk cannot be written to: name a folder on another one",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or name a folder on a larger disk",
        _ => return None,
    })
}

/// Adds a hint if the output folder is the cause of a failure.
pub(in crate::cli) fn with_output_hint(error: Error, out: &Path) -> Error {
    let hint = match error_kind(&error) {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "name a folder that you may write to with --out"
        }
        Some(ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => {
            "a file is in the way; name another folder with --out"
        }
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            "free some space, or name a folder on a larger disk with --out; the generation in use is unharmed"
        }
        _ => return error,
    };
    anyhow!("cannot write to `{}`: {error:#}\nhint: {hint}", out.display())
}
