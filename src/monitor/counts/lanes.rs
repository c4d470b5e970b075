//! What is known of a batch of numbers beside its bins: several at once, in the same order on every machine.

/// Numbers that are looked at together; also what makes sums the same on every machine.
pub const LANES: usize = 8;

/// Of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    pub missing: u64,
    /// Infinite, and above.
    pub upward: u64,
    pub downward: u64,
    pub negative: u64,
    /// Of finite numbers; `min` is above `max` where there are none.
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// What is known of numbers so far, lane by lane.
#[derive(Clone, Copy)]
pub struct Lanes {
    missing: [u64; LANES],
    upward: [u64; LANES],
    downward: [u64; LANES],
    negative: [u64; LANES],
    sum: [f64; LANES],
    min: [f64; LANES],
    max: [f64; LANES],
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes {
            missing: [0; LANES],
            upward: [0; LANES],
            downward: [0; LANES],
            negative: [0; LANES],
            sum: [0.0; LANES],
            min: [f64::INFINITY; LANES],
            max: [f64::NEG_INFINITY; LANES],
        }
    }
}

impl Lanes {
    #[inline(always)]
    pub fn take(&mut self, cells: &[f64; LANES]) {
        for (lane, &x) in cells.iter().enumerate() {
            let finite = x.abs() < f64::INFINITY;
            self.missing[lane] += u64::from(x.is_nan());
            self.upward[lane] += u64::from(x == f64::INFINITY);
            self.downward[lane] += u64::from(x == f64::NEG_INFINITY);
            self.negative[lane] += u64::from(finite && x < 0.0);
            self.sum[lane] += if finite { x } else { 0.0 };
            self.min[lane] = if finite && x < self.min[lane] {
                x
            } else {
                self.min[lane]
            };
            self.max[lane] = if finite && x > self.max[lane] {
                x
            } else {
                self.max[lane]
            };
        }
    }

    pub fn facts(&self) -> Facts {
        Facts {
            missing: self.missing.iter().sum(),
            upward: self.upward.iter().sum(),
            downward: self.downward.iter().sum(),
            negative: self.negative.iter().sum(),
            sum: self.sum.iter().sum(),
            min: self.min.iter().copied().fold(f64::INFINITY, f64::min),
            max: self.max.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}
