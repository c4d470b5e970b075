//! Records -> a batch by the layout, and where records and kept fields stand. Marks bad rows, and goes on behind them.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod numbers;

use super::dialect::{closing_quote, unquote};
use super::head::{Kept, Layout};
use super::malformed::Malformed;
use super::plain;
use super::roles::{Needed, Role};
use super::structure::Window;
#[cfg(target_arch = "x86_64")]
use super::vector;
use crate::format::cause::Cause;
use crate::score::Batch;
use crate::score::batch::{Flaw, ROWS, Reason};
use crate::score::cell::{Dictionary, Feature, Kind, trim};
use memchr::{memchr, memchr_iter, memchr2};
use numbers::{Numbers, check_numbers, read_numbers};
use std::borrow::Cow;

/// Reads a batch of a block at a time. All positions are in the block.
pub struct Reader<'a> {
    layout: &'a Layout,
    pub batch: Batch,
    /// How many columns are kept one by one.
    width: usize,
    /// `[row][kept column]`: where the field stands.
    kept: Vec<(usize, usize)>,
    /// `[noted field][row]`: where it stands.
    noted: Vec<(usize, usize)>,
    /// For how many rows there is room.
    room: usize,
    /// `[row]`: where the record stands, without its line end.
    records: Vec<(usize, usize)>,
    /// The malformed rows, in order.
    malformed: Vec<(u32, Malformed)>,
    window: Window,
    /// `[feature]`: how many of its numbers are read at once.
    together: Vec<usize>,
    /// Rows of the records at hand with a cell that is no plain value.
    unusual: Vec<u32>,
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
            noted: vec![(0, 0); layout.noted * rows],
            room: rows,
            records: Vec::with_capacity(rows),
            malformed: Vec::new(),
            window: Window::default(),
            together: vec![8; layout.binding.features.len()],
            unusual: Vec::new(),
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

    /// The text of an observed cell of a row that isn't malformed, in `block`, without spaces around it. None of a column that isn't
    /// there.
    pub fn observed<'b>(&self, block: &'b [u8], column: usize, row: usize) -> Option<Cow<'b, [u8]>> {
        let (from, to) = self.noted[self.layout.observed[column]? * self.room + row];
        // As most are: nothing to be taken away.
        let raw = &block[from..to];
        if let (Some(first), Some(last)) = (raw.first(), raw.last())
            && *first > b' '
            && *first != b'"'
            && *last > b' '
            && self.layout.dialect.escape.is_none()
        {
            return Some(raw.into());
        }
        Some(match self.layout.dialect.text(raw) {
            Cow::Borrowed(text) => trim(text).into(),
            Cow::Owned(text) => trim(&text).to_vec().into(),
        })
    }

    /// A noted cell of a row that isn't malformed, in `block`, as it stands without quotes.
    pub fn noted<'b>(&self, block: &'b [u8], noted: usize, row: usize) -> Cow<'b, [u8]> {
        let (from, to) = self.noted[noted * self.room + row];
        self.layout.dialect.text(&block[from..to])
    }

    /// Why a row is bad, by its first flaw.
    pub fn cause(&self, flaw: Flaw) -> Cause {
        match flaw.reason {
            Reason::Cell { feature, error } => Cause::Cell { feature, error },
            Reason::Refused(why) => Cause::Refused(why),
            Reason::Malformed => {
                let place = self.malformed.binary_search_by_key(&flaw.row, |(row, _)| *row);
                self.malformed[place.expect("malformed rows are listed")].1.into()
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
    /// stopped. `block` ends with a line feed and holds whole records; it is the same until it is read to its end.
    pub fn fill(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        if self.layout.dialect.escape.is_some() {
            // It may stand in front of anything.
            return self.fill_by(
                block,
                at,
                line,
                |_, at, _| at,
                |reader, at| reader.read_record::<true>(block, at),
            );
        }
        #[cfg(target_arch = "x86_64")]
        if vector::has_avx512() {
            // SAFETY: all the function wants is the features that have just been found.
            #[expect(unsafe_code)]
            let read = |reader: &mut Self, at, line: &mut u64| unsafe { reader.read_by_avx512(block, at, line) };
            return self.fill_by(block, at, line, read, |reader, at| {
                reader.read_record::<false>(block, at)
            });
        } else if vector::has_avx2() {
            return self.fill_by_avx2(block, at, line);
        }
        self.fill_by_words(block, at, line)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(
        enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi2"
    )]
    fn read_by_avx512(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        let delimiter = self.layout.dialect.delimiter;
        self.read_regular(
            block,
            at,
            line,
            |window, delimiter| window.look_by_avx512(block, at, delimiter),
            &Numbers {
                eight: |ends| vector::eight_numbers(block, ends, delimiter),
                four: |fields| vector::four_numbers(block, fields),
                one: |from, to| vector::number(block, from, to),
            },
        )
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq")]
    fn read_by_avx2(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        self.read_regular(
            block,
            at,
            line,
            |window, delimiter| window.look_by_avx2(block, at, delimiter),
            &Numbers {
                eight: |_| None,
                four: |_| None,
                one: |from, to| vector::number(block, from, to),
            },
        )
    }

    /// On a processor that has it.
    #[cfg(target_arch = "x86_64")]
    fn fill_by_avx2(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        assert!(vector::has_avx2());
        // SAFETY: all the function wants is the features that have just been found.
        #[expect(unsafe_code)]
        let read = |reader: &mut Self, at, line: &mut u64| unsafe { reader.read_by_avx2(block, at, line) };
        self.fill_by(block, at, line, read, |reader, at| {
            reader.read_record::<false>(block, at)
        })
    }

    fn fill_by_words(&mut self, block: &[u8], at: usize, line: &mut u64) -> usize {
        let read = |reader: &mut Self, at, line: &mut u64| {
            reader.read_regular(
                block,
                at,
                line,
                |window, delimiter| window.look_by_words(block, at, delimiter),
                &Numbers {
                    eight: |_| None,
                    four: |_| None,
                    one: |from, to: usize| plain::number(&block[from..to]),
                },
            )
        };
        self.fill_by(block, at, line, read, |reader, at| {
            reader.read_record::<false>(block, at)
        })
    }

    /// `read_regular` reads records that are as most are, and returns where the next begins; `at` where it can't read any.
    #[inline(always)]
    fn fill_by(
        &mut self,
        block: &[u8],
        mut at: usize,
        line: &mut u64,
        read_regular: impl Fn(&mut Self, usize, &mut u64) -> usize,
        read_record: impl Fn(&mut Self, usize) -> usize,
    ) -> usize {
        self.batch.clear();
        self.records.clear();
        self.malformed.clear();
        // In a file of one column an empty line is a missing value, as others write it; elsewhere it is no record.
        let alone = self.layout.roles.len() == 1;
        while at < block.len() && self.batch.room() > 0 {
            let start = at;
            at = read_regular(self, at, line);
            if at > start {
                continue;
            }
            at = match &block[at..] {
                [b'\n', ..] if !alone => at + 1,
                [b'\r', b'\n', ..] if !alone => at + 2,
                _ => {
                    let next = read_record(self, at);
                    self.batch.end_rows(1);
                    next
                }
            };
            *line += memchr_iter(b'\n', &block[start..at]).count() as u64;
            self.window.skip_to(at);
        }
        self.batch.end();
        at
    }

    /// Reads records that have as many fields as they should, and nothing unusual about their quotes: field by field, each of all
    /// records at hand.
    #[inline(always)]
    fn read_regular(
        &mut self,
        block: &[u8],
        at: usize,
        line: &mut u64,
        look: impl Fn(&mut Window, u8),
        numbers: &Numbers<
            impl Fn([usize; 8]) -> Option<[f64; 8]>,
            impl Fn([(usize, usize); 4]) -> Option<[f64; 4]>,
            impl Fn(usize, usize) -> Option<f64>,
        >,
    ) -> usize {
        let layout = self.layout;
        if self.window.at() != Some(at) {
            look(&mut self.window, layout.dialect.delimiter);
        }
        let records = self.window.take(layout.roles.len(), self.batch.room());
        let count = records.count();
        let Some(end) = records.end() else {
            return at;
        };
        self.records.extend((0..count).map(|record| {
            let (from, to) = records.place(record);
            (from, without_return(block, from, to))
        }));
        for Needed { place, role } in &layout.needed {
            let last = place + 1 == layout.roles.len();
            let field = |record| {
                let (from, to) = records.field(record, *place);
                (from, if last { without_return(block, from, to) } else { to })
            };
            if let Some(kept) = role.kept {
                let slots = self.kept[self.batch.rows() * self.width + kept..].iter_mut();
                let slots = slots.step_by(self.width);
                slots.zip(0..count).for_each(|(slot, record)| *slot = field(record));
            }
            if let Some(noted) = role.noted {
                let slots = self.noted[noted * self.room + self.batch.rows()..].iter_mut();
                slots.zip(0..count).for_each(|(slot, record)| *slot = field(record));
            }
            if let Some(feature) = role.feature {
                let of = &layout.binding.features[feature];
                let column = self.batch.next_cells(feature, count);
                self.unusual.clear();
                match &of.kind {
                    Kind::Numbers | Kind::Integers | Kind::Marked(_) => {
                        let eight_ends = |record| {
                            let mut ends = records.eight_ends(record, *place);
                            if last {
                                for end in &mut ends {
                                    *end = without_return(block, 0, *end);
                                }
                            }
                            ends
                        };
                        let together = &mut self.together[feature];
                        read_numbers(block, column, field, eight_ends, numbers, together, &mut self.unusual);
                        check_numbers(&of.kind, column, &mut self.unusual);
                    }
                    Kind::Categories(categories) => read_codes(block, categories, column, field, &mut self.unusual),
                    Kind::Texts(_) => self.unusual.extend(0..count as u32),
                }
                for &row in &self.unusual {
                    let (from, to) = field(row as usize);
                    read_cell(&mut self.batch, row as usize, feature, of, &block[from..to]);
                }
            }
        }
        self.batch.end_rows(count);
        *line += match records.multiline {
            true => memchr_iter(b'\n', &block[at..end]).count() as u64,
            false => count as u64,
        };
        end
    }

    fn keep(&mut self, role: &Role, start: usize, end: usize) {
        if let Some(place) = role.kept {
            self.kept[self.batch.rows() * self.width + place] = (start, end);
        }
        if let Some(noted) = role.noted {
            self.noted[noted * self.room + self.batch.rows()] = (start, end);
        }
    }

    /// Reads any record. Returns where the next begins. `ESCAPED`: is there an escape? The usual reader asks for none.
    fn read_record<const ESCAPED: bool>(&mut self, block: &[u8], start: usize) -> usize {
        let layout = self.layout;
        let dialect = layout.dialect;
        let mut after_quote = None;
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
                end = dialect.field_end(block, end).expect("blocks hold whole records");
            } else if block[end] != dialect.delimiter && block[end] != b'\n' {
                end += memchr2(dialect.delimiter, b'\n', &block[end..]).expect("ends in a line feed");
            }
            let last = block[end] == b'\n';
            let text_end = if last { without_return(block, at, end) } else { end };
            match (feature, value) {
                (Some((feature, _)), Some(x)) => self.batch.next_cells(feature, 1)[0] = x,
                (Some((feature, of)), None) => {
                    let raw = &block[at..text_end];
                    let text = if ESCAPED { dialect.text(raw) } else { unquote(raw) };
                    self.batch.read(0, feature, of, &text);
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
        at
    }
}

/// Reads categories to the letter, and puts the other rows into `unusual`.
fn read_codes(
    block: &[u8],
    categories: &Dictionary,
    column: &mut [f64],
    field: impl Fn(usize) -> (usize, usize),
    unusual: &mut Vec<u32>,
) {
    for (row, code) in column.iter_mut().enumerate() {
        let (from, to) = field(row);
        let text = match &block[from..to] {
            // A doubled quote stands for one: as it stands, it is another category.
            [b'"', text @ .., b'"'] => memchr(b'"', text).is_none().then_some(text),
            text => Some(text),
        };
        match text.and_then(|text| categories.exact(text)) {
            Some(known) => *code = known,
            None => unusual.push(row as u32),
        }
    }
}

/// Reads any cell of one of the next rows, by the rule of its feature. `raw`: as it stands, with its quotes.
fn read_cell(batch: &mut Batch, row: usize, feature: usize, of: &Feature, raw: &[u8]) {
    let text = unquote(raw);
    match plain::number(&text).filter(|_| matches!(of.kind, Kind::Numbers)) {
        Some(x) => batch.next_cells(feature, row + 1)[row] = x,
        None => batch.read(row, feature, of, &text),
    }
}

/// Where the text of a field ends that begins at `from`, and that a line feed at `to` ends.
fn without_return(block: &[u8], from: usize, to: usize) -> usize {
    to - usize::from(to > from && block[to - 1] == b'\r')
}

/// Does a field end at `at`: with a delimiter, a line feed, or a carriage return and a line feed?
fn ends_field(block: &[u8], at: usize, delimiter: u8) -> bool {
    block[at] == delimiter || block[at] == b'\n' || block[at..].starts_with(b"\r\n")
}
