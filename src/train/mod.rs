//! A CSV of examples -> a candidate model version. Never approves.
//!
//! [`pipeline`] says what to do, [`dataset`] reads the examples and [`split`]s them, [`preprocess`] is fitted to the
//! training rows and gives a [`design`], a trainer ([`descent`], [`least_squares`], [`logistic`], [`multinomial`]) gives coefficients;
//! [`search`] tries hyperparameters, a [`Baseline`] keeps what the rows looked like.
//! [`candidate`] holds what was fitted against the approved version, and registers it.
//! What comes out is the artifact of a [`crate::model::pipeline`]. Only `pipeline` and `examples` read files.

pub mod candidate;
pub mod dataset;
mod dates;
pub mod descent;
pub mod design;
mod examples;
pub mod frame;
mod identifiers;
mod labels;
pub mod least_squares;
pub mod logistic;
mod missing;
pub mod multinomial;
mod newton;
pub mod pipeline;
pub mod preprocess;
pub mod search;
pub mod split;

use crate::digits::count;
use crate::error::{Error, Result};
use crate::evaluate::{Examples, Predictions};
use crate::model::pipeline::{self as model, Classes, Output, Several, Steps};
use crate::monitor::Baseline;
use crate::monitor::baseline::{Actual, Outcomes};
use dataset::Dataset;
use pipeline::{Pipeline, Trainer};

/// Of each class, a row to learn from and one that shows that it was no accident.
const CLASS_ROWS_MIN: usize = 2;

/// A model fitted to some rows of a dataset.
#[derive(Clone, Debug)]
pub struct Fitted {
    pub artifact: model::Pipeline,
    pub loss: Vec<f64>,
    pub warnings: Vec<String>,
    pub train: Scored,
    pub test: Scored,
}

/// What a model says of some rows, beside what is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Of the dataset.
    pub rows: Vec<usize>,
    /// As [`Examples::actual`].
    pub actual: Vec<f64>,
    pub predictions: Predictions,
    /// Rows that the model can't take: it would report them as bad.
    pub left_out: usize,
}

impl Scored {
    pub fn examples(&self) -> Examples<'_> {
        self.predictions.beside(&self.actual)
    }
}

/// Fits to the rows `train`, and scores them and the rows `test`. Pure; a search calls it with the rows of its folds.
pub fn fit(pipeline: &Pipeline, dataset: &Dataset, train: &[usize], test: &[usize]) -> Result<Fitted> {
    fit_rows(pipeline, dataset, train, test).map_err(|message| Error::config(dataset.file(), message))
}

fn fit_rows(
    pipeline: &Pipeline,
    dataset: &Dataset,
    train: &[usize],
    test: &[usize],
) -> std::result::Result<Fitted, String> {
    let mut prepared = preprocess::fit(&dataset.features, train, &pipeline.preprocess)?;
    let target: Vec<f64> = prepared.rows.iter().map(|&row| dataset.target[row]).collect();
    check_target(dataset, &target)?;
    let design = &prepared.design;
    let fit = match &pipeline.trainer {
        Trainer::GradientDescent(settings) => descent::fit(design, &target, settings)?,
        Trainer::LeastSquares { alpha } => least_squares::fit(design, &target, *alpha)?,
        Trainer::Logistic {
            alpha,
            iterations,
            class_weights,
            ..
        } => {
            let classes = dataset.classes.as_ref().map_or(&[][..], |classes| classes);
            let of_class = labels::class_weights(class_weights, classes, &target)?;
            let weights: Vec<f64> = target.iter().map(|&y| of_class[y as usize]).collect();
            match classes.len() {
                ..=2 => logistic::fit(design, &target, &weights, *alpha, *iterations)?,
                classes => multinomial::fit(design, &target, &weights, classes, *alpha, *iterations)?,
            }
        }
    };
    for (place, term) in prepared.terms.iter_mut().enumerate() {
        term.coefficients = fit
            .coefficients
            .iter()
            .map(|of_class| of_class.weights[place])
            .collect();
    }
    let output = match (&pipeline.trainer, dataset.classes.as_deref()) {
        (Trainer::Logistic { threshold, .. }, Some([no, yes])) => Output::Classes(Classes {
            classes: [no.clone(), yes.clone()],
            threshold: *threshold,
        }),
        (Trainer::Logistic { .. }, Some(classes)) => Output::Several(Several {
            classes: classes.to_vec(),
        }),
        _ => Output::NUMBER,
    };
    let artifact = model::Pipeline {
        inputs: prepared.inputs,
        terms: prepared.terms,
        intercepts: fit.coefficients.iter().map(|of_class| of_class.intercept).collect(),
        output,
    };
    Ok(Fitted {
        train: score(&artifact, dataset, train)?,
        test: score(&artifact, dataset, test)?,
        artifact,
        loss: fit.loss,
        warnings: [prepared.warnings, fit.warnings].concat(),
    })
}

