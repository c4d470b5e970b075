//! Walks a document. Nothing here fails, for it is checked, and nothing is allocated but for texts with escapes.

use super::check::{Document, digits, space, unit};
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::fmt;

/// On a value of a document. A bookmark: a copy reads the same value again.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    document: &'a Document<'a>,
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    Text,
    Number,
    Null,
    Boolean,
}

impl Kind {
    /// With its article.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Null => "null",
            Kind::Boolean => "a boolean",
        }
    }

    /// Of the value whose first byte it is.
    pub(super) fn of(first: u8) -> Kind {
        match first {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Boolean,
            _ => Kind::Number,
        }
    }
}

/// The value, as it is written.
impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

/// A key that stands twice in an object, and where it stands again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub key: String,
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duplicate { key, line, column } = self;
        write!(
            f,
            "line {line}, column {column}: the key {key:?} stands twice in its object"
        )
    }
}

impl std::error::Error for Duplicate {}

impl Document<'_> {
    /// The value; of several, the first.
    pub fn root(&self) -> Cursor<'_> {
        Cursor::new(self, space(self.text.as_bytes(), 0))
    }

    /// The values of the lines.
    pub fn lines(&self) -> Elements<'_> {
        Elements::new(self, 0)
    }
}

impl<'a> Cursor<'a> {
    /// `at`: where a value begins.
    pub(super) fn new(document: &'a Document<'a>, at: usize) -> Cursor<'a> {
        Cursor { document, at }
    }

    pub(super) fn at(self) -> usize {
        self.at
    }

    fn bytes(self) -> &'a [u8] {
        self.document.text.as_bytes()
    }

    pub fn kind(self) -> Kind {
        Kind::of(self.bytes()[self.at])
    }

    /// The members of an object, in order, also those whose keys stand twice; none of another value.
    pub fn members(self) -> Members<'a> {
        Members {
            document: self.document,
            at: match self.kind() {
                Kind::Object => self.at + 1,
                _ => self.document.text.len(),
            },
            read: true,
        }
    }

    /// The elements of an array; none of another value.
    pub fn elements(self) -> Elements<'a> {
        match self.kind() {
            Kind::Array => Elements::new(self.document, self.at + 1),
            _ => Elements::new(self.document, self.document.text.len()),
        }
    }

    /// The member of that name, of an object that has it.
    ///
    /// # Errors
    /// That it stands twice.
    pub fn member(self, name: &str) -> Result<Option<Cursor<'a>>, Duplicate> {
        self.members_named([name]).map(|[member]| member)
    }

    /// The members of those names, of an object that has them; others are passed over.
    ///
    /// # Errors
    /// That one of them stands twice.
    pub fn members_named<const N: usize>(self, names: [&str; N]) -> Result<[Option<Cursor<'a>>; N], Duplicate> {
        let mut found = [None; N];
        for (key, value) in self.members() {
            if let Some(place) = names.iter().position(|name| *name == key)
                && found[place].replace(value).is_some()
            {
                let (line, column) = value.line_and_column();
                let key = key.into_owned();
                return Err(Duplicate { key, line, column });
            }
        }
        Ok(found)
    }

    /// The characters of a text.
    pub fn text(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::Text).then(|| text(self.document, self.at).0)
    }

    /// A number as it is written; also NaN, Infinity and -Infinity.
    pub fn number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    pub fn boolean(self) -> Option<bool> {
        (self.kind() == Kind::Boolean).then(|| self.bytes()[self.at] == b't')
    }

    /// The value as it is written.
    pub fn raw(self) -> &'a str {
        &self.document.text[self.at..skip(self.document, self.at)]
    }

    /// Where it begins: line and column, counted from 1, columns in characters.
    pub fn line_and_column(self) -> (u64, u64) {
        self.document.line_and_column(self.at)
    }
}

/// Of an object: each key, and a cursor on its value.
#[derive(Clone)]
pub struct Members<'a> {
    document: &'a Document<'a>,
    at: usize,
    /// Does `at` stand behind a value, and not on one?
    read: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Cursor<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.read {
            self.at = skip(self.document, self.at);
            self.read = true;
        }
        let at = next(self.document, self.at)?;
        let (key, end) = text(self.document, at);
        self.at = behind_colon(self.document, end);
        self.read = false;
        Some((key, Cursor::new(self.document, self.at)))
    }
}

