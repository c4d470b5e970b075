//! What was read as a missing value, said so: `NA` may be Namibia.

use crate::digits::count;
use crate::format::csv::columns::{Cells, Read};
use serde::Serialize;
use std::collections::BTreeMap;

/// The cells of a feature that were read as missing values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadAsMissing {
    pub column: String,
    /// How many, by what stands in them; empty ones too.
    pub words: BTreeMap<String, usize>,
    /// Of how many cells.
    pub cells: usize,
    /// Are the others texts?
    pub of_texts: bool,
}

/// A word that stands in more of a column's cells than this share, among texts, may be a text like them.
const FREQUENT: f64 = 0.01;

impl ReadAsMissing {
    pub fn of(column: &str, read: &Read) -> ReadAsMissing {
        ReadAsMissing {
            column: column.into(),
            words: read.missing.clone(),
            cells: read.cells.len(),
            of_texts: matches!(read.cells, Cells::Texts(_)),
        }
    }

    /// Takes what was read of other rows of the same column.
    pub fn add(&mut self, other: ReadAsMissing) {
        self.cells += other.cells;
        for (word, count) in other.words {
            *self.words.entry(word).or_default() += count;
        }
    }

    /// For example `country: 41 of 120 cells: 3 empty, 38 "NA"`.
    pub fn line(&self) -> String {
        let ReadAsMissing {
            column, words, cells, ..
        } = self;
        let word = |(word, count): (&String, &usize)| match word.as_str() {
            "" => format!("{count} empty"),
            word => format!("{count} {word:?}"),
        };
        let words: Vec<String> = words.iter().map(word).collect();
        let all: usize = self.words.values().sum();
        format!(
            "{column}: {all} of {}: {}",
            count(*cells as u64, "cell"),
            words.join(", ")
        )
    }

    /// Where a word stands so often among texts that it may be one of them.
    pub fn warning(&self) -> Option<String> {
        let frequent =
            |(word, count): &(&String, &usize)| !word.is_empty() && **count as f64 > FREQUENT * self.cells as f64;
        let (word, count) = self.words.iter().filter(|_| self.of_texts).find(frequent)?;
        Some(format!(
            "{count} of {} cells of {} are {word:?}, which was read as a missing value; if it is a category, list in data.missing \
             what is missing, without it",
            self.cells, self.column
        ))
    }
}
