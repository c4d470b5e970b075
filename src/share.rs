//! Shares, as people write them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A share in percent, exactly as it was written: 29 of 100 rows are 29 %, whatever 0.29 is in binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share {
    /// The percentage is `digits / 10^scale`.
    digits: u64,
    scale: u32,
}

impl Share {
    pub const ALL: Share = Share { digits: 100, scale: 0 };
    pub const TENTH: Share = Share { digits: 10, scale: 0 };

    /// More decimals don't fit beside a count of rows: `some * 100 * 10^17` is below 2^128 for every `some`.
    pub const DECIMALS: u32 = 17;

    /// Between 0 and 100, of at most so many decimals; without the percent sign.
    pub fn parse(percent: &str) -> Option<Share> {
        percent.parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p))?;
        let (mantissa, exponent) = match percent.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (percent, 0),
        };
        let mantissa = mantissa.trim_start_matches(['+', '-']);
        let (whole, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, behind].concat();
        let short = digits.trim_end_matches('0');
        if short.is_empty() {
            return Some(Share { digits: 0, scale: 0 });
        }
        let decimals = (short.len() as i64 - whole.len() as i64).checked_sub(exponent)?;
        let scale = u32::try_from(decimals.max(0)).ok().filter(|n| *n <= Share::DECIMALS)?;
        let zeros = u32::try_from(-decimals.min(0)).ok()?;
        let digits = short.parse::<u64>().ok()?.checked_mul(10u64.checked_pow(zeros)?)?;
        let share = Share { digits, scale };
        (!share.is_above_all()).then_some(share)
    }

    /// Such as 100.00000000000000001, which a binary number doesn't tell from 100.
    fn is_above_all(self) -> bool {
        u128::from(self.digits) > 100 * 10u128.pow(self.scale)
    }

    /// Exactly: so many of so many. The second is not 0, and the first not above it.
    pub fn fraction(self) -> (u64, u64) {
        // 10^19, with all decimals, is below 2^64.
        (self.digits, 100 * 10u64.pow(self.scale))
    }

    /// Are `some` of `all` more than this share of them?
    pub fn is_exceeded(self, some: u64, all: u64) -> bool {
        let hundred = 100 * 10u128.pow(self.scale);
        u128::from(some) * hundred > u128::from(self.digits) * u128::from(all)
    }
}

/// With the percent sign: `10%`.
impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let percent = text.trim().strip_suffix('%').map(str::trim);
        percent
            .and_then(Share::parse)
            .ok_or_else(|| format!("{text:?} is no share, such as 10%"))
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Share, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u64.pow(self.scale);
        let (whole, behind) = (self.digits / unit, self.digits % unit);
        match self.scale {
            0 => write!(f, "{whole}%"),
            scale => write!(f, "{whole}.{behind:0width$}%", width = scale as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: &str) -> Share {
        Share::parse(percent).unwrap()
    }

    #[test]
    fn a_share_is_what_was_written() {
        for (percent, shown) in [
            ("29", "29%"),
            ("7", "7%"),
            ("12.50", "12.5%"),
            ("1e1", "10%"),
            ("0.001", "0.001%"),
            ("-0", "0%"),
            ("-0.00", "0%"),
            (".5", "0.5%"),
            ("+5.", "5%"),
            ("1.5e-3", "0.0015%"),
            ("100.00000000000000000000", "100%"),
            ("0.01234567890123456", "0.01234567890123456%"),
            ("99.99999999999999999", "99.99999999999999999%"),
        ] {
            assert_eq!(share(percent).to_string(), shown);
        }
        for wrong in [
            "",
            "101",
            "-1",
            "NaN",
            "inf",
            "x",
            "1e-30",
            "0.123456789012345678",
            "100.00000000000000001",
        ] {
            assert_eq!(Share::parse(wrong), None, "{wrong}");
        }
    }

    /// 0.29 is a little less in binary: the 29th bad row of 100 was one too many.
    #[test]
    fn shares_do_not_miss_by_rounding() {
        for percent in 0..=100 {
            let limit = share(&percent.to_string());
            assert!(!limit.is_exceeded(percent, 100), "{percent}");
            assert!(limit.is_exceeded(percent + 1, 100), "{percent}");
            assert!(
                !limit.is_exceeded(percent * 1_000_000_000, 100_000_000_000),
                "{percent}"
            );
        }
        assert!(!share("0").is_exceeded(0, 0));
        assert!(share("99.9").is_exceeded(u64::MAX, u64::MAX));
        assert!(share("99.99999999999999999").is_exceeded(u64::MAX, u64::MAX));
        assert!(!share("100").is_exceeded(u64::MAX, u64::MAX));
    }
}
