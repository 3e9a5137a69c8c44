//! The members of one layer of an image, in their order, with long names put together.

use crate::base::digest::Hashed;
use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::io::{self, Read};

/// Bytes of the longest name, and of what may stand before a member.
const MOST_NAME_BYTES: u64 = 1 << 20;
/// Bytes of the padding of a file and of the two empty blocks that end a tar, at most.
const END_BYTES: u64 = 511 + 2 * 512;

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

/// Gives every member of a layer to `take`: path, kind, content. Returns the digest of the whole layer.
///
/// # Errors
/// When it is damaged, or `take` fails.
pub(super) fn each(layer: Box<dyn Read>, take: &mut Take<'_>) -> Result<String> {
    let mut reader = Hashed::new(unpacked(layer)?);
    {
        // umoci ends a layer with the last byte of the last file. What is really cut short has another digest.
        let end = io::repeat(0).take(END_BYTES);
        let mut tar = tar::Archive::new(reader.by_ref().chain(end));
        let mut names = Names::default();
        for entry in tar.entries().context("it is no tar file")?.raw(true) {
            let mut entry = entry.context("it is damaged")?;
            if let Some((path, kind)) = names.member(&mut entry)? {
                take(&path, kind, &mut entry)?;
            }
        }
    }
    // What stands behind the last member belongs to the digest.
    io::copy(&mut reader, &mut io::sink()).context("it is damaged")?;
    Ok(format!("sha256:{}", reader.into_hasher().finish()))
}

/// The tar in a layer, by its first bytes.
fn unpacked(mut layer: Box<dyn Read>) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    layer.by_ref().take(4).read_to_end(&mut head).context("it cannot be read")?;
    let is_gzip = head.starts_with(&[0x1f, 0x8b]);
    let is_zstd = head == [0x28, 0xb5, 0x2f, 0xfd];
    let whole = io::Cursor::new(head).chain(layer);
    Ok(if is_gzip {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else if is_zstd {
        Box::new(zstd::Decoder::new(whole).context("it cannot be unpacked")?)
    } else {
        Box::new(whole)
    })
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
