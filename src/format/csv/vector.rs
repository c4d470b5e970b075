//! `plain`'s readers of numbers and fields for x86-64 with AVX2: a dozen instructions where `plain` needs a hundred.

use std::arch::x86_64::{
    __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_madd_epi16, _mm_maddubs_epi16,
    _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16,
    _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8,
};

use super::plain::{self, POWERS_OF_TEN};

/// As `plain::number`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub fn number(bytes: &[u8]) -> Option<(f64, usize)> {
    match short_decimal(bytes) {
        None => plain::long_number(bytes),
        read => read,
    }
}

/// A decimal of at most 15 characters and no exponent.
///
/// One shuffle drops the point and moves the last digit to the end; three steps add up neighbours, then pairs, then
/// fours (W. Mula, "SIMD-ized parsing of unsigned integers", 2014). The quotient is exact as in `plain`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn short_decimal(bytes: &[u8]) -> Option<(f64, usize)> {
    let first: &[u8; 16] = bytes.first_chunk()?;
    let values = _mm_sub_epi8(load(first), _mm_set1_epi8(b'0' as i8));
    let digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    let others = !_mm_movemask_epi8(digits) as u32 & 0xffff;
    let sign = u32::from(first[0] == b'-');
    if others & 1 != sign {
        return None; // begins with neither
    }
    let others = others & !1;
    let whole = others.trailing_zeros() as usize;
    if whole == sign as usize || whole >= 16 {
        return None;
    }
    let (length, behind) = if first[whole] == b'.' {
        let length = (others & (others - 1)).trailing_zeros() as usize;
        (length, length.wrapping_sub(whole + 1))
    } else {
        (whole, 0)
    };
    if length >= 16 || length == whole + 1 || first[length] | 0x20 == b'e' {
        return None; // longer, or with nothing behind the point, or with an exponent
    }
    let values = _mm_andnot_si128(_mm_cvtsi32_si128(0xff * sign as i32), values); // the sign counts as a leading zero
    let aligned = _mm_shuffle_epi8(values, load(&ALIGNED[whole][length]));
    let pairs = _mm_maddubs_epi16(aligned, _mm_set1_epi16(0x01_0a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x1_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x1_2710));
    let eights = _mm_cvtsi128_si64(eights) as u64;
    let integer = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    let x = integer as i64 as f64 / POWERS_OF_TEN[behind & 15];
    // Signs come at random: a branch would be guessed wrong half of the time.
    Some((f64::from_bits(x.to_bits() | u64::from(sign) << 63), length))
}

/// `[whole][length]`: for a number with its point at `whole`, which byte goes where, so that its last digit is the
/// last; the highest bit makes a zero.
static ALIGNED: [[[u8; 16]; 16]; 16] = {
    let mut table = [[[0x80; 16]; 16]; 16];
    let mut whole = 0;
    while whole < 16 {
        let mut length = whole;
        while length < 16 {
            let mut to = 16;
            let mut from = length;
            while from > 0 {
                from -= 1;
                if from != whole {
                    to -= 1;
                    table[whole][length][to] = from as u8;
                }
            }
            length += 1;
        }
        whole += 1;
    }
    table
};

/// As `plain::field`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub fn field(bytes: &[u8], delimiter: u8) -> Option<usize> {
    if let Some(first) = bytes.first_chunk()
        && first[0] != b'"'
    {
        let text = load(first);
        let ends = _mm_or_si128(
            _mm_cmpeq_epi8(text, _mm_set1_epi8(delimiter as i8)),
            _mm_cmpeq_epi8(text, _mm_set1_epi8(b'\n' as i8)),
        );
        let ends = _mm_movemask_epi8(ends);
        if ends != 0 {
            return Some(ends.trailing_zeros() as usize);
        }
    }
    plain::field(bytes, delimiter)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    let word = u128::from_le_bytes(*bytes);
    _mm_set_epi64x((word >> 64) as i64, word as i64)
}
