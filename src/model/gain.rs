//! What the splits of a model's trees gained when it was trained, as its library counts it.

use super::{Format, ubjson, xgboost};
use serde::Deserialize;

/// By input, in the model's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    pub counted_by: Library,
    pub inputs: Vec<Splits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Xgboost,
    Lightgbm,
}

/// The splits on one input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Splits {
    pub count: u64,
    /// By how much they reduced the loss of the training rows, added up; in the objective's unit.
    pub total: f64,
}

impl Gain {
    /// None of a format that keeps no gains, or of a file that doesn't have them.
    pub fn of(format: Format, artifact: &[u8], inputs: usize) -> Option<Gain> {
        let mut gains = vec![Splits::default(); inputs];
        let mut add = |input: usize, gain: f64| {
            let splits = gains.get_mut(input)?;
            splits.count += 1;
            splits.total += gain;
            Some(())
        };
        let library = match format {
            Format::Xgboost => of_xgboost(artifact, &mut add).map(|()| Library::Xgboost),
            Format::Lightgbm => of_lightgbm(artifact, &mut add).map(|()| Library::Lightgbm),
            Format::Linear | Format::Onnx | Format::Pipeline | Format::Ensemble => None,
        }?;
        Some(Gain {
            counted_by: library,
            inputs: gains,
        })
    }

    /// What the library calls `gain`: XGBoost the mean of an input's splits (`get_score(importance_type="gain")`), LightGBM their sum
    /// (`feature_importance("gain")`). An input without splits has 0.
    pub fn figure(&self, splits: &Splits) -> f64 {
        match self.counted_by {
            Library::Xgboost if splits.count > 0 => splits.total / splits.count as f64,
            Library::Xgboost | Library::Lightgbm => splits.total,
        }
    }
}

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    gradient_booster: Booster,
}

#[derive(Deserialize)]
struct Booster {
    model: Option<Boosted>,
    gbtree: Option<GbTree>,
}

#[derive(Deserialize)]
struct GbTree {
    model: Boosted,
}

#[derive(Deserialize)]
struct Boosted {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i32>,
    right_children: Vec<i32>,
    split_indices: Vec<usize>,
    loss_changes: Vec<f32>,
}

/// Of all trees, also those behind the best iteration, as the library does. What was pruned is not below the root.
fn of_xgboost(artifact: &[u8], add: &mut impl FnMut(usize, f64) -> Option<()>) -> Option<()> {
    let file: File = match xgboost::is_json(artifact) {
        true => serde_json::from_slice(artifact).ok()?,
        false => ubjson::from_slice(artifact).ok()?,
    };
    let booster = file.learner.gradient_booster;
    let boosted = booster.model.or(booster.gbtree.map(|inner| inner.model))?;
    for tree in boosted.trees {
        let mut nodes = vec![0];
        let mut seen = 0;
        while let Some(node) = nodes.pop() {
            let (left, right) = (*tree.left_children.get(node)?, *tree.right_children.get(node)?);
            if left < 0 {
                continue;
            }
            add(*tree.split_indices.get(node)?, f64::from(*tree.loss_changes.get(node)?))?;
            nodes.extend([usize::try_from(left).ok()?, usize::try_from(right).ok()?]);
            // A damaged file's children may be their own ancestors.
            seen += 1;
            if seen > tree.left_children.len() {
                return None;
            }
        }
    }
    Some(())
}

/// Of the splits that gained something, as the library does.
fn of_lightgbm(artifact: &[u8], add: &mut impl FnMut(usize, f64) -> Option<()>) -> Option<()> {
    let text = std::str::from_utf8(artifact).ok()?;
    let (model, _) = text.split_once("\nend of trees")?;
    for tree in model.split("\nTree=").skip(1) {
        let list = |key: &str| {
            tree.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(str::split_ascii_whitespace)
        };
        let (Some(features), Some(gains)) = (list("split_feature"), list("split_gain")) else {
            continue;
        };
        for (feature, gain) in features.zip(gains) {
            let gain: f64 = gain.parse().ok()?;
            if gain > 0.0 {
                add(feature.parse().ok()?, gain)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use std::path::Path;

    /// Each file of the fixtures against what its library says of it.
    #[test]
    fn gains_are_those_of_the_libraries() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/models/gain.json")).unwrap();
        let files = expected["files"].as_object().unwrap();
        assert!(files.len() > 20);
        for (file, expected) in files {
            let artifact = std::fs::read(models.join(file)).unwrap();
            let format = if file.ends_with(".txt") {
                Format::Lightgbm
            } else {
                Format::Xgboost
            };
            let model = Model::read(format, &artifact, true).unwrap();
            let columns = &model.signature().inputs;
            let gain = Gain::of(format, &artifact, columns.len()).unwrap();
            for (place, splits) in gain.inputs.iter().enumerate() {
                let [figure, total, count] = [0, 1, 2].map(|i| expected[place][i].as_f64().unwrap());
                assert_eq!(splits.count as f64, count, "{file} {place}");
                for (own, expected) in [(gain.figure(splits), figure), (splits.total, total)] {
                    // LightGBM writes six digits of a gain; XGBoost adds in single precision.
                    assert!(
                        (own - expected).abs() <= 1e-5 * expected.abs(),
                        "{file} {place}: {own} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_formats_and_damaged_files_have_none() {
        assert_eq!(Gain::of(Format::Linear, b"{}", 1), None);
        assert_eq!(Gain::of(Format::Xgboost, b"{}", 1), None);
        let cycle =
            br#"{"learner": {"gradient_booster": {"model": {"trees": [{"left_children": [0], "right_children": [0],
                        "split_indices": [0], "loss_changes": [1]}]}}}}"#;
        assert_eq!(Gain::of(Format::Xgboost, cycle, 1), None);
        assert_eq!(
            Gain::of(
                Format::Lightgbm,
                b"tree\nTree=0\nsplit_feature=9\nsplit_gain=1\n\nend of trees",
                1
            ),
            None
        );
    }
}
