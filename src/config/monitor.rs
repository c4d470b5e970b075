//! `[monitor]`: what is looked at, and what becomes of a result that is out of the ordinary.

use super::layers::Layers;
use crate::error::Result;
use crate::monitor::check::Bars;
use crate::monitor::{Action, Policy};
use serde::Deserialize;

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    data: Action,
    drift: Action,
    bias: Action,
    performance: Action,
    min_rows: u64,
    psi: f64,
}

impl Raw {
    pub fn validate(self, layers: &Layers) -> Result<Policy> {
        if self.min_rows == 0 {
            return Err(layers.invalid(&["monitor", "min_rows"], "must be at least 1"));
        }
        if !(self.psi > 0.0 && self.psi.is_finite()) {
            return Err(layers.invalid(&["monitor", "psi"], "must be a number above 0, such as 0.2"));
        }
        Ok(Policy {
            data: self.data,
            drift: self.drift,
            bias: self.bias,
            performance: self.performance,
            min_rows: self.min_rows,
            bars: Bars {
                psi: self.psi,
                ..Bars::default()
            },
        })
    }
}
