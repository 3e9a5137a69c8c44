//! The texts of answers, and their gzip copies.
//!
//! Long lists have most of their parts in common. Such a part is compressed once, on its own, and copied into every
//! gzip file that needs it: deflate allows to put pieces after each other that do not refer back. Where parts end
//! depends on what is in them alone (see [`Answers::list`]), so the same list always has the same bytes.

use super::Files;
use crate::answers::route::answers::Answers;
use crate::answers::search::{self, CategoryCount, Hit, TemplateSelection};
use crate::base::compress::{self, GZIP_HEADER};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{File, scratch_file};
use crate::base::table::Table;
use crate::catalog::merge::{Catalog, Entry};
use crate::store::Store;
use crate::store::content::{Blob, Contents, are_whole};
use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files of answers by their keys.
pub(crate) type AnswerTable = Table<Files>;

/// From so many elements on a list is compressed part by part; shorter ones share little and are smaller as a whole.
const LONG: usize = 64;

/// Renders answers, unless an earlier build rendered the same.
pub(super) struct Lists<'a> {
    /// The versions that are offered, in the order of the facts that answers were made from.
    offered: Vec<&'a Entry>,
    answers: &'a Answers,
    contents: &'a Contents<'a>,
    store: &'a Store,
    known: &'a AnswerTable,
    /// Compressed parts; a file, because they are many megabytes.
    spool: File,
    written: AtomicU64,
    /// Where in the file the compressed form of a part is, and its bytes.
    places: Vec<OnceLock<(u64, usize)>>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        answers: &'a Answers,
        contents: &'a Contents<'a>,
        store: &'a Store,
        known: &'a AnswerTable,
    ) -> Result<Self> {
        let spool = scratch_file(&store.root().join("tmp/parts"))?;
        let places = (0..answers.parts()).map(|_| OnceLock::new()).collect();
        Ok(Self {
            offered: catalog.offered(),
            answers,
            contents,
            store,
            known,
            spool,
            written: AtomicU64::new(0),
            places,
        })
    }

    /// The files of a `/search` answer.
    pub(super) fn list(&self, list: u32) -> Result<Files> {
        let hits = || self.answers.list(list).iter().flat_map(|&part| self.answers.part(part));
        let mut hasher = Hasher::default();
        hits().for_each(|hit| self.hash(&hit, &mut hasher));
        self.remembered(hasher.finish(), || {
            if self.answers.list(list).iter().map(|&part| self.answers.part(part).len()).sum::<usize>() >= LONG {
                return self.long(list).context("cannot write an answer");
            }
            let mut text = String::from("[\n");
            for (position, hit) in hits().enumerate() {
                text.push_str(if position > 0 { ",\n" } else { "" });
                self.push(&hit, &mut text);
            }
            self.contents.put_text(&(text + "\n]\n"))
        })
    }

    /// The files of a `/categories` answer.
    pub(super) fn counts(&self, counts: &[CategoryCount]) -> Result<Files> {
        let text = search::render_categories(counts);
        let mut hasher = Hasher::default();
        hasher.text(&text);
        self.remembered(hasher.finish(), || self.contents.put_text(&text))
    }

    fn remembered(&self, key: Digest, render: impl FnOnce() -> Result<Files>) -> Result<Files> {
        let is_there = |(blob, gzip): &Files| are_whole(self.store, [blob].into_iter().chain(gzip));
        if let Some(files) = self.known.get(&key).filter(is_there) {
            return Ok(files);
        }
        let files = render()?;
        self.known.put(key, files);
        Ok(files)
    }

    /// Adds everything that the text of an element is made from.
    fn hash(&self, hit: &Hit, hasher: &mut Hasher) {
        let entry = self.offered[hit.index];
        hasher.update(entry.record.item_digest.bytes());
        match &hit.templates {
            TemplateSelection::All => hasher.number(0),
            TemplateSelection::Only(positions) => {
                hasher.number(1);
                hasher.value(positions);
            }
        }
        hasher.value(&entry.deprecated);
    }

    /// Adds the text of an element.
    fn push(&self, hit: &Hit, text: &mut String) {
        let entry = self.offered[hit.index];
        entry.record.item.render(text, |template| hit.templates.keeps(template), entry.deprecated.as_ref());
    }

    /// Renders a list part by part, so that it is never in memory as a whole.
    fn long(&self, list: u32) -> Result<Files> {
        let (mut plain, mut packed) = (self.store.incoming()?, self.store.incoming()?);
        let mut crc = crc32fast::Hasher::new();
        let mut text = String::new();
        packed.write_all(&GZIP_HEADER)?;
        for (position, &part) in self.answers.list(list).iter().enumerate() {
            let joint = if position == 0 { "[\n" } else { ",\n" };
            text.clear();
            text.push_str(joint);
            for (position, hit) in self.answers.part(part).enumerate() {
                text.push_str(if position > 0 { ",\n" } else { "" });
                self.push(&hit, &mut text);
            }
            crc.update(text.as_bytes());
            plain.write_all(text.as_bytes())?;
            packed.write_all(&compress::stored_piece(joint.as_bytes(), false))?;
            packed.write_all(&self.packed(part, &text[joint.len()..])?)?;
        }
        let end = b"\n]\n";
        crc.update(end);
        plain.write_all(end)?;
        let (digest, size) = plain.finish()?;
        packed.write_all(&compress::stored_piece(end, true))?;
        packed.write_all(&compress::gzip_trailer(crc.finalize(), size))?;
        let (packed, packed_size) = packed.finish()?;
        Ok((Blob { digest, size }, Some(Blob { digest: packed, size: packed_size })))
    }

    /// The compressed form of a part. Two threads may make the same one at once: its bytes are the same.
    fn packed(&self, part: u32, text: &str) -> Result<Vec<u8>> {
        let place = &self.places[part as usize];
        if let Some((begin, size)) = place.get() {
            let mut bytes = vec![0; *size];
            self.spool.read_exact_at(&mut bytes, *begin)?;
            return Ok(bytes);
        }
        let bytes = compress::deflate_piece(text.as_bytes());
        let begin = self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.spool.write_all_at(&bytes, begin)?;
        let _ = place.set((begin, bytes.len()));
        Ok(bytes)
    }
}
