//! One form of each text, for names and categories: an `é` of one character and one of two are the same to a person.

use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The text in Unicode's normalization form C (UAX #15).
pub fn nfc(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || is_nfc(text) {
        true => text.into(),
        false => text.nfc().collect::<String>().into(),
    }
}

/// Without the spaces and tabs around it. Other blanks, which nobody sees, are part of a name.
pub fn trim(name: &str) -> &str {
    name.trim_matches([' ', '\t'])
}

/// As names are compared: trimmed, in that form.
pub fn name(text: &str) -> Cow<'_, str> {
    nfc(trim(text))
}

/// The forms in which a text can be expected: composed, and decomposed.
pub fn forms(text: &str) -> [String; 2] {
    [text.nfc().collect(), text.nfd().collect()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_texts_are_one() {
        assert_eq!(nfc("Ma\u{308}dchen"), "M\u{e4}dchen");
        assert!(matches!(nfc("M\u{e4}dchen"), Cow::Borrowed(_)));
    }
}
