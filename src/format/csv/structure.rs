//! Where fields and records end: a pass over text by bit masks, 64 bytes at a step.
//!
//! Which bytes stand in quotes is the parity of the quotes in front of them (G. Langdale and D. Lemire, "Parsing gigabytes of JSON
//! per second", 2019). That holds where each quote opens a field, closes one or is doubled. What has any other quote, or text
//! behind a closing one, is left to whoever looks at each field.

use super::plain;
#[cfg(target_arch = "x86_64")]
use super::vector;

/// Bytes that a [`Window`] spans: so few that they, and what is known of them, stay in a core's nearest cache.
const WINDOW: usize = if cfg!(any(test, fuzzing)) { 192 } else { 16 << 10 };
const _: () = assert!(WINDOW < u16::MAX as usize, "places are 16 bits wide");

/// What the next byte may be, by the quotes in front of it.
struct Quoting {
    /// All ones in a quoted field.
    inside: u64,
    /// 1 behind the end of a field, or a closing quote: a quote that follows that one is a doubled one.
    may_open: u64,
    /// 1 behind a closing quote.
    closed: u64,
    /// 1 behind a carriage return that stands there.
    returned: u64,
}

/// A bit for each of 64 bytes, the first in the lowest.
#[derive(Clone, Copy)]
struct Ends {
    /// Of fields, also of the last of a record.
    fields: u64,
    records: u64,
    /// Line feeds in quotes.
    inner: u64,
}

impl Quoting {
    const AT_RECORD: Quoting = Quoting {
        inside: 0,
        may_open: 1,
        closed: 0,
        returned: 0,
    };

    /// `None`: something is unusual about a quote.
    #[inline(always)]
    fn ends(
        &mut self,
        chunk: &[u8; 64],
        delimiter: u8,
        equal: impl Fn(&[u8; 64], u8) -> u64,
        parity: impl Fn(u64) -> u64,
    ) -> Option<Ends> {
        let feeds = equal(chunk, b'\n');
        let quotes = equal(chunk, b'"');
        let ends = equal(chunk, delimiter) | feeds;
        if quotes | self.inside | self.closed | self.returned == 0 {
            self.may_open = ends >> 63;
            return Some(Ends {
                fields: ends,
                records: feeds,
                inner: 0,
            });
        }
        let quoted = parity(quotes) ^ self.inside;
        let (fields, records) = (ends & !quoted, feeds & !quoted);
        let (opens, closes) = (quotes & quoted, quotes & !quoted);
        let behind = closes << 1 | self.closed;
        let returned = behind & equal(chunk, b'\r');
        let unusual = opens & !((fields | closes) << 1 | self.may_open)
            | behind & !(fields | opens | returned)
            | (returned << 1 | self.returned) & !records;
        *self = Quoting {
            inside: ((quoted as i64) >> 63) as u64,
            may_open: (fields | closes) >> 63,
            closed: closes >> 63,
            returned: returned >> 63,
        };
        (unusual == 0).then_some(Ends {
            fields,
            records,
            inner: feeds & quoted,
        })
    }
}

/// `text`, 64 bytes after the other. Behind its end are zeros, in `padded`.
#[inline(always)]
fn chunks<'a>(text: &'a [u8], padded: &'a mut [u8; 64]) -> impl Iterator<Item = &'a [u8; 64]> {
    let (chunks, rest) = text.as_chunks::<64>();
    padded[..rest.len()].copy_from_slice(rest);
    chunks.iter().chain((!rest.is_empty()).then_some(&*padded))
}

/// How far the records of a text go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Just behind the last one that could be told; 0 if there is none.
    pub end: usize,
    /// Behind it a quote is open, or something is unusual about one.
    pub unclear: bool,
}

