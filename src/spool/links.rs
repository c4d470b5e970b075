//! Symbolic links among the inputs, and where they may lead to.

use super::folder::{Dir, if_there};
use crate::error::{Error, Result};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
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
        let is_link = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let fd = match opened {
            Err(error) if error.code() == "not_found" && dir.stat(name)?.is_some_and(is_link) => return Err(error),
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
        Ok(Some(Target { fd, stat }))
    }
}

impl Target {
    pub(super) fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Directory
    }

    /// Is it on a local disk? It may be on another one than the link.
    pub(super) fn is_local(&self, path: &Path) -> Result<bool> {
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
