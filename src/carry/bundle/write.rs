//! Writes a bundle.
//!
//! The bytes depend on the generation, the base and the program alone: headers are fixed, and each stream is compressed by one
//! thread at a fixed level. Every content is hashed on its way, so a store that was damaged gives no bundle.

use super::delta::BaseContents;
use super::manifest::{BundleManifest, File, Origin, Patch, Sized};
use super::parts::Sealing;
use super::plan::{self, Recipes, Title};
use super::scan::{HashOnly, Scan};
use super::{GENERATION, MANIFEST, MEDIA, PATCH, PROGRAM, TEXT, WINDOW, header, recipe};
use crate::base::compress;
use crate::base::digest::{Digest, Hasher};
use crate::base::fs;
use crate::base::progress::Progress;
use crate::carry::program::Program;
use crate::generation::distribution::{Distribution, REMEDY};
use crate::generation::own_files;
use crate::store::Store;
use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Levels of zstd. Beyond these text shrinks by a tenth for ten times the time, and images not at all.
const TEXT_LEVEL: i32 = 12;
const MEDIA_LEVEL: i32 = 3;
/// Level of patches, which are small.
const PATCH_LEVEL: i32 = 12;
/// Files up to this size are compared with those of the base; both have to fit the window.
pub(super) const PATCHABLE: u64 = 60 << 20;

/// The generation to bundle, and how.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The output folder.
    pub out: &'a Path,
    /// Name of the distribution.
    pub distribution: &'a str,
    /// Name of the generation.
    pub generation: &'a str,
    /// Contents to leave out, and the generation that has them.
    pub base: Option<(&'a str, &'a BaseContents)>,
    /// The program to put in.
    pub program: Option<&'a Path>,
    /// The bundle's name.
    pub target: &'a Path,
    /// Bytes of a part, if it is to be in parts.
    pub split: Option<u64>,
}

/// A written bundle.
#[derive(Clone, Debug)]
pub struct Written {
    /// The file, or its parts.
    pub files: Vec<PathBuf>,
    /// Bytes of all of them.
    pub size: u64,
    /// The manifest.
    pub manifest: BundleManifest,
}

/// Checks that a program can be put into a bundle.
///
/// # Errors
/// When it does not run on another machine as it is.
pub fn check_program(path: &Path) -> Result<()> {
    Program::read(path).map(drop)
}

/// Writes a bundle. Nobody may write to the output folder meanwhile.
///
/// # Errors
/// When the store is damaged, or the disk fails.
pub fn write(order: &Order<'_>, progress: &Progress) -> Result<Written> {
    let store = Store::existing(&order.out.join("store"))?;
    let distribution = Distribution::new(order.out, order.distribution);
    distribution.require_exact(order.generation)?;
    let scan = Scan::new(&distribution, order.generation, &store)?;
    let none = BaseContents::default();
    let base = order.base.map_or(&none, |(_, base)| base);
    let recipes = find_recipes(&scan, &plan::new_contents(&scan, base), &store, progress)?;
    let base_folder = order.base.map(|(id, _)| distribution.generation(id)).filter(|folder| folder.is_dir());
    let folder = distribution.generation(order.generation);
    let files = generation_files(&folder, base_folder.as_deref())?;
    let program = order.program.map(fs::digest_of_file).transpose()?;
    let title = Title {
        distribution: order.distribution.to_owned(),
        generation: order.generation.to_owned(),
        number: number(&distribution, order.generation),
        base: order.base.map(|(id, _)| id.to_owned()),
        program: program.map(|(sha256, size)| Sized { sha256, size }),
        files: files.iter().map(|(file, _)| file.clone()).collect(),
    };
    let manifest = plan::manifest(&scan, base, &recipes, title);
    // What would not be read is not written.
    BundleManifest::parse(&manifest.to_json()).context("this distribution cannot be bundled")?;
    let (names, size) = pack(order, &manifest, &files, &folder, &store, progress)?;
    Ok(Written { files: names, size, manifest })
}

/// Number of the switch that last took a generation into use. One that was made for a release alone was never in use: it
/// is as old as the program knows, which is older than everything.
fn number(distribution: &Distribution, generation: &str) -> u64 {
    distribution.uses().iter().rev().find(|one| one.id == generation).map_or(0, |one| one.number)
}

