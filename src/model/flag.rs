//! A boolean of other libraries' models.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A boolean, which some versions write as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    /// By what is there: to try one after the other makes an error of each number, of which a model has tens of thousands.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl Visitor<'_> for Either {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean or a whole number")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Flag, E> {
        Ok(Flag(number != 0))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Flag, E> {
        Ok(Flag(number != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_a_boolean_or_a_whole_number() {
        let flags: Vec<Flag> = serde_json::from_str("[true, false, 0, 1, 2, -1]").unwrap();
        assert_eq!(flags, [true, false, false, true, true, true].map(Flag));
        for other in ["0.5", "\"true\"", "null", "[1]"] {
            let refused = serde_json::from_str::<Flag>(other).unwrap_err().to_string();
            assert!(refused.contains("expected a boolean or a whole number"), "{refused}");
        }
    }
}
