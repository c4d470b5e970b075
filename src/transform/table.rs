//! Records -> columns by the layout. Marks bad rows, and goes on behind them.

use super::blocks::closing_quote;
use super::dictionary::Reading;
use super::layout::{Cells, Feature, Kept, Layout, Role, unquote};
use super::plain;
use super::problem::excerpt;
#[cfg(target_arch = "x86_64")]
use super::vector;
use memchr::{memchr_iter, memchr2};

/// Rows of one batch: its columns stay in a core's nearest cache while they are read, scored and written out.
pub const BATCH: usize = 1024;

/// A batch of rows as columns. All positions are in the block that was read.
pub struct Table<'a> {
    layout: &'a Layout,
    pub rows: usize,
    /// `[feature][row]`, `BATCH` rows; the value of a bad row means nothing.
    columns: Vec<f64>,
    /// The cells of the features of text, `[feature of text][row]`.
    texts: Vec<Vec<String>>,
    /// `[row][kept column]`: where the field stands.
    kept: Vec<(usize, usize)>,
    /// `[row]`: where the record stands, without its line end.
    records: Vec<(usize, usize)>,
    /// In the order of the rows.
    pub flaws: Vec<Flaw>,
}

/// Why a row is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub row: usize,
    /// The line on which the record begins, counted from 0 at the beginning of the block.
    pub line: u64,
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The record has another number of fields than the header.
    FieldCount {
        found: usize,
    },
    /// The index of a quoted field with text behind its closing quote.
    AfterQuote {
        field: usize,
    },
    NotANumber {
        field: usize,
    },
    Missing {
        field: usize,
    },
    NotAnInteger {
        field: usize,
    },
    /// The model's own library takes the row for none, and says why.
    Refused {
        why: String,
    },
    /// A category that the model doesn't know, and that its library would refuse.
    Unseen {
        field: usize,
    },
}

impl Reason {
    pub fn field(&self) -> Option<usize> {
        match *self {
            Reason::FieldCount { .. } | Reason::Refused { .. } => None,
            Reason::AfterQuote { field }
            | Reason::NotANumber { field }
            | Reason::Missing { field }
            | Reason::NotAnInteger { field }
            | Reason::Unseen { field } => Some(field),
        }
    }

    /// Where the fields of the record are can't be told, so none of them is kept.
    pub fn hides_fields(&self) -> bool {
        matches!(self, Reason::FieldCount { .. } | Reason::AfterQuote { .. })
    }

    pub fn text(&self, expected: usize) -> String {
        match self {
            Reason::FieldCount { found } => {
                let s = if *found == 1 { "" } else { "s" };
                format!("{found} field{s} instead of {expected}")
            }
            Reason::AfterQuote { .. } => "text after a closing quote".into(),
            Reason::NotANumber { .. } => "not a number".into(),
            Reason::Missing { .. } => "missing value".into(),
            Reason::NotAnInteger { .. } => "not a whole number".into(),
            Reason::Refused { why } => format!("the model refuses it: {}", excerpt(why.as_bytes(), 200)),
            Reason::Unseen { .. } => "unknown category".into(),
        }
    }
}

