//! Numbers as people read them.

/// So many significant digits, or all digits before the point; very large and small numbers with an exponent.
pub fn significant(value: f64, digits: usize) -> String {
    let size = value.abs();
    let least = digits.saturating_sub(1);
    if value == 0.0 || !value.is_finite() {
        format!("{}", value + 0.0)
    } else if (1e-4..1e10).contains(&size) {
        let decimals = (least as i32 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.least$e}")
    }
}

/// The same without zeros at the end of a fraction.
pub fn short(value: f64, digits: usize) -> String {
    trim(&significant(value, digits))
}

/// A number's text without zeros at the end of its fraction.
pub fn trim(text: &str) -> String {
    let (number, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number}{exponent}")
}

/// A count of rows and the like, and its noun.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        for (value, whole, trimmed) in [
            (2549.2646, "2549", "2549"),
            (50.49024, "50.49", "50.49"),
            (0.00123456, "0.001235", "0.001235"),
            (0.47232866977966736, "0.4723", "0.4723"),
            (-12.3456, "-12.35", "-12.35"),
            (0.5, "0.5000", "0.5"),
            (0.99999, "1.0000", "1"),
            (1200.0, "1200", "1200"),
            (0.0, "0", "0"),
            (-0.0, "0", "0"),
            (123456.7, "123457", "123457"),
            (25492646.0, "25492646", "25492646"),
            (1.5e12, "1.500e12", "1.5e12"),
            (1.23456e300, "1.235e300", "1.235e300"),
            (1e-7, "1.000e-7", "1e-7"),
            (-2.5e-9, "-2.500e-9", "-2.5e-9"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!(significant(value, 4), whole);
            assert_eq!(short(value, 4), trimmed);
        }
        assert_eq!(short(0.1234567, 6), "0.123457");
    }
}
