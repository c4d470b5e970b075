//! Plain records, read directly: unquoted fields, as many as there should be, a number in each that is needed.
//!
//! Whatever is unusual is left to the general one in `reader`, which also says what is wrong. On what is read here
//! the two agree to the bit; a property test and a fuzz target hold them together.

use super::dialect::closing_quote;
use memchr::{memchr_iter, memchr2};

/// Reads the number at the beginning of `bytes`: its value, correctly rounded, and its length.
pub fn number(bytes: &[u8]) -> Option<(f64, usize)> {
    match short_decimal(bytes) {
        None => long_number(bytes),
        read => read,
    }
}

pub fn long_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let (x, length) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    (!x.is_nan()).then_some((x, length))
}

/// A decimal of at most 15 digits and no exponent, such as most files are full of, without a loop over its digits.
///
/// The digits are read as one integer (eight at a time: D. Lemire, "Quickly parsing eight digits", 2018) and divided by
/// a power of ten. Both are exact in a double, so the quotient is correctly rounded (W. Clinger, "How to read floating
/// point numbers accurately", 1990).
fn short_decimal(bytes: &[u8]) -> Option<(f64, usize)> {
    const ZEROS: u128 = u128::from_ne_bytes([b'0'; 16]);
    const LOW: u128 = u128::from_ne_bytes([0x7f; 16]);
    const HIGH: u128 = !LOW;
    // Carries a byte above 9 into its highest bit.
    const NO_DIGIT: u128 = u128::from_ne_bytes([0x7f - 9; 16]);

    let text = u128::from_le_bytes(*bytes.first_chunk()?) ^ ZEROS;
    // Where the number ends doesn't wait for what its first byte is: reading the next one hangs on it.
    let others = (((text & LOW) + NO_DIGIT) | text) & HIGH & !0xff;
    let whole = others.trailing_zeros() / 8;
    let sign = u32::from(bytes[0] == b'-');
    if whole == sign || whole == 16 || sign == 0 && !bytes[0].is_ascii_digit() {
        return None;
    }
    let text = text & !u128::from(0xff * sign); // counts as a leading zero
    // Where there is a point, the digits behind it are moved up to those in front of it.
    let (digits, length) = if bytes[whole as usize] == b'.' {
        let front = (1u128 << (8 * whole)) - 1;
        let behind = others & (others - 1);
        ((text & front) | ((text >> 8) & !front), behind.trailing_zeros() / 8)
    } else {
        (text, whole)
    };
    let count = length - u32::from(length != whole);
    if length == 16 || length == whole + 1 || matches!(bytes[length as usize], b'e' | b'E') {
        return None; // longer, or with nothing behind the point, or with an exponent
    }
    let aligned = digits << (128 - 8 * count);
    let high = eight_digits((aligned >> 64) as u64);
    let integer = match count - sign {
        ..=8 => high,
        _ => eight_digits(aligned as u64) * 100_000_000 + high,
    };
    let x = integer as f64 / POWERS_OF_TEN[(count - whole) as usize];
    // Signs come at random: a branch would be guessed wrong half of the time.
    let signed = f64::from_bits(x.to_bits() | u64::from(sign) << 63);
    Some((signed, length as usize))
}

pub const POWERS_OF_TEN: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Eight digits as bytes from 0 to 9, the first in the lowest byte.
fn eight_digits(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10) + (digits >> 8);
    let upper = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    upper.wrapping_add(lower) >> 32
}

/// The length of the unquoted field at the beginning of `bytes`: up to the delimiter or line feed behind it.
pub fn field(bytes: &[u8], delimiter: u8) -> Option<usize> {
    const ONES: u128 = u128::from_ne_bytes([1; 16]);
    const HIGH: u128 = u128::from_ne_bytes([0x80; 16]);
    if bytes.first() == Some(&b'"') {
        return None;
    }
    // Most fields are short, and a call costs more than a look at their first bytes.
    if let Some(first) = bytes.first_chunk() {
        let word = u128::from_le_bytes(*first);
        let zero = |word: u128| word.wrapping_sub(ONES) & !word & HIGH;
        let ends = zero(word ^ (ONES * u128::from(delimiter))) | zero(word ^ (ONES * u128::from(b'\n')));
        if ends != 0 {
            return Some(ends.trailing_zeros() as usize / 8);
        }
    }
    memchr2(delimiter, b'\n', bytes)
}

