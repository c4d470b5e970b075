//! The keys as their file has them now.

use super::file;
use super::key::Keys;
use crate::error::{Error, Result};
use crate::service::lock;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Reads the file again when it changes. While it is damaged or can't be read there are no keys, not those of before: who was
/// revoked by a file that can't be read must not come in.
pub struct Keyring {
    path: PathBuf,
    current: RwLock<Arc<Result<Keys>>>,
    /// Of the file that was read; `None`: it could not be looked at.
    stamp: Mutex<Option<Stamp>>,
}

/// What tells that a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let stamp = |m: Metadata| Stamp {
            file: (m.dev(), m.ino()),
            size: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        };
        path.metadata().map(stamp).ok()
    }
}

impl Keyring {
    /// Reads the file; what is wrong with it, [`current`](Keyring::current) says.
    pub fn open(path: &Path) -> Keyring {
        let stamp = Stamp::of(path);
        Keyring {
            path: path.into(),
            current: RwLock::new(Arc::new(Keys::read(path))),
            stamp: Mutex::new(stamp),
        }
    }

    /// The keys, for one request.
    pub fn current(&self) -> Arc<Result<Keys>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the file, and reads it again if it changed, or couldn't be read. Returns what came of it, if it is worth a line
    /// in the log: it changed, or fails otherwise than before.
    ///
    /// For one thread, some times a second.
    pub fn refresh(&self) -> Option<Arc<Result<Keys>>> {
        let mut last = lock(&self.stamp);
        // Before it is read: what changes meanwhile is seen the next time.
        let stamp = Stamp::of(&self.path);
        let before = self.current();
        let same = stamp.is_some() && stamp == *last;
        // A fault of the disk may pass without a trace in the file.
        if same && matches!(&*before, Ok(_) | Err(Error::Keys { .. })) {
            return None;
        }
        let keys = Arc::new(Keys::read(&self.path));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        *last = stamp;
        match (&*before, &*keys) {
            (Err(before), Err(now)) if before.to_string() == now.to_string() => None,
            _ => Some(keys),
        }
    }
}

impl Keys {
    /// # Errors
    ///
    /// [`Error::Keys`] names the line; other errors are of the disk, and may pass.
    pub fn read(path: &Path) -> Result<Keys> {
        file::read(path).map(|entries| Keys::of(&entries))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play operators")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_changes_is_read_again_and_one_that_is_damaged_has_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let ring = Keyring::open(&path);
        let count = || ring.current().as_ref().as_ref().map(Keys::len).map_err(|e| e.code());
        assert_eq!(count(), Err("damaged_keys"));
        assert!(ring.refresh().is_none(), "as before");
        let key = |i: usize| format!("[[key]]\nname = \"shop\"\nsha256 = \"{i:064x}\"\n");
        let one = format!("format_version = 1\n{}", key(1));
        fs::write(&path, &one).unwrap();
        assert!(ring.refresh().unwrap().is_ok());
        assert_eq!(count(), Ok(1));
        assert!(ring.refresh().is_none());
        // As editors and `keys add` do it.
        fs::write(folder.path().join("new"), one.clone() + &key(2)).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(ring.refresh().unwrap().is_ok());
        assert_eq!(count(), Ok(2));
        fs::write(&path, one.clone() + "[[key]]\nname = \"shop").unwrap();
        assert!(ring.refresh().unwrap().is_err());
        assert!(ring.refresh().is_none(), "said once");
        assert_eq!(count(), Err("damaged_keys"));
        fs::remove_file(&path).unwrap();
        assert!(ring.refresh().unwrap().is_err(), "another fault");
        fs::write(&path, one).unwrap();
        assert!(ring.refresh().unwrap().is_ok());
        assert_eq!(count(), Ok(1));
    }
}
