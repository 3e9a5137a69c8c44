//! The file or folder that holds an image: names and contents, as they are.
//!
//! A tar that is packed as a whole (`docker save | gzip`) has no places that one could go to: it is read from its beginning up
//! to what is asked for, so that nothing of it lies on the disk in between. Small members are kept when the names are read.

use super::members::{Kind, Names, Packed, Packing, most_of, unpacked};
use crate::input::door::Spot;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// An image has some hundred members.
const MOST_MEMBERS: usize = 100_000;
/// Bytes of the longest document about an image.
const MOST_DOCUMENT_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes of the longest member of a packed tar that is kept, and of all that are.
const MOST_KEPT_BYTES: u64 = 1 << 20;
const ALL_KEPT_BYTES: u64 = 64 << 20;

/// A file or folder that holds an image.
pub(super) enum Outer {
    /// Members by their names: begin and size, or the name that a link leads to.
    Tar { spot: Spot, members: BTreeMap<String, Member> },
    /// The same, packed as a whole, and the contents of small members; `most` bytes come out of it.
    Packed { spot: Spot, members: BTreeMap<String, Member>, kept: BTreeMap<String, Vec<u8>>, most: u64 },
    /// A folder.
    Folder(PathBuf),
}

/// A member of the outer tar.
pub(super) enum Member {
    File { begin: u64, size: u64 },
    Link(String),
}

impl Outer {
    /// Returns true if it looks like an image.
    pub(super) fn is_at(path: &Path) -> bool {
        if path.is_dir() {
            return path.join("oci-layout").is_file() && path.join("index.json").is_file();
        }
        let head = head(path).unwrap_or_default();
        let is_tar = |head: &[u8]| head.get(257..262) == Some(b"ustar");
        match Packing::of(&head) {
            Packing::Plain => is_tar(&head),
            _ => begin(path).is_ok_and(|begin| is_tar(&begin)),
        }
    }

    /// Returns true if it is a file that is packed as a whole.
    pub(super) fn is_packed(path: &Path) -> bool {
        !path.is_dir() && head(path).is_ok_and(|head| Packing::of(&head) != Packing::Plain)
    }

