//! What came true, row by row, of one input: labels come late and a few at a time, so they are kept until all are there.

use super::leb128::{push, push_text, take, take_float, take_text};
use std::collections::BTreeMap;

/// Of the encoding.
const FORMAT: u8 = 1;

/// By row of the input, counted from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// By the place of the class among `names`.
    Classes {
        names: Vec<String>,
        rows: BTreeMap<u64, usize>,
    },
    Numbers(BTreeMap<u64, f64>),
}

/// What newer labels did to those that were known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub new: u64,
    /// They were known so.
    pub same: u64,
    /// They were known otherwise: the newer one counts.
    pub changed: u64,
}

/// What came true in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Label<'a> {
    Class(&'a str),
    Number(f64),
}

impl Labels {
    pub fn len(&self) -> usize {
        match self {
            Labels::Classes { rows, .. } => rows.len(),
            Labels::Numbers(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: u64) -> Option<Label<'_>> {
        match self {
            Labels::Classes { names, rows } => rows.get(&row).map(|&place| Label::Class(&names[place])),
            Labels::Numbers(rows) => rows.get(&row).map(|&number| Label::Number(number)),
        }
    }

    /// A label of the other kind makes all that were known of that kind go: the model answers another question now.
    pub fn set(&mut self, row: u64, label: Label) -> Merged {
        let mut merged = Merged::default();
        let before = match self.get(row) {
            None => &mut merged.new,
            Some(known) if known == label => &mut merged.same,
            Some(_) => &mut merged.changed,
        };
        *before += 1;
        match (&mut *self, label) {
            (Labels::Classes { names, rows }, Label::Class(name)) => {
                let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
                    names.push(name.into());
                    names.len() - 1
                });
                rows.insert(row, place);
            }
            (Labels::Numbers(rows), Label::Number(number)) => drop(rows.insert(row, number)),
            (_, Label::Number(number)) => *self = Labels::Numbers(BTreeMap::from([(row, number)])),
            (_, Label::Class(name)) => {
                *self = Labels::Classes {
                    names: vec![name.into()],
                    rows: BTreeMap::from([(row, 0)]),
                };
            }
        }
        merged
    }

    /// A byte or two for each class that is known, nine for each number.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        let mut next = 0;
        match self {
            Labels::Classes { names, rows } => {
                out.push(0);
                push(names.len() as u64, &mut out);
                names.iter().for_each(|name| push_text(name, &mut out));
                push(rows.len() as u64, &mut out);
                for (&row, &place) in rows {
                    push((row - next) * names.len() as u64 + place as u64, &mut out);
                    next = row + 1;
                }
            }
            Labels::Numbers(rows) => {
                out.push(1);
                push(rows.len() as u64, &mut out);
                for (&row, &number) in rows {
                    push(row - next, &mut out);
                    out.extend(number.to_le_bytes());
                    next = row + 1;
                }
            }
        }
        out
    }

    /// None if these bytes are no labels.
    pub fn of(bytes: &[u8]) -> Option<Labels> {
        let (&[FORMAT, kind], mut rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let rest = &mut rest;
        let mut next = 0u64;
        let mut row = |gap: u64| {
            let row = next.checked_add(gap)?;
            next = row.checked_add(1)?;
            Some(row)
        };
        let labels = match kind {
            0 => {
                let names = (0..take(rest)?).map(|_| take_text(rest)).collect::<Option<Vec<_>>>()?;
                let mut rows = BTreeMap::new();
                for _ in 0..take(rest)? {
                    let (gap, of) = (take(rest)?, names.len() as u64);
                    rows.insert(row(gap.checked_div(of)?)?, (gap % of) as usize);
                }
                Labels::Classes { names, rows }
            }
            1 => {
                let mut rows = BTreeMap::new();
                for _ in 0..take(rest)? {
                    rows.insert(row(take(rest)?)?, take_float(rest)?);
                }
                Labels::Numbers(rows)
            }
            _ => return None,
        };
        rest.is_empty().then_some(labels)
    }
}

impl Default for Labels {
    fn default() -> Labels {
        Labels::Classes {
            names: Vec::new(),
            rows: BTreeMap::new(),
        }
    }
}

impl Merged {
    pub fn add(&mut self, next: Merged) {
        self.new += next.new;
        self.same += next.same;
        self.changed += next.changed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_add_up_and_the_newer_one_counts() {
        let mut labels = Labels::default();
        let counts = |merged: Merged| (merged.new, merged.same, merged.changed);
        assert_eq!(counts(labels.set(7, Label::Class("yes"))), (1, 0, 0));
        assert_eq!(counts(labels.set(7, Label::Class("yes"))), (0, 1, 0));
        assert_eq!(counts(labels.set(7, Label::Class("no"))), (0, 0, 1));
        assert_eq!(counts(labels.set(2, Label::Class("no"))), (1, 0, 0));
        assert_eq!((labels.get(7), labels.get(3)), (Some(Label::Class("no")), None));
        // The model gives a number now.
        assert_eq!(counts(labels.set(3, Label::Number(1.5))), (1, 0, 0));
        assert_eq!((labels.len(), labels.get(3)), (1, Some(Label::Number(1.5))));
    }

    #[test]
    fn labels_are_read_as_they_were_written_and_nothing_else_is() {
        let mut classes = Labels::default();
        let mut numbers = Labels::default();
        for row in [0, 1, 2, 5, 1_000_000, u64::MAX >> 20] {
            classes.set(row, Label::Class(["no", "yes", "é, \"x\""][row as usize % 3]));
            numbers.set(row, Label::Number(row as f64 / 3.0));
        }
        for labels in [Labels::default(), classes, numbers] {
            let bytes = labels.bytes();
            assert_eq!(Labels::of(&bytes), Some(labels));
            assert!((0..bytes.len()).all(|end| Labels::of(&bytes[..end]).is_none()));
        }
        let dense: Labels = {
            let mut labels = Labels::default();
            (0..10_000).for_each(|row| {
                labels.set(row, Label::Class(["no", "yes"][row as usize * 7 % 2]));
            });
            labels
        };
        assert!(dense.bytes().len() < 10_020);
    }
}
