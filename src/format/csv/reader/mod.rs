//! Records -> a batch by the layout, and where records and kept fields stand. Marks bad rows, and goes on behind them.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

use super::cause::{Cause, Malformed};
use super::dialect::{closing_quote, unquote};
use super::head::{Kept, Layout};
use super::plain;
use super::steps::{Role, Step, Steps};
#[cfg(target_arch = "x86_64")]
use super::vector;
use crate::score::Batch;
use crate::score::batch::{Flaw, ROWS, Reason};
use crate::score::cell::{Feature, Kind, is_integer};
use memchr::{memchr, memchr_iter, memchr2};

/// Reads a batch at a time. All positions are in the block that was read.
pub struct Reader<'a> {
    layout: &'a Layout,
    pub batch: Batch,
    /// How many columns are kept one by one.
    width: usize,
    /// `[row][kept column]`: where the field stands.
    kept: Vec<(usize, usize)>,
    /// `[row]`: where the record stands, without its line end.
    records: Vec<(usize, usize)>,
    /// The malformed rows, in order.
    malformed: Vec<(u32, Malformed)>,
}

impl<'a> Reader<'a> {
    /// `rows`: how many there will be, if it is known.
    pub fn new(layout: &'a Layout, rows: usize) -> Reader<'a> {
        let rows = rows.min(ROWS);
        let width = match &layout.kept {
            Kept::Some(indices) => indices.len(),
            Kept::None | Kept::All => 0,
        };
        Reader {
            layout,
            batch: Batch::new(&layout.binding, rows),
            width,
            kept: vec![(0, 0); width * rows],
            records: Vec::with_capacity(rows),
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
        &self.kept[row * self.width..(row + 1) * self.width]
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
            |reader, at, lines| {
                reader.read_plain(
                    block,
                    at,
                    lines,
                    |b| vector::number(b),
                    |b, d| vector::field(b, d),
                    |b, d, fields, lines| vector::skip(b, d, fields, lines),
                )
            },
            |reader, at| reader.read_record::<false>(block, at),
        )
    }

    fn fill_by_words(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        self.fill_by(
            block,
            at,
            line,
            |reader, at, lines| reader.read_plain(block, at, lines, plain::number, plain::field, plain::skip),
            |reader, at| reader.read_record::<false>(block, at),
        )
    }

    /// The direct readers know no escapes.
    fn fill_escaped(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        let read_record = |reader: &mut Self, at| reader.read_record::<true>(block, at);
        self.fill_by(block, at, line, |_, _, _| None, read_record)
    }

    /// `read_plain` reads a record that is as most are, and returns where the next begins; `None` if it isn't.
    #[inline(always)]
    fn fill_by(
        &mut self,
        block: &[u8],
        mut at: usize,
        line: &mut u64,
        read_plain: impl Fn(&mut Self, usize, &mut u64) -> Option<usize>,
        read_record: impl Fn(&mut Self, usize) -> (usize, u64),
    ) -> usize {
        self.batch.clear();
        self.records.clear();
        self.malformed.clear();
        // In a file of one column an empty line is a missing value, as others write it; elsewhere it is no record.
        let alone = self.layout.roles.len() == 1;
        while at < block.len() && self.batch.has_room() {
            match &block[at..] {
                [b'\n', ..] if !alone => at += 1,
                [b'\r', b'\n', ..] if !alone => at += 2,
                _ => {
                    let mut lines = 0;
                    at = match read_plain(self, at, &mut lines) {
                        Some(end) => end,
                        None => {
                            let end;
                            (end, lines) = read_record(self, at);
                            end
                        }
                    };
                    *line += lines;
                    self.batch.end_row();
                }
            }
            *line += 1;
        }
        self.batch.end();
        at
    }

    /// `lines`: gets the line feeds that stand in quotes.
    #[inline(always)]
    fn read_plain(
        &mut self,
        block: &[u8],
        start: usize,
        lines: &mut u64,
        number: impl Fn(&[u8]) -> Option<(f64, usize)>,
        field: impl Fn(&[u8], u8) -> Option<usize>,
        skip: impl Fn(&[u8], u8, usize, &mut u64) -> Option<usize>,
    ) -> Option<usize> {
        let layout = self.layout;
        let features = &*layout.binding.features;
        let delimiter = layout.dialect.delimiter;
        let Steps { needed, behind } = &layout.steps;
        // That many fields a delimiter ends.
        let inner = needed.len() - usize::from(*behind == 0 && !needed.is_empty());
        let mut at = start;
        let mut end = start;
        for (place, Step { skipped, role }) in needed.iter().enumerate() {
            if *skipped > 0 {
                end = at + skip(&block[at..], delimiter, *skipped, lines)?;
                if block[end] != delimiter {
                    return None;
                }
                at = end + 1;
            }
            let bytes = &block[at..];
            end = at
                + match role.feature.map(|feature| (feature, &features[feature])) {
                    None => skip(bytes, delimiter, 1, lines)?,
                    Some((index, feature)) => {
                        let plain = match feature.kind {
                            Kind::Numbers => number(bytes),
                            _ => None,
                        };
                        let (x, length) = match plain {
                            Some(read) => read,
                            None => read_cell(feature, bytes, delimiter, lines, &number, &field, &skip)?,
                        };
                        self.batch.set(index, x);
                        length
                    }
                };
            if place < inner {
                if block[end] != delimiter {
                    return None;
                }
                self.keep(role, at, end);
                at = end + 1;
            }
        }
        if *behind > 0 {
            end = at + skip(&block[at..], delimiter, *behind, lines)?;
        }
        let (end, next) = match &block[end..] {
            [b'\n', ..] => (at.max(without_return(block, end)), end + 1),
            [b'\r', b'\n', ..] => (end, end + 2),
            _ => return None,
        };
        if let Some(last) = needed.get(inner) {
            self.keep(&last.role, at, end);
        }
        self.records.push((start, end));
        Some(next)
    }

    fn keep(&mut self, role: &Role, start: usize, end: usize) {
        if let Some(place) = role.kept {
            self.kept[self.batch.rows() * self.width + place] = (start, end);
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

/// A cell that is no plain number: its value, and the length of its field. Whatever is unusual, the general reader knows.
#[inline(never)]
fn read_cell(
    feature: &Feature,
    bytes: &[u8],
    delimiter: u8,
    lines: &mut u64,
    number: &impl Fn(&[u8]) -> Option<(f64, usize)>,
    field: &impl Fn(&[u8], u8) -> Option<usize>,
    skip: &impl Fn(&[u8], u8, usize, &mut u64) -> Option<usize>,
) -> Option<(f64, usize)> {
    // Without its quotes, and the length of its field.
    let mut text = || match field(bytes, delimiter) {
        Some(length) => Some((&bytes[..without_return(bytes, length)], length)),
        None => {
            let length = skip(bytes, delimiter, 1, lines)?;
            let end = without_return(bytes, length);
            (memchr(b'"', &bytes[1..end]) == Some(end - 2)).then_some((&bytes[1..end - 1], length))
        }
    };
    match &feature.kind {
        Kind::Numbers if feature.optional && (bytes[0] == delimiter || bytes[0] == b'\n') => Some((f64::NAN, 0)),
        Kind::Numbers => quoted_number(bytes),
        Kind::Integers => number(bytes).filter(|(x, _)| is_integer(*x)),
        Kind::Marked(marks) => match number(bytes) {
            Some((x, length)) => Some((marks.direct(x)?, length)),
            None => {
                let (text, length) = text()?;
                Some((marks.direct_word(text)?, length))
            }
        },
        Kind::Categories(categories) => {
            let (text, length) = text()?;
            Some((categories.exact(text)?, length))
        }
        // Texts are resolved when all are read; here is no time to lose.
        Kind::Texts(_) => None,
    }
}

/// Its value, and the length with the quotes.
#[cold]
fn quoted_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let text = bytes.strip_prefix(b"\"")?;
    let (x, length) = plain::number(text)?;
    (text[length] == b'"').then_some((x, length + 2))
}

/// Where the text of a field ends that a delimiter or line feed at `end` ends.
fn without_return(bytes: &[u8], end: usize) -> usize {
    end - usize::from(bytes[end] == b'\n' && end > 0 && bytes[end - 1] == b'\r')
}

/// Does a field end at `at`: with a delimiter, a line feed, or a carriage return and a line feed?
fn ends_field(block: &[u8], at: usize, delimiter: u8) -> bool {
    block[at] == delimiter || block[at] == b'\n' || block[at..].starts_with(b"\r\n")
}
