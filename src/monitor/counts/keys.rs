//! Keys of rows -> how many stood before in the same input, in bounded memory.
//!
//! Of each different key 64 bits are held, and how many rows have it. Once there are too many, those are let go whose bits aren't
//! below a limit that is halved: what is left is a random sample of the keys with all of their rows (distinct sampling, Gibbons
//! 2001). Which limit that comes to depends on the set of keys alone, neither on the order of the rows nor on where an input was cut.
//!
//! Two things are estimated from the sample: the rows that repeat a key, well where many keys are repeated seldom, and all or nothing
//! where one is repeated often; and the different keys, never far off, yet by chance a few in a thousand. The rows that have a key are
//! counted, and those without the different keys are what repeats: that is believed where chance doesn't explain the difference.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Different keys that are held. Up to so many, the count is exact (but for two keys in 2^64 that are taken for one).
const MOST: usize = 1 << 17;

/// Standard deviations by which the number of different keys is off once in 16,000 inputs.
const CHANCE: f64 = 4.0;

/// The keys of an input's rows.
#[derive(Debug, Default)]
pub struct Keys {
    /// How many rows have the key, by its [`fingerprint`].
    rows: HashMap<u64, u64, BuildHasherDefault<Mixed>>,
    halvings: u8,
    /// Rows that have a key, also one that isn't held.
    keyed: u64,
}

impl Keys {
    /// Takes the fingerprints of the keys of rows; those beyond the limit may be left out. `keyed`: how many rows have a key.
    pub fn add(&mut self, fingerprints: &[u64], keyed: u64) {
        self.keyed += keyed;
        for fingerprint in fingerprints {
            if *fingerprint <= self.limit() {
                *self.rows.entry(*fingerprint).or_default() += 1;
                while self.rows.len() > MOST {
                    self.halvings += 1;
                    let limit = self.limit();
                    self.rows.retain(|fingerprint, _| *fingerprint <= limit);
                }
            }
        }
    }

    /// The greatest fingerprint that is looked at from now on. It never rises.
    pub fn limit(&self) -> u64 {
        u64::MAX.checked_shr(self.halvings.into()).unwrap_or(0)
    }

    /// How many rows have a key that stood before. An estimate once the limit was halved.
    pub fn duplicates(&self) -> u64 {
        let scaled = |held: u64| held.saturating_mul(1u64.checked_shl(self.halvings.into()).unwrap_or(u64::MAX));
        let held = self.rows.len() as u64;
        let (different, repeating) = (scaled(held), scaled(self.rows.values().sum::<u64>() - held));
        let rest = self.keyed.saturating_sub(different);
        let off = CHANCE * different as f64 / (held as f64).sqrt();
        match self.halvings > 0 && repeating.abs_diff(rest) as f64 > off {
            true => rest,
            false => repeating.min(self.keyed),
        }
    }

    /// How often the limit was halved.
    pub fn halvings(&self) -> u8 {
        self.halvings
    }
}

/// 64 bits that are the same for the same bytes, on every machine, and else as if by chance. By multiplications whose halves are
/// folded together, as in Wang Yi's wyhash. Not for secrets.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    const SALT: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7_2f3d_8dd7];
    let (whole, rest) = bytes.as_chunks::<16>();
    let mut state = SALT[0] ^ bytes.len() as u64;
    for chunk in whole {
        state = fold(word(&chunk[..8]) ^ SALT[1], word(&chunk[8..]) ^ state);
    }
    let (low, high) = rest.split_at(rest.len().min(8));
    state = fold(word(low) ^ SALT[1], word(high) ^ state);
    fold(state ^ SALT[0], SALT[2])
}

