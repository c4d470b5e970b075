//! A batch and its predictions -> counts by the bins of a baseline.

use super::{ColumnCounts, Counts, numbers};
use crate::checksum::Sha256Sum;
use crate::model::{self, Signature, Type};
use crate::monitor::Baseline;
use crate::monitor::baseline::{Column, Values};
use crate::score::batch::{Batch, Reason};
use std::collections::HashMap;
use std::iter;

/// Which bin a cell falls into.
#[derive(Clone, Debug, PartialEq)]
enum Bins {
    Numbers {
        edges: Vec<f64>,
        /// All of the baseline's are whole.
        whole: bool,
    },
    /// By the model's code of a category; none where the baseline doesn't list it. And how many bins there are.
    Codes(Vec<Option<usize>>, usize),
    Texts(HashMap<String, usize>),
}

/// Counts by one baseline. Shared by all that score.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// SHA-256 of the baseline's file: counts by another one don't add up with these.
    pub baseline: Sha256Sum,
    inputs: Vec<Bins>,
    outputs: Vec<Bins>,
}

/// Memory for one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    at_least: Vec<u64>,
    good: Vec<f64>,
    bad: Vec<u32>,
}

impl Counter {
    /// By a baseline that fits the signature; `sha256`: of its file. What it doesn't have is counted without bins.
    pub fn new(baseline: &Baseline, sha256: Sha256Sum, signature: &Signature) -> Counter {
        let bins = |columns: &[model::Column], known: &[Column]| {
            let known = known.iter().map(Some).chain(iter::repeat(None));
            columns
                .iter()
                .zip(known)
                .map(|(column, known)| Bins::of(column, known))
                .collect()
        };
        Counter {
            baseline: sha256,
            inputs: bins(&signature.inputs, &baseline.features),
            outputs: bins(&signature.outputs, baseline.outputs()),
        }
    }

    /// Nothing was counted yet.
    pub fn zero(&self) -> Counts {
        let column = |bins: &Bins| ColumnCounts {
            bins: vec![0; bins.len()],
            ..ColumnCounts::default()
        };
        Counts {
            columns: self.inputs.iter().chain(&self.outputs).map(column).collect(),
            ..Counts::default()
        }
    }

    /// Adds the rows of a batch, and what was predicted for them: `[output][row]`. Of bad rows only the cells that made them bad.
    pub fn count(&self, batch: &Batch, predictions: &[f64], scratch: &mut Scratch, counts: &mut Counts) {
        let rows = batch.rows();
        scratch.bad.clear();
        scratch.bad.extend(batch.bad().map(|flaw| flaw.row));
        counts.rows += rows as u64;
        counts.bad_rows += scratch.bad.len() as u64;
        let (inputs, outputs) = counts.columns.split_at_mut(self.inputs.len());
        for flaw in batch.flaws() {
            if let Reason::Cell { feature, .. } = flaw.reason {
                inputs[feature as usize].bad += 1;
            }
        }
        for (feature, (bins, column)) in self.inputs.iter().zip(inputs).enumerate() {
            match bins {
                Bins::Texts(known) => {
                    let Some((texts, of)) = batch.text(feature) else {
                        continue;
                    };
                    let cells = texts.iter().enumerate().filter(|(row, _)| !scratch.is_bad(*row));
                    for (_, text) in cells {
                        match known.get(text.as_str()) {
                            Some(&bin) => column.bins[bin] += 1,
                            None if of.is_missing(text) => column.missing += 1,
                            None => column.other += 1,
                        }
                    }
                }
                _ => scratch.column(bins, batch.column(feature), column),
            }
        }
        if rows > 0 {
            for (bins, (cells, column)) in self.outputs.iter().zip(predictions.chunks(rows).zip(outputs)) {
                scratch.column(bins, cells, column);
            }
        }
    }
}

impl Bins {
    fn of(column: &model::Column, known: Option<&Column>) -> Bins {
        let mut places = HashMap::new();
        let (mut edges, mut all_whole) = (Vec::new(), false);
        match known.map(|known| &known.values) {
            Some(Values::Numbers { summary, whole, .. }) => {
                edges = summary.as_ref().map(|s| s.histogram.edges.clone()).unwrap_or_default();
                all_whole = *whole == Some(true);
            }
            Some(Values::Categories { categories, .. }) => {
                let names = categories.iter().enumerate();
                places.extend(names.map(|(bin, count)| (count.category.as_str(), bin)));
            }
            None => {}
        }
        match column.kind {
            Type::Category => {
                let codes = column.categories.iter();
                let codes = codes.map(|category| places.get(category.to_string().as_str()).copied());
                Bins::Codes(codes.collect(), places.len())
            }
            Type::String => Bins::Texts(places.into_iter().map(|(name, bin)| (name.to_owned(), bin)).collect()),
            _ => Bins::Numbers {
                edges,
                whole: all_whole,
            },
        }
    }

    fn len(&self) -> usize {
        match self {
            Bins::Numbers { edges, .. } => edges.len().saturating_sub(1),
            Bins::Codes(_, bins) => *bins,
            Bins::Texts(known) => known.len(),
        }
    }
}

impl Scratch {
    fn is_bad(&self, row: usize) -> bool {
        self.bad.binary_search(&(row as u32)).is_ok()
    }