impl<'a> Table<'a> {
    pub fn new(layout: &'a Layout) -> Table<'a> {
        let kept = match &layout.kept {
            Kept::Some(indices) => indices.len(),
            Kept::None | Kept::All => 0,
        };
        Table {
            layout,
            rows: 0,
            columns: vec![0.0; layout.features.len() * BATCH],
            texts: vec![
                Vec::new();
                layout
                    .features
                    .iter()
                    .filter(|f| matches!(f.cells, Cells::Texts(_)))
                    .count()
            ],
            kept: vec![(0, 0); kept * BATCH],
            records: Vec::with_capacity(BATCH),
            flaws: Vec::new(),
        }
    }

    /// One slice of `rows` values per feature.
    pub fn columns(&self) -> Vec<&[f64]> {
        self.columns.chunks(BATCH).map(|c| &c[..self.rows]).collect()
    }

    pub fn texts(&self) -> Vec<&[String]> {
        self.texts.iter().map(Vec::as_slice).collect()
    }

    pub fn record(&self, row: usize) -> (usize, usize) {
        self.records[row]
    }

    /// Marks a row as bad that the model refuses, unless it is bad already.
    pub fn refuse(&mut self, block: &[u8], row: usize, why: String) {
        if let Err(place) = self.flaws.binary_search_by_key(&row, |flaw| flaw.row) {
            let line = memchr_iter(b'\n', &block[..self.records[row].0]).count() as u64;
            let reason = Reason::Refused { why };
            self.flaws.insert(place, Flaw { row, line, reason });
        }
    }

    /// Where the kept fields of a row stand, in the order of the output.
    pub fn kept(&self, row: usize) -> &[(usize, usize)] {
        let width = self.kept.len() / BATCH;
        &self.kept[row * width..(row + 1) * width]
    }

    /// Reads the next records of `block` from `at` on, which is on line `line`; at most `BATCH`. Returns where it
    /// stopped. `block` ends with a line feed and holds whole records.
    pub fn fill(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
            // SAFETY: all the function wants is the three features that have just been found.
            #[expect(unsafe_code)]
            return unsafe { self.fill_by_vectors(block, at, line) };
        }
        self.fill_by_words(block, at, line)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn fill_by_vectors(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        self.fill_by(block, at, line, |table, at| {
            table.read_plain(block, at, |b| vector::number(b), |b, d| vector::field(b, d))
        })
    }

    fn fill_by_words(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        self.fill_by(block, at, line, |table, at| {
            table.read_plain(block, at, plain::number, plain::field)
        })
    }

    /// `read_plain` reads a record that is as most are, and returns where the next begins; `None` if it isn't.
    #[inline(always)]
    fn fill_by(
        &mut self,
        block: &[u8],
        mut at: usize,
        line: &mut u64,
        read_plain: impl Fn(&mut Self, usize) -> Option<usize>,
    ) -> usize {
        self.rows = 0;
        self.records.clear();
        self.flaws.clear();
        self.texts.iter_mut().for_each(Vec::clear);
        while at < block.len() && self.rows < BATCH {
            match &block[at..] {
                [b'\n', ..] => at += 1,
                [b'\r', b'\n', ..] => at += 2,
                _ => {
                    at = match read_plain(self, at) {
                        Some(end) => end,
                        None => {
                            let (end, lines) = self.read_record(block, at, *line);
                            *line += lines;
                            end
                        }
                    };
                    self.rows += 1;
                }
            }
            *line += 1;
        }
        for texts in &mut self.texts {
            texts.resize(self.rows, String::new());
        }
        at
    }

    #[inline(always)]
    fn read_plain(
        &mut self,
        block: &[u8],
        start: usize,
        number: impl Fn(&[u8]) -> Option<(f64, usize)>,
        field: impl Fn(&[u8], u8) -> Option<usize>,
    ) -> Option<usize> {
        let layout = self.layout;
        let (last, others) = layout.roles.split_last()?;
        let mut at = start;
        let read_field = |table: &mut Self, at: usize, role: &Role| {
            let bytes = &block[at..];
            let Some(feature) = role.feature else {
                return Some(at + field(bytes, layout.delimiter)?);
            };
            let Feature { optional, cells } = &layout.features[feature];
            let (x, length) = match cells {
                Cells::Numbers => match number(bytes) {
                    None if *optional && (bytes[0] == layout.delimiter || bytes[0] == b'\n') => (f64::NAN, 0),
                    read => read?,
                },
                Cells::Integers => number(bytes).filter(|(x, _)| is_integer(*x))?,
                Cells::Categories(categories) => {
                    let length = field(bytes, layout.delimiter)?;
                    (categories.exact(&bytes[..length])?, length)
                }
                // Texts are resolved when all are read; here is no time to lose.
                Cells::Texts(_) => return None,
            };
            table.columns[feature * BATCH + table.rows] = x;
            Some(at + length)
        };
        for role in others {
            let end = read_field(self, at, role)?;
            if block[end] != layout.delimiter {
                return None;
            }
            self.keep(role, at, end);
            at = end + 1;
        }
        let end = read_field(self, at, last)?;
        let (end, next) = match &block[end..] {
            [b'\n', ..] if end > at && block[end - 1] == b'\r' => (end - 1, end + 1),
            [b'\n', ..] => (end, end + 1),
            [b'\r', b'\n', ..] => (end, end + 2),
            _ => return None,
        };
        self.keep(last, at, end);
        self.records.push((start, end));
        Some(next)
    }

    fn keep(&mut self, role: &Role, start: usize, end: usize) {
        if let Some(place) = role.kept {
            let width = self.kept.len() / BATCH;
            self.kept[self.rows * width + place] = (start, end);
        }
    }

    /// Reads any record. Returns where the next begins, and how many line feeds stand inside of this one.
    fn read_record(&mut self, block: &[u8], start: usize, line: u64) -> (usize, u64) {
        let layout = self.layout;
        let row = self.rows;
        let mut flaw = None;
        let mut after_quote = None;
        let mut lines = 0;
        let mut field = 0;
        let mut at = start;
        loop {
            let role = layout.roles.get(field).copied().unwrap_or_default();
            let quoted = block[at] == b'"';
            let mut end; // the delimiter or line feed behind the field
            let mut value = None;
            if quoted {
                let closing = closing_quote(block, at + 1).expect("blocks hold whole records");
                end = closing + 1;
                lines += memchr_iter(b'\n', &block[at..end]).count() as u64;
                if !ends_field(block, end, layout.delimiter) {
                    after_quote = after_quote.or(Some(Reason::AfterQuote { field }));
                }
            } else {
                end = at;
                if role
                    .feature
                    .is_some_and(|f| matches!(layout.features[f].cells, Cells::Numbers))
                    && let Ok((x, length)) = fast_float2::parse_partial::<f64, _>(&block[at..])
                    && ends_field(block, at + length, layout.delimiter)
                    && !x.is_nan()
                {
                    end = at + length;
                    value = Some(x);
                }
            }
            if block[end] != layout.delimiter && block[end] != b'\n' {
                end += memchr2(layout.delimiter, b'\n', &block[end..]).expect("ends in a line feed");
            }
            let last = block[end] == b'\n';
            let text_end = end - usize::from(last && end > at && block[end - 1] == b'\r');
            if let Some(feature) = role.feature {
                let text = &block[at..text_end];
                let Feature { optional, cells } = &layout.features[feature];
                let missing = || match optional {
                    true => Ok(f64::NAN),
                    false => Err(Reason::Missing { field }),
                };
                let read = match (value, cells) {
                    (Some(x), _) => Ok(x),
                    (None, Cells::Numbers | Cells::Integers) => match number(trim(&unquote(text))) {
                        Number::Value(x) if matches!(cells, Cells::Integers) && !is_integer(x) => {
                            Err(Reason::NotAnInteger { field })
                        }
                        Number::Value(x) => Ok(x),
                        Number::Missing => missing(),
                        Number::Invalid => Err(Reason::NotANumber { field }),
                    },
                    (None, Cells::Categories(categories)) => match categories.read(&unquote(text)) {
                        Reading::Code(code) => Ok(code),
                        Reading::Missing => missing(),
                        Reading::Unseen => Err(Reason::Unseen { field }),
                    },
                    // What is missing is the model's to say, also of an empty text.
                    (None, &Cells::Texts(index)) => {
                        let texts = &mut self.texts[index];
                        texts.resize(row, String::new());
                        texts.push(String::from_utf8_lossy(trim(&unquote(text))).into_owned());
                        Ok(0.0)
                    }
                };
                match read {
                    Ok(x) => self.columns[feature * BATCH + row] = x,
                    Err(reason) => flaw = flaw.or(Some(reason)),
                }
            }
            self.keep(&role, at, text_end);
            field += 1;
            at = end + 1;
            if last {
                self.records.push((start, text_end));
                break;
            }
        }
        let expected = layout.roles.len();
        let count = (field != expected).then_some(Reason::FieldCount { found: field });
        if let Some(reason) = after_quote.or(count).or(flaw) {
            self.flaws.push(Flaw { row, line, reason });
        }
        (at, lines)
    }
}

/// Does a field end at `at`: with a delimiter, a line feed, or a carriage return and a line feed?
fn ends_field(block: &[u8], at: usize, delimiter: u8) -> bool {
    block[at] == delimiter || block[at] == b'\n' || block[at..].starts_with(b"\r\n")
}

/// Does it name one 64-bit integer? From 2^53 on a double stands for several.
fn is_integer(x: f64) -> bool {
    x.trunc() == x && x.abs() < (1u64 << 53) as f64
}

/// What the text of a cell says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Value(f64),
    Missing,
    Invalid,
}

