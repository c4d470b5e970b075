//! `plain`'s readers of numbers and fields for x86-64 with AVX2: a dozen instructions where `plain` needs a hundred.

use std::arch::x86_64::{
    __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_madd_epi16, _mm_maddubs_epi16,
    _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16,
    _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_set_epi64x,
    _mm256_set1_epi8, _pdep_u64,
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

/// As `plain::skip`, 64 bytes at a step however many fields they hold; but leaves it to the general reader where a quote stands
/// within a text.
///
/// Which bytes stand in quotes is the parity of the quotes in front of them (G. Langdale and D. Lemire, "Parsing gigabytes of
/// JSON per second", 2019); that each quote opens a field, closes one or is doubled is looked at afterwards.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub fn skip(bytes: &[u8], delimiter: u8, fields: usize, lines: &mut u64) -> Option<usize> {
    let mut left = fields as u32;
    let mut at = 0;
    let mut inner_lines = 0;
    let mut inside = 0; // all ones in a quoted field
    let mut may_open = 1; // behind an end, or a closing quote: then it is a doubled one
    let mut closed = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let feeds = equal(chunk, b'\n');
        let quotes = equal(chunk, b'"');
        let mut ends = equal(chunk, delimiter) | feeds;
        let mut wrong = 0;
        let mut inner_feeds = 0;
        if quotes | inside | closed == 0 {
            may_open = ends >> 63;
        } else {
            let quoted = parity(quotes) ^ inside;
            inner_feeds = feeds & quoted;
            ends &= !quoted;
            let (opens, closes) = (quotes & quoted, quotes & !quoted);
            let return_and_feed = equal(chunk, b'\r') & (feeds >> 1);
            wrong =
                opens & !((ends | closes) << 1 | may_open) | (closes << 1 | closed) & !(ends | opens | return_and_feed);
            inside = ((quoted as i64) >> 63) as u64;
            may_open = (ends | closes) >> 63;
            closed = closes >> 63;
        }
        let found = ends.count_ones();
        if found >= left {
            let end = select(ends, left - 1);
            let up_to = u64::MAX >> (63 - end);
            if wrong & up_to != 0 || ends & feeds & (up_to >> 1) != 0 {
                return None;
            }
            *lines += inner_lines + u64::from((inner_feeds & up_to).count_ones());
            return Some(at + end as usize);
        }
        if wrong != 0 || ends & feeds != 0 {
            return None;
        }
        inner_lines += u64::from(inner_feeds.count_ones());
        left -= found;
        at += 64;
    }
    plain::skip(bytes, delimiter, fields, lines)
}

/// The bytes of `chunk` that are `byte`, the first in the lowest bit.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn equal(chunk: &[u8; 64], byte: u8) -> u64 {
    let byte = _mm256_set1_epi8(byte as i8);
    let half = |from: usize| {
        let words: [u64; 4] = std::array::from_fn(|i| {
            let word = chunk[from + 8 * i..].first_chunk().expect("it has 64 bytes");
            u64::from_le_bytes(*word)
        });
        let [a, b, c, d] = words.map(|word| word as i64);
        let half = _mm256_set_epi64x(d, c, b, a);
        u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(half, byte)) as u32)
    };
    half(0) | half(32) << 32
}

/// Bit by bit, is the number of ones up to it odd?
#[inline]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The place of the `n`-th one, counted from 0.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn select(bits: u64, n: u32) -> u32 {
    _pdep_u64(1 << n, bits).trailing_zeros()
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    let word = u128::from_le_bytes(*bytes);
    _mm_set_epi64x((word >> 64) as i64, word as i64)
}
