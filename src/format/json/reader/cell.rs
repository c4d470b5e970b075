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
            && let Some((x, end)) = number(&mut self.long, &of.kind, text.bytes, at)
        {
            self.batch.next_cells(feature, 1)[0] = x;
            return Ok(end);
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

/// The number at `at`, and where it ends, where it is a value of that kind to which nothing else can apply. `long`: are the numbers at
/// hand too long to be read the short way?
#[inline(always)]
fn number(long: &mut bool, kind: &Kind, bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    if matches!(kind, Kind::Categories(_) | Kind::Texts(_)) {
        return None;
    }
    let short = if *long { None } else { short_number(bytes, at) };
    let (x, end) = match short {
        Some(short) => short,
        None => {
            let (x, length) = fast_float2::parse_partial::<f64, _>(&bytes[at..]).ok()?;
            // Not by the length of each: some of a file of long ones are shorter.
            *long = length > 12;
            (x, at + length)
        }
    };
    is_plain(kind, x).then_some((x, end))
}

/// Is a number a value of that kind to which nothing else can apply?
#[inline(always)]
pub fn is_plain(kind: &Kind, x: f64) -> bool {
    match kind {
        Kind::Numbers => true,
        Kind::Integers => is_integer(x),
        Kind::Marked(marks) => marks.direct(x) == Some(x),
        Kind::Categories(_) | Kind::Texts(_) => false,
    }
}

/// A whole number of that many digits is exact as a double, and so is the power of ten by which it is divided.
const DIGITS: usize = 15;

const TENS: [f64; DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The number at `at`, and where it ends, if it has so few digits that one division rounds it correctly, and no exponent. What is no
/// number of JSON is none, either: `01`, `1.`
#[inline(always)]
pub fn short_number(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let minus = usize::from(bytes[at] == b'-');
    let start = at + minus;
    let (mut whole, mut digits) = (start, 0u64);
    while let Some(digit) = digit(bytes, whole) {
        digits = digits.wrapping_mul(10).wrapping_add(digit);
        whole += 1;
    }
    let (mut end, mut behind) = (whole, 0);
    if bytes.get(whole) == Some(&b'.') {
        end += 1;
        while let Some(digit) = digit(bytes, end) {
            digits = digits.wrapping_mul(10).wrapping_add(digit);
            end += 1;
        }
        behind = end - whole - 1;
    }
    let exponent = bytes.get(end).is_some_and(|b| b | 0x20 == b'e');
    let unusual = bytes.get(start) == Some(&b'0') && whole > start + 1 || end > whole && behind == 0;
    if unusual || whole == start || whole - start + behind > DIGITS || exponent {
        return None;
    }
    let x = digits as f64 / TENS[behind];
    Some((f64::from_bits(x.to_bits() | (minus as u64) << 63), end))
}

#[inline(always)]
fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    let digit = bytes.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(digit.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Bit for bit, with a zero's sign.
        #[test]
        fn short_numbers_are_correctly_rounded(
            text in "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,16})?([eE]-?[0-9]{1,2})?",
            behind in "(|[,\\] }])",
        ) {
            let whole = format!("[{text}{behind}");
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let short = short_number(whole.as_bytes(), 1);
            prop_assert_eq!(short.is_some(), digits <= DIGITS && !text.contains(['e', 'E']));
            for mut long in [false, true] {
                let (x, end) = number(&mut long, &Kind::Numbers, whole.as_bytes(), 1).unwrap();
                prop_assert_eq!((x.to_bits(), end), (text.parse::<f64>().unwrap().to_bits(), 1 + text.len()));
            }
        }
    }
}
