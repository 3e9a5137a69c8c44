//! The file or folder that holds an image: names and contents, as they are.

use super::members::{Kind, Names};
use crate::input::door::Spot;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// An image has some hundred members.
const MOST_MEMBERS: usize = 100_000;
/// Bytes of the longest document about an image.
const MOST_DOCUMENT_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 20;

/// A file or folder that holds an image.
pub(super) enum Outer {
    /// Members by their names: begin and size, or the name that a link leads to.
    Tar { spot: Spot, members: BTreeMap<String, Member> },
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
        let mut head = Vec::new();
        let opened = named(path).and_then(|spot| Ok(spot.open()?.0.take(512).read_to_end(&mut head)?));
        opened.is_ok() && head.get(257..262) == Some(b"ustar")
    }

    /// Looks at the names; contents are read later.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
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
            let member = match kind {
                Kind::File => Member::File { begin, size },
                Kind::Symbolic(target) => Member::Link(beside(&name, &text(&target))),
                Kind::Hard(target) => Member::Link(text(&target)),
                Kind::Folder | Kind::Special => continue,
            };
            members.insert(name, member);
            ensure!(members.len() <= MOST_MEMBERS, "the tar file has more than {MOST_MEMBERS} members");
        }
        Ok(Self::Tar { spot, members })
    }

    /// Returns true if there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Tar { members, .. } => members.contains_key(name),
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
            Self::Tar { .. } => Ok(self.file(name)?.1),
        }
    }

    /// Begin and size of a member of the tar.
    fn file(&self, name: &str) -> Result<(u64, u64)> {
        let Self::Tar { members, .. } = self else { bail!("it is a folder") };
        let mut member = members.get(name).with_context(|| format!("it lacks {name}"))?;
        if let Member::Link(target) = member {
            member = members.get(target).with_context(|| format!("{name} is a link to nothing"))?;
        }
        let Member::File { begin, size } = member else { bail!("{name} is a link to a link") };
        Ok((*begin, *size))
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
            Self::Tar { spot, .. } => {
                let (begin, size) = self.file(name)?;
                let mut file: File = spot.open()?.0;
                file.seek(SeekFrom::Start(begin)).with_context(|| format!("cannot read {name}"))?;
                Box::new(file.take(size))
            }
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
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
