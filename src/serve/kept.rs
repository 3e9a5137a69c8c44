//! Files that are kept in memory, ready to be sent, as far as there is room.
//!
//! A generation never changes, so what was once right stays right for as long as it is served, whatever becomes of the disk.
//! Only a file that has the time of its content is kept: damage is read from the disk each time, and so is gone as soon as the
//! disk is mended. All sites share the room; what belongs to one is dropped with it. Knows nothing of disks.

use super::head::Head;
use hyper::body::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of files that are kept, unless told otherwise. The lists that Kibanas of a few versions ask for, with look-up,
/// document, readme and icon of the newest version of some 400 packages, take half of it.
pub(super) const KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// The largest file that is kept. Above it the time to send a file is that of moving its bytes, wherever they are.
pub(super) const LARGEST: u64 = 256 * 1024;
/// Bytes that a file takes beside its content and path: its headers, and its place here.
const OVERHEAD: u64 = 2 * 1024;
/// Bytes of a usual file, as a guess.
const USUAL: u64 = 16 * 1024;
/// Parts with a lock each. More of them would be too small for some large files.
const PARTS: usize = 8;

/// A file in memory.
pub(super) struct KeptFile {
    pub(super) head: Head,
    content: Bytes,
}

impl KeptFile {
    pub(super) fn new(head: Head, content: Bytes) -> Self {
        Self { head, content }
    }

    /// A stretch of it, given its first byte and how many.
    pub(super) fn stretch(&self, first: u64, count: u64) -> Bytes {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.content.len());
        self.content.slice(place(first)..place(first.saturating_add(count)))
    }
}

/// Where a file is kept.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    shelf: u64,
    takes_gzip: bool,
    path: Box<str>,
}

/// A key that is looked for. Its hash is that of the key.
#[derive(Hash)]
struct Wanted<'a> {
    shelf: u64,
    takes_gzip: bool,
    path: &'a str,
}

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        (self.shelf, self.takes_gzip, self.path) == (key.shelf, key.takes_gzip, &*key.path)
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<KeptFile>> for Weight {
    fn weight(&self, key: &Key, file: &Arc<KeptFile>) -> u64 {
        OVERHEAD + (key.path.len() + file.content.len()) as u64
    }
}

/// All files that are kept.
pub(super) struct Kept {
    files: Cache<Key, Arc<KeptFile>, Weight>,
    bound: u64,
    /// Bytes of contents in memory: those kept, and those that are dropped while clients still take them.
    alive: Arc<AtomicU64>,
    shelves: AtomicU64,
}

impl Kept {
    /// Room for so many bytes.
    pub(super) fn new(bound: u64) -> Arc<Self> {
        let items = usize::try_from(bound / USUAL).unwrap_or(usize::MAX).max(1);
        let mut options = OptionsBuilder::new();
        options.shards(PARTS).estimated_items_capacity(items).weight_capacity(bound);
        let options = options.build().expect("the two numbers that are needed are there");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Arc::new(Self {
            files: Cache::with_options(options, Weight, hasher, lifecycle),
            bound,
            alive: Arc::default(),
            shelves: AtomicU64::new(0),
        })
    }

    /// A shelf for one site.
    pub(super) fn shelf(self: &Arc<Self>) -> Shelf {
        Shelf { kept: self.clone(), number: self.shelves.fetch_add(1, Ordering::Relaxed) }
    }
}

/// The files of one site among those that are kept.
pub(super) struct Shelf {
    kept: Arc<Kept>,
    number: u64,
}

impl Shelf {
    /// The file for clients that take gzip, or do not.
    pub(super) fn get(&self, path: &str, takes_gzip: bool) -> Option<Arc<KeptFile>> {
        self.kept.files.get(&Wanted { shelf: self.number, takes_gzip, path })
    }

    /// Keeps a file, or drops others for it.
    pub(super) fn put(&self, path: &str, takes_gzip: bool, file: Arc<KeptFile>) {
        self.kept.files.insert(Key { shelf: self.number, takes_gzip, path: path.into() }, file);
    }

