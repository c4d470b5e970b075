//! The folder of parts, which all nodes of an engine see: each worker has a folder of its own in it, and below that one for each
//! input under way. Nothing in it is worth anything once its worker has ended.

use super::Dir;
use crate::error::{Error, Result};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// One worker's.
#[derive(Debug)]
pub struct Parts {
    path: PathBuf,
    begun: AtomicU64,
}

impl Parts {
    /// `worker`: tells it from all others. Clears away what a killed one left; what this process still has open stays, for a
    /// configuration that is read again.
    ///
    /// # Errors
    /// The folder isn't there, or can't be written.
    pub fn open(parts: &Path, worker: &str) -> Result<Parts> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let own = parts.join(worker);
        // It isn't made: it may be a mount that isn't there.
        Dir::open(parts)?;
        make_folder(&own)?;
        let process = format!("{}-{}-", std::process::id(), began());
        for entry in fs::read_dir(&own).map_err(Error::io("list", &own))? {
            let entry = entry.map_err(Error::io("list", &own))?;
            if !entry.file_name().as_encoded_bytes().starts_with(process.as_bytes()) {
                remove_folder(&entry.path())?;
            }
        }
        let path = own.join(format!("{process}{}", OPENED.fetch_add(1, Ordering::Relaxed)));
        make_folder(&path)?;
        Ok(Parts {
            path,
            begun: AtomicU64::new(0),
        })
    }

    /// Of all that it has there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder for the parts of one input.
    pub fn begin(&self) -> Result<PartsOfInput> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(number.to_string());
        // Somebody may have cleared the folder of parts.
        self.path.parent().map_or(Ok(()), make_folder)?;
        make_folder(&self.path)?;
        make_folder(&path)?;
        Ok(PartsOfInput { path })
    }
}

/// When this process asked first, in nanoseconds: another one may have had its number.
fn began() -> u128 {
    static BEGAN: OnceLock<u128> = OnceLock::new();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH);
    *BEGAN.get_or_init(|| now().map(|since| since.as_nanos()).unwrap_or_default())
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.path) {
            tracing::warn!(%error, "parts are left; the next start removes them");
        }
        if let Some(own) = self.path.parent() {
            let _ = fs::remove_dir(own);
        }
    }
}

/// The parts of one input, for as long as it is under way.
#[derive(Debug)]
pub struct PartsOfInput {
    path: PathBuf,
}

impl PartsOfInput {
    /// What the file of a part is called, but for what tells attempts apart.
    pub fn part(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:06}"))
    }

    /// Opens the file of a part, by the path that a node told.
    ///
    /// # Errors
    /// It isn't one of this part's attempts, or is no file.
    pub fn open(&self, number: u64, path: &Path) -> io::Result<File> {
        let is_its = |name: &OsStr| {
            let attempt = name.as_encoded_bytes().strip_prefix(format!("{number:06}").as_bytes());
            attempt.is_some_and(|attempt| attempt.starts_with(b"."))
        };
        if path.parent() != Some(&self.path) || !path.file_name().is_some_and(is_its) {
            return Err(io::Error::other("its path is none of this part's"));
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is no file")),
        }
    }
}

/// An attempt that comes too late finds no folder.
impl Drop for PartsOfInput {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.path) {
            tracing::warn!(%error, "parts of an input are left; the next start removes them");
        }
    }
}

/// Makes the file of a part, on a node.
pub fn create(path: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
    file.map_err(Error::io("make", path))
}

/// Sees to it that others see the file of a part, before they are told of it. On a local disk they do; a mount may say only now that it
/// couldn't take it.
pub fn hand_over(path: &Path, file: &File) -> Result<()> {
    let folder = Dir::open(path.parent().unwrap_or(path))?;
    match folder.is_mount()? {
        true => file.sync_all().map_err(Error::io("write", path)),
        false => Ok(()),
    }
}

/// Removes the file of a part that was read, or is of no use to anybody.
#[expect(clippy::disallowed_methods, reason = "a part is no result")]
pub fn remove(path: &Path) {
    // Its folder goes soon.
    let _ = fs::remove_file(path);
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o750).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::io("make the folder", path)(error)),
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_folder_of_parts_that_was_cleared_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts::open(folder.path(), "w").unwrap();
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        create(&parts.begin().unwrap().part(0)).unwrap();
    }

    #[test]
    fn parts_go_with_their_input_and_what_a_killed_worker_left_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts::open(folder.path(), "w").unwrap();
        let (one, two) = (parts.begin().unwrap(), parts.begin().unwrap());
        create(&one.part(0)).unwrap().write_all(b"a part").unwrap();
        let late = two.part(0);
        create(&late).unwrap();
        assert!(create(&late).is_err(), "a file of another attempt is written over");
        // A node names what it wrote, and nothing else is opened.
        let attempt = two.part(1).with_extension("7");
        create(&attempt).unwrap();
        assert!(two.open(1, &attempt).is_ok());
        for (number, path) in [
            (0, attempt.clone()),
            (1, two.part(1)),
            (1, folder.path().join("000001.7")),
        ] {
            assert!(two.open(number, &path).is_err(), "{}", path.display());
        }
        let link = two.part(1).with_extension("8");
        std::os::unix::fs::symlink(&attempt, &link).unwrap();
        assert!(two.open(1, &link).is_err());
        drop(two);
        assert!(create(&late).is_err(), "what comes too late stays");
        let killed = folder.path().join("w/1-2-0/0");
        fs::create_dir_all(&killed).unwrap();
        let again = Parts::open(folder.path(), "w").unwrap();
        assert!(!killed.exists());
        assert!(one.part(0).exists(), "what this process has open went");
        drop((one, parts));
        assert!(again.path.exists());
        drop(again);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
