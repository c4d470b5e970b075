//! Is a text well-formed JSON (RFC 8259)? One pass. The tokens NaN, Infinity and -Infinity are numbers, too, as Python writes them.

use crate::problem::push_visible;
use memchr::{memchr_iter, memrchr};
use std::fmt;

/// How deep arrays and objects can be nested.
pub const DEPTH: usize = 64;

/// Of arrays and objects from this length on, in bytes, is kept where they end: to skip a shorter one costs little.
const LONG: usize = 512;

/// Of the first ones it is kept whatever their length: a small document, whose parts are looked for again and again, is never skipped.
const FIRST: usize = 16;

/// A text that is well-formed JSON, so that it can be walked without errors: one value, or one a line.
#[derive(Debug)]
pub struct Document<'a> {
    pub(super) text: &'a str,
    /// Where the long arrays and objects begin and end, in order, and the first ones.
    ends: Vec<(usize, usize)>,
}

/// Why a text is no JSON. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub line: u64,
    pub column: u64,
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for Malformed {}

impl<'a> Document<'a> {
    /// Of a text that is one value; a byte order mark may stand in front.
    ///
    /// # Errors
    /// The first place where it is no JSON, or is nested deeper than [`DEPTH`]; or a byte that is not UTF-8, wherever it stands.
    pub fn check(bytes: &'a [u8]) -> Result<Document<'a>, Malformed> {
        let text = decoded(bytes)?;
        let mut ends = Vec::new();
        whole(text.as_bytes(), &mut ends).map_err(|fault| fault.of(text))?;
        Ok(Document::of(text, ends))
    }

    /// `text` is checked. `ends`: where its arrays and objects begin and end, as [`value`] leaves it.
    pub(super) fn of(text: &'a str, ends: Vec<(usize, usize)>) -> Document<'a> {
        Document { text, ends }
    }

    /// Where the array or object ends that begins at `at`, if that is kept.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        let place = self.ends.binary_search_by_key(&at, |(start, _)| *start).ok()?;
        Some(self.ends[place].1)
    }

    /// Line and column of a place, as people count them.
    pub(super) fn line_and_column(&self, at: usize) -> (u64, u64) {
        line_and_column(self.text, at)
    }
}

/// # Errors
/// The first byte that is not UTF-8.
pub(super) fn decoded(bytes: &[u8]) -> Result<&str, Malformed> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|e| {
        let (front, wrong) = bytes.split_at(e.valid_up_to());
        let front = str::from_utf8(front).expect("valid up to there");
        let (line, column) = line_and_column(front, front.len());
        let what = format!("the byte 0x{:02X} is not UTF-8", wrong[0]);
        Malformed { line, column, what }
    })
}

fn line_and_column(text: &str, at: usize) -> (u64, u64) {
    let front = &text.as_bytes()[..at];
    let start = memrchr(b'\n', front).map_or(0, |feed| feed + 1);
    // Of each character, the bytes that go on are left out.
    let characters = front[start..].iter().filter(|&&b| b & 0xC0 != 0x80).count();
    (memchr_iter(b'\n', front).count() as u64 + 1, characters as u64 + 1)
}

/// What is wrong at a place of a text.
#[derive(Debug)]
pub(super) struct Fault {
    at: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Empty,
    Value,
    Key,
    Colon,
    /// What else can stand behind a value: the end of an array, or of an object.
    Comma(char),
    Behind,
    BehindInLine,
    Deep,
    Digit,
    Zero,
    Control,
    Escape,
    Hex,
    Surrogate,
    Unclosed,
}

impl What {
    pub(super) fn at(self, at: usize) -> Fault {
        Fault { at, what: self }
    }
}

impl Fault {
    pub(super) fn of(self, text: &str) -> Malformed {
        let (line, column) = line_and_column(text, self.at);
        let what = self.what.words(text, self.at);
        Malformed { line, column, what }
    }
}

