//! Which paths a package may use.
//!
//! A path of a package becomes a path below the document root, a URL and the name of a zip member. A path that is ambiguous
//! in any of the three is refused, in folders and zips alike. Touches no disk.

use super::Limits;
use crate::base::problem::Problem;
use crate::base::rule::Rule;

/// Longest component that every common file system can hold.
const MAX_COMPONENT_BYTES: usize = 255;

/// Returns the name of an entry if it is safe everywhere, else a quarantine with the reason. `parent` is the folder of the
/// entry, empty or with a trailing slash.
pub(super) fn check_component<'a>(parent: &str, name: &'a [u8]) -> Result<&'a str, Box<Problem>> {
    component(name).map_err(|fault| fault.of(format!("{parent}{}", shown(name))))
}

/// Checks a whole path: the name of a zip member, without the trailing slash of folders.
pub(super) fn check_path(name: &[u8]) -> Result<&str, Box<Problem>> {
    let check = || {
        name.split(|&byte| byte == b'/').try_for_each(|name| component(name).map(|_| ()))?;
        std::str::from_utf8(name).map_err(|_| Fault::NOT_UTF8)
    };
    check().map_err(|fault| fault.of(shown(name)))
}

/// Why a name is refused: rule and reason.
struct Fault(Rule, &'static str);

impl Fault {
    const NOT_UTF8: Self = Self(Rule::UnsafeName, "the name is not valid UTF-8");

    fn of(self, file: String) -> Box<Problem> {
        Problem::new(self.0, self.1).file(file).hint("rename it").into()
    }
}

fn component(name: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(name).map_err(|_| Fault::NOT_UTF8)?;
    if matches!(text, "" | "." | "..") {
        Err(Fault(Rule::UnsafePath, "the path is absolute or has an empty, `.` or `..` component"))
    } else if text.contains(char::is_control) {
        Err(Fault(Rule::UnsafeName, "the name has a control character"))
    } else if text.contains('\\') {
        Err(Fault(Rule::UnsafeName, "the name has a back-slash"))
    } else if has_version(text) {
        Err(Fault(Rule::UnsafeName, "the name ends with `;` and a number, which programs that unpack zips cut off"))
    } else if text.len() > MAX_COMPONENT_BYTES {
        Err(Fault(Rule::PathTooLong, "the name has more than 255 bytes"))
    } else {
        Ok(text)
    }
}

/// Returns true for a name like `file;1`, by which VMS tells versions of a file apart. The number may be missing.
fn has_version(name: &str) -> bool {
    name.trim_end_matches(|character: char| character.is_ascii_digit()).ends_with(';')
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
    Err(Problem::new(Rule::PathTooLong, reason).file(path).into())
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
            (Rule::TooManyEntries, format!("the package has more than {max_entries} files and folders"))
        } else if size > max_file_bytes {
            (Rule::FileTooLarge, format!("the file has {size} bytes, more than the limit of {max_file_bytes}"))
        } else if self.bytes > max_package_bytes {
            (Rule::PackageTooLarge, format!("the package has more than {max_package_bytes} unpacked bytes"))
        } else {
            return Ok(());
        };
        Err(Problem::new(rule, reason).file(path).into())
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
