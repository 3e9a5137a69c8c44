//! The bytes of a bundle on disk: one file or several parts, closed by a seal.
//!
//! Parts are pieces of one stream, so `cat FILE.??? > FILE` joins them. The seal is a zstd frame that unpackers skip:
//!
//! ```text
//! 5e 2a 4d 18   40 00 00 00   "EPRBUNDL"   bytes before the seal: u64   bytes of a part: u64, 0 for one file
//! number of parts: u64        SHA-256 of all bytes before it: 32 bytes                  (numbers little-endian)
//! ```
//!
//! Knows nothing of what is in a bundle.

use super::Refusal;
use crate::base::digest::{Digest, Hashed, Hasher};
use crate::base::fs::{self, File};
use anyhow::{Context, Result};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of the seal.
pub const SEAL: u64 = 72;
/// Skippable frame, 64 bytes, and a word of our own.
const MARK: &[u8; 16] = b"\x5e\x2a\x4d\x18\x40\0\0\0EPRBUNDL";
/// Bytes of the seal before its digest.
const HEAD: usize = 40;
/// Parts have three digits.
const MAX_PARTS: u64 = 999;

/// Writes a bundle beside its final name, and puts it there when it is complete.
pub struct Sealing {
    target: PathBuf,
    part_size: Option<u64>,
    files: Vec<PathBuf>,
    out: Option<BufWriter<File>>,
    in_part: u64,
    written: u64,
    hasher: Hasher,
    is_done: bool,
}

impl Sealing {
    /// Begins a bundle called `target`; parts of `part_size` bytes are called `target.001` and so on.
    pub fn new(target: &Path, part_size: Option<u64>) -> Self {
        Self {
            target: target.to_owned(),
            part_size,
            files: Vec::new(),
            out: None,
            in_part: 0,
            written: 0,
            hasher: Hasher::default(),
            is_done: false,
        }
    }

    /// Writes the seal and gives all parts their names; returns these, the bytes of all of them, and the digest that the
    /// seal holds.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(mut self) -> Result<(Vec<PathBuf>, u64, Digest)> {
        let length = self.written;
        // The seal may itself begin a part: as many as there are when it is written.
        let parts = self.part_size.map_or(1, |size| (length + SEAL).div_ceil(size));
        let mut seal = MARK.to_vec();
        for number in [length, self.part_size.unwrap_or(0), parts] {
            seal.extend(number.to_le_bytes());
        }
        let mut hasher = self.hasher.clone();
        hasher.update(&seal);
        let digest = hasher.finish();
        seal.extend(digest.bytes());
        let trouble = format!("cannot write {}", self.target.display());
        self.write_all(&seal).context(trouble.clone())?;
        if let Some(mut out) = self.out.take() {
            out.flush().context(trouble)?;
        }
        // Before an earlier bundle of this name goes, and before this one is there.
        self.files.iter().try_for_each(|file| fs::flush(file))?;
        remove_stale(&self.target)?;
        let names = self.files.iter().map(|file| file.with_extension("")).collect::<Vec<_>>();
        for (file, name) in self.files.iter().zip(&names) {
            fs::rename_for_good(file, name)?;
        }
        self.is_done = true;
        Ok((names, self.written, digest))
    }

    fn next_part(&mut self) -> io::Result<()> {
        if let Some(mut out) = self.out.take() {
            out.flush()?;
        }
        let number = self.files.len() as u64 + 1;
        let name = match self.part_size {
            None => self.target.clone(),
            Some(_) if number > MAX_PARTS => {
                return Err(io::Error::other(format!("more than {MAX_PARTS} parts; name a larger size with --split")));
            }
            Some(_) => part_name(&self.target, number),
        };
        let mut temporary = name.into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        self.out = Some(BufWriter::with_capacity(1 << 18, fs::create(&temporary).map_err(fs::io_error)?));
        self.files.push(temporary);
        self.in_part = 0;
        Ok(())
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.out.is_none() || self.part_size.is_some_and(|size| self.in_part == size) {
            self.next_part()?;
        }
        let room = self.part_size.map_or(u64::MAX, |size| size - self.in_part);
        let bytes = &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        let Some(out) = &mut self.out else { return Err(io::ErrorKind::NotConnected.into()) };
        out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.in_part += bytes.len() as u64;
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Sealing {
    fn drop(&mut self) {
        if !self.is_done {
            // Nothing to do about a failure: what is left is called `.new` and is written over the next time.
            self.files.iter().for_each(|file| drop(fs::remove_file(file)));
        }
    }
}

/// `FILE.001` for 1.
fn part_name(target: &Path, number: u64) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".{number:03}"));
    name.into()
}

