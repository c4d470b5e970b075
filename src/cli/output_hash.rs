//! What an output's BLAKE3 or SHA-256 begins with.

use std::str::FromStr;

/// All hashes that begin so, from the lowest to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputHash {
    pub lowest: [u8; 32],
    pub highest: [u8; 32],
}

/// 8 to 64 hexadecimal digits.
impl FromStr for OutputHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<OutputHash, Self::Err> {
        let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        let digits = digits.filter(|digits| (8..=64).contains(&digits.len()));
        let digits = digits.ok_or("8 to 64 hexadecimal digits, as sha256sum and b3sum print them")?;
        let filled = |rest: u8| {
            let digit = |i: usize| digits.get(i).copied().unwrap_or(rest);
            std::array::from_fn(|i| digit(2 * i) << 4 | digit(2 * i + 1))
        };
        Ok(OutputHash {
            lowest: filled(0),
            highest: filled(15),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_begin_so() {
        let hash: OutputHash = "00ffABc12".parse().unwrap();
        assert_eq!(hash.lowest[..6], [0, 0xff, 0xab, 0xc1, 0x20, 0]);
        assert_eq!(hash.highest[..6], [0, 0xff, 0xab, 0xc1, 0x2f, 0xff]);
        let whole: OutputHash = "7".repeat(64).parse().unwrap();
        assert_eq!((whole.lowest, whole.highest), ([0x77; 32], [0x77; 32]));
        for wrong in ["", "1234567", &"1".repeat(65), "1234567g", "-12345678"] {
            assert!(wrong.parse::<OutputHash>().is_err(), "{wrong}");
        }
    }
}
