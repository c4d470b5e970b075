//! Folders held open: what is below is reached from the descriptor, and links are never followed.

use crate::error::{Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An open folder.
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What tells that an input changed. Compared for equality only: clocks jump, and tools restore old times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub size: u64,
    /// Nanoseconds since 1970; by a link, mixed with what tells the file that it leads to from others.
    pub mtime: i64,
    /// On local disks only; mounts make it up.
    pub ctime: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: Kind,
    pub fingerprint: Fingerprint,
    /// It was reached by a link, of which events tell nothing.
    pub followed: bool,
}

impl Seen {
    /// `local`: is it on a local disk, so that its ctime means something?
    pub fn of(stat: &Stat, local: bool) -> Seen {
        let ns = |s: i64, ns: u64| s.saturating_mul(1_000_000_000).saturating_add(ns as i64);
        Seen {
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Other,
            },
            fingerprint: Fingerprint {
                size: stat.st_size as u64,
                mtime: ns(stat.st_mtime, stat.st_mtime_nsec),
                ctime: local.then(|| ns(stat.st_ctime, stat.st_ctime_nsec)),
            },
            followed: false,
        }
    }
}

impl Dir {
    /// Opens a folder by its path. The operator names it, so a link is fine here.
    pub fn open(path: &Path) -> Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open", path))?;
        Ok(Dir { fd, path: path.into() })
    }

    /// The same; `None` where there is nothing.
    pub fn open_if_there(path: &Path) -> Result<Option<Dir>> {
        match Dir::open(path) {
            Err(error) if error.code() == "not_found" => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens a folder, and makes it where there is none. A folder that is there and can't be opened, such as that of a
    /// dead mount, says why.
    pub fn open_or_make(path: &Path) -> Result<Dir> {
        if let Some(dir) = Dir::open_if_there(path)? {
            return Ok(dir);
        }
        std::fs::create_dir_all(path).map_err(Error::io("make folder", path))?;
        Dir::open(path)
    }

    /// Opens the folder, or the nearest one above it that is there: what isn't there yet would be made on the same disk or
    /// mount.
    pub fn nearest(path: &Path) -> Result<Dir> {
        for above in path.ancestors() {
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            if let Some(dir) = Dir::open_if_there(above)? {
                return Ok(dir);
            }
        }
        Dir::open(path)
    }

    /// A folder that was opened otherwise, as if it stood under `name` here.
    pub(super) fn adopt(&self, name: &[u8], fd: OwnedFd) -> Dir {
        let path = self.join(name);
        Dir { fd, path }
    }

    /// What tells this folder from all others.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.fd).map_err(Error::io("stat", &self.path))?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Opens the folder `below` this one (empty: this one again), and makes it where it is missing, if asked to.
    pub(super) fn below(&self, below: &[u8], create: bool) -> Result<Dir> {
        let mut dir = Dir {
            fd: self.fd.try_clone().map_err(Error::io("open", &self.path))?,
            path: self.path.clone(),
        };
        for part in below.split(|b| *b == b'/').filter(|p| !p.is_empty()) {
            let path = dir.join(part);
            if create {
                match rustix::fs::mkdirat(&dir.fd, part, Mode::from_raw_mode(0o777)) {
                    // Its name must outlast a power cut, as the files in it do. Not every mount can.
                    Ok(()) => drop(rustix::fs::fsync(&dir.fd)),
                    Err(Errno::EXIST) => {}
                    Err(e) => return Err(Error::io("make folder", &path)(e)),
                }
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = match rustix::fs::openat(&dir.fd, part, flags, Mode::empty()) {
                // "Not a directory" would send people to look at what the link leads to, which is one.
                Err(Errno::NOTDIR | Errno::LOOP) if create && dir.is_link(part)? => {
                    let message = "a symbolic link stands where a folder should, and no result is written through one: put a folder \
                                   in its place";
                    Err(io::Error::new(io::ErrorKind::NotADirectory, message))
                }
                opened => opened.map_err(io::Error::from),
            };
            dir = Dir {
                fd: fd.map_err(Error::io("open", &path))?,
                path,
            };
        }
        Ok(dir)
    }

    /// Does a link stand under `name` here?
    pub(super) fn is_link(&self, name: &[u8]) -> Result<bool> {
        let is_link = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        Ok(self.stat(name)?.is_some_and(is_link))
    }

    /// The same, or `None` where there is no such folder, or a link in its place.
    pub fn below_if_there(&self, below: &[u8]) -> Result<Option<Dir>> {
        if_there(self.below(below, false))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(name))
    }

    /// What went wrong with `name` here. Its path is only made for that: a small file takes many calls.
    fn error<'a, E: Into<io::Error>>(&'a self, action: &'static str, name: &'a [u8]) -> impl FnOnce(E) -> Error + 'a {
        move |e| Error::io(action, self.join(name))(e)
    }

    pub fn fd(&self) -> impl AsFd + '_ {
        &self.fd
    }

    /// The device that the folder is on.
    pub fn device(&self) -> Result<u64> {
        let stat = rustix::fs::fstat(&self.fd).map_err(Error::io("stat", &self.path))?;
        Ok(stat.st_dev)
    }

    /// Bytes that are free on the disk that the folder is on.
    pub fn free(&self) -> Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.fd).map_err(Error::io("stat", &self.path))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Is it on a mount whose changes raise no events here: FUSE, or a network's file system?
    pub fn is_mount(&self) -> Result<bool> {
        Dir::is_on_mount(&self.fd, &self.path)
    }

    /// The same of anything that is open.
    pub(super) fn is_on_mount(fd: impl AsFd, path: &Path) -> Result<bool> {
        let stat = rustix::fs::fstatfs(fd).map_err(Error::io("stat", path))?;
        Ok(MOUNTS.contains(&(stat.f_type as u32)))
    }

    /// What stands under `name` here, without following a link.
    pub fn stat(&self, name: &[u8]) -> Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(e) => Err(Error::io("stat", self.join(name))(e)),
        }
    }

    /// Opens a file for reading; `None` where there is none, or a link in its place. Doesn't wait for the other end
    /// of a FIFO.
    pub fn open_file(&self, name: &[u8]) -> Result<Option<(File, Stat)>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).map_err(self.error("open", name));
        let Some(fd) = if_there(fd)? else {
            return Ok(None);
        };
        let stat = rustix::fs::fstat(&fd).map_err(self.error("stat", name))?;
        Ok(Some((File::from(fd), stat)))
    }

    /// Creates a file, or empties the one that is there.
    pub(super) fn create_file(&self, name: &[u8]) -> Result<File> {
        self.create(name, OFlags::TRUNC)
    }

    /// Creates a file that isn't there.
    pub(super) fn create_new_file(&self, name: &[u8]) -> Result<File> {
        self.create(name, OFlags::EXCL)
    }

    fn create(&self, name: &[u8], how: OFlags) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | how;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o666))
            .map_err(self.error("create", name))?;
        Ok(File::from(fd))
    }

    pub(super) fn rename(&self, from: &[u8], to: &[u8]) -> Result<()> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to).map_err(self.error("rename to", to))
    }

    /// Removes a file; it is no error if there is none. Says whether there was one.
    pub(super) fn remove(&self, name: &[u8]) -> Result<bool> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(Error::io("remove", self.join(name))(e)),
        }
    }

    /// Makes the names in this folder durable. Not every mount can: `lenient` forgives that.
    pub(super) fn sync(&self, lenient: bool) -> Result<()> {
        match rustix::fs::fsync(&self.fd) {
            Ok(()) => Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::BADF | Errno::ISDIR) if lenient => Ok(()),
            Err(e) => Err(Error::io("sync", &self.path)(e)),
        }
    }

    /// The entries of this folder, in no order.
    pub fn entries(&self) -> Result<rustix::fs::Dir> {
        rustix::fs::Dir::read_from(&self.fd).map_err(Error::io("list", &self.path))
    }

    /// Holds it nothing but a file of that name?
    pub fn is_empty_but(&self, name: &str) -> Result<bool> {
        for entry in self.entries()? {
            let entry = entry.map_err(Error::io("list", &self.path))?;
            let found = entry.file_name().to_bytes();
            if !matches!(found, b"." | b"..") && found != name.as_bytes() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `None` where nothing is, or a link that isn't followed.
pub(super) fn if_there<T>(opened: Result<T>) -> Result<Option<T>> {
    let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NXIO].map(|e| Some(e.raw_os_error()));
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(Error::Io { source, .. }) if absent.contains(&source.raw_os_error()) => Ok(None),
        Err(e) => Err(e),
    }
}

/// `f_type` of statfs(2).
const MOUNTS: [u32; 10] = [
    0x6573_5546, // FUSE, virtiofs
    0x6969,      // NFS
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2 and later
    0x517b,      // SMB
    0x0102_1997, // 9p
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x0bd0_0bd0, // Lustre
    0x4750_4653, // GPFS
];

/// Where a folder was when it was first opened. An unmounted bucket looks like an empty folder on another device.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    device: u64,
    pub mount: bool,
}

impl Home {
    pub fn of(dir: &Dir) -> Result<Home> {
        Ok(Home {
            device: dir.device()?,
            mount: dir.is_mount()?,
        })
    }

    /// Is this still the folder? A mount may come back as another device, but it comes back as a mount.
    pub fn check(&self, dir: &Dir) -> Result<()> {
        if dir.device()? == self.device || self.mount && dir.is_mount()? {
            return Ok(());
        }
        let message = "the folder is on another device than at start: was it unmounted? Waiting until it is back";
        Err(Error::mount(dir.path(), message))
    }
}
