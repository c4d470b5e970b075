//! What came true, held against what both versions said of the same rows.

use super::difference::{Pairing, Record};
use super::paired::{Loss, Measure, Paired, error, log_loss, squared_error};
use crate::score::{Spelling, label};

/// How what came true is held against outputs: squared errors of numbers; errors of labels, and log losses where the probabilities of
/// the classes are given.
#[derive(Clone, Debug)]
pub struct Scale {
    pairing: Pairing,
    /// The first one decides.
    pub measures: Vec<Measure>,
}

/// What came true in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Actual {
    Number(f64),
    /// Its place among the classes.
    Class(usize),
}

impl Scale {
    /// # Errors
    /// Why labels can't be held against these outputs.
    pub fn new(pairing: Pairing) -> Result<Scale, String> {
        let measures = match &pairing.classes {
            Some(classes) if classes.has_probabilities => vec![Measure::Error, Measure::LogLoss],
            Some(_) => vec![Measure::Error],
            None if pairing.columns.len() == 1 => vec![Measure::SquaredError],
            None => {
                let outputs = pairing.columns.len();
                return Err(format!(
                    "which of the {outputs} outputs the labels are of can't be told"
                ));
            }
        };
        Ok(Scale { pairing, measures })
    }

    /// None where the label is none of the classes, or no finite number. `spelling`: of the label.
    pub fn actual(&self, label: &str, spelling: &Spelling) -> Option<Actual> {
        match &self.pairing.classes {
            Some(classes) => label::class(label, &classes.names, spelling).map(Actual::Class),
            None => label::finite(label, spelling).map(Actual::Number),
        }
    }

    /// Of each measure, what was lost by these outputs. `side`: whose they are, the champion's (0) or the other one's.
    pub fn losses(&self, side: usize, outputs: &[&str], actual: Actual) -> Vec<f64> {
        let number = |cell: usize| outputs[cell].parse().unwrap_or(f64::NAN);
        match (&self.pairing.classes, actual) {
            (Some(classes), Actual::Class(actual)) => {
                // A class that a version doesn't know was given no chance.
                let given = classes.probabilities[actual][side].map_or(0.0, number);
                let losses = [error(outputs[0] == classes.names[actual]), log_loss(given)];
                losses[..self.measures.len()].to_vec()
            }
            (None, Actual::Number(actual)) => {
                vec![squared_error(actual, number(self.pairing.columns[0].cells[side]))]
            }
            _ => vec![f64::NAN; self.measures.len()],
        }
    }
}

/// Collects the losses of both versions in the same rows, by what is measured.
#[derive(Clone, Debug)]
pub struct Losses {
    scale: Scale,
    of: Vec<(Measure, Vec<Loss>)>,
}

impl Losses {
    pub fn new(scale: Scale) -> Losses {
        Losses {
            of: scale.measures.iter().map(|&measure| (measure, Vec::new())).collect(),
            scale,
        }
    }

    /// A row that both scored, as [`super::difference::Tally::add`] took it, and its label. `at`: when the row's input was first seen,
    /// in microseconds since 1970; `spelling`: of the label. False where the label is none of the classes, or no finite number.
    pub fn add(&mut self, record: &Record, at: i64, label: &str, spelling: &Spelling) -> bool {
        let Some(actual) = self.scale.actual(label, spelling) else {
            return false;
        };
        let [champion, shadow] = [0, 1].map(|side| self.scale.losses(side, record.outputs[side], actual));
        for ((_, all), (champion, shadow)) in self.of.iter_mut().zip(champion.into_iter().zip(shadow)) {
            all.push(Loss {
                key: record.key.into(),
                at,
                champion,
                shadow,
            });
        }
        true
    }

    /// `margin`: of the first measure, which decides; what is no difference, 0 or above.
    pub fn finish(self, margin: f64) -> Vec<Paired> {
        let margins = std::iter::once(margin).chain(std::iter::repeat(0.0));
        let measures = self.of.into_iter().zip(margins);
        measures
            .map(|((measure, losses), margin)| Paired::of(measure, losses, margin))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::fixtures::near;
    use crate::model::{Category, Column, Type};

    fn record<'a>(key: &'a str, outputs: [&'a [&'a str]; 2]) -> Record<'a> {
        Record {
            file: "a.csv",
            line: 2,
            key,
            outputs,
        }
    }

    fn classes(names: &[i64]) -> Vec<Column> {
        let mut label = Column::plain("label".into(), Type::Category);
        label.categories = names.iter().map(|name| Category::Integer(*name)).collect();
        let probabilities = names
            .iter()
            .map(|name| Column::plain(format!("p{name}"), Type::Float64));
        std::iter::once(label).chain(probabilities).collect()
    }

    fn of(champion: &[Column], shadow: &[Column]) -> Losses {
        Losses::new(Scale::new(Pairing::of(champion, shadow).unwrap()).unwrap())
    }

    #[test]
    fn labels_are_right_or_wrong_and_more_or_less_likely() {
        let mut losses = of(&classes(&[0, 1]), &classes(&[1, 0, 2]));
        let row = record("a", [&["0", "0.75", "0.25"], &["1", "0.5", "0.25", "0.25"]]);
        // As the same number; what is no class is not used.
        assert!(losses.add(&row, 0, "1.0", &Spelling::USUAL));
        assert!(losses.add(&record("b", row.outputs), 0, "2", &Spelling::USUAL));
        assert!(!losses.add(&row, 0, "3", &Spelling::USUAL) && !losses.add(&row, 0, "", &Spelling::USUAL));
        let [errors, logs] = &losses.finish(0.0)[..] else {
            panic!()
        };
        assert_eq!((errors.measure, errors.keys, errors.wins), (Measure::Error, 2, [1, 0]));
        assert_eq!(logs.measure, Measure::LogLoss);
        // The champion doesn't know class 2.
        near(logs.champion.unwrap(), (-0.25f64.ln() - f64::EPSILON.ln()) / 2.0, 1e-12);
        near(logs.shadow.unwrap(), (-0.5f64.ln() - 0.25f64.ln()) / 2.0, 1e-12);
    }

    #[test]
    fn labels_alone_have_errors_alone() {
        let with = classes(&[0, 1]);
        let losses = of(&with, &with[..1]);
        assert_eq!(
            losses
                .finish(0.0)
                .iter()
                .map(|paired| paired.measure)
                .collect::<Vec<_>>(),
            [Measure::Error]
        );
    }

    #[test]
    fn numbers_have_squared_errors() {
        let output = [Column::plain("y".into(), Type::Float64)];
        let mut losses = of(&output, &output);
        assert!(losses.add(&record("a", [&["1.0"], &["3.5"]]), 0, "3", &Spelling::USUAL));
        assert!(losses.add(&record("a", [&["NaN"], &["3.5"]]), 0, "3", &Spelling::USUAL));
        assert!(!losses.add(&record("a", [&["1.0"], &["3.5"]]), 0, "inf", &Spelling::USUAL));
        let [paired] = &losses.finish(0.5)[..] else { panic!() };
        assert_eq!(
            (paired.champion, paired.shadow, paired.lift),
            (Some(4.0), Some(0.25), Some(3.75))
        );
        assert_eq!((paired.keys, paired.left_out, paired.margin), (1, 1, 0.5));
        let two = ["y", "z"].map(|name| Column::plain(name.into(), Type::Float64));
        let why = Scale::new(Pairing::of(&two, &two).unwrap()).unwrap_err();
        assert_eq!(why, "which of the 2 outputs the labels are of can't be told");
    }
}
