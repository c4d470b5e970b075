//! Keys of rows -> how many stood before in the same input, in bounded memory.
//!
//! Of each different key 64 bits are held, and how many rows have it. Once there are too many, those are let go whose bits aren't
//! below a limit that is halved: what is left is a random sample of the keys with all of their rows (distinct sampling, Gibbons
//! 2001). Which limit that comes to depends on the set of keys alone, neither on the order of the rows nor on where an input was cut.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Different keys that are held. Up to so many, the count is exact (but for two keys in 2^64 that are taken for one).
const MOST: usize = 1 << 17;

/// The keys of an input's rows.
#[derive(Debug, Default)]
pub struct Keys {
    /// How many rows have the key, by its [`fingerprint`].
    rows: HashMap<u64, u64, BuildHasherDefault<Mixed>>,
    halvings: u8,
}

impl Keys {
    /// Takes the fingerprints of the keys of rows; those beyond the limit may be left out.
    pub fn add(&mut self, fingerprints: &[u64]) {
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
        let held: u64 = self.rows.values().map(|rows| rows - 1).sum();
        held.saturating_mul(1u64.checked_shl(self.halvings.into()).unwrap_or(u64::MAX))
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
    use std::collections::HashSet;

    fn keys(of: impl IntoIterator<Item = u64>) -> Vec<u64> {
        of.into_iter()
            .map(|key| fingerprint(format!("K{key}").as_bytes()))
            .collect()
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut held = Keys::default();
        held.add(&keys((0..50_000).chain(0..777).chain(0..5)));
        assert_eq!((held.duplicates(), held.halvings()), (782, 0));
    }

    /// 1,000,000 rows, of which a tenth are repeated once.
    #[test]
    fn many_keys_are_sampled_whatever_their_order_and_parts() {
        let mut all = keys((0..900_000).chain(0..100_000));
        let mut held = Keys::default();
        held.add(&all);
        let found = held.duplicates() as f64;
        assert!(held.rows.len() <= MOST && held.halvings() == 3, "{}", held.halvings());
        assert!((found / 100_000.0 - 1.0).abs() < 0.03, "{found}");
        all.reverse();
        let mut others = Keys::default();
        for part in all.chunks(12_345) {
            // As a thread does that knows the limit of some time before.
            let limit = others.limit();
            others.add(&part.iter().copied().filter(|key| *key <= limit).collect::<Vec<_>>());
        }
        assert_eq!((others.duplicates(), &others.rows), (held.duplicates(), &held.rows));
        // Where none is there twice, none is found.
        let mut different = Keys::default();
        different.add(&keys(0..1_000_000));
        assert_eq!(different.duplicates(), 0);
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
