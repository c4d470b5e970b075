//! Counts <-> the bytes that the ledger keeps: most counts of a small file are 0 or small, so a number takes as many bytes as it
//! needs (LEB128), and a run of zeros two.
//!
//! Format 1 had columns alone, and three floats of each. Format 2 begins in the same way; of a column it says first what there is.

use super::{ColumnCounts, Counts, GroupCounts, SegmentCounts};
use crate::monitor::leb128::{push, push_text, take, take_float, take_text};
use crate::monitor::performance::Tally;
use std::ops::{Deref, DerefMut};

/// Of the encoding.
const FORMAT: u8 = 2;

/// What there is of a column.
const COUNTED: u8 = 1;
const RANGE: u8 = 2;
const SUM: u8 = 4;

/// Of all columns of any baseline together; what claims more is damaged: a few bytes can claim many.
const BINS: u64 = 1 << 24;

/// What is read.
struct Encoded<'b> {
    bytes: &'b [u8],
    /// How many more there may be.
    bins: u64,
}

impl<'b> Deref for Encoded<'b> {
    type Target = &'b [u8];

    fn deref(&self) -> &&'b [u8] {
        &self.bytes
    }
}

impl DerefMut for Encoded<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.bytes
    }
}

impl Counts {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        [self.rows, self.bad_rows].iter().for_each(|&x| push(x, &mut out));
        push_all(&self.columns, &mut out, ColumnCounts::write);
        push_all(&self.segments, &mut out, SegmentCounts::write);
        push_all(&self.tallies, &mut out, |tally, out| {
            push_counts(&tally.called, out);
            push_counts(&tally.other, out);
        });
        match self.duplicates {
            Some(duplicates) => [1, duplicates, self.halvings.into()]
                .iter()
                .for_each(|&x| push(x, &mut out)),
            None => out.push(0),
        }
        push_all(&self.absent, &mut out, |name, out| push_text(name, out));
        out
    }

    /// None if these bytes are no counts.
    pub fn of(bytes: &[u8]) -> Option<Counts> {
        let (&format @ 1..=FORMAT, bytes) = bytes.split_first()? else {
            return None;
        };
        let rest = &mut Encoded { bytes, bins: BINS };
        let mut counts = Counts {
            rows: take(rest)?,
            bad_rows: take(rest)?,
            ..Counts::default()
        };
        if format == 1 {
            counts.columns = take_all(rest, ColumnCounts::read_as_format_1)?;
            return rest.is_empty().then_some(counts);
        }
        counts.columns = take_all(rest, ColumnCounts::read)?;
        counts.segments = take_all(rest, SegmentCounts::read)?;
        counts.tallies = take_all(rest, |rest| {
            Some(Tally {
                called: take_counts(rest)?,
                other: take_counts(rest)?,
            })
        })?;
        if take(rest)? == 1 {
            counts.duplicates = Some(take(rest)?);
            counts.halvings = take(rest)?.try_into().ok()?;
        }
        counts.absent = take_all(rest, |rest| take_text(rest))?;
        rest.is_empty().then_some(counts)
    }
}

impl SegmentCounts {
    fn write(&self, out: &mut Vec<u8>) {
        push_text(&self.column, out);
        self.other.write(out);
        push(self.values.len() as u64, out);
        for (value, group) in &self.values {
            push_text(value, out);
            group.write(out);
        }
    }

    fn read(bytes: &mut Encoded) -> Option<SegmentCounts> {
        Some(SegmentCounts {
            column: take_text(bytes)?,
            other: GroupCounts::read(bytes)?,
            values: take_all(bytes, |bytes| Some((take_text(bytes)?, GroupCounts::read(bytes)?)))?
                .into_iter()
                .collect(),
        })
    }
}

impl GroupCounts {
    fn write(&self, out: &mut Vec<u8>) {
        [self.rows, self.favourable].iter().for_each(|&x| push(x, out));
        push_all(&self.outputs, out, ColumnCounts::write);
    }