/// Reads a cell without spaces around it, correctly rounded. Nothing, `NA`, `N/A`, `NaN` and `null`, in any case,
/// mean that the value is missing.
pub fn number(cell: &[u8]) -> Number {
    const MISSING: [&str; 4] = ["NA", "N/A", "NaN", "null"];
    if cell.is_empty() || MISSING.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(cell)) {
        return Number::Missing;
    }
    match fast_float2::parse::<f64, _>(cell) {
        Ok(x) if x.is_nan() => Number::Missing,
        Ok(x) => Number::Value(x),
        Err(_) => Number::Invalid,
    }
}

/// Without the spaces and tabs around it.
pub fn trim(cell: &[u8]) -> &[u8] {
    let space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = cell.iter().position(|b| !space(b)).unwrap_or(cell.len());
    let end = cell.iter().rposition(|b| !space(b)).map_or(start, |n| n + 1);
    &cell[start..end]
}

/// Holds the direct readers against the general one.
#[cfg(any(test, fuzzing))]
pub mod fuzzing {
    use super::*;
    use crate::model::Category;
    use crate::transform::blocks::Blocks;
    use crate::transform::dictionary::Dictionary;

    /// All read the same rows, values, places and flaws, and end at the same place. The first byte chooses what the
    /// fields are needed for.
    pub fn readers_agree(bytes: &[u8]) {
        let Some((choice, text)) = bytes.split_first() else {
            return;
        };
        let roles: &[(Option<usize>, Option<usize>)] = match choice % 4 {
            0 => &[(Some(0), None)],
            1 => &[(Some(1), Some(0)), (Some(0), None)],
            2 => &[(None, Some(1)), (Some(0), Some(0)), (None, None)],
            _ => &[(None, None), (None, Some(0))],
        };
        let layout = layout(roles, choice / 4);
        // Blocks hold whole records: an open quote is the cutter's to find.
        if let Ok(Some(block)) = Blocks::new(text, b',', None).next_block() {
            compare(&layout, &block);
        }
    }