/// At most eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Of a fingerprint, or of a text that nobody can choose so that it falls together with others: the tables of the baseline's categories.
/// Fingerprints are mixed already, but for their first bits, which a limit makes zero and a table looks at.
#[derive(Clone, Debug, Default)]
pub(super) struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ fingerprint(bytes);
    }

    /// The end of a text.
    fn write_u8(&mut self, _: u8) {}

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::iter::once;

    fn keys(of: impl IntoIterator<Item = u64>) -> Vec<u64> {
        of.into_iter()
            .map(|key| fingerprint(format!("K{key}").as_bytes()))
            .collect()
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut held = Keys::default();
        held.add(&keys((0..50_000).chain(0..777).chain(0..5)), 50_782);
        assert_eq!((held.duplicates(), held.halvings()), (782, 0));
    }

    /// 1,000,000 rows, of which a tenth are repeated once.
    #[test]
    fn many_keys_are_sampled_whatever_their_order_and_parts() {
        let mut all = keys((0..900_000).chain(0..100_000));
        let mut held = Keys::default();
        held.add(&all, all.len() as u64);
        let found = held.duplicates() as f64;
        assert!(held.rows.len() <= MOST && held.halvings() == 3, "{}", held.halvings());
        assert!((found / 100_000.0 - 1.0).abs() < 0.03, "{found}");
        all.reverse();
        let mut others = Keys::default();
        for part in all.chunks(12_345) {
            // As a thread does that knows the limit of some time before.
            let limit = others.limit();
            let below: Vec<u64> = part.iter().copied().filter(|key| *key <= limit).collect();
            others.add(&below, part.len() as u64);
        }
        assert_eq!((others.duplicates(), &others.rows), (held.duplicates(), &held.rows));
        // Where none is there twice, none is found.
        let mut different = Keys::default();
        different.add(&keys(0..1_000_000), 1_000_000);
        assert_eq!(different.duplicates(), 0);
    }

    /// Of 262,144 different keys one stands in all other rows. Of six such keys some are in the sample, and most aren't.
    #[test]
    fn one_key_that_is_repeated_in_a_large_input_is_counted_whichever_it_is() {
        let different = keys(0..1 << 18);
        for one in &different[..6] {
            let mut held = Keys::default();
            held.add(&different, 1 << 18);
            held.add(&vec![*one; 400_000], 400_000);
            assert!(held.halvings() > 0);
            let found = held.duplicates() as f64;
            assert!((found / 400_000.0 - 1.0).abs() < 0.02, "{found}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// Whatever is repeated how often, in any order and any cuts: the same number, none above the rows, and close to the truth.
        #[test]
        fn repeated_keys_are_estimated_alike_in_any_order_and_cuts(
            different in 100_000u64..400_000,
            heavy in vec((0u64..100, 0usize..100_000), 0..4),
            twice in 0u64..50_000,
            cut in 1_000usize..100_000,
            turn in any::<prop::sample::Index>(),
        ) {
            let mut all = keys((0..different).chain(0..twice));
            for (key, times) in &heavy {
                all.extend(keys(once(*key).cycle().take(*times)));
            }
            let repeated = all.len() as u64 - different;
            let mut alone = Keys::default();
            alone.add(&all, all.len() as u64);
            let turn = turn.index(all.len());
            all.rotate_left(turn);
            let mut parts = Keys::default();
            let mut limit = u64::MAX;
            for part in all.chunks(cut) {
                let below: Vec<u64> = part.iter().copied().filter(|key| *key <= limit).collect();
                // Each part knows the limit of the one before the last.
                limit = parts.limit();
                parts.add(&below, part.len() as u64);
            }
            let found = alone.duplicates();
            prop_assert_eq!((parts.duplicates(), parts.halvings()), (found, alone.halvings()));
            if alone.halvings() == 0 {
                prop_assert_eq!(found, repeated);
            }
            prop_assert!(found <= all.len() as u64);
            // Nine standard deviations at most: where chance explains it, and by chance.
            let off = 9.0 * different as f64 / (MOST as f64 / 2.0).sqrt();
            prop_assert!(found.abs_diff(repeated) as f64 <= off, "{} for {}", found, repeated);
        }
    }

    #[test]
    fn keys_have_fingerprints_of_their_own() {
        let texts = |n: usize| (0..n).map(|i| "x".repeat(i));
        let all: Vec<String> = texts(100).chain((0..200_000).map(|i| i.to_string())).collect();
        let prints: HashSet<u64> = all.iter().map(|text| fingerprint(text.as_bytes())).collect();
        assert_eq!(prints.len(), all.len());
        // Each bit is one as often as not.
        for bit in 0..64 {
            let ones = prints.iter().filter(|print| *print >> bit & 1 == 1).count() as f64;
            assert!((ones / prints.len() as f64 - 0.5).abs() < 0.01, "{bit}");
        }
        // The same for ever: counts of one file are the same on every machine.
        assert_eq!(fingerprint(b""), FINGERPRINTS[0]);
        assert_eq!(fingerprint("Zo\u{eb}, 17 characters".as_bytes()), FINGERPRINTS[1]);
    }

    const FINGERPRINTS: [u64; 2] = [0x5511_7e3e_ce88_afd1, 0x97d7_a2a0_0779_19b0];
}
