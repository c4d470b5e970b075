//! What came true, held against what both versions said of the same rows.

use super::difference::{Classes, Pairing, Record};
use super::paired::{Loss, Measure, Paired, error, log_loss, squared_error};
use crate::score::spelling::Number;
use crate::score::{Spelling, label};

/// Collects losses by what is measured: squared errors of numbers; errors of labels, and log losses where both versions give the
/// probabilities of the classes.
#[derive(Clone, Debug)]
pub struct Losses {
    pairing: Pairing,
    of: Vec<(Measure, Vec<Loss>)>,
}

impl Losses {
    /// # Errors
    /// Why labels can't be held against these outputs.
    pub fn new(pairing: Pairing) -> Result<Losses, String> {
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
        Ok(Losses {
            pairing,
            of: measures.into_iter().map(|measure| (measure, Vec::new())).collect(),
        })
    }

    /// A row that both scored, as [`super::difference::Tally::add`] took it, and its label. `at`: when the row's input was first seen,
    /// in microseconds since 1970; `spelling`: of the label. False where the label is none of the classes, or no finite number.
    pub fn add(&mut self, record: &Record, at: i64, label: &str, spelling: &Spelling) -> bool {
        let cells = |places: [usize; 2]| [0, 1].map(|side| record.outputs[side][places[side]]);
        let number = |cell: &str| cell.parse().unwrap_or(f64::NAN);
        let losses = match &self.pairing.classes {
            None => {
                let actual = match spelling.number(label.as_bytes()) {
                    Number::Value(x) if x.is_finite() => x,
                    _ => return false,
                };
                let said = cells(self.pairing.columns[0].cells).map(number);
                vec![said.map(|said| squared_error(actual, said))]
            }
            Some(classes) => {
                let Some(actual) = label::class(label, &classes.names, spelling) else {
                    return false;
                };
                let errors = cells([0, 0]).map(|said| error(said == classes.names[actual]));
                vec![errors, log_losses(classes, actual, record)]
            }
        };
        for ((_, all), [champion, shadow]) in self.of.iter_mut().zip(losses) {
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

/// A class that a version doesn't know was given no chance.
fn log_losses(classes: &Classes, actual: usize, record: &Record) -> [f64; 2] {
    [0, 1].map(|side| {
        let given = match classes.probabilities[actual][side] {
            Some(cell) => record.outputs[side][cell].parse().unwrap_or(f64::NAN),
            None => 0.0,
        };
        log_loss(given)
    })
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

    #[test]
    fn labels_are_right_or_wrong_and_more_or_less_likely() {
        let mut losses = Losses::new(Pairing::of(&classes(&[0, 1]), &classes(&[1, 0, 2])).unwrap()).unwrap();
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
        let losses = Losses::new(Pairing::of(&with, &with[..1]).unwrap()).unwrap();
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
        let mut losses = Losses::new(Pairing::of(&output, &output).unwrap()).unwrap();
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
        let why = Losses::new(Pairing::of(&two, &two).unwrap()).unwrap_err();
        assert_eq!(why, "which of the 2 outputs the labels are of can't be told");
    }
}