    fn read(bytes: &mut Encoded) -> Option<GroupCounts> {
        Some(GroupCounts {
            rows: take(bytes)?,
            favourable: take(bytes)?,
            outputs: take_all(bytes, ColumnCounts::read)?,
        })
    }
}

impl ColumnCounts {
    fn numbers(&self) -> [u64; 8] {
        let &ColumnCounts {
            below,
            above,
            other,
            missing,
            infinite,
            bad,
            negative,
            fractional,
            ..
        } = self;
        [below, above, other, missing, infinite, bad, negative, fractional]
    }

    fn of_numbers(bins: Vec<u64>, numbers: [u64; 8]) -> ColumnCounts {
        let [below, above, other, missing, infinite, bad, negative, fractional] = numbers;
        ColumnCounts {
            bins,
            below,
            above,
            other,
            missing,
            infinite,
            bad,
            negative,
            fractional,
            ..ColumnCounts::default()
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let numbers = self.numbers();
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.push(
            flag(numbers != [0; 8], COUNTED) | flag(self.range.is_some(), RANGE) | flag(self.sum.to_bits() != 0, SUM),
        );
        push_counts(&self.bins, out);
        if numbers != [0; 8] {
            numbers.into_iter().for_each(|x| push(x, out));
        }
        let range = self.range.map(|(min, max)| [min, max]);
        let sum = (self.sum.to_bits() != 0).then_some(self.sum);
        let floats = range.into_iter().flatten().chain(sum);
        floats.for_each(|x| out.extend(x.to_le_bytes()));
    }

    fn read(bytes: &mut Encoded) -> Option<ColumnCounts> {
        let [flags @ 0..=7] = take_chunk(bytes)? else {
            return None;
        };
        let bins = take_counts(bytes)?;
        let mut numbers = [0; 8];
        if flags & COUNTED != 0 {
            take_each(bytes, &mut numbers)?;
        }
        let mut column = ColumnCounts::of_numbers(bins, numbers);
        if flags & RANGE != 0 {
            let (min, max) = (take_float(bytes)?, take_float(bytes)?);
            column.range = Some((min <= max).then_some((min, max))?);
        }
        if flags & SUM != 0 {
            column.sum = take_float(bytes)?;
        }
        Some(column)
    }

    fn read_as_format_1(bytes: &mut Encoded) -> Option<ColumnCounts> {
        let length = take(bytes)?;
        let mut numbers = [0; 8];
        take_each(bytes, &mut numbers)?;
        let bins = take_bins(bytes, length)?;
        let (min, max, sum) = (take_float(bytes)?, take_float(bytes)?, take_float(bytes)?);
        Some(ColumnCounts {
            range: (min <= max).then_some((min, max)),
            sum,
            ..ColumnCounts::of_numbers(bins, numbers)
        })
    }
}

/// How many there are, then each.
fn push_all<T>(all: &[T], out: &mut Vec<u8>, push_one: impl Fn(&T, &mut Vec<u8>)) {
    push(all.len() as u64, out);
    all.iter().for_each(|one| push_one(one, out));
}

fn push_counts(counts: &[u64], out: &mut Vec<u8>) {
    push(counts.len() as u64, out);
    // A run of zeros is a zero, and how many more follow.
    for run in counts.chunk_by(|a, b| *a == 0 && *b == 0) {
        push(run[0], out);
        if run[0] == 0 {
            push(run.len() as u64 - 1, out);
        }
    }
}

fn take_each(bytes: &mut Encoded, numbers: &mut [u64]) -> Option<()> {
    numbers.iter_mut().try_for_each(|number| {
        *number = take(bytes)?;
        Some(())
    })
}

fn take_chunk<const N: usize>(bytes: &mut Encoded) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.bytes.split_first_chunk()?;
    let chunk = *chunk;
    bytes.bytes = rest;
    Some(chunk)
}

