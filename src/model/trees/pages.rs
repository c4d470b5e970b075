//! Numbers -> ranks, as [`super::ranks`] has them, but row by row: those of a row stand together, so that one instruction brings
//! each to the tests that want it.

use super::ranks::{Axes, LANE};
use super::tree::{Reading, Seen};
use std::arch::x86_64::*;

/// Ranks of one row, by column.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Page(pub [u8; LANE]);

/// The axes of a group of trees that only compare numbers.
#[derive(Clone, Debug)]
pub struct Pages {
    axes: Vec<Axis>,
    /// The pages that a row's ranks take.
    pub each: usize,
}

/// A feature, as some tests read it.
#[derive(Clone, Debug)]
struct Axis {
    feature: usize,
    reading: Reading,
    /// The columns in which missing values pass and fail, where a test needs them.
    passing: Option<usize>,
    failing: Option<usize>,
    /// Ascending thresholds, with NaN behind them.
    thresholds: [[f64; 16]; 16],
    /// The last threshold of each sixteen.
    lasts: [f64; 16],
}

impl Pages {
    pub fn of(axes: &Axes) -> Pages {
        let axis = |(feature, reading, all, [passing, failing]): (usize, Reading, &[f64], [Option<usize>; 2])| {
            let mut thresholds = [[f64::NAN; 16]; 16];
            thresholds.as_flattened_mut()[..all.len()].copy_from_slice(all);
            Axis {
                feature,
                reading,
                passing,
                failing,
                lasts: thresholds.map(|sixteen| sixteen[15]),
                thresholds,
            }
        };
        Pages {
            axes: axes.numbers().map(axis).collect(),
            each: axes.columns.div_ceil(LANE).max(1),
        }
    }

    /// Writes the ranks of rows from `start` on. `columns`: `[feature][row]`; `single`: cut to single precision first.
    #[target_feature(enable = "avx512f,popcnt")]
    pub fn rank(&self, columns: &[&[f64]], start: usize, single: bool, rows: &mut [Page]) {
        for axis in &self.axes {
            let column = &columns[axis.feature][start..start + rows.len() / self.each];
            for (row, &x) in rows.chunks_exact_mut(self.each).zip(column) {
                let found = axis.find(if single { x as f32 as f64 } else { x });
                for (column, missing) in [(axis.passing, 0), (axis.failing, u8::MAX)] {
                    if let Some(column) = column {
                        row[column / LANE].0[column % LANE] = found.unwrap_or(missing);
                    }
                }
            }
        }
    }
}

impl Axis {
    /// The rank of a value; `None`: it is missing.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn find(&self, x: f64) -> Option<u8> {
        let Seen::Number(x) = self.reading.see(x) else {
            return None;
        };
        let x = _mm512_set1_pd(x);
        let sixteens = count_at_most(&self.lasts, x);
        Some(1 + 16 * sixteens + count_at_most(&self.thresholds[usize::from(sixteens)], x))
    }
}

/// How many are at most `x`; NaN counts as more than any.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn count_at_most(numbers: &[f64; 16], x: __m512d) -> u8 {
    let (halves, _) = numbers.as_chunks();
    let [low, high] = [0, 1].map(|i| u16::from(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(load(&halves[i]), x)));
    (low | high << 8).count_ones() as u8
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load(numbers: &[f64; 8]) -> __m512d {
    // SAFETY: a vector and an array of one size hold the same bits.
    unsafe { std::mem::transmute(*numbers) }
}
