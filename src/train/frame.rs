//! Rows of examples, as columns.

pub use crate::format::csv::columns::Cells;
use crate::monitor::Baseline;
use crate::monitor::baseline::Column;

/// Columns of equal length, each under its own name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub rows: usize,
    pub columns: Vec<Series>,
}

/// One column, in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub cells: Cells,
}

impl Frame {
    /// Some of its rows, in the order of `rows`.
    pub fn select(&self, rows: &[usize]) -> Frame {
        let cells = |cells: &Cells| match cells {
            Cells::Numbers(numbers) => Cells::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
            Cells::Texts(texts) => Cells::Texts(rows.iter().map(|&row| texts[row].clone()).collect()),
        };
        let columns = self.columns.iter().map(|series| Series {
            name: series.name.clone(),
            cells: cells(&series.cells),
        });
        Frame {
            rows: rows.len(),
            columns: columns.collect(),
        }
    }

    /// What they look like, for later ones to be held against.
    pub fn baseline(&self) -> Baseline {
        let column = |Series { name, cells }: &Series| match cells {
            Cells::Numbers(numbers) => Column::of_numbers(name, numbers),
            Cells::Texts(texts) => Column::of_texts(name, texts.iter().map(Option::as_deref)),
        };
        Baseline::new(self.rows, self.columns.iter().map(column).collect())
    }

    pub fn series(&self, name: &str) -> Option<&Series> {
        self.columns.iter().find(|series| series.name == name)
    }
}