/// How far the records of `text` go, which begins with one.
pub fn extent(text: &[u8], delimiter: u8) -> Extent {
    #[cfg(target_arch = "x86_64")]
    if vector::has_avx512() {
        // SAFETY: the features have just been found.
        #[expect(unsafe_code)]
        return unsafe { extent_by_avx512(text, delimiter) };
    } else if vector::has_avx2() {
        // SAFETY: the features have just been found.
        #[expect(unsafe_code)]
        return unsafe { extent_by_avx2(text, delimiter) };
    }
    extent_by_words(text, delimiter)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq,avx512f,avx512bw")]
fn extent_by_avx512(text: &[u8], delimiter: u8) -> Extent {
    extent_by(text, delimiter, |c, b| vector::equal_512(c, b), |q| vector::parity(q))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq")]
fn extent_by_avx2(text: &[u8], delimiter: u8) -> Extent {
    extent_by(text, delimiter, |c, b| vector::equal(c, b), |q| vector::parity(q))
}

fn extent_by_words(text: &[u8], delimiter: u8) -> Extent {
    extent_by(text, delimiter, plain::equal, plain::parity)
}

#[inline(always)]
fn extent_by(text: &[u8], delimiter: u8, equal: impl Fn(&[u8; 64], u8) -> u64, parity: impl Fn(u64) -> u64) -> Extent {
    let (mut quoting, mut padded) = (Quoting::AT_RECORD, [0; 64]);
    let (mut last, mut last_at) = (0u64, 0);
    let mut unusual = false;
    // No closures, and none of an iterator's: they don't get the features of the function that they are inlined into.
    for (i, chunk) in chunks(text, &mut padded).enumerate() {
        let Some(ends) = quoting.ends(chunk, delimiter, &equal, &parity) else {
            unusual = true;
            break;
        };
        if ends.records != 0 {
            (last, last_at) = (ends.records, 64 * i);
        }
    }
    Extent {
        end: if last == 0 {
            0
        } else {
            last_at + 64 - last.leading_zeros() as usize
        },
        unclear: unusual || quoting.inside != 0,
    }
}

/// Records of a block, one behind the other: where their fields begin. They are taken from its front.
#[derive(Debug, Default)]
pub struct Window {
    /// In the block.
    start: usize,
    /// Where each field begins, counted from `start`, and where a field behind the last one would.
    fields: Vec<u16>,
    /// The same of the records behind each.
    records: Vec<u16>,
    /// How many there are.
    field_count: usize,
    record_count: usize,
    /// How many were taken.
    field: usize,
    record: usize,
    /// Line feeds stand in quotes.
    multiline: bool,
}

impl Window {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2")]
    pub fn look_by_avx512(&mut self, block: &[u8], at: usize, delimiter: u8) {
        self.look_by(
            block,
            at,
            delimiter,
            |c, b| vector::equal_512(c, b),
            |q| vector::parity(q),
            |bits, base, to| vector::places_512(bits, base, to),
        );
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,pclmulqdq")]
    pub fn look_by_avx2(&mut self, block: &[u8], at: usize, delimiter: u8) {
        let equal = |c: &[u8; 64], b| vector::equal(c, b);
        self.look_by(block, at, delimiter, equal, |q| vector::parity(q), plain::places);
    }

    pub fn look_by_words(&mut self, block: &[u8], at: usize, delimiter: u8) {
        self.look_by(block, at, delimiter, plain::equal, plain::parity, plain::places);
    }

    /// Looks at the records of `block` from `at` on, where one begins, as far as it spans.
    #[inline(always)]
    fn look_by(
        &mut self,
        block: &[u8],
        at: usize,
        delimiter: u8,
        equal: impl Fn(&[u8; 64], u8) -> u64,
        parity: impl Fn(u64) -> u64,
        places: impl Fn(u64, u16, &mut [u16; 64]),
    ) {
        let text = &block[at..];
        let text = &text[..text.len().min(WINDOW)];
        // Where each byte ends a field, and room for the places of one step.
        let room = text.len() + 1 + 64;
        if self.fields.len() < room {
            self.fields.resize(room, 0);
            self.records.resize(room, 0);
        }
        let (fields, records) = (&mut self.fields[..room], &mut self.records[..room]);
        let (mut quoting, mut padded) = (Quoting::AT_RECORD, [0; 64]);
        let (mut field_count, mut record_count, mut inner) = (0, 0, 0);
        fields[0] = 0;
        for (i, chunk) in chunks(text, &mut padded).enumerate() {
            let Some(ends) = quoting.ends(chunk, delimiter, &equal, &parity) else {
                break;
            };
            let behind = 64 * i as u16 + 1;
            let [to_fields, to_records] = [&mut fields[1 + field_count..], &mut records[record_count..]];
            places(ends.fields, behind, to_fields.first_chunk_mut().expect("there is room"));
            places(
                ends.records,
                behind,
                to_records.first_chunk_mut().expect("there is room"),
            );
            field_count += ends.fields.count_ones() as usize;
            record_count += ends.records.count_ones() as usize;
            inner |= ends.inner;
        }
        (self.start, self.field, self.record) = (at, 0, 0);
        (self.field_count, self.record_count) = (field_count, record_count);
        self.multiline = inner != 0;
    }

    /// Where the next record begins. Behind its last record, the window must look again.
    pub fn at(&self) -> Option<usize> {
        (self.record < self.record_count).then(|| self.start + usize::from(self.fields[self.field]))
    }

    /// Takes the next records that have `width` fields, at most `most`.
    pub fn take(&mut self, width: usize, most: usize) -> Records<'_> {
        let fields = &self.fields[self.field..=self.field_count];
        let records = &self.records[self.record..self.record_count];
        let ends = fields[1..].chunks_exact(width).map(|fields| fields[width - 1]);
        let count = ends
            .zip(records)
            .take(most)
            .take_while(|(end, record)| end == *record)
            .count();
        self.field += count * width;
        self.record += count;
        Records {
            start: self.start,
            fields: &fields[..=count * width],
            records: &records[..count],
            width,
            multiline: self.multiline,
        }
    }

    /// Leaves out what was read otherwise: the next record begins at `at`.
    pub fn skip_to(&mut self, at: usize) {
        let before = |place: &&u16| self.start + usize::from(**place) < at;
        let records = self.records[self.record..self.record_count].iter();
        let fields = self.fields[self.field..self.field_count].iter();
        let (fields, records) = (
            fields.take_while(before).count(),
            records.take_while(before).count() + 1,
        );
        self.field += fields;
        self.record = self.record_count.min(self.record + records);
    }
}

/// Records that have as many fields as they should.
pub struct Records<'a> {
    start: usize,
    fields: &'a [u16],
    records: &'a [u16],
    width: usize,
    /// Line feeds may stand in quotes.
    pub multiline: bool,
}

impl Records<'_> {
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Where the record behind them begins. `None`: there are none.
    pub fn end(&self) -> Option<usize> {
        self.records.last().map(|behind| self.start + usize::from(*behind))
    }

    /// Where a record stands, without its line feed.
    pub fn place(&self, record: usize) -> (usize, usize) {
        let from = self.start + usize::from(self.fields[record * self.width]);
        (from, self.start + usize::from(self.records[record]) - 1)
    }

    /// Where a field of eight records, from one on, ends.
    #[inline(always)]
    pub fn eight_ends(&self, record: usize, place: usize) -> [usize; 8] {
        let fields = &self.fields[record * self.width + place + 1..];
        let mut ends = [0; 8];
        for (i, end) in ends.iter_mut().enumerate() {
            *end = self.start + usize::from(fields[i * self.width]) - 1;
        }
        ends
    }

    /// Where a field of a record stands, without the delimiter or line feed behind it.
    #[inline(always)]
    pub fn field(&self, record: usize, place: usize) -> (usize, usize) {
        let field = record * self.width + place;
        let from = self.start + usize::from(self.fields[field]);
        (from, self.start + usize::from(self.fields[field + 1]) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::csv::dialect::Dialect;
    use crate::format::csv::record::field;
    use proptest::prelude::*;

    /// Of each whole record, where the delimiters and the line feed stand that end its fields; and whether quotes are as most are.
    fn records(text: &[u8]) -> (Vec<Vec<usize>>, bool) {
        let (mut records, mut record, mut at, mut usual) = (Vec::new(), Vec::new(), 0, true);
        while let Some(end) = field(text, at, Dialect::plain(b';')) {
            let raw = &text[at..end];
            let raw = if text[end] == b'\n' {
                raw.strip_suffix(b"\r").unwrap_or(raw)
            } else {
                raw
            };
            let quoted = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
            let text_of = String::from_utf8_lossy(quoted.unwrap_or(raw));
            usual &= match quoted {
                Some(_) => !text_of.replace("\"\"", "").contains('"'),
                None => !text_of.contains('"'),
            };
            record.push(end);
            if text[end] == b'\n' {
                records.push(std::mem::take(&mut record));
            }
            at = end + 1;
        }
        (records, usual && !text[at..].contains(&b'"'))
    }

    type Look = fn(&mut Window, &[u8]);

    /// All ways to look that this processor has.
    fn looks() -> Vec<Look> {
        let mut looks: Vec<Look> = vec![|window, text| window.look_by_words(text, 0, b';')];
        // SAFETY: the features have just been found.
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code)]
        {
            if vector::has_avx2() {
                looks.push(|window, text| unsafe { window.look_by_avx2(text, 0, b';') });
            }
            if vector::has_avx512() {
                looks.push(|window, text| unsafe { window.look_by_avx512(text, 0, b';') });
            }
        }
        looks
    }

    fn extents(text: &[u8]) -> Vec<Extent> {
        let mut extents = vec![extent_by_words(text, b';'), extent(text, b';')];
        #[cfg(target_arch = "x86_64")]
        if vector::has_avx2() {
            // SAFETY: the features have just been found.
            #[expect(unsafe_code)]
            extents.push(unsafe { extent_by_avx2(text, b';') });
        }
        extents
    }

    proptest! {
        #[test]
        fn records_and_fields_end_where_they_end_one_by_one(
            text in "([a;]{0,9}|\"([ab;\n\r]|\"\"){0,70}\"(;|\n|\r\n)|[a;]{0,70}\n|\r\n|[a-c]\"|\"\"){0,12}",
        ) {
            let text = text.as_bytes();
            let (expected, usual) = records(text);
            let end = |records: usize| records.checked_sub(1).map_or(0, |last| expected[last].last().unwrap() + 1);
            for found in extents(text) {
                let whole = expected.iter().position(|record| record.last().unwrap() + 1 == found.end).map_or(0, |n| n + 1);
                prop_assert_eq!(found.end, end(whole));
                prop_assert!(found.unclear || found.end == end(expected.len()), "{:?}", found);
                prop_assert!(!usual || found.end == end(expected.len()), "{:?}", found);
            }
            for look in looks() {
                let mut window = Window::default();
                look(&mut window, text);
                let mut seen = 0;
                while let Some(at) = window.at() {
                    prop_assert_eq!(at, end(seen));
                    let width = expected[seen].len();
                    let records = window.take(width, 2);
                    prop_assert!(records.count() > 0);
                    for record in 0..records.count() {
                        let ends: Vec<usize> = (0..width).map(|place| records.field(record, place).1).collect();
                        prop_assert_eq!(&ends, &expected[seen + record]);
                        prop_assert_eq!(records.place(record).1, *ends.last().unwrap());
                    }
                    seen += records.count();
                }
                let fits = expected.iter().take_while(|record| *record.last().unwrap() < WINDOW).count();
                prop_assert!(seen == fits || !usual && seen < fits, "{} of {}", seen, fits);
            }
        }
    }
}
