//! [`super::plain`] for x86-64 with AVX2, and what AVX-512 does better.

use super::decimal;
use std::arch::x86_64::*;
use std::mem::transmute;

pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

pub fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
}

/// As `plain::equal`.
#[inline]
#[target_feature(enable = "avx2")]
pub fn equal(chunk: &[u8; 64], byte: u8) -> u64 {
    let byte = _mm256_set1_epi8(byte as i8);
    let half = |bytes| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(load_256(bytes), byte)) as u32);
    let (halves, _) = chunk.as_chunks::<32>();
    half(&halves[0]) | half(&halves[1]) << 32
}

/// As `plain::equal`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn equal_512(chunk: &[u8; 64], byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(load_512(chunk), _mm512_set1_epi8(byte as i8))
}

/// As `plain::parity`: to multiply by ones without carrying adds up all bits in front.
#[inline]
#[target_feature(enable = "sse2,pclmulqdq")]
pub fn parity(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product) as u64
}

/// As `plain::places`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
pub fn places_512(bits: u64, base: u16, to: &mut [u16; 64]) {
    let places = _mm512_maskz_compress_epi8(bits, load_512(&PLACES));
    let base = _mm512_set1_epi16(base as i16);
    let (halves, _) = to.as_chunks_mut::<32>();
    let [first, second] = halves else {
        unreachable!("64 are twice 32")
    };
    *first = store_512(_mm512_add_epi16(
        _mm512_cvtepu8_epi16(_mm512_castsi512_si256(places)),
        base,
    ));
    if bits.count_ones() > 32 {
        let behind = _mm512_extracti64x4_epi64::<1>(places);
        *second = store_512(_mm512_add_epi16(_mm512_cvtepu8_epi16(behind), base));
    }
}

static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        places[i] = i as u8;
        i += 1;
    }
    places
};

/// The field of `text` between two places, if it is a decimal without an exponent, and of at most 15 digits and 16 characters or as
/// [`long_number`] reads it.
///
/// The last digit is the last of 16 bytes, one shuffle closes the gap of the point, and three steps add up neighbours, then pairs,
/// then fours (W. Mula, "SIMD-ized parsing of unsigned integers", 2014). The integer and the power of ten are exact in a double,
/// so the quotient is correctly rounded (W. Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub fn number(text: &[u8], at: usize, end: usize) -> Option<f64> {
    let length = end - at;
    if length > 16 {
        return long_number(text, at, end);
    }
    let last: &[u8; 16] = text[..end].last_chunk()?;
    if length == 0 {
        return None;
    }
    let bytes = load_128(last);
    let values = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0' as i8));
    let digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)) as u32;
    let points = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'.' as i8))) as u32;
    let sign = usize::from(text[at] == b'-');
    let first = 1 << (16 - length + sign); // digit
    let own = 0x1_0000 - first;
    let points = points & own;
    // A single point at most, between digits; 2^16 where the sign is all.
    let misplaced = points & (points.wrapping_sub(1) | first | 0x8000) | first & 0x1_0000;
    if !(digits | points) & own | misplaced != 0 {
        return None;
    }
    let point = (points | 0x1_0000).trailing_zeros() as usize;
    let own: &[u8; 16] = OWN[length - sign..].first_chunk()?;
    let aligned = _mm_shuffle_epi8(_mm_and_si128(values, load_128(own)), load_128(&ALIGNED[point]));
    let pairs = _mm_maddubs_epi16(aligned, _mm_set1_epi16(0x01_0a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x1_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x1_2710));
    let eights = _mm_cvtsi128_si64(eights) as u64;
    let integer = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    if integer >= 1 << 53 {
        return None;
    }
    let x = integer as i64 as f64 / POWERS[point];
    // Signs come at random: a branch would be guessed wrong half of the time.
    Some(f64::from_bits(x.to_bits() | (sign as u64) << 63))
}

