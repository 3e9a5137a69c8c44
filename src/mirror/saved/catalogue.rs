//! What lies in an image: its versions with sizes and digests, what a selection may ask for, and their signatures. Kept as a
//! file of one version a line, so that no image is read twice.

use super::super::facts::Key;
use super::super::listing::{Refused, is_name};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::dialect::version::Version;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// The form of the file.
const SCHEMA: &str = "epr-build/image/1";
/// Longest line: an element of a listing, a signature and a path.
const MOST_LINE_BYTES: u64 = 4 << 20;
/// Level of compression, as for facts.
const LEVEL: i32 = 3;

/// What lies in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Catalogue {
    pub(super) versions: BTreeMap<Key, Lying>,
    /// What is no version that anybody could be given, in order.
    pub(super) refused: Vec<Refused>,
}

/// A version that lies in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lying {
    pub(super) place: Place,
    /// Bytes of the zip.
    pub(super) size: u64,
    /// Digest of the zip.
    pub(super) sha256: Digest,
    /// The text of the signature beside the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
    /// The version of the package specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format_version: Option<String>,
    /// The licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) license: Option<String>,
    /// A JSON object of the keys of `/search` that a selection may ask for.
    pub(super) item: String,
}

/// Where a version lies in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// A file in a layer, counted from 0.
    Zip { layer: usize, path: PathBuf },
    /// A version folder, parts of which may lie in several layers.
    Folder(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    /// Digest of all that decides what the lines say.
    of: Digest,
    refused: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Line<L> {
    name: String,
    version: String,
    #[serde(flatten)]
    lying: L,
}

impl Catalogue {
    /// Returns true if a file is there that says what lies in this image.
    pub(super) fn is_at(path: &Path, of: Digest) -> Result<bool> {
        let Some(file) = fs::open_unlinked_if_there(path)? else { return Ok(false) };
        // What cannot be read is made anew.
        Ok(Lines::new(file).and_then(|mut lines| lines.header(of)).is_ok())
    }

    /// Reads the file.
    pub(super) fn read(path: &Path, of: Digest) -> Result<Self> {
        let hint = "hint: remove the file; the next run reads the image again";
        let unfit = || format!("cannot understand {}\n{hint}", path.display());
        let file = fs::open_unlinked_if_there(path)?.with_context(unfit)?;
        Self::parse(file, of).with_context(unfit)
    }

    fn parse(file: impl Read, of: Digest) -> Result<Self> {
        let mut lines = Lines::new(file)?;
        let header = lines.header(of)?;
        let refused = header.refused.into_iter().map(|(what, why)| Refused { what, why }).collect();
        let mut catalogue = Self { versions: BTreeMap::new(), refused };
        while let Some(line) = lines.next_line()? {
            let Line { name, version, lying } = serde_json::from_slice::<Line<Lying>>(line)?;
            ensure!(is_name(&name), "`{}` is not the name of a package", name.escape_debug());
            catalogue.versions.insert((name, Version::strict(&version)?), lying);
        }
        Ok(catalogue)
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path, of: Digest) -> Result<()> {
        let mut packed = zstd::Encoder::new(Vec::new(), LEVEL).context("cannot compress")?;
        let mut add = |line: String| writeln!(packed, "{line}").context("cannot compress");
        let refused = self.refused.iter().map(|one| (one.what.clone(), one.why.clone())).collect();
        let header = Header { schema: SCHEMA.to_owned(), of, refused };
        add(serde_json::to_string(&header).context("cannot write what lies in an image")?)?;
        for ((name, version), lying) in &self.versions {
            let line = Line { name: name.clone(), version: version.to_string(), lying };
            add(serde_json::to_string(&line).context("cannot write what lies in an image")?)?;
        }
        fs::write_over_for_good(path, &packed.finish().context("cannot compress")?)
    }
}

/// The lines of a packed file.
struct Lines<R: BufRead> {
    text: R,
    line: Vec<u8>,
}

impl<R: Read> Lines<BufReader<zstd::Decoder<'static, BufReader<R>>>> {
    fn new(file: R) -> Result<Self> {
        Ok(Self { text: BufReader::new(zstd::Decoder::new(file)?), line: Vec::new() })
    }
}

impl<R: BufRead> Lines<R> {
    fn next_line(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        self.text.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.line.strip_suffix(b"\n").context("a line is cut off")?))
    }

    fn header(&mut self, of: Digest) -> Result<Header> {
        let header: Header = serde_json::from_slice(self.next_line()?.context("it is empty")?)?;
        ensure!(header.schema == SCHEMA, "its form is `{}`", header.schema);
        ensure!(header.of == of, "it is of another image");
        Ok(header)
    }
}
