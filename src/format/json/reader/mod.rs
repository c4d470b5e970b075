//! Rows -> a batch by the binding. Marks bad rows, and goes on behind them.

pub(super) mod cell;
mod fault;
mod objects;

use super::check::{Document, space};
use super::cursor::{Cursor, Elements, Kind, next, skip};
use crate::score::batch::ROWS;
use crate::score::{Batch, Binding, Names};
use fault::Fault;
use objects::Order;

/// The fewest rows for which there is room, where there could be as many.
const ROOM: usize = 64;

/// How rows stand in a document. The binding's fields are the places of a row's values, but for objects.
#[derive(Clone)]
pub enum Form<'a> {
    /// `[[1, 2], [3, 4]]`: each row an array of `width` values; `within`: it is in objects, the way by their keys.
    Arrays {
        rows: Elements<'a>,
        width: usize,
        within: &'a [&'a str],
    },
    /// `[{"x": 1, "y": 2}, {"y": [4], "x": [3]}]`: each value by the name of its feature, or in an array of its own; others are passed
    /// over.
    Objects { rows: Elements<'a>, names: &'a Names },
    /// `{"x": [1, 3], "y": [2, 4]}`: the values of each field; each may be in an array of its own, as in `[[1], [3]]`.
    /// All stand in one document.
    Columns(Vec<Elements<'a>>),
    /// `[1, 2, 3, 4]`: a row behind the other, of `width` values each.
    Flat { values: Elements<'a>, width: usize },
}

/// Reads a batch at a time.
pub struct Reader<'a> {
    pub batch: Batch,
    form: Form<'a>,
    binding: &'a Binding,
    /// `[field]`: its feature.
    features: Vec<Option<usize>>,
    /// Of objects: the order of their keys.
    order: Order<'a>,
    /// Had the last number too many digits to be read the short way?
    long: bool,
    /// The characters of a text with escapes.
    characters: String,
    /// Why the malformed rows are bad, and where they begin, in order.
    malformed: Vec<(u32, usize, Fault)>,
}

/// The document in which the rows stand, and its bytes.
#[derive(Clone, Copy)]
struct Text<'a> {
    document: &'a Document<'a>,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// # Panics
    /// There are more fields in the binding than in the rows.
    pub fn new(form: Form<'a>, binding: &'a Binding) -> Reader<'a> {
        let mut order = Order::default();
        let width = match &form {
            Form::Objects { names, .. } => {
                order = Order::of(names);
                0
            }
            Form::Columns(columns) => columns.len(),
            Form::Arrays { width, .. } | Form::Flat { width, .. } => *width,
        };
        let mut features = vec![None; width];
        if width > 0 {
            for (feature, &field) in binding.fields.iter().enumerate() {
                features[field] = Some(feature);
            }
        }
        Reader {
            batch: Batch::new(binding, form.room(binding.features.len())),
            form,
            binding,
            features,
            order,
            long: false,
            characters: String::new(),
            malformed: Vec::new(),
        }
    }

    /// Reads the next rows, at most [`ROWS`]. False: there are no more.
    pub fn fill(&mut self) -> bool {
        self.batch.clear();
        self.malformed.clear();
        while self.batch.room() > 0 && self.read_row() {
            self.batch.end_rows(1);
        }
        self.batch.end();
        self.batch.rows() > 0
    }

    /// Why a malformed row of the batch is bad, in words.
    pub fn malformed(&self, row: u32) -> String {
        let place = self.malformed.binary_search_by_key(&row, |(row, ..)| *row);
        let (_, at, fault) = &self.malformed[place.expect("malformed rows are listed")];
        match &self.form {
            Form::Arrays { rows, within, .. } => fault.words(Cursor::new(rows.document, *at), within, None),
            Form::Objects { rows, names } => fault.words(Cursor::new(rows.document, *at), &[], Some(names)),
            Form::Flat { values, .. } => fault.words(Cursor::new(values.document, *at), &[], None),
            Form::Columns(columns) => fault.words(Cursor::new(columns[0].document, *at), &[], None),
        }
    }

    /// Reads the next row, if there is one; it isn't ended.
    #[inline]
    fn read_row(&mut self) -> bool {
        match &mut self.form {
            Form::Arrays { rows, within, .. } => {
                let Some(start) = rows.next_at() else { return false };
                let (text, within) = (Text::of(rows), *within);
                let (read, end) = match within.is_empty() {
                    true => self.read_array(text, start),
                    false => match array_within(text, start, within) {
                        Ok(at) => (self.read_array(text, at).0, skip(text.document, start)),
                        Err(fault) => (Err(fault), skip(text.document, start)),
                    },
                };
                if let Form::Arrays { rows, .. } = &mut self.form {
                    rows.read_to(end);
                }
                self.check(start, read);
                true
            }
            Form::Objects { rows, names } => {
                let Some(start) = rows.next_at() else { return false };
                let (text, names) = (Text::of(rows), *names);
                let (read, end) = self.read_object(text, start, names);
                if let Form::Objects { rows, .. } = &mut self.form {
                    rows.read_to(end);
                }
                self.check(start, read);
                true
            }
            Form::Columns(_) => self.read_across(),
            Form::Flat { .. } => self.read_flat(),
        }
    }

    fn check(&mut self, start: usize, read: Result<(), Fault>) {
        if let Err(fault) = read {
            self.malformed.push((self.batch.rows() as u32, start, fault));
            self.batch.malformed();
        }
    }

    /// A row that is an array; also where it ends.
    #[inline]
    fn read_array(&mut self, text: Text, start: usize) -> (Result<(), Fault>, usize) {
        let found = Kind::of(text.bytes[start]);
        if found != Kind::Array {
            return (Err(Fault::NoArray { found }), skip(text.document, start));
        }
        let mut at = space(text.bytes, start + 1);
        let mut field = 0;
        if text.bytes[at] != b']' {
            loop {
                at = match self.features.get(field) {
                    Some(&Some(feature)) => match self.read_cell(text, feature, at) {
                        Ok(end) => end,
                        Err(found) => {
                            let end = skip(text.document, start);
                            return (Err(Fault::Nested { field, found }), end);
                        }
                    },
                    _ => skip(text.document, at),
                };
                field += 1;
                at = space(text.bytes, at);
                if text.bytes[at] == b']' {
                    break;
                }
                at = space(text.bytes, at + 1);
            }
        }
        let width = self.features.len();
        match field == width {
            true => (Ok(()), at + 1),
            false => (Err(Fault::Width { found: field, width }), at + 1),
        }
    }

    fn read_flat(&mut self) -> bool {
        let Form::Flat { values, width } = &mut self.form else {
            return false;
        };
        let (text, width) = (Text::of(values), *width);
        let Some(start) = values.next_at() else { return false };
        let mut read = Ok(());
        let mut value = Some(start);
        for field in 0..width {
            let Some(at) = value else {
                read = read.and(Err(Fault::Width { found: field, width }));
                break;
            };
            let end = match self.features[field] {
                Some(feature) if read.is_ok() => self.read_cell(text, feature, at).unwrap_or_else(|found| {
                    read = Err(Fault::Nested { field, found });
                    skip(text.document, at)
                }),
                _ => skip(text.document, at),
            };
            if let Form::Flat { values, .. } = &mut self.form {
                values.read_to(end);
                // The first of the next row is the next call's.
                value = (field + 1 < width).then(|| values.next_at()).flatten();
            }
        }
        self.check(start, read);
        true
    }

    fn read_across(&mut self) -> bool {
        let Form::Columns(columns) = &mut self.form else {
            return false;
        };
        let Some(first) = columns.first() else { return false };
        let text = Text::of(first);
        let mut read = Ok(());
        let (mut start, mut ended) = (None, None);
        for field in 0..self.features.len() {
            let Some(feature) = self.features[field] else { continue };
            let Form::Columns(columns) = &mut self.form else { break };
            let Some(at) = columns[field].next_at() else {
                ended = ended.or(Some(field));
                continue;
            };
            start = start.or(Some(at));
            let mut value = at;
            if text.bytes[at] == b'[' {
                value = only(text, at).unwrap_or(at);
            }
            let mut end = Ok(at);
            if read.is_ok() {
                end = self.read_cell(text, feature, value);
            }
            let end = match end {
                Ok(end) if read.is_ok() && value == at => end,
                Ok(_) => skip(text.document, at),
                Err(found) => {
                    read = Err(Fault::Nested { field, found });
                    skip(text.document, at)
                }
            };
            if let Form::Columns(columns) = &mut self.form {
                columns[field].read_to(end);
            }
        }
        let Some(start) = start else { return false };
        if let Some(field) = ended {
            read = Err(Fault::Short { field });
        }
        self.check(start, read);
        true
    }
}

