//! Whole numbers by powers of ten: doubles, correctly rounded.
//!
//! By one product with the power's inverse, 128 bits of it at most (D. Lemire, "Number parsing at a gigabyte per second", 2021), which
//! is always enough for so few powers (N. Mushtak and D. Lemire, "Fast number parsing without fallback", 2023).

/// The most digits behind a point: 5^27 still fits into a word.
pub const FRACTION_MAX: usize = 27;

/// 5^-n, its highest 128 bits, rounded up: from 2^127 on.
static INVERSES: [(u64, u64); FRACTION_MAX + 1] = {
    let mut inverses = [(1 << 63, 0); FRACTION_MAX + 1];
    let mut power: u128 = 1;
    let mut n = 1;
    while n <= FRACTION_MAX {
        power *= 5;
        // By long division, bit after bit.
        let (mut quotient, mut rest) = (0u128, 1u128);
        while quotient >> 127 == 0 {
            rest *= 2;
            quotient = quotient << 1 | (rest >= power) as u128;
            rest -= power * (rest >= power) as u128;
        }
        quotient += 1;
        inverses[n] = ((quotient >> 64) as u64, quotient as u64);
        n += 1;
    }
    inverses
};

/// `integer` by 10^`fraction`, which is at most [`FRACTION_MAX`].
#[inline]
pub fn quotient(integer: u64, fraction: usize) -> f64 {
    if integer == 0 {
        return 0.0;
    }
    let shift = integer.leading_zeros();
    let normal = integer << shift;
    let (inverse, rest) = INVERSES[fraction];
    let product = u128::from(normal) * u128::from(inverse);
    let (mut high, mut low) = ((product >> 64) as u64, product as u64);
    // The bits behind those that a double has, and one more, are all ones: what is missing may carry.
    if high & 0x1ff == 0x1ff {
        let (sum, carries) = low.overflowing_add(((u128::from(normal) * u128::from(rest)) >> 64) as u64);
        (high, low) = (high + u64::from(carries), sum);
    }
    let upper = (high >> 63) as u32;
    let kept = high >> (upper + 9); // 54 bits
    // Just between two doubles: the even one. The inverse is a little too large, and only the first have so few bits.
    let between = low <= 1 && fraction <= 4 && kept & 3 == 1 && kept << (upper + 9) == high;
    let rounded = (kept + (kept & u64::from(!between))) >> 1; // 53 bits, or 2^53
    // log2 of 5^-n, rounded down, as far as it is asked.
    let exponent = ((-(fraction as i32) * 217_706) >> 16) + 63 + upper as i32 - shift as i32 + 1023;
    // The highest bit of 53 adds one to the exponent, and what was rounded up to 2^53 another.
    f64::from_bits(((exponent as u64 - 1) << 52) + rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(integer: u64, fraction: usize) {
        let expected: f64 = format!("{integer}e-{fraction}").parse().unwrap();
        assert_eq!(
            quotient(integer, fraction).to_bits(),
            expected.to_bits(),
            "{integer}e-{fraction}"
        );
    }

    /// Integers next to the one that is half way between two doubles, when it is divided.
    fn half_way(x: f64, fraction: usize) -> Option<u64> {
        let (mantissa, exponent) = (
            x.to_bits() & ((1 << 52) - 1) | 1 << 52,
            (x.to_bits() >> 52) as i32 - 1075,
        );
        // (2 * mantissa + 1) * 2^(exponent - 1) * 10^fraction
        let odd = (u128::from(mantissa) * 2 + 1).checked_mul(5u128.pow(fraction as u32))?;
        let shift = exponent - 1 + fraction as i32;
        let integer = match shift {
            0.. => odd.checked_shl(shift as u32).filter(|all| all >> shift == odd)?,
            -127..0 => odd >> -shift,
            _ => return None,
        };
        u64::try_from(integer).ok()
    }

    #[test]
    fn powers_of_two_and_ten_and_their_neighbours_are_correctly_rounded() {
        let twos = (0..64).map(|n| 1u64 << n);
        let tens = (0..20).map(|n| 10u64.pow(n));
        let fives = (0..28).map(|n| 5u64.pow(n));
        for integer in twos
            .chain(tens)
            .chain(fives)
            .chain([u64::MAX, (1 << 53) + 1, (1 << 54) + 2, 1 << 53 | 1 << 62])
        {
            for near in 0..5 {
                for fraction in 0..=FRACTION_MAX {
                    check(integer.wrapping_add(near).wrapping_sub(2), fraction);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn quotients_are_correctly_rounded(integer: u64, shift in 0u32..64, fraction in 0..=FRACTION_MAX) {
            check(integer >> shift, fraction);
        }

        /// Where one bit more or less decides.
        #[test]
        fn quotients_half_way_between_doubles_are_correctly_rounded(bits: u64, size in -20i32..64, fraction in 0..=FRACTION_MAX) {
            let x = f64::from_bits(bits >> 12 | ((size + 1023) as u64) << 52);
            if let Some(integer) = half_way(x, fraction) {
                for near in 0..5u64 {
                    check(integer.wrapping_add(near).wrapping_sub(2), fraction);
                }
            }
        }
    }
}
