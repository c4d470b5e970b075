//! Labelled rows as whole columns, as the model reads them: what can be permuted, and parted into groups.

use super::scoring::Target;
use crate::format::csv::table::Table;
use crate::model::{Model, Type};
use crate::problem::Problem;
use crate::score::batch::{Batch, ROWS};
use crate::score::cell::{Feature, Kind};
use crate::score::predict_columns;
use std::collections::HashMap;

/// The inputs of rows that a model can score.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    rows: usize,
    /// `[input][row]`: a number, or the code of a category; NaN is missing. Of an input of text it means nothing.
    columns: Vec<Vec<f64>>,
    /// `[input of text][row]`
    texts: Vec<Vec<String>>,
    /// Those inputs.
    text_inputs: Vec<(usize, Feature)>,
}

/// One column by its groups of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    pub names: Vec<String>,
    /// `[row]`: which of the names.
    pub places: Vec<usize>,
}

/// How missing cells are called.
const MISSING: &str = "(missing)";
/// How the cells of a category that the model doesn't know are called.
pub const UNKNOWN: &str = "(unknown)";

impl Inputs {
    /// Reads the rows `kept`, by their places in the table, ascending; the model can score all of them. `look` is given those of
    /// `rows`, among which may be bad ones, batch by batch.
    ///
    /// # Errors
    /// Why the table can't be read.
    pub fn read(
        model: &Model,
        table: &Table,
        rows: &[usize],
        kept: &[usize],
        mut look: impl FnMut(&Batch),
    ) -> Result<Inputs, String> {
        let signature = model.signature();
        let mut inputs = Inputs {
            rows: kept.len(),
            columns: vec![Vec::with_capacity(kept.len()); signature.inputs.len()],
            ..Inputs::default()
        };
        let (mut start, mut looked) = (0, None);
        let read = table.batches::<Problem>(signature, |reader, _| {
            let binding = &reader.layout().binding;
            let end = start + reader.batch.rows();
            let of_batch = |rows: &[usize]| {
                let [first, last] = [start, end].map(|place| rows.partition_point(|&row| row < place));
                rows[first..last]
                    .iter()
                    .map(|row| (row - start) as u32)
                    .collect::<Vec<u32>>()
            };
            reader.batch.conform(model.known_texts());
            let looked = looked.get_or_insert_with(|| Batch::new(binding, ROWS));
            reader.batch.select(&of_batch(rows), looked);
            look(looked);
            inputs.take(&reader.batch, &binding.features, &of_batch(kept));
            start = end;
            Ok(())
        });
        read.map(|()| inputs).map_err(|problem| problem.to_string())
    }

