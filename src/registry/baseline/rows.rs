//! A CSV of rows -> a baseline: read as inputs are read, scored by the version itself or by what another system said of them.

use super::super::golden::{calmly, shown};
use crate::format::csv::columns::{self, Cells, ReadAs, Wanted};
use crate::format::csv::table::Table;
use crate::model::{self, Model, Type, unicode};
use crate::monitor::Baseline;
use crate::monitor::baseline::{Actual, Column, Outcomes};
use crate::problem::Problem;
use crate::score::cell::Kind;
use crate::score::{Batch, Spelling, label, predict};
use std::collections::HashMap;
use std::path::Path;

/// Of fewer rows chance hides what matters.
const FEW: usize = 200;

/// A CSV with a header to make a baseline of. It may have more columns; they are left out.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub table: Table<'a>,
    /// The file that errors shall name.
    pub source: &'a Path,
    pub named: Named,
}

/// Which of its columns are what, beside the model's inputs.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// What was true.
    pub target: Option<String>,
    /// What another system predicted: a number, or the label. Without it, the model's own predictions are taken.
    pub prediction: Option<String>,
    /// Its probabilities: one for each class, in the model's order, or of two classes that of the second one.
    pub probabilities: Vec<String>,
    /// Columns that the model doesn't take, and that are to be watched.
    pub others: Vec<String>,
}

/// What was made of the rows.
#[derive(Clone, Debug)]
pub struct Made {
    pub baseline: Baseline,
    /// What a person should know of it.
    pub remarks: Vec<String>,
}

/// The rows as the model reads them.
struct Taken {
    inputs: Vec<Cellwise>,
    /// Of each output what the model gave for each row.
    said: Vec<Vec<f64>>,
    /// Of each row of the file, whether the model can score it.
    good: Vec<bool>,
    first_bad: Option<String>,
}

/// Cells of one input.
enum Cellwise {
    Numbers(Vec<f64>),
    /// By the places of categories.
    Codes {
        counts: Vec<u64>,
        unknown: u64,
        missing: u64,
    },
    Texts {
        counts: HashMap<String, u64>,
        missing: u64,
    },
}

