//! Zip archives from members that are ready to be written.
//!
//! An archive is a recipe of member streams: sizes and checksums are known before a member begins, so headers are plain
//! and a member compressed for one archive is copied into the next. Times, modes and order are fixed: the same members
//! give the same bytes anywhere. Compression itself is not done here.

use std::io::{self, Write};

/// Method by which the bytes of a member are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// Deflated.
    Deflated,
}

/// Fields of the header of a member.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Path in the archive, forward slashes.
    pub name: &'a str,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes as written.
    pub written: u64,
    /// Method by which they are written.
    pub method: Method,
}

/// 1980-01-01 00:00, the earliest time the format can say.
const DOS_TIME: u32 = 0x0021_0000;
const FILE_MODE: u32 = 0o100_644;
const FOLDER_MODE: u32 = 0o040_755;

/// Writes an archive front to back.
pub struct ZipWriter<W> {
    out: W,
    position: u64,
    directory: Vec<u8>,
    members: u64,
}

impl<W: Write> ZipWriter<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Self {
        Self { out, position: 0, directory: Vec::new(), members: 0 }
    }

    /// Adds a folder; `name` ends in a slash.
    pub fn folder(&mut self, name: &str) -> io::Result<()> {
        self.header(&Member { name, crc: 0, size: 0, written: 0, method: Method::Stored }, FOLDER_MODE << 16 | 0x10)
    }

    /// Adds a file whose bytes, as written, are at hand. Returns where they begin.
    pub fn file(&mut self, member: &Member<'_>, bytes: &[u8]) -> io::Result<u64> {
        self.file_from(member, |out| out.write_all(bytes))
    }

    /// Adds a file whose bytes come in parts: `write` must write exactly `member.written` bytes.
    pub fn file_from(&mut self, member: &Member<'_>, write: impl FnOnce(&mut W) -> io::Result<()>) -> io::Result<u64> {
        self.header(member, FILE_MODE << 16)?;
        let begin = self.position;
        write(&mut self.out)?;
        self.position += member.written;
        Ok(begin)
    }

    /// Writes the directory and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        let (count, size) = (small::<u16>(self.members)?, small::<u32>(self.directory.len() as u64)?);
        let begin = small::<u32>(self.position)?;
        self.out.write_all(&self.directory)?;
        let mut end = Vec::with_capacity(22);
        end.extend(0x0605_4b50_u32.to_le_bytes());
        end.extend([0; 4]);
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend(size.to_le_bytes());
        end.extend(begin.to_le_bytes());
        end.extend([0; 2]);
        self.out.write_all(&end)?;
        Ok(self.out)
    }

    fn header(&mut self, member: &Member<'_>, attributes: u32) -> io::Result<()> {
        let mut common = Vec::with_capacity(26);
        let flags: u16 = if member.name.is_ascii() { 0 } else { 1 << 11 };
        let method: u16 = if member.method == Method::Stored { 0 } else { 8 };
        common.extend(20_u16.to_le_bytes());
        common.extend(flags.to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend(DOS_TIME.to_le_bytes());
        common.extend(member.crc.to_le_bytes());
        common.extend(small::<u32>(member.written)?.to_le_bytes());
        common.extend(small::<u32>(member.size)?.to_le_bytes());
        common.extend(small::<u16>(member.name.len() as u64)?.to_le_bytes());
        common.extend([0; 2]);

        self.directory.extend(0x0201_4b50_u32.to_le_bytes());
        self.directory.extend([20, 3]);
        self.directory.extend(&common);
        self.directory.extend([0; 6]);
        self.directory.extend(attributes.to_le_bytes());
        self.directory.extend(small::<u32>(self.position)?.to_le_bytes());
        self.directory.extend(member.name.as_bytes());
        self.members += 1;

        self.out.write_all(&0x0403_4b50_u32.to_le_bytes())?;
        self.out.write_all(&common)?;
        self.out.write_all(member.name.as_bytes())?;
        self.position += 4 + common.len() as u64 + member.name.len() as u64;
        Ok(())
    }
}

/// A number in the width the format gives it; beyond it an archive would need the 64-bit form, which some readers lack.
fn small<T: TryFrom<u64>>(number: u64) -> io::Result<T> {
    T::try_from(number).map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "too large for a zip archive"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    /// An independent reader finds what was written, names beyond ASCII included.
    #[test]
    fn a_reader_finds_what_was_written() {
        let mut writer = ZipWriter::new(Vec::new());
        writer.folder("a-1/").unwrap();
        let content = b"content";
        let crc = crc32fast::hash(content);
        for name in ["a-1/plain.txt", "a-1/é.txt"] {
            let member = Member { name, crc, size: 7, written: 7, method: Method::Stored };
            let begin = writer.file(&member, content).unwrap();
            assert_eq!(&writer.out[begin as usize..], content);
        }
        let bytes = writer.finish().unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(
            archive.file_names().map(Result::unwrap).collect::<Vec<_>>(),
            ["a-1/", "a-1/plain.txt", "a-1/é.txt"]
        );
        let mut file = archive.by_name("a-1/é.txt").unwrap();
        assert_eq!((file.unix_mode(), file.crc32()), (Some(FILE_MODE), crc));
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }
}
