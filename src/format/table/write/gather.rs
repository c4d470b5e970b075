//! Runs of rows -> row groups, whose ends don't depend on where the runs end.

use polars_arrow::array::{Array, Utf8ViewArray};
use polars_arrow::compute::concatenate::concatenate;
use std::mem::take;

/// Rows of a row group of what comes without any: as many as DuckDB's have, and of whole vectors of 2,048.
pub const ROW_GROUP: usize = 122_880;

/// Bytes of texts that such a row group holds at most, or one row.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Rows that wait for more.
#[derive(Default)]
pub struct Gather {
    runs: Vec<Vec<Box<dyn Array>>>,
    rows: usize,
    /// Of texts in them.
    bytes: usize,
    /// Behind the row that ended the last row group.
    rest: Option<(usize, Vec<Box<dyn Array>>)>,
}

impl Gather {
    /// Takes the next run. [`Gather::whole`] is to be asked until there is none.
    pub fn add(&mut self, rows: usize, arrays: Vec<Box<dyn Array>>) {
        self.rest = Some((rows, arrays));
    }

    /// The next row group, if one is whole.
    pub fn whole(&mut self) -> Option<(usize, Vec<Box<dyn Array>>)> {
        let (rows, mut arrays) = self.rest.take().filter(|(rows, _)| *rows > 0)?;
        let end = self.end(rows, &arrays);
        let first = end.unwrap_or(rows);
        if first < rows {
            let mut behind = Vec::with_capacity(arrays.len());
            for array in &mut arrays {
                let (front, back) = array.split_at_boxed(first);
                *array = front;
                behind.push(back);
            }
            self.rest = Some((rows - first, behind));
        }
        self.runs.push(arrays);
        self.rows += first;
        match end {
            Some(_) => self.rest(),
            None => None,
        }
    }

    /// The last row group: what is left.
    pub fn rest(&mut self) -> Option<(usize, Vec<Box<dyn Array>>)> {
        let (runs, rows) = (take(&mut self.runs), take(&mut self.rows));
        self.bytes = 0;
        let width = runs.first()?.len();
        let column = |column: usize| {
            let arrays: Vec<&dyn Array> = runs.iter().map(|run| &*run[column]).collect();
            concatenate(&arrays).expect("they are of one type")
        };
        Some((rows, (0..width).map(column).collect()))
    }

    /// Behind which row of the run a row group ends, if one does.
    fn end(&mut self, rows: usize, arrays: &[Box<dyn Array>]) -> Option<usize> {
        let texts = arrays
            .iter()
            .filter_map(|array| array.as_any().downcast_ref::<Utf8ViewArray>());
        let texts: Vec<&Utf8ViewArray> = texts.collect();
        let left = ROW_GROUP - self.rows;
        for row in 0..rows.min(left) {
            let of_row = texts.iter().map(|texts| texts.views()[row].length as usize);
            self.bytes += of_row.sum::<usize>();
            if self.bytes >= ROW_GROUP_BYTES {
                return Some(row + 1);
            }
        }
        (rows >= left).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(from: usize, rows: usize) -> Vec<Box<dyn Array>> {
        // A text of a megabyte now and then.
        let text = |i: usize| format!("{}{}", i, "x".repeat(if i % 5_000 == 7 { 1 << 20 } else { 3 }));
        let texts = (from..from + rows).map(|i| Some(text(i)));
        vec![Utf8ViewArray::from_slice(texts.collect::<Vec<_>>()).boxed()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        #[test]
        fn row_groups_are_the_same_whatever_the_runs(ends in proptest::collection::btree_set(1usize..300_000, 0..8)) {
            let groups = |ends: Vec<usize>| {
                let mut gather = Gather::default();
                let (mut from, mut groups) = (0, Vec::new());
                for end in ends.into_iter().chain([300_000]) {
                    gather.add(end - from, run(from, end - from));
                    while let Some((rows, arrays)) = gather.whole() {
                        groups.push((rows, arrays[0].len()));
                    }
                    from = end;
                }
                groups.extend(gather.rest().map(|(rows, arrays)| (rows, arrays[0].len())));
                groups
            };
            let whole = groups(Vec::new());
            prop_assert!(whole.len() > 2 && whole.iter().all(|(rows, length)| rows == length));
            prop_assert_eq!(whole.iter().map(|(rows, _)| rows).sum::<usize>(), 300_000);
            prop_assert_eq!(groups(ends.into_iter().collect()), whole);
        }
    }
}