impl Rows<'_> {
    /// Of the rows that the model can score.
    ///
    /// # Errors
    /// Why there is none: a column is missing, or can't be what it is said to be, or no row can be scored.
    pub fn baseline(&self, model: &Model) -> Result<Made, String> {
        let outputs = &model.signature().outputs;
        let Named {
            target,
            prediction,
            probabilities,
            others,
        } = &self.named;
        if prediction.is_none() && !probabilities.is_empty() {
            return Err("probabilities of another system go with its predictions; name those with --prediction".into());
        }
        let taken = calmly(|| take(model, &self.table))??;
        let rows = taken.good.iter().filter(|good| **good).count();
        if rows == 0 {
            return Err(match taken.first_bad {
                Some(reason) => format!("no row can be scored; the first: {reason}"),
                None => "there are no rows".into(),
            });
        }
        let of_good = |cells: Cells| cells_where(cells, &taken.good);
        let read = |name: &str, kind| read(&self.table, name, kind).map(of_good);
        let said = match prediction {
            None => taken.said,
            Some(prediction) => self.said_elsewhere(outputs, prediction, probabilities, &read)?,
        };
        let target = target
            .as_deref()
            .map(|target| Ok::<_, String>((target, self.target(outputs, target, &read)?)))
            .transpose()?;
        let actual = target.as_ref().map(|(name, target)| (*name, target.actual()));
        let inputs = &model.signature().inputs;
        let features = inputs
            .iter()
            .zip(taken.inputs)
            .map(|(input, cells)| cells.column(input));
        let mut baseline = Baseline::new(rows, features.collect());
        baseline.outcomes = Some(Outcomes::of(outputs, &said, actual));
        baseline.others = self.others(others, inputs, &read)?;
        let file = self.source.file_name().unwrap_or_default().to_string_lossy();
        baseline.header = columns::names(&self.table).map_err(shown)?;
        baseline.rows_of = Some(format!("{rows} rows of {file}"));
        let bad = taken.good.len() - rows;
        let first = taken.first_bad.unwrap_or_default();
        let left_out = format!(
            "{bad} of {} rows left out of the baseline, which the model can't score; the first: {first}",
            taken.good.len()
        );
        let few = (rows < FEW).then(|| {
            format!("of so few rows ({rows}) chance alone makes much: only great changes will be seen; give it a thousand, if you can")
        });
        baseline.check()?;
        Ok(Made {
            baseline,
            remarks: [(bad > 0).then_some(left_out), few].into_iter().flatten().collect(),
        })
    }

    /// Outputs by what another system said.
    fn said_elsewhere(
        &self,
        outputs: &[model::Column],
        prediction: &str,
        probabilities: &[String],
        read: &impl Fn(&str, ReadAs) -> Result<Cells, String>,
    ) -> Result<Vec<Vec<f64>>, String> {
        let numbers = |name: &str| match read(name, ReadAs::Numbers)? {
            Cells::Numbers(numbers) => Ok(numbers),
            Cells::Texts(_) => Err(format!("{name:?} has texts")),
        };
        let (first, more) = outputs.split_first().ok_or("the model has no outputs")?;
        let said = match Classes::of(first) {
            None => numbers(prediction)?,
            Some(classes) => {
                let places = classes.places(prediction, read(prediction, ReadAs::AsTheyStand)?, self.table.spelling)?;
                places
                    .into_iter()
                    .map(|place| place.map_or(f64::NAN, |i| i as f64))
                    .collect()
            }
        };
        let probability = |name: &String| {
            let shares = numbers(name)?;
            match shares.iter().position(|p| !p.is_nan() && !(0.0..=1.0).contains(p)) {
                Some(row) => Err(format!("{name:?} has {}, which is no probability", shares[row])),
                None => Ok(shares),
            }
        };
        let mut all = vec![said];
        let nothing = || vec![f64::NAN; all[0].len()];
        let rest: Vec<Vec<f64>> = match (probabilities, more.len()) {
            ([], n) => (0..n).map(|_| nothing()).collect(),
            ([yes], 2) => {
                let yes = probability(yes)?;
                vec![yes.iter().map(|p| 1.0 - p).collect(), yes]
            }
            (names, n) if names.len() == n => names.iter().map(probability).collect::<Result<_, String>>()?,
            (names, n) => {
                return Err(format!(
                    "{} columns of probabilities are named, but the model gives {n}: {}",
                    names.len(),
                    outputs
                        .iter()
                        .skip(1)
                        .map(|output| output.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
        };
        all.extend(rest);
        Ok(all)
    }

    fn target(
        &self,
        outputs: &[model::Column],
        name: &str,
        read: &impl Fn(&str, ReadAs) -> Result<Cells, String>,
    ) -> Result<Target, String> {
        match outputs {
            [label, ..] if let Some(classes) = Classes::of(label) => {
                let cells = read(name, ReadAs::AsTheyStand)?;
                classes.places(name, cells, self.table.spelling).map(Target::Classes)
            }
            [_] => match read(name, ReadAs::Numbers)? {
                Cells::Numbers(numbers) => Ok(Target::Numbers(numbers)),
                Cells::Texts(_) => Err(format!("{name:?} has texts")),
            },
            _ => Err(format!(
                "a model of {} numbers can't be held against one target",
                outputs.len()
            )),
        }
    }

    fn others(
        &self,
        names: &[String],
        inputs: &[model::Column],
        read: &impl Fn(&str, ReadAs) -> Result<Cells, String>,
    ) -> Result<Vec<Column>, String> {
        let column = |name: &String| {
            if inputs
                .iter()
                .any(|input| unicode::name(&input.name) == unicode::name(name))
            {
                return Err(format!("{name:?} is an input of the model, which is watched anyway"));
            }
            Ok(match read(name, ReadAs::Any)? {
                Cells::Numbers(numbers) => Column::of_numbers(name, &numbers),
                Cells::Texts(texts) => Column::of_texts(name, texts.iter().map(Option::as_deref)),
            })
        };
        names.iter().map(column).collect()
    }
}

/// What was true.
enum Target {
    Classes(Vec<Option<usize>>),
    Numbers(Vec<f64>),
}

impl Target {
    fn actual(&self) -> Actual<'_> {
        match self {
            Target::Classes(classes) => Actual::Classes(classes),
            Target::Numbers(numbers) => Actual::Numbers(numbers),
        }
    }
}

/// The names of a label's classes.
struct Classes(Vec<String>);

impl Classes {
    /// None of a number.
    fn of(output: &model::Column) -> Option<Classes> {
        (output.kind == Type::Category).then(|| Classes(output.categories.iter().map(ToString::to_string).collect()))
    }

    /// The class in each cell of a column.
    fn places(&self, name: &str, cells: Cells, spelling: &Spelling) -> Result<Vec<Option<usize>>, String> {
        let Cells::Texts(texts) = cells else {
            return Err(format!("{name:?} has numbers"));
        };
        let place = |text: &Option<String>| match text {
            None => Ok(None),
            // A class may be called as a word for missing is.
            Some(text) if !self.0.contains(text) && spelling.is_missing(text) => Ok(None),
            Some(text) => label::class(text, &self.0, spelling).map(Some).ok_or_else(|| {
                format!(
                    "{name:?} has {text:?}, which is no class of the model: {}",
                    self.0.join(", ")
                )
            }),
        };
        texts.iter().map(place).collect()
    }
}

/// Reads one column, whose cells may be missing.
fn read(table: &Table, name: &str, kind: ReadAs) -> Result<Cells, String> {
    let names = columns::names(table).map_err(shown)?;
    if !names.iter().any(|n| unicode::name(n) == unicode::name(name)) {
        let problem = table.origin.told(columns::no_such_column(name, &names, "was named"));
        return Err(format!("{problem}; {}", problem.hint));
    }
    let wanted = Wanted {
        name: name.into(),
        kind,
        optional: true,
    };
    let mut read = columns::read(table, &[wanted]).map_err(shown)?;
    Ok(read.pop().expect("one column was asked for").cells)
}

fn cells_where(cells: Cells, good: &[bool]) -> Cells {
    fn of<T>(cells: Vec<T>, good: &[bool]) -> Vec<T> {
        let cells = cells.into_iter().zip(good);
        cells.filter(|(_, good)| **good).map(|(cell, _)| cell).collect()
    }
    match cells {
        Cells::Numbers(numbers) => Cells::Numbers(of(numbers, good)),
        Cells::Texts(texts) => Cells::Texts(of(texts, good)),
    }
}

/// Reads and scores all rows.
fn take(model: &Model, table: &Table) -> Result<Taken, String> {
    let signature = model.signature();
    let mut taken = Taken {
        inputs: signature.inputs.iter().map(Cellwise::of).collect(),
        said: vec![Vec::new(); signature.outputs.len()],
        good: Vec::new(),
        first_bad: None,
    };
    let mut out = Vec::new();
    let read = table.batches::<Problem>(signature, |reader, _| {
        let rows = reader.batch.rows();
        out.resize(signature.outputs.len() * rows, 0.0);
        predict(model, &mut reader.batch, &mut out);
        let mut good = vec![true; rows];
        for flaw in reader.batch.bad() {
            good[flaw.row as usize] = false;
        }
        if let (None, Some(flaw)) = (&taken.first_bad, reader.batch.bad().next()) {
            taken.first_bad = Some(reader.reason(flaw));
        }
        let kept: Vec<usize> = (0..rows).filter(|&row| good[row]).collect();
        let features = &reader.layout().binding.features;
        for (i, (cells, feature)) in taken.inputs.iter_mut().zip(features.iter()).enumerate() {
            match &feature.kind {
                Kind::Texts(text) => {
                    let texts = &reader.batch.cells(*text)[..rows];
                    cells.add_texts(kept.iter().map(|&row| texts[row].as_str()), |text| {
                        feature.is_missing(text)
                    });
                }
                _ => cells.add(&reader.batch, i, &kept),
            }
        }
        for (output, said) in taken.said.iter_mut().enumerate() {
            said.extend(kept.iter().map(|&row| out[output * rows + row]));
        }
        taken.good.extend(good);
        Ok(())
    });
    read.map_err(shown)?;
    Ok(taken)
}

impl Cellwise {
    fn of(input: &model::Column) -> Cellwise {
        match input.kind {
            Type::Category => Cellwise::Codes {
                counts: vec![0; input.categories.len()],
                unknown: 0,
                missing: 0,
            },
            Type::String => Cellwise::Texts {
                counts: HashMap::new(),
                missing: 0,
            },
            _ => Cellwise::Numbers(Vec::new()),
        }
    }

    fn add(&mut self, batch: &Batch, feature: usize, rows: &[usize]) {
        let column = batch.column(feature);
        match self {
            Cellwise::Numbers(numbers) => numbers.extend(rows.iter().map(|&row| column[row])),
            Cellwise::Codes {
                counts,
                unknown,
                missing,
            } => {
                for &row in rows {
                    let code = column[row];
                    match counts.get_mut(code as usize).filter(|_| code >= 0.0) {
                        Some(count) => *count += 1,
                        None if code.is_nan() => *missing += 1,
                        None => *unknown += 1,
                    }
                }
            }
            Cellwise::Texts { .. } => {}
        }
    }

    fn add_texts<'a>(&mut self, texts: impl Iterator<Item = &'a str>, is_missing: impl Fn(&str) -> bool) {
        let Cellwise::Texts { counts, missing } = self else {
            return;
        };
        for text in texts {
            if is_missing(text) {
                *missing += 1;
            } else if let Some(count) = counts.get_mut(text) {
                *count += 1;
            } else {
                counts.insert(text.into(), 1);
            }
        }
    }

    fn column(self, input: &model::Column) -> Column {
        let name = &input.name;
        match self {
            Cellwise::Numbers(numbers) => Column::of_numbers(name, &numbers),
            // Categories that never came are listed: the model knows them, and they aren't unseen to it.
            Cellwise::Codes {
                counts,
                unknown,
                missing,
            } => {
                let names: Vec<String> = input.categories.iter().map(ToString::to_string).collect();
                Column::of_counts(name, names.iter().map(String::as_str).zip(counts), unknown, missing)
            }
            Cellwise::Texts { counts, missing } => {
                let counts = counts.iter().map(|(text, &count)| (text.as_str(), count));
                Column::of_counts(name, counts, 0, missing)
            }
        }
    }
}
