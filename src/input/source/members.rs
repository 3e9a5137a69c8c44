//! Which members of a zip make up the package, and whether all of them are acceptable.
//!
//! Works on the central directory alone. The zip is published unchanged and unpacked by others, so a hostile member outside
//! of the package's root quarantines the package too. Knows nothing of disks.

use super::Limits;
use super::headers::{Header, ambiguous, damaged};
use super::names::{Tally, check_length, check_path, shown};
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::package::{Entry, EntryKind};
use std::collections::BTreeMap;
use zip::CompressionMethod;
use zip::read::{ZipArchiveMetadata, ZipFileEntry};

/// The package's part of a zip.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Name of the folder that holds the package.
    pub(super) root: String,
    /// In the order of the central directory, paths below the root.
    pub(super) entries: Vec<Entry>,
    /// From a file's path below the root to its index in the central directory.
    pub(super) files: BTreeMap<String, usize>,
    pub(super) warnings: Vec<Problem>,
}

/// One member whose name is safe.
struct Member<'a> {
    /// Without the trailing slash of folders.
    name: &'a str,
    kind: EntryKind,
    size: u64,
}

/// Checks all members, finds the root and lists what lies below. The headers are those of the directory, in its order.
pub(super) fn check(
    headers: &[Header],
    directory: &ZipArchiveMetadata,
    zip_bytes: u64,
    limits: &Limits,
) -> Result<Members, Box<Problem>> {
    let entries = (0..directory.len()).map(|index| directory.entry(index)).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(|error| damaged(error.to_string()))?;
    let members = check_each(headers, &entries, zip_bytes, limits)?;
    check_kinds(&members)?;
    let root = members.iter().find_map(|member| {
        let root = member.name.strip_suffix("/manifest.yml")?;
        (!root.contains('/')).then(|| format!("{root}/"))
    });
    let Some(root) = root else {
        let reason = "failed to determine the root directory: no member is called `<folder>/manifest.yml`";
        return Err(Problem::new(Rule::ZipWithoutRoot, reason).into());
    };
    below(&root, &members, limits)
}

/// Checks each member by itself, and the sum of their sizes.
fn check_each<'a>(
    headers: &[Header],
    entries: &'a [ZipFileEntry<'_>],
    zip_bytes: u64,
    limits: &Limits,
) -> Result<Vec<Member<'a>>, Box<Problem>> {
    let mut tally = Tally::new(limits);
    let mut members = Vec::with_capacity(entries.len().min(limits.max_entries));
    for (header, entry) in headers.iter().zip(entries) {
        let member = check_one(header, entry)?;
        tally.add(member.name, member.size)?;
        members.push(member);
    }
    let unpacked = tally.bytes();
    if unpacked > zip_bytes.saturating_mul(limits.max_zip_ratio) {
        let reason =
            format!("{zip_bytes} bytes unpack to {unpacked}, more than {} times as many", limits.max_zip_ratio);
        return Err(Problem::new(Rule::ZipBomb, reason).into());
    }
    Ok(members)
}

fn check_one<'a>(header: &Header, entry: &'a ZipFileEntry<'_>) -> Result<Member<'a>, Box<Problem>> {
    /// The bits of a Unix mode that tell the kind of file.
    const KIND_MASK: u64 = 0o170_000;
    let raw = entry.name_raw();
    let refuse = |rule, reason: &str| Err(Problem::new(rule, reason).file(shown(raw)).into());
    let (name, kind) = match raw.strip_suffix(b"/") {
        Some(name) => (check_path(name)?, EntryKind::Folder),
        None => (check_path(raw)?, EntryKind::File),
    };
    let expected_mode = if kind == EntryKind::Folder { 0o040_000 } else { 0o100_000 };
    match header.mode() & KIND_MASK {
        0 => {}
        mode if mode == expected_mode => {}
        0o120_000 => return refuse(Rule::ZipSymlink, "the member is a symbolic link"),
        _ => return refuse(Rule::SpecialFile, "the member is not what its name says, a file or a folder"),
    }
    if header.is_label() || (header.is_folder_of_dos() && kind == EntryKind::File) {
        return refuse(
            Rule::SpecialFile,
            "its attributes of DOS say that the member is a folder or the label of a disk",
        );
    }
    if entry.encrypted() {
        return refuse(Rule::ZipEncrypted, "the member is encrypted");
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        let reason = format!("the member is compressed by an unsupported method: {}", entry.compression());
        return refuse(Rule::ZipMethod, &reason);
    }
    if let Some(reason) = header.unusual_need() {
        return Err(ambiguous(raw, reason));
    }
    if kind == EntryKind::Folder && entry.size() > 0 {
        return refuse(Rule::SpecialFile, "the member is a folder that has content");
    }
    Ok(Member { name, kind, size: entry.size() })
}

/// Refuses a name that is both a file and a folder: the result of unpacking it would depend on the order.
fn check_kinds(members: &[Member<'_>]) -> Result<(), Box<Problem>> {
    let kinds: BTreeMap<&str, EntryKind> = members.iter().map(|member| (member.name, member.kind)).collect();
    let is_file = |name: &str| kinds.get(name) == Some(&EntryKind::File);
    let is_folder = |name: &str| kinds.get(name) == Some(&EntryKind::Folder);
    for member in members {
        let same_name = match member.kind {
            EntryKind::File => is_folder(member.name),
            EntryKind::Folder => is_file(member.name),
        };
        let mut parents = member.name.match_indices('/').map(|(end, _)| &member.name[..end]);
        if same_name || parents.any(is_file) {
            let reason = "a part of the path is both a file and a folder";
            return Err(Problem::new(Rule::ZipFileAndFolder, reason).file(member.name).into());
        }
    }
    Ok(())
}

/// Lists what lies below the root, given with its trailing slash.
fn below(root: &str, members: &[Member<'_>], limits: &Limits) -> Result<Members, Box<Problem>> {
    let mut result = Members { root: root.trim_end_matches('/').to_owned(), ..Members::default() };
    let mut outside = None;
    for (index, member) in members.iter().enumerate() {
        let Some(path) = member.name.strip_prefix(root) else {
            let is_root = member.kind == EntryKind::Folder && root.strip_suffix('/') == Some(member.name);
            outside = outside.or((!is_root).then_some(member.name));
            continue;
        };
        check_length(path, limits)?;
        if member.kind == EntryKind::File {
            result.files.insert(path.to_owned(), index);
        }
        result.entries.push(Entry { path: path.to_owned(), kind: member.kind, size: member.size });
    }
    if let Some(name) = outside {
        let reason = format!("Kibana refuses it: a member lies outside of the package's root `{root}`");
        result.warnings.push(Problem::new(Rule::ZipOutsideRoot, reason).file(name));
    }
    Ok(result)
}

/// The warning about a member that Kibana knows by another name than the registry, or refuses for its name.
pub(super) fn misread_name(header: &Header) -> Option<Problem> {
    let reason = match header.name.as_slice() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => "Kibana refuses it: a name in the zip begins with a drive",
        _ if header.has_unmarked_name() => {
            "Kibana reads another name: this one is not ASCII, and the zip does not say that it is UTF-8"
        }
        _ => return None,
    };
    Some(Problem::new(Rule::KibanaZipName, reason).file(shown(&header.name)))
}
