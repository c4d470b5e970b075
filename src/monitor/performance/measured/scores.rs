//! Rows by their probability of a class: so finely that a ranking of them is that of the rows, in a few bytes for each one that
//! differs.

use crate::evaluate::{Confusion, Ranking};
use std::collections::BTreeMap;

/// What is dropped of the 23 binary digits of a fraction: 11 are left, so a probability, or what it lacks to 1, is known to
/// one part in 4,096. Two of at most three decimals are never taken for one.
const DROPPED: u32 = 12;
/// The bin of one half.
const HALF: u32 = 0.5f32.to_bits() >> DROPPED;

/// Rows by bin of the score; in each, those that were called the class and came true, were called it and didn't, weren't and
/// came true, weren't and didn't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores(pub(super) BTreeMap<u32, [u64; 4]>);

impl Scores {
    /// Of rows without scores: 1 where they were called yes, else 0.
    pub(super) fn of(confusion: &Confusion) -> Scores {
        let &Confusion {
            true_yes,
            false_yes,
            true_no,
            false_no,
        } = confusion;
        Scores(BTreeMap::from([
            (bin(0.0), [0, 0, false_no, true_no]),
            (bin(1.0), [true_yes, false_yes, 0, 0]),
        ]))
    }

    pub(super) fn count(&mut self, score: f64, called: bool, yes: bool) {
        let counts = self.0.entry(bin(score)).or_default();
        counts[2 * usize::from(!called) + usize::from(!yes)] += 1;
    }

    pub(super) fn add(&mut self, next: &Scores) {
        for (&bin, counts) in &next.0 {
            let sums = self.0.entry(bin).or_default();
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        }
    }

    pub fn rows(&self) -> u64 {
        self.0.values().flatten().sum()
    }

    /// By ascending score: the score, whether rows were called the class, whether it came true, how many there are.
    pub fn cells(&self) -> impl Iterator<Item = (f64, bool, bool, u64)> {
        self.0.iter().flat_map(|(&bin, counts)| {
            let of = move |(kind, &count): (usize, &u64)| (score(bin), kind < 2, kind % 2 == 0, count);
            counts.iter().enumerate().map(of).filter(|cell| cell.3 > 0)
        })
    }

    /// The sum of -ln of the score, over the rows that came true.
    pub(super) fn loss(&self) -> f64 {
        let yes = self.cells().filter(|cell| cell.2);
        let loss = |(score, .., count): (f64, bool, bool, u64)| {
            -score.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln() * count as f64
        };
        yes.map(loss).sum()
    }

    pub(super) fn ranking(&self) -> Ranking {
        let mut ranking = Ranking::default();
        for [called_yes, called_no, other_yes, other_no] in self.0.values() {
            ranking.tied((called_yes + other_yes) as f64, (called_no + other_no) as f64);
        }
        ranking
    }
}

/// Ascending with the score. What is below 0 or above 1 counts as that.
pub(super) fn bin(score: f64) -> u32 {
    let bits = |share: f64| (share as f32).to_bits() >> DROPPED;
    let score = score.clamp(0.0, 1.0);
    if score <= 0.5 {
        bits(score)
    } else {
        2 * HALF - bits(1.0 - score)
    }
}

/// The shortest decimal in a bin: where scores have three decimals or fewer, that is what they were.
fn score(bin: u32) -> f64 {
    let middle = |bin: u32| f64::from(f32::from_bits(bin << DROPPED | 1 << (DROPPED - 1)));
    let middle = match bin {
        0 => return 0.0,
        HALF => return 0.5,
        low if low < HALF => middle(low),
        high if high < 2 * HALF => 1.0 - middle(2 * HALF - high),
        _ => return 1.0,
    };
    let decimals = (1..=15).map(|decimals| {
        let ten = 10f64.powi(decimals);
        (middle * ten).round() / ten
    });
    decimals
        .into_iter()
        .find(|&short| self::bin(short) == bin)
        .unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_three_decimals_are_kept_as_they_were_and_others_nearly() {
        let scores: Vec<f64> = (0..=1_000).map(|i| f64::from(i) / 1_000.0).collect();
        let bins: Vec<u32> = scores.iter().map(|&s| bin(s)).collect();
        assert!(bins.is_sorted_by(|a, b| a < b));
        for (&s, &b) in scores.iter().zip(&bins) {
            assert_eq!(score(b), s);
        }
        for (s, same) in [(-0.1, 0.0), (1.5, 1.0), (0.5, 0.5)] {
            assert_eq!(score(bin(s)), same);
        }
        for s in [1e-30, 1.234567e-5, 0.123456789, 0.7654321, 1.0 - 1.234567e-5] {
            let least = f64::min(s, 1.0 - s);
            assert!((score(bin(s)) - s).abs() <= least / 2_000.0, "{s} {}", score(bin(s)));
            assert_eq!(bin(score(bin(s))), bin(s), "{s}");
        }
        assert!(bin(1e-9) < bin(1e-8) && bin(1.0 - 1e-8) < bin(1.0 - 1e-9) && bin(1.0 - 1e-9) < bin(1.0));
    }
}
