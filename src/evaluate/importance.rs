//! What a model's inputs are worth to it: how much worse it predicts where the cells of one are shuffled among the rows
//! (Breiman 2001; scikit-learn's `permutation_importance`).

use super::bootstrap::{below, some_of};
use super::inputs::Inputs;
use super::rows::figure;
use super::scoring::Target;
use super::{Examples, Metric};
use crate::model::Model;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde_json::{Value, json};

/// As scikit-learn's.
const REPEATS: usize = 5;
/// Of more rows, so many stand for all; the standard error of a share is then half a percent.
const ROWS: usize = 10_000;
/// Of a model of many columns fewer rows stand for all, so that some seconds suffice: so many rows are scored...
const SCORED: usize = 1_000_000;
/// ...but not on fewer rows than these.
const ROWS_MIN: usize = 200;

/// How much each input is worth, on rows that the model wasn't trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The task's main one.
    pub metric: Metric,
    /// Of these rows as they are.
    pub value: Option<f64>,
    /// Those that were scored, each input shuffled among them, and how many there are.
    pub rows: usize,
    pub of: usize,
    pub repeats: usize,
    /// In the model's order.
    pub inputs: Vec<Input>,
}

/// How far the metric drops where an input is shuffled; negative, where it rises.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub name: String,
    /// None where the metric is undefined.
    pub mean: Option<f64>,
    /// Over the repeats, divided by their number.
    pub sd: Option<f64>,
}

impl Importance {
    /// `actual`: by the rows of `inputs`. The same seed gives the same, on any number of threads.
    pub fn of(model: &Model, target: &Target, inputs: &Inputs, actual: &[f64], seed: u64) -> Importance {
        let columns = model.signature().inputs.len();
        let most = (SCORED / (columns.max(1) * REPEATS)).clamp(ROWS_MIN, ROWS);
        Importance::of_at_most(most, REPEATS, model, target, inputs, actual, seed)
    }

    fn of_at_most(
        most: usize,
        repeats: usize,
        model: &Model,
        target: &Target,
        inputs: &Inputs,
        actual: &[f64],
        seed: u64,
    ) -> Importance {
        let of = inputs.rows();
        let chosen = some_of(of, most, seed);
        let inputs = inputs.select(&chosen);
        let actual: Vec<f64> = chosen.iter().map(|&row| actual[row]).collect();
        let metric = Metric::main(target.task);
        let rows = inputs.rows();
        let columns = &model.signature().inputs;
        let value_of = |input: usize, order: &[usize]| {
            let predicted = inputs.permuted(input, order).predict(model, target);
            let actual: Vec<f64> = predicted.rows.iter().map(|&row| actual[row]).collect();
            // No main metric takes the probabilities of several classes.
            figure(metric, target.task, &Examples::plain(&actual, &predicted.values))
        };
        let as_they_are: Vec<usize> = (0..rows).collect();
        let value = (!columns.is_empty()).then(|| value_of(0, &as_they_are)).flatten();
        let drop = |(input, repeat): (usize, usize)| {
            let value = value?;
            if inputs.is_constant(input) {
                return Some(0.0);
            }
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream((input * repeats + repeat + 1) as u64);
            let mut order = as_they_are.clone();
            // Fisher and Yates; Knuth, TAOCP 2, 3.4.2, algorithm P.
            for last in (1..rows).rev() {
                order.swap(last, below(&mut random, last + 1));
            }
            let better = if metric.larger_is_better() { 1.0 } else { -1.0 };
            Some(better * (value - value_of(input, &order)?))
        };
        let all = columns.len() * repeats;
        let pairs = (0..all).into_par_iter().map(|i| (i / repeats, i % repeats));
        let drops: Vec<Option<f64>> = pairs.map(drop).collect();
        let inputs = columns.iter().zip(drops.chunks(repeats)).map(|(column, drops)| {
            let drops: Option<Vec<f64>> = drops.iter().copied().collect();
            let mean = drops.as_ref().map(|drops| drops.iter().sum::<f64>() / repeats as f64);
            let sd = drops.zip(mean).map(|(drops, mean)| {
                let squares: f64 = drops.iter().map(|drop| (drop - mean) * (drop - mean)).sum();
                (squares / repeats as f64).sqrt()
            });
            Input {
                name: column.name.clone(),
                mean,
                sd,
            }
        });
        Importance {
            metric,
            value,
            rows,
            of,
            repeats,
            inputs: inputs.collect(),
        }
    }

