//! Counts <-> the bytes that the ledger keeps: most counts of a small file are 0 or small, so a number takes as many bytes as it
//! needs (LEB128).

use super::{ColumnCounts, Counts};

/// Of the encoding.
const FORMAT: u8 = 1;

impl Counts {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        [self.rows, self.bad_rows, self.columns.len() as u64]
            .iter()
            .for_each(|&x| push(x, &mut out));
        for column in &self.columns {
            push(column.bins.len() as u64, &mut out);
            column.numbers().into_iter().for_each(|x| push(x, &mut out));
            // A run of zeros is a zero, and how many more follow.
            for run in column.bins.chunk_by(|a, b| *a == 0 && *b == 0) {
                push(run[0], &mut out);
                if run[0] == 0 {
                    push(run.len() as u64 - 1, &mut out);
                }
            }
            let (min, max) = column.range.unwrap_or((f64::NAN, f64::NAN));
            for x in [min, max, column.sum] {
                out.extend(x.to_le_bytes());
            }
        }
        out
    }

    /// None if these bytes are no counts.
    pub fn of(bytes: &[u8]) -> Option<Counts> {
        let (&FORMAT, mut rest) = bytes.split_first()? else {
            return None;
        };
        let rest = &mut rest;
        let mut counts = Counts {
            rows: take(rest)?,
            bad_rows: take(rest)?,
            ..Counts::default()
        };
        for _ in 0..take(rest)? {
            counts.columns.push(ColumnCounts::read(rest)?);
        }
        rest.is_empty().then_some(counts)
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

    fn read(bytes: &mut &[u8]) -> Option<ColumnCounts> {
        /// Of any baseline; what claims more is damaged.
        const BINS: u64 = 1 << 20;
        let length = take(bytes).filter(|bins| *bins <= BINS)? as usize;
        let mut column = ColumnCounts {
            below: take(bytes)?,
            above: take(bytes)?,
            other: take(bytes)?,
            missing: take(bytes)?,
            infinite: take(bytes)?,
            bad: take(bytes)?,
            negative: take(bytes)?,
            fractional: take(bytes)?,
            ..ColumnCounts::default()
        };
        while column.bins.len() < length {
            let count = take(bytes)?;
            column.bins.push(count);
            if count == 0 {
                let zeros = take(bytes)?;
                let bins = column.bins.len() as u64 + zeros;
                column.bins.resize((bins <= length as u64).then_some(bins)? as usize, 0);
            }
        }
        let mut float = || {
            let (float, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(f64::from_le_bytes(*float))
        };
        let (min, max, sum) = (float()?, float()?, float()?);
        column.range = (min <= max).then_some((min, max));
        column.sum = sum;
        Some(column)
    }
}

fn push(mut x: u64, out: &mut Vec<u8>) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut x = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        x |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(x);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = Counts> {
        let number = || prop_oneof![3 => Just(0u64), 2 => 0..300u64, 1 => any::<u64>()];
        let column = (
            prop::collection::vec(number(), 0..30),
            prop::array::uniform8(number()),
            prop::option::of((-1e9..0.0, 0.0..1e9)),
            -1e12..1e12,
        );
        let column = column.prop_map(
            |(bins, [below, above, other, missing, infinite, bad, negative, fractional], range, sum)| ColumnCounts {
                bins,
                below,
                above,
                other,
                missing,
                infinite,
                bad,
                negative,
                fractional,
                range,
                sum,
            },
        );
        (number(), number(), prop::collection::vec(column, 0..5)).prop_map(|(rows, bad_rows, columns)| Counts {
            rows,
            bad_rows,
            columns,
            ..Counts::default()
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
    }

    #[test]
    fn a_small_file_takes_few_bytes() {
        let column = ColumnCounts {
            bins: vec![0; 20],
            ..ColumnCounts::default()
        };
        let counts = Counts {
            rows: 5,
            columns: vec![column; 10],
            ..Counts::default()
        };
        assert!(counts.bytes().len() <= 360, "{}", counts.bytes().len());
    }
}
