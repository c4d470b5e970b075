//! A lineup and the settings that it scores by.

use super::Shape;
use crate::score::Lineup;
use crate::score::binding::features;
use crate::score::cell::Feature;
use std::sync::Arc;

/// What makes outputs of inputs, with all that is the same for every input: of a model with many categories, it takes longer
/// than a small file.
pub struct Scorer {
    pub lineup: Arc<Lineup>,
    pub shape: Shape,
    /// Of the columns that the lineup takes.
    pub features: Arc<[Feature]>,
}

impl Scorer {
    pub fn new(lineup: Arc<Lineup>, shape: Shape) -> Scorer {
        let columns = lineup.signature().inputs.iter();
        Scorer {
            features: features(columns, &shape.spelling).into(),
            lineup,
            shape,
        }
    }
}
