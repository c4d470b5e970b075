//! The types in which libraries add up leaves.

use std::ops::AddAssign;

#[cfg(target_arch = "x86_64")]
use super::ranks::LANE;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

pub trait Leaf: Copy + Default + AddAssign + From<f32> + Into<f64> {
    /// Are features cut to single precision before they are compared?
    const SINGLE: bool;

    fn of(value: f64) -> Self;

    /// Adds the leaves of rows to their sums: of each, that which the lowest six bits of its state name.
    ///
    /// # Safety
    /// The processor has AVX-512 F and BW.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code)]
    unsafe fn add_leaves(leaves: &[Self; LANE], states: __m512i, sums: &mut [Self; TOGETHER]);
}

/// Rows whose leaves are looked up together.
#[cfg(target_arch = "x86_64")]
pub const TOGETHER: usize = 16;

impl Leaf for f32 {
    const SINGLE: bool = true;

    fn of(value: f64) -> f32 {
        value as f32
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    #[expect(unsafe_code)]
    unsafe fn add_leaves(leaves: &[f32; LANE], states: __m512i, sums: &mut [f32; TOGETHER]) {
        let (tables, _) = leaves.as_chunks();
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| load_single(&tables[i]));
        let (low, high) = (
            _mm512_permutex2var_ps(a, states, b),
            _mm512_permutex2var_ps(c, states, d),
        );
        let is_high = _mm512_test_epi32_mask(states, _mm512_set1_epi32(32));
        let sum = _mm512_add_ps(load_single(sums), _mm512_mask_mov_ps(low, is_high, high));
        // SAFETY: there are 16 sums.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), sum) };
    }
}

impl Leaf for f64 {
    const SINGLE: bool = false;

    fn of(value: f64) -> f64 {
        value
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    #[expect(unsafe_code)]
    unsafe fn add_leaves(leaves: &[f64; LANE], states: __m512i, sums: &mut [f64; TOGETHER]) {
        let (tables, _) = leaves.as_chunks();
        let (sums, _) = sums.as_chunks_mut::<8>();
        let halves = [_mm512_castsi512_si256(states), _mm512_extracti64x4_epi64::<1>(states)];
        for (sums, states) in sums.iter_mut().zip(halves) {
            let states = _mm512_cvtepu32_epi64(states);
            let [a, b, c, d] = [0, 2, 4, 6]
                .map(|i| _mm512_permutex2var_pd(load_double(&tables[i]), states, load_double(&tables[i + 1])));
            let is_odd = _mm512_test_epi64_mask(states, _mm512_set1_epi64(16));
            let (low, high) = (_mm512_mask_mov_pd(a, is_odd, b), _mm512_mask_mov_pd(c, is_odd, d));
            let is_high = _mm512_test_epi64_mask(states, _mm512_set1_epi64(32));
            let sum = _mm512_add_pd(load_double(sums), _mm512_mask_mov_pd(low, is_high, high));
            // SAFETY: there are 8 sums.
            unsafe { _mm512_storeu_pd(sums.as_mut_ptr(), sum) };
        }
    }
}

// SAFETY of both: vectors and arrays of numbers of one size hold the same bits.

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_single(numbers: &[f32; 16]) -> __m512 {
    unsafe { std::mem::transmute(*numbers) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_double(numbers: &[f64; 8]) -> __m512d {
    unsafe { std::mem::transmute(*numbers) }
}
