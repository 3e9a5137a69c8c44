//! The one door through which files of layers are opened.
//!
//! Others may write into a layer while it is read, so nothing there is opened by its whole path. A [`Spot`] is a path below a
//! folder that a person named: links lead to that folder, and none is followed below it. Nothing but a regular file is opened
//! for reading, and no fifo is waited for. Who opened a file by another way could publish any file that this user can read;
//! a test sees to it that nobody does. Knows nothing of packages.

use crate::base::fs;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// State of a file, by which a change is detected without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStat {
    /// Bytes.
    pub size: u64,
    /// When the content changed, nanoseconds since 1970.
    pub modified_ns: i64,
    /// When content, name or permissions changed, nanoseconds since 1970.
    pub changed_ns: i64,
    /// Number of the file on its device.
    pub inode: u64,
    /// Number of the device.
    pub device: u64,
}

impl FileStat {
    fn new(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i128, rest: i128| {
            let total = seconds * 1_000_000_000 + rest;
            i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
        };
        // The widths of these fields differ between platforms.
        let number = |value: i128| u64::try_from(value).unwrap_or(0);
        Self {
            size: number(stat.st_size.into()),
            modified_ns: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed_ns: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
            inode: number(stat.st_ino.into()),
            device: number(stat.st_dev.into()),
        }
    }

    /// Returns true if both are the same file with the same content. The time of change does not count, because a new hard
    /// link moves it.
    fn same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.modified_ns)
            == (other.device, other.inode, other.size, other.modified_ns)
    }
}

/// Kind and state of a file or folder.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Kind of what is there.
    pub kind: FileType,
    /// State of it.
    pub stat: FileStat,
}

impl Found {
    fn new(stat: &Stat) -> Self {
        Self { kind: FileType::from_raw_mode(stat.st_mode), stat: FileStat::new(stat) }
    }
}

