//! How well a model predicts each group of rows: those with the same category, text or boolean in a column.

use super::bootstrap::{self, Interval};
use super::inputs::Grouped;
use super::metrics::Task;
use super::rows::Rows;
use super::{Examples, Metric};
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Of fewer rows a figure says nothing; they are counted.
pub const ROWS_MIN: usize = 20;
/// The largest groups of a column; the others are counted.
const GROUPS: usize = 12;
/// Columns beyond these are named, not parted: the intervals of each cost as much as those of all rows.
const COLUMNS: usize = 30;
/// Of more rows of a group, so many stand for all in its interval.
const RESAMPLED: usize = 5_000;

/// One column's groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    pub column: String,
    /// The largest first.
    pub groups: Vec<Group>,
    /// Groups of fewer than 20 rows, and those beyond the twelve largest; and how many rows they have.
    pub rest: usize,
    pub rest_rows: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub rows: usize,
    /// The task's main metric, where it is defined.
    pub value: Option<f64>,
    pub interval: Option<Interval>,
    /// The means of what came true and of what was predicted: shares of yes, or numbers. None of several classes.
    pub means: Option<(f64, f64)>,
    /// Is its interval wholly on the worse side of the figure of all rows?
    pub worse: bool,
}

/// `columns`: those that can be parted, and their names. `all`: the main metric of all rows.
pub fn slices(
    task: Task,
    examples: &Examples,
    columns: &[(String, Grouped)],
    all: Option<f64>,
    seed: u64,
) -> Vec<Slices> {
    let columns = columns.iter().take(COLUMNS);
    columns
        .map(|(name, grouped)| of_column(task, examples, name, grouped, all, seed))
        .collect()
}

fn of_column(task: Task, examples: &Examples, column: &str, grouped: &Grouped, all: Option<f64>, seed: u64) -> Slices {
    let mut rows_of = vec![Vec::new(); grouped.names.len()];
    for (row, &place) in grouped.places.iter().enumerate() {
        rows_of[place].push(row);
    }
    let mut groups: Vec<(&String, Vec<usize>)> = grouped.names.iter().zip(rows_of).collect();
    groups.retain(|(_, rows)| !rows.is_empty());
    // Equally large ones stay in the model's order.
    groups.sort_by_key(|(_, rows)| Reverse(rows.len()));
    let shown = groups
        .iter()
        .take(GROUPS)
        .filter(|(_, rows)| rows.len() >= ROWS_MIN)
        .count();
    let rest = &groups[shown..];
    Slices {
        column: column.into(),
        rest: rest.len(),
        rest_rows: rest.iter().map(|(_, rows)| rows.len()).sum(),
        groups: groups[..shown]
            .iter()
            .map(|(name, rows)| group(task, examples, name, rows, all, seed))
            .collect(),
    }
}

fn group(task: Task, examples: &Examples, name: &str, rows: &[usize], all: Option<f64>, seed: u64) -> Group {
    let of_rows = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    let (actual, predicted) = (of_rows(examples.actual), of_rows(examples.predicted));
    // No main metric takes the probabilities of several classes.
    let ready = Rows::new(task, &Examples::plain(&actual, &predicted));
    let figures = ready.metrics(|_| 1);
    let interval = bootstrap::of_at_most(RESAMPLED, task, &ready, &figures, seed)[0];
    let worse = interval
        .zip(all)
        .is_some_and(|(interval, all)| match Metric::main(task).larger_is_better() {
            true => interval.upper < all,
            false => interval.lower > all,
        });
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Group {
        name: name.into(),
        rows: rows.len(),
        value: figures[0],
        interval,
        means: (!matches!(task, Task::Multiclass { .. })).then(|| (mean(&actual), mean(&predicted))),
        worse,
    }
}

