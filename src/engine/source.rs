//! An input, known again on another machine.

use super::paths;
use crate::error::{EngineFault, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An input as the driver sees it. Nodes compare no more than mounts keep: no ctime, no parts of a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    #[serde(with = "paths")]
    pub path: PathBuf,
    pub size: u64,
    /// Whole seconds since 1970.
    pub mtime: i64,
}

impl Source {
    /// An input as it is now. `path`: on this machine, and on all others.
    pub fn of(path: &Path, file: &File) -> Result<Source> {
        let found = file.metadata().map_err(Error::io("look at", path))?;
        Ok(Source {
            path: std::path::absolute(path).map_err(Error::io("find", path))?,
            size: found.size(),
            mtime: found.mtime(),
        })
    }

    /// # Errors
    /// [`EngineFault::Input`]: it isn't the driver's by its size or time, or isn't there.
    pub fn open(&self) -> Result<File> {
        let unlike = |message: String| Error::engine(EngineFault::Input, &self.path, message);
        // Of a pipe that waits for who writes, too.
        let opened = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&self.path);
        let file = match opened {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(unlike("it isn't there, as it is for the worker".into()));
            }
            opened => opened.map_err(Error::io("open", &self.path))?,
        };
        self.check(&file)?;
        Ok(file)
    }

    /// # Errors
    /// [`EngineFault::Input`]: it isn't the driver's any more by its size or time.
    pub fn check(&self, file: &File) -> Result<()> {
        let found = file.metadata().map_err(Error::io("look at", &self.path))?;
        if (found.size(), found.mtime()) == (self.size, self.mtime) {
            return Ok(());
        }
        let message = format!(
            "it is another one than the worker's: {} bytes of {}, not {} bytes of {} (seconds since 1970)",
            found.size(),
            found.mtime(),
            self.size,
            self.mtime
        );
        Err(Error::engine(EngineFault::Input, &self.path, message))
    }
}
