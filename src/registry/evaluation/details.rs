//! What is found of a version beside its metrics, on the rows that it is evaluated on.

use crate::checksum::Sha256Sum;
use crate::digits::count;
use crate::evaluate::data;
use crate::evaluate::details::Details;
use crate::evaluate::importance::Importance;
use crate::evaluate::inputs::{Grouped, Inputs, UNKNOWN};
use crate::evaluate::scoring::Target;
use crate::evaluate::slices::slices;
use crate::evaluate::{Examples, SEED};
use crate::format::csv::columns::{self, Cells, ReadAs, Wanted};
use crate::format::csv::table::Table;
use crate::model::{self, Gain, Model, Type, unicode};
use crate::monitor::baseline::{Column, Values};
use crate::monitor::check::{Bars, Check, checks};
use crate::monitor::{Baseline, ColumnCounts, Counter, Counts};

/// Of columns that the model doesn't take, the first are looked at.
const OTHERS: usize = 50;

/// What is looked at.
pub struct Subject<'a> {
    pub model: &'a Model,
    pub target: &'a Target,
    /// The target's column.
    pub target_name: &'a str,
    pub table: &'a Table<'a>,
    /// Places in the table of all rows to evaluate on, and of those that the model can score; both ascend.
    pub rows: &'a [usize],
    pub scored: &'a [usize],
    /// Of the rows that were scored.
    pub examples: Examples<'a>,
    /// The task's main metric of them.
    pub main: Option<f64>,
    /// What the model was trained on, where it is known.
    pub training: Option<&'a Baseline>,
    pub gain: Option<Gain>,
}

impl Subject<'_> {
    /// # Errors
    /// Why the table can't be read.
    pub fn details(self) -> Result<Details, String> {
        let Subject { model, target, .. } = self;
        let signature = model.signature();
        let training = self.training.filter(|training| training.fits(signature).is_ok());
        // Its inputs alone.
        let training = training.map(|known| Baseline::new(known.rows as usize, known.features.clone()));
        let counter = training
            .as_ref()
            .map(|training| Counter::new(training, Sha256Sum([0; 32]), signature));
        let mut counts = counter.as_ref().map(Counter::zero).unwrap_or_default();
        let mut scratch = Default::default();
        let inputs = Inputs::read(model, self.table, self.rows, self.scored, |batch| {
            if let Some(counter) = &counter {
                counter.count(batch, &[], &mut scratch, &mut counts);
            }
        })?;
        let columns = match &training {
            Some(training) => beside(training, &counts, &signature.inputs),
            None => alone(model, &inputs),
        };
        let groups = signature.inputs.iter().enumerate();
        let mut groups: Vec<(String, Grouped)> = groups
            .filter_map(|(i, input)| Some((input.name.clone(), inputs.grouped(model, i)?)))
            .collect();
        groups.extend(self.others());
        let trained_on = self.training.filter(|_| training.is_some());
        Ok(Details {
            columns,
            trained_on: trained_on.map(|known| known.rows_of.clone().unwrap_or_else(|| count(known.rows, "row"))),
            slices: slices(target.task, &self.examples, &groups, self.main, SEED),
            importance: Some(Importance::of(model, target, &inputs, self.examples.actual, SEED)),
            gain: self.gain,
        })
    }

    /// The columns of the table that are texts and that the model doesn't take: what it must not go by, it may be worse at all the
    /// same. Those in which hardly a text comes again are identifiers.
    fn others(&self) -> Vec<(String, Grouped)> {
        let is_input = |name: &str| {
            let inputs = self.model.signature().inputs.iter();
            inputs
                .map(|input| unicode::name(&input.name))
                .any(|input| input == name)
        };
        let names = columns::names(self.table).unwrap_or_default();
        let wanted = names
            .into_iter()
            .filter(|name| !name.is_empty() && !is_input(name) && name != self.target_name);
        let of_texts = |name: String| {
            let wanted = Wanted {
                name: name.clone(),
                kind: ReadAs::Any,
                optional: true,
            };
            // A faulty one has no groups.
            let Cells::Texts(texts) = columns::read(self.table, &[wanted]).ok()?.pop()?.cells else {
                return None;
            };
            let grouped = Grouped::of(self.scored.iter().map(|&row| texts[row].as_deref()));
            (grouped.names.len() * 2 <= grouped.places.len()).then_some((name, grouped))
        };
        wanted.take(OTHERS).filter_map(of_texts).collect()
    }
}

/// Training rows, and what was counted by them.
fn beside(training: &Baseline, counts: &Counts, inputs: &[model::Column]) -> Vec<data::Column> {
    let found = checks(training, None, counts, &Bars::default());
    let columns = training.features.iter().zip(&counts.columns).zip(inputs);
    columns
        .map(|((known, later), input)| data::Column {
            name: input.name.clone(),
            kind: kind(input),
            trained: Some(cells(known, &known.counts())),
            evaluated: cells(known, later),
            differs: found
                .iter()
                .filter(|check| check.over && check.column == known.name)
                .map(words)
                .collect(),
        })
        .collect()
}

fn words(check: &Check) -> String {
    let figure = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!(" {figure:.2}"));
    format!("{}{}", check.check, figure(check.value))
}

/// Rows that nothing is known beside.
fn alone(model: &Model, inputs: &Inputs) -> Vec<data::Column> {
    let columns = model.signature().inputs.iter().enumerate();
    columns
        .map(|(i, input)| {
            let name = &input.name;
            let own = match (inputs.texts(i), input.kind) {
                (Some(texts), _) => Column::of_texts(name, texts),
                (None, Type::Category) => {
                    let names: Vec<String> = input.categories.iter().map(ToString::to_string).collect();
                    let name_of = |&code: &f64| match code {
                        _ if code.is_nan() => None,
                        _ if code < 0.0 => Some(UNKNOWN),
                        _ => names.get(code as usize).map(String::as_str),
                    };
                    Column::of_texts(name, inputs.column(i).iter().map(name_of))
                }
                (None, _) => Column::of_numbers(name, inputs.column(i)),
            };
            data::Column {
                name: name.clone(),
                kind: kind(input),
                trained: None,
                evaluated: cells(&own, &own.counts()),
                differs: Vec::new(),
            }
        })
        .collect()
}

fn kind(input: &model::Column) -> String {
    match input.boolean {
        true => Type::Boolean.to_string(),
        false => input.kind.to_string(),
    }
}

/// `known` says what the counts are of.
fn cells(known: &Column, counts: &ColumnCounts) -> data::Cells {
    let values = match &known.values {
        Values::Numbers { .. } => data::Values::Numbers(counts.range.map(|(lowest, highest)| data::Range {
            lowest,
            mean: (counts.sum / counts.present() as f64).clamp(lowest, highest),
            highest,
        })),
        Values::Categories { categories, .. } => {
            let names = categories.iter().map(|count| count.category.clone());
            data::Values::Categories(names.zip(counts.bins.iter().copied()).collect(), counts.other)
        }
    };
    data::Cells {
        count: counts.cells() + counts.bad,
        missing: counts.missing + counts.bad,
        values,
    }
}
