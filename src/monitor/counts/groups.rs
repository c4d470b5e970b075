//! Rows of a batch by the value of one column.

use super::keys::fingerprint;
use super::{GroupCounts, SegmentCounts};
use crate::model::unicode::nfc;
use crate::score::Spelling;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Values of a segment that are counted each by itself.
pub const VALUES: usize = 50;
/// A longer text is cut to so many bytes: what it stands for can be told, and a free text takes no room.
const LONGEST: usize = 100;

/// What a cell stands for: in Unicode's form C, and empty where it is missing.
pub fn value(cell: &[u8], spelling: &Spelling) -> String {
    if spelling.is_missing_cell(cell) {
        return String::new();
    }
    let text = String::from_utf8_lossy(cell);
    let text = nfc(&text);
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

/// Memory for the groups of one batch.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By fingerprint: a cell's number among the different ones, counted from 1; 0 is free.
    table: Vec<u16>,
    /// Of each row the number of its cell, then of its group.
    of: Vec<u16>,
    /// The rows, by their groups.
    order: Vec<u32>,
}

impl Groups {
    /// `take` gets each group: its value, or none of the rest, and its rows. `rows`: those that are looked at.
    pub fn each<'c>(
        &mut self,
        rows: &[u32],
        spelling: &Spelling,
        cell: impl Fn(u32) -> Option<Cow<'c, [u8]>>,
        mut take: impl FnMut(Option<&str>, &[u32]),
    ) {
        let cells = self.tell_apart(rows, cell);
        // What is spelled in several ways is one value.
        let mut values: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for (number, (_, cell)) in cells.iter().enumerate() {
            values.entry(value(cell, spelling)).or_default().push(number as u16);
        }
        let rest = values.len().min(VALUES);
        let mut groups = vec![rest as u16; cells.len()];
        for (group, cells) in values.values().take(VALUES).enumerate() {
            cells.iter().for_each(|cell| groups[usize::from(*cell)] = group as u16);
        }
        // Where each group's rows begin.
        let mut places = vec![0; rest + 2];
        for of in &mut self.of {
            *of = groups[usize::from(*of)];
            places[usize::from(*of) + 1] += 1;
        }
        (1..places.len()).for_each(|group| places[group] += places[group - 1]);
        let ends = places[1..].to_vec();
        self.order.resize(rows.len(), 0);
        for (row, of) in rows.iter().zip(&self.of) {
            let place = &mut places[usize::from(*of)];
            self.order[*place] = *row;
            *place += 1;
        }
        let mut begin = 0;
        let named = values.keys().take(VALUES).map(|value| Some(value.as_str()));
        for (value, end) in named.chain([None]).zip(ends) {
            if begin < end {
                take(value, &self.order[begin..end]);
            }
            begin = end;
        }
    }

    /// Numbers different cells, and gives each, with its fingerprint.
    fn tell_apart<'c>(
        &mut self,
        rows: &[u32],
        cell: impl Fn(u32) -> Option<Cow<'c, [u8]>>,
    ) -> Vec<(u64, Cow<'c, [u8]>)> {
        let mut cells: Vec<(u64, Cow<[u8]>)> = Vec::new();
        let size = (2 * rows.len()).next_power_of_two();
        self.table.clear();
        self.table.resize(size, 0);
        self.of.clear();
        for &row in rows {
            let text = cell(row).unwrap_or_default();
            let print = fingerprint(&text);
            let mut place = print as usize;
            let number = loop {
                place &= size - 1;
                match self.table[place] {
                    0 => {
                        cells.push((print, text));
                        self.table[place] = cells.len() as u16;
                        break cells.len() - 1;
                    }
                    number => {
                        let (same, first) = &cells[usize::from(number) - 1];
                        if *same == print && *first == text {
                            break usize::from(number) - 1;
                        }
                        place += 1;
                    }
                }
            };
            self.of.push(number as u16);
        }
        cells
    }
}

impl SegmentCounts {
    /// The group of rows with this value; it is the rest's if there are 50 lesser ones.
    pub(super) fn group(&mut self, value: &str) -> &mut GroupCounts {
        if !self.values.contains_key(value) && self.values.len() >= VALUES {
            match self.values.last_entry() {
                Some(last) if value < last.key().as_str() => self.other.add(&last.remove()),
                _ => return &mut self.other,
            }
        }
        match self.values.entry(value.to_owned()) {
            Entry::Occupied(group) => group.into_mut(),
            Entry::Vacant(group) => group.insert(GroupCounts::default()),
        }
    }