/// Looks at one name without following a link.
///
/// # Errors
/// When nothing is there, or it may not be looked at.
pub fn look(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Found> {
    Ok(Found::new(&statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Looks at what is open.
///
/// # Errors
/// When it may not be looked at.
pub fn look_at(file: impl AsFd) -> io::Result<Found> {
    Ok(Found::new(&fstat(file)?))
}

/// Looks at a path that a person named, through links.
///
/// # Errors
/// When nothing is there, or it may not be looked at.
pub fn look_through(path: &Path) -> io::Result<Found> {
    Ok(Found::new(&rustix::fs::stat(path)?))
}

/// Fails if the open file is not the regular file that was looked at, or has changed since.
///
/// # Errors
/// When it is another file, or cannot be looked at.
pub fn check_unchanged(file: &File, expected: &FileStat) -> io::Result<()> {
    let now = look_at(file)?;
    if now.kind == FileType::RegularFile && now.stat.same_content(expected) {
        Ok(())
    } else {
        Err(io::Error::other("the file changed while the package was being read"))
    }
}

/// A place of a layer: a path below a folder that a person named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    root: Arc<Path>,
    below: PathBuf,
}

impl Spot {
    /// The place with this path below a folder; the empty path is the folder itself.
    pub fn new(root: &Path, below: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), below: below.into() }
    }

    /// The place that a person named by its whole path. It is no link itself; there may be some on the way to it.
    pub fn named(path: &Path) -> Self {
        let root = path.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::new(root, path.file_name().unwrap_or_default())
    }

    /// Where a link leads, if it is a file below one of these folders. Links on the way to it are followed once, here.
    ///
    /// # Errors
    /// When it leads to nothing, or cannot be followed.
    pub fn behind(link: &Path, folders: &[PathBuf]) -> io::Result<Option<Self>> {
        if folders.is_empty() {
            return Ok(None);
        }
        let target = fs::canonical(link).map_err(fs::io_error)?;
        let below = |folder: &PathBuf| {
            let below = target.strip_prefix(folder).ok().filter(|below| !below.as_os_str().is_empty())?;
            Some(Self::new(folder, below))
        };
        let spot = folders.iter().find_map(below);
        Ok(spot.filter(|spot| spot.look().is_ok_and(|found| found.kind == FileType::RegularFile)))
    }

    /// The place with a path below this one.
    #[must_use]
    pub fn join(&self, below: impl AsRef<Path>) -> Self {
        Self { root: Arc::clone(&self.root), below: self.below.join(below) }
    }

    /// The place of the signature beside a package.
    #[must_use]
    pub fn signature(&self) -> Self {
        let mut below = self.below.clone().into_os_string();
        below.push(".sig");
        Self { root: Arc::clone(&self.root), below: below.into() }
    }

    /// The whole path, for looks and messages.
    pub fn path(&self) -> PathBuf {
        if self.below.as_os_str().is_empty() { self.root.to_path_buf() } else { self.root.join(&self.below) }
    }

    /// Looks at what is there, a link itself. Only what opens later proves that it was the right one.
    ///
    /// # Errors
    /// When nothing is there, or it may not be looked at.
    pub fn look(&self) -> io::Result<Found> {
        look(CWD, self.path())
    }

    /// Opens a regular file, and returns its state.
    ///
    /// # Errors
    /// When it is anything else, lies behind a link, or cannot be read.
    pub fn open(&self) -> io::Result<(File, FileStat)> {
        let found = self.look()?;
        match found.kind {
            FileType::RegularFile => Ok((self.open_found(&found.stat)?, found.stat)),
            FileType::Symlink => Err(io::Error::other("it is a symbolic link, which is not followed")),
            _ => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// Opens a regular file that was looked at before, and fails if it is no longer the same.
    ///
    /// # Errors
    /// When it was exchanged, lies behind a link, or cannot be read.
    pub fn open_found(&self, expected: &FileStat) -> io::Result<File> {
        // Without NONBLOCK the opening of a fifo would wait for a writer.
        let file = File::from(self.open_as(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
        check_unchanged(&file, expected)?;
        Ok(file)
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// When it is none, lies behind a link, or cannot be read.
    pub fn open_folder(&self) -> io::Result<Dir> {
        Ok(Dir::new(self.open_as(OFlags::RDONLY | OFlags::DIRECTORY)?)?)
    }

    /// Reads a regular file of at most so many bytes; `None` if it has more.
    ///
    /// # Errors
    /// When it is anything else, lies behind a link, or cannot be read.
    pub fn read(&self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let (file, stat) = self.open()?;
        if stat.size > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    fn open_as(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        if self.below.as_os_str().is_empty() {
            return Ok(openat(CWD, &*self.root, flags, Mode::empty())?);
        }
        let root = openat(CWD, &*self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&root, &self.below, flags | OFlags::NOFOLLOW, Mode::empty(), beneath) {
            // Older kernels, and containers that know no newer ones.
            Err(Errno::NOSYS | Errno::PERM) => step_by_step(root, &self.below, flags),
            opened => Ok(opened?),
        }
    }
}

/// Opens a path below an open folder, one folder after the other.
fn step_by_step(root: OwnedFd, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let mut folder = root;
    let mut components = below.components().peekable();
    while let Some(Component::Normal(name)) = components.next() {
        let is_last = components.peek().is_none();
        let on_the_way = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let flags = if is_last { flags } else { on_the_way };
        folder = openat(&folder, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        if is_last {
            return Ok(folder);
        }
    }
    Err(io::Error::other("the path does not lead below its folder"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    /// A folder with everything that may lie in a layer, and a secret beside it.
    fn layer() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("layer");
        fs::create_dir_all(root.join("folder/inner")).unwrap();
        fs::create_dir_all(home.path().join("elsewhere")).unwrap();
        fs::write(home.path().join("elsewhere/file"), "secret").unwrap();
        fs::write(root.join("folder/inner/file"), "content").unwrap();
        fs::hard_link(root.join("folder/inner/file"), root.join("hard")).unwrap();
        symlink("hard", root.join("link")).unwrap();
        symlink("../elsewhere/file", root.join("out")).unwrap();
        symlink("../../elsewhere", root.join("folder/way")).unwrap();
        symlink("inner", root.join("folder/near")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        rustix::fs::mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        (home, root)
    }

    /// Nothing but regular files is opened, no link on the way or at the end is followed, and nothing is waited for.
    #[test]
    fn only_regular_files_below_the_folder_are_opened() {
        let (home, root) = layer();
        let start = Instant::now();
        for (below, is_opened) in [
            ("folder/inner/file", true),
            ("hard", true),
            ("link", false),
            ("out", false),
            ("dangling", false),
            ("folder/way/file", false),
            ("folder/near/file", false),
            ("../elsewhere/file", false),
            ("folder/../../elsewhere/file", false),
            ("fifo", false),
            ("folder", false),
            ("none", false),
            ("hard/below", false),
        ] {
            let spot = Spot::new(&root, below);
            assert_eq!(spot.open().is_ok(), is_opened, "{below}");
            // What was exchanged after the look, with and without the newer system call.
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened =
                [spot.open_as(flags), step_by_step(File::open(&root).unwrap().into(), Path::new(below), flags)];
            let is_file = |opened: io::Result<OwnedFd>| {
                opened.and_then(look_at).is_ok_and(|found| found.kind == FileType::RegularFile)
            };
            assert_eq!(opened.map(is_file), [is_opened; 2], "{below}");
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        let absolute = Spot::new(&root, home.path().join("elsewhere/file"));
        assert!(absolute.open_as(OFlags::RDONLY).is_err());
        assert!(Spot::named(&home.path().join("layer/hard")).open().is_ok());
        symlink("layer", home.path().join("named")).unwrap();
        assert!(Spot::new(&home.path().join("named"), "hard").open().is_ok(), "a person named the link");
        assert!(Spot::new(&home.path().join("named"), "").open_folder().is_ok());
    }

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let (_home, root) = layer();
        let spot = Spot::new(&root, "hard");
        assert_eq!(spot.read(7).unwrap().as_deref(), Some(&b"content"[..]));
        assert_eq!(spot.read(6).unwrap(), None);
        File::create(root.join("sparse")).unwrap().set_len(100 << 30).unwrap();
        assert_eq!(Spot::new(&root, "sparse").read(1 << 16).unwrap(), None);
    }

    #[test]
    fn links_are_followed_into_named_folders_only() {
        let (home, root) = layer();
        let [pool, other] = ["elsewhere", "layer/folder"].map(|name| home.path().join(name));
        let behind = |link: &str, folders: &[&PathBuf]| {
            let folders: Vec<_> = folders.iter().map(|folder| fs::canonicalize(folder).unwrap()).collect();
            Spot::behind(&root.join(link), &folders).unwrap()
        };
        let spot = behind("out", &[&other, &pool]).unwrap();
        assert_eq!(spot.read(10).unwrap().unwrap(), b"secret");
        assert_eq!(behind("out", &[&other]), None);
        assert_eq!(behind("out", &[]), None);
        assert_eq!(behind("folder/way", &[&pool, &home.path().to_owned()]), None, "it is a folder");
        symlink("fifo", root.join("pipe")).unwrap();
        assert_eq!(behind("pipe", &[&root]), None);
        symlink("out", root.join("twice")).unwrap();
        assert!(behind("twice", &[&pool]).is_some());
        assert!(Spot::behind(&root.join("dangling"), std::slice::from_ref(&root)).is_err());
        // Exchanged for a link out of the folder after it was followed.
        fs::remove_file(pool.join("file")).unwrap();
        symlink(root.join("hard"), pool.join("file")).unwrap();
        assert!(spot.open().is_err() && spot.open_as(OFlags::RDONLY).is_err());
    }
}
