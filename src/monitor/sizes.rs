//! How large inputs are, by series: files whose names differ in their digits alone, such as one a day.

use std::collections::{HashMap, VecDeque};

/// Files of a series that are kept in mind.
const FILES: usize = 20;
/// Series that are kept in mind.
const SERIES: usize = 1_000;

/// The rows of the last files of each series.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    series: HashMap<Vec<u8>, Series>,
    pushed: u64,
}

#[derive(Clone, Debug, Default)]
struct Series {
    rows: VecDeque<u64>,
    /// When the last one came, by how many had come before.
    last: u64,
}

impl Sizes {
    /// Takes a file that was scored, in the order in which they were.
    pub fn push(&mut self, name: &[u8], rows: u64) {
        let key = series(name);
        if self.series.len() >= SERIES && !self.series.contains_key(&key) {
            let oldest = self.series.iter().min_by_key(|(_, series)| series.last);
            let oldest = oldest.map(|(key, _)| key.clone()).unwrap_or_default();
            self.series.remove(&oldest);
        }
        self.pushed += 1;
        let series = self.series.entry(key).or_default();
        series.last = self.pushed;
        series.rows.push_back(rows);
        if series.rows.len() > FILES {
            series.rows.pop_front();
        }
    }

    /// Rows of the last files of the series, the oldest first.
    pub fn last(&self, name: &[u8]) -> Vec<u64> {
        self.last_with(name, std::iter::empty())
    }

    /// The same. `newer`: files that came behind those that were pushed.
    pub fn last_with<'a>(&self, name: &[u8], newer: impl Iterator<Item = (&'a [u8], u64)>) -> Vec<u64> {
        let key = series(name);
        let pushed = self
            .series
            .get(&key)
            .into_iter()
            .flat_map(|series| &series.rows)
            .copied();
        let newer = newer.filter(|(name, _)| series(name) == key).map(|(_, rows)| rows);
        let all: Vec<u64> = pushed.chain(newer).collect();
        all[all.len().saturating_sub(FILES)..].to_vec()
    }
}

/// The name with one 0 for each run of digits.
fn series(name: &[u8]) -> Vec<u8> {
    let mut key = name.to_vec();
    key.iter_mut().filter(|b| b.is_ascii_digit()).for_each(|b| *b = b'0');
    key.dedup_by(|a, b| (*a, *b) == (b'0', b'0'));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_series_differ_in_their_digits() {
        let mut sizes = Sizes::default();
        sizes.push(b"orders_2026-11-09.csv", 7);
        sizes.push(b"people.csv", 3);
        sizes.push(b"orders_2026-11-10.csv", 8);
        assert_eq!(sizes.last(b"orders_2027-1-1.csv"), [7, 8]);
        let newer = [(&b"people.csv"[..], 5), (b"orders_3-3-3.csv", 9)];
        assert_eq!(sizes.last_with(b"orders_2027-1-1.csv", newer.into_iter()), [7, 8, 9]);
        assert!(sizes.last(b"orders.csv").is_empty());
        (0..100).for_each(|rows| sizes.push(b"people.csv", rows));
        assert_eq!(sizes.last(b"people.csv"), (80..100).collect::<Vec<u64>>());
    }

    #[test]
    fn the_series_that_came_longest_ago_is_forgotten() {
        let mut sizes = Sizes::default();
        let name = |i: usize| format!("{}.csv", ["a", "b", "c"][i % 3].repeat(i / 3 + 1)).into_bytes();
        (0..SERIES).for_each(|i| sizes.push(&name(i), i as u64));
        sizes.push(&name(0), 5);
        sizes.push(&name(SERIES), 9);
        assert_eq!(sizes.series.len(), SERIES);
        assert_eq!((sizes.last(&name(0)), sizes.last(&name(1))), (vec![0, 5], Vec::new()));
        assert_eq!(sizes.last(&name(SERIES)), [9]);
    }
}
