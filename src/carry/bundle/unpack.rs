//! Unpacks a bundle into an output folder.
//!
//! ```text
//! read        every content into the store, every file of the generation into a scratch folder; the seal
//!   ▼
//! make        what has a recipe: members of archives, gzip copies; folders; archives; the folders around them
//!   ▼
//! write       the generation beside the others, switch `current`, forget old ones
//! ```
//!
//! Up to the last step nothing that is in use changes. Contents go into the store under their own digest, where one that
//! nothing needs does no harm, and where a second run finds those of a first that was ended.

use super::listed;
use super::manifest::{BundleManifest, BundledContent, Folder, Origin};
use super::parts::Sealed;
use super::read::{Item, Reader};
use super::write::{PATCHABLE, list};
use super::{Refusal, WINDOW};
use crate::base::digest::Digest;
use crate::base::fs::{self, Lock, Scrutiny, has_time};
use crate::base::progress::{Progress, bytes};
use crate::catalog::cache::Cache;
use crate::compare::holdings::Holdings;
use crate::compare::loss;
use crate::compare::policy::{Before, Refused};
use crate::generation::distribution::{self, Distribution, Files, REMEDY};
use crate::generation::listed::MANIFEST;
use crate::generation::prune;
use crate::generation::uses::{self, Switch};
use crate::site::report::Change;
use crate::store::{STOCK, Store};
use anyhow::{Context, Result, bail};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Contents up to this size go through memory.
const SMALL: u64 = 1 << 20;

/// An unpacked bundle.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The manifest of the bundle.
    pub manifest: BundleManifest,
    /// SHA-256 of the bundle, all parts together.
    pub digest: Digest,
    /// The generation that was in use before.
    pub previous: Option<String>,
    /// Contents of the bundle that were in the store already.
    pub present: usize,
    /// How the number of versions changed; absent if that is not known.
    pub change: Option<Change>,
    /// True if too many versions are lost, and that was accepted.
    pub is_loss_accepted: bool,
}

/// What the operator says of a bundle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// The digest of the bytes whose signature is good.
    pub signed: Option<&'a Digest>,
    /// Generations to keep.
    pub keep: usize,
    /// Versions may be lost.
    pub accept_loss: bool,
    /// The bundle may be older than what is in use.
    pub allow_older: bool,
}

/// Unpacks a bundle into `out` and switches to its generation.
///
/// # Errors
/// A [`Refusal`] when the bundle is refused; [`Refused`] when too many versions would be lost; others when the machine fails. The generation in use stays in use.
pub fn unpack(sealed: &Sealed, out: &Path, terms: &Terms<'_>, progress: &Progress) -> Result<Unpacked> {
    let taken = take_in(sealed, out, terms, progress)?;
    let Taken { manifest, digest, present, store, distribution, base, lock: _lock } = taken;
    let unpacker = Unpacker { store: &store, base };
    let previous = distribution.current();
    let (change, is_loss_accepted) = unpacker.guard(&manifest, &distribution, terms.accept_loss)?;
    unpacker.write(&manifest, &distribution).map_err(|error| at(error, sealed))?;
    distribution.switch(&manifest.generation, Switch::Bundle(manifest.number.unwrap_or_default()))?;
    distribution.mend_records()?;
    prune::tidy(out, terms.keep, &store, &Cache::read(out))?;
    store.write_stock(&out.join(STOCK))?;
    Ok(Unpacked { manifest, digest, previous, present, change, is_loss_accepted })
}

/// Puts right in an output folder what a bundle holds: contents, and the files of its generation if that belongs there.
/// Which generation is in use stays so; `signed` is the digest of the bytes whose signature is good.
///
/// # Errors
/// As [`unpack`].
pub fn contribute(sealed: &Sealed, out: &Path, signed: Option<&Digest>, progress: &Progress) -> Result<()> {
    // Nothing is taken into use, so the bundle may be of any age.
    let taken = take_in(sealed, out, &Terms { signed, allow_older: true, ..Terms::default() }, progress)?;
    let Taken { manifest, store, distribution, base, .. } = &taken;
    let id = &manifest.generation;
    if distribution.current().as_ref() == Some(id) {
        // What a damaged log no longer tells, the bundle does: how old it is.
        distribution.mend_log(Switch::Bundle(manifest.number.unwrap_or_default()))?;
    }
    if distribution.has(id) || distribution.current().as_ref() == Some(id) {
        let unpacker = Unpacker { store, base: base.clone() };
        unpacker.write(manifest, distribution).map_err(|error| at(error, sealed))?;
    }
    store.write_stock(&out.join(STOCK))
}

