//! Which version answers for a key: by the key alone, so that it is the same one in every file, after every restart and over HTTP.

use super::cell::trim;
use serde::{Deserialize, Serialize};

/// Who answers for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// The control.
    Champion,
    Challenger,
    /// Without a key the champion answers, and the row belongs to no arm: it is counted apart.
    Unassigned,
}

/// How keys are split between the champion and one challenger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    salt: String,
    /// The challenger's share: `part` of `whole`.
    part: u64,
    whole: u64,
}

impl Split {
    /// `share`: the challenger's, so many of so many, as [`crate::share::Share::fraction`] has it.
    ///
    /// # Panics
    /// If the share is of nothing.
    pub fn new(salt: &str, (part, whole): (u64, u64)) -> Split {
        assert!(whole > 0, "a share of nothing");
        Split {
            salt: salt.into(),
            part,
            whole,
        }
    }

    /// The challenger's, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// The challenger's range begins at 0 and the champion's ends at 2^64, so a greater share takes keys from the champion alone, and
    /// a smaller one gives them back.
    pub fn arm(&self, key: &[u8]) -> Arm {
        let key = identity(key);
        match (key.is_empty(), self.takes(bucket(&self.salt, key))) {
            (true, _) => Arm::Unassigned,
            (false, true) => Arm::Challenger,
            (false, false) => Arm::Champion,
        }
    }

    /// bucket / 2^64 < part / whole, in whole numbers: both sides are below 2^128.
    fn takes(&self, bucket: u64) -> bool {
        u128::from(bucket) * u128::from(self.whole) < u128::from(self.part) << 64
    }
}

/// The place of a key in [0, 2^64): the first 8 bytes of BLAKE3(salt, a zero byte, key), the first of them the most significant.
/// So it is the number that `printf 'salt\0key' | b3sum` begins with. Never to be changed: keys would change arms.
fn bucket(salt: &str, key: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt.as_bytes()).update(b"\0").update(key);
    let hash = hasher.finalize();
    u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash of 32 bytes"))
}

/// What a key is told apart by: its bytes, without the spaces and tabs around it. A whole number with zeros behind a point is that
/// whole number (`17.0` is `17`), for a column of numbers with a hole in it is written so by pandas, and by JSON's clients that know
/// one kind of number. Else keys are texts: neither `007` nor `1.7e1` is another.
pub fn identity(key: &[u8]) -> &[u8] {
    let key = trim(key);
    let Some(point) = key.iter().position(|&b| b == b'.') else {
        return key;
    };
    let (whole, zeros) = (&key[..point], &key[point + 1..]);
    let digits = whole.strip_prefix(b"-").unwrap_or(whole);
    let is_whole = !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
        && !zeros.is_empty()
        && zeros.iter().all(|&b| b == b'0');
    if is_whole { whole } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Share;
    use proptest::prelude::*;

    fn split(share: &str) -> Split {
        Split::new("spring", Share::parse(share).unwrap().fraction())
    }

    fn keys() -> impl Iterator<Item = String> {
        (0..100_000).map(|i| format!("C{i}"))
    }

    /// The same for ever: as the tool `b3sum` has them, of `printf 'spring\0C0017'` and so on.
    #[test]
    fn buckets_never_change() {
        for (salt, key, hash) in BUCKETS {
            assert_eq!(format!("{:016x}", bucket(salt, key.as_bytes())), hash, "{salt} {key}");
        }
    }

    #[test]
    fn a_ramp_moves_keys_of_the_control_alone() {
        let (five, ten) = (split("5"), split("10"));
        let (mut kept, mut moved) = (0u32, 0u32);
        for key in keys() {
            match (five.arm(key.as_bytes()), ten.arm(key.as_bytes())) {
                (Arm::Challenger, Arm::Challenger) => kept += 1,
                (Arm::Champion, Arm::Challenger) => moved += 1,
                (Arm::Champion, Arm::Champion) => {}
                other => panic!("{key}: {other:?}"),
            }
        }
        // 5,000 of each, 4.5 standard deviations either way.
        assert!(
            kept.abs_diff(5_000) < 310 && moved.abs_diff(5_000) < 310,
            "{kept} {moved}"
        );
    }

    #[test]
    fn shares_are_exact_to_the_last_bucket() {
        let half = split("50");
        assert!(half.takes((1 << 63) - 1) && !half.takes(1 << 63));
        assert!(split("100").takes(u64::MAX) && !split("0").takes(0));
        // 1,844,674,407,370,955,161.6 buckets.
        let tenth = split("10");
        assert!(tenth.takes(1_844_674_407_370_955_161) && !tenth.takes(1_844_674_407_370_955_162));
        let least = split("0.00000000000000001");
        assert!(least.takes(1) && !least.takes(2));
    }

    #[test]
    fn another_salt_splits_anew() {
        let other = Split::new("autumn", (1, 2));
        let half = split("50");
        let alike = keys()
            .filter(|key| half.arm(key.as_bytes()) == other.arm(key.as_bytes()))
            .count();
        assert!(alike.abs_diff(50_000) < 720, "{alike}");
    }

    #[test]
    fn a_key_is_a_text_but_for_the_zeros_of_a_whole_number() {
        for (key, same) in [
            ("17", "17"),
            ("17.0", "17"),
            (" 17.00\t", "17"),
            ("-17.0", "-17"),
            ("007.0", "007"),
            ("17.", "17."),
            ("17.5", "17.5"),
            ("17.0.0", "17.0.0"),
            (".0", ".0"),
            ("-.0", "-.0"),
            ("1e3", "1e3"),
            ("v1.0", "v1.0"),
            ("\u{a0}17", "\u{a0}17"),
            (" ", ""),
        ] {
            assert_eq!(identity(key.as_bytes()), same.as_bytes(), "{key:?}");
        }
        assert_ne!(bucket("s", b"007"), bucket("s", b"7"));
    }

    #[test]
    fn without_a_key_the_champion_answers_and_no_arm_counts_it() {
        for key in ["", "  ", "\t"] {
            assert_eq!(split("100").arm(key.as_bytes()), Arm::Unassigned);
        }
    }

    proptest! {
        /// What has grown never lets go of a key, whatever the shares.
        #[test]
        fn a_greater_share_keeps_what_a_smaller_one_has(key in ".{1,20}", a in 0u64..=1000, b in 0u64..=1000) {
            let of = |tenths: u64| Split::new("s", (tenths, 1000)).arm(key.as_bytes());
            let (less, more) = (of(a.min(b)), of(a.max(b)));
            prop_assert!(less == more || (less, more) == (Arm::Champion, Arm::Challenger));
        }
    }

    const BUCKETS: [(&str, &str, &str); 4] = [
        ("spring", "C0017", "a71f632ec165add2"),
        ("spring", "17", "0afd310bcdf34589"),
        ("", "17", "6d24c5c18e1e921f"),
        ("spring", "Zo\u{eb}", "bbcd7452cb320fed"),
    ];
}
