//! A number, or a list of one for each of several classes.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use std::fmt;

pub fn serialize<S: Serializer>(each: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    match each {
        [one] => one.serialize(serializer),
        each => each.serialize(serializer),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    deserializer.deserialize_any(Each)
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Vec<f64>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a number, or a list of one for each class")
    }

    fn visit_f64<E>(self, one: f64) -> Result<Vec<f64>, E> {
        Ok(vec![one])
    }

    fn visit_u64<E>(self, one: u64) -> Result<Vec<f64>, E> {
        Ok(vec![one as f64])
    }

    fn visit_i64<E>(self, one: i64) -> Result<Vec<f64>, E> {
        Ok(vec![one as f64])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f64>, A::Error> {
        let mut each = Vec::new();
        while let Some(one) = list.next_element()? {
            each.push(one);
        }
        Ok(each)
    }
}
