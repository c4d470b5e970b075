//! One value of a row -> a cell of the batch.

use super::{Reader, Text};
use crate::format::json::cursor::{Kind as ValueKind, append_unescaped, text_end, word_end};
use crate::score::cell::{Feature, Kind, is_integer};
use memchr::memchr;

impl Reader<'_> {
    /// Reads the value at `at` as the feature's cell in the next row: its text, as it would stand in a CSV. Returns where it ends.
    ///
    /// # Errors
    /// It is an array or an object.
    #[inline(always)]
    pub(super) fn read_cell(&mut self, text: Text, feature: usize, at: usize) -> Result<usize, ValueKind> {
        let binding = self.binding;
        let of = &binding.features[feature];
        if matches!(text.bytes[at], b'-' | b'0'..=b'9')
            && let Some((x, length)) = number(&of.kind, &text.bytes[at..])
        {
            self.batch.next_cells(feature, 1)[0] = x;
            return Ok(at + length);
        }
        self.read_any(text, feature, of, at)
    }

    fn read_any(&mut self, text: Text, feature: usize, of: &Feature, at: usize) -> Result<usize, ValueKind> {
        let (cell, end) = match ValueKind::of(text.bytes[at]) {
            nested @ (ValueKind::Array | ValueKind::Object) => return Err(nested),
            ValueKind::Null => (&b""[..], at + 4),
            ValueKind::Number | ValueKind::Boolean => {
                let end = word_end(text.bytes, at);
                (&text.bytes[at..end], end)
            }
            ValueKind::Text => {
                let end = text_end(text.bytes, at);
                let raw = &text.document.text[at + 1..end - 1];
                let characters = match memchr(b'\\', raw.as_bytes()) {
                    None => raw,
                    Some(_) => {
                        self.characters.clear();
                        append_unescaped(raw, &mut self.characters);
                        &self.characters
                    }
                };
                (characters.as_bytes(), end)
            }
        };
        match &of.kind {
            Kind::Categories(categories) if let Some(code) = categories.exact(cell) => {
                self.batch.next_cells(feature, 1)[0] = code;
            }
            _ => self.batch.read(0, feature, of, cell),
        }
        Ok(end)
    }
}

/// The number at the front of `bytes`, and its length, where it is a value of that kind to which nothing else can apply.
#[inline(always)]
fn number(kind: &Kind, bytes: &[u8]) -> Option<(f64, usize)> {
    if matches!(kind, Kind::Categories(_) | Kind::Texts(_)) {
        return None;
    }
    let (x, length) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    let plain = match kind {
        Kind::Numbers => true,
        Kind::Integers => is_integer(x),
        Kind::Marked(marks) => marks.direct(x) == Some(x),
        Kind::Categories(_) | Kind::Texts(_) => false,
    };
    plain.then_some((x, length))
}
