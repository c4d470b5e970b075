//! Files of the registry: read with a bound, written durably, parsed with line numbers.

#![allow(clippy::disallowed_methods, reason = "the registry writes models, never results")]

use crate::error::{Error, Result};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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

/// Reads a file that a version must have; its SHA-256 must be the one that was `registered`. `what` names it in words.
pub fn read_frozen(what: &str, path: &Path, most: u64, registered: &str) -> Result<Vec<u8>> {
    let bytes = read(path, most).map_err(as_damage)?;
    let found = sha256(&bytes);
    match found == registered {
        true => Ok(bytes),
        false => Err(Error::model(
            path,
            format!("{what} was changed after it was registered: its SHA-256 is {found}, not {registered}"),
        )),
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

/// Writes a file that must not be there yet, durably; `frozen`: nobody is to change it.
pub fn write_new(path: &Path, bytes: &[u8], frozen: bool) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    if frozen {
        // Some mounts keep no modes; the checksum is what protects.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o444));
    }
    file.sync_all().map_err(Error::io("write", path))
}

/// Replaces a file as a whole, durably; in place where a mount can't rename.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = path.with_extension("toml.tmp");
    let _ = fs::remove_file(&temp);
    write_new(&temp, bytes, false)?;
    if fs::rename(&temp, path).is_err() {
        let mut file = File::create(path).map_err(Error::io("create", path))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", path))?;
        let _ = fs::remove_file(&temp);
    }
    sync_folder(path.parent().expect("a file has a folder"))
}

/// Makes the names in a folder durable, where that can be done.
pub fn sync_folder(path: &Path) -> Result<()> {
    let _ = File::open(path).map_err(Error::io("open", path))?.sync_all();
    Ok(())
}