/// A bundle whose contents are in the store, and all that depends on them.
struct Taken {
    manifest: BundleManifest,
    digest: Digest,
    /// Contents that were there before.
    present: usize,
    store: Store,
    distribution: Distribution,
    base: Option<PathBuf>,
    lock: Lock,
}

/// Puts the contents of a bundle into the store, and the files of its generation beside it.
fn take_in(sealed: &Sealed, out: &Path, terms: &Terms<'_>, progress: &Progress) -> Result<Taken> {
    let mut reader = Reader::new(sealed)?;
    if let Some(base) = reader.manifest().base.as_ref().filter(|_| !out.is_dir()) {
        return Err(missing_base(reader.manifest(), base, None)?.at(sealed.name()).into());
    }
    let lock = Lock::take(out)?;
    let distribution = Distribution::new(out, &reader.manifest().distribution);
    if !terms.allow_older {
        check_age(reader.manifest(), &distribution).map_err(|error| error.at(sealed.name()))?;
    }
    if let Some(base) = reader.manifest().base.as_ref().filter(|base| !distribution.has(base)) {
        return Err(missing_base(reader.manifest(), base, Some(&distribution))?.at(sealed.name()).into());
    }
    check_room(reader.manifest(), out)?;
    let store = Store::open(&out.join("store"))?;
    store.take_stock(Some(&out.join(STOCK)));
    check_base(reader.manifest(), &distribution, &store).map_err(|error| error.at(sealed.name()))?;
    let unpacker =
        Unpacker { store: &store, base: reader.manifest().base.as_ref().map(|id| distribution.generation(id)) };
    let mut present = 0;
    progress.begin("reading the bundle", reader.manifest().contents.len() as u64);
    reader.each(|manifest, item, stream| {
        match item {
            Item::Program => {}
            Item::File(index) => unpacker.take_file(manifest, index, stream)?,
            Item::Content(index) => {
                progress.step();
                present += usize::from(unpacker.take_content(&manifest.contents[index], stream)?);
            }
        }
        Ok(())
    })?;
    let (manifest, digest) = reader.finish()?;
    if terms.signed.is_some_and(|signed| *signed != digest) {
        let hint = "the disk gives different bytes at different times; copy the bundle to another one";
        return Err(Refusal::new("what was read is not what was signed", hint).at(sealed.name()).into());
    }
    unpacker.make(&manifest, progress).map_err(|error| at(error, sealed))?;
    let base = unpacker.base;
    Ok(Taken { manifest, digest, present, store, distribution, base, lock })
}

/// Adds the name of the bundle to a refusal.
fn at(error: anyhow::Error, sealed: &Sealed) -> anyhow::Error {
    match error.downcast::<Refusal>() {
        Ok(refusal) => refusal.at(sealed.name()).into(),
        Err(error) => error,
    }
}

/// Checks that a bundle is not older than what was taken into use here. What is in use may be taken in again. A log that does
/// not tell the age of what is in use proves nothing.
fn check_age(manifest: &BundleManifest, distribution: &Distribution) -> Result<(), Refusal> {
    let (current, uses) = (distribution.current(), distribution.uses());
    if (current.is_none() && uses.is_empty()) || current.as_ref() == Some(&manifest.generation) {
        return Ok(());
    }
    let hint =
        "take in the newest bundle; if you mean this one, or its sender counts anew, repeat with `--allow-older`";
    if current.as_ref().is_some_and(|current| !distribution.is_logged(current)) {
        let what = "the bundle may be older than what is in use: the log of the output folder is damaged";
        return Err(Refusal::new(what, hint));
    }
    let newest = uses::newest(&uses);
    if manifest.number.unwrap_or_default() >= newest {
        return Ok(());
    }
    let number = match manifest.number {
        Some(number) => format!("has the number {number}"),
        None => "has no number, as those of older programs".to_owned(),
    };
    let what = format!("the bundle is older than what is in use: it {number}, and what is in use here has {newest}");
    Err(Refusal::new(what, hint))
}

/// Checks that the generation for which a delta was made is as it was written.
fn check_base(manifest: &BundleManifest, distribution: &Distribution, store: &Store) -> Result<(), Refusal> {
    let Some(base) = manifest.base.as_ref().filter(|base| !distribution.is_whole(base, store)) else { return Ok(()) };
    let what = format!("generation {base}, on which this bundle builds, is damaged");
    Err(Refusal::new(what, format!("take in a bundle that brings everything; {REMEDY}")))
}

