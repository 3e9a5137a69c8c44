//! Reads a bundle front to back, once, and checks everything.
//!
//! The manifest says which members follow, so their headers are known to the byte: a member with another name, kind, size or
//! mode, or one too many, is no bundle. Each content is hashed on its way, and in the end the whole file against its seal.
//! Each member is checked before the next one is handed out, but the bundle as a whole is known to be good only after
//! [`Reader::finish`]: until then nothing of it may be used.

use super::manifest::{BundleManifest, File, MAX_MANIFEST, Origin};
use super::parts::{Hashing, Sealed};
use super::{GENERATION, MANIFEST, MEDIA, PATCH, PROGRAM, Refusal, TAR_END, TEXT, WINDOW, header};
use crate::base::digest::{Digest, Hasher};
use anyhow::{Context, Result};
use std::io::{self, BufReader, Read};

/// Something in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The program.
    Program,
    /// A file of the generation, or its patch, by its position in the manifest.
    File(usize),
    /// A content, by its position in the manifest.
    Content(usize),
}

/// A bundle whose manifest was read.
pub struct Reader<'a> {
    sealed: &'a Sealed,
    decoder: zstd::stream::read::Decoder<'static, BufReader<Hashing<'a>>>,
    manifest: BundleManifest,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// A [`Refusal`] when this is no bundle or its manifest is wrong; others when the disk fails.
    pub fn new(sealed: &'a Sealed) -> Result<Self> {
        let input = BufReader::with_capacity(1 << 17, sealed.body());
        let open = || -> io::Result<_> {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(WINDOW)?;
            Ok(decoder)
        };
        let mut decoder = open().context("cannot begin to unpack")?;
        let text = read_manifest(&mut decoder).map_err(|error| in_place(error, sealed, MANIFEST))?;
        let manifest = BundleManifest::parse(&text).map_err(|refusal| refusal.at(place(sealed, MANIFEST)))?;
        Ok(Self { sealed, decoder, manifest })
    }

    /// The manifest of the bundle.
    pub fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// Hands out everything in the bundle, in its order; `take` need not read to the end. A content that is not what the
    /// manifest says is a refusal after it was handed out.
    ///
    /// # Errors
    /// Errors of `take`; a [`Refusal`] when the bundle is damaged.
    pub fn each(&mut self, mut take: impl FnMut(&BundleManifest, Item, &mut dyn Read) -> Result<()>) -> Result<()> {
        let Self { sealed, decoder, manifest } = self;
        let mut run = |name: &str, mode: u32, items: &[(Item, u64, Option<Digest>)]| -> Result<()> {
            let size = items.iter().map(|(_, size, _)| size).sum();
            expect_header(decoder, name, size, mode).map_err(|error| in_place(error, sealed, name))?;
            for (item, size, digest) in items {
                let mut stream = Checked { input: &mut *decoder, left: *size, hasher: Hasher::default(), failed: None };
                let result = take(manifest, *item, &mut stream);
                let checked = stream.finish(digest.as_ref()).map_err(|error| in_place(error, sealed, name));
                // A stream that ends too early is the cause, what came of it is not.
                checked.and(result)?;
            }
            expect_zeros(decoder, super::padding(size)).map_err(|error| in_place(error, sealed, name))
        };
        if let Some(program) = manifest.program {
            run(PROGRAM, 0o755, &[(Item::Program, program.size, Some(program.sha256))])?;
        }
        for (index, file) in manifest.files.iter().enumerate() {
            let (name, size) = member_of(file);
            // The digest of a patch is nowhere: what it makes has one, and the seal covers it.
            let digest = file.patch.is_none().then_some(file.sha256);
            run(&name, 0o644, &[(Item::File(index), size, digest)])?;
        }
        for (name, origin) in [(TEXT, Origin::Text), (MEDIA, Origin::Media)] {
            let contents = manifest.contents.iter().enumerate().filter(|(_, content)| content.from == origin);
            let items: Vec<_> =
                contents.map(|(index, content)| (Item::Content(index), content.size, Some(content.sha256))).collect();
            run(name, 0o644, &items)?;
        }
        expect_zeros(decoder, TAR_END).map_err(|error| in_place(error, sealed, "its end"))
    }

    /// Reads to the end and compares with the seal; returns the SHA-256 of the whole file. Before this succeeds the bundle
    /// may be damaged.
    ///
    /// # Errors
    /// A [`Refusal`] when it is not.
    pub fn finish(mut self) -> Result<(BundleManifest, Digest)> {
        let end = self.decoder.read(&mut [0]).map_err(Fault::of_input);
        let end = end.and_then(|more| if more == 0 { Ok(()) } else { Err(Fault::Odd("there is more behind its end")) });
        end.map_err(|error| in_place(error, self.sealed, "its end"))?;
        let input = self.decoder.finish().into_inner();
        let (seal, whole) = input.finish().with_context(|| format!("cannot read {}", self.sealed.name()))?;
        if seal != self.sealed.digest() {
            return Err(Refusal::damaged("the seal does not fit the bundle").at(self.sealed.name()).into());
        }
        Ok((self.manifest, whole))
    }
}

