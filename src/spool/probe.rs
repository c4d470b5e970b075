//! What a mount can do, found out by trying.

use super::folder::Dir;
use crate::error::{Error, Result};
use std::io::Write;

/// How a finished result gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Rename,
    /// For mounts that can't rename.
    Direct,
}

/// Finds out whether a mount can rename; if not, whether an object can at least be replaced and deleted.
pub(super) fn probe(dir: &Dir, prefix: &str) -> Result<Mode> {
    let (one, two) = (format!("{prefix}probe1"), format!("{prefix}probe2"));
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let write = || -> Result<()> {
        let mut file = dir.create_file(one)?;
        file.write_all(b"probe").map_err(Error::io("write", dir.join(one)))?;
        file.sync_all().map_err(Error::io("write", dir.join(one)))
    };
    let missing = |flag: &str, e: Error| {
        Error::mount(
            dir.path(),
            format!("the mount can't rename, and {e}; mount it with {flag}"),
        )
    };
    // It is still there if an earlier start wasn't allowed to replace or remove it.
    let stayed = dir.stat(one)?.is_some();
    write().map_err(|e| match stayed && e.code() == "permission_denied" {
        true => missing("--allow-overwrite", e),
        false => e,
    })?;
    if dir.rename(one, two).is_ok() {
        dir.remove(two)?;
        return Ok(Mode::Rename);
    }
    write().map_err(|e| missing("--allow-overwrite", e))?;
    dir.remove(one).map_err(|e| missing("--allow-delete", e))?;
    Ok(Mode::Direct)
}