/// Returns true if this is the name of a signature.
pub fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "minisig")
}

/// The number at the end of a part's name.
fn part_number(path: &Path) -> Option<u64> {
    let digits = path.extension()?.to_str()?;
    (digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Path of a bundle's signature: beside it, under the name without the number of a part.
pub(super) fn signature_path(file: &Path) -> PathBuf {
    let mut name = Sealed::stem(file).into_os_string();
    name.push(".minisig");
    name.into()
}

/// Files that an earlier bundle of this name left: its signature and further parts do not belong to the new one.
fn remove_stale(target: &Path) -> Result<()> {
    let parts = (1..=MAX_PARTS).map(|number| part_name(target, number)).take_while(|part| part.is_file());
    for path in parts.chain([target.to_owned(), signature_path(target)]).collect::<Vec<_>>() {
        fs::remove_file_if_there(&path)?;
    }
    Ok(())
}

/// A bundle that is to be read.
#[derive(Debug)]
pub struct Sealed {
    files: Vec<(PathBuf, u64)>,
    /// Bytes before the seal.
    length: u64,
    /// The seal without its digest.
    head: [u8; HEAD],
    digest: Digest,
}

impl Sealed {
    /// Finds all parts and looks at the seal. `paths` are one file, its parts in any order, or the name that parts have
    /// in common.
    ///
    /// # Errors
    /// A [`Refusal`] when parts are missing or there is no seal; others when the disk fails.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let paths = arrange(paths)?;
        let mut files = Vec::new();
        for path in paths {
            let stat = fs::metadata(&path)?;
            if !stat.is_file() {
                return Err(Refusal::new("this is no file", "name the bundle itself").at(path.display()).into());
            }
            files.push((path, stat.len()));
        }
        let total: u64 = files.iter().map(|(_, size)| size).sum();
        let mut sealed = Self { files, length: total, head: [0; HEAD], digest: Digest::of(b"") };
        let mut seal = [0; SEAL as usize];
        let Some(length) = total.checked_sub(SEAL) else { return Err(sealed.without_end().into()) };
        let mut stream = sealed.stream(length, SEAL);
        stream.read_exact(&mut seal).with_context(|| format!("cannot read {}", sealed.name()))?;
        if seal[..16] != MARK[..] {
            return Err(sealed.without_end().into());
        }
        let number =
            |begin: usize| u64::from_le_bytes(seal[begin..begin + 8].try_into().expect("the slice has eight bytes"));
        let (said, part_size, parts) = (number(16), number(24), number(32));
        // Parts that were joined are as good as one file; its length tells whether all are there.
        let is_joined = sealed.files.len() == 1;
        if !is_joined && parts != sealed.files.len() as u64 {
            return Err(sealed.not_all(parts).into());
        }
        let (last, earlier) = sealed.files.split_last().expect("there is at least one");
        let odd = earlier.iter().find(|(_, size)| *size != part_size);
        if let Some((path, size)) = odd.or((!is_joined && last.1 > part_size).then_some(last)) {
            let what = format!("this part has {size} bytes; parts of this bundle have {part_size}");
            return Err(Refusal::damaged(what).at(path.display()).into());
        }
        if said != length {
            let what = format!("{length} bytes are there, {said} were written");
            return Err(Refusal::damaged(what).at(sealed.name()).into());
        }
        sealed.length = length;
        sealed.head.copy_from_slice(&seal[..HEAD]);
        let text: String = seal[HEAD..].iter().map(|byte| format!("{byte:02x}")).collect();
        sealed.digest = text.parse().context("a digest has 64 digits")?;
        Ok(sealed)
    }

    /// The common path of the parts of a bundle; for one file its own path.
    pub fn stem(path: &Path) -> PathBuf {
        if part_number(path).is_some() { path.with_extension("") } else { path.to_owned() }
    }

    /// The name in messages, which is that of the first file.
    pub fn name(&self) -> String {
        self.files.first().map_or_else(String::new, |(path, _)| path.display().to_string())
    }

    /// Path of the signature.
    pub fn signature(&self) -> PathBuf {
        self.files.first().map_or_else(PathBuf::new, |(path, _)| signature_path(path))
    }

    /// The digest that the seal names.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of all parts.
    pub fn size(&self) -> u64 {
        self.length + SEAL
    }

    /// Everything, the seal included, as `minisign` sees it.
    pub fn whole(&self) -> Stream<'_> {
        self.stream(0, self.size())
    }

    /// Everything before the seal, hashed as it is read.
    pub fn body(&self) -> Hashing<'_> {
        Hashing { stream: Hashed::new(self.stream(0, self.length)), head: &self.head }
    }

    fn stream(&self, begin: u64, length: u64) -> Stream<'_> {
        Stream { files: &self.files, open: None, position: begin, end: begin + length }
    }

    fn without_end(&self) -> Refusal {
        let last = self.files.last().map(|(path, _)| path.clone()).unwrap_or_default();
        if let Some(number) = part_number(&last) {
            let next = part_name(&last.with_extension(""), number + 1);
            let what = format!("`{}` is missing, or `{}` was cut off", next.display(), last.display());
            return Refusal::new(what, "name all parts; copy again what is missing or too short").at(last.display());
        }
        if self.length == 0 {
            return Refusal::new("the file is empty", "copy the bundle again").at(last.display());
        }
        let what = "the file does not end as a bundle does";
        let hint = "it was cut off, or has more at its end, or is no bundle; copy it again";
        Refusal::new(what, hint).at(last.display())
    }

    fn not_all(&self, parts: u64) -> Refusal {
        let there = self.files.len();
        let what = format!("the bundle has {parts} parts, {there} are there");
        Refusal::new(what, "name all parts, and no others").at(self.name())
    }
}