    pub(super) fn add(&mut self, next: &SegmentCounts) {
        self.other.add(&next.other);
        for (value, group) in &next.values {
            self.group(value).add(group);
        }
    }
}

impl GroupCounts {
    pub(super) fn add(&mut self, next: &GroupCounts) {
        self.rows += next.rows;
        self.favourable += next.favourable;
        if self.outputs.len() < next.outputs.len() {
            self.outputs.resize_with(next.outputs.len(), Default::default);
        }
        self.outputs
            .iter_mut()
            .zip(&next.outputs)
            .for_each(|(column, next)| column.add(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::ColumnCounts;
    use proptest::prelude::*;

    /// A row's cell, and what was predicted for it: a multiple of 1/4, whose sums aren't rounded.
    type Row = (String, f64);

    fn counted(rows: &[Row]) -> SegmentCounts {
        let mut segment = SegmentCounts::default();
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let cell = |row: u32| Some(rows[row as usize].0.as_bytes().into());
        Groups::default().each(&all, &Spelling::USUAL, cell, |value, of| {
            let output = ColumnCounts {
                other: of.len() as u64,
                sum: of.iter().map(|row| rows[*row as usize].1).sum(),
                ..ColumnCounts::default()
            };
            let group = match value {
                Some(value) => segment.group(value),
                None => &mut segment.other,
            };
            group.add(&GroupCounts {
                rows: of.len() as u64,
                favourable: of.iter().filter(|row| rows[**row as usize].1 > 0.0).count() as u64,
                outputs: vec![output],
            });
        });
        segment
    }

    /// By the plainest means.
    fn plainly(rows: &[Row]) -> SegmentCounts {
        let mut values: BTreeMap<String, GroupCounts> = BTreeMap::new();
        for (cell, said) in rows {
            let column = ColumnCounts {
                other: 1,
                sum: *said,
                ..ColumnCounts::default()
            };
            values
                .entry(value(cell.as_bytes(), &Spelling::USUAL))
                .or_default()
                .add(&GroupCounts {
                    rows: 1,
                    favourable: u64::from(*said > 0.0),
                    outputs: vec![column],
                });
        }
        let kept: Vec<String> = values.keys().take(VALUES).cloned().collect();
        let mut segment = SegmentCounts::default();
        for (value, group) in values {
            match kept.contains(&value) {
                true => drop(segment.values.insert(value, group)),
                false => segment.other.add(&group),
            }
        }
        segment
    }

    proptest! {
        /// Wherever rows are cut, and whichever neighbours are put together first.
        #[test]
        fn any_parts_give_the_same_groups(
            rows in prop::collection::vec(("[a-d]{0,2}[e-z]?|NA| |na|[0-9]{1,2}", (-40..40i32).prop_map(|x| f64::from(x) / 4.0)), 1..300),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            pairs in prop::collection::vec(any::<prop::sample::Index>(), 12),
        ) {
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len())).chain([rows.len()]).collect();
            ends.sort_unstable();
            let mut begin = 0;
            let mut parts: Vec<SegmentCounts> = Vec::new();
            for end in ends {
                parts.push(counted(&rows[begin..end]));
                begin = end;
            }
            for pair in pairs.iter().cycle() {
                if parts.len() == 1 {
                    break;
                }
                let first = pair.index(parts.len() - 1);
                let next = parts.remove(first + 1);
                parts[first].add(&next);
            }
            prop_assert_eq!(&parts[0], &plainly(&rows));
            prop_assert!(parts[0].values.len() <= VALUES);
        }
    }

    #[test]
    fn a_value_is_what_a_cell_stands_for() {
        for (cell, expected) in [
            (&b"a"[..], "a"),
            (b"NA", ""),
            (b"", ""),
            (b"0", "0"),
            ("Ko\u{308}ln".as_bytes(), "K\u{f6}ln"),
            (b"K\xf6ln", "K\u{fffd}ln"),
        ] {
            assert_eq!(value(cell, &Spelling::USUAL), expected);
        }
        let long = "\u{e9}".repeat(1_000);
        assert_eq!(value(long.as_bytes(), &Spelling::USUAL), "\u{e9}".repeat(50));
    }
}
