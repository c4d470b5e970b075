//! `transform keys`

use super::Until;
use crate::serve::keys::{Digest, Frequency, Name, Quota};
use clap::Subcommand;
use std::str::FromStr;

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key, and print it on stdout: this once, for it is stored nowhere
    ///
    /// To rotate a key, add a second one of the same name: what isn't said is as it was for the first. Both are valid, and share
    /// their limits, until `revoke` ends the old one.
    Add {
        /// Whose it is: seen in logs and metrics
        name: Name,
        /// How many requests in the long run, such as 10/s, 600/min or 100/h; none: as many as it likes
        #[arg(long, value_name = "N/UNIT")]
        rate: Option<Bound<Frequency>>,
        /// How many at once after a pause [default: what the rate gives in its unit]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        burst: Option<u32>,
        /// How many a day, week or month, such as 10000/day, which turn at 00:00 UTC, on Monday and on the first; none: no end
        #[arg(long, value_name = "N/PERIOD")]
        quota: Option<Bound<Quota>>,
        /// Until when: a duration such as 90d, or a date (in UTC) such as 2027-02-01 [default: until it is revoked]
        #[arg(long, value_name = "WHEN")]
        expires: Option<Until>,
        /// Which model groups it may ask; '*': all
        #[arg(long, value_name = "GROUP,..", value_delimiter = ',')]
        groups: Option<Vec<String>>,
        /// Make none, but take in one that its caller has, by its SHA-256: `printf %s KEY | sha256sum`. It must be random, of 128
        /// bits at least
        #[arg(long, value_name = "DIGEST")]
        sha256: Option<Digest>,
    },
    /// List the keys: whose, which limits, until when. No key is shown, for none is stored
    List {
        /// Print an array of JSON objects: see config/schemas/keys.schema.json
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it opens nothing from now on
    Revoke {
        /// Whose it is
        name: Name,
        /// Which one, if there are two: how its id in `list` begins
        id: Option<String>,
        /// Why; kept with the key
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// A limit, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<T> {
    None,
    Some(T),
}

impl<T> Bound<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Bound::None => None,
            Bound::Some(value) => Some(value),
        }
    }
}

impl<T: FromStr> FromStr for Bound<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Bound<T>, T::Err> {
        match text {
            "none" => Ok(Bound::None),
            value => value.parse().map(Bound::Some),
        }
    }
}
