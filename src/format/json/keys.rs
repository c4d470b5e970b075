//! The keys of objects, a line each. Most have the same ones in the same order, and some leave out what is missing: to compare a key
//! with those that are likely next is faster than to look it up.

use super::check::{space, string};
use super::cursor::append_unescaped;
use super::layout::Layout;
use crate::model::unicode;
use memchr::memchr;
use std::borrow::Cow;
use std::collections::HashMap;

/// How many are known beside the layout's own. A key beyond is looked at in its row alone.
const MOST: usize = 4096;

/// How many of those that could be next are compared.
const NEAR: usize = 8;

/// What the values of a key are for.
#[derive(Clone, Copy)]
pub struct Meant {
    pub field: Option<usize>,
    /// An output has its name.
    pub clashes: bool,
}

struct Known<'a> {
    /// As it was written first.
    raw: &'a str,
    meant: Meant,
    /// The last row that has it.
    row: u64,
}

/// Those that were seen so far. What a row is doesn't depend on them.
#[derive(Default)]
pub struct Keys<'a> {
    /// In the order in which they were seen first.
    known: Vec<Known<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
    next: usize,
    row: u64,
    /// Of the row at hand, those that aren't known.
    others: Vec<Cow<'a, str>>,
}

/// A key of an object.
pub struct Key {
    pub meant: Meant,
    /// It has stood in the row before.
    pub again: bool,
    /// Where its value begins.
    pub value: usize,
}

impl<'a> Keys<'a> {
    pub fn begin_row(&mut self) {
        self.row += 1;
        self.next = 0;
        self.others.clear();
    }

    /// The key at `at`. None: there is no key, or no colon behind it.
    #[inline]
    pub fn read(&mut self, line: &'a str, at: usize, layout: &Layout) -> Option<Key> {
        let bytes = line.as_bytes();
        let rest = bytes.get(at..)?.strip_prefix(b"\"")?;
        let is_next = |known: &Known| {
            let length = known.raw.len();
            rest.get(length) == Some(&b'"') && rest[..length] == *known.raw.as_bytes()
        };
        let likely = self.known.get(self.next..).unwrap_or_default();
        let found = match likely.first() {
            Some(first) if is_next(first) => Some(self.next),
            _ => likely.iter().take(NEAR).position(is_next).map(|near| self.next + near),
        };
        let (meant, again, end) = match found {
            Some(place) => {
                let end = at + self.known[place].raw.len() + 2;
                let (meant, again) = self.take(place);
                (meant, again, end)
            }
            None => {
                let end = string(bytes, at).ok()?;
                let (meant, again) = self.look_up(&line[at + 1..end - 1], layout);
                (meant, again, end)
            }
        };
        let colon = space(bytes, end);
        let value = (bytes.get(colon) == Some(&b':')).then(|| space(bytes, colon + 1))?;
        Some(Key { meant, again, value })
    }

    fn take(&mut self, place: usize) -> (Meant, bool) {
        let known = &mut self.known[place];
        self.next = place + 1;
        let again = known.row == self.row;
        known.row = self.row;
        (known.meant, again)
    }

    fn look_up(&mut self, raw: &'a str, layout: &Layout) -> (Meant, bool) {
        let key: Cow<str> = match memchr(b'\\', raw.as_bytes()) {
            None => raw.into(),
            Some(_) => {
                let mut text = String::with_capacity(raw.len());
                append_unescaped(raw, &mut text);
                text.into()
            }
        };
        if let Some(&place) = self.places.get(&key) {
            return self.take(place);
        }
        let meant = Meant {
            field: layout.fields.get(unicode::name(&key).as_ref()).copied(),
            clashes: layout.written.iter().any(|name| *name == key),
        };
        if self.known.len() < layout.columns.len() + MOST {
            let row = self.row;
            self.places.insert(key, self.known.len());
            self.known.push(Known { raw, meant, row });
            self.next = self.known.len();
        } else {
            self.others.push(key);
        }
        (meant, false)
    }

    /// Do two of the row's keys that aren't known stand for the same?
    pub fn have_twice(&mut self) -> bool {
        if self.others.len() < 2 {
            return false;
        }
        self.others.sort_unstable();
        self.others.windows(2).any(|pair| pair[0] == pair[1])
    }
}