impl What {
    fn words(self, text: &str, at: usize) -> String {
        let found = || found(text, at);
        match self {
            What::Empty => "the text is empty, where a JSON value is expected".into(),
            What::Value => match (text.as_bytes().get(at), text[..at].trim_end().ends_with(',')) {
                (Some(b']' | b'}'), true) => "nothing stands behind the last comma".into(),
                _ => format!("expected a value, found {}", found()),
            },
            What::Key => match text.as_bytes().get(at) {
                Some(b'}') => "nothing stands behind the last comma".into(),
                _ => format!("expected a key in double quotes, found {}", found()),
            },
            What::Colon => format!("expected a colon behind the key, found {}", found()),
            What::Comma(end) => format!("expected a comma or {end:?} behind the value, found {}", found()),
            What::Behind => format!("expected the end behind the value, found {}", found()),
            What::BehindInLine => format!("a line holds one value: expected its end, found {}", found()),
            What::Deep => format!("arrays and objects are nested more than {DEPTH} deep"),
            What::Digit => format!("expected a digit, found {}", found()),
            What::Zero => "a number can't begin with 0 and another digit; a code belongs in double quotes".into(),
            What::Control => "a control character in a text must be escaped, as \\n or \\u000a".into(),
            What::Escape => "no such escape: a backslash in a text is written as two".into(),
            What::Hex => "four hexadecimal digits must follow \\u".into(),
            What::Surrogate => "half of a surrogate pair alone is no character".into(),
            What::Unclosed => "the text that begins here has no closing quote".into(),
        }
    }
}

/// What stands there, in words.
fn found(text: &str, at: usize) -> String {
    let rest = &text[at..];
    let word = &rest[..rest.bytes().take(10).take_while(u8::is_ascii_alphabetic).count()];
    match (word, rest.chars().next()) {
        (_, None) => "the end of the text".into(),
        (_, Some('\n')) => "the end of the line".into(),
        ("None" | "nil" | "undefined", _) => format!("{word}: in JSON it is null"),
        ("True" | "TRUE" | "False" | "FALSE", _) => format!("{word}: in JSON it is {}", word.to_lowercase()),
        ("nan", _) => "nan: it is written NaN, or null".into(),
        ("inf", _) => "inf: it is written Infinity".into(),
        (_, Some('\'')) => "a single quote: texts stand in double quotes".into(),
        (_, Some(c)) => {
            let mut shown = String::new();
            push_visible(c, &mut shown);
            format!("`{shown}`")
        }
    }
}

/// One value and nothing else.
fn whole(text: &[u8], ends: &mut Vec<(usize, usize)>) -> Result<(), Fault> {
    let start = space(text, 0);
    if start == text.len() {
        return Err(What::Empty.at(start));
    }
    let end = space(text, value(text, start, DEPTH, ends)?);
    match end == text.len() {
        true => Ok(()),
        false => Err(What::Behind.at(end)),
    }
}

/// A value, with all that is in it, nested at most `most` deep. Returns where it ends; adds to `ends`, in order, where the long arrays and objects in it begin
/// and end, and the [`FIRST`] ones.
pub(super) fn value(text: &[u8], mut at: usize, most: usize, ends: &mut Vec<(usize, usize)>) -> Result<usize, Fault> {
    // The places in `ends` of those that are open.
    let mut places = [0; DEPTH];
    let mut depth = 0;
    // A bit for each that is open, the innermost in the lowest: is it an object?
    let mut objects = 0u64;
    'value: loop {
        at = space(text, at);
        match text.get(at) {
            Some(b'-' | b'0'..=b'9') => loop {
                at = number(text, at)?;
                // Most stand in arrays of numbers.
                if objects & 1 == 1 || depth == 0 || text.get(at) != Some(&b',') {
                    break;
                }
                at += 1;
                if text.get(at) == Some(&b' ') {
                    at += 1;
                }
                // Not by a branch each: which of both it is is hard to guess.
                if !text.get(at).is_some_and(|b| b.is_ascii_digit() | (*b == b'-')) {
                    continue 'value;
                }
            },
            Some(b'"') => at = string(text, at)?,
            Some(&open @ (b'[' | b'{')) => {
                if depth == most {
                    return Err(What::Deep.at(at));
                }
                places[depth] = ends.len();
                ends.push((at, 0));
                depth += 1;
                let object = open == b'{';
                objects = objects << 1 | u64::from(object);
                at = space(text, at + 1);
                // What closes it stands two places behind what opens it.
                if text.get(at) != Some(&(open + 2)) {
                    if object {
                        at = key(text, at)?;
                    }
                    continue 'value;
                }
            }
            _ => at = word(text, at)?,
        }
        while depth > 0 {
            at = space(text, at);
            let object = objects & 1 == 1;
            match text.get(at) {
                Some(b',') => {
                    at += 1;
                    if object {
                        at = key(text, space(text, at))?;
                    }
                    continue 'value;
                }
                Some(&close) if close == if object { b'}' } else { b']' } => {
                    at += 1;
                    depth -= 1;
                    objects >>= 1;
                    let place = places[depth];
                    // Whatever is kept of those in it, it is itself longer, and was opened before.
                    match at - ends[place].0 >= LONG || place < FIRST {
                        true => ends[place].1 = at,
                        false => ends.truncate(place),
                    }
                }
                _ => return Err(What::Comma(if object { '}' } else { ']' }).at(at)),
            }
        }
        return Ok(at);
    }
}

