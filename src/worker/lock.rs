//! One worker per state folder. The kernel lets go of the lock when its holder dies, however it dies.
//!
//! The file says who holds it, and what keeps that worker from working where the ledger can't record it: it is written over
//! in place, which takes no space of a full disk.

use crate::error::{Error, Result};
use crate::ledger::Fault;
use crate::spool::Name;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// `transform status` takes the lock for a moment; a worker that starts just then waits it out.
const PATIENCE: Duration = Duration::from_millis(250);

/// Held as long as it lives.
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// Who holds a lock.
pub struct Holder {
    pub pid: String,
    /// When the file was written or touched last.
    pub touched: Option<SystemTime>,
    /// What keeps it from working, if the ledger could not record it.
    pub fault: Option<Fault>,
}

impl Lock {
    /// Takes the lock and writes this process's id into it.
    pub fn take(state: &Path) -> Result<Lock> {
        let path = state.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let _ = file.read_to_string(&mut text);
                    return Err(Error::Busy {
                        path: state.into(),
                        pid: Holder::parse(&text).pid,
                    });
                }
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path)(e)),
            }
        }
        let mut lock = Lock { file, path };
        lock.show(None).map_err(Error::io("write", &lock.path.clone()))?;
        Ok(lock)
    }

    /// An error if the state folder was taken away: what is recorded from now on is lost, and another worker may hold its own.
    pub fn check(&self) -> Result<()> {
        let identity = |m: Metadata| (m.dev(), m.ino());
        let held = self.file.metadata().map(identity).ok();
        let stands = match self.path.metadata() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(_) => return Ok(()), // it may pass
            Ok(found) => Some(identity(found)),
        };
        if stands == held {
            return Ok(());
        }
        Err(Error::Ledger {
            path: self.path.clone(),
            message: "the state folder was deleted or replaced while the worker ran, so it ends; start it again".into(),
            passing: true,
        })
    }

    /// Writes what keeps the worker from working, or that nothing does.
    pub fn show(&mut self, fault: Option<&Fault>) -> std::io::Result<()> {
        let mut text = format!("{}\n", std::process::id());
        if let Some(fault) = fault {
            text += &serde_json::to_string(&Unrecorded::of(fault)).expect("a fault is JSON");
        }
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }

    /// Notes in the file's times that its holder came around at `at`, in microseconds since 1970. That takes no space of a full
    /// disk.
    pub fn touch(state: &Path, at: i64) {
        let time = Timespec {
            tv_sec: at.div_euclid(1_000_000),
            tv_nsec: at.rem_euclid(1_000_000) * 1000,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        let _ = rustix::fs::utimensat(CWD, state.join("lock"), &times, AtFlags::empty());
    }

    /// The worker that holds the lock, if any does.
    pub fn holder(state: &Path) -> Result<Option<Holder>> {
        let path = state.join("lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", path)(e)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(Error::io("read", &path))?;
                let touched = file.metadata().ok().and_then(|m| m.modified().ok());
                Ok(Some(Holder {
                    touched,
                    ..Holder::parse(&text)
                }))
            }
            Err(TryLockError::Error(e)) => Err(Error::io("lock", path)(e)),
        }
    }
}

impl Holder {
    fn parse(text: &str) -> Holder {
        let (pid, stored) = text.split_once('\n').unwrap_or((text, ""));
        let stored = serde_json::from_str(stored).ok(); // it may be read while it is written
        Holder {
            pid: pid.trim().into(),
            touched: None,
            fault: stored.map(Unrecorded::fault),
        }
    }
}

/// What keeps the worker as a whole from working, as the file has it.
#[derive(Serialize, Deserialize)]
struct Unrecorded {
    code: String,
    message: String,
    tries: u32,
    since: i64,
    last: i64,
    retry_at: Option<i64>,
}

impl Unrecorded {
    fn of(fault: &Fault) -> Unrecorded {
        Unrecorded {
            code: fault.code.clone(),
            message: fault.message.clone(),
            tries: fault.tries,
            since: fault.since,
            last: fault.last,
            retry_at: fault.retry_at,
        }
    }

    fn fault(self) -> Fault {
        Fault {
            input: Name::new(*b""),
            code: self.code,
            message: self.message,
            tries: self.tries,
            since: self.since,
            last: self.last,
            retry_at: self.retry_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit;

    #[test]
    fn the_holder_of_a_lock_can_record_what_keeps_it_from_working() {
        let state = tempfile::tempdir().unwrap();
        let mut lock = Lock::take(state.path()).unwrap();
        let holder = || Lock::holder(state.path()).unwrap().unwrap();
        assert!(holder().fault.is_none());
        let fault = Fault {
            input: Name::new(*b""),
            code: "ledger".into(),
            message: "ledger state/ledger.db: database or disk is full".into(),
            tries: 2,
            since: 3,
            last: 4,
            retry_at: Some(5),
        };
        lock.show(Some(&fault)).unwrap();
        assert_eq!(holder().pid, std::process::id().to_string());
        assert_eq!(holder().fault, Some(fault));
        lock.show(None).unwrap();
        assert!(holder().fault.is_none());
        lock.check().unwrap();
        std::fs::remove_dir_all(state.path()).unwrap();
        assert_eq!(lock.check().unwrap_err().exit_code(), exit::TRY_AGAIN);
        std::fs::create_dir(state.path()).unwrap();
        let other = Lock::take(state.path()).unwrap();
        assert!(lock.check().is_err() && other.check().is_ok());
        drop((lock, other));
        assert!(Lock::holder(state.path()).unwrap().is_none());
    }
}
