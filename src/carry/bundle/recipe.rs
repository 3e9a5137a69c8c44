//! Recipes: contents that are made on arrival and not carried. They are archives of folder packages, gzip copies, and
//! members of archives.
//!
//! Whoever writes a bundle follows a recipe first and keeps it only if the outcome has the right digest; whoever unpacks it
//! does the same again. So the rules here need not be those that made the original, they only have to lead to it.

use crate::base::archive::{Member, Method, ZipWriter};
use crate::base::fs::{self, File, io_error};
use crate::base::{compress, media};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

/// Files up to this size are held in memory; larger ones have no gzip copy.
pub(super) const IN_MEMORY: u64 = 32 << 20;
/// Header of our gzip files, and the number of bytes behind the stream.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const GZIP_TAIL: usize = 8;

/// Writes the archive of the package whose files lie in `folder`, all of them below `root`.
pub(super) fn archive<W: Write>(folder: &Path, root: &str, out: W) -> io::Result<W> {
    let mut zip = ZipWriter::new(out);
    add(&mut zip, folder, root, "")?;
    zip.finish()
}

/// Adds what lies in a folder, in the order of names; `prefix` is its path in the package with a trailing slash.
fn add<W: Write>(zip: &mut ZipWriter<W>, folder: &Path, root: &str, prefix: &str) -> io::Result<()> {
    let mut names = BTreeMap::new();
    for entry in fs::list(folder).map_err(io_error)? {
        let name = entry.name().ok_or_else(|| io::Error::other("a name is not text"))?;
        names.insert(name.to_owned(), entry.kind.is_symlink());
    }
    let mut gzip_copies = Vec::new();
    for (name, is_folder) in &names {
        let (path, place) = (format!("{prefix}{name}"), folder.join(name));
        let member = format!("{root}/{path}");
        if *is_folder {
            zip.folder(&format!("{member}/"))?;
            add(zip, &place, root, &format!("{path}/"))?;
        } else if !gzip_copies.contains(name) {
            let gzip_copy = format!("{name}.gz");
            let beside = names.contains_key(&gzip_copy).then(|| folder.join(&gzip_copy));
            if add_file(zip, &place, &member, &path, beside.as_deref())? {
                gzip_copies.push(gzip_copy);
            }
        }
    }
    Ok(())
}

/// Adds a file; returns whether the file `beside` it is its gzip copy.
fn add_file<W: Write>(
    zip: &mut ZipWriter<W>,
    place: &Path,
    name: &str,
    path: &str,
    beside: Option<&Path>,
) -> io::Result<bool> {
    let size = fs::metadata(place).map_err(io_error)?.len();
    if size > IN_MEMORY {
        return add_large(zip, place, name, path, size).map(|()| false);
    }
    let bytes = fs::read(place).map_err(io_error)?;
    let (crc, size) = (crc32fast::hash(&bytes), bytes.len() as u64);
    let mut add = |method, bytes: &[u8]| {
        zip.file(&Member { name, crc, size, written: bytes.len() as u64, method }, bytes).map(drop)
    };
    if media::is_compressed(path) {
        return add(Method::Stored, &bytes).map(|()| false);
    }
    if let Some(gzip_copy) = beside {
        let gzip_copy = fs::read(gzip_copy).map_err(io_error)?;
        if let Some(stream) = stream_of(&gzip_copy, crc, size) {
            return add(Method::Deflated, stream).map(|()| true);
        }
    }
    let deflated = compress::deflate(&bytes);
    if deflated.len() < bytes.len() { add(Method::Deflated, &deflated) } else { add(Method::Stored, &bytes) }
        .map(|()| false)
}

/// The deflated bytes in a gzip file, if it is one of ours around a content with this checksum and size.
fn stream_of(gzip: &[u8], crc: u32, size: u64) -> Option<&[u8]> {
    let stream = gzip.strip_prefix(&GZIP_HEAD)?;
    let (stream, tail) = stream.split_at_checked(stream.len().checked_sub(GZIP_TAIL)?)?;
    (tail[..4] == crc.to_le_bytes() && tail[4..] == (size as u32).to_le_bytes()).then_some(stream)
}

/// Adds a file that is too large to hold: it is compressed twice, because its header says how long it will be.
fn add_large<W: Write>(zip: &mut ZipWriter<W>, place: &Path, name: &str, path: &str, size: u64) -> io::Result<()> {
    let mut crc = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    let mut file = fs::open(place).map_err(io_error)?;
    loop {
        let filled = file.read(&mut buffer)?;
        if filled == 0 {
            break;
        }
        crc.update(&buffer[..filled]);
    }
    let crc = crc.finalize();
    let file = || fs::open(place).map_err(io_error);
    if media::is_compressed(path) {
        let member = Member { name, crc, size, written: size, method: Method::Stored };
        let mut content = file()?;
        return zip.file_from(&member, |out| io::copy(&mut content, out).map(drop)).map(drop);
    }
    let written = compress::deflate_stream(file()?, io::sink())?;
    let member = Member { name, crc, size, written, method: Method::Deflated };
    let content = file()?;
    zip.file_from(&member, |out| compress::deflate_stream(content, out).map(drop)).map(drop)
}

/// Opens an archive whose members are contents.
pub(super) fn open_archive(file: File) -> io::Result<zip::ZipArchive<io::BufReader<File>>> {
    zip::ZipArchive::new(io::BufReader::new(file)).map_err(io::Error::other)
}

/// Unpacks one member; one that is longer than `size` fails.
pub(super) fn member(
    archive: &mut zip::ZipArchive<io::BufReader<File>>,
    number: usize,
    size: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let member = archive.by_index(number).map_err(io::Error::other)?;
    let written = io::copy(&mut member.take(size.saturating_add(1)), out)?;
    if written == size { Ok(()) } else { Err(io::Error::other("a member of an archive has another size")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a file that our own compressor made from the same content counts as its gzip copy.
    #[test]
    fn gzip_copies_differ_from_other_gzip_files() {
        let content = b"content content content";
        let (crc, size) = (crc32fast::hash(content), content.len() as u64);
        let gzip = compress::gzip(content);
        assert_eq!(stream_of(&gzip, crc, size), Some(&compress::deflate(content)[..]));
        assert_eq!(stream_of(&gzip, crc ^ 1, size), None);
        assert_eq!(stream_of(&gzip, crc, size + 1), None);
        for end in [0, 9, 10, 17] {
            assert_eq!(stream_of(&gzip[..end], crc, size), None, "{end}");
        }
        let mut other = gzip.clone();
        other[9] = 3;
        assert_eq!(stream_of(&other, crc, size), None);
    }
}
