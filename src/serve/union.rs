//! Outputs of two versions in one answer: a class is told by its label, and a number keeps the digits of its own version.

use super::scoring::Predictions;
use crate::model::{Column, Signature, Type};

/// The champion's outputs, with room for what the challenger says.
pub struct Union {
    /// The champion's inputs, and these outputs.
    pub signature: Signature,
    /// Of each output, by the champion and by the challenger: where it is, and what its values become.
    sides: [Vec<(usize, Become)>; 2],
    /// The output that is held against the other version's.
    compared: usize,
}

enum Become {
    Same,
    /// A double with the digits of the single.
    Double,
    /// By the version's own index of a class.
    Class(Vec<f64>),
}

impl Union {
    /// None: the challenger has no place for one of the champion's outputs.
    pub fn of(champion: &Signature, challenger: &Signature) -> Option<Union> {
        let places = champion.places_in(challenger)?;
        let mut signature = champion.clone();
        let mut sides = [Vec::new(), Vec::new()];
        for (i, (output, place)) in signature.outputs.iter_mut().zip(places).enumerate() {
            let [first, second] = both(output, &challenger.outputs[place])?;
            sides[0].push((i, first));
            sides[1].push((place, second));
        }
        Some(Union {
            signature,
            sides,
            compared: champion.compared(),
        })
    }

    /// What of each good row's outputs is held against the other version's.
    pub fn compared(&self, is_challenger: bool, predictions: &Predictions) -> impl Iterator<Item = f64> {
        let mut values = Vec::new();
        predictions.iter().flatten().map(move |own| {
            values.clear();
            self.push(is_challenger, own, &mut values);
            self.compared_of(&values)
        })
    }

    /// Of a row of these outputs.
    pub fn compared_of(&self, values: &[f64]) -> f64 {
        values[self.compared]
    }

    /// Adds a row's outputs by one of the versions as those of [`Union::signature`].
    pub fn push(&self, is_challenger: bool, own: &[f64], values: &mut Vec<f64>) {
        let places = &self.sides[usize::from(is_challenger)];
        values.extend(places.iter().map(|(place, becomes)| becomes.of(own[*place])));
    }
}

/// Makes room in the champion's output for the challenger's; what becomes of the values of both.
fn both(output: &mut Column, other: &Column) -> Option<[Become; 2]> {
    if (output.kind == Type::Category) != (other.kind == Type::Category) {
        return None;
    }
    if output.kind == Type::Category {
        let mut class = Vec::new();
        for label in &other.categories {
            let text = label.to_string();
            let known = output.categories.iter().position(|own| own.to_string() == text);
            let place = known.unwrap_or(output.categories.len());
            if known.is_none() {
                output.categories.push(label.clone());
            }
            class.push(place as f64);
        }
        return Some([Become::Same, Become::Class(class)]);
    }
    if output.kind == other.kind {
        return Some([Become::Same, Become::Same]);
    }
    let becomes = |kind| match kind {
        Type::Float32 => Become::Double,
        _ => Become::Same,
    };
    let both = [becomes(output.kind), becomes(other.kind)];
    output.kind = Type::Float64;
    Some(both)
}

impl Become {
    fn of(&self, x: f64) -> f64 {
        match self {
            Become::Same => x,
            Become::Double => double(x as f32),
            Become::Class(_) if x.is_nan() => x,
            Become::Class(class) => class[x as usize],
        }
    }
}

/// The double whose shortest digits are the single's.
fn double(x: f32) -> f64 {
    match x.is_finite() {
        true => zmij::Buffer::new()
            .format_finite(x)
            .parse()
            .expect("digits are a number"),
        false => x.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::text;
    use crate::model::Category;
    use proptest::prelude::*;

    fn signature(outputs: Vec<Column>) -> Signature {
        Signature {
            inputs: Vec::new(),
            outputs,
        }
    }

    fn number(kind: Type) -> Signature {
        signature(vec![Column::plain("prediction".into(), kind)])
    }

    fn classes(labels: &[&str]) -> Signature {
        let label = Column {
            categories: labels.iter().map(|label| Category::Text(label.to_string())).collect(),
            ..Column::plain("prediction".into(), Type::Category)
        };
        let probability = |label: &&str| Column::plain(format!("probability_{label}"), Type::Float64);
        signature([label].into_iter().chain(labels.iter().map(probability)).collect())
    }

    fn row(union: &Union, is_challenger: bool, own: &[f64]) -> Vec<String> {
        let mut values = Vec::new();
        union.push(is_challenger, own, &mut values);
        let outputs = union.signature.outputs.iter();
        outputs.zip(values).map(|(output, x)| text(output, x)).collect()
    }

    #[test]
    fn classes_are_told_by_their_labels() {
        let union = Union::of(&classes(&["no", "yes"]), &classes(&["yes", "no"])).unwrap();
        assert_eq!(row(&union, false, &[1.0, 0.25, 0.75]), ["yes", "0.25", "0.75"]);
        assert_eq!(row(&union, true, &[0.0, 0.75, 0.25]), ["yes", "0.25", "0.75"]);
        assert_eq!(row(&union, true, &[f64::NAN, 0.5, 0.5])[0], "NaN");
        // A class that the champion doesn't know has no probability of its own there.
        let union = Union::of(&classes(&["a", "b"]), &classes(&["c", "b", "a"])).unwrap();
        assert_eq!(row(&union, true, &[0.0, 0.5, 0.2, 0.3]), ["c", "0.3", "0.2"]);
        assert!(Union::of(&classes(&["a", "b"]), &classes(&["a", "c"])).is_none());
        assert!(Union::of(&classes(&["a"]), &number(Type::Float64)).is_none());
    }

    proptest! {
        /// Whatever the precision of both versions, each row has the digits that its own version writes.
        #[test]
        fn numbers_keep_their_digits(bits: u64, single: bool, other: bool, is_challenger: bool) {
            let kind = |is_single| if is_single { Type::Float32 } else { Type::Float64 };
            let (champion, challenger) = (number(kind(single)), number(kind(other)));
            let union = Union::of(&champion, &challenger).unwrap();
            let own = if is_challenger { &challenger } else { &champion };
            let x = match own.outputs[0].kind {
                Type::Float32 => f64::from(f32::from_bits(bits as u32)),
                _ => f64::from_bits(bits),
            };
            let written = text(&own.outputs[0], x);
            let merged = &row(&union, is_challenger, &[x])[0];
            let read = |text: &str| text.parse::<f64>().unwrap();
            prop_assert!(read(&written) == read(merged) || written == *merged, "{} {}", written, merged);
        }
    }
}
