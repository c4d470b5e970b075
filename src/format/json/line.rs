//! Lines -> a batch by the layout, and where kept members stand: checked and read in one pass. Every line is a row, whatever it holds;
//! bad ones are marked.

use super::cause::Malformed;
use super::check::{DEPTH, Document, number, space, string, value, word};
use super::cursor::{Kind as Found, append_unescaped};
use super::keys::{Key, Keys};
use super::layout::Layout;
use super::reader::cell::{is_plain, short_number};
use crate::format::cause::{self, Cause};
use crate::score::Batch;
use crate::score::batch::{Flaw, ROWS, Reason};
use crate::score::cell::Kind;
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::str::from_utf8;

/// Where a value stands; nowhere, if there is none.
type Place = (u32, u32);

/// Reads a batch of a range at a time. All places are in the range.
pub struct Reader<'a> {
    layout: &'a Layout,
    range: &'a [u8],
    /// The range, if all of it is UTF-8.
    text: Option<&'a str>,
    pub batch: Batch,
    room: usize,
    rows: Vec<Row>,
    /// `[row][kept column]`
    kept: Vec<Place>,
    /// `[noted column][row]`
    noted: Vec<Place>,
    /// The malformed rows, in order.
    malformed: Vec<(u32, Malformed)>,
    keys: Keys<'a>,
    /// Counts rows, from 1; of each column, the last one that has it.
    row: u64,
    stamps: Vec<u64>,
    /// For each feature, how many objects have no such key.
    pub lacking: Vec<u64>,
    /// Were the numbers at hand too long to be read the short way?
    long: bool,
    characters: String,
    ends: Vec<(usize, usize)>,
    /// A name of the output's that a member of the line behind the batch has.
    pub clash: Option<String>,
}

/// Where a line stands, and the members of its object.
#[derive(Clone, Copy, Default)]
struct Row {
    start: u32,
    /// Of the line, without its line end.
    end: u32,
    members: Option<Place>,
}

/// An object that was read.
struct Object {
    members: (usize, usize),
    fault: Option<Malformed>,
    clash: Option<String>,
}