    /// Looks at the names; contents are read later.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if Self::is_packed(path) {
            return Self::open_packed(path);
        }
        let spot = named(path)?;
        let (file, stat) = spot.open()?;
        let (mut members, mut names) = (BTreeMap::new(), Names::default());
        let mut tar = tar::Archive::new(BufReader::new(file));
        for entry in tar.entries_with_seek().context("it is no tar file")?.raw(true) {
            let mut entry = entry.context("the tar file is damaged, or was cut short")?;
            let Some((name, kind)) = names.member(&mut entry)? else { continue };
            let name = text(&name).trim_start_matches("./").to_owned();
            let (begin, size) = (entry.raw_file_position(), entry.size());
            // Contents are passed over unread, also where there are none.
            ensure!(
                begin.saturating_add(size) <= stat.size,
                "the tar file was cut short: {name} ends behind its end\nhint: save or copy the image again"
            );
            add(&mut members, name, kind, begin, size)?;
        }
        Ok(Self::Tar { spot, members })
    }

    fn open_packed(path: &Path) -> Result<Self> {
        let spot = named(path)?;
        let (file, stat) = spot.open()?;
        let most = most_of(stat.size);
        let content = Box::new(BufReader::with_capacity(BUFFER_BYTES, file));
        let (mut members, mut names) = (BTreeMap::new(), Names::default());
        let (mut kept, mut room) = (BTreeMap::new(), ALL_KEPT_BYTES);
        let mut tar = tar::Archive::new(unpacked(Packed { content, most })?);
        let damaged = "the file is damaged, or was cut short";
        for entry in tar.entries().context("it is no tar file")?.raw(true) {
            let mut entry = entry.context(damaged)?;
            let Some((name, kind)) = names.member(&mut entry)? else { continue };
            let name = text(&name).trim_start_matches("./").to_owned();
            let (begin, size) = (entry.raw_file_position(), entry.size());
            if kind == Kind::File && size <= MOST_KEPT_BYTES.min(room) {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).context(damaged)?;
                room -= size;
                kept.insert(name.clone(), content);
            }
            add(&mut members, name, kind, begin, size)?;
        }
        // What is whole ends well.
        io::copy(&mut tar.into_inner(), &mut io::sink()).context(damaged)?;
        Ok(Self::Packed { spot, members, kept, most })
    }

    /// The layer that a member is.
    pub(super) fn packed(&self, name: &str) -> Result<Packed> {
        Ok(Packed { content: self.stream(name)?, most: most_of(self.size(name)?) })
    }

    /// Returns true if there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Tar { members, .. } | Self::Packed { members, .. } => members.contains_key(name),
            Self::Folder(folder) => is_plain(name) && folder.join(name).is_file(),
        }
    }

    /// Bytes of a member.
    pub(super) fn size(&self, name: &str) -> Result<u64> {
        match self {
            Self::Folder(folder) => {
                let found = Spot::new(folder, name).look();
                Ok(found.with_context(|| format!("cannot read {name}"))?.stat.size)
            }
            Self::Tar { members, .. } | Self::Packed { members, .. } => Ok(file(members, name)?.2),
        }
    }

    /// Reads a whole document.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let read = self.stream(name)?.take(MOST_DOCUMENT_BYTES + 1).read_to_end(&mut text);
        read.with_context(|| format!("cannot read {name}"))?;
        ensure!(text.len() as u64 <= MOST_DOCUMENT_BYTES, "{name} has more than {MOST_DOCUMENT_BYTES} bytes");
        Ok(text)
    }

    /// The content of a member.
    pub(super) fn stream(&self, name: &str) -> Result<Box<dyn Read>> {
        let file: Box<dyn Read> = match self {
            Self::Folder(folder) => {
                ensure!(is_plain(name), "`{name}` is no name of a member");
                let opened = Spot::new(folder, name).open();
                Box::new(opened.with_context(|| format!("cannot read {name}"))?.0)
            }
            Self::Tar { spot, members } => {
                let (_, begin, size) = file(members, name)?;
                let mut file: File = spot.open()?.0;
                file.seek(SeekFrom::Start(begin)).with_context(|| format!("cannot read {name}"))?;
                Box::new(file.take(size))
            }
            Self::Packed { spot, members, kept, most } => {
                let (name, begin, size) = file(members, name)?;
                if let Some(content) = kept.get(name) {
                    return Ok(Box::new(io::Cursor::new(content.clone())));
                }
                let content = Box::new(BufReader::with_capacity(BUFFER_BYTES, spot.open()?.0));
                let mut whole = unpacked(Packed { content, most: *most })?;
                let passed = io::copy(&mut whole.by_ref().take(begin), &mut io::sink());
                ensure!(passed.context("the file is damaged")? == begin, "the file changed while it was read");
                Box::new(whole.take(size))
            }
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
}

/// Notes a member of a tar.
fn add(members: &mut BTreeMap<String, Member>, name: String, kind: Kind, begin: u64, size: u64) -> Result<()> {
    let member = match kind {
        Kind::File => Member::File { begin, size },
        Kind::Symbolic(target) => Member::Link(beside(&name, &text(&target))),
        Kind::Hard(target) => Member::Link(text(&target)),
        Kind::Folder | Kind::Special => return Ok(()),
    };
    members.insert(name, member);
    ensure!(members.len() <= MOST_MEMBERS, "the tar file has more than {MOST_MEMBERS} members");
    Ok(())
}

/// The name under which a member lies, its begin and its size.
fn file<'a>(members: &'a BTreeMap<String, Member>, name: &'a str) -> Result<(&'a str, u64, u64)> {
    let (mut place, mut member) = (name, members.get(name).with_context(|| format!("it lacks {name}"))?);
    if let Member::Link(target) = member {
        (place, member) = (target, members.get(target).with_context(|| format!("{name} is a link to nothing"))?);
    }
    let Member::File { begin, size } = member else { bail!("{name} is a link to a link") };
    Ok((place, *begin, *size))
}

/// The first bytes of a file.
fn head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    named(path)?.open()?.0.take(512).read_to_end(&mut head)?;
    Ok(head)
}

/// The first bytes of what is packed in a file.
fn begin(path: &Path) -> Result<Vec<u8>> {
    let content = Box::new(BufReader::new(named(path)?.open()?.0));
    let mut begin = Vec::new();
    unpacked(Packed { content, most: most_of(0) })?.take(512).read_to_end(&mut begin)?;
    Ok(begin)
}

/// A name as text; what is none names nothing that is looked for.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The place of a file that a person named, through links.
fn named(path: &Path) -> Result<Spot> {
    Ok(Spot::named(&crate::base::fs::canonical(path)?))
}

/// A path of plain components.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Where a symbolic link of this name leads: `a/layer.tar` and `../b/layer.tar` are `b/layer.tar`.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