/// A decimal of 17 to 32 characters, of at most 19 digits behind leading zeros and [`decimal::FRACTION_MAX`] behind the point.
///
/// As a shorter one, but for the point's gap: what stands in front of it is taken from a load one byte further left. The digits
/// are more than a double holds.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn long_number(text: &[u8], at: usize, end: usize) -> Option<f64> {
    let length = end - at;
    let last: &[u8; 33] = text[..end].last_chunk()?;
    if !(17..=32).contains(&length) {
        return None;
    }
    let (bytes, moved) = (load_256(last.last_chunk()?), load_256(last.first_chunk()?));
    let zeros = _mm256_set1_epi8(b'0' as i8);
    let values = _mm256_sub_epi8(bytes, zeros);
    let digits = _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values);
    let digits = _mm256_movemask_epi8(digits) as u32;
    let points = _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'.' as i8))) as u32;
    let sign = usize::from(text[at] == b'-');
    let first = 1 << (32 - length + sign); // digit
    let own = 0u32.wrapping_sub(first);
    let points = points & own;
    // As above.
    let misplaced = points & (points.wrapping_sub(1) | first | 0x8000_0000);
    if !(digits | points) & own | misplaced != 0 {
        return None;
    }
    // Behind the point; 32 where there is none.
    let behind = points.leading_zeros() as usize;
    let (count, fraction) = match points {
        0 => (length - sign, 0),
        _ => (length - sign - 1, behind),
    };
    if fraction > decimal::FRACTION_MAX {
        return None;
    }
    let moves = load_256(SLIDE[behind..].first_chunk()?);
    let owned = load_256(SLIDE[32 + count..].first_chunk()?);
    let closed = _mm256_blendv_epi8(bytes, moved, moves);
    let aligned = _mm256_and_si256(_mm256_sub_epi8(closed, zeros), owned);
    let pairs = _mm256_maddubs_epi16(aligned, _mm256_set1_epi16(0x01_0a));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x1_0064));
    let eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(0x1_2710));
    let front = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights)) as u64;
    let back = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(eights)) as u64;
    let front = front.rotate_left(32);
    if front >= 1000 {
        return None;
    }
    let integer = (front * 100_000_000 + (back & 0xffff_ffff)) * 100_000_000 + (back >> 32);
    let x = decimal::quotient(integer, fraction);
    Some(f64::from_bits(x.to_bits() | (sign as u64) << 63))
}

