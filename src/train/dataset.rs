//! Files of examples -> features, target and their split.

use super::dates;
use super::examples;
pub use super::examples::{EXAMPLES_MAX, File};
use super::frame::{Cells, Frame, Series};
use super::labels::{label, labels};
pub use super::missing::ReadAsMissing;
use super::pipeline::{Kept, Pipeline, Source, Split, Trainer};
use super::split::{self, By, Parts};
use crate::digits::count;
use crate::error::{Error, Result};
use crate::evaluate::Task;
use crate::format::csv::columns::ReadAs;
use crate::format::csv::table::Table;
use crate::problem::excerpt;
use std::path::Path;

/// Examples, those to train on and those to evaluate on.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub features: Frame,
    /// Of each row: a number, or the place of its class.
    pub target: Vec<f64>,
    pub target_name: String,
    /// The names of all columns that the examples have.
    pub header: Vec<String>,
    /// Of a target of classes, in order; of two, no and yes.
    pub classes: Option<Vec<String>>,
    /// Rows to train on and to evaluate on.
    pub parts: Parts,
    /// What that split keeps to, and the folds of a search.
    pub by: By,
    /// The same in a line for people.
    pub split: String,
    /// What is said of columns that name a row, most of which are no features.
    pub left_out: Vec<String>,
    /// Of each feature that has any, the cells that were read as missing values.
    pub missing: Vec<ReadAsMissing>,
    pub files: Vec<File>,
}

impl Dataset {
    /// Reads all that the pipeline names.
    pub fn read(pipeline: &Pipeline) -> Result<Dataset> {
        let data = &pipeline.data;
        let classification = matches!(pipeline.trainer, Trainer::Logistic { .. });
        let kind = if classification { ReadAs::Any } else { ReadAs::Numbers };
        let mut files = Vec::new();
        let column = pipeline.split.column();
        let mut examples = examples::read(&data.source, data, kind, column, None, &mut files)?;
        let own = examples.features.rows;
        if let Kept::Test(source) = &pipeline.split.kept {
            let test = examples::read(source, data, kind, None, Some(&examples), &mut files)?;
            examples = examples.followed_by(test);
        }
        let whole = |message: String| Error::config(&files[0].path, message);
        let positive = match &pipeline.trainer {
            Trainer::Logistic { positive, .. } => positive.as_deref(),
            _ => None,
        };
        let Series { name, cells } = examples.target;
        let (target, classes) = match cells {
            Cells::Numbers(numbers) if !classification => (numbers, None),
            cells => {
                let (target, classes) = labels(&name, &cells, positive).map_err(whole)?;
                (target, Some(classes))
            }
        };
        if let (Trainer::Logistic { threshold, .. }, Some([_, _, _, ..])) = (&pipeline.trainer, classes.as_deref())
            && *threshold != 0.5
        {
            return Err(whole(format!(
                "train.threshold = {threshold} is for two classes, and {name:?} has {}; leave it out",
                classes.iter().flatten().count()
            )));
        }
        let by = by(
            &pipeline.split,
            examples.by.as_ref(),
            classes.as_ref().map(|_| &target[..]),
        )
        .map_err(whole)?;
        let parts = match &pipeline.split.kept {
            Kept::Last(count) => split::last(own, *count),
            Kept::Share { share, seed } | Kept::Group { share, seed, .. } => by.share(own, *share, *seed),
            Kept::Time { share, .. } => by.share(own, *share, 0),
            Kept::Test(_) => Ok(Parts {
                train: (0..own).collect(),
                test: (own..examples.features.rows).collect(),
            }),
        };
        let parts = parts.map_err(whole)?;
        Ok(Dataset {
            split: sentence(&pipeline.split, &by, &parts, examples.by.as_ref()),
            features: examples.features,
            header: examples.header,
            target,
            target_name: name,
            classes,
            parts,
            by,
            left_out: examples.left_out,
            missing: examples.missing.into_iter().filter(|m| !m.words.is_empty()).collect(),
            files,
        })
    }

    /// What a trainer's predictions of it are evaluated as.
    pub fn task(&self, trainer: &Trainer) -> Task {
        trainer.task(self.classes.as_ref().map_or(0, Vec::len))
    }

    /// The file that problems with the examples are told of.
    pub fn file(&self) -> &Path {
        &self.files[0].path
    }

