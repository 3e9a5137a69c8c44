//! The program that images and bundles carry: it must need nothing that is not in it.

use crate::base::fs;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Kind of the program header that names a dynamic loader.
const INTERPRETER: u32 = 3;
/// Bytes of a program header in 64-bit files.
const HEADER: usize = 56;

/// What every `epr-build` has in its constants, because it looks for it here.
pub const MARKER: &[u8] = b"epr-build: this program serves registries that it has built";

/// A statically linked program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Path of the file.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// The processor, as images call it.
    pub architecture: &'static str,
}

impl Program {
    /// Looks at a program.
    ///
    /// # Errors
    /// When it cannot be read, is for another system, needs libraries, or is not this program. It is not run to find that out: it
    /// may be for another processor.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path)?;
        let shown = path.display();
        let hint = "hint: build one with `cargo static`, and name it with --program";
        let Some(machine) = machine(&bytes) else { bail!("`{shown}` is not a program for 64-bit Linux\n{hint}") };
        let architecture = match machine {
            62 => "amd64",
            183 => "arm64",
            other => bail!("`{shown}` is for a processor that images have no name for ({other})\n{hint}"),
        };
        if needs_loader(&bytes).unwrap_or(true) {
            bail!("`{shown}` needs libraries, which are not there where it would go\n{hint}");
        }
        if !is_within(MARKER, &bytes) {
            bail!("`{shown}` is not epr-build, or an older one\n{hint}");
        }
        Ok(Self { path: path.to_owned(), size: bytes.len() as u64, architecture })
    }
}

/// The processor of a little-endian ELF file of 64 bits.
fn machine(bytes: &[u8]) -> Option<u16> {
    (bytes.get(..6)? == b"\x7fELF\x02\x01").then(|| number(bytes, 18))?
}

/// Returns true if a text lies somewhere in a file.
fn is_within(text: &[u8], bytes: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return true };
    let mut bytes = bytes;
    while let Some(at) = bytes.iter().position(|byte| byte == first) {
        bytes = &bytes[at + 1..];
        if bytes.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Returns true if a program header names a loader; `None` for a damaged file.
fn needs_loader(bytes: &[u8]) -> Option<bool> {
    let begin = usize::try_from(u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?)).ok()?;
    for index in 0..usize::from(number(bytes, 56)?) {
        let place = begin.checked_add(index * HEADER)?;
        let kind = bytes.get(place..place.checked_add(4)?)?;
        if u32::from_le_bytes(kind.try_into().ok()?) == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

fn number(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(place..place + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one program header of this kind.
    fn elf(machine: u16, kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + HEADER];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes.extend(MARKER);
        bytes
    }

    #[test]
    fn this_program_has_its_marker() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(is_within(MARKER, &own));
        for (bytes, expected) in
            [(&b""[..], false), (b"ab", false), (b"xxabc", true), (b"ababc", true), (b"abab", false)]
        {
            assert_eq!(is_within(b"abc", bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn only_static_programs_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Program::read(&path).map(|program| program.architecture).map_err(|error| error.to_string())
        };
        assert_eq!(read(&elf(62, 1)).unwrap(), "amd64");
        assert_eq!(read(&elf(183, 1)).unwrap(), "arm64");
        for (bytes, said) in [
            (elf(62, INTERPRETER), "needs libraries"),
            (elf(3, 1), "no name for"),
            (elf(62, 1)[..70].to_vec(), "is not epr-build"),
            (
                elf(183, 1)[..64 + HEADER].to_vec(),
                "is not epr-build, or an older one\nhint: build one with `cargo static`",
            ),
            (elf(62, 1)[..66].to_vec(), "needs libraries"),
            (b"#!/bin/sh".to_vec(), "is not a program"),
            (Vec::new(), "is not a program"),
        ] {
            let answer = read(&bytes);
            let text = answer.map_or_else(|error| error, str::to_owned);
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