impl<'a> Reader<'a> {
    /// `range`: whole lines.
    pub fn new(layout: &'a Layout, range: &'a [u8]) -> Reader<'a> {
        const SMALL: usize = 64 << 10;
        let room = match range.len() {
            // Which needs less memory then.
            ..SMALL => memchr_iter(b'\n', range).count().clamp(1, ROWS),
            _ => ROWS,
        };
        Reader {
            layout,
            range,
            text: from_utf8(range).ok(),
            batch: Batch::new(&layout.binding, room),
            room,
            rows: Vec::with_capacity(room),
            kept: vec![(0, 0); layout.kept.width() * room],
            noted: vec![(0, 0); layout.noted * room],
            malformed: Vec::new(),
            keys: Keys::default(),
            row: 0,
            stamps: vec![0; layout.columns.len()],
            lacking: vec![0; layout.binding.features.len()],
            long: false,
            characters: String::new(),
            ends: Vec::new(),
            clash: None,
        }
    }

    /// Reads the next lines from `at` on, at most [`ROWS`], and none behind one that clashes. Returns where it stopped.
    pub fn fill(&mut self, mut at: usize) -> usize {
        self.batch.clear();
        self.rows.clear();
        self.malformed.clear();
        while at < self.range.len() && self.batch.room() > 0 && self.clash.is_none() {
            let feed = memchr(b'\n', &self.range[at..]).map_or(self.range.len(), |feed| at + feed);
            self.read_line(at, feed);
            match self.clash {
                None => {
                    self.batch.end_rows(1);
                    at = self.range.len().min(feed + 1);
                }
                Some(_) => self.batch.forget(),
            }
        }
        self.batch.end();
        at
    }

    fn read_line(&mut self, start: usize, feed: usize) {
        let end = feed - usize::from(feed > start && self.range[feed - 1] == b'\r');
        self.row += 1;
        let place = self.batch.rows();
        let width = self.layout.kept.width();
        self.kept[place * width..][..width].fill((0, 0));
        for noted in 0..self.layout.noted {
            self.noted[noted * self.room + place] = (0, 0);
        }
        let mut row = Row {
            start: start as u32,
            end: end as u32,
            members: None,
        };
        let line = match self.text {
            Some(text) => Ok(&text[start..end]),
            None => from_utf8(&self.range[start..end]),
        };
        let read = match line {
            Ok(line) => self.read_value(line, start),
            Err(_) => Err(Malformed::NotUtf8),
        };
        let fault = match read {
            Ok(Object { members, fault, clash }) => {
                self.clash = clash;
                let at = |at: usize| (start + at) as u32;
                row.members = Some((at(members.0), at(members.1)));
                fault
            }
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            self.malformed.push((place as u32, fault));
            self.batch.malformed();
        }
        self.rows.push(row);
    }

    /// # Errors
    /// It is no object.
    fn read_value(&mut self, line: &'a str, base: usize) -> Result<Object, Malformed> {
        let at = space(line.as_bytes(), 0);
        match line.as_bytes().get(at) {
            None => Err(Malformed::Empty),
            Some(b'{') => self.read_object(line, at, base).ok_or(Malformed::NotJson),
            Some(_) => match Document::check(line.as_bytes()) {
                Ok(document) if !line.starts_with('\u{feff}') => Err(Malformed::NoObject {
                    found: document.root().kind(),
                }),
                _ => Err(Malformed::NotJson),
            },
        }
    }

    /// None: it is no JSON.
    #[inline]
    fn read_object(&mut self, line: &'a str, start: usize, base: usize) -> Option<Object> {
        let bytes = line.as_bytes();
        let layout = self.layout;
        let place = self.batch.rows();
        let (mut fault, mut clash, mut features) = (None, None, 0);
        self.keys.begin_row();
        let open = start + 1;
        let mut at = space(bytes, open);
        if bytes.get(at) != Some(&b'}') {
            loop {
                let Key {
                    meant,
                    again,
                    value: from,
                } = self.keys.read(line, at, layout)?;
                let mut again = again;
                let mut role = Default::default();
                if let Some(field) = meant.field {
                    role = layout.roles[field];
                    again |= std::mem::replace(&mut self.stamps[field], self.row) == self.row;
                }
                if meant.clashes && clash.is_none() {
                    clash = Some(self.written_name(line, at));
                }
                let to = match role.feature.filter(|_| !again) {
                    None => self.skip(bytes, from)?,
                    Some(feature) => {
                        features += 1;
                        let (to, nested) = self.read_cell(line, feature, from)?;
                        if let Some(found) = nested {
                            let feature = feature as u32;
                            fault = fault.or(Some(Malformed::Nested { feature, found }));
                        }
                        to
                    }
                };
                if again {
                    fault = Some(Malformed::Twice);
                }
                // Of two, which is meant can't be told.
                let value = if again {
                    (0, 0)
                } else {
                    ((base + from) as u32, (base + to) as u32)
                };
                if let Some(kept) = role.kept {
                    self.kept[place * layout.kept.width() + kept] = value;
                }
                if let Some(noted) = role.noted {
                    self.noted[noted * self.room + place] = value;
                }
                at = space(bytes, to);
                match bytes.get(at) {
                    Some(b',') => at = space(bytes, at + 1),
                    Some(b'}') => break,
                    _ => return None,
                }
            }
        }
        if space(bytes, at + 1) != bytes.len() {
            return None;
        }
        if self.keys.have_twice() {
            fault = Some(Malformed::Twice);
        }
        if features < layout.binding.features.len() {
            self.read_missing();
        }
        Some(Object {
            members: (open, at),
            fault,
            clash,
        })
    }

    /// The features that the row hasn't: their values are missing.
    fn read_missing(&mut self) {
        let binding = &self.layout.binding;
        for (feature, of) in binding.features.iter().enumerate() {
            if self.stamps[binding.fields[feature]] != self.row {
                self.batch.read(0, feature, of, b"");
                self.lacking[feature] += 1;
            }
        }
    }

    fn written_name(&self, line: &str, at: usize) -> String {
        let end = string(line.as_bytes(), at).unwrap_or(line.len());
        let mut name = String::new();
        append_unescaped(&line[at + 1..end - 1], &mut name);
        name
    }

    /// Behind a value that nobody reads.
    #[inline(always)]
    fn skip(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        match bytes.get(at)? {
            b'-' | b'0'..=b'9' => number(bytes, at).ok(),
            b'"' => string(bytes, at).ok(),
            b'[' | b'{' => {
                self.ends.clear();
                // In the object, which is one deep.
                value(bytes, at, DEPTH - 1, &mut self.ends).ok()
            }
            _ => word(bytes, at).ok(),
        }
    }

    /// Reads a value as the feature's cell: its text, as it would stand in a CSV. Returns where it ends; and what it is, if that is an
    /// array or object. None: it is no JSON.
    #[inline(always)]
    fn read_cell(&mut self, line: &str, feature: usize, at: usize) -> Option<(usize, Option<Found>)> {
        let bytes = line.as_bytes();
        let binding = &self.layout.binding;
        let of = &binding.features[feature];
        let first = *bytes.get(at)?;
        if matches!(first, b'-' | b'0'..=b'9') {
            let is_number = !matches!(of.kind, Kind::Categories(_) | Kind::Texts(_));
            if is_number
                && !self.long
                && let Some((x, end)) = short_number(bytes, at)
                && is_plain(&of.kind, x)
            {
                self.batch.next_cells(feature, 1)[0] = x;
                return Some((end, None));
            }
            let end = number(bytes, at).ok()?;
            if is_number {
                // Not by the length of each: some of a file of long ones are shorter.
                self.long = end - at > 12;
                if let Ok(x) = fast_float2::parse::<f64, _>(&bytes[at..end])
                    && is_plain(&of.kind, x)
                {
                    self.batch.next_cells(feature, 1)[0] = x;
                    return Some((end, None));
                }
            }
            self.read_number(feature, &line[at..end]);
            return Some((end, None));
        }
        let end = self.skip(bytes, at)?;
        match Found::of(first) {
            nested @ (Found::Array | Found::Object) => return Some((end, Some(nested))),
            Found::Null => self.read_text(feature, ""),
            Found::Number => self.read_number(feature, &line[at..end]),
            Found::Boolean => self.read_text(feature, &line[at..end]),
            Found::Text => {
                let raw = &line[at + 1..end - 1];
                match memchr(b'\\', raw.as_bytes()) {
                    None => self.read_text(feature, raw),
                    Some(_) => {
                        let mut characters = std::mem::take(&mut self.characters);
                        characters.clear();
                        append_unescaped(raw, &mut characters);
                        self.read_text(feature, &characters);
                        self.characters = characters;
                    }
                }
            }
        }
        Some((end, None))
    }

    /// JSON's numbers have a point, however texts are spelled.
    fn read_number(&mut self, feature: usize, number: &str) {
        match self.layout.binding.features[feature].spelling.comma() {
            true => self.read_text(feature, &number.replace('.', ",")),
            false => self.read_text(feature, number),
        }
    }

    fn read_text(&mut self, feature: usize, cell: &str) {
        let of = &self.layout.binding.features[feature];
        match &of.kind {
            Kind::Categories(categories) if let Some(code) = categories.exact(cell.as_bytes()) => {
                self.batch.next_cells(feature, 1)[0] = code;
            }
            _ => self.batch.read(0, feature, of, cell.as_bytes()),
        }
    }

    /// A row's line, as it stands.
    pub fn line(&self, row: usize) -> &'a [u8] {
        let (start, end) = self.place(row);
        &self.range[start as usize..end as usize]
    }

    /// Where it stands, without its line end.
    pub fn place(&self, row: usize) -> Place {
        let Row { start, end, .. } = self.rows[row];
        (start, end)
    }

    /// What stands between the braces of a row that is an object, without spaces behind it.
    pub fn members(&self, row: usize) -> Option<&'a [u8]> {
        let (from, to) = self.rows[row].members?;
        Some(self.range[from as usize..to as usize].trim_ascii_end())
    }

    /// The value of a kept column, as it is written.
    pub fn kept(&self, column: usize, row: usize) -> Option<&'a str> {
        self.written(self.kept[row * self.layout.kept.width() + column])
    }

    /// The text of a noted value, as it would stand in a CSV.
    pub fn noted(&self, noted: usize, row: usize) -> Cow<'a, str> {
        self.written(self.noted[noted * self.room + row])
            .map_or("".into(), text)
    }

    fn written(&self, (from, to): Place) -> Option<&'a str> {
        let value = &self.range[from as usize..to as usize];
        (!value.is_empty()).then(|| from_utf8(value).expect("it was checked"))
    }

    pub fn malformed(&self, row: u32) -> Malformed {
        let place = self.malformed.binary_search_by_key(&row, |(row, _)| *row);
        self.malformed[place.expect("malformed rows are listed")].1
    }

    /// Why a row is bad, by its first flaw.
    pub fn cause(&self, flaw: Flaw) -> Cause {
        match flaw.reason {
            Reason::Cell { feature, error } => Cause::Cell { feature, error },
            Reason::Refused(why) => Cause::Refused(why),
            Reason::Malformed => Cause::Malformed(cause::Malformed::Json(self.malformed(flaw.row))),
        }
    }
}

/// A value as it would stand in a CSV: of a text its characters, of null nothing.
pub fn text(value: &str) -> Cow<'_, str> {
    match Found::of(value.as_bytes()[0]) {
        Found::Null => "".into(),
        Found::Text => {
            let raw = &value[1..value.len() - 1];
            match memchr(b'\\', raw.as_bytes()) {
                None => raw.into(),
                Some(_) => {
                    let mut characters = String::with_capacity(raw.len());
                    append_unescaped(raw, &mut characters);
                    characters.into()
                }
            }
        }
        Found::Number | Found::Boolean | Found::Array | Found::Object => value.into(),
    }
}