    fn column(&mut self, bins: &Bins, cells: &[f64], column: &mut ColumnCounts) {
        let cells = match self.bad.is_empty() {
            true => cells,
            false => {
                let mut good = std::mem::take(&mut self.good);
                good.clear();
                let kept = cells.iter().enumerate().filter(|(row, _)| !self.is_bad(*row));
                good.extend(kept.map(|(_, x)| x));
                self.good = good;
                &self.good
            }
        };
        match bins {
            Bins::Numbers { edges, whole } => {
                numbers::count(cells, edges, &mut self.at_least, column);
                if *whole {
                    column.fractional += numbers::fractional(cells);
                }
            }
            Bins::Codes(codes, _) => {
                for &code in cells {
                    // What is unknown to the model has a code that no category has.
                    let bin = (code >= 0.0).then(|| codes.get(code as usize).copied().flatten());
                    match bin.flatten() {
                        Some(bin) => column.bins[bin] += 1,
                        None if code.is_nan() => column.missing += 1,
                        None => column.other += 1,
                    }
                }
            }
            // Its cells are texts.
            Bins::Texts(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;
    use crate::monitor::baseline::{Histogram, Outcomes, Summary};
    use crate::score::{Binding, Spelling};

    fn signature() -> Signature {
        let category = |name: &str| model::Column {
            optional: true,
            open: true,
            categories: ["a", "b", "c"].map(|c| Category::Text(c.into())).to_vec(),
            ..model::Column::plain(name.into(), Type::Category)
        };
        let number = model::Column {
            optional: true,
            ..model::Column::plain("x".into(), Type::Float64)
        };
        Signature {
            inputs: vec![number, category("k"), model::Column::plain("t".into(), Type::String)],
            outputs: vec![model::Column::plain("prediction".into(), Type::Float64)],
        }
    }

    fn numbers(name: &str, edges: &[f64]) -> Column {
        let summary = Summary {
            histogram: Histogram {
                edges: edges.to_vec(),
                counts: vec![1; edges.len() - 1],
            },
            ..Summary::of(edges.to_vec()).unwrap()
        };
        Column {
            values: Values::Numbers {
                infinite: 0,
                summary: Some(summary),
                whole: Some(true),
            },
            ..Column::of_numbers(name, edges)
        }
    }

    fn counter() -> Counter {
        let texts = |name, cells: [&str; 3]| Column::of_texts(name, cells.into_iter().map(Some));
        let features = vec![
            numbers("x", &[0.0, 1.0, 2.0]),
            texts("k", ["c", "c", "a"]),
            texts("t", ["u", "u", "v"]),
        ];
        let mut baseline = Baseline::new(3, features);
        baseline.outcomes = Some(Outcomes {
            rows: 3,
            columns: vec![numbers("prediction", &[0.0, 10.0])],
            ..Outcomes::default()
        });
        Counter::new(&baseline, Sha256Sum([7; 32]), &signature())
    }

    fn counts(rows: &[([&str; 3], f64)]) -> Counts {
        let names = ["x", "k", "t"].map(String::from);
        let binding = Binding::by_name(&names, &signature(), &Spelling::USUAL).unwrap();
        let mut batch = Batch::new(&binding, rows.len());
        rows.iter()
            .for_each(|(cells, _)| batch.push(&binding, &cells.map(String::from)));
        batch.end();
        let predictions: Vec<f64> = rows.iter().map(|(_, prediction)| *prediction).collect();
        let counter = counter();
        let mut counts = counter.zero();
        counter.count(&batch, &predictions, &mut Scratch::default(), &mut counts);
        counts
    }

    #[test]
    fn cells_and_predictions_fall_into_the_bins_of_the_baseline() {
        let counts = counts(&[
            (["0.5", "a", "u"], 1.0),
            (["-3", "b", "w"], 11.0),
            (["", "", "v"], f64::NAN),
            (["2", "z", "v"], 10.0),
        ]);
        let [x, k, t, prediction] = &counts.columns[..] else {
            panic!()
        };
        assert_eq!((counts.rows, counts.bad_rows), (4, 0));
        assert_eq!((&x.bins[..], x.below, x.missing), (&[1, 1][..], 1, 1));
        assert_eq!(
            (x.negative, x.range, x.sum, x.fractional),
            (1, Some((-3.0, 2.0)), -0.5, 1)
        );
        // b is the model's and not the baseline's, z is nobody's.
        assert_eq!((&k.bins[..], k.other, k.missing), (&[0, 1][..], 2, 1));
        assert_eq!((&t.bins[..], t.other), (&[1, 2][..], 1));
        assert_eq!(
            (&prediction.bins[..], prediction.above, prediction.missing),
            (&[2][..], 1, 1)
        );
    }

    #[test]
    fn of_a_bad_row_the_cell_that_made_it_bad_is_counted_alone() {
        let counts = counts(&[(["oops", "a", "u"], 1.0), (["1", "a", "u"], 2.0)]);
        let [x, k, t, prediction] = &counts.columns[..] else {
            panic!()
        };
        assert_eq!((counts.rows, counts.bad_rows, x.bad, x.cells()), (2, 1, 1, 1));
        assert_eq!((k.bins[1], t.bins[0], prediction.cells()), (1, 1, 1));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let rows = [(["0.5", "a", "u"], 1.0), (["7", "c", "v"], 2.0), (["x", "a", "u"], 3.0)];
        let mut sum = counts(&rows[..1]);
        sum.add(&counts(&rows[1..]));
        assert_eq!(sum, counts(&rows));
    }
}