/// `[{"column": "city", "groups": [{"name": "Oslo", "rows": 40, "value": 0.8, "interval": {...}}], "rest": {"groups": 3, "rows": 9}}]`
pub fn json(metric: Metric, slices: &[Slices]) -> Value {
    let group = |group: &Group| {
        let interval = group.interval.map(|i| json!({ "lower": i.lower, "upper": i.upper }));
        json!({
            "name": group.name,
            "rows": group.rows,
            "value": group.value,
            "interval": interval,
            "actual_mean": group.means.map(|means| means.0),
            "predicted_mean": group.means.map(|means| means.1),
            "worse": group.worse,
        })
    };
    let slices = slices.iter().map(|slices| {
        json!({
            "column": slices.column,
            "groups": slices.groups.iter().map(group).collect::<Vec<Value>>(),
            "rest": { "groups": slices.rest, "rows": slices.rest_rows },
        })
    });
    json!({ "metric": metric.name(), "columns": slices.collect::<Vec<Value>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Evaluation;

    /// 300 rows of `a`, which is predicted well, 100 of `b`, at random, 30 each of eleven more and 5 of `z`.
    fn grouped() -> (Grouped, Vec<f64>, Vec<f64>) {
        let mut names: Vec<String> = ["z", "a", "b"].map(String::from).to_vec();
        names.extend((0..11).map(|i| format!("c{i:02}")));
        let places: Vec<usize> = (0..735)
            .map(|row| match row {
                0..300 => 1,
                300..400 => 2,
                400..730 => 3 + (row - 400) / 30,
                _ => 0,
            })
            .collect();
        let actual: Vec<f64> = (0..735).map(|row| f64::from(u8::from(row * 7919 % 3 == 0))).collect();
        let predicted = (0..735).map(|row| match row {
            300..400 => (row * 31 % 100) as f64 / 100.0,
            _ => 0.2 + 0.5 * actual[row] + (row * 17 % 29) as f64 / 200.0,
        });
        let predicted = predicted.collect();
        (Grouped { names, places }, actual, predicted)
    }

    #[test]
    fn the_largest_groups_have_figures_of_their_own_and_the_others_are_counted() {
        let (grouped, actual, predicted) = grouped();
        let task = Task::Classification { threshold: 0.5 };
        let examples = Examples::plain(&actual, &predicted);
        let all = Evaluation::of(task, &examples, 0).main().value;
        let found = slices(task, &examples, &[("city".into(), grouped)], all, 0);
        let [of_city] = &found[..] else { panic!() };
        assert_eq!((of_city.groups.len(), of_city.rest, of_city.rest_rows), (12, 2, 30 + 5));
        let [a, b, ..] = &of_city.groups[..] else { panic!() };
        assert_eq!(
            (a.name.as_str(), a.rows, a.value, a.worse),
            ("a", 300, Some(1.0), false)
        );
        assert_eq!((b.name.as_str(), b.rows, b.worse), ("b", 100, true));
        // What the group alone would have.
        let alone = Evaluation::of(task, &Examples::plain(&actual[300..400], &predicted[300..400]), 0);
        assert_eq!((b.value, b.interval), (alone.main().value, alone.main().interval));
        let mean = predicted[300..400].iter().sum::<f64>() / 100.0;
        assert!((b.means.unwrap().1 - mean).abs() < 1e-12);
        let json = json(Metric::RocAuc, &found);
        assert_eq!(json["columns"][0]["rest"]["groups"], 2);
        assert_eq!(json["columns"][0]["groups"][1]["worse"], true);
    }

    #[test]
    fn a_group_in_which_nothing_differs_has_no_figure() {
        let grouped = Grouped {
            names: vec!["a".into(), "never".into()],
            places: vec![0; 40],
        };
        let examples = Examples::plain(&[1.0; 40], &[0.5; 40]);
        let found = slices(Task::Regression, &examples, &[("x".into(), grouped)], Some(0.5), 0);
        assert_eq!((found[0].groups.len(), found[0].rest), (1, 0));
        assert_eq!((found[0].groups[0].value, found[0].groups[0].worse), (None, false));
    }
}