/// The parts in their order; says which is missing between them.
fn arrange(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let siblings = match paths {
        [path] if part_number(path).is_some() => all_of(&path.with_extension("")),
        [path] if path.exists() || !part_name(path, 1).is_file() => return Ok(vec![path.clone()]),
        [path] => all_of(path),
        // `FILE.*` in a shell names the signature as well.
        paths => paths.iter().filter(|path| !is_signature(path)).cloned().collect(),
    };
    let mut numbered = Vec::new();
    for path in &siblings {
        let Some(number) = part_number(path) else {
            let hint = "name one bundle, or all parts `FILE.001`, `FILE.002`, … of one";
            return Err(Refusal::new("this is not a part of a bundle", hint).at(path.display()).into());
        };
        numbered.push((number, path.clone()));
    }
    numbered.sort();
    if numbered.is_empty() {
        return Err(Refusal::new("these are signatures only", "name the bundle").at(paths[0].display()).into());
    }
    let name = |number| part_name(&numbered[0].1.with_extension(""), number);
    for (expected, (number, path)) in (1..).zip(&numbered) {
        if *number != expected {
            let (what, missing) = if *number < expected {
                ("this part is named twice", path.clone())
            } else {
                ("this part is missing", name(expected))
            };
            return Err(Refusal::new(what, "name every part once").at(missing.display()).into());
        }
    }
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// The parts that are there.
pub(super) fn all_of(target: &Path) -> Vec<PathBuf> {
    (1..=MAX_PARTS).map(|number| part_name(target, number)).filter(|part| part.is_file()).collect()
}

/// A range of the bytes of all parts.
pub struct Stream<'a> {
    files: &'a [(PathBuf, u64)],
    /// Which file is open, and where it stands.
    open: Option<(usize, File)>,
    position: u64,
    end: u64,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut begin = 0;
        for (index, (path, size)) in self.files.iter().enumerate() {
            let within = self.position - begin;
            if within >= *size {
                begin += size;
                continue;
            }
            if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
                let mut file = fs::open(path).map_err(fs::io_error)?;
                file.seek(SeekFrom::Start(within))?;
                self.open = Some((index, file));
            }
            let room = (size - within).min(self.end - self.position).min(buffer.len() as u64);
            let Some((_, file)) = &mut self.open else { return Err(io::ErrorKind::NotConnected.into()) };
            let filled = file.read(&mut buffer[..room as usize])?;
            self.position += filled as u64;
            if filled == 0 && room > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(filled);
        }
        Ok(0)
    }
}

/// The bytes before the seal, on their way to the unpacker.
pub struct Hashing<'a> {
    stream: Hashed<Stream<'a>>,
    head: &'a [u8],
}

impl Hashing<'_> {
    /// Reads what is left; returns the digest that the seal must hold, and the one of the whole file if it does.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(mut self) -> io::Result<(Digest, Digest)> {
        io::copy(&mut self, &mut io::sink())?;
        let mut hasher = self.stream.into_hasher();
        hasher.update(self.head);
        let seal = hasher.clone().finish();
        hasher.update(seal.bytes());
        Ok((seal, hasher.finish()))
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}