/// Behind the white space at `at`.
#[inline(always)]
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// A key and the colon behind it.
fn key(text: &[u8], at: usize) -> Result<usize, Fault> {
    if text.get(at) != Some(&b'"') {
        return Err(What::Key.at(at));
    }
    let at = space(text, string(text, at)?);
    match text.get(at) {
        Some(b':') => Ok(at + 1),
        _ => Err(What::Colon.at(at)),
    }
}

pub(super) fn word(text: &[u8], at: usize) -> Result<usize, Fault> {
    const WORDS: [&[u8]; 5] = [b"null", b"true", b"false", b"NaN", b"Infinity"];
    let rest = text.get(at..).unwrap_or_default();
    let word = WORDS.into_iter().find(|word| rest.starts_with(word));
    match word {
        Some(word) => Ok(at + word.len()),
        None => Err(What::Value.at(at)),
    }
}

#[inline(always)]
pub(super) fn number(text: &[u8], at: usize) -> Result<usize, Fault> {
    let start = at + usize::from(text[at] == b'-');
    let mut at = few_digits(text, start);
    if at == start {
        return match text[at..].starts_with(b"Infinity") {
            true => Ok(at + 8),
            false => Err(What::Digit.at(at)),
        };
    }
    if text[start] == b'0' && at > start + 1 {
        return Err(What::Zero.at(start));
    }
    if text.get(at) == Some(&b'.') {
        at = some_digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = matches!(text.get(at + 1), Some(b'+' | b'-'));
        at = some_digits(text, at + 1 + usize::from(sign))?;
    }
    Ok(at)
}

#[inline(always)]
fn some_digits(text: &[u8], at: usize) -> Result<usize, Fault> {
    match few_digits(text, at) {
        end if end == at => Err(What::Digit.at(at)),
        end => Ok(end),
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// The next eight bytes.
#[inline(always)]
fn eight(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Behind the digits at `at`: eight at a step, as how many there are is hard to guess.
#[inline(always)]
pub(super) fn digits(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = eight(text, at) {
        // A sum that is carried marks only what stands behind a byte that is marked.
        let digits = eight ^ (ONES * u64::from(b'0'));
        let others = (digits.wrapping_add(ONES * 0x76) | digits) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Behind the digits at `at`, of which there are few.
#[inline(always)]
fn few_digits(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Behind the closing quote of the text whose opening quote is at `start`.
pub(super) fn string(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start + 1;
    loop {
        at = characters(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at)?,
            Some(_) => return Err(What::Control.at(at)),
            None => return Err(What::Unclosed.at(start)),
        }
    }
}

/// Behind the characters at `at` that stand for themselves.
#[inline(always)]
fn characters(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = eight(text, at) {
        // A difference that is borrowed marks only what stands behind a byte that is marked.
        let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
        let quotes = zero(eight ^ (ONES * u64::from(b'"')));
        let backslashes = zero(eight ^ (ONES * u64::from(b'\\')));
        let controls = eight.wrapping_sub(ONES * u64::from(b' ')) & !eight;
        let others = (quotes | backslashes | controls) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|&b| b >= b' ' && b != b'"' && b != b'\\') {
        at += 1;
    }
    at
}

/// Behind the escape at `at`.
fn escape(text: &[u8], at: usize) -> Result<usize, Fault> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match unit(text, at).ok_or(What::Hex.at(at))? {
            0xD800..0xDC00 => match unit(text, at + 6) {
                Some(0xDC00..0xE000) => Ok(at + 12),
                _ => Err(What::Surrogate.at(at)),
            },
            0xDC00..0xE000 => Err(What::Surrogate.at(at)),
            _ => Ok(at + 6),
        },
        _ => Err(What::Escape.at(at)),
    }
}

/// The unit of UTF-16 that is written at `at`, as `\u00e9`.
pub(super) fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digit = |&b: &u8| char::from(b).to_digit(16);
    digits.iter().try_fold(0, |unit, b| Some(unit << 4 | digit(b)? as u16))
}
