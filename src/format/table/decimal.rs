//! Decimals as exact texts.

use polars_arrow::types::i256;

/// Appends the digits of a whole number, divided by 10 to the power of `scale`.
pub fn push(digits: &str, scale: usize, mark: u8, out: &mut Vec<u8>) {
    let (minus, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    out.extend_from_slice(minus.as_bytes());
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
        return;
    }
    match digits.len().checked_sub(scale) {
        Some(whole @ 1..) => {
            out.extend_from_slice(&digits.as_bytes()[..whole]);
            out.push(mark);
            out.extend_from_slice(&digits.as_bytes()[whole..]);
        }
        _ => {
            out.extend_from_slice(&[b'0', mark]);
            out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            out.extend_from_slice(digits.as_bytes());
        }
    }
}

/// The digits of a number of 256 bits.
pub fn wide(x: i256) -> String {
    x.0.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_written() {
        for (digits, scale, text) in [
            ("0", 0, "0"),
            ("-15", 0, "-15"),
            ("150", 2, "1.50"),
            ("-5", 2, "-0.05"),
            ("5", 1, "0.5"),
            (
                "12345678901234567890123456789012345678",
                10,
                "1234567890123456789012345678.9012345678",
            ),
        ] {
            let mut out = Vec::new();
            push(digits, scale, b'.', &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
