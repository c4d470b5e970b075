//! The name of an input: its path relative to the input folder, as bytes.

use crate::problem::push_visible;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most file systems take no longer names.
pub const NAME_MAX: usize = 255;

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

impl Name {
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Name {
        Name(bytes.into())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The folder's path (empty for the root) and the file's name.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match memchr::memrchr(b'/', &self.0) {
            Some(slash) => (&self.0[..slash], &self.0[slash + 1..]),
            None => (b"", &self.0),
        }
    }

    /// The name of something that belongs to this input.
    pub fn with(&self, suffix: &str) -> Name {
        Name([&self.0, suffix.as_bytes()].concat().into())
    }

    /// The same, shortened where the file's name would be too long: its beginning and a hash of the whole.
    pub fn with_shortened(&self, suffix: &str) -> Name {
        let (folder, file) = self.split();
        if file.len() + suffix.len() <= NAME_MAX {
            return self.with(suffix);
        }
        let hash = blake3::hash(file).to_hex();
        let start = &file[..NAME_MAX - suffix.len() - 17];
        let file = [start, b"~", &hash.as_bytes()[..16], suffix.as_bytes()].concat();
        match folder {
            b"" => Name(file.into()),
            _ => Name([folder, b"/", &file].concat().into()),
        }
    }

    /// Is the file's name, with `suffix`, longer than file systems take?
    pub fn too_long_with(&self, suffix: &str) -> bool {
        self.split().1.len() + suffix.len() > NAME_MAX
    }
}

/// Safe to print: what can't be seen is escaped, and what is no UTF-8 is replaced.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Cow<str> = String::from_utf8_lossy(&self.0);
        let mut shown = String::new();
        text.chars().for_each(|c| push_visible(c, &mut shown));
        f.write_str(&shown)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reports_always_fit() {
        let long = Name::new([b"in/".to_vec(), vec![b'a'; 255]].concat());
        let report = long.with_shortened(".error.json");
        assert_eq!(report.split().0, b"in");
        assert_eq!(report.split().1.len(), 255);
        assert!(report.split().1.ends_with(b".error.json"));
        assert!(long.too_long_with(".out"));
        assert_eq!(
            Name::new(*b"a.csv").with_shortened(".error.json").bytes(),
            b"a.csv.error.json"
        );
    }

    #[test]
    fn names_are_safe_to_print() {
        let name = Name::new(*b"a\n\x1b[31m\xff.csv");
        assert_eq!(name.to_string(), "a\\n\\u{1b}[31m\u{fffd}.csv");
    }
}