/// Behind how many bytes the last of so many fields ends, quoted or not: where its delimiter or line feed stands. `None`: a
/// record ends in front of that, or has text behind a closing quote. Adds the line feeds that stand in quotes to `lines`.
pub fn skip(bytes: &[u8], delimiter: u8, fields: usize, lines: &mut u64) -> Option<usize> {
    let mut at = 0;
    for more in (0..fields).rev() {
        at += match bytes[at..].strip_prefix(b"\"") {
            None => field(&bytes[at..], delimiter)?,
            Some(text) => {
                let closing = closing_quote(text, 0)?;
                *lines += memchr_iter(b'\n', &text[..closing]).count() as u64;
                match &text[closing + 1..] {
                    [b, ..] if *b == delimiter || *b == b'\n' => closing + 2,
                    [b'\r', b'\n', ..] => closing + 3,
                    _ => return None,
                }
            }
        };
        if more > 0 && bytes[at] != delimiter {
            return None;
        }
        at += usize::from(more > 0);
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What stands behind a number doesn't matter to it.
    fn read(text: &str) -> Option<(f64, usize)> {
        let padded = format!("{text},                ");
        let short = short_decimal(padded.as_bytes());
        if let (Some((x, length)), Some((y, m))) = (short, number(format!("{text}\n").as_bytes())) {
            assert_eq!((x.to_bits(), length), (y.to_bits(), m), "{text}");
        }
        short
    }

    #[test]
    fn reads_short_decimals_only() {
        for text in [
            "0",
            "-0",
            "7",
            "-7.5",
            "0.1",
            "-0.000001",
            "123456789012345",
            "-1234567890.123",
        ] {
            let (x, length) = read(text).expect(text);
            assert_eq!(x.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            assert_eq!(length, text.len(), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "-.5",
            "+5",
            "x",
            " 5",
            "\"5\"",
            "1234567890123456",
            "--5",
            "-,5",
            ".",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        // The caller sees what stops it.
        assert_eq!(read("1.5.2").map(|(_, n)| n), Some(3));
        assert_eq!(read("-1-2").map(|(_, n)| n), Some(2));
    }

    fn fastest_skip(bytes: &[u8], fields: usize, lines: &mut u64) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
            // SAFETY: the features have just been found.
            #[expect(unsafe_code)]
            return unsafe { super::super::vector::skip(bytes, b';', fields, lines) };
        }
        skip(bytes, b';', fields, lines)
    }

    proptest! {
        /// As the standard library rounds it.
        #[test]
        fn numbers_are_correctly_rounded(text in "-?[0-9]{1,12}(\\.[0-9]{1,12})?") {
            let line = format!("{text},\n");
            let (x, length) = number(line.as_bytes()).unwrap();
            prop_assert_eq!(x.to_bits(), text.parse::<f64>().unwrap().to_bits());
            prop_assert_eq!(length, text.len());
        }

        #[test]
        fn numbers_end_where_the_general_parser_ends_them(text in "[-0-9.,e\n\r\"+ x]{0,20}") {
            if let Some((x, length)) = short_decimal(text.as_bytes()) {
                let general: f64 = fast_float2::parse(&text.as_bytes()[..length]).unwrap();
                prop_assert_eq!(x.to_bits(), general.to_bits());
            }
        }

        /// What the vectors skip is what the plain loop skips; they may leave more to the general reader.
        #[test]
        fn skipped_fields_end_where_they_end_one_by_one(
            text in "([a-d]{0,9}[;]|\"([ab;\n]|\"\"){0,40}\"[;]|[ab\"\r\n;]){0,60}\n",
            fields in 1usize..50,
        ) {
            let (mut plainly, mut fast) = (0, 0);
            let expected = skip(text.as_bytes(), b';', fields, &mut plainly);
            if let Some(end) = fastest_skip(text.as_bytes(), fields, &mut fast) {
                prop_assert_eq!((Some(end), fast), (expected, plainly));
            } else if let Some(end) = expected {
                // A quote within a text, or a carriage return at the end of a vector.
                let unusual = text[..end].split(';').any(|f| !f.starts_with('"') && f.contains('"'));
                prop_assert!(unusual || text[..end].contains('\r') || text.matches(';').count() < 70, "{}", end);
            }
        }

        #[test]
        fn fields_end_at_the_next_delimiter_or_line_feed(text in "[a-d;,\n\r\"]{0,40}") {
            let bytes = text.as_bytes();
            let end = bytes.iter().position(|b| matches!(b, b';' | b'\n'));
            let expected = end.filter(|_| bytes.first() != Some(&b'"'));
            prop_assert_eq!(field(bytes, b';'), expected);
        }
    }
}