    /// Takes so many bytes into memory, which `read` fills. `None` if they are too many for a file that is kept; or if
    /// there are twice as many as may be kept, since clients are slow to take what was dropped.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn hold<E>(
        &self,
        length: u64,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Option<Bytes>, E> {
        if length > LARGEST {
            return Ok(None);
        }
        let alive = self.kept.alive.fetch_add(length, Ordering::Relaxed) + length;
        let mut held = Held { bytes: Vec::new(), length, alive: self.kept.alive.clone() };
        if alive > 2 * self.kept.bound {
            return Ok(None);
        }
        held.bytes = vec![0; length as usize];
        read(&mut held.bytes)?;
        Ok(Some(Bytes::from_owner(held)))
    }
}

impl Drop for Shelf {
    /// The last request of the site is answered, so nothing is added any more.
    fn drop(&mut self) {
        self.kept.files.retain(|key, _| key.shelf != self.number);
    }
}

/// Bytes that are counted as long as somebody has them.
struct Held {
    bytes: Vec<u8>,
    /// How many, once they are read.
    length: u64,
    alive: Arc<AtomicU64>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::head::Traits;
    use crate::serve::headers::Version;

    /// Reads a file of so many bytes, all the same, and keeps it.
    fn keep(shelf: &Shelf, path: &str, length: u64, byte: u8) -> Option<Arc<KeptFile>> {
        let read = |bytes: &mut [u8]| -> Result<(), ()> {
            bytes.fill(byte);
            Ok(())
        };
        let content = shelf.hold(length, read).unwrap()?;
        let traits =
            Traits { version: Version { modified: 1, length }, media: "a/b".into(), is_gzip: false, varies: false };
        let file = Arc::new(KeptFile::new(Head::bare(&traits), content));
        shelf.put(path, false, file.clone());
        Some(file)
    }

    fn alive(kept: &Kept) -> u64 {
        kept.alive.load(Ordering::Relaxed)
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        const ROOM: u64 = 4 * 1024 * 1024;
        let kept = Kept::new(ROOM);
        let shelf = kept.shelf();
        for number in 0..1_000 {
            // The first one is asked for again and again.
            assert!(number == 0 || shelf.get("/0", false).is_some(), "{number}");
            keep(&shelf, &format!("/{number}"), 100_000, 7).unwrap();
            assert!(kept.files.weight() <= ROOM && alive(&kept) <= ROOM, "{number}");
        }
        assert!(kept.files.weight() > ROOM / 2, "{}", kept.files.weight());
        assert_eq!(shelf.get("/0", false).unwrap().stretch(99_990, 100), vec![7; 10]);
        assert!(shelf.get("/0", true).is_none());
        assert!(keep(&shelf, "/large", LARGEST + 1, 7).is_none());
    }

    // Who asks for everything and takes nothing gets it from the disk after a while.
    #[test]
    fn what_clients_still_take_is_bounded_too() {
        const ROOM: u64 = 1024 * 1024;
        let kept = Kept::new(ROOM);
        let shelf = kept.shelf();
        let taken: Vec<_> = (0..100).map(|number| keep(&shelf, &format!("/{number}"), 100_000, 7)).collect();
        assert!(taken.iter().flatten().count() == 20 && taken[20..].iter().all(Option::is_none));
        assert!(alive(&kept) <= 2 * ROOM);
        drop(taken);
        assert!(keep(&shelf, "/again", 100_000, 7).is_some() && alive(&kept) <= ROOM);
        assert!(shelf.hold(10, |_| Err(())).is_err());
        drop(shelf);
        assert_eq!(alive(&kept), 0);
    }

    #[test]
    fn a_site_takes_its_files_along_and_no_others() {
        let kept = Kept::new(KEPT_BYTES);
        let (one, other) = (kept.shelf(), kept.shelf());
        keep(&one, "/a", 10, 1).unwrap();
        keep(&other, "/a", 10, 2).unwrap();
        assert_eq!(one.get("/a", false).unwrap().stretch(0, 10), vec![1; 10]);
        drop(one);
        assert_eq!((kept.files.len(), alive(&kept)), (1, 10));
        assert_eq!(other.get("/a", false).unwrap().stretch(0, 1), vec![2]);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let kept = Kept::new(0);
        let shelf = kept.shelf();
        assert!(keep(&shelf, "/a", 1, 1).is_none());
    }
}
