//! What is wrong with a part file.

use std::fmt;
use std::io;

/// A part file can't be read, or isn't one of the opened input.
#[derive(Debug)]
pub enum Damaged {
    Read(io::Error),
    /// It ends where more should follow.
    Short,
    /// What isn't as it should be.
    Content(&'static str),
}

impl From<io::Error> for Damaged {
    fn from(e: io::Error) -> Damaged {
        match e.kind() {
            io::ErrorKind::UnexpectedEof => Damaged::Short,
            _ => Damaged::Read(e),
        }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damaged::Read(e) => write!(f, "{e}"),
            Damaged::Short => write!(f, "it ends too early"),
            Damaged::Content(what) => write!(f, "{what}"),
        }
    }
}
