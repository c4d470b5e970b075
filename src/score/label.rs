//! Labels as they stand in a file -> the classes of a model.

use super::Spelling;
use super::spelling::Number;

fn number(text: &str, spelling: &Spelling) -> Option<f64> {
    match spelling.number(text.as_bytes()) {
        Number::Value(x) => Some(x),
        Number::Missing | Number::Invalid => None,
    }
}

/// The number that came true, where a model gives one; none: the text is no finite number. `spelling`: of the file.
pub fn finite(label: &str, spelling: &Spelling) -> Option<f64> {
    number(label, spelling).filter(|x| x.is_finite())
}

/// The class that a label means, by its place: to the letter, or as the same number. `spelling`: of the file.
pub fn class(label: &str, classes: &[String], spelling: &Spelling) -> Option<usize> {
    let same = |class: &String| number(label, spelling).is_some_and(|x| number(class, &Spelling::USUAL) == Some(x));
    let exact = classes.iter().position(|class| class == label);
    exact.or_else(|| classes.iter().position(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_class_to_the_letter_or_as_a_number() {
        let classes = ["0", "1", "1.50"].map(String::from);
        for (label, expected) in [
            ("1", Some(1)),
            ("1.0", Some(1)),
            ("0.0", Some(0)),
            ("1.5", Some(2)),
            ("2", None),
            ("", None),
            ("yes", None),
        ] {
            assert_eq!(class(label, &classes, &Spelling::USUAL), expected, "{label}");
        }
        assert_eq!(class("1,5", &classes, &Spelling::usual(true)), Some(2));
    }
}
