//! Predictions and texts -> JSON.

use crate::model::{Category, Column, Type};

/// How a number is written that is not finite, for which JSON has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFinite {
    /// NaN, Infinity and -Infinity, as Python and TensorFlow write and read them.
    Tokens,
    /// The same as texts.
    Texts,
    Null,
}

impl NotFinite {
    fn push(self, x: f64, out: &mut Vec<u8>) {
        let [token, text] = match x {
            x if x.is_nan() => ["NaN", "\"NaN\""],
            x if x > 0.0 => ["Infinity", "\"Infinity\""],
            _ => ["-Infinity", "\"-Infinity\""],
        };
        let written = match self {
            NotFinite::Tokens => token,
            NotFinite::Texts => text,
            NotFinite::Null => "null",
        };
        out.extend_from_slice(written.as_bytes());
    }
}

/// A name as a key, and its colon.
pub fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    push_text(&mut key, name);
    key.push(b':');
    key
}

/// A prediction as it is written into a CSV: the shortest text that reads back as the same number, of the column's precision, or the
/// class whose index it is.
pub fn push_prediction(out: &mut Vec<u8>, column: &Column, x: f64, not_finite: NotFinite) {
    match column.kind {
        Type::Category if x.is_nan() => not_finite.push(x, out),
        Type::Category => push_category(out, &column.categories[x as usize]),
        kind => push_number(out, x, kind, not_finite),
    }
}

/// A number of a column of numbers; the others are doubles.
pub fn push_number(out: &mut Vec<u8>, x: f64, kind: Type, not_finite: NotFinite) {
    let mut text = zmij::Buffer::new();
    let single = x as f32;
    match kind {
        Type::Float32 if single.is_finite() => out.extend_from_slice(text.format_finite(single).as_bytes()),
        Type::Float32 => not_finite.push(single.into(), out),
        _ if x.is_finite() => out.extend_from_slice(text.format_finite(x).as_bytes()),
        _ => not_finite.push(x, out),
    }
}

/// A class, as the model's own table has it.
pub fn push_category(out: &mut Vec<u8>, category: &Category) {
    match category {
        Category::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Category::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Category::Number(number) => push_number(out, *number, Type::Float64, NotFinite::Texts),
        Category::Text(text) => push_text(out, text),
    }
}

/// A text in its quotes, as short as can be.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            12 => b'f',
            b'\r' => b'r',
            0..b' ' => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[
                b'0',
                b'0',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        }
        written = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_not_finite_is_written_as_it_is_asked_for() {
        let infinite = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for (not_finite, expected) in [
            (NotFinite::Tokens, ["NaN", "Infinity", "-Infinity"]),
            (NotFinite::Texts, ["\"NaN\"", "\"Infinity\"", "\"-Infinity\""]),
            (NotFinite::Null, ["null"; 3]),
        ] {
            for (x, expected) in infinite.into_iter().zip(expected) {
                for kind in [Type::Float32, Type::Float64, Type::Int64] {
                    let text = written(|out| push_number(out, x, kind, not_finite));
                    assert_eq!(text, expected);
                }
            }
        }
        let large = written(|out| push_number(out, -1e300, Type::Float32, NotFinite::Tokens));
        assert_eq!(large, "-Infinity");
    }

    #[test]
    fn classes_are_written_as_the_model_has_them() {
        let classes = [
            Category::Flag(true),
            Category::Integer(-3),
            Category::Number(0.5),
            Category::Text("a \"b\"".into()),
        ];
        let column = Column {
            categories: classes.to_vec(),
            ..Column::plain("prediction".into(), Type::Category)
        };
        let texts: Vec<String> = (0..4)
            .map(|i| written(|out| push_prediction(out, &column, i.into(), NotFinite::Null)))
            .collect();
        assert_eq!(texts, ["true", "-3", "0.5", r#""a \"b\"""#]);
        let unknown = written(|out| push_prediction(out, &column, f64::NAN, NotFinite::Null));
        assert_eq!(unknown, "null");
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_writes_them(text in "[\\PC\u{0}-\u{20}\"\\\\\u{7f}\u{2028}]{0,40}") {
            prop_assert_eq!(written(|out| push_text(out, &text)), serde_json::to_string(&text).unwrap());
        }

        /// As the spool writes them, and JSON.
        #[test]
        fn numbers_are_those_of_the_spool(bits: u64, scale in -20i32..20) {
            for x in [f64::from_bits(bits), (bits as f64 / 1e19 * 10f64.powi(scale)), (bits % 1000) as f64] {
                for kind in [Type::Float64, Type::Float32, Type::Int64] {
                    let column = Column::plain("p".into(), kind);
                    let text = written(|out| push_prediction(out, &column, x, NotFinite::Null));
                    let is_finite = if kind == Type::Float32 { (x as f32).is_finite() } else { x.is_finite() };
                    prop_assert_eq!(text == "null", !is_finite);
                    if is_finite {
                        prop_assert_eq!(&text, &crate::format::text(&column, x));
                        let read: f64 = serde_json::from_str(&text).unwrap();
                        let of_precision = if kind == Type::Float32 { f64::from(read as f32) == f64::from(x as f32) } else { read.to_bits() == x.to_bits() };
                        prop_assert!(of_precision, "{}", text);
                    }
                }
            }
        }
    }
}