/// Name and size of the member that a file of the generation is.
fn member_of(file: &File) -> (String, u64) {
    match file.patch {
        Some(patch) => (format!("{GENERATION}{}{PATCH}", file.path), patch.size),
        None => (format!("{GENERATION}{}", file.path), file.size),
    }
}

/// Why reading stopped.
enum Fault {
    /// The machine.
    Machine(io::Error),
    /// The compressed bytes.
    Garbled(io::Error),
    /// Bytes after unpacking.
    Odd(&'static str),
}

impl Fault {
    /// Errors of the decoder carry no number of the operating system, errors of the disk do.
    fn of_input(error: io::Error) -> Self {
        if error.raw_os_error().is_some() { Self::Machine(error) } else { Self::Garbled(error) }
    }
}

fn in_place(fault: Fault, sealed: &Sealed, member: &str) -> anyhow::Error {
    let what = match fault {
        Fault::Machine(error) => {
            return anyhow::Error::from(error).context(format!("cannot read {}", sealed.name()));
        }
        Fault::Garbled(error) => format!("it cannot be unpacked: {error}"),
        Fault::Odd(what) => what.to_owned(),
    };
    Refusal::damaged(what).at(place(sealed, member)).into()
}

fn place(sealed: &Sealed, member: &str) -> String {
    format!("{}: {member}", sealed.name())
}

fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> Result<(), Fault> {
    input.read_exact(buffer).map_err(Fault::of_input)
}

fn read_manifest(input: &mut dyn Read) -> Result<Vec<u8>, Fault> {
    let mut block = [0; 512];
    fill(input, &mut block)?;
    let size = tar::Header::from_byte_slice(&block).entry_size().map_err(|_| Fault::Odd("it is no bundle"))?;
    if size > MAX_MANIFEST {
        return Err(Fault::Odd("the manifest is too large"));
    }
    if !header(MANIFEST, size, 0o644).is_ok_and(|header| *header.as_bytes() == block) {
        return Err(Fault::Odd("it does not begin with a manifest"));
    }
    // Grows with what is there, not with what is said to be there.
    let mut text = Vec::new();
    input.take(size).read_to_end(&mut text).map_err(Fault::of_input)?;
    if text.len() as u64 != size {
        return Err(Fault::Odd("it ends too early"));
    }
    expect_zeros(input, super::padding(size))?;
    Ok(text)
}

fn expect_header(input: &mut dyn Read, name: &str, size: u64, mode: u32) -> Result<(), Fault> {
    let mut block = [0; 512];
    fill(input, &mut block)?;
    let expected = header(name, size, mode).map_err(|_| Fault::Odd("its name is too long"))?;
    if *expected.as_bytes() == block { Ok(()) } else { Err(Fault::Odd("another member stands in its place")) }
}

fn expect_zeros(input: &mut dyn Read, count: usize) -> Result<(), Fault> {
    let mut zeros = vec![1; count];
    fill(input, &mut zeros)?;
    if zeros.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Fault::Odd("there is something between members")) }
}

/// A reader of a given number of bytes that hashes them.
struct Checked<'a> {
    input: &'a mut dyn Read,
    left: u64,
    hasher: Hasher,
    failed: Option<Fault>,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            return Ok(0);
        }
        let failure = match self.input.read(&mut buffer[..room]) {
            Ok(0) => Fault::Odd("it ends too early"),
            Ok(filled) => {
                self.hasher.update(&buffer[..filled]);
                self.left -= filled as u64;
                return Ok(filled);
            }
            Err(error) => Fault::of_input(error),
        };
        self.failed = Some(failure);
        Err(io::Error::other("the bundle ends here"))
    }
}

impl Checked<'_> {
    /// Reads the rest and compares the digest.
    fn finish(mut self, digest: Option<&Digest>) -> Result<(), Fault> {
        if self.failed.is_none() {
            // What fails is remembered.
            let _ = io::copy(&mut self, &mut io::sink());
        }
        match self.failed {
            Some(fault) => Err(fault),
            None if digest.is_some_and(|digest| self.hasher.finish() != *digest) => {
                Err(Fault::Odd("a content has another digest"))
            }
            None => Ok(()),
        }
    }
}