/// Of an array, or of lines: a cursor on each.
#[derive(Clone)]
pub struct Elements<'a> {
    pub(super) document: &'a Document<'a>,
    at: usize,
    read: bool,
}

impl<'a> Elements<'a> {
    /// `at`: in front of the first.
    pub(super) fn new(document: &'a Document<'a>, at: usize) -> Elements<'a> {
        Elements {
            document,
            at,
            read: true,
        }
    }

    /// Where the next one begins.
    #[inline]
    pub(super) fn next_at(&mut self) -> Option<usize> {
        if !self.read {
            self.at = skip(self.document, self.at);
        }
        self.read = true;
        self.at = next(self.document, self.at)?;
        self.read = false;
        Some(self.at)
    }

    /// The one that was given has been read, up to `end`: it isn't walked again.
    #[inline]
    pub(super) fn read_to(&mut self, end: usize) {
        self.at = end;
        self.read = true;
    }

    /// How many bytes there are behind, at most.
    pub(super) fn bytes_left(&self) -> usize {
        self.document.text.len() - self.at
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Cursor<'a>;

    fn next(&mut self) -> Option<Cursor<'a>> {
        let at = self.next_at()?;
        Some(Cursor::new(self.document, at))
    }
}

/// Where the next key or value begins, `at` being behind the last one, or behind what opened the object or array.
#[inline]
pub(super) fn next(document: &Document, at: usize) -> Option<usize> {
    let bytes = document.text.as_bytes();
    let mut at = space(bytes, at);
    if bytes.get(at) == Some(&b',') {
        at = space(bytes, at + 1);
    }
    match bytes.get(at) {
        None | Some(b']' | b'}') => None,
        Some(_) => Some(at),
    }
}

/// Where the value of a key begins whose closing quote ends at `end`.
#[inline]
pub(super) fn behind_colon(document: &Document, end: usize) -> usize {
    let bytes = document.text.as_bytes();
    space(bytes, space(bytes, end) + 1)
}

/// Behind the value at `at`.
pub(super) fn skip(document: &Document, mut at: usize) -> usize {
    let bytes = document.text.as_bytes();
    match Kind::of(bytes[at]) {
        Kind::Text => text_end(bytes, at),
        Kind::Number | Kind::Null | Kind::Boolean => word_end(bytes, at),
        Kind::Array | Kind::Object => {
            if let Some(end) = document.end(at) {
                return end;
            }
            let mut depth = 0;
            loop {
                match bytes[at] {
                    b'"' => {
                        at = text_end(bytes, at);
                        continue;
                    }
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
        }
    }
}

/// Behind the number or word at `at`.
#[inline]
pub(super) fn word_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = digits(bytes, at);
        match bytes.get(at) {
            Some(b'.' | b'+' | b'-' | b'A'..=b'Z' | b'a'..=b'z') => at += 1,
            _ => return at,
        }
    }
}

/// Behind the closing quote of the text at `at`.
#[inline]
pub(super) fn text_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', &bytes[at..]).expect("texts are closed");
        match bytes[at] {
            b'"' => return at + 1,
            _ => at += 2,
        }
    }
}

/// The characters of the text at `at`, and where it ends.
pub(super) fn text<'a>(document: &'a Document, at: usize) -> (Cow<'a, str>, usize) {
    let end = text_end(document.text.as_bytes(), at);
    let raw = &document.text[at + 1..end - 1];
    match memchr(b'\\', raw.as_bytes()) {
        None => (raw.into(), end),
        Some(_) => {
            let mut text = String::with_capacity(raw.len());
            append_unescaped(raw, &mut text);
            (text.into(), end)
        }
    }
}

/// Adds the characters of what stands between the quotes of a text.
pub(super) fn append_unescaped(raw: &str, text: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        *text += &rest[..at];
        let bytes = rest.as_bytes();
        let mut length = 2;
        text.push(match bytes[at + 1] {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let units = [unit(bytes, at), unit(bytes, at + 6)].map(Option::unwrap_or_default);
                let c = char::decode_utf16(units).next().and_then(Result::ok);
                let c = c.expect("escapes are checked");
                length = 6 * c.len_utf16();
                c
            }
            // A quote, a backslash, a slash.
            other => char::from(other),
        });
        rest = &rest[at + length..];
    }
    *text += rest;
}