    fn take(&mut self, batch: &Batch, features: &[Feature], rows: &[u32]) {
        if self.text_inputs.is_empty() {
            let of_text = features.iter().enumerate();
            let of_text = of_text.filter(|(_, feature)| matches!(feature.kind, Kind::Texts(_)));
            self.text_inputs = of_text.map(|(i, feature)| (i, feature.clone())).collect();
            self.texts.resize(self.text_inputs.len(), Vec::new());
        }
        for (input, column) in self.columns.iter_mut().enumerate() {
            let cells = batch.column(input);
            column.extend(rows.iter().map(|&row| cells[row as usize]));
        }
        for (text, column) in self.texts.iter_mut().enumerate() {
            let cells = batch.cells(text);
            column.extend(rows.iter().map(|&row| cells[row as usize].clone()));
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Of an input of numbers or categories.
    pub fn column(&self, input: usize) -> &[f64] {
        &self.columns[input]
    }

    /// Of an input of text, what isn't missing.
    pub fn texts(&self, input: usize) -> Option<impl Iterator<Item = Option<&str>>> {
        let place = self.text_inputs.iter().position(|(of, _)| *of == input)?;
        let (texts, feature) = (&self.texts[place], &self.text_inputs[place].1);
        Some(
            texts
                .iter()
                .map(|text| (!feature.is_missing(text)).then_some(text.as_str())),
        )
    }

    /// These rows alone, in this order.
    pub fn select(&self, rows: &[usize]) -> Inputs {
        let columns = self.columns.iter();
        let texts = self.texts.iter();
        Inputs {
            rows: rows.len(),
            columns: columns
                .map(|cells| rows.iter().map(|&row| cells[row]).collect())
                .collect(),
            texts: texts
                .map(|cells| rows.iter().map(|&row| cells[row].clone()).collect())
                .collect(),
            text_inputs: self.text_inputs.clone(),
        }
    }

    /// The same rows, with the cells of one input in another order: `order[row]` is the row that its cell comes from.
    pub fn permuted(&self, input: usize, order: &[usize]) -> Permuted<'_> {
        let text = self.text_inputs.iter().position(|(of, _)| *of == input);
        Permuted {
            inputs: self,
            input,
            text,
            column: order.iter().map(|&row| self.columns[input][row]).collect(),
            cells: text.map_or(Vec::new(), |text| {
                order.iter().map(|&row| self.texts[text][row].clone()).collect()
            }),
        }
    }

    /// Is the same in all cells of an input?
    pub fn is_constant(&self, input: usize) -> bool {
        match self.text_inputs.iter().position(|(of, _)| *of == input) {
            Some(text) => self.texts[text].windows(2).all(|pair| pair[0] == pair[1]),
            None => self.columns[input]
                .windows(2)
                .all(|pair| pair[0].to_bits() == pair[1].to_bits()),
        }
    }

    /// An input of categories, texts or booleans by what stands in its cells; none of numbers, unless they are zeros and ones.
    pub fn grouped(&self, model: &Model, input: usize) -> Option<Grouped> {
        if let Some(texts) = self.texts(input) {
            return Some(Grouped::of(texts));
        }
        let column = &model.signature().inputs[input];
        let cells = &self.columns[input];
        let mut names: Vec<String> = match column.kind {
            Type::Category => column.categories.iter().map(ToString::to_string).collect(),
            _ if column.boolean || column.kind == Type::Boolean => ["false", "true"].map(String::from).to_vec(),
            _ if cells.iter().all(|x| x.is_nan() || *x == 0.0 || *x == 1.0) => ["0", "1"].map(String::from).to_vec(),
            _ => return None,
        };
        let known = names.len();
        names.extend([MISSING, UNKNOWN].map(String::from));
        let place = |&code: &f64| match code {
            _ if code.is_nan() => known,
            _ if code >= 0.0 && (code as usize) < known => code as usize,
            _ => known + 1,
        };
        Some(Grouped {
            places: cells.iter().map(place).collect(),
            names,
        })
    }
}

impl Grouped {
    /// By texts; None is a missing one.
    pub fn of<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Grouped {
        let (mut names, mut known) = (Vec::new(), HashMap::new());
        let place = |text: Option<&'a str>| {
            let text = text.unwrap_or(MISSING);
            *known.entry(text).or_insert_with(|| {
                names.push(text.to_owned());
                names.len() - 1
            })
        };
        Grouped {
            places: texts.map(place).collect(),
            names,
        }
    }
}

/// [`Inputs`] with one column of another order.
pub struct Permuted<'a> {
    inputs: &'a Inputs,
    input: usize,
    text: Option<usize>,
    column: Vec<f64>,
    cells: Vec<String>,
}

/// A model's predictions of rows; of those that it refuses none.
pub struct Predicted {
    /// The rows that it takes.
    pub rows: Vec<usize>,
    /// As [`Examples::predicted`](super::Examples::predicted), of these.
    pub values: Vec<f64>,
}

