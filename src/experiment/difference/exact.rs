//! Sums that don't depend on the order of what is added.

/// Bits of a limb that hold digits; the others hold carries.
const BITS: usize = 32;
/// From the least double, 2^-1074, to beyond the greatest, times the number of rows.
const LIMBS: usize = 68;
/// The exponent of the lowest bit.
const LOWEST: i32 = -1074;

/// The exact sum of finite numbers, none of them negative: a number of 2,176 bits (Kulisch's long accumulator).
#[derive(Clone, Debug)]
pub struct Sum {
    limbs: [u64; LIMBS],
    /// Numbers since carries were passed on.
    added: u32,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum {
            limbs: [0; LIMBS],
            added: 0,
        }
    }
}

impl Sum {
    pub fn add(&mut self, number: f64) {
        debug_assert!(number >= 0.0 && number.is_finite());
        let bits = number.to_bits();
        let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
        // Subnormal numbers have no hidden bit.
        let (digits, place) = match exponent {
            0 => (fraction, 0),
            e => (fraction | 1 << 52, e as usize - 1),
        };
        let shifted = u128::from(digits) << (place % BITS);
        for (limb, part) in self.limbs[place / BITS..].iter_mut().zip(0..3) {
            *limb += (shifted >> (BITS * part)) as u32 as u64;
        }
        self.added += 1;
        if self.added == u32::MAX {
            self.carry();
        }
    }

    fn carry(&mut self) {
        let mut carried = 0;
        for limb in &mut self.limbs {
            let whole = *limb + carried;
            (*limb, carried) = (whole & u64::from(u32::MAX), whole >> BITS);
        }
        self.added = 0;
    }

    /// Rounded at the end. Infinite beyond the greatest double.
    pub fn value(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let top = sum.limbs.iter().rposition(|&limb| limb > 0).unwrap_or(0).max(2);
        let digits = (0..3).fold(0u128, |digits, i| digits << BITS | u128::from(sum.limbs[top - i]));
        libm::scalbn(digits as f64, LOWEST + (BITS * (top - 2)) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = Sum::default();
        numbers.iter().for_each(|&number| sum.add(number));
        sum.value()
    }

    #[test]
    fn one_number_is_itself() {
        for number in [0.0, 5e-324, f64::MIN_POSITIVE, 0.1, 1.0, 1e300, f64::MAX] {
            assert_eq!(sum(&[number]), number);
        }
        assert_eq!(sum(&[f64::MAX; 2]), f64::INFINITY);
    }

    #[test]
    fn nothing_is_lost_beside_a_large_number() {
        let mut numbers = vec![1e16];
        numbers.extend([1.0; 1_000]);
        assert_eq!(sum(&numbers), 1e16 + 1_000.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
    }

    #[test]
    fn carries_go_up() {
        let mut sum = Sum::default();
        for _ in 0..100_000 {
            sum.add(2f64.powi(40) - 1.0);
            sum.carry();
        }
        assert_eq!(sum.value(), 100_000.0 * (2f64.powi(40) - 1.0));
    }

    proptest! {
        #[test]
        fn whole_numbers_add_up_exactly_in_any_order(numbers in prop::collection::vec(0u64..1 << 50, 0..50)) {
            let all: u128 = numbers.iter().map(|&n| u128::from(n)).sum();
            let mut floats: Vec<f64> = numbers.iter().map(|&n| n as f64).collect();
            prop_assert_eq!(sum(&floats), all as f64);
            floats.reverse();
            prop_assert_eq!(sum(&floats), all as f64);
        }
    }
}
