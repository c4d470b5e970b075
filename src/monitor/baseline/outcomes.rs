//! What a model said of rows that it wasn't trained on, beside what was true.

use super::Column;
use crate::model;
use crate::monitor::performance::Reference;
use serde::{Deserialize, Serialize};

/// How the errors are spread, by neighbouring rows.
const CHUNKS: usize = 10;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    pub rows: u64,
    /// The model's outputs, in its order: labels as categories, numbers and probabilities in bins.
    pub columns: Vec<Column>,
    /// What was true: the share of each class, or the target in bins. None where nobody knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Column>,
    /// Of a model that gives one number: in ten parts of the rows, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Errors>,
    /// Of a model that gives a probability for each class: what its probabilities were worth. None of fewer than 100 rows, or where
    /// nobody knew what was true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<Reference>,
}

/// Sums over rows of prediction minus truth, in the target's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    pub rows: u64,
    pub sum: f64,
    pub absolute: f64,
    pub squared: f64,
}

/// What was true of each row.
#[derive(Clone, Copy, Debug)]
pub enum Actual<'a> {
    /// The place of the class among the label's categories; None where it isn't known.
    Classes(&'a [Option<usize>]),
    /// NaN where it isn't known.
    Numbers(&'a [f64]),
}

impl Outcomes {
    /// `said`: of each output what the model gave for each row, labels by their places among the categories. `actual`: the name
    /// of the target, and what was true.
    pub fn of(outputs: &[model::Column], said: &[Vec<f64>], actual: Option<(&str, Actual)>) -> Outcomes {
        let rows = said.first().map_or(0, Vec::len);
        let columns = outputs.iter().zip(said);
        let columns = columns.map(|(output, said)| match output.kind.is_number() {
            true => Column::of_numbers(&output.name, said),
            false => classes(&output.name, output, said.iter().map(|&code| class(code))),
        });
        let target = actual.map(|(name, actual)| match (actual, outputs.first()) {
            (Actual::Classes(actual), Some(label)) => classes(name, label, actual.iter().copied()),
            (Actual::Numbers(actual), _) => Column::of_numbers(name, actual),
            (Actual::Classes(_), None) => Column::of_counts(name, [], 0, 0),
        });
        let errors = match (actual, said) {
            (Some((_, Actual::Numbers(actual))), [predicted]) => errors(predicted, actual),
            _ => Vec::new(),
        };
        let performance = match actual {
            Some((_, Actual::Classes(actual))) => performance(outputs, said, actual),
            _ => None,
        };
        Outcomes {
            rows: rows as u64,
            columns: columns.collect(),
            target,
            errors,
            performance,
        }
    }
}

/// Of the rows of which all is known. Of yes and no, the probability of yes alone counts.
fn performance(outputs: &[model::Column], said: &[Vec<f64>], actual: &[Option<usize>]) -> Option<Reference> {
    let (label, scores) = said.split_first()?;
    let classes = outputs.first()?.categories.len();
    if classes < 2 || scores.len() != classes || !outputs[1..].iter().all(|output| output.kind.is_number()) {
        return None;
    }
    let scores = if classes == 2 { &scores[1..] } else { scores };
    let known = |row: &usize| Some((*row, class(label[*row])?, actual[*row]?));
    let known: Vec<(usize, usize, usize)> = (0..label.len()).filter_map(|row| known(&row)).collect();
    let scores: Vec<Vec<f64>> = scores
        .iter()
        .map(|scores| known.iter().map(|(row, ..)| scores[*row]).collect())
        .collect();
    let scores: Vec<&[f64]> = scores.iter().map(Vec::as_slice).collect();
    let predicted: Vec<usize> = known.iter().map(|&(_, predicted, _)| predicted).collect();
    let labels: Vec<usize> = known.iter().map(|&(.., label)| label).collect();
    Reference::of(&scores, &predicted, &labels)
}

/// A label's place, as models give it.
fn class(code: f64) -> Option<usize> {
    (code >= 0.0).then_some(code as usize)
}

/// Labels as a column: all classes are listed, also those that never came.
fn classes(name: &str, label: &model::Column, places: impl Iterator<Item = Option<usize>>) -> Column {
    let names: Vec<String> = label.categories.iter().map(ToString::to_string).collect();
    let (mut counts, mut missing) = (vec![0; names.len()], 0);
    for place in places {
        match place.and_then(|place| counts.get_mut(place)) {
            Some(count) => *count += 1,
            None => missing += 1,
        }
    }
    Column::of_counts(name, names.iter().map(String::as_str).zip(counts), 0, missing)
}

/// None where they are beyond all numbers, which JSON doesn't have.
fn errors(predicted: &[f64], actual: &[f64]) -> Vec<Errors> {
    let known: Vec<f64> = predicted
        .iter()
        .zip(actual)
        .filter(|(_, actual)| !actual.is_nan())
        .map(|(predicted, actual)| predicted - actual)
        .collect();
    let ends = (0..=CHUNKS).map(|i| i * known.len() / CHUNKS).collect::<Vec<_>>();
    let chunks = ends.windows(2).filter(|ends| ends[0] < ends[1]);
    let errors: Vec<Errors> = chunks.map(|ends| Errors::of(&known[ends[0]..ends[1]])).collect();
    match errors.iter().all(|e| e.squared.is_finite()) {
        true => errors,
        false => Vec::new(),
    }
}

impl Errors {
    fn of(differences: &[f64]) -> Errors {
        differences.iter().fold(Errors::default(), |sums, difference| Errors {
            rows: sums.rows + 1,
            sum: sums.sum + difference,
            absolute: sums.absolute + difference.abs(),
            squared: sums.squared + difference * difference,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Type};

    #[test]
    fn labels_are_categories_and_classes_that_never_came_are_listed() {
        let classes = ["no", "yes", "maybe"].map(|name| Category::Text(name.into()));
        let label = model::Column {
            categories: classes.to_vec(),
            ..model::Column::plain("prediction".into(), Type::Category)
        };
        let probability = |class| model::Column::plain(format!("probability_{class}"), Type::Float64);
        let outputs = [vec![label], classes.iter().map(probability).collect()].concat();
        let said = [
            vec![0.0, 1.0, 0.0, f64::NAN],
            vec![0.7, 0.2, 0.6, 0.5],
            vec![0.2, 0.8, 0.3, 0.5],
            vec![0.1, 0.0, 0.1, 0.0],
        ];
        let actual = [Some(0), Some(1), Some(1), None];
        let outcomes = Outcomes::of(&outputs, &said, Some(("y", Actual::Classes(&actual))));
        let label = &outcomes.columns[0];
        assert_eq!((label.counts().bins, label.missing), (vec![2, 1, 0], 1));
        assert_eq!(outcomes.columns[3].name, "probability_maybe");
        let target = outcomes.target.unwrap();
        assert_eq!(
            (target.name.as_str(), target.counts().bins, target.missing),
            ("y", vec![2, 1, 0], 1)
        );
        assert_eq!((outcomes.rows, outcomes.errors), (4, vec![]));
    }

    #[test]
    fn errors_are_summed_in_ten_parts_that_hold_every_known_row_once() {
        let output = [model::Column::plain("prediction".into(), Type::Float64)];
        let of = |rows: usize| {
            let predicted: Vec<f64> = (0..rows).map(|i| i as f64).collect();
            let mut actual: Vec<f64> = predicted.iter().map(|x| x - 2.0).collect();
            actual[0] = f64::NAN;
            Outcomes::of(&output, &[predicted], Some(("y", Actual::Numbers(&actual)))).errors
        };
        for rows in [1, 2, 7, 11, 104] {
            let errors = of(rows);
            assert_eq!(errors.len(), (rows - 1).min(10));
            assert_eq!(errors.iter().map(|e| e.rows).sum::<u64>(), rows as u64 - 1);
            assert!(
                errors
                    .iter()
                    .all(|e| e.sum == 2.0 * e.rows as f64 && e.squared == 2.0 * e.sum && e.absolute == e.sum)
            );
        }
    }

    /// 120 rows of yes and no; a probability of yes that is right, and one row whose truth nobody knows.
    #[test]
    fn what_probabilities_were_worth_is_of_the_rows_of_which_all_is_known() {
        let classes = ["no", "yes"].map(|name| Category::Text(name.into()));
        let label = model::Column {
            categories: classes.to_vec(),
            ..model::Column::plain("prediction".into(), Type::Category)
        };
        let probability = |class| model::Column::plain(format!("probability_{class}"), Type::Float64);
        let outputs = [vec![label], classes.iter().map(probability).collect()].concat();
        let yes: Vec<f64> = (0..120).map(|i| f64::from(i * 37 % 120) / 120.0).collect();
        let no = yes.iter().map(|p| 1.0 - p).collect();
        let predicted = yes.iter().map(|p| f64::from(u8::from(*p >= 0.5))).collect();
        let mut actual: Vec<Option<usize>> = (0..120).map(|i| Some(usize::from(i * 37 % 120 > i % 90))).collect();
        actual[7] = None;
        let said = [predicted, no, yes];
        let of =
            |actual: &[Option<usize>]| Outcomes::of(&outputs, &said, Some(("y", Actual::Classes(actual)))).performance;
        let reference = of(&actual).unwrap();
        assert_eq!(
            (reference.rows, reference.classes.len(), reference.chunks.len()),
            (119, 1, 10)
        );
        // Too few to say.
        assert_eq!(of(&vec![None; 120]), None);
        // A model without probabilities.
        let label = [outputs[0].clone()];
        let outcomes = Outcomes::of(&label, &said[..1], Some(("y", Actual::Classes(&actual))));
        assert_eq!(outcomes.performance, None);
    }

    /// JSON has no infinity: what was written couldn't be read again.
    #[test]
    fn errors_beyond_all_numbers_are_left_out() {
        let output = [model::Column::plain("prediction".into(), Type::Float64)];
        for wild in [f64::INFINITY, 1e200] {
            let actual = Actual::Numbers(&[0.0, 0.0]);
            assert_eq!(
                Outcomes::of(&output, &[vec![wild, 1.0]], Some(("y", actual))).errors,
                []
            );
        }
    }
}
