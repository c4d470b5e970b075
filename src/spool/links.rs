//! Symbolic links among the inputs, and where they may lead to.

use super::folder::{Dir, Seen, if_there};
use crate::error::{Error, Result};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Which links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    Refuse,
    /// Those whose targets stay below the input folder, or below one of these.
    Within(Vec<PathBuf>),
}

/// The folders that links may lead to, by their real paths.
pub(super) struct Bounds(Vec<PathBuf>);

/// What a link leads to, held, and not opened yet: to open a device can do harm.
pub(super) struct Target {
    fd: OwnedFd,
    pub(super) stat: Stat,
    /// As the kernel names it.
    real: PathBuf,
}

impl Bounds {
    /// `None`: no link is followed. A named folder that isn't there bounds nothing.
    pub(super) fn of(inputs: &Dir, links: &Links) -> Result<Option<Bounds>> {
        let Links::Within(named) = links else {
            return Ok(None);
        };
        let mut bounds = vec![real_path(inputs.fd()).map_err(Error::io("find", inputs.path()))?];
        for path in named {
            if let Some(dir) = Dir::open_if_there(path)? {
                bounds.push(real_path(dir.fd()).map_err(Error::io("find", path))?);
            }
        }
        Ok(Some(Bounds(bounds)))
    }

    /// What the link `name` in `dir` leads to, through all links on the way; `None` if that is elsewhere than where links
    /// may lead to. What was found is held, so it doesn't matter what becomes of the link meanwhile.
    ///
    /// # Errors
    /// If a link's target isn't there: its mount may be away, which takes no result from anybody.
    pub(super) fn follow(&self, dir: &Dir, name: &[u8]) -> Result<Option<Target>> {
        let path = dir.join(name);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(dir.fd(), name, flags, Mode::empty()).map_err(Error::io("open", &path));
        let fd = match opened {
            Err(error) if error.code() == "not_found" && dir.is_link(name)? => return Err(error),
            opened => if_there(opened)?,
        };
        let Some(fd) = fd else {
            return Ok(None);
        };
        let real = real_path(&fd).map_err(Error::io("find", &path))?;
        if !self.0.iter().any(|bound| real.starts_with(bound)) {
            return Ok(None);
        }
        let stat = rustix::fs::fstat(&fd).map_err(Error::io("stat", &path))?;
        Ok(Some(Target { fd, stat, real }))
    }
}

/// Is `name` in `dir` a link that leads in a circle?
pub(super) fn is_loop(dir: &Dir, name: &[u8]) -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    matches!(
        rustix::fs::openat(dir.fd(), name, flags, Mode::empty()),
        Err(Errno::LOOP)
    )
}

impl Target {
    pub(super) fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Directory
    }

    /// What stands at the end of the link `name` in `dir`.
    pub(super) fn seen(&self, dir: &Dir, name: &[u8]) -> Result<Seen> {
        Ok(self.seen_on(self.is_local(&dir.join(name))?))
    }

    /// A link that leads to another file, of the same size and from the same moment, is another input. Mounts make up the
    /// numbers of files, and keep whole seconds: there, its path tells.
    fn seen_on(&self, local: bool) -> Seen {
        let mut seen = Seen::of(&self.stat, local);
        let number = || self.stat.st_ino as i64;
        let path = || {
            let hash = blake3::hash(self.real.as_os_str().as_bytes());
            i64::from_le_bytes(*hash.as_bytes().first_chunk().expect("it is longer"))
        };
        seen.fingerprint.mtime ^= if local { number() } else { path() };
        seen.followed = true;
        seen
    }

    /// Is it on a local disk? It may be on another one than the link.
    fn is_local(&self, path: &Path) -> Result<bool> {
        Dir::is_on_mount(&self.fd, path).map(|mount| !mount)
    }

    /// Opens what is held, if it is a file or a folder.
    pub(super) fn open(&self, path: &Path) -> Result<Option<File>> {
        let flags = match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => OFlags::NONBLOCK | OFlags::NOCTTY,
            FileType::Directory => OFlags::DIRECTORY,
            _ => return Ok(None),
        };
        let held = held(&self.fd);
        let opened = rustix::fs::open(&held, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty());
        Ok(Some(File::from(opened.map_err(Error::io("open", path))?)))
    }
}

/// As the kernel names it: without links, wherever it was moved to.
fn real_path(fd: impl AsFd) -> rustix::io::Result<PathBuf> {
    let path = rustix::fs::readlink(held(fd), Vec::new())?;
    Ok(OsString::from_vec(path.into_bytes()).into())
}

fn held(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a folder of the test's own")]
    /// Such as two days of a bucket's that were copied in the same second.
    #[test]
    fn a_link_that_leads_to_another_file_of_a_mount_is_another_input() {
        let dir = tempfile::tempdir().unwrap();
        let moment = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for name in ["one.csv", "two.csv"] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(moment).unwrap();
        }
        let inputs = Dir::open(dir.path()).unwrap();
        let bounds = Bounds::of(&inputs, &Links::Within(Vec::new())).unwrap().unwrap();
        let seen = |target: &str| {
            let link = dir.path().join("link.csv");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(target, link).unwrap();
            bounds.follow(&inputs, b"link.csv").unwrap().unwrap().seen_on(false)
        };
        assert_eq!(seen("one.csv"), seen("one.csv"));
        assert_ne!(seen("one.csv").fingerprint, seen("two.csv").fingerprint);
    }
}
