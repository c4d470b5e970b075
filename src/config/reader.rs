//! A tree of settings as serde reads it: a fault knows the way to its value.

use super::node::{Content, Node, Origin, Step, literal};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;
use toml::Value;

/// What is wrong, and with which value.
#[derive(Debug)]
pub struct Fault {
    /// Innermost first.
    path: Vec<Step>,
    kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    /// What it should be.
    Expected(String),
    /// The keys that there could be.
    Unknown(&'static [&'static str]),
    Missing(&'static str),
    Other(String),
}

impl Fault {
    /// The way from the root, and what is wrong.
    pub fn parts(mut self) -> (Vec<Step>, Kind) {
        self.path.reverse();
        (self.path, self.kind)
    }

    fn at(mut self, step: Step) -> Fault {
        self.path.push(step);
        self
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Fault {
        Fault { path: Vec::new(), kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Kind::Other(message.to_string()).into()
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Kind::Expected(phrase(expected)).into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Kind::Expected(phrase(expected)).into()
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Fault {
        Kind::Expected(choices(variants)).into()
    }

    /// Raised while the key is read, which is put before it then.
    fn unknown_field(_: &str, names: &'static [&'static str]) -> Fault {
        Kind::Unknown(names).into()
    }

    fn missing_field(name: &'static str) -> Fault {
        Kind::Missing(name).into()
    }
}

/// What serde's own types expect, for people.
fn phrase(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, or one below zero".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "path string" | "a character" => "a text in quotes".into(),
        "a sequence" => "an array".into(),
        "a map" => "a table".into(),
        structure if structure.starts_with("struct ") => "a table".into(),
        other => other.into(),
    }
}

fn choices(variants: &[&str]) -> String {
    let quoted: Vec<String> = variants.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(" or ")
}

/// A value, with all that is below it.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a Node);

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.content {
            Content::Scalar(Value::String(text)) => visitor.visit_str(text),
            Content::Scalar(Value::Integer(number)) => visitor.visit_i64(*number),
            Content::Scalar(Value::Float(number)) => visitor.visit_f64(*number),
            Content::Scalar(Value::Boolean(word)) => visitor.visit_bool(*word),
            Content::Scalar(_) => Err(Fault::invalid_type(Unexpected::Other("date"), &visitor)),
            Content::Array(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Content::Table(keys) => visitor.visit_map(Entries {
                keys: keys.iter(),
                current: None,
            }),
            Content::Text(text) => match literal(text, &self.0.origin) {
                Some(node) if !matches!(node.content, Content::Scalar(Value::Datetime(_))) => {
                    Reader(&node).deserialize_any(visitor)
                }
                _ => visitor.visit_str(text),
            },
        }
    }

    /// A text as it stands, or in quotes, as TOML has it.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.content {
            Content::Text(text) => match quoted(text, &self.0.origin) {
                Some(inner) => visitor.visit_str(&inner),
                None => visitor.visit_str(text),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// A text is a TOML array, or its parts between commas. One in quotes is one part.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.content {
            Content::Text(text) if quoted(text, &self.0.origin).is_some() => {
                visitor.visit_seq(Items([self.0].into_iter().enumerate()))
            }
            Content::Text(text) if !text.trim_start().starts_with('[') => {
                let part = |part: &str| Node {
                    origin: self.0.origin.clone(),
                    content: Content::Text(part.trim().into()),
                };
                let parts: Vec<Node> = text.split(',').map(part).collect();
                visitor.visit_seq(Items(parts.iter().enumerate()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.content {
            Content::Text(text) => match quoted(text, &self.0.origin) {
                Some(inner) => visitor.visit_enum(Word(&inner)),
                None => visitor.visit_enum(Word(text)),
            },
            Content::Scalar(Value::String(text)) => visitor.visit_enum(Word(text)),
            _ => Err(Kind::Expected(choices(variants)).into()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// A text in quotes, without them.
fn quoted(text: &str, origin: &Origin) -> Option<String> {
    match literal(text, origin)?.content {
        Content::Scalar(Value::String(inner)) => Some(inner),
        _ => None,
    }
}

/// A choice.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Fault;
    type Variant = <StrDeserializer<'de, Fault> as EnumAccess<'de>>::Variant;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Fault> {
        let word: StrDeserializer<'_, Fault> = self.0.into_deserializer();
        word.variant_seed(seed)
    }
}

struct Items<I>(I);

impl<'de, 'a, I: Iterator<Item = (usize, &'a Node)>> SeqAccess<'de> for Items<I> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let next = self.0.next();
        next.map(|(i, node)| seed.deserialize(Reader(node)).map_err(|fault| fault.at(Step::Item(i))))
            .transpose()
    }
}

struct Entries<'a, I> {
    keys: I,
    current: Option<(&'a String, &'a Node)>,
}

impl<'de, 'a, I: Iterator<Item = (&'a String, &'a Node)>> MapAccess<'de> for Entries<'a, I> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.current = self.keys.next();
        let Some((name, _)) = self.current else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.at(Step::Key(name.clone())))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((name, node)) = self.current.take() else {
            return Err(Fault::custom("a value was read before its key"));
        };
        seed.deserialize(Reader(node))
            .map_err(|fault| fault.at(Step::Key(name.clone())))
    }
}