fn missing_base(manifest: &BundleManifest, base: &str, distribution: Option<&Distribution>) -> Result<Refusal> {
    let there = distribution.map_or(Ok(Vec::new()), Distribution::generations)?;
    let there = if there.is_empty() { "there is none".to_owned() } else { format!("there are: {}", there.join(", ")) };
    let name = &manifest.distribution;
    Ok(Refusal::new(
        format!("the bundle builds on generation {base} of `{name}`, which is not there; {there}"),
        "take in the bundles in between first, or one that brings everything; or let `--since` name one that is there",
    ))
}

/// Checks that the disk has room for what a bundle unpacks to.
fn check_room(manifest: &BundleManifest, out: &Path) -> Result<()> {
    let stat = rustix::fs::statvfs(out).with_context(|| format!("cannot look at {}", out.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if manifest.unpacked() <= free {
        return Ok(());
    }
    // What a run that was ended has stored needs no more room.
    let store = out.join("store");
    let is_there = |content: &&BundledContent| {
        content.from != Origin::Base && is_stored(&store.join(Store::blob_path(&content.sha256)), content)
    };
    let there: u64 = manifest.contents.iter().filter(is_there).map(|content| content.size).sum();
    let needed = manifest.unpacked().saturating_sub(there);
    if needed > free {
        let what =
            format!("the bundle unpacks to {}, and {} are free in {}", bytes(needed), bytes(free), out.display());
        bail!("{what}\nhint: make room, or name a folder on a larger disk with `--out`");
    }
    Ok(())
}

/// The state that unpacking works with.
pub(super) struct Unpacker<'a> {
    pub(super) store: &'a Store,
    /// The generation that patches are for.
    base: Option<PathBuf>,
}

impl Unpacker<'_> {
    /// Path at which a file of the generation waits; the store clears this folder when it is opened.
    fn scratch(&self, index: usize) -> PathBuf {
        self.store.root().join(format!("tmp/generation-{index}"))
    }

    fn take_file(&self, manifest: &BundleManifest, index: usize, stream: &mut dyn Read) -> Result<()> {
        let (file, place) = (&manifest.files[index], self.scratch(index));
        let trouble = || format!("cannot write {}", place.display());
        let mut out = fs::create(&place)?;
        let Some(patch) = file.patch else {
            return io::copy(stream, &mut out).map(drop).with_context(trouble);
        };
        let refuse = |what: String| Refusal::damaged(format!("`{}` {what}", file.path));
        if patch.of.size > PATCHABLE || file.size > PATCHABLE || patch.size > PATCHABLE {
            return Err(refuse("is too large for a patch".to_owned()).into());
        }
        let old = self.base.as_ref().context("a patch has a base")?.join(&file.path);
        let old = fs::read(&old)?;
        if Digest::of(&old) != patch.of.sha256 {
            let what = format!("`{}` of the generation on which this bundle builds was changed", file.path);
            return Err(Refusal::new(what, "take in a bundle that brings everything").into());
        }
        let open = || -> io::Result<_> {
            let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(io::BufReader::new(stream), &old)?;
            decoder.window_log_max(WINDOW)?;
            Ok(decoder)
        };
        let mut decoder = open().with_context(trouble)?.take(file.size.saturating_add(1));
        let mut new = Vec::new();
        decoder.read_to_end(&mut new).map_err(|error| refuse(format!("cannot be patched: {error}")))?;
        if Digest::of(&new) != file.sha256 {
            return Err(refuse("has another digest when it is patched".to_owned()).into());
        }
        out.write_all(&new).with_context(trouble)
    }

    /// Puts a content into the store; returns whether it was there.
    fn take_content(&self, content: &BundledContent, stream: &mut dyn Read) -> Result<bool> {
        if self.is_there(content)? {
            return Ok(true);
        }
        if content.size <= SMALL {
            let mut bytes = Vec::with_capacity(content.size as usize);
            // A stream that ends too early is told by the reader.
            if stream.read_to_end(&mut bytes).is_ok() && Digest::of(&bytes) == content.sha256 {
                self.store.put_as(&content.sha256, &bytes)?;
            }
            return Ok(false);
        }
        let mut incoming = self.store.incoming()?;
        let mut hasher = crate::base::digest::Hasher::default();
        let mut buffer = vec![0; 1 << 17];
        while let Ok(filled @ 1..) = stream.read(&mut buffer) {
            hasher.update(&buffer[..filled]);
            incoming.write_all(&buffer[..filled]).context("cannot write into the store")?;
        }
        if hasher.finish() == content.sha256 {
            incoming.finish()?;
        }
        Ok(false)
    }

    /// Returns true if a content is in the store and has the digest that its name says. One with another digest is forgotten.
    pub(super) fn is_there(&self, content: &BundledContent) -> Result<bool> {
        if !self.store.has_blob(&content.sha256, content.size) {
            return Ok(false);
        }
        let path = self.store.root().join(Store::blob_path(&content.sha256));
        if fs::digest_of_file(&path)?.0 == content.sha256 {
            return Ok(true);
        }
        // It is made again, and so are the folders that it is linked into.
        self.store.forget(&content.sha256);
        Ok(false)
    }

    /// Compares the versions with those in use; says how their number changes, and whether too many are lost.
    fn guard(
        &self,
        manifest: &BundleManifest,
        distribution: &Distribution,
        accept_loss: bool,
    ) -> Result<(Option<Change>, bool)> {
        let Some(index) = manifest.files.iter().position(|file| file.path == "manifest.json") else {
            return Ok((None, false));
        };
        let now = Holdings::of_manifest_text(&fs::read(&self.scratch(index))?);
        let now = now.map_err(|error| Refusal::damaged(format!("`manifest.json` cannot be used: {error:#}")))?;
        let before = Before::of(distribution);
        let refusals = before.holdings().map(|was| loss::refusals(was, &now)).unwrap_or_default();
        if !refusals.is_empty() && !accept_loss {
            return Err(Refused(refusals).into());
        }
        Ok((before.change_to(&now), !refusals.is_empty()))
    }

    /// Checks the generation's own manifest.
    fn check_generation(&self, manifest: &BundleManifest) -> Result<()> {
        let Some(index) = manifest.files.iter().position(|file| file.path == MANIFEST) else {
            return Err(Refusal::damaged(format!("it brings no `{MANIFEST}`")).into());
        };
        // What the base has was verified when it came: its time tells the content.
        let in_base = |folder: &Folder, path: &str, digest: &Digest| {
            let place = self.store.root().join(Store::tree_path(&folder.digest)).join(path);
            fs::metadata(&place).is_ok_and(|stat| stat.is_file() && has_time(&stat, digest))
        };
        Ok(listed::check(manifest, &fs::read(&self.scratch(index))?, &in_base)?)
    }

    /// Writes the generation.
    fn write(&self, manifest: &BundleManifest, distribution: &Distribution) -> Result<()> {
        let (id, site) = (&manifest.generation, manifest.folders[manifest.site()].digest);
        if !self.store.has_tree(&site) {
            return Err(Refusal::damaged("the document root is not complete").into());
        }
        self.check_generation(manifest)?;
        if distribution.has(id) && distribution.faults(id, Scrutiny::Read).is_empty() {
            distribution.clear_unfinished()?;
            check_same(manifest, &distribution.generation(id), &site)?;
        } else {
            // One that is there and damaged is put right.
            let mut files = Files::new();
            for (index, file) in manifest.files.iter().enumerate() {
                let place = self.scratch(index);
                let copy = move |out: &mut dyn Write| {
                    io::copy(&mut fs::open(&place)?, out).map(drop).context("cannot write a file of the generation")
                };
                files.insert(file.path.clone(), distribution::FileContent::Written(Box::new(copy)));
            }
            distribution.write(id, &site, &files)?;
        }
        for index in 0..manifest.files.len() {
            fs::remove_file(&self.scratch(index))?;
        }
        Ok(())
    }
}