fn take_all<T>(bytes: &mut Encoded, mut take_one: impl FnMut(&mut Encoded) -> Option<T>) -> Option<Vec<T>> {
    (0..take(bytes)?).map(|_| take_one(bytes)).collect()
}

fn take_counts(bytes: &mut Encoded) -> Option<Vec<u64>> {
    let length = take(bytes)?;
    take_bins(bytes, length)
}

fn take_bins(bytes: &mut Encoded, length: u64) -> Option<Vec<u64>> {
    bytes.bins = bytes.bins.checked_sub(length)?;
    let length = length as usize;
    let mut bins = Vec::new();
    while bins.len() < length {
        let count = take(bytes)?;
        bins.push(count);
        if count == 0 {
            let upto = (bins.len() as u64).checked_add(take(bytes)?)?;
            bins.resize((upto <= length as u64).then_some(upto)? as usize, 0);
        }
    }
    Some(bins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0u64), 2 => 0..300u64, 1 => any::<u64>()]
    }

    fn column() -> impl Strategy<Value = ColumnCounts> {
        let column = (
            prop::collection::vec(number(), 0..30),
            prop_oneof![Just([0; 8]), prop::array::uniform8(number())],
            prop::option::of((-1e9..0.0, 0.0..1e9)),
            prop_oneof![Just(0.0), Just(-0.0), -1e12..1e12],
        );
        column.prop_map(|(bins, numbers, range, sum)| ColumnCounts {
            range,
            sum,
            ..ColumnCounts::of_numbers(bins, numbers)
        })
    }

    fn group() -> impl Strategy<Value = GroupCounts> {
        let group = (number(), number(), prop::collection::vec(column(), 0..3));
        group.prop_map(|(rows, favourable, outputs)| GroupCounts {
            rows,
            favourable,
            outputs,
        })
    }

    fn counts() -> impl Strategy<Value = Counts> {
        let segment = (
            "[a-z]{0,3}",
            prop::collection::btree_map("[a-zä]{0,3}", group(), 0..4),
            group(),
        );
        let segment = segment.prop_map(|(column, values, other)| SegmentCounts { column, values, other });
        let bins = || prop::collection::vec(number(), 0..9);
        let tally = (bins(), bins()).prop_map(|(called, other)| Tally { called, other });
        let counts = (
            (number(), number()),
            prop::collection::vec(column(), 0..5),
            prop::collection::vec(segment, 0..3),
            prop::collection::vec(tally, 0..3),
            prop::option::of((number(), any::<u8>())),
            prop::collection::vec("[a-zä]{0,5}", 0..3),
        );
        counts.prop_map(|((rows, bad_rows), columns, segments, tallies, keys, absent)| Counts {
            rows,
            bad_rows,
            columns,
            segments,
            tallies,
            duplicates: keys.map(|(duplicates, _)| duplicates),
            halvings: keys.map_or(0, |(_, halvings)| halvings),
            absent,
            added: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(counts in counts()) {
            prop_assert_eq!(Counts::of(&counts.bytes()), Some(counts));
        }

        #[test]
        fn what_is_cut_or_changed_is_no_panic(counts in counts(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = counts.bytes();
            let at = at.index(bytes.len());
            prop_assert_eq!(Counts::of(&bytes[..at]), None);
            bytes[at] = byte;
            let _ = Counts::of(&bytes);
        }

        #[test]
        fn any_bytes_are_no_panic(mut bytes: Vec<u8>, format in 0u8..4) {
            bytes.insert(0, format);
            let _ = Counts::of(&bytes);
        }
    }

    /// Six bytes claimed a million bins each.
    #[test]
    fn bins_that_are_claimed_in_few_bytes_are_bounded() {
        let column = ColumnCounts {
            bins: vec![0; 1 << 20],
            ..ColumnCounts::default()
        };
        let counts = Counts {
            columns: vec![column; 17],
            ..Counts::default()
        };
        let bytes = counts.bytes();
        assert!(bytes.len() < 200, "{}", bytes.len());
        assert_eq!(Counts::of(&bytes), None);
    }

    fn numbers(bins: Vec<u64>, range: Option<(f64, f64)>, sum: f64) -> ColumnCounts {
        ColumnCounts {
            range,
            sum,
            ..ColumnCounts::of_numbers(bins, [1, 0, 0, 300, 0, 2, 1, 0])
        }
    }

    /// As the first program wrote it that watched.
    #[test]
    fn counts_of_format_1_are_read() {
        let golden = "01e807020206010000ac02000201000002050000bc05000000000000f8bf00000000008020400000000000e05e4000010000ac0200020100000000000000f87f000000000000f87f0000000000000000";
        let expected = Counts {
            rows: 1_000,
            bad_rows: 2,
            columns: vec![
                numbers(vec![0, 0, 0, 5, 0, 700], Some((-1.5, 8.25)), 123.5),
                numbers(vec![], None, 0.0),
            ],
            ..Counts::default()
        };
        assert_eq!(Counts::of(&bytes_of(golden)), Some(expected));
    }

    #[test]
    fn counts_of_format_2_are_read() {
        let golden = "02e807020207060002050000bc05010000ac0200020100000000000000f8bf00000000008020400000000000e05e400000010373657800000002000100010102000003010000ac02000201000366c3a90502010102000003010000ac020002010001030001090101018101030103616765";
        let group = |rows, favourable| GroupCounts {
            rows,
            favourable,
            outputs: vec![numbers(vec![0, 3], None, 0.0)],
        };
        let counts = Counts {
            rows: 1_000,
            bad_rows: 2,
            columns: vec![
                numbers(vec![0, 0, 0, 5, 0, 700], Some((-1.5, 8.25)), 123.5),
                ColumnCounts::default(),
            ],
            segments: vec![SegmentCounts {
                column: "sex".into(),
                values: [("".into(), group(1, 0)), ("f\u{e9}".into(), group(5, 2))].into(),
                other: GroupCounts::default(),
            }],
            tallies: vec![Tally {
                called: vec![0, 0, 9],
                other: vec![1],
            }],
            duplicates: Some(129),
            halvings: 3,
            absent: vec!["age".into()],
            added: Vec::new(),
        };
        assert_eq!(Counts::of(&bytes_of(golden)).as_ref(), Some(&counts));
        assert_eq!(counts.bytes(), bytes_of(golden));
    }

    fn bytes_of(hex: &str) -> Vec<u8> {
        let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
        hex.as_bytes()
            .chunks(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect()
    }

    /// Ten columns, three outputs by the values of a segment, 200 bins of a score; 1 KiB a file at most.
    #[test]
    fn a_small_file_takes_few_bytes() {
        let column = |filled: u64| ColumnCounts {
            range: Some((0.1, 0.7)),
            sum: 1.3,
            missing: 1,
            ..ColumnCounts::of_numbers((0..20).map(|bin| u64::from(bin % 4 < filled)).collect(), [0; 8])
        };
        let group = |rows| GroupCounts {
            rows,
            favourable: 1,
            outputs: vec![column(0), column(2), column(2)],
        };
        let bins = |filled: usize| (0..200).map(|bin| u64::from(bin % filled == 7)).collect();
        let counts = Counts {
            rows: 100,
            columns: vec![column(2); 10],
            segments: vec![SegmentCounts {
                column: "sex".into(),
                values: [("female".into(), group(2)), ("male".into(), group(3))].into(),
                ..SegmentCounts::default()
            }],
            tallies: vec![Tally {
                called: bins(20),
                other: bins(20),
            }],
            duplicates: Some(0),
            ..Counts::default()
        };
        assert!(counts.bytes().len() <= 1_024, "{}", counts.bytes().len());
    }
}
