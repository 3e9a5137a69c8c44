//! Whether a program runs on another machine as it is.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Kind of the program header that names a dynamic loader.
const INTERPRETER: u32 = 3;
/// Bytes of a program header in 64-bit files.
const HEADER: u64 = 56;

/// Opens a program that needs no libraries.
///
/// # Errors
/// When it cannot be read, is no program for 64-bit Linux, or needs libraries.
pub(super) fn open_static(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let size = file.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
    let mut head = [0; 64];
    let is_elf = (&file).read_exact(&mut head).is_ok() && head[..6] == *b"\x7fELF\x02\x01";
    if !is_elf {
        bail!("`{}` is not a program for 64-bit Linux", path.display());
    }
    let begin = u64::from_le_bytes(head[32..40].try_into().context("eight bytes")?);
    let count = u16::from_le_bytes([head[56], head[57]]);
    for index in 0..u64::from(count) {
        let mut kind = [0; 4];
        let place = begin.checked_add(index * HEADER).context("a header lies beyond its file")?;
        file.read_exact_at(&mut kind, place).with_context(|| format!("cannot read {}", path.display()))?;
        if u32::from_le_bytes(kind) == INTERPRETER {
            bail!("`{}` is not statically linked", path.display());
        }
    }
    Ok((File::open(path).with_context(|| format!("cannot read {}", path.display()))?, size))
}
