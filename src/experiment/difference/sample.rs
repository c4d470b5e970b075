//! Rows that stand for all, where there are many: the same ones, whatever the order of the files.

use crate::monitor::counts::fingerprint;

/// Values of columns of rows, of at most so many rows: those whose place has the least fingerprints.
#[derive(Clone, Debug)]
pub struct Sample {
    most: usize,
    columns: usize,
    fingerprints: Vec<u64>,
    /// By row, then by column: the champion's, the shadow's.
    values: Vec<[f64; 2]>,
    /// Rows above it needn't be looked at. It never rises.
    limit: u64,
    seen: u64,
}

impl Sample {
    pub fn new(most: usize, columns: usize) -> Sample {
        Sample {
            most,
            columns,
            fingerprints: Vec::new(),
            values: Vec::new(),
            limit: u64::MAX,
            seen: 0,
        }
    }

    /// `values`: of each column.
    pub fn push(&mut self, file: &str, line: u64, values: &[[f64; 2]]) {
        self.seen += 1;
        let mut place = [0; 16];
        place[..8].copy_from_slice(&fingerprint(file.as_bytes()).to_le_bytes());
        place[8..].copy_from_slice(&line.to_le_bytes());
        let fingerprint = fingerprint(&place);
        if fingerprint <= self.limit {
            self.fingerprints.push(fingerprint);
            self.values.extend_from_slice(values);
            // An eighth more, so that the sample is seldom cut.
            if self.fingerprints.len() > self.most + self.most / 8 {
                self.cut();
            }
        }
    }

    /// Which rows are left depends on the set of them alone.
    fn cut(&mut self) {
        if self.fingerprints.len() <= self.most {
            return;
        }
        let mut all = self.fingerprints.clone();
        self.limit = *all.select_nth_unstable(self.most - 1).1;
        let (columns, mut kept) = (self.columns, 0);
        for row in 0..self.fingerprints.len() {
            if self.fingerprints[row] <= self.limit {
                self.fingerprints[kept] = self.fingerprints[row];
                (self.values).copy_within(row * columns..(row + 1) * columns, kept * columns);
                kept += 1;
            }
        }
        self.fingerprints.truncate(kept);
        self.values.truncate(kept * columns);
    }

    /// The rows, by their fingerprints, so in an order that is as good as any; and how many there were.
    pub fn finish(mut self) -> (Vec<Vec<[f64; 2]>>, u64) {
        self.cut();
        let mut order: Vec<usize> = (0..self.fingerprints.len()).collect();
        order.sort_unstable_by_key(|&row| self.fingerprints[row]);
        let column = |column| {
            let values = order.iter().map(|&row| self.values[row * self.columns + column]);
            values.collect()
        };
        ((0..self.columns).map(column).collect(), self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_are_left_whatever_their_order() {
        let rows: Vec<(String, u64)> = (0..20)
            .flat_map(|file| (0..500).map(move |line| (format!("day-{file}.csv"), line)))
            .collect();
        let of = |rows: &mut dyn Iterator<Item = &(String, u64)>| {
            let mut sample = Sample::new(300, 2);
            for (file, line) in rows {
                let value = *line as f64;
                sample.push(file, *line, &[[value, 1.0], [-value, 2.0]]);
            }
            sample.finish()
        };
        let (columns, seen) = of(&mut rows.iter());
        assert_eq!((columns[0].len(), columns[1].len(), seen), (300, 300, 10_000));
        assert!(
            columns[0]
                .iter()
                .zip(&columns[1])
                .all(|(a, b)| a[0] == -b[0] && (a[1], b[1]) == (1.0, 2.0))
        );
        assert_eq!(of(&mut rows.iter().rev()).0, columns);
        // As good as drawn: lines' mean is 249.5, the mean of 300 has a standard error of 8.3.
        let mean = columns[0].iter().map(|pair| pair[0]).sum::<f64>() / 300.0;
        assert!((mean - 249.5).abs() < 30.0, "{mean}");
    }

    #[test]
    fn few_rows_are_all_there() {
        let mut sample = Sample::new(300, 1);
        (0..300).for_each(|line| sample.push("a.csv", line, &[[0.0, line as f64]]));
        assert_eq!(sample.finish().0[0].len(), 300);
    }
}