impl Form<'_> {
    /// For how many rows room is made: as many as there can be, or as there are if all are about as long as the first one.
    fn room(&self, features: usize) -> usize {
        let length = |elements: &Elements| elements.clone().next().map_or(1, |first| first.raw().len());
        // Each value has a comma or bracket behind it.
        let (bytes, least, first) = match self {
            Form::Arrays { rows, width, .. } => (rows.bytes_left(), 2 * width, length(rows)),
            Form::Objects { rows, .. } => (rows.bytes_left(), 2 * features, length(rows)),
            Form::Flat { values, width } => (values.bytes_left(), 2 * width, length(values) * width),
            Form::Columns(columns) => {
                let bytes = columns.iter().map(Elements::bytes_left).max();
                (bytes.unwrap_or_default(), 2, columns.iter().map(length).sum())
            }
        };
        let most = bytes / least.max(1) + 1;
        most.min(ROOM.max(bytes / (first - first / 4).max(1))).min(ROWS)
    }
}

impl<'a> Text<'a> {
    fn of(elements: &Elements<'a>) -> Text<'a> {
        let document = elements.document;
        Text {
            document,
            bytes: document.text.as_bytes(),
        }
    }
}

/// The only element of an array, if it has no other.
fn only(text: Text, at: usize) -> Option<usize> {
    let first = next(text.document, at + 1)?;
    next(text.document, skip(text.document, first))
        .is_none()
        .then_some(first)
}

/// Where the value stands to which the keys lead.
fn array_within(text: Text, start: usize, keys: &[&str]) -> Result<usize, Fault> {
    let mut at = start;
    for (step, key) in keys.iter().enumerate() {
        let value = Cursor::new(text.document, at);
        if value.kind() != Kind::Object {
            return Err(Fault::NoObject { found: value.kind() });
        }
        at = match value.member(key) {
            Ok(Some(member)) => member.at(),
            Ok(None) => return Err(Fault::NoKey { step }),
            Err(_) => return Err(Fault::KeyTwice { step }),
        };
    }
    Ok(at)
}
