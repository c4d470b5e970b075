//! What values of several sections mean: durations, sizes, folders. Each says what it expects.

use crate::transform::Encoding;
use bytesize::ByteSize;
use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, de};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

const DAY: u64 = 24 * 3600;

/// Between so many milliseconds and so many days, such as `"500ms"`, `"2s"` or `"90d"`. A day is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period<const LEAST: u64, const MOST: u64>(pub Duration);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Period<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let least = Duration::from_millis(LEAST);
        let expected = match LEAST / 1000 / DAY {
            0 => format!("a duration between {least:?} and {MOST}d, such as \"500ms\", \"2s\", \"5m\" or \"90d\""),
            days => format!("a duration between {days}d and {MOST}d, such as \"90d\""),
        };
        let read = |text: &str| {
            let duration = duration(text)?;
            (duration >= least && duration.as_secs() <= MOST * DAY).then_some(Period(duration))
        };
        deserializer.deserialize_str(Text { expected, read })
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.trim().strip_suffix('d').map(|days| days.trim().parse::<u32>()) {
        Some(Ok(days)) => Some(Duration::from_secs(DAY) * days),
        _ => Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok(),
    }
}

/// Bytes, between so many and so many, such as `"10MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const LEAST: u64, const MOST: u64>(pub u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Size<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = |bytes: u64| {
            let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
            let unit = units.into_iter().find(|(_, bits)| bytes >> bits > 0);
            unit.map_or(bytes.to_string(), |(name, bits)| format!("{}{name}", bytes >> bits))
        };
        let expected = match MOST {
            u64::MAX => format!("a size of at least {:?}, such as \"256MiB\"", written(LEAST)),
            _ => format!(
                "a size between {:?} and {:?}, such as \"10MiB\"",
                written(LEAST),
                written(MOST)
            ),
        };
        text(deserializer, expected, |text| {
            let size = text.parse::<ByteSize>().ok()?.as_u64();
            (LEAST..=MOST).contains(&size).then_some(Size(size))
        })
    }
}

/// The path of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(pub PathBuf);

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "the path of a folder", |path| {
            (!path.is_empty()).then(|| Folder(path.into()))
        })
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected =
            "a name of the WHATWG Encoding Standard, such as \"utf-8\", \"windows-1252\", \"utf-16\" or \"gbk\"";
        text(deserializer, expected, Encoding::parse)
    }
}

/// What stands in front of a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimal {
    #[default]
    Point,
    Comma,
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "\".\" or \",\"", |text| match text {
            "." => Some(Decimal::Point),
            "," => Some(Decimal::Comma),
            _ => None,
        })
    }
}

impl Decimal {
    /// Why numbers can't be so in a file of that delimiter. `section`: whose keys they are.
    pub fn clash(self, delimiter: u8, section: &str) -> Option<String> {
        let own = match self {
            Decimal::Point => b'.',
            Decimal::Comma => b',',
        };
        (own == delimiter).then(|| {
            format!(
                "{section}.decimal and {section}.delimiter can't be the same character; files with decimal commas are mostly \
                 separated by \";\""
            )
        })
    }
}

/// Reads a text. `expected` says what it should be where `read` gives nothing.
pub fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: impl Into<String>,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let expected = expected.into();
    deserializer.deserialize_str(Text { expected, read })
}

struct Text<F> {
    expected: String,
    read: F,
}

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &&*self.expected))
    }
}

/// A value that is said in one of several types.
pub enum Any {
    Flag(bool),
    Number(i64),
    Text(String),
    Texts(Vec<String>),
}

/// Reads a value of several types. `expected` says what it should be where `read` gives nothing.
pub fn any<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    read: impl FnOnce(Any) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Several { expected, read })
}

struct Several<F> {
    expected: &'static str,
    read: F,
}

impl<F> Several<F> {
    fn ask<T, E: Error>(self, value: Any) -> Result<T, E>
    where
        F: FnOnce(Any) -> Option<T>,
    {
        (self.read)(value).ok_or_else(|| E::invalid_value(Unexpected::Other("it"), &self.expected))
    }
}

impl<'de, T, F: FnOnce(Any) -> Option<T>> Visitor<'de> for Several<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        self.ask(Any::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.ask(Any::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.ask(Any::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        self.ask(Any::Texts(texts))
    }
}

/// For `deserialize_with`: what else is expected of a value.
pub fn invalid<E: de::Error>(expected: &str) -> E {
    E::invalid_value(Unexpected::Other("it"), &expected)
}
