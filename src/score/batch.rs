//! Rows as columns: what readers fill and models predict from.

use super::binding::Binding;
use super::cell::{self, CellError, Feature, Kind, UNKNOWN};
use crate::model::unicode::forms;
use crate::model::{KnownTexts, Model};
use crate::problem::excerpt;
use std::str::from_utf8;

/// Rows of one batch: its columns stay in a core's nearest cache while they are read, scored and written out.
pub const ROWS: usize = 1024;

/// Numbers in a line of the cache.
const LINE: usize = 8;

/// Up to [`ROWS`] rows as columns by a binding, and what is wrong with them.
#[derive(Clone, Debug)]
pub struct Batch {
    rows: usize,
    /// How many it has room for.
    room: usize,
    /// From one column to the next.
    stride: usize,
    /// `[feature][row]`; a value with a flaw means nothing, nor one of text.
    columns: Vec<f64>,
    /// The cells of the features of text, `[feature of text][row]`.
    texts: Vec<Vec<String>>,
    /// Feature of text and row of each cell that had spaces around it, and the cell with them.
    spaced: Vec<(usize, usize, String)>,
    /// Those features.
    text_features: Vec<(usize, Feature)>,
    /// In the order of the rows, and within a row of the cells.
    flaws: Vec<Flaw>,
    /// Row and feature of each cell with a category that the model doesn't know and takes for another or for missing, in the
    /// same order.
    unknown: Vec<(u32, u32)>,
    /// Why the model refuses rows.
    refusals: Vec<String>,
}

/// What is wrong with a row, or with a cell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub row: u32,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Cell {
        feature: u32,
        error: CellError,
    },
    /// Where its cells are can't be told; its format knows why.
    Malformed,
    /// The model's own library takes the row for none; the index of why in [`Batch::refusal`].
    Refused(u32),
}

impl Batch {
    /// `rows`: how many there will be, if it is known; room for more than [`ROWS`] is never made.
    pub fn new(binding: &Binding, rows: usize) -> Batch {
        let room = rows.clamp(1, ROWS);
        // An odd number of cache lines: by a power of two, all cells of a row would wait for the same few places of the cache.
        let stride = (room.div_ceil(LINE) | 1) * LINE;
        let features = binding.features.iter().enumerate();
        let of_text = features.filter(|(_, feature)| matches!(feature.kind, Kind::Texts(_)));
        let text_features: Vec<(usize, Feature)> = of_text.map(|(i, feature)| (i, feature.clone())).collect();
        Batch {
            rows: 0,
            room,
            stride,
            columns: vec![0.0; binding.features.len() * stride],
            texts: vec![Vec::new(); text_features.len()],
            spaced: Vec::new(),
            text_features,
            flaws: Vec::new(),
            unknown: Vec::new(),
            refusals: Vec::new(),
        }
    }

    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The features: a slice of a value for each row.
    pub fn columns(&self) -> Vec<&[f64]> {
        self.columns.chunks(self.stride).map(|c| &c[..self.rows]).collect()
    }

    /// The cells of the features of text.
    pub fn texts(&self) -> Vec<&[String]> {
        self.texts.iter().map(Vec::as_slice).collect()
    }

    /// One feature.
    pub fn column(&self, feature: usize) -> &[f64] {
        &self.columns[feature * self.stride..][..self.rows]
    }

    /// The cells of one feature of text.
    pub fn cells(&self, text: usize) -> &[String] {
        &self.texts[text]
    }

