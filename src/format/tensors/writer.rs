//! Predictions -> a tensor of one output of the model, a row for each.

use super::datatype::Datatype;
use crate::format::json::writer::{NotFinite, push_category, push_number, push_text};
use crate::model::{Column, Type};
use crate::score::cell::is_integer;

/// One of a model's outputs.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    pub column: &'a Column,
    pub datatype: Datatype,
}

impl<'a> Output<'a> {
    pub fn of(column: &'a Column) -> Output<'a> {
        Output {
            column,
            datatype: Datatype::of(column),
        }
    }

    /// In JSON. `None`, and a number that is not finite, is null.
    pub fn push_json(self, value: Option<f64>, out: &mut Vec<u8>) {
        let column = self.column;
        match value {
            Some(x) if !x.is_nan() => match (column.kind, self.datatype) {
                (Type::Category, Datatype::Bytes) => push_text(out, &column.categories[x as usize].to_string()),
                (Type::Category, _) => push_category(out, &column.categories[x as usize]),
                (_, Datatype::Bool) => out.extend_from_slice(if x == 0.0 { b"false" } else { b"true" }),
                (_, Datatype::Int64) if is_integer(x) => out.extend_from_slice((x as i64).to_string().as_bytes()),
                (kind, _) => push_number(out, x, kind, NotFinite::Null),
            },
            _ => out.extend_from_slice(b"null"),
        }
    }

    /// All values as little-endian bytes, where each has some: `None` is a not-a-number where there is one, and else has none.
    pub fn binary(self, values: impl Iterator<Item = Option<f64>>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for value in values {
            self.push_binary(value, &mut out)?;
        }
        Some(out)
    }

    fn push_binary(self, value: Option<f64>, out: &mut Vec<u8>) -> Option<()> {
        let column = self.column;
        let known = value.filter(|x| !x.is_nan());
        let category = || match column.kind {
            Type::Category => Some(&column.categories[known? as usize]),
            _ => None,
        };
        match self.datatype {
            Datatype::Fp32 => out.extend_from_slice(&(value.unwrap_or(f64::NAN) as f32).to_le_bytes()),
            Datatype::Fp64 => {
                let x = match column.kind {
                    Type::Category => category().and_then(|category| category.number()),
                    _ => value,
                };
                out.extend_from_slice(&x.unwrap_or(f64::NAN).to_le_bytes());
            }
            Datatype::Bool => {
                let truth = match column.kind {
                    Type::Category => category()?.truth()?,
                    _ => known? != 0.0,
                };
                out.push(truth.into());
            }
            Datatype::Bytes => {
                let text = category()?.to_string();
                out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            _ => {
                let n = match column.kind {
                    Type::Category => category()?.integer()?,
                    _ => known.filter(|x| is_integer(*x))? as i64,
                };
                out.extend_from_slice(&n.to_le_bytes());
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;

    fn written(column: &Column, values: &[Option<f64>]) -> (&'static str, String, Option<Vec<u8>>) {
        let output = Output::of(column);
        let mut json = Vec::new();
        for value in values {
            output.push_json(*value, &mut json);
            json.push(b' ');
        }
        let json = String::from_utf8(json).unwrap();
        let binary = output.binary(values.iter().copied());
        (output.datatype.name(), json.trim_end().into(), binary)
    }

    #[test]
    fn outputs_have_the_type_of_their_column() {
        let of = |kind| Column::plain("prediction".into(), kind);
        let label = |categories: &[Category]| Column {
            categories: categories.to_vec(),
            ..of(Type::Category)
        };
        let (first, second) = (Some(0.0), Some(1.0));
        let bytes = |numbers: &[f64]| Some(numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
        assert_eq!(
            written(&of(Type::Float64), &[Some(0.1), Some(f64::INFINITY)]),
            ("FP64", "0.1 null".into(), bytes(&[0.1, f64::INFINITY]))
        );
        assert_eq!(
            written(&of(Type::Float32), &[Some(0.1)]),
            ("FP32", "0.1".into(), Some(0.1f32.to_le_bytes().to_vec()))
        );
        assert_eq!(
            written(&of(Type::Int64), &[Some(3.0)]),
            ("INT64", "3".into(), Some(3i64.to_le_bytes().to_vec()))
        );
        let texts = label(&[Category::Text("a".into()), Category::Text("\"".into())]);
        assert_eq!(
            written(&texts, &[first, second]),
            ("BYTES", r#""a" "\"""#.into(), Some(b"\x01\0\0\0a\x01\0\0\0\"".to_vec()))
        );
        let integers = label(&[Category::Integer(7), Category::Integer(-1)]);
        assert_eq!(
            written(&integers, &[second]),
            ("INT64", "-1".into(), Some((-1i64).to_le_bytes().to_vec()))
        );
        let flags = label(&[Category::Flag(false), Category::Flag(true)]);
        assert_eq!(
            written(&flags, &[first, second]),
            ("BOOL", "false true".into(), Some(vec![0, 1]))
        );
        let mixed = label(&[Category::Integer(7), Category::Text("b".into())]);
        assert_eq!(
            written(&mixed, &[first]),
            ("BYTES", "\"7\"".into(), Some(b"\x01\0\0\x007".to_vec()))
        );
    }

    /// A whole number, text or boolean has no bytes for "none".
    #[test]
    fn none_is_null_or_a_not_a_number() {
        let (name, json, binary) = written(&Column::plain("p".into(), Type::Float64), &[None]);
        assert_eq!((name, json.as_str()), ("FP64", "null"));
        assert!(f64::from_le_bytes(binary.unwrap().try_into().unwrap()).is_nan());
        let (_, json, binary) = written(&Column::plain("p".into(), Type::Int64), &[None]);
        assert_eq!((json.as_str(), binary), ("null", None));
    }
}
