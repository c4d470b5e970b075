//! JSON Lines: a value a line. Lines without one are no rows.

use super::check::{DEPTH, Document, Malformed, What, decoded, space, value};
use memchr::memchr;

impl<'a> Document<'a> {
    /// Of a text that is one value a line; a byte order mark may stand in front. Each is nested at most as deep as a value alone.
    ///
    /// # Errors
    /// As of a text that is one value; or that a line holds more or less than one, or none does.
    pub fn check_lines(bytes: &'a [u8]) -> Result<Document<'a>, Malformed> {
        let text = decoded(bytes)?;
        let bytes = text.as_bytes();
        let (mut at, mut ends, mut empty) = (0, Vec::new(), true);
        while at < bytes.len() {
            let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |feed| at + feed);
            let line = &bytes[..end];
            at = space(line, at);
            if at < end {
                empty = false;
                let behind = value(line, at, DEPTH, &mut ends).map(|behind| space(line, behind));
                match behind {
                    Ok(behind) if behind == end => {}
                    Ok(behind) => return Err(What::BehindInLine.at(behind).of(text)),
                    Err(fault) => return Err(fault.of(text)),
                }
            }
            at = end + 1;
        }
        match empty {
            true => Err(What::Empty.at(bytes.len()).of(text)),
            false => Ok(Document::of(text, ends)),
        }
    }
}