/// Scores rows of a dataset, those that the model can take.
pub fn score(artifact: &model::Pipeline, dataset: &Dataset, rows: &[usize]) -> std::result::Result<Scored, String> {
    let (kept, mut outputs) = outputs(artifact, dataset, rows)?;
    let (predicted, probabilities) = match &artifact.output {
        Output::Several(_) => (outputs.remove(0), outputs),
        // The number, or the probability of the second class.
        Output::Number(_) | Output::Classes(_) => (outputs.pop().unwrap_or_default(), Vec::new()),
    };
    Ok(Scored {
        actual: kept.iter().map(|&row| dataset.target[row]).collect(),
        predictions: Predictions {
            predicted,
            probabilities,
        },
        left_out: rows.len() - kept.len(),
        rows: kept,
    })
}

/// Of the rows that the model can take, all that it says, by output.
fn outputs(
    artifact: &model::Pipeline,
    dataset: &Dataset,
    rows: &[usize],
) -> std::result::Result<(Vec<usize>, Vec<Vec<f64>>), String> {
    let steps = Steps::of(artifact).map_err(|defect| defect.to_string())?;
    let columns = preprocess::columns(&artifact.inputs, &dataset.features, rows)?;
    let good: Vec<usize> = (0..rows.len())
        .filter(|&row| preprocess::is_good(&artifact.inputs, &columns, row))
        .collect();
    let columns: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| good.iter().map(|&row| column[row]).collect())
        .collect();
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let outputs = artifact.signature().outputs.len();
    let mut out = vec![0.0; outputs * good.len()];
    steps.predict(&slices, &mut out);
    let said = (0..outputs)
        .map(|i| out[i * good.len()..][..good.len()].to_vec())
        .collect();
    Ok((good.iter().map(|&row| rows[row]).collect(), said))
}

/// What later data is held against: the training rows, also those that were left out for a missing value, and what the model
/// says of the others.
fn baseline(fitted: &Fitted, dataset: &Dataset) -> std::result::Result<Baseline, String> {
    let (rows, said) = outputs(&fitted.artifact, dataset, &fitted.test.rows)?;
    let target: Vec<f64> = rows.iter().map(|&row| dataset.target[row]).collect();
    let classes: Vec<Option<usize>> = target.iter().map(|&y| Some(y as usize)).collect();
    let actual = match dataset.classes {
        Some(_) => Actual::Classes(&classes),
        None => Actual::Numbers(&target),
    };
    let outputs = fitted.artifact.signature().outputs;
    let mut features = dataset.features.select(&dataset.parts.train);
    let inputs = &fitted.artifact.inputs;
    features
        .columns
        .retain(|series| inputs.iter().any(|input| input.name == series.name));
    Ok(Baseline {
        rows_of: Some(format!(
            "{} that it was trained on; outcomes of {} that were kept to evaluate on",
            count(features.rows as u64, "row"),
            rows.len()
        )),
        header: dataset.header.clone(),
        outcomes: Some(Outcomes::of(&outputs, &said, Some((&dataset.target_name, actual)))),
        ..features.baseline()
    })
}

fn check_target(dataset: &Dataset, target: &[f64]) -> std::result::Result<(), String> {
    let name = &dataset.target_name;
    let Some(classes) = &dataset.classes else {
        return match target.iter().all(|y| *y == target[0]) {
            true => Err(format!(
                "the target {name:?} is {} in all training rows: there is nothing to learn",
                target[0]
            )),
            false => Ok(()),
        };
    };
    for (place, class) in classes.iter().enumerate() {
        let count = target.iter().filter(|y| **y as usize == place).count();
        if count < CLASS_ROWS_MIN {
            return Err(format!(
                "not enough rows per class: {count} of {} training rows have {name:?} = {class:?}, and there must be {CLASS_ROWS_MIN}; \
                 give more examples, or split them otherwise",
                target.len()
            ));
        }
    }
    Ok(())
}
