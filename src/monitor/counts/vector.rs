//! What [`super::numbers`] does, with AVX-512: the bin of eight numbers at once by a binary search whose table stands in registers, then
//! for each edge how many bins lie above it, 64 at once.

use super::lanes::Facts;
use std::arch::x86_64::*;
use std::mem::transmute;

/// Searched beside the edges: what lies above the last one, and where negative numbers end.
const MORE: usize = 2;
/// Five steps tell so many apart.
const MOST: usize = 31;

pub fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("popcnt")
}

/// Edges, and what is searched beside them, as a balanced tree: a row for each step. What is empty is NaN, which nothing reaches.
#[derive(Clone, Debug)]
pub struct Tree {
    near: [[f64; 8]; 4],
    last: [f64; 16],
    size: usize,
    /// Where each edge stands in order, then what is just above the last one, and 0.
    edges: Vec<usize>,
    beyond: usize,
    zero: usize,
}

impl Tree {
    /// Of ascending edges; none of too many, or of none.
    pub fn of(edges: &[f64]) -> Option<Tree> {
        let beyond = edges.last()?.next_up();
        let mut all = [edges, &[beyond, 0.0]].concat();
        if edges.len() > MOST - MORE {
            return None;
        }
        all.sort_unstable_by(f64::total_cmp);
        let place = |x: f64| all.partition_point(|edge| *edge < x);
        let node = |step: usize, place: usize| {
            let at = ((2 * place + 1) << (4 - step)) - 1;
            all.get(at).copied().unwrap_or(f64::NAN)
        };
        let row = |step: usize| std::array::from_fn(|at| if at < 1 << step { node(step, at) } else { f64::NAN });
        Some(Tree {
            near: std::array::from_fn(row),
            last: std::array::from_fn(|at| node(4, at)),
            size: all.len(),
            edges: edges.iter().map(|edge| place(*edge)).collect(),
            beyond: place(beyond),
            zero: place(0.0),
        })
    }

    /// `at_least`: for each edge, how many numbers are not below it; behind them, how many are above the last one. `places`: memory.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,popcnt")]
    pub fn count(&self, cells: &[f64], at_least: &mut [u64], places: &mut Vec<u8>) -> Facts {
        let near = self.near.each_ref().map(|row| load(row));
        let [low, high] = self.last.as_chunks::<8>().0 else {
            unreachable!("16 are twice 8")
        };
        let (low, high) = (load(low), load(high));
        let first = _mm512_broadcastsd_pd(_mm512_castpd512_pd128(near[0]));
        let ones = _mm512_set1_epi64(1);
        let step = |at: __m512i, x: __m512d, node: __m512d| {
            let right = _mm512_cmp_pd_mask::<_CMP_GE_OQ>(x, node);
            let at = _mm512_add_epi64(at, at);
            _mm512_mask_or_epi64(at, right, at, ones)
        };
        let padded = cells.len().next_multiple_of(64);
        places.clear();
        places.resize(padded, 0);
        let (whole, rest) = cells.as_chunks::<8>();
        let mut last = [f64::NAN; 8];
        last[..rest.len()].copy_from_slice(rest);
        let last = (!rest.is_empty()).then_some(&last);
        let mut facts = Vectors::new();
        for (cells, place) in whole.iter().chain(last).zip(places.as_chunks_mut::<8>().0) {
            let x = load(cells);
            let at = step(_mm512_setzero_si512(), x, first);
            let at = step(at, x, _mm512_permutexvar_pd(at, near[1]));
            let at = step(at, x, _mm512_permutexvar_pd(at, near[2]));
            let at = step(at, x, _mm512_permutexvar_pd(at, near[3]));
            let at = step(at, x, _mm512_permutex2var_pd(low, at, high));
            *place = (_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(at)) as u64).to_le_bytes();
            facts.take(x);
        }
        if !rest.is_empty() {
            facts.missing -= (8 - rest.len()) as u64;
        }
        let (blocks, _) = places.as_chunks::<64>();
        let mut all = [0; MOST];
        for (edge, count) in all[..self.size].iter_mut().enumerate() {
            let edge = _mm512_set1_epi8(edge as i8);
            let above = blocks.iter().map(|block| above(block, edge));
            *count = u64::from(above.sum::<u32>());
        }
        for (count, place) in at_least.iter_mut().zip(self.edges.iter().chain([&self.beyond])) {
            *count = all[*place];
        }
        facts.facts(cells.len() as u64 - all[self.zero])
    }
}

/// What is known of numbers, by eight lanes.
struct Vectors {
    missing: u64,
    upward: u64,
    downward: u64,
    sum: __m512d,
    min: __m512d,
    max: __m512d,
}

impl Vectors {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> Vectors {
        Vectors {
            missing: 0,
            upward: 0,
            downward: 0,
            sum: _mm512_setzero_pd(),
            min: _mm512_set1_pd(f64::INFINITY),
            max: _mm512_set1_pd(f64::NEG_INFINITY),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,popcnt")]
    fn take(&mut self, x: __m512d) {
        let infinity = _mm512_set1_pd(f64::INFINITY);
        let finite = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(_mm512_abs_pd(x), infinity);
        self.sum = _mm512_mask_add_pd(self.sum, finite, self.sum, x);
        self.min = _mm512_mask_min_pd(self.min, finite, x, self.min);
        self.max = _mm512_mask_max_pd(self.max, finite, x, self.max);
        if finite != u8::MAX {
            let count = |mask: u8| u64::from(mask.count_ones());
            let lowest = _mm512_set1_pd(f64::NEG_INFINITY);
            self.missing += count(_mm512_cmp_pd_mask::<_CMP_UNORD_Q>(x, x));
            self.upward += count(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(x, infinity));
            self.downward += count(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(x, lowest));
        }
    }

    /// `not_positive`: how many are not at least 0, missing ones among them.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn facts(&self, not_positive: u64) -> Facts {
        Facts {
            missing: self.missing,
            upward: self.upward,
            downward: self.downward,
            negative: not_positive - self.missing - self.downward,
            sum: store(self.sum).iter().sum(),
            min: store(self.min).iter().copied().fold(f64::INFINITY, f64::min),
            max: store(self.max).iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(numbers: &[f64; 8]) -> __m512d {
    // SAFETY: as many bytes, which may have any value.
    #[expect(unsafe_code)]
    unsafe {
        transmute::<[f64; 8], __m512d>(*numbers)
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: __m512d) -> [f64; 8] {
    // SAFETY: as many bytes, which may have any value.
    #[expect(unsafe_code)]
    unsafe {
        transmute::<__m512d, [f64; 8]>(numbers)
    }
}

/// How many bytes are greater.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
fn above(bytes: &[u8; 64], than: __m512i) -> u32 {
    // SAFETY: as many bytes, which may have any value.
    #[expect(unsafe_code)]
    let bytes = unsafe { transmute::<[u8; 64], __m512i>(*bytes) };
    _mm512_cmpgt_epu8_mask(bytes, than).count_ones()
}
