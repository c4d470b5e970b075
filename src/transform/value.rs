//! What of a prediction is counted, to see how predictions are spread.

use crate::model::{Category, Column, Signature, Type};
use crate::monitor::sketch::Sketch;

/// Of a version's outputs the one that is [compared](Signature::compared); of a label its place among the champion's.
pub struct Value {
    place: usize,
    /// Of each label, its place among the champion's.
    labels: Option<Vec<f64>>,
}

impl Value {
    /// `champion`: what the version is held against, or itself. None: it hasn't what the champion has.
    pub fn of(champion: &Signature, version: &Signature) -> Option<Value> {
        let (known, own) = (champion.outputs.first()?, version.outputs.first()?);
        if known.kind != Type::Category || own.kind != Type::Category {
            return Some(Value { place: 0, labels: None });
        }
        let compared = champion.compared();
        if compared > 0 {
            let named = |output: &Column| output.name == champion.outputs[compared].name;
            let place = version.outputs.iter().position(named)?;
            return Some(Value { place, labels: None });
        }
        let place = |label: &Category| {
            let known = known.categories.iter();
            let place = known
                .map(ToString::to_string)
                .position(|known| known == label.to_string());
            place.map(|place| place as f64)
        };
        Some(Value {
            place: 0,
            labels: Some(own.categories.iter().map(place).collect::<Option<_>>()?),
        })
    }

    /// Counts a row of `predictions`, `[output][row]`, of `rows` rows.
    pub fn count(&self, predictions: &[f64], rows: usize, row: usize, sketch: &mut Sketch) {
        let x = predictions[self.place * rows + row];
        sketch.push(match &self.labels {
            Some(labels) if !x.is_nan() => labels[x as usize],
            _ => x,
        });
    }
}