/// Tries every recipe that might work and keeps those that do.
fn find_recipes(scan: &Scan, new: &BTreeSet<Digest>, store: &Store, progress: &Progress) -> Result<Recipes> {
    let candidates: Vec<_> = scan.gzip_copies().into_iter().filter(|(gzip_copy, _)| new.contains(gzip_copy)).collect();
    let archives: Vec<_> = scan.archives().into_iter().filter(|archive| new.contains(&archive.content)).collect();
    progress.begin("trying recipes", (candidates.len() + archives.len()) as u64);
    let gzip_copies = candidates.into_par_iter().filter_map(|(gzip_copy, original)| {
        progress.step();
        if scan.contents[&original].size > recipe::IN_MEMORY {
            return None;
        }
        let made = store.read_blob(&original).map(|bytes| compress::gzip(&bytes));
        let kept = made.and_then(|made| {
            let works = Digest::of(&made) == gzip_copy;
            if works {
                require_size(scan, &gzip_copy, made.len() as u64, store)?;
            }
            Ok(works.then_some((gzip_copy, original)))
        });
        kept.transpose()
    });
    let gzip_copies = gzip_copies.collect::<Result<BTreeMap<_, _>>>()?;
    let zips = archives.par_iter().map(|archive| {
        progress.step();
        let folder = store.root().join(Store::tree_path(&archive.folder));
        let made = recipe::archive(&folder, &archive.root, HashOnly::default());
        // An archive that cannot be made is simply carried.
        let Ok(HashOnly(hasher, size)) = made else { return Ok((archive, false)) };
        let works = hasher.finish() == archive.content;
        if works {
            require_size(scan, &archive.content, size, store)?;
        }
        Ok((archive, works))
    });
    let zips = zips.collect::<Result<Vec<_>>>()?;
    let mut recipes = Recipes { gzip_copies, ..Recipes::default() };
    for (archive, works) in &zips {
        if *works {
            recipes.zips.insert(archive.content, (archive.folder, archive.root.clone()));
        }
    }
    recipes.drop_circles(scan);
    let is_made = |digest: &Digest| recipes.zips.contains_key(digest) || recipes.gzip_copies.contains_key(digest);
    let carried: BTreeSet<_> =
        zips.iter().map(|(archive, _)| archive.content).filter(|content| !is_made(content)).collect();
    let ordered: Vec<_> = carried.iter().collect();
    let found: Vec<_> = ordered.par_iter().map(|archive| members(archive, new, store)).collect();
    let mut lying = BTreeMap::new();
    for (archive, found) in ordered.into_iter().zip(found) {
        for (digest, number, size) in
            found.into_iter().filter(|(digest, ..)| !is_made(digest) && !carried.contains(digest))
        {
            require_size(scan, &digest, size, store)?;
            lying.entry(digest).or_insert((*archive, number));
        }
    }
    recipes.members = lying;
    Ok(recipes)
}

/// Refuses a store in which a content has another size than it must have: what is made elsewhere is right, and what the
/// manifest says of it would be wrong.
fn require_size(scan: &Scan, digest: &Digest, size: u64, store: &Store) -> Result<()> {
    if scan.contents.get(digest).is_none_or(|found| found.size == size) {
        return Ok(());
    }
    bail!("{} is damaged\nhint: {REMEDY}", store.root().join(Store::blob_path(digest)).display());
}

/// The new contents that lie in an archive, each with its number and size; none if it cannot be unpacked.
fn members(archive: &Digest, new: &BTreeSet<Digest>, store: &Store) -> Vec<(Digest, usize, u64)> {
    let mut found = Vec::new();
    let Some(mut archive) = store.open_blob(archive).ok().and_then(|file| recipe::open_archive(file).ok()) else {
        return found;
    };
    for number in 0..archive.len() {
        let size = match archive.by_index(number) {
            Ok(member) if member.is_file() => member.size(),
            _ => continue,
        };
        let mut content = HashOnly::default();
        if recipe::member(&mut archive, number, size, &mut content).is_ok() {
            found.push((content.0.finish(), number, size));
        }
    }
    found.retain(|(digest, ..)| new.contains(digest));
    found
}

/// The files of a generation beside its document root, by path; with a patch where the base has a file of the same path.
fn generation_files(folder: &Path, base: Option<&Path>) -> Result<Vec<(File, Option<Vec<u8>>)>> {
    let mut paths = Vec::new();
    list(folder, "", &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let (sha256, size) = fs::digest_of_file(&folder.join(&path))?;
        let old = base.map(|base| base.join(&path)).filter(|old| old.is_file());
        let patch = old.map(|old| patch(&folder.join(&path), size, &old)).transpose()?.flatten();
        let patch = patch.map(|(of, bytes)| (Patch { size: bytes.len() as u64, of }, bytes));
        let (patch, bytes) = patch.unzip();
        files.push((File { path, sha256, size, patch }, bytes));
    }
    Ok(files)
}

/// All files below a folder, by path; the document root, which is a link, is not among them, nor is the list of them, which
/// is made where they arrive.
pub(super) fn list(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::list(folder)? {
        let Some(name) = entry.name() else { bail!("{} is not text", entry.path.display()) };
        let path = format!("{prefix}{name}");
        if entry.kind.is_dir() {
            list(&entry.path, &format!("{path}/"), paths)?;
        } else if entry.kind.is_file() && path != own_files::FILE {
            paths.push(path);
        }
    }
    Ok(())
}

/// A file compressed with an older one as prefix, if both are small enough and something is gained.
fn patch(new: &Path, size: u64, old: &Path) -> Result<Option<(Sized, Vec<u8>)>> {
    let (sha256, old_size) = fs::digest_of_file(old)?;
    if size == 0 || old_size == 0 || size > PATCHABLE || old_size > PATCHABLE {
        return Ok(None);
    }
    let (old, new) = (fs::read(old)?, fs::read(new)?);
    let make = || -> io::Result<Vec<u8>> {
        let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), PATCH_LEVEL, &old)?;
        encoder.window_log(WINDOW)?;
        encoder.long_distance_matching(true)?;
        encoder.set_pledged_src_size(Some(new.len() as u64))?;
        encoder.write_all(&new)?;
        encoder.finish()
    };
    let patch = make().context("cannot compare a file with that of the base")?;
    Ok((patch.len() < new.len()).then_some((Sized { sha256, size: old_size }, patch)))
}

