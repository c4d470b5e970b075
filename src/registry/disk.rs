//! Files of the registry: read with a bound, parsed with line numbers.

use crate::error::{Error, Result};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Larger files are not read: an artifact is held in memory.
pub const FILE_MAX: u64 = 4 << 30;

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a regular file of at most `most` bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    // A FIFO in its place must not hold up who reads it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open", path))?);
    let metadata = file.metadata().map_err(Error::io("stat", path))?;
    if !metadata.is_file() {
        return Err(Error::model(path, "not a file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    match bytes.len() as u64 > most {
        true => Err(Error::model(path, format!("larger than {} MiB", most >> 20))),
        false => Ok(bytes),
    }
}

/// What tells that a file changed: its size and times.
pub fn stamp(path: &Path) -> Result<(u64, i64, i64)> {
    let stat = rustix::fs::stat(path).map_err(Error::io("stat", path))?;
    let ns = |s: i64, ns: u64| s.saturating_mul(1_000_000_000).saturating_add(ns as i64);
    Ok((
        stat.st_size as u64,
        ns(stat.st_mtime, stat.st_mtime_nsec),
        ns(stat.st_ctime, stat.st_ctime_nsec),
    ))
}

/// A file that a version must have, as it was registered.
pub struct Frozen<'a> {
    /// In words.
    pub what: &'static str,
    pub path: PathBuf,
    pub sha256: &'a str,
}

impl Frozen<'_> {
    pub fn read(&self) -> Result<Vec<u8>> {
        let Frozen { what, path, sha256 } = self;
        let bytes = read(path, FILE_MAX).map_err(as_damage)?;
        let found = self::sha256(&bytes);
        match found == *sha256 {
            true => Ok(bytes),
            false => Err(Error::model(
                path,
                format!("{what} was changed after it was registered: its SHA-256 is {found}, not {sha256}"),
            )),
        }
    }
}

/// A file that a version must have and doesn't is damage; that it can't be read just now may pass.
pub fn as_damage(error: Error) -> Error {
    match error {
        Error::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::model(path, "the file is missing")
        }
        other => other,
    }
}

pub fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(text).map_err(|e| Error::model(path, e.to_string()))?;
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Error::model(path, format!("line {line}: {}", e.message()))
    })
}

/// Refuses a file of a later version of this program. The versions that are known go from 1 to `newest`.
pub fn check_format(path: &Path, version: u32, newest: u32) -> Result<()> {
    if (1..=newest).contains(&version) {
        return Ok(());
    }
    let known = match newest {
        1 => "1".into(),
        2 => "1 and 2".into(),
        n => format!("1 to {n}"),
    };
    let message = format!("format_version {version} is not known to this version of transform, which knows {known}");
    Err(Error::model(path, message))
}
