//! Records -> a batch by the layout, and where records and kept fields stand. Marks bad rows, and goes on behind them.

use super::cause::{Cause, Malformed};
use super::dialect::{closing_quote, unquote};
use super::head::{Kept, Layout, Role};
use super::plain;
#[cfg(target_arch = "x86_64")]
use super::vector;
use crate::score::Batch;
use crate::score::batch::{Flaw, ROWS, Reason};
use crate::score::cell::{Feature, Kind, is_integer};
use memchr::{memchr_iter, memchr2};

/// Reads a batch at a time. All positions are in the block that was read.
pub struct Reader<'a> {
    layout: &'a Layout,
    pub batch: Batch,
    /// `[row][kept column]`: where the field stands.
    kept: Vec<(usize, usize)>,
    /// `[row]`: where the record stands, without its line end.
    records: Vec<(usize, usize)>,
    /// The malformed rows, in order.
    malformed: Vec<(u32, Malformed)>,
}

impl<'a> Reader<'a> {
    pub fn new(layout: &'a Layout) -> Reader<'a> {
        let kept = match &layout.kept {
            Kept::Some(indices) => indices.len(),
            Kept::None | Kept::All => 0,
        };
        Reader {
            layout,
            batch: Batch::new(&layout.binding),
            kept: vec![(0, 0); kept * ROWS],
            records: Vec::with_capacity(ROWS),
            malformed: Vec::new(),
        }
    }

    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    pub fn record(&self, row: usize) -> (usize, usize) {
        self.records[row]
    }

    /// Where the kept fields of a row stand, in the order of the output.
    pub fn kept(&self, row: usize) -> &[(usize, usize)] {
        let width = self.kept.len() / ROWS;
        &self.kept[row * width..(row + 1) * width]
    }

    /// Why a row is bad, by its first flaw.
    pub fn cause(&self, flaw: Flaw) -> Cause {
        match flaw.reason {
            Reason::Cell { feature, error } => Cause::Cell { feature, error },
            Reason::Refused(why) => Cause::Refused(why),
            Reason::Malformed => {
                let place = self.malformed.binary_search_by_key(&flaw.row, |(row, _)| *row);
                Cause::Malformed(self.malformed[place.expect("malformed rows are listed")].1)
            }
        }
    }

    /// The same in words, with the column's name in front if it is one column's fault.
    pub fn reason(&self, flaw: Flaw) -> String {
        let cause = self.cause(flaw);
        let reason = self.layout.reason(cause, |why| self.batch.refusal(why));
        match self.layout.column(cause) {
            Some(column) if !column.is_empty() => format!("{column}: {reason}"),
            _ => reason.into_owned(),
        }
    }

    /// Reads the next records of `block` from `at` on, which is on line `line`; at most [`ROWS`]. Returns where it
    /// stopped. `block` ends with a line feed and holds whole records.
    pub fn fill(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        if self.layout.dialect.escape.is_some() {
            return self.fill_escaped(block, at, line);
        }
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
        self.fill_by(
            block,
            at,
            line,
            |reader, at| reader.read_plain(block, at, |b| vector::number(b), |b, d| vector::field(b, d)),
            |reader, at| reader.read_record::<false>(block, at),
        )
    }

    fn fill_by_words(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        self.fill_by(
            block,
            at,
            line,
            |reader, at| reader.read_plain(block, at, plain::number, plain::field),
            |reader, at| reader.read_record::<false>(block, at),
        )
    }

    /// The direct readers know no escapes.
    fn fill_escaped(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        let read_record = |reader: &mut Self, at| reader.read_record::<true>(block, at);
        self.fill_by(block, at, line, |_, _| None, read_record)
    }

    /// `read_plain` reads a record that is as most are, and returns where the next begins; `None` if it isn't.
    #[inline(always)]
    fn fill_by(
        &mut self,
        block: &[u8],
        mut at: usize,
        line: &mut u64,
        read_plain: impl Fn(&mut Self, usize) -> Option<usize>,
        read_record: impl Fn(&mut Self, usize) -> (usize, u64),
    ) -> usize {
        self.batch.clear();
        self.records.clear();
        self.malformed.clear();
        // In a file of one column an empty line is a missing value, as others write it; elsewhere it is no record.
        let alone = self.layout.roles.len() == 1;
        while at < block.len() && self.batch.rows() < ROWS {
            match &block[at..] {
                [b'\n', ..] if !alone => at += 1,
                [b'\r', b'\n', ..] if !alone => at += 2,
                _ => {
                    at = match read_plain(self, at) {
                        Some(end) => end,
                        None => {
                            let (end, lines) = read_record(self, at);
                            *line += lines;
                            end
                        }
                    };
                    self.batch.end_row();
                }
            }
            *line += 1;
        }
        self.batch.end();
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
        let features = &*layout.binding.features;
        let (last, others) = layout.roles.split_last()?;
        let mut at = start;
        let read_field = |reader: &mut Self, at: usize, role: &Role| {
            let bytes = &block[at..];
            let Some(feature) = role.feature else {
                return Some(at + field(bytes, layout.dialect.delimiter)?);
            };
            let Feature { optional, kind, .. } = &features[feature];
            let (x, length) = match kind {
                Kind::Numbers => match number(bytes) {
                    None if *optional && (bytes[0] == layout.dialect.delimiter || bytes[0] == b'\n') => (f64::NAN, 0),
                    read => read?,
                },
                Kind::Integers => number(bytes).filter(|(x, _)| is_integer(*x))?,
                // Whatever is more than a number or a word, the general reader knows.
                Kind::Marked(marks) => match number(bytes) {
                    Some((x, length)) => (marks.direct(x)?, length),
                    None => {
                        let length = field(bytes, layout.dialect.delimiter)?;
                        (marks.direct_word(&bytes[..length])?, length)
                    }
                },
                Kind::Categories(categories) => {
                    let length = field(bytes, layout.dialect.delimiter)?;
                    (categories.exact(&bytes[..length])?, length)
                }
                // Texts are resolved when all are read; here is no time to lose.
                Kind::Texts(_) => return None,
            };
            reader.batch.set(feature, x);
            Some(at + length)
        };
        for role in others {
            let end = read_field(self, at, role)?;
            if block[end] != layout.dialect.delimiter {
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
            let width = self.kept.len() / ROWS;
            self.kept[self.batch.rows() * width + place] = (start, end);
        }
    }

    /// Reads any record. Returns where the next begins, and how many line feeds stand inside of this one. `ESCAPED`: is there an
    /// escape? The usual reader asks for none.
    fn read_record<const ESCAPED: bool>(&mut self, block: &[u8], start: usize) -> (usize, u64) {
        let layout = self.layout;
        let dialect = layout.dialect;
        let mut after_quote = None;
        let mut lines = 0;
        let mut field = 0;
        let mut at = start;
        loop {
            let role = layout.roles.get(field).copied().unwrap_or_default();
            let feature = role.feature.map(|feature| (feature, &layout.binding.features[feature]));
            let quoted = block[at] == b'"';
            let mut end; // the delimiter or line feed behind the field
            let mut value = None;
            if quoted {
                let closing = match ESCAPED {
                    false => closing_quote(block, at + 1),
                    true => dialect.closing_quote(block, at + 1),
                };
                end = closing.expect("blocks hold whole records") + 1;
                lines += memchr_iter(b'\n', &block[at..end]).count() as u64;
                if !ends_field(block, end, layout.dialect.delimiter) {
                    after_quote = after_quote.or(Some(field as u32));
                }
            } else {
                end = at;
                if feature.is_some_and(|(_, f)| matches!(f.kind, Kind::Numbers))
                    && let Ok((x, length)) = fast_float2::parse_partial::<f64, _>(&block[at..])
                    && ends_field(block, at + length, layout.dialect.delimiter)
                    && !x.is_nan()
                {
                    end = at + length;
                    value = Some(x);
                }
            }
            if ESCAPED {
                let from = end;
                end = dialect.field_end(block, from).expect("blocks hold whole records");
                lines += memchr_iter(b'\n', &block[from..end]).count() as u64;
            } else if block[end] != dialect.delimiter && block[end] != b'\n' {
                end += memchr2(dialect.delimiter, b'\n', &block[end..]).expect("ends in a line feed");
            }
            let last = block[end] == b'\n';
            let text_end = end - usize::from(last && end > at && block[end - 1] == b'\r');
            match (feature, value) {
                (Some((feature, _)), Some(x)) => self.batch.set(feature, x),
                (Some((feature, of)), None) => {
                    let raw = &block[at..text_end];
                    let text = if ESCAPED { dialect.text(raw) } else { unquote(raw) };
                    self.batch.read(feature, of, &text);
                }
                (None, _) => {}
            }
            self.keep(&role, at, text_end);
            field += 1;
            at = end + 1;
            if last {
                self.records.push((start, text_end));
                break;
            }
        }
        if after_quote.is_some() || field != layout.roles.len() {
            let (start, end) = *self.records.last().expect("it has just been read");
            let unescaped = dialect.lacks_escape(&block[start..end]);
            let malformed = match after_quote {
                Some(field) => Malformed::AfterQuote { field, unescaped },
                None => Malformed::FieldCount {
                    found: field as u32,
                    unescaped,
                },
            };
            self.malformed.push((self.batch.rows() as u32, malformed));
            self.batch.malformed();
        }
        (at, lines)
    }
}

/// Does a field end at `at`: with a delimiter, a line feed, or a carriage return and a line feed?
fn ends_field(block: &[u8], at: usize, delimiter: u8) -> bool {
    block[at] == delimiter || block[at] == b'\n' || block[at..].starts_with(b"\r\n")
}

/// Holds the direct readers against the general one.
#[cfg(any(test, fuzzing))]
pub mod fuzzing {
    use super::super::cut::Blocks;
    use super::super::dialect::Dialect;
    use super::*;
    use crate::format::Encoding;
    use crate::model::{Category, Column, Marker, Type};
    use crate::score::cell::Dictionary;
    use crate::score::marks::Marks;
    use crate::score::{Binding, Spelling};

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
        if let Ok(Some(block)) = Blocks::new(text, Encoding::UTF_8, layout.dialect, None).next_block() {
            compare(&layout, &block);
        }
    }

    /// `kind`: of the features.
    fn layout(roles: &[(Option<usize>, Option<usize>)], kind: u8) -> Layout {
        let texts = ["a", "1", "x\"y", " "].map(|t| Category::Text(t.into()));
        let spelling = match kind & 14 {
            8 | 10 => Spelling::USUAL.with(&[9.0, -99.0].map(Marker::Number)),
            12 => Spelling::USUAL.with(&[Marker::Text("inf".into())]),
            _ => Spelling::USUAL,
        };
        let feature = Feature {
            optional: kind & 1 == 1,
            kind: match kind & 14 {
                0 => Kind::Numbers,
                2 => Kind::Categories(Dictionary::of(&texts, false)),
                4 => Kind::Integers,
                8 | 10 | 12 => {
                    let kinds = [Type::Float32, Type::Boolean];
                    let mut column = Column::plain(String::new(), kinds[usize::from(kind & 2 == 2)]);
                    column.boolean = kind & 4 == 0;
                    column.missing = [0.0, 9.9][..2 * usize::from(kind & 5 == 1)]
                        .iter()
                        .copied()
                        .map(Marker::Number)
                        .collect();
                    Kind::Marked(Marks::of(&column, &spelling).expect("it has marks"))
                }
                _ => Kind::Texts(0),
            },
            spelling,
        };
        let taken = roles.iter().filter(|r| r.0.is_some()).count();
        let field = |feature| roles.iter().position(|r| r.0 == Some(feature)).unwrap_or_default();
        Layout {
            dialect: Dialect::plain(b','),
            names: vec![String::new(); roles.len()],
            roles: roles.iter().map(|&(feature, kept)| Role { feature, kept }).collect(),
            kept: Kept::Some(roles.iter().filter_map(|r| r.1).collect()),
            binding: Binding {
                features: vec![feature; taken].into(),
                fields: (0..taken).map(field).collect(),
            },
            header: true,
        }
    }

    fn compare(layout: &Layout, block: &[u8]) {
        let general = read(layout, |reader, at, line| {
            let read_record = |reader: &mut Reader, at| reader.read_record::<false>(block, at);
            reader.fill_by(block, at, line, |_, _| None, read_record)
        });
        let words = read(layout, |reader, at, line| reader.fill_by_words(block, at, line));
        let fastest = read(layout, |reader, at, line| reader.fill(block, at, line));
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
        malformed: Vec<(u32, Malformed)>,
        /// Of the rows without a flaw.
        rows: Vec<(Vec<u64>, Vec<Place>)>,
    }

    /// What the first batch of `block` is read as.
    fn read(layout: &Layout, fill: impl Fn(&mut Reader, usize, &mut u64) -> usize) -> Read {
        let mut reader = Reader::new(layout);
        let mut lines = 0;
        let end = fill(&mut reader, 0, &mut lines);
        let batch = &reader.batch;
        let good = (0..batch.rows()).filter(|&row| batch.bad().all(|f| f.row as usize != row));
        let bits = |row: usize| batch.columns().iter().map(|c| c[row].to_bits()).collect();
        Read {
            end,
            lines,
            records: reader.records.clone(),
            flaws: batch.flaws().to_vec(),
            malformed: reader.malformed.clone(),
            rows: good.map(|row| (bits(row), reader.kept(row).to_vec())).collect(),
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
            choice in 0u8..64,
            text in "([-+0-9.eE, \"\r\nxyNaif]{1,3}|-?[0-9]{1,3}[.][0-9]{1,7},|True|f|9|-99|inf|,|\n|\r\n|\"\"){0,30}",
        ) {
            readers_agree(&[&[choice], text.as_bytes()].concat());
        }
    }
}