/// Writes the members one after the other.
fn pack(
    order: &Order<'_>,
    manifest: &BundleManifest,
    files: &[(File, Option<Vec<u8>>)],
    folder: &Path,
    store: &Store,
    progress: &Progress,
) -> Result<(Vec<PathBuf>, u64)> {
    let trouble = || format!("cannot write {}", order.target.display());
    let mut sealing = Sealing::new(order.target, order.split);
    let mut tar = Tar::new(&mut sealing, TEXT_LEVEL).with_context(trouble)?;
    let text = manifest.to_json();
    ensure!(text.len() as u64 <= super::manifest::MAX_MANIFEST, "the distribution is too large for a bundle");
    tar.member(MANIFEST, text.len() as u64, 0o644, &mut &text[..]).with_context(trouble)?;
    if let (Some(path), Some(Sized { sha256, size })) = (order.program, manifest.program) {
        let mut file = fs::open(path)?;
        let digest = tar.member(PROGRAM, size, 0o755, &mut file).with_context(trouble)?;
        ensure!(digest == sha256, "{} changed while it was read", path.display());
    }
    for (file, patch) in files {
        let name = format!("{GENERATION}{}", file.path);
        if let Some(patch) = patch {
            tar.member(&format!("{name}{PATCH}"), patch.len() as u64, 0o644, &mut &patch[..]).with_context(trouble)?;
            continue;
        }
        let path = folder.join(&file.path);
        let mut content = fs::open(&path)?;
        let digest = tar.member(&name, file.size, 0o644, &mut content).with_context(trouble)?;
        ensure!(digest == file.sha256, "{} changed while it was read", path.display());
    }
    progress.begin("packing contents", manifest.contents.len() as u64);
    for (name, origin) in [(TEXT, Origin::Text), (MEDIA, Origin::Media)] {
        let chosen: Vec<_> = manifest.contents.iter().filter(|content| content.from == origin).collect();
        let size = chosen.iter().map(|content| content.size).sum();
        tar.begin(name, size, 0o644).with_context(trouble)?;
        if origin == Origin::Media {
            tar = tar.next_frame(MEDIA_LEVEL).with_context(trouble)?;
        }
        for content in chosen {
            progress.step();
            let digest = tar.copy(&mut store.open_blob(&content.sha256)?, content.size).with_context(trouble)?;
            if digest != content.sha256 {
                let path = store.root().join(Store::blob_path(&content.sha256));
                bail!("{} is damaged\nhint: {REMEDY}", path.display());
            }
        }
        tar.pad(size).with_context(trouble)?;
    }
    tar.finish().with_context(trouble)?;
    let (names, size, _) = sealing.finish()?;
    Ok((names, size))
}

/// A tar archive in frames of zstd.
struct Tar<'a> {
    encoder: zstd::stream::write::Encoder<'static, &'a mut Sealing>,
}

impl<'a> Tar<'a> {
    fn new(out: &'a mut Sealing, level: i32) -> io::Result<Self> {
        let mut encoder = zstd::stream::write::Encoder::new(out, level)?;
        encoder.include_checksum(true)?;
        encoder.window_log(WINDOW)?;
        encoder.long_distance_matching(true)?;
        Ok(Self { encoder })
    }

    fn next_frame(self, level: i32) -> io::Result<Self> {
        Self::new(self.encoder.finish()?, level)
    }

    fn begin(&mut self, name: &str, size: u64, mode: u32) -> io::Result<()> {
        self.encoder.write_all(header(name, size, mode)?.as_bytes())
    }

    /// A whole member; returns its digest.
    fn member(&mut self, name: &str, size: u64, mode: u32, content: &mut dyn Read) -> io::Result<Digest> {
        self.begin(name, size, mode)?;
        let digest = self.copy(content, size)?;
        self.pad(size)?;
        Ok(digest)
    }

    /// Adds exactly so many bytes and returns their digest.
    fn copy(&mut self, content: &mut dyn Read, size: u64) -> io::Result<Digest> {
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; usize::try_from(size.clamp(1, 1 << 17)).unwrap_or(1 << 17)];
        let mut left = size;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let filled = content.read(&mut buffer[..room])?;
            if filled == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file is shorter than it was"));
            }
            hasher.update(&buffer[..filled]);
            self.encoder.write_all(&buffer[..filled])?;
            left -= filled as u64;
        }
        Ok(hasher.finish())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        self.encoder.write_all(&[0; 512][..super::padding(size)])
    }

    fn finish(mut self) -> io::Result<()> {
        self.encoder.write_all(&[0; super::TAR_END])?;
        self.encoder.finish().map(drop)
    }
}
