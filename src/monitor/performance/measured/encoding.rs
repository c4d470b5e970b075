//! Sums <-> the bytes that the ledger keeps. Of a classification some five bytes for each score that differs, whatever the number of
//! rows.

use super::{Classes, ErrorMoments, Measured, Measurement, Scores, Segment};
use crate::evaluate::Confusion;
use crate::monitor::leb128::{push, push_text, take, take_float, take_text};

/// Of the encoding.
const FORMAT: u8 = 1;
/// More classes or bins than any model has: what claims more is damaged.
const MOST: u64 = 1 << 16;

impl Measured {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        match &self.outcomes {
            Measurement::Classes(classes) => {
                out.push(0);
                classes.write(&mut out);
            }
            Measurement::Numbers(errors) => {
                out.push(1);
                push(errors.rows, &mut out);
                for x in floats(errors) {
                    out.extend(x.to_le_bytes());
                }
            }
        }
        push(self.segments.len() as u64, &mut out);
        self.segments.iter().for_each(|segment| segment.write(&mut out));
        out
    }

    /// None if these bytes are none.
    pub fn of(bytes: &[u8]) -> Option<Measured> {
        let (&[FORMAT, kind], mut rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let rest = &mut rest;
        let outcomes = match kind {
            0 => Measurement::Classes(Classes::read(rest)?),
            1 => Measurement::Numbers(errors(rest)?),
            _ => return None,
        };
        let segments = (0..take(rest)?).map(|_| Segment::read(rest)).collect::<Option<_>>()?;
        rest.is_empty().then_some(Measured { outcomes, segments })
    }
}

fn floats(errors: &ErrorMoments) -> impl Iterator<Item = f64> {
    let &ErrorMoments { mean, z, e, ez, .. } = errors;
    [mean].into_iter().chain(z).chain(e).chain(ez)
}

fn errors(bytes: &mut &[u8]) -> Option<ErrorMoments> {
    let rows = take(bytes)?;
    let mut next = || take_float(bytes);
    Some(ErrorMoments {
        rows,
        mean: next()?,
        z: [next()?, next()?, next()?],
        e: [next()?, next()?, next()?, next()?],
        ez: [next()?, next()?],
    })
}

impl Classes {
    fn write(&self, out: &mut Vec<u8>) {
        push(self.names.len() as u64, out);
        self.names.iter().for_each(|name| push_text(name, out));
        self.counts.iter().for_each(|&count| push(count, out));
        for Scores(bins) in &self.scores {
            push(bins.len() as u64, out);
            let mut before = 0;
            for (&bin, counts) in bins {
                push(u64::from(bin - before), out);
                counts.iter().for_each(|&count| push(count, out));
                before = bin;
            }
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Classes> {
        let names = take(bytes).filter(|names| (2..MOST).contains(names))?;
        let names = (0..names).map(|_| take_text(bytes)).collect::<Option<Vec<_>>>()?;
        // Each takes a byte at least.
        if names.len() * names.len() > bytes.len() {
            return None;
        }
        let mut classes = Classes::new(names);
        for count in &mut classes.counts {
            *count = take(bytes)?;
        }
        for Scores(bins) in &mut classes.scores {
            let mut bin = 0u32;
            for _ in 0..take(bytes)? {
                bin = bin.checked_add(u32::try_from(take(bytes)?).ok()?)?;
                bins.insert(bin, [take(bytes)?, take(bytes)?, take(bytes)?, take(bytes)?]);
            }
        }
        Some(classes)
    }
}

impl Segment {
    fn write(&self, out: &mut Vec<u8>) {
        push_text(&self.column, out);
        push_text(&self.favourable, out);
        push(self.values.len() as u64, out);
        for (value, counts) in &self.values {
            push_text(value, out);
            push_confusion(counts, out);
        }
        push_confusion(&self.other, out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Segment> {
        let mut segment = Segment::new(&take_text(bytes)?, &take_text(bytes)?);
        for _ in 0..take(bytes)? {
            let value = take_text(bytes)?;
            segment.values.insert(value, take_confusion(bytes)?);
        }
        segment.other = take_confusion(bytes)?;
        Some(segment)
    }
}

fn push_confusion(counts: &Confusion, out: &mut Vec<u8>) {
    let &Confusion {
        true_yes,
        false_yes,
        true_no,
        false_no,
    } = counts;
    [true_yes, false_yes, true_no, false_no]
        .iter()
        .for_each(|&count| push(count, out));
}

fn take_confusion(bytes: &mut &[u8]) -> Option<Confusion> {
    Some(Confusion {
        true_yes: take(bytes)?,
        false_yes: take(bytes)?,
        true_no: take(bytes)?,
        false_no: take(bytes)?,
    })
}
