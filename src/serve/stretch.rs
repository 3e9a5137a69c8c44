//! A stretch of a file that is read while it is sent, block by block.
//!
//! What the system has in memory is read here and now. Only what would have to wait for the disk is read by another thread: a
//! change of threads takes longer than copying a block.

use crate::base::fs;
use hyper::body::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// Bytes of a file that any response may hold in memory.
const SMALL: usize = 64 * 1024;
/// Bytes of a large block: from here on, larger ones make nothing faster.
const LARGE: usize = 256 * 1024;
/// Large blocks, 16 MiB in all. They are used again, since new memory would have to be cleared.
const LARGE_BLOCKS: usize = 64;

/// The permit to have a file open.
pub(super) type Permit = OwnedSemaphorePermit;

/// A file that is open, and the permit for it.
pub(super) struct Source {
    file: fs::File,
    _permit: Permit,
}

impl Source {
    pub(super) fn new(file: fs::File, permit: Permit) -> Arc<Self> {
        Arc::new(Self { file, _permit: permit })
    }
}

/// The large blocks that all responses share. Whoever finds none takes a small one of its own.
#[derive(Default)]
pub(super) struct Blocks(Mutex<Free>);

#[derive(Default)]
struct Free {
    /// The last one that came back is used first: a processor may still have it at hand.
    blocks: Vec<Vec<u8>>,
    made: usize,
}

impl Blocks {
    /// A block for the next of so many bytes.
    fn take(self: &Arc<Self>, left: u64) -> Block {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let large = if wanted > SMALL { self.large() } else { None };
        match large {
            Some(bytes) => Block { bytes, length: wanted.min(LARGE), home: Some(self.clone()) },
            None => Block { bytes: vec![0; wanted.min(SMALL)], length: wanted.min(SMALL), home: None },
        }
    }

    fn large(&self) -> Option<Vec<u8>> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = free.blocks.pop() {
            return Some(bytes);
        }
        if free.made == LARGE_BLOCKS {
            return None;
        }
        free.made += 1;
        drop(free);
        Some(vec![0; LARGE])
    }
}

/// Some bytes of a file.
struct Block {
    bytes: Vec<u8>,
    /// How many are wanted, and later, how many there are.
    length: usize,
    /// Where a large one goes back to.
    home: Option<Arc<Blocks>>,
}

impl Block {
    /// Reads what the system has in memory; true if that is anything.
    fn fill_now(&mut self, file: &fs::File, at: u64) -> bool {
        let mut room = [IoSliceMut::new(&mut self.bytes[..self.length])];
        // Any failure, also of a file system that cannot say what it has in memory, is left to the other way.
        let read = preadv2(file, &mut room, at, ReadWriteFlags::NOWAIT).unwrap_or(0);
        if read > 0 {
            self.length = read;
        }
        read > 0
    }

    /// Reads from the disk.
    fn fill(mut self, file: &fs::File, at: u64) -> io::Result<Self> {
        self.length = loop {
            match file.read_at(&mut self.bytes[..self.length], at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        Ok(self)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let bytes = std::mem::take(&mut self.bytes);
            home.0.lock().unwrap_or_else(PoisonError::into_inner).blocks.push(bytes);
        }
    }
}

/// The next so many bytes of a file, which is open until the last one is sent.
pub(super) struct Stretch {
    source: Arc<Source>,
    at: u64,
    left: u64,
    blocks: Arc<Blocks>,
    /// Under way in another thread.
    reading: Option<JoinHandle<io::Result<Block>>>,
}

impl Stretch {
    pub(super) fn new(source: Arc<Source>, at: u64, left: u64, blocks: Arc<Blocks>) -> Self {
        Self { source, at, left, blocks, reading: None }
    }

    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` after the last.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(ready!(self.poll_block(context)).map(|block| {
            self.at += block.length as u64;
            self.left -= block.length as u64;
            Bytes::from_owner(block)
        })))
    }

    fn poll_block(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Block>> {
        if self.reading.is_none() {
            let mut block = self.blocks.take(self.left);
            if block.fill_now(&self.source.file, self.at) {
                return Poll::Ready(Ok(block));
            }
            let (source, at) = (self.source.clone(), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || block.fill(&source.file, at)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(read.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::path::Path;
    use tokio::sync::Semaphore;

    fn stretch(path: &Path, at: u64, left: u64, blocks: &Arc<Blocks>) -> Stretch {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Stretch::new(Source::new(fs::open(path).unwrap(), permit), at, left, blocks.clone())
    }

    async fn read(mut stretch: Stretch) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(bytes) = poll_fn(|context| stretch.poll_next(context)).await {
            all.extend(bytes?);
        }
        Ok(all)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn all_bytes_of_a_stretch_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        fs::write_file(&path, &bytes).unwrap();
        let blocks = Arc::new(Blocks::default());
        for (at, left) in [(0, 1_000_000), (17, 999_983), (999_999, 1), (5, LARGE), (5, SMALL), (5, SMALL + 1), (9, 0)]
        {
            let all = run(read(stretch(&path, at as u64, left as u64, &blocks))).unwrap();
            assert!(all == bytes[at..at + left], "{at} {left}");
        }
        assert_eq!(blocks.0.lock().unwrap().made, 1);
        // A file that became shorter is told, not filled up.
        let error = run(read(stretch(&path, 999_000, 1_001, &blocks))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    // Files of `/proc` are such: the system refuses to say what it has in memory.
    #[test]
    fn what_cannot_be_read_at_once_is_read_all_the_same() {
        let path = Path::new("/proc/self/cmdline");
        let bytes = fs::read(path).unwrap();
        let all = run(read(stretch(path, 0, bytes.len() as u64, &Arc::default()))).unwrap();
        assert_eq!(all, bytes);
    }

    #[test]
    fn large_blocks_are_few_and_come_back() {
        let blocks = Arc::new(Blocks::default());
        let taken: Vec<_> = (0..LARGE_BLOCKS + 3).map(|_| blocks.take(u64::MAX)).collect();
        assert_eq!(taken.iter().filter(|block| block.length == LARGE).count(), LARGE_BLOCKS);
        assert!(taken[LARGE_BLOCKS..].iter().all(|block| block.length == SMALL));
        drop(taken);
        assert_eq!(blocks.0.lock().unwrap().blocks.len(), LARGE_BLOCKS);
        assert_eq!((blocks.take(u64::MAX).length, blocks.take(10).length), (LARGE, 10));
    }
}