    /// `{"metric": "r2", "value": 0.47, "rows": 20, "of_rows": 20, "repeats": 5, "inputs": [{"name": "x", "mean": 0.9, "sd": 0.1}]}`;
    /// in the model's order; what is undefined is null.
    pub fn json(&self) -> Value {
        let inputs = self.inputs.iter();
        let inputs: Vec<Value> = inputs
            .map(|Input { name, mean, sd }| json!({ "name": name, "mean": mean, "sd": sd }))
            .collect();
        json!({
            "metric": self.metric.name(),
            "value": self.value,
            "rows": self.rows,
            "of_rows": self.of,
            "repeats": self.repeats,
            "inputs": inputs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Task;
    use crate::format::Dialect;
    use crate::format::csv::table::Table;
    use crate::model::Format;
    use crate::score::Spelling;

    const CSV: &str = include_str!("../../tests/fixtures/evaluation/importance.csv");
    const REGRESSION: Target = Target {
        task: Task::Regression,
        classes: None,
    };

    fn model() -> Model {
        let artifact = br#"{"features": ["a", "b", "noise"], "coefficients": [3.0, 0.2, 0.0], "intercept": 0.0}"#;
        Model::parse(Format::Linear, artifact).unwrap()
    }

    /// The inputs of all rows of the fixture, and the target.
    fn rows(model: &Model) -> (Inputs, Vec<f64>) {
        let table = Table {
            bytes: CSV.as_bytes(),
            dialect: Dialect::plain(b','),
            spelling: &Spelling::USUAL,
            origin: Default::default(),
        };
        let all: Vec<usize> = (0..120).collect();
        let inputs = Inputs::read(model, &table, &all, &all, |_| {}).unwrap();
        let last = |line: &str| line.rsplit(',').next().unwrap().parse().unwrap();
        (inputs, CSV.lines().skip(1).map(last).collect())
    }

    /// Other shuffles than scikit-learn's, so equal within what chance leaves of a thousand.
    #[test]
    fn importance_is_that_of_scikit_learn() {
        let expected: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/evaluation/importance.json")).unwrap();
        let model = model();
        let (inputs, actual) = rows(&model);
        let found = Importance::of_at_most(ROWS, 1_000, &model, &REGRESSION, &inputs, &actual, 3);
        let r2 = expected["r2"].as_f64().unwrap();
        assert!((found.value.unwrap() - r2).abs() < 1e-12);
        for (i, input) in found.inputs.iter().enumerate() {
            let [mean, sd] = ["mean", "sd"].map(|figure| expected[figure][i].as_f64().unwrap());
            // Four standard errors of the difference of two means, and of two standard deviations.
            let error = 4.0 * sd * (2.0 / 1_000.0f64).sqrt();
            assert!((input.mean.unwrap() - mean).abs() <= error, "{input:?} {mean}");
            assert!((input.sd.unwrap() - sd).abs() <= error, "{input:?} {sd}");
        }
        // A column that the model doesn't read is worth nothing, exactly.
        assert_eq!((found.inputs[2].mean, found.inputs[2].sd), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_seed_gives_the_same_importance_whatever_the_threads() {
        let model = model();
        let (inputs, actual) = rows(&model);
        let with = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Importance::of(&model, &REGRESSION, &inputs, &actual, seed))
        };
        let one = with(1, 7);
        assert_eq!(one, with(4, 7));
        assert_ne!(one, with(4, 8));
    }

    #[test]
    fn of_many_rows_some_stand_for_all() {
        let model = model();
        let (inputs, actual) = rows(&model);
        let found = Importance::of_at_most(50, 2, &model, &REGRESSION, &inputs, &actual, 1);
        assert_eq!((found.rows, found.of, found.repeats), (50, 120, 2));
        assert!(found.inputs[0].mean.unwrap() > 0.5);
    }

    #[test]
    fn without_a_figure_there_is_no_importance() {
        let model = model();
        let (inputs, _) = rows(&model);
        let found = Importance::of(&model, &REGRESSION, &inputs, &[1.0; 120], 1);
        assert_eq!((found.value, found.inputs[0].mean), (None, None));
        let none = inputs.select(&[]);
        let found = Importance::of(&model, &REGRESSION, &none, &[], 1);
        assert_eq!((found.value, found.rows), (None, 0));
    }
}
