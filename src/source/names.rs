//! Which paths a package may use.
//!
//! A path of a package becomes a path below the document root, a URL and a member of a zip, so whatever is ambiguous in
//! any of the three is refused here, once, for folders and zips alike. Touches no disk.

use super::Limits;
use crate::problem::Problem;

/// What every file system we know allows for one component.
const MAX_COMPONENT_BYTES: usize = 255;

/// A path component that is safe everywhere, or the quarantine that says why it is not; `parent` is the folder it lies
/// in, empty or with a trailing slash.
pub(super) fn check_component<'a>(parent: &str, name: &'a [u8]) -> Result<&'a str, Box<Problem>> {
    let refuse = |rule: &str, reason: &str| {
        let file = format!("{parent}{}", shown(name));
        Err(Problem::quarantine(rule, format!("`{file}` {reason}")).file(file).hint("rename it").into())
    };
    let Ok(text) = std::str::from_utf8(name) else {
        return refuse("unsafe-name", "is not valid UTF-8");
    };
    if matches!(text, "" | "." | "..") {
        return refuse("unsafe-path", "is absolute or has an empty, `.` or `..` component");
    }
    if text.contains(char::is_control) {
        return refuse("unsafe-name", "has a control character in its name");
    }
    if text.contains('\\') {
        return refuse("unsafe-name", "has a back-slash in its name");
    }
    if text.len() > MAX_COMPONENT_BYTES {
        return refuse("path-too-long", &format!("has a name of more than {MAX_COMPONENT_BYTES} bytes"));
    }
    Ok(text)
}

/// Checks a whole path: `name` is what a zip member is called, without the trailing slash of folders.
pub(super) fn check_path(name: &[u8]) -> Result<&str, Box<Problem>> {
    for component in name.split(|&byte| byte == b'/') {
        check_component("", component).map_err(|mut problem| {
            let file = shown(name);
            problem.message = problem.message.replacen(&shown(component), &file, 1);
            problem.place.file = Some(file);
            problem
        })?;
    }
    Ok(std::str::from_utf8(name).expect("components of valid UTF-8 joined by slashes are valid UTF-8"))
}

/// Checks the bounds of a path below the package's root.
pub(super) fn check_length(path: &str, limits: &Limits) -> Result<(), Box<Problem>> {
    let (bytes, depth) = (path.len(), path.split('/').count());
    let reason = if bytes > limits.max_path_bytes {
        format!("a path has {bytes} bytes, more than the limit of {}", limits.max_path_bytes)
    } else if depth > limits.max_depth {
        format!("a path has {depth} components, more than the limit of {}", limits.max_depth)
    } else {
        return Ok(());
    };
    Err(Problem::quarantine("path-too-long", reason).file(path).hint("shorten the path or raise the limit").into())
}

/// Counts what a package holds against its limits.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    limits: &'a Limits,
    entries: usize,
    bytes: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, entries: 0, bytes: 0 }
    }

    /// Adds one entry of the given size in bytes, 0 for a folder.
    pub(super) fn add(&mut self, path: &str, size: u64) -> Result<(), Box<Problem>> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size);
        let Limits { max_entries, max_file_bytes, max_package_bytes, .. } = *self.limits;
        let (rule, reason) = if self.entries > max_entries {
            ("too-many-entries", format!("the package has more than {max_entries} files and folders"))
        } else if size > max_file_bytes {
            ("file-too-large", format!("the file has {size} bytes, more than the limit of {max_file_bytes}"))
        } else if self.bytes > max_package_bytes {
            ("package-too-large", format!("the package has more than {max_package_bytes} unpacked bytes"))
        } else {
            return Ok(());
        };
        Err(Problem::quarantine(rule, reason).file(path).hint("make the package smaller or raise the limit").into())
    }

    /// Unpacked bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A name as it can be printed: bad UTF-8 replaced, control characters escaped.
pub(super) fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}
