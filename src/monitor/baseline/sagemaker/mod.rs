//! The baseline of an Amazon SageMaker Model Monitor -> a baseline: `statistics.json`, whose arithmetic is that of Deequ 2.0.2
//! (KLL sketches, ten equal buckets), and `constraints.json`, with all spellings of both that were seen.

mod constraints;
mod sketch;
mod statistics;

use super::{Baseline, Column, Outcomes};
use crate::model::{self, Signature, Type, unicode};
use constraints::Constraints;
use serde_json::Value;
use statistics::Feature;

/// What was made of the files.
#[derive(Clone, Debug)]
pub struct Imported {
    pub baseline: Baseline,
    /// What couldn't be taken, and why.
    pub remarks: Vec<String>,
}

/// Reads the columns of a model. `constraints`: None where there is no such file.
///
/// # Errors
/// The files are others, or of another model.
pub fn import(statistics: &[u8], constraints: Option<&[u8]>, signature: &Signature) -> Result<Imported, String> {
    let json = |text: &[u8], what: &str| {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        serde_json::from_slice::<Value>(text).map_err(|e| format!("not the JSON of {what}: {e}"))
    };
    let statistics = json(statistics, "statistics.json")?;
    let constraints = constraints.map_or(Ok(Value::Null), |text| json(text, "constraints.json"))?;
    let listed = statistics["features"].as_array();
    let listed = listed.ok_or("these are no statistics of a model monitor: there is no list of \"features\"")?;
    let features: Vec<Feature> = listed.iter().filter_map(Feature::read).collect();
    let source = Source::of(features, &constraints, &signature.inputs)?;
    let mut remarks = source.remarks();
    let inputs = signature.inputs.iter().enumerate();
    let inputs: Vec<Column> = inputs.map(|(i, input)| source.column(i, input, &mut remarks)).collect();
    let outputs = &signature.outputs;
    let known = outputs.iter().any(|output| source.find(&output.name).is_some());
    let rows = number(&statistics["dataset"]["item_count"]).map(|rows| rows.max(0.0) as u64);
    let rows = rows.unwrap_or_else(|| inputs.iter().map(|c| c.count + c.missing).max().unwrap_or(0));
    let outcomes = known.then(|| Outcomes {
        rows,
        columns: outputs
            .iter()
            .map(|output| source.named(output, &mut remarks))
            .collect(),
        ..Outcomes::default()
    });
    remarks.extend(source.left_out(signature));
    remarks.extend(source.bars(signature));
    Ok(Imported {
        baseline: Baseline {
            rows_of: Some("SageMaker's statistics.json".into()),
            outcomes,
            ..Baseline::new(rows as usize, inputs)
        },
        remarks,
    })
}

/// A number, also as a text; none that isn't finite.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// The features of the file.
struct Source<'a> {
    features: Vec<Feature<'a>>,
    constraints: &'a Value,
    /// They have no names (`_c0`): each is the input in its place.
    by_place: bool,
}

impl<'a> Source<'a> {
    fn of(features: Vec<Feature<'a>>, constraints: &'a Value, inputs: &[model::Column]) -> Result<Source<'a>, String> {
        let mut source = Source {
            features,
            constraints,
            by_place: false,
        };
        if inputs.iter().any(|input| source.find(&input.name).is_some()) {
            return Ok(source);
        }
        let unnamed = |(i, feature): (usize, &Feature)| feature.name.trim_start_matches('_') == format!("c{i}");
        let count = source.features.len();
        if count == 0 || !source.features.iter().enumerate().all(unnamed) {
            let names: Vec<&str> = source.features.iter().take(20).map(|feature| feature.name).collect();
            return Err(format!("it has no column of the model; it has: {}", names.join(", ")));
        }
        if count != inputs.len() {
            return Err(format!(
                "its {count} columns have no names, but numbers (_c0), and the model takes {}: which is which can't be told; make \
                 the baseline of the rows themselves, with a header: transform monitor baseline",
                inputs.len()
            ));
        }
        source.by_place = true;
        Ok(source)
    }

    fn find(&self, name: &str) -> Option<&Feature<'a>> {
        let name = unicode::name(name);
        let mut features = self.features.iter();
        features.find(|feature| unicode::name(feature.name) == name)
    }

    /// An input, which is column `place` of the model.
    fn column(&self, place: usize, input: &model::Column, remarks: &mut Vec<String>) -> Column {
        match self.by_place {
            true => self.read(&self.features[place], input, remarks),
            false => self.named(input, remarks),
        }
    }

    fn named(&self, column: &model::Column, remarks: &mut Vec<String>) -> Column {
        let name = &column.name;
        match self.find(name) {
            Some(feature) => self.read(feature, column, remarks),
            None => {
                remarks.push(format!(
                    "{name:?} isn't in statistics.json: nothing can be held against it"
                ));
                Column::unknown(name, column.kind.is_number())
            }
        }
    }

    fn read(&self, feature: &Feature, column: &model::Column, remarks: &mut Vec<String>) -> Column {
        let name = &column.name;
        let read = match column.kind {
            Type::String => feature.texts(name, &self.constraints_of(feature).domain),
            Type::Category => {
                let classes: Vec<String> = column.categories.iter().map(ToString::to_string).collect();
                feature.classes(name, &classes)
            }
            kind => feature.numbers(name, kind == Type::Boolean || column.boolean),
        };
        read.unwrap_or_else(|why| {
            remarks.push(format!("{name:?}: {why}; nothing can be held against it"));
            Column::unknown(name, column.kind.is_number())
        })
    }

    fn constraints_of(&self, feature: &Feature) -> Constraints<'a> {
        constraints::of_feature(self.constraints, feature.name, feature.complete())
    }

    fn remarks(&self) -> Vec<String> {
        let by_place =
            "statistics.json has no names, but numbers (_c0): each column was taken for the input in its place";
        self.by_place.then(|| by_place.to_string()).into_iter().collect()
    }

    /// Features that are none of the model's columns.
    fn left_out(&self, signature: &Signature) -> Option<String> {
        let columns = || signature.inputs.iter().chain(&signature.outputs);
        let is_known = |name: &str| columns().any(|column| unicode::name(&column.name) == unicode::name(name));
        let unknown = self
            .features
            .iter()
            .map(|feature| feature.name)
            .filter(|name| !is_known(name));
        let unknown: Vec<String> = unknown.map(|name| format!("{name:?}")).collect();
        (!self.by_place && !unknown.is_empty())
            .then(|| format!("left out, for the model has no such column: {}", unknown.join(", ")))
    }

    /// What the constraints say of bars.
    fn bars(&self, signature: &Signature) -> Option<String> {
        let mut bars = constraints::of_all(self.constraints);
        let known = |feature: &&Feature| {
            let mut columns = signature.inputs.iter().chain(&signature.outputs);
            self.by_place || columns.any(|column| unicode::name(&column.name) == unicode::name(feature.name))
        };
        for feature in self.features.iter().filter(known) {
            let own = self.constraints_of(feature).bars;
            bars.extend(own.into_iter().map(|bar| format!("{bar} of {:?}", feature.name)));
        }
        (!bars.is_empty()).then(|| {
            format!(
                "not taken from constraints.json, for bars are set in [monitor]: {}",
                bars.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests;
