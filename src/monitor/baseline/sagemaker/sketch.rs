//! The sketch of a distribution that Deequ writes (Karnin, Lang and Liberty 2016): of the numbers that it kept, each stands for
//! 2^level of them.

use crate::monitor::baseline::{Histogram, Quantiles};
use serde_json::Value;

/// Numbers, ascending, and how many stand at or below each.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    values: Vec<f64>,
    ends: Vec<u64>,
    /// Every number was kept.
    pub whole: bool,
}

impl Sketch {
    /// `data`: a list of numbers for each level. None where it holds none.
    pub fn read(data: &Value) -> Option<Sketch> {
        let mut items = Vec::new();
        let mut whole = true;
        for (level, numbers) in data.as_array()?.iter().enumerate() {
            let numbers = numbers.as_array()?;
            let weight = 1u64.checked_shl(u32::try_from(level).ok()?).filter(|&w| w <= 1 << 40)?;
            whole &= level == 0 || numbers.is_empty();
            items.extend(numbers.iter().filter_map(super::number).map(|x| (x, weight)));
        }
        Sketch::of(items, whole)
    }

    /// Of numbers, and how many each stands for.
    pub fn of(mut items: Vec<(f64, u64)>, whole: bool) -> Option<Sketch> {
        items.retain(|(x, weight)| x.is_finite() && *weight > 0);
        items.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut sketch = Sketch {
            values: Vec::with_capacity(items.len()),
            ends: Vec::with_capacity(items.len()),
            whole,
        };
        for (x, weight) in items {
            sketch.ends.push(sketch.count().checked_add(weight)?);
            sketch.values.push(x);
        }
        (!sketch.values.is_empty()).then_some(sketch)
    }

    /// All that they stand for.
    pub fn count(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// How many are less than this.
    pub fn below(&self, edge: f64) -> u64 {
        match self.values.partition_point(|&value| value < edge) {
            0 => 0,
            n => self.ends[n - 1],
        }
    }

    pub fn range(&self) -> [f64; 2] {
        [self.values[0], self.values[self.values.len() - 1]]
    }

    /// The numbers, each with how many it stands for.
    pub fn items(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let weights = self.ends.iter().zip(begins).map(|(end, begin)| end - begin);
        self.values.iter().copied().zip(weights)
    }

    /// As of the numbers themselves: linear between neighbours.
    pub fn quantiles(&self) -> Quantiles {
        let at = |place: u64| {
            self.values[self
                .ends
                .partition_point(|&end| end <= place)
                .min(self.values.len() - 1)]
        };
        Quantiles::of(|share| {
            let place = share * (self.count() - 1) as f64;
            let part = place.fract();
            at(place as u64) * (1.0 - part) + at((place as u64 + 1).min(self.count() - 1)) * part
        })
    }

    /// In the bins that a baseline of rows would have.
    pub fn histogram(&self, range: [f64; 2], quantiles: &Quantiles) -> Histogram {
        Histogram::of(range, quantiles, self.count(), |edge| self.below(edge))
    }
}