    /// The cells of a feature, if it is one of text.
    pub fn text(&self, feature: usize) -> Option<(&[String], &Feature)> {
        let index = self.text_features.iter().position(|(of, _)| *of == feature)?;
        Some((&self.texts[index], &self.text_features[index].1))
    }

    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// Of each bad row, in order, its first flaw.
    pub fn bad(&self) -> impl Iterator<Item = Flaw> + '_ {
        let mut last = None;
        let of_row = move |flaw: &Flaw| last.replace(flaw.row) != Some(flaw.row);
        self.flaws.iter().copied().filter(of_row)
    }

    /// Gives texts the spaces around them, and the form of Unicode, with which the model knows them. `known`: of each feature of
    /// text, what it knows, where it tells; other texts are free, and stay as they are.
    pub fn conform(&mut self, known: &[Option<KnownTexts>]) {
        // With their spaces before without, as in a table of categories.
        for (index, row, cell) in self.spaced.drain(..) {
            let known = known.get(index).and_then(Option::as_ref);
            if let Some(form) = known.and_then(|known| form(&cell, known)) {
                self.texts[index][row] = form;
            }
        }
        for (texts, known) in self.texts.iter_mut().zip(known) {
            let Some(known) = known else { continue };
            for text in texts
                .iter_mut()
                .filter(|text| !text.is_ascii() && !known.contains(text.as_str()))
            {
                if let Some(form) = form(text, known) {
                    *text = form;
                }
            }
        }
    }

    /// Adds, for each feature, how many of its cells in good rows have a category that the model doesn't know.
    pub fn count_unknown(&self, model: &Model, counts: &mut [u64]) {
        let (known, integers) = (model.known_texts(), model.known_integers());
        if self.unknown.is_empty() && known.is_empty() && integers.is_empty() {
            return;
        }
        let bad: Vec<u32> = self.bad().map(|flaw| flaw.row).collect();
        let is_good = |row: u32| bad.binary_search(&row).is_err();
        for &(row, feature) in &self.unknown {
            counts[feature as usize] += u64::from(is_good(row));
        }
        for ((feature, of), (texts, known)) in self.text_features.iter().zip(self.texts.iter().zip(known)) {
            if let Some(known) = known {
                let unknown = texts
                    .iter()
                    .enumerate()
                    .filter(|(row, text)| !known.contains(*text) && !of.is_missing(text) && is_good(*row as u32));
                counts[*feature] += unknown.count() as u64;
            }
        }
        for (feature, known) in integers {
            let cells = self.column(*feature).iter().enumerate();
            // As the model casts them.
            let unknown =
                cells.filter(|(row, x)| !x.is_nan() && !known.contains(&(**x as i64)) && is_good(*row as u32));
            counts[*feature] += unknown.count() as u64;
        }
    }

    /// Why the model refuses a row.
    pub fn refusal(&self, index: u32) -> &str {
        &self.refusals[index as usize]
    }

    /// Marks a row as bad that the model refuses, unless it is bad already.
    pub fn refuse(&mut self, row: usize, why: String) {
        let row = row as u32;
        if self.bad().any(|flaw| flaw.row == row) {
            return;
        }
        let place = self.flaws.partition_point(|flaw| flaw.row <= row);
        let reason = Reason::Refused(self.refusals.len() as u32);
        self.refusals.push(why);
        self.flaws.insert(place, Flaw { row, reason });
    }

    /// Why a row is bad, in words, with the column's name in front if it is one column's fault. A malformed row is its
    /// format's to explain.
    pub fn reason<'n>(&self, flaw: Flaw, name: impl FnOnce(usize) -> &'n str) -> String {
        match flaw.reason {
            Reason::Cell { feature, error } => format!("{}: {}", name(feature as usize), error.text()),
            Reason::Malformed => "malformed".into(),
            Reason::Refused(why) => refused(self.refusal(why)),
        }
    }

    /// Fills `into`, a batch of the same binding with room for them, with these rows alone; their places ascend.
    pub fn select(&self, rows: &[u32], into: &mut Batch) {
        into.clear();
        let columns = self.columns.chunks(self.stride);
        for (feature, from) in columns.enumerate() {
            let to = into.next_cells(feature, rows.len());
            for (to, row) in to.iter_mut().zip(rows) {
                *to = from[*row as usize];
            }
        }
        for (to, from) in into.texts.iter_mut().zip(&self.texts) {
            to.extend(rows.iter().map(|row| from[*row as usize].clone()));
        }
        let place = |row: u32| rows.binary_search(&row).ok();
        for (index, row, cell) in &self.spaced {
            into.spaced
                .extend(place(*row as u32).map(|row| (*index, row, cell.clone())));
        }
        for flaw in &self.flaws {
            into.flaws.extend(place(flaw.row).map(|row| Flaw {
                row: row as u32,
                ..*flaw
            }));
        }
        for (row, feature) in &self.unknown {
            into.unknown.extend(place(*row).map(|row| (row as u32, *feature)));
        }
        into.refusals.clone_from(&self.refusals);
        into.rows = rows.len();
    }

    // For readers.

    /// For how many more rows there is room.
    #[inline(always)]
    pub fn room(&self) -> usize {
        self.room - self.rows
    }

    pub fn clear(&mut self) {
        self.rows = 0;
        self.flaws.clear();
        self.unknown.clear();
        self.refusals.clear();
        self.spaced.clear();
        self.texts.iter_mut().for_each(Vec::clear);
    }

    /// The cells of a feature in the next `count` rows.
    #[inline]
    pub fn next_cells(&mut self, feature: usize, count: usize) -> &mut [f64] {
        &mut self.columns[feature * self.stride + self.rows..][..count]
    }

    /// Reads a cell of a row by the rule of its feature; `row` is counted from the last one that was ended.
    pub fn read(&mut self, row: usize, feature: usize, of: &Feature, cell: &[u8]) {
        let row = self.rows + row;
        if let Kind::Texts(index) = of.kind {
            self.texts[index].resize(row, String::new());
            let text = from_utf8(cell::trim(cell)).unwrap_or_default();
            if let Ok(cell) = from_utf8(cell)
                && cell.len() != text.len()
            {
                self.spaced.push((index, row, cell.into()));
            }
            self.texts[index].push(text.into());
        }
        match of.read(cell) {
            Ok(x) => {
                self.columns[feature * self.stride + row] = x;
                if x == UNKNOWN && matches!(of.kind, Kind::Categories(_)) {
                    self.unknown.push((row as u32, feature as u32));
                }
            }
            Err(error) => self.flaws.push(Flaw {
                row: row as u32,
                reason: Reason::Cell {
                    feature: feature as u32,
                    error,
                },
            }),
        }
    }

    /// Marks one of the next rows as bad; `flaw.row` is counted from the last one that was ended.
    pub fn mark(&mut self, flaw: Flaw) {
        let row = self.rows as u32 + flaw.row;
        self.flaws.push(Flaw { row, ..flaw });
    }

    /// Marks the next row as malformed: what was read of its cells means nothing.
    pub fn malformed(&mut self) {
        let row = self.rows as u32;
        while self.flaws.pop_if(|flaw| flaw.row == row).is_some() {}
        self.flaws.push(Flaw {
            row,
            reason: Reason::Malformed,
        });
    }

    /// Forgets what was read of the next row.
    pub fn forget(&mut self) {
        let row = self.rows;
        while self.flaws.pop_if(|flaw| flaw.row as usize == row).is_some() {}
        while self.unknown.pop_if(|(of, _)| *of as usize == row).is_some() {}
        while self.spaced.pop_if(|(_, of, _)| *of == row).is_some() {}
        self.texts.iter_mut().for_each(|texts| texts.truncate(row));
    }

    /// Ends the next `count` rows, whose cells were read in any order of the rows, and for each row in the order of the features in
    /// the file.
    pub fn end_rows(&mut self, count: usize) {
        let ended = self.rows as u32;
        let flaws = self.flaws.partition_point(|flaw| flaw.row < ended);
        self.flaws[flaws..].sort_by_key(|flaw| flaw.row);
        let unknown = self.unknown.partition_point(|(row, _)| *row < ended);
        self.unknown[unknown..].sort_by_key(|(row, _)| *row);
        self.rows += count;
    }

    /// Ends the reading: rows whose texts weren't reached have empty ones.
    pub fn end(&mut self) {
        for texts in &mut self.texts {
            texts.resize(self.rows, String::new());
        }
    }

    /// Adds a row of texts, a cell for each field of `binding`.
    pub fn push(&mut self, binding: &Binding, cells: &[String]) {
        let mut features: Vec<usize> = (0..binding.features.len()).collect();
        features.sort_by_key(|&feature| binding.fields[feature]);
        for feature in features {
            self.read(
                0,
                feature,
                &binding.features[feature],
                cells[binding.fields[feature]].as_bytes(),
            );
        }
        self.end_rows(1);
    }
}

