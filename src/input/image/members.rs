//! The members of one layer of an image, in their order, with long names put together.

use crate::base::digest::Hashed;
use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::io::{self, Read};

/// Bytes of the longest name, and of what may stand before a member.
const MOST_NAME_BYTES: u64 = 1 << 20;
/// Bytes of the padding of a file and of the two empty blocks that end a tar, at most.
const END_BYTES: u64 = 511 + 2 * 512;
/// How many times larger than what is packed its content may be, and bytes that are never too many.
const MOST_RATIO: u64 = 200;
const FREE_BYTES: u64 = 1 << 30;
/// That it is larger.
const TOO_LARGE: &str = "it is more than 200 times smaller than what is in it";

/// What a member of a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Another name of a file, by a path like that of a member.
    Hard(Vec<u8>),
    /// A symbolic link, and where it leads.
    Symbolic(Vec<u8>),
    /// A device or a fifo.
    Special,
}

/// Is given a member: path, kind, content.
pub(super) type Take<'a> = dyn FnMut(&[u8], Kind, &mut dyn Read) -> Result<()> + 'a;

/// A layer as it lies in an image: its bytes, packed or not, and how many may come out of them.
pub(super) struct Packed {
    pub(super) content: Box<dyn Read>,
    pub(super) most: u64,
}

/// Bytes that may come out of so many packed ones.
pub(super) fn most_of(packed: u64) -> u64 {
    packed.saturating_mul(MOST_RATIO).max(FREE_BYTES)
}

/// Gives every member of a layer to `take`: path, kind, content. Returns the digest of the whole layer.
///
/// # Errors
/// When it is damaged, or `take` fails.
pub(super) fn each(layer: Packed, take: &mut Take<'_>) -> Result<String> {
    let mut reader = Hashed::new(unpacked(layer)?);
    walk(&mut reader, &mut |path, kind, content| take(path, kind, content).map(|()| true))?;
    // What stands behind the last member belongs to the digest.
    io::copy(&mut reader, &mut io::sink()).context("it is damaged")?;
    Ok(format!("sha256:{}", reader.into_hasher().finish()))
}

/// Who takes members, by path and kind with their content; false ends the walk.
pub(super) type Taker<'a> = dyn FnMut(&[u8], Kind, &mut dyn Read) -> Result<bool> + 'a;

/// Gives the members of a layer to `take` until it returns false. Nothing is said of what follows.
///
/// # Errors
/// When it is damaged up to there, or `take` fails.
pub(super) fn some(layer: Packed, take: &mut Taker<'_>) -> Result<()> {
    walk(&mut unpacked(layer)?, take)
}

fn walk(reader: &mut impl Read, take: &mut Taker<'_>) -> Result<()> {
    // umoci ends a layer with the last byte of the last file. What is really cut short has another digest.
    let end = io::repeat(0).take(END_BYTES);
    let mut tar = tar::Archive::new(reader.chain(end));
    let mut names = Names::default();
    for entry in tar.entries().context("it is no tar file")?.raw(true) {
        let mut entry = entry.context("it is damaged")?;
        if let Some((path, kind)) = names.member(&mut entry)?
            && !take(&path, kind, &mut entry)?
        {
            break;
        }
    }
    Ok(())
}

/// How bytes are packed, by the first four of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// What is packed, by its first bytes, and no more of it than there may be.
pub(super) fn unpacked(Packed { mut content, most }: Packed) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    content.by_ref().take(4).read_to_end(&mut head).context("it cannot be read")?;
    let packing = Packing::of(&head);
    let whole = io::Cursor::new(head).chain(content);
    let inner: Box<dyn Read> = match packing {
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Packing::Zstd => Box::new(zstd::Decoder::new(whole).context("it cannot be unpacked")?),
        Packing::Plain => return Ok(Box::new(whole)),
    };
    Ok(Box::new(Rationed { inner, left: most, over: TOO_LARGE }))
}

/// A reader that fails when more comes than there may be.
pub(super) struct Rationed<R> {
    pub(super) inner: R,
    pub(super) left: u64,
    pub(super) over: &'static str,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(filled as u64).ok_or_else(|| io::Error::other(self.over))?;
        Ok(filled)
    }
}

/// Long names, which stand before the member that bears them.
#[derive(Default)]
pub(super) struct Names {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Names {
    /// Path and kind of a member, unless it only says something of the next one.
    ///
    /// # Errors
    /// When it is damaged, or a name has no end.
    pub(super) fn member<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<Option<(Vec<u8>, Kind)>> {
        let kind = entry.header().entry_type();
        match kind {
            tar::EntryType::GNULongName => self.path = Some(long_name(entry)?),
            tar::EntryType::GNULongLink => self.link = Some(long_name(entry)?),
            tar::EntryType::XHeader => self.extensions(&bounded(entry)?)?,
            tar::EntryType::XGlobalHeader => {}
            _ => {
                let path = self.path.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
                let link = self.link.take().or_else(|| entry.header().link_name_bytes().map(Cow::into_owned));
                let kind = match kind {
                    tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
                    tar::EntryType::Directory => Kind::Folder,
                    tar::EntryType::Link => Kind::Hard(link.unwrap_or_default()),
                    tar::EntryType::Symlink => Kind::Symbolic(link.unwrap_or_default()),
                    _ => Kind::Special,
                };
                return Ok(Some((path, kind)));
            }
        }
        Ok(None)
    }

    fn extensions(&mut self, text: &[u8]) -> Result<()> {
        for extension in tar::PaxExtensions::new(text) {
            let extension = extension.context("it is damaged")?;
            match extension.key_bytes() {
                b"path" => self.path = Some(extension.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(extension.value_bytes().to_vec()),
                b"size" => bail!("it has a member of 8 GiB or more"),
                _ => {}
            }
        }
        Ok(())
    }
}

fn bounded(entry: &mut impl Read) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(MOST_NAME_BYTES + 1).read_to_end(&mut text).context("it is damaged")?;
    ensure!(text.len() as u64 <= MOST_NAME_BYTES, "it has a name of more than {MOST_NAME_BYTES} bytes");
    Ok(text)
}

fn long_name(entry: &mut impl Read) -> Result<Vec<u8>> {
    let mut name = bounded(entry)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}