    /// `kind`: of the features.
    fn layout(roles: &[(Option<usize>, Option<usize>)], kind: u8) -> Layout {
        let texts = ["a", "1", "x\"y", " "].map(|t| Category::Text(t.into()));
        let feature = Feature {
            optional: kind & 1 == 1,
            cells: match kind & 6 {
                0 => Cells::Numbers,
                2 => Cells::Categories(Dictionary::of(&texts, false)),
                4 => Cells::Integers,
                _ => Cells::Texts(0),
            },
        };
        Layout {
            delimiter: b',',
            names: vec![String::new(); roles.len()],
            roles: roles.iter().map(|&(feature, kept)| Role { feature, kept }).collect(),
            kept: Kept::Some(roles.iter().filter_map(|r| r.1).collect()),
            features: vec![feature; roles.iter().filter(|r| r.0.is_some()).count()],
            header: true,
        }
    }

    fn compare(layout: &Layout, block: &[u8]) {
        let general = read(layout, |table, at, line| table.fill_by(block, at, line, |_, _| None));
        let words = read(layout, |table, at, line| table.fill_by_words(block, at, line));
        let fastest = read(layout, |table, at, line| table.fill(block, at, line));
        assert_eq!(words, general);
        assert_eq!(fastest, general);
    }

    type Place = (usize, usize);

    #[derive(Debug, PartialEq)]
    struct Read {
        end: usize,
        lines: u64,
        records: Vec<Place>,
        flaws: Vec<Flaw>,
        /// Of the rows without a flaw.
        rows: Vec<(Vec<u64>, Vec<Place>)>,
    }

    /// What the first batch of `block` is read as.
    fn read(layout: &Layout, fill: impl Fn(&mut Table, usize, &mut u64) -> usize) -> Read {
        let mut table = Table::new(layout);
        let mut lines = 0;
        let end = fill(&mut table, 0, &mut lines);
        let good = (0..table.rows).filter(|&row| table.flaws.iter().all(|f| f.row != row));
        let bits = |row: usize| table.columns().iter().map(|c| c[row].to_bits()).collect();
        Read {
            end,
            lines,
            records: table.records.clone(),
            flaws: table.flaws.clone(),
            rows: good.map(|row| (bits(row), table.kept(row).to_vec())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fuzzing::readers_agree;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_direct_readers_agree_with_the_general_one(
            choice in 0u8..32,
            text in "([-+0-9.eE, \"\r\nxyNaif]{1,3}|-?[0-9]{1,3}[.][0-9]{1,7},|,|\n|\r\n|\"\"){0,30}",
        ) {
            readers_agree(&[&[choice], text.as_bytes()].concat());
        }
    }
}