    /// The CSV that some rows stand in, and their places in it: what any model can be asked about. All of them are rows of
    /// one file.
    pub fn source<'a>(&'a self, pipeline: &'a Pipeline, rows: &[usize]) -> (Table<'a>, Vec<usize>) {
        let features = |source: &Source| match source {
            Source::Together(path) => path.clone(),
            Source::Apart { features, .. } => features.clone(),
        };
        let (path, before) = match &pipeline.split.kept {
            Kept::Test(source) if rows.iter().all(|row| self.parts.train.binary_search(row).is_err()) => {
                (features(source), self.parts.train.len())
            }
            _ => (features(&pipeline.data.source), 0),
        };
        let file = self.files.iter().find(|file| file.path == path).expect("it was read");
        let table = file.rows.table(&pipeline.data.spelling);
        (table, rows.iter().map(|row| row - before).collect())
    }

    /// Two files with the same bytes, if there are any.
    pub fn equal_files(&self) -> Option<[&Path; 2]> {
        let pairs = self
            .files
            .iter()
            .enumerate()
            .flat_map(|(i, a)| self.files[..i].iter().map(move |b| (b, a)));
        let mut equal = pairs
            .filter(|(a, b)| a.hash == b.hash)
            .map(|(a, b)| [a.path.as_path(), b.path.as_path()]);
        equal.next()
    }

    /// Tells other examples apart: BLAKE3 over the hashes of the files, hexadecimal.
    pub fn fingerprint(&self) -> String {
        let hashes: Vec<&str> = self.files.iter().map(|file| file.hash.as_str()).collect();
        match hashes[..] {
            [one] => one.into(),
            _ => blake3::hash(hashes.concat().as_bytes()).to_hex().to_string(),
        }
    }
}

/// What a split keeps to. `column`: the one that it goes by. `classes`: of each row its class, if they are classes.
fn by(split: &Split, column: Option<&Series>, classes: Option<&[f64]>) -> std::result::Result<By, String> {
    Ok(match (&split.kept, column, classes) {
        (Kept::Time { .. }, Some(series), _) => By::Times(times(series)?),
        (Kept::Group { .. }, Some(series), _) => By::Groups(match &series.cells {
            Cells::Numbers(numbers) => places(&numbers.iter().map(|&x| label(x)).collect::<Vec<_>>()),
            Cells::Texts(texts) => places(texts),
        }),
        (_, _, Some(target)) if split.stratified => By::Classes(target.iter().map(|&y| y as usize).collect()),
        _ => By::Chance,
    })
}

/// Of each row the place of its time among the different ones: as all are numbers, or as all are dates.
fn times(series: &Series) -> std::result::Result<Vec<usize>, String> {
    let Cells::Texts(texts) = &series.cells else {
        let Cells::Numbers(numbers) = &series.cells else {
            return Ok(Vec::new());
        };
        let mut sorted: Vec<f64> = numbers.iter().map(|x| x + 0.0).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        return Ok(numbers
            .iter()
            .map(|x| sorted.partition_point(|other| other < x))
            .collect());
    };
    let moment = |text: &Option<String>| dates::moment(text.as_deref().unwrap_or_default());
    let is_number = |text: &Option<String>| text.as_ref().is_some_and(|text| text.parse::<f64>().is_ok());
    let moments: Vec<Option<i128>> = texts.iter().map(moment).collect();
    // Of numbers with a fault among them, the fault; else a number among dates.
    let fault = (0..texts.len()).find(|&row| moments[row].is_none() && !is_number(&texts[row]));
    if let Some(row) = fault.or_else(|| moments.iter().position(Option::is_none)) {
        let what = match fault {
            Some(_) => "neither a number nor a date or time as",
            None => "a number where others are dates and times as",
        };
        return Err(format!(
            "split.time = {:?}: row {} (without the header) has {:?}, which is {what} 2024-01-31, 2024-01-31 10:00:00 or \
             2024-01-31T10:00:00+01:00",
            series.name,
            row + 1,
            excerpt(texts[row].as_deref().unwrap_or_default().as_bytes(), 40)
        ));
    }
    Ok(places(&moments))
}

/// Of each the place of its value among the different ones.
fn places<T: Ord>(all: &[T]) -> Vec<usize> {
    let mut different: Vec<&T> = all.iter().collect();
    different.sort_unstable();
    different.dedup();
    all.iter()
        .map(|one| different.partition_point(|other| *other < one))
        .collect()
}

/// For example `40 of 200 rows, of each class its share, chosen by seed 0`.
fn sentence(split: &Split, by: &By, parts: &Parts, column: Option<&Series>) -> String {
    let (train, test) = (&parts.train, &parts.test);
    let rows = format!("{} of {} rows", test.len(), train.len() + test.len());
    match (&split.kept, by) {
        (Kept::Last(_), _) => format!("the last {rows}"),
        (Kept::Test(_), _) => format!("the {} of the test file", count(test.len() as u64, "row")),
        (Kept::Share { seed, .. }, By::Classes(_)) => format!("{rows}, of each class its share, chosen by seed {seed}"),
        (Kept::Group { column, seed, .. }, By::Groups(groups)) => {
            let of = |rows: &[usize]| split::distinct(rows, groups).len();
            format!(
                "{rows}, those of {} of {} groups of {column}, chosen by seed {seed}",
                of(test),
                of(train) + of(test)
            )
        }
        (Kept::Time { column: name, .. }, By::Times(times)) => {
            let first = test.iter().min_by_key(|&&row| times[row]);
            let from = first.zip(column).map(|(&row, series)| match &series.cells {
                Cells::Numbers(numbers) => label(numbers[row]),
                Cells::Texts(texts) => texts[row].clone().unwrap_or_default(),
            });
            format!("{rows}, those from {name} = {} on", from.unwrap_or_default())
        }
        (Kept::Share { seed, .. } | Kept::Group { seed, .. }, _) => format!("{rows}, chosen by seed {seed}"),
        (Kept::Time { .. }, _) => rows,
    }
}
