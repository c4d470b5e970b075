//! Universal Binary JSON, draft 12 (<https://ubjson.org>), as XGBoost writes it: a serde format for reading.
//!
//! Numbers are big-endian. A key is its length and its bytes. Arrays and objects may say their length (`#`), and arrays
//! of numbers the type of their elements (`$`).

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Nested arrays and objects; a model has about ten.
const DEPTH: u32 = 64;

#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Reads one value, which is all of `bytes`.
pub fn from_slice<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader {
        rest: bytes,
        size: bytes.len(),
        depth: DEPTH,
    };
    let value = T::deserialize(Value {
        reader: &mut reader,
        marker: None,
    })
    .map_err(|e| Error(format!("{e} (at byte {})", bytes.len() - reader.rest.len())))?;
    match reader.rest.iter().all(|b| *b == b'N') {
        true => Ok(value),
        false => Err(Error(format!("{} bytes too many", reader.rest.len()))),
    }
}

struct Reader<'de> {
    rest: &'de [u8],
    size: usize,
    /// Levels of nesting that are left.
    depth: u32,
}

impl<'de> Reader<'de> {
    fn take(&mut self, length: usize) -> Result<&'de [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| Error(format!("{length} bytes are wanted where {} are left", self.rest.len())))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("N bytes"))
    }

    fn marker(&mut self) -> Result<u8> {
        loop {
            match self.array::<1>()? {
                [b'N'] => {}
                [marker] => return Ok(marker),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn integer(&mut self, marker: u8) -> Result<i64> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(unexpected(marker, "an integer")),
        })
    }

    fn length(&mut self) -> Result<usize> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        // Everything takes a byte at least: what claims more is damaged, and nothing is set aside for it.
        match usize::try_from(length) {
            Ok(length) if length <= self.size => Ok(length),
            _ => Err(Error(format!("a length of {length} in a file of {} bytes", self.size))),
        }
    }

    fn text(&mut self) -> Result<&'de str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Error("a text is not UTF-8".into()))
    }
}

fn unexpected(marker: u8, wanted: &str) -> Error {
    Error(format!("{:?} where {wanted} should begin", char::from(marker)))
}

/// A value that begins with its marker, or whose marker was said before.
struct Value<'a, 'de> {
    reader: &'a mut Reader<'de>,
    marker: Option<u8>,
}

impl<'de> de::Deserializer<'de> for Value<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Value { reader, marker } = self;
        let marker = match marker {
            Some(marker) => marker,
            None => reader.marker()?,
        };
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => visitor.visit_i64(reader.integer(marker)?),
            b'd' => visitor.visit_f32(f32::from_be_bytes(reader.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(reader.array()?)),
            b'C' => visitor.visit_char(char::from(reader.array::<1>()?[0])),
            b'S' | b'H' => visitor.visit_borrowed_str(reader.text()?),
            b'[' | b'{' => {
                reader.depth = reader
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| Error(format!("nested deeper than {DEPTH} levels")))?;
                let items = Items::of(reader, marker)?;
                let depth = items.reader.depth;
                let mut items = items;
                let value = match marker {
                    b'[' => visitor.visit_seq(&mut items)?,
                    _ => visitor.visit_map(&mut items)?,
                };
                if items.next()? {
                    return Err(Error("an array or object is longer than it should be".into()));
                }
                items.reader.depth = depth + 1;
                Ok(value)
            }
            other => Err(unexpected(other, "a value")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What is inside an array or an object.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// Of all elements.
    marker: Option<u8>,
    /// Elements left; `None`: up to the end's marker.
    left: Option<usize>,
    end: u8,
    ended: bool,
}

impl<'a, 'de> Items<'a, 'de> {
    fn of(reader: &'a mut Reader<'de>, begin: u8) -> Result<Self> {
        let mut marker = None;
        if reader.peek() == Some(b'$') {
            reader.take(1)?;
            marker = match reader.marker()? {
                // Elements without bytes could be claimed without end.
                m @ (b'Z' | b'T' | b'F') => return Err(unexpected(m, "a type of numbers")),
                m => Some(m),
            };
            if reader.peek() != Some(b'#') {
                return Err(Error("a type without a length".into()));
            }
        }
        let mut left = None;
        if reader.peek() == Some(b'#') {
            reader.take(1)?;
            left = Some(reader.length()?);
        }
        Ok(Items {
            reader,
            marker,
            left,
            end: if begin == b'[' { b']' } else { b'}' },
            ended: false,
        })
    }

    /// Is there another element?
    fn next(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.ended = match &mut self.left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => {
                while self.reader.peek() == Some(b'N') {
                    self.reader.take(1)?;
                }
                let ended = self.reader.peek() == Some(self.end);
                if ended {
                    self.reader.take(1)?;
                }
                ended
            }
        };
        Ok(!self.ended)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        let value = Value {
            reader: self.reader,
            marker: self.marker,
        };
        seed.deserialize(value).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(Value {
            reader: self.reader,
            marker: self.marker,
        })
    }
}
