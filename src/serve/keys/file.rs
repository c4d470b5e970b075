//! `keys.toml`: who has a key, what it allows, and by which digest it is known. No key stands in it.
//!
//! It is written as a whole, under a lock against a second writer. What can't be read as it should be is an error that names
//! the line: a key that is mistyped there must not open anything, nor a file that is cut be taken for one of fewer keys.

use super::quota::Quota;
use super::rate::{Frequency, Rate};
use super::secret::Digest;
use crate::config::is_group;
use crate::error::{Error, Result};
use crate::spool::durable;
use jiff::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Spanned;

const FORMAT_VERSION: u32 = 1;
/// Some 40,000 keys.
const FILE_MAX: u64 = 16 << 20;
/// Of a file that isn't there yet: the server's group reads it.
const MODE: u32 = 0o640;
const HEAD: &str = "# Who may ask `transform serve`: made by `transform keys add`, `list` and `revoke`. It has no keys, but the\n\
                    # SHA-256 of each. The server reads it again when it changes.\n";

/// A key, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(with = "written")]
    pub name: Name,
    #[serde(with = "written")]
    pub sha256: Digest,
    /// The model groups that it may ask; without this key: all. An empty list is an error, for it could mean either.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "groups")]
    pub groups: Vec<String>,
    #[serde(
        default,
        with = "written_or_none",
        skip_serializing_if = "Option::is_none",
        rename = "rate"
    )]
    pub frequency: Option<Frequency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    #[serde(default, with = "written_or_none", skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Who made it: user@host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// That a key opens nothing any more. It stays in the file, so that the log can say whose it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    pub at: Timestamp,
    pub by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Entry {
    pub fn rate(&self) -> Option<Rate> {
        Rate::new(self.frequency?, self.burst)
    }

    /// Does it open anything at this time?
    pub fn is_valid(&self, wall: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| wall < expires)
    }

    /// What is wrong with it as a whole.
    fn fault(&self) -> Option<&'static str> {
        match (self.frequency, self.burst) {
            (None, Some(_)) => Some("it has a burst, and no rate"),
            (Some(frequency), burst) if Rate::new(frequency, burst).is_none() => {
                Some("burst: not a number from 1 to 1000000")
            }
            _ => None,
        }
    }
}

/// Whose a key is: a label of metrics, and a word of a command line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Name, Self::Err> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
        match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 64 && name.chars().all(fits) {
            true => Ok(Name(name.into())),
            false => Err(
                "not a name of 1 to 64 letters, digits, '.', '_', '-' or '@', of which the first is a letter or digit",
            ),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let groups = Vec::<String>::deserialize(deserializer)?;
    match groups.iter().find(|group| !is_group(group)) {
        Some(group) => Err(D::Error::custom(format!("{group:?} is no model group's name"))),
        None if groups.is_empty() => Err(D::Error::custom(
            "no model group: name those that it may ask, or leave the key out for all",
        )),
        None => Ok(groups),
    }
}

/// A value as its text.
mod written {
    use super::*;

    pub fn serialize<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// What is wrong isn't repeated: it may be the key itself, where its digest should be.
    pub fn deserialize<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The same where there may be none, which isn't written.
mod written_or_none {
    use super::*;

    pub fn serialize<T: fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value.as_ref().expect("none is left out"))
    }

    pub fn deserialize<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = text.parse().map(Some);
        value.map_err(|e| D::Error::custom(format!("{text:?}: {e}")))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole<E> {
    format_version: u32,
    #[serde(default = "Vec::new", rename = "key")]
    keys: Vec<E>,
}

/// All keys in the file, in their order, also those that open nothing any more.
///
/// # Errors
///
/// [`Error::Keys`] names the line; other errors are of the disk, and may pass.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = contents(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::keys(path, "there is no such file; 'transform keys add NAME' makes it"),
        io::ErrorKind::InvalidData => Error::keys(path, e.to_string()),
        _ => Error::io("read", path)(e),
    })?;
    parse(&text).map_err(|message| Error::keys(path, message))
}

/// Reads a regular file of UTF-8.
fn contents(path: &Path) -> io::Result<String> {
    // A FIFO in its place must not hold up who reads it.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message);
    if !file.metadata()?.is_file() {
        return Err(invalid("not a file"));
    }
    let mut text = String::new();
    file.take(FILE_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > FILE_MAX {
        true => Err(invalid("larger than 16 MiB")),
        false => Ok(text),
    }
}

pub(in crate::serve) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let whole: Whole<Spanned<Entry>> =
        toml::from_str(text).map_err(|e| placed(text, e.span().unwrap_or_default(), e.message()))?;
    if whole.format_version != FORMAT_VERSION {
        return Err(format!(
            "format_version {} is not known to this version of transform, which knows {FORMAT_VERSION}",
            whole.format_version
        ));
    }
    let mut seen = HashMap::new();
    for (i, entry) in whole.keys.iter().enumerate() {
        let (at, entry) = (entry.span(), entry.get_ref());
        let whose = format!("the key of {}", entry.name);
        if let Some(fault) = entry.fault() {
            return Err(placed(text, at, &format!("{whose}: {fault}")));
        }
        if let Some(first) = seen.insert(entry.sha256, i) {
            let other = &whole.keys[first].get_ref().name;
            return Err(placed(
                text,
                at,
                &format!("{whose}: the same sha256 as that of {other} above"),
            ));
        }
    }
    Ok(whole.keys.into_iter().map(Spanned::into_inner).collect())
}

/// A message behind the line and column that it is about.
fn placed(text: &str, at: Range<usize>, message: &str) -> String {
    let before = text.get(..at.start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
    format!(
        "line {line}, column {column}: {}",
        message.trim_end().replace('\n', "; ")
    )
}

/// Changes the file, as a whole or not at all: one person at a time, and whoever reads it meanwhile reads what was before. A
/// file that isn't there has no keys yet.
pub fn edit<T>(path: &Path, change: impl FnOnce(&mut Vec<Entry>) -> Result<T>) -> Result<T> {
    // What a link leads to is replaced, not the link.
    let path: PathBuf = path.canonicalize().unwrap_or_else(|_| path.into());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let lock = File::open(folder).map_err(Error::io("open", folder))?;
    // Not every mount can lock.
    let _ = lock.lock();
    let mut keys = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        _ => read(&path)?,
    };
    let answer = change(&mut keys)?;
    let whole = Whole {
        format_version: FORMAT_VERSION,
        keys,
    };
    let text = toml::to_string(&whole).expect("keys are TOML");
    durable::replace_or_make(&path, format!("{HEAD}\n{text}").as_bytes(), MODE)?;
    Ok(answer)
}