/// Returns true if a file has the size and mtime of a content.
fn is_stored(path: &Path, content: &BundledContent) -> bool {
    fs::link_metadata(path)
        .is_ok_and(|stat| stat.is_file() && stat.size() == content.size && has_time(&stat, &content.sha256))
}

/// Checks that a generation of this name, which is there already, equals the one in the bundle.
fn check_same(manifest: &BundleManifest, folder: &Path, site: &Digest) -> Result<()> {
    let target = fs::read_link(&folder.join("site")).unwrap_or_default();
    let mut paths = Vec::new();
    list(folder, "", &mut paths)?;
    paths.sort();
    let is_same = |file: &super::manifest::File| Ok(fs::digest_of_file(&folder.join(&file.path))?.0 == file.sha256);
    let has_all =
        target.ends_with(Store::tree_path(site)) && paths.iter().eq(manifest.files.iter().map(|file| &file.path));
    let same = has_all && manifest.files.iter().map(is_same).collect::<Result<Vec<bool>>>()?.iter().all(|same| *same);
    if same {
        return Ok(());
    }
    let what = format!("generation {} is there already, with other content", manifest.generation);
    let hint = format!("it was changed, or this bundle is forged; if it is not in use, remove {}", folder.display());
    Err(Refusal::new(what, hint).into())
}