/// The fields of `text` that end at eight places, as by [`number`]; `None` if any of them is none or has more than seven characters.
///
/// Field `i` is at the end of lane `i`, 64 bits wide. It begins behind the last byte that is in no number, if that one is a delimiter
/// or line feed: whatever has these in it ends with a quote.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,avx512f,avx512bw,avx512cd,avx512dq")]
pub fn eight_numbers(text: &[u8], ends: [usize; 8], delimiter: u8) -> Option<[f64; 8]> {
    const LAST: u64 = 0x8080_8080_8080_8080;
    let mut lasts = [0; 8];
    for (last, end) in lasts.iter_mut().zip(ends) {
        *last = i64::from_le_bytes(*text[..end].last_chunk()?);
    }
    let [a, b, c, d, e, f, g, h] = lasts;
    let bytes = _mm512_set_epi64(h, g, f, e, d, c, b, a);
    let values = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0' as i8));
    let digits = _mm512_cmple_epu8_mask(values, _mm512_set1_epi8(9));
    let points = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'.' as i8));
    let minuses = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'-' as i8));
    let separators = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(delimiter as i8))
        | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\n' as i8));
    let others = _mm512_movm_epi8(!(digits | points | minuses));
    // Bits in each lane that belong to its field.
    let sizes = _mm512_lzcnt_epi64(others);
    let own = _mm512_sllv_epi64(_mm512_set1_epi64(-1), _mm512_sub_epi64(_mm512_set1_epi64(64), sizes));
    let in_front = _mm512_sllv_epi64(_mm512_movm_epi8(separators), sizes);
    if _mm512_movepi64_mask(in_front) != 0xff || _mm512_movepi64_mask(others) != 0 {
        return None;
    }
    let aligned = _mm512_and_si512(values, own);
    if _mm512_mask_test_epi8_mask(points | minuses, own, own) == 0 {
        return Some(store_512_pd(_mm512_cvtepu64_pd(eight_digits(aligned))));
    }
    let own = _mm512_movepi8_mask(own);
    // The first byte of a lane is none of its own: there are seven at most.
    let starts = own & !(own << 1);
    let signs = minuses & starts;
    let firsts = starts.wrapping_add(signs); // digits
    let points = points & own;
    let single = _mm512_maskz_set1_epi8(points, 1);
    let below = _mm512_sub_epi64(single, _mm512_set1_epi64(1));
    let second = _mm512_test_epi64_mask(single, below);
    if signs & LAST | points & (firsts | LAST) | minuses & own & !signs | u64::from(second) != 0 {
        return None;
    }
    // What stands in front of a point moves to its place.
    let with_point = _mm512_test_epi64_mask(single, single);
    let aligned = _mm512_maskz_mov_epi8(digits, aligned);
    let moved = _mm512_slli_epi64::<8>(_mm512_and_si512(aligned, below));
    let stays = _mm512_andnot_si512(below, aligned);
    let aligned = _mm512_mask_or_epi64(aligned, with_point, moved, stays);
    let places = _mm512_srli_epi64::<3>(_mm512_lzcnt_epi64(single));
    let one = _mm512_set1_pd(1.0);
    let powers = _mm512_set_pd(1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0);
    let powers = _mm512_mask_permutexvar_pd(one, with_point, places, powers);
    let quotients = _mm512_div_pd(_mm512_cvtepu64_pd(eight_digits(aligned)), powers);
    let signs = _mm512_movm_epi8(signs);
    let negative = _mm512_test_epi64_mask(signs, signs);
    let signed = _mm512_mask_or_pd(quotients, negative, quotients, _mm512_set1_pd(-0.0));
    Some(store_512_pd(signed))
}

/// The integers that eight digits each are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn eight_digits(values: __m512i) -> __m512i {
    let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x01_0a));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x1_0064));
    let beside = _mm512_or_si512(fours, _mm512_srli_epi64::<16>(fours));
    _mm512_madd_epi16(beside, _mm512_set1_epi64(0x1_2710))
}