impl Permuted<'_> {
    /// What the model predicts, in batches, as rows of files are scored.
    pub fn predict(&self, model: &Model, target: &Target) -> Predicted {
        let outputs = model.signature().outputs.len();
        let mut predicted = Predicted {
            rows: Vec::new(),
            values: Vec::new(),
        };
        for start in (0..self.inputs.rows).step_by(ROWS) {
            let range = start..(start + ROWS).min(self.inputs.rows);
            let columns = self.inputs.columns.iter().enumerate();
            let columns: Vec<&[f64]> = columns
                .map(|(i, cells)| if i == self.input { &self.column } else { cells })
                .map(|cells| &cells[range.clone()])
                .collect();
            let texts = self.inputs.texts.iter().enumerate();
            let texts: Vec<&[String]> = texts
                .map(|(i, cells)| if Some(i) == self.text { &self.cells } else { cells })
                .map(|cells| &cells[range.clone()])
                .collect();
            let mut out = vec![0.0; outputs * range.len()];
            let refused = predict_columns(model, &columns, &texts, &mut out);
            let of_target = &out[target.column() * range.len()..][..range.len()];
            for (row, value) in of_target.iter().enumerate() {
                if refused.iter().all(|(refused, _)| *refused != row) {
                    predicted.rows.push(start + row);
                    predicted.values.push(*value);
                }
            }
        }
        predicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;
    use crate::model::Format;
    use crate::score::Spelling;

    /// LightGBM's fixture of numbers and categories.
    fn model() -> Model {
        let artifact = include_bytes!("../../tests/fixtures/models/lightgbm-4.7.0/pandas.txt");
        Model::read(Format::Lightgbm, artifact, false).unwrap()
    }

    fn read(model: &Model, rows: &[usize], kept: &[usize], look: impl FnMut(&Batch)) -> Inputs {
        let table = Table {
            bytes: include_bytes!("../../tests/fixtures/models/rows.csv"),
            dialect: Dialect::plain(b','),
            spelling: &Spelling::USUAL,
            origin: Default::default(),
        };
        Inputs::read(model, &table, rows, kept, look).unwrap()
    }

    #[test]
    fn rows_are_kept_and_looked_at_by_their_places() {
        let model = model();
        let all = read(&model, &[], &(0..120).collect::<Vec<usize>>(), |_| {});
        let mut looked = Vec::new();
        let some = read(&model, &[2, 5, 119], &[5, 119], |batch| {
            looked.extend_from_slice(batch.column(1))
        });
        assert_eq!((some.rows(), looked.len()), (2, 3));
        assert_eq!(looked, [2, 5, 119].map(|row| all.column(1)[row]));
        assert_eq!(some.column(1), [5, 119].map(|row| all.column(1)[row]));
        assert_eq!(some.column(1), all.select(&[5, 119]).column(1));
    }

    #[test]
    fn categories_are_groups_and_numbers_are_none() {
        let model = model();
        let all = read(&model, &[], &(0..120).collect::<Vec<usize>>(), |_| {});
        let inputs = &model.signature().inputs;
        let city = inputs.iter().position(|input| input.name == "city").unwrap();
        let grouped = all.grouped(&model, city).unwrap();
        let name = |row: usize| grouped.names[grouped.places[row]].as_str();
        // As rows.csv has them: the first is missing, the fourth was never seen.
        assert_eq!((name(0), name(3)), ("(missing)", "(unknown)"));
        assert_eq!(all.grouped(&model, 0), None);
    }

    /// What is permuted is scored as what came so from the start.
    #[test]
    fn a_permuted_column_is_scored_as_rows_of_a_file_are() {
        let model = model();
        let all = read(&model, &[], &(0..120).collect::<Vec<usize>>(), |_| {});
        let target = Target::of(&model, 0.5).unwrap();
        let as_they_are: Vec<usize> = (0..120).collect();
        let expected = all.permuted(0, &as_they_are).predict(&model, &target).values;
        let text = include_str!("../../tests/fixtures/models/lightgbm-4.7.0/pandas.csv");
        let library = text.lines().skip(1).map(|line| line.parse::<f64>().unwrap());
        assert!(
            expected
                .iter()
                .zip(library)
                .all(|(own, library)| (own - library).abs() < 1e-9)
        );
        let turned: Vec<usize> = (0..120).rev().collect();
        for input in 0..all.columns.len() {
            let predicted = all.permuted(input, &turned).predict(&model, &target);
            assert_eq!(predicted.rows, as_they_are);
            // The model goes by all of them.
            assert_ne!(predicted.values, expected, "{input}");
        }
    }
}
