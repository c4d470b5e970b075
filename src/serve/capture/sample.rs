//! Which predictions are captured, where not all are.

use std::sync::atomic::{AtomicU64, Ordering};

/// Takes a share of what it is asked about: of any number in a row just as many, to one or two, and not every n-th, which would be one
/// client's where several ask in turns.
pub struct Sampler {
    share: f64,
    asked: AtomicU64,
}

impl Sampler {
    /// `share`: between 0 and 1.
    pub fn new(share: f64) -> Sampler {
        Sampler {
            share,
            asked: AtomicU64::new(0),
        }
    }

    /// Shall the next one be captured?
    pub fn takes(&self) -> bool {
        self.share >= 1.0 || is_taken(self.share, self.asked.fetch_add(1, Ordering::Relaxed))
    }
}

/// The multiples of the golden ratio, without their whole part, fill the interval from 0 to 1 evenly (Weyl's sequence).
fn is_taken(share: f64, place: u64) -> bool {
    const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    let fraction = place.wrapping_mul(GOLDEN_RATIO) as f64 / 2f64.powi(64);
    fraction < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_taken_of_any_stretch_and_of_each_client() {
        for share in [0.0, 0.001, 0.1, 0.5, 0.9] {
            for (first, step) in [(0, 1), (12_345, 1), (0, 2), (1, 2), (3, 7)] {
                let places = (0..10_000).map(|n| first + step * n);
                let taken = places.filter(|place| is_taken(share, *place)).count() as f64;
                let expected = share * 10_000.0;
                assert!((taken - expected).abs() <= 8.0, "{share} {step}: {taken}");
            }
        }
        let all = Sampler::new(1.0);
        assert!((0..100).all(|_| all.takes()));
        let none = Sampler::new(0.0);
        assert!(!(0..100).any(|_| none.takes()));
    }
}