/// Four fields as by [`number`]; `None` if any of them is none.
///
/// Bytes of field `i` are lane `i` of all masks, 16 bits wide.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
pub fn four_numbers(text: &[u8], fields: [(usize, usize); 4]) -> Option<[f64; 4]> {
    const FIRST: u64 = 0x0001_0001_0001_0001;
    const LAST: u64 = 0x8000_8000_8000_8000;
    let lengths = fields.map(|(at, end)| end - at);
    if lengths.iter().fold(0, |all, length| all | length.wrapping_sub(1)) > 15 {
        return None;
    }
    let mut lasts = [&[0; 16]; 4];
    for (last, (_, end)) in lasts.iter_mut().zip(fields) {
        *last = text[..end].last_chunk()?;
    }
    let bytes = lanes(lasts);
    let values = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0' as i8));
    let digits = _mm512_cmple_epu8_mask(values, _mm512_set1_epi8(9));
    let points = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'.' as i8));
    let minuses = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'-' as i8));
    let starts = (0..4).fold(0, |all, i| all | 1 << (16 * (i + 1) - lengths[i]));
    let signs = minuses & starts;
    let firsts = starts.wrapping_add(signs); // digits
    let own = (FIRST << 16).wrapping_sub(firsts);
    let points = points & own;
    let each: [u64; 4] = std::array::from_fn(|i| points >> (16 * i) & 0xffff | 0x1_0000);
    let second = each.iter().fold(0, |all, points| all | points & (points - 1)) & 0xffff;
    if signs & LAST | points & (firsts | LAST) | own & !(digits | points) | second != 0 {
        return None;
    }
    let places = each.map(|points| points.trailing_zeros() as usize);
    let gaps = lanes(places.map(|point| &ALIGNED[point]));
    let aligned = _mm512_shuffle_epi8(_mm512_maskz_mov_epi8(own, values), gaps);
    let pairs = _mm512_maddubs_epi16(aligned, _mm512_set1_epi16(0x01_0a));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x1_0064));
    let eights = _mm512_madd_epi16(_mm512_packus_epi32(fours, fours), _mm512_set1_epi32(0x1_2710));
    let high = _mm512_mul_epu32(eights, _mm512_set1_epi64(100_000_000));
    let integers = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(eights));
    let integers = _mm512_castsi512_si256(_mm512_maskz_compress_epi64(0b0101_0101, integers));
    if _mm256_cmpge_epu64_mask(integers, _mm256_set1_epi64x(1 << 53)) != 0 {
        return None;
    }
    let [a, b, c, d] = places.map(|point| POWERS[point]);
    let quotients = _mm256_div_pd(_mm256_cvtepu64_pd(integers), _mm256_set_pd(d, c, b, a));
    let negative = _pext_u64(signs + (LAST - FIRST), LAST) as u8;
    let signed = _mm256_mask_or_pd(quotients, negative, quotients, _mm256_set1_pd(-0.0));
    Some(store_256(signed))
}

/// 16 bytes each.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes([a, b, c, d]: [&[u8; 16]; 4]) -> __m512i {
    let lanes = _mm512_castsi128_si512(load_128(a));
    let lanes = _mm512_inserti32x4::<1>(lanes, load_128(b));
    let lanes = _mm512_inserti32x4::<2>(lanes, load_128(c));
    _mm512_inserti32x4::<3>(lanes, load_128(d))
}

/// So many digits behind the point, by its place.
static POWERS: [f64; 17] = [
    1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0, 1e0,
];

/// From `n` on: the last `n` of 16 bytes.
static OWN: [u8; 32] = {
    let mut own = [0; 32];
    let mut i = 16;
    while i < 32 {
        own[i] = 0xff;
        i += 1;
    }
    own
};

/// From `32 + n` on: the last `n` of 32 bytes; from `n` on: all but the last `n`.
static SLIDE: [u8; 96] = {
    let mut slide = [0; 96];
    let mut i = 0;
    while i < 32 {
        slide[i] = 0xff;
        slide[64 + i] = 0xff;
        i += 1;
    }
    slide
};

/// By the place of the point: which byte goes where, so that there is no gap; the highest bit makes a zero.
static ALIGNED: [[u8; 16]; 17] = {
    let mut table = [[0x80; 16]; 17];
    let mut point = 0;
    while point <= 16 {
        let mut to = 0;
        while to < 16 {
            if point == 16 || to > point {
                table[point][to] = to as u8;
            } else if to > 0 {
                table[point][to] = to as u8 - 1;
            }
            to += 1;
        }
        point += 1;
    }
    table
};

// SAFETY of all of these: vectors and arrays of integers of one size hold the same bits.

#[inline]
#[expect(unsafe_code)]
fn load_128(bytes: &[u8; 16]) -> __m128i {
    unsafe { transmute(*bytes) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code)]
fn load_256(bytes: &[u8; 32]) -> __m256i {
    unsafe { transmute(*bytes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_512(bytes: &[u8; 64]) -> __m512i {
    unsafe { transmute(*bytes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn store_512(places: __m512i) -> [u16; 32] {
    unsafe { transmute(places) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code)]
fn store_256(numbers: __m256d) -> [f64; 4] {
    unsafe { transmute(numbers) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn store_512_pd(numbers: __m512d) -> [f64; 8] {
    unsafe { transmute(numbers) }
}