/// The text as the model knows it, if it does.
fn form(text: &str, known: &KnownTexts) -> Option<String> {
    match known.contains(text) {
        true => Some(text.into()),
        false if text.is_ascii() => None,
        false => forms(text).into_iter().find(|form| known.contains(form)),
    }
}

/// What the model says of a row, in words.
pub fn refused(why: &str) -> String {
    format!("the model refuses it: {}", excerpt(why.as_bytes(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Column, Signature, Type};
    use crate::score::Spelling;

    fn binding() -> Binding {
        let column = |name: &str, kind| Column::plain(name.into(), kind);
        let signature = Signature {
            inputs: vec![
                column("n", Type::Int64),
                column("t", Type::String),
                column("m", Type::Float64),
            ],
            outputs: Vec::new(),
        };
        let names = ["note", "t", "n", "m"].map(String::from);
        Binding::by_name(&names, &signature, &Spelling::USUAL).unwrap()
    }

    fn filled(rows: &[[&str; 4]]) -> Batch {
        let binding = binding();
        let mut batch = Batch::new(&binding, ROWS);
        batch.clear();
        for row in rows {
            batch.push(&binding, &row.map(String::from));
        }
        batch.end();
        batch
    }

    #[test]
    fn only_the_columns_that_the_model_takes_are_read() {
        let batch = filled(&[["x", " a ", "7", "1.5"], ["oops", "b", "8", "2"], ["", "", "9.5", "3"]]);
        assert_eq!(batch.columns()[1..], [[0.0; 3], [1.5, 2.0, 3.0]]);
        assert_eq!(batch.texts(), [["a", "b", ""]]);
        assert_eq!(
            (batch.column(0)[0], batch.cells(0)),
            (7.0, &["a", "b", ""].map(String::from)[..])
        );
        let reason = Reason::Cell {
            feature: 0,
            error: CellError::NotAnInteger,
        };
        assert_eq!(batch.flaws(), [Flaw { row: 2, reason }]);
    }

    /// Columns for 1,024 rows were made, and filled with zeros, for every file of a hundred.
    #[test]
    fn a_batch_of_few_rows_is_small() {
        let batch = Batch::new(&binding(), 100);
        assert!(batch.columns.len() <= 3 * 104);
        for rows in [1, 7, 8, 100, ROWS, usize::MAX] {
            let mut batch = Batch::new(&binding(), rows);
            let mut read = 0;
            while batch.room() > 0 {
                (0..3).for_each(|feature| batch.next_cells(feature, 1)[0] = (10 * read + feature) as f64);
                batch.end_rows(1);
                read += 1;
            }
            assert_eq!(read, rows.min(ROWS));
            let last = 10 * (read - 1);
            let found: Vec<f64> = batch.columns().iter().map(|column| column[read - 1]).collect();
            assert_eq!(found, [last, last + 1, last + 2].map(|x| x as f64));
        }
    }

    #[test]
    fn texts_take_the_form_in_which_the_model_knows_them() {
        let known = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect();
        let (composed, decomposed) = ("K\u{f6}ln", "Ko\u{308}ln");
        for (of, text, expected) in [
            (&[composed][..], decomposed, composed),
            (&[decomposed], composed, decomposed),
            (&[composed, decomposed], decomposed, decomposed),
            (&["Oslo"], decomposed, decomposed),
        ] {
            let mut batch = filled(&[["", text, "1", "1"]]);
            batch.conform(&[Some(known(of))]);
            assert_eq!(batch.texts(), [[expected]]);
        }
        let mut free = filled(&[["", decomposed, "1", "1"]]);
        free.conform(&[None]);
        assert_eq!(free.texts(), [[decomposed]]);
    }

    #[test]
    fn a_row_is_bad_for_its_first_flaw_and_all_are_kept() {
        let mut batch = filled(&[["x", "a", "", "oops"], ["x", "a", "1", "1"], ["x", "a", "1", "1"]]);
        batch.refuse(2, "too far".into());
        batch.refuse(0, "bad already".into());
        batch.refuse(1, "too near".into());
        let bad: Vec<String> = batch.bad().map(|flaw| batch.reason(flaw, |_| "n")).collect();
        assert_eq!(
            bad,
            [
                "n: missing value",
                "the model refuses it: too near",
                "the model refuses it: too far"
            ]
        );
        assert_eq!(batch.flaws().len(), 4);
    }
}
