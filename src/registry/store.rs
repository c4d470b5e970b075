//! New versions get their numbers: each as a whole, or not at all.

#![allow(clippy::disallowed_methods, reason = "the registry writes models, never results")]

use crate::error::{Error, Result};
use crate::spool::durable;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const DRAFT: &str = ".new-";

/// Names and bytes.
pub type Files<'a> = Vec<(&'a str, Cow<'a, [u8]>)>;

/// Makes a version's folder in `group` from `files` of its number, the one that makes it whole last. Returns the number: one more
/// than the last of `versions`.
///
/// It is made under another name, which says nothing to anybody, then renamed. On mounts that can't rename folders it is
/// made in place, and what is left of it if that fails is removed.
pub fn put<'a>(
    group: &Path,
    versions: impl Fn() -> Result<Vec<u32>>,
    files: impl Fn(u32) -> Result<Files<'a>>,
) -> Result<u32> {
    fs::create_dir_all(group).map_err(Error::io("make folder", group))?;
    let draft = {
        // One at a time, so that nobody takes another's draft for an abandoned one before it is locked.
        let folder = File::open(group).map_err(Error::io("open", group))?;
        let _ = folder.lock();
        remove_abandoned(group);
        Draft::new(group)?
    };
    loop {
        let version = versions()?.last().map_or(1, |last| last + 1);
        draft.fill(&files(version)?)?;
        let folder = group.join(version.to_string());
        match renameat_with(CWD, &draft.path, CWD, &folder, RenameFlags::NOREPLACE) {
            Ok(()) => {
                draft.keep();
                durable::sync_folder(group)?;
                return Ok(version);
            }
            // Somebody else was given the number.
            Err(Errno::EXIST | Errno::NOTEMPTY) => draft.empty()?,
            Err(_) => return put_in_place(group, version, files),
        }
    }
}

fn put_in_place<'a>(group: &Path, mut version: u32, files: impl Fn(u32) -> Result<Files<'a>>) -> Result<u32> {
    loop {
        let path = group.join(version.to_string());
        match fs::create_dir(&path) {
            Ok(()) => {
                let draft = Draft { path, lock: None };
                draft.fill(&files(version)?)?;
                draft.keep();
                durable::sync_folder(group)?;
                return Ok(version);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => version += 1,
            Err(e) => return Err(Error::io("make folder", &path)(e)),
        }
    }
}

/// A folder in the making; removed when dropped.
struct Draft {
    path: PathBuf,
    /// Tells others that somebody is at it.
    lock: Option<File>,
}

impl Draft {
    fn new(group: &Path) -> Result<Draft> {
        let mut n = 0;
        loop {
            let path = group.join(format!("{DRAFT}{}-{n}", std::process::id()));
            match fs::create_dir(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(Error::io("make folder", &path)(e)),
                Ok(()) => {
                    // Not every mount can lock.
                    let lock = File::open(&path).ok().filter(|folder| folder.lock().is_ok());
                    return Ok(Draft { path, lock });
                }
            }
        }
    }

    fn empty(&self) -> Result<()> {
        let list = || Error::io("list", &self.path);
        for entry in fs::read_dir(&self.path).map_err(list())? {
            let path = entry.map_err(list())?.path();
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    fn fill(&self, files: &Files) -> Result<()> {
        for (name, bytes) in files {
            durable::create_frozen(&self.path.join(name), bytes)?;
        }
        durable::sync_folder(&self.path)
    }

    fn keep(mut self) {
        self.path = PathBuf::new();
        self.lock = None;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes drafts that somebody was killed over.
fn remove_abandoned(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        let is_draft = entry.file_name().to_str().is_some_and(|name| name.starts_with(DRAFT));
        if is_draft && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Two that register at once are given one number first.
    #[test]
    fn files_know_the_number_that_the_version_gets() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("diabetes");
        fs::create_dir_all(group.join("3")).unwrap();
        fs::write(group.join("3/model.toml"), "").unwrap();
        let asked = Cell::new(0);
        let versions = || Ok((1..=2 + asked.replace(1)).collect());
        let page = |version: u32| Ok(vec![("page", Cow::from(version.to_string().into_bytes()))]);
        assert_eq!(put(&group, versions, page).unwrap(), 4);
        assert_eq!(fs::read_to_string(group.join("4/page")).unwrap(), "4");
    }
}
