//! What SQLite says, as the worker needs to know it: does it pass, or must a person act?

use crate::error::Error;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};
use std::io::{self, ErrorKind};
use std::path::Path;

pub(super) fn error(path: &Path, e: rusqlite::Error) -> Error {
    if let Some(refused) = refused(path, &e) {
        return refused;
    }
    let passing = match e.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => true,
        // SQLite says the same of a page that the disk failed to read.
        Some(ErrorCode::DatabaseCorrupt) => is_sound(path),
        _ => false,
    };
    let message = match passing {
        true if e.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => "the disk failed to read it".into(),
        true => e.to_string(),
        false => format!("{e}; if it is damaged, move it aside: every input is then scored again, to the same bytes"),
    };
    Error::Ledger {
        path: path.into(),
        message,
        passing,
    }
}

/// What keeps SQLite from opening the ledger, or from writing to it, as the kernel says it: the rights to it, or its disk. SQLite
/// only says that it can't.
fn refused(path: &Path, e: &rusqlite::Error) -> Option<Error> {
    let Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) = e.sqlite_error_code() else {
        return None;
    };
    let may = |path: &Path, what| access(path, what).map_err(io::Error::from);
    // It makes files beside it, also to read.
    let folder = path.parent()?;
    let (action, path, refusal) = match (may(path, Access::READ_OK), may(path, Access::WRITE_OK)) {
        (Err(refusal), _) => ("open", path, refusal),
        (_, Err(refusal)) => ("write to", path, refusal),
        _ => ("write to", folder, may(folder, Access::WRITE_OK).err()?),
    };
    let refuses = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&refusal.kind());
    refuses.then(|| Error::io(action, path)(refusal))
}

/// Reads all of the ledger anew.
fn is_sound(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let check = Connection::open_with_flags(path, flags)
        .and_then(|db| db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
    check.is_ok_and(|verdict| verdict == "ok")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use std::io::{Seek, SeekFrom, Write};

    /// As SQLite says it of a damaged page, and of one that the disk failed to read.
    fn corrupt() -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None)
    }

    #[test]
    fn a_page_that_the_disk_failed_to_read_is_no_damage_if_the_ledger_is_sound() {
        let state = tempfile::tempdir().unwrap();
        drop(Ledger::open(state.path()).unwrap());
        let path = state.path().join("ledger.db");
        assert_eq!(error(&path, corrupt()).exit_code(), 75);
        let mut file = std::fs::File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(4096)).unwrap();
        file.write_all(&[0xff; 4096]).unwrap();
        assert_eq!(error(&path, corrupt()).exit_code(), 64);
    }
}
