//! A target of classes.

use super::frame::Cells;
use super::pipeline::ClassWeights;
use crate::problem::quoted;
use std::collections::{BTreeSet, HashMap};

/// More are ids or measurements, or ask for another kind of model: each class has a coefficient for each term.
pub const CLASSES_MAX: usize = 100;

/// From here on, whole numbers that differ may be the same double: 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The classes of a target, by number or by alphabet, and of each row the place of its own. Of two, the second one is
/// `positive`, if that is given.
///
/// # Errors
/// If there is one class or more than [`CLASSES_MAX`], if they are numbers too large to be told apart, or `positive` is none of two.
pub fn labels(
    name: &str,
    cells: &Cells,
    positive: Option<&str>,
) -> std::result::Result<(Vec<f64>, Vec<String>), String> {
    let texts: Vec<String> = match cells {
        Cells::Numbers(numbers) if numbers.iter().any(|y| y.abs() >= WHOLE_MAX) => {
            return Err(format!(
                "the classes of {name:?} are numbers from 2^53 on, of which not all can be told apart; write them as texts, such as \
                 c9007199254740993"
            ));
        }
        Cells::Numbers(numbers) => numbers.iter().map(|&y| label(y)).collect(),
        Cells::Texts(texts) => texts.iter().map(|text| text.clone().unwrap_or_default()).collect(),
    };
    let different: BTreeSet<&String> = texts.iter().collect();
    let mut classes: Vec<String> = different.iter().map(|class| class.to_string()).collect();
    // Numbers by their size; anything else by alphabet, as they are.
    let numbers: Option<Vec<f64>> = classes.iter().map(|class| class.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        classes = order.iter().map(|&place| classes[place].clone()).collect();
    }
    if !(2..=CLASSES_MAX).contains(&classes.len()) {
        return Err(wrong_number(name, &classes));
    }
    match (positive, &mut classes[..]) {
        (None, _) => {}
        (Some(positive), [first, second]) if positive == second || positive == first => {
            if positive == first {
                std::mem::swap(first, second);
            }
        }
        (Some(positive), [first, second]) => {
            return Err(format!(
                "train.positive = {positive:?} is no class of {name:?}: they are {first:?} and {second:?}"
            ));
        }
        (Some(positive), classes) => {
            return Err(format!(
                "train.positive = {positive:?} is for two classes, and {name:?} has {}; leave it out",
                classes.len()
            ));
        }
    }
    let places: HashMap<&str, f64> = classes
        .iter()
        .enumerate()
        .map(|(place, c)| (c.as_str(), place as f64))
        .collect();
    let target = texts.iter().map(|text| places[text.as_str()]).collect();
    Ok((target, classes))
}

fn wrong_number(name: &str, classes: &[String]) -> String {
    let (noun, hint) = match classes.len() {
        ..2 => ("class", ""),
        _ => ("classes", "; a target of numbers is for least-squares"),
    };
    format!(
        "the logistic trainer takes a target of 2 to {CLASSES_MAX} classes; {name:?} has {} {noun}: {}{hint}",
        classes.len(),
        quoted(classes)
    )
}

/// As people write it: `1`, not `1.0`.
pub fn label(y: f64) -> String {
    format!("{}", y + 0.0)
}

/// Of each class, how much its rows count. `target`: of each training row, the place of its class.
///
/// # Errors
/// If a weight is given to what is no class.
pub fn class_weights(
    given: &ClassWeights,
    classes: &[String],
    target: &[f64],
) -> std::result::Result<Vec<f64>, String> {
    Ok(match given {
        ClassWeights::Equal => vec![1.0; classes.len()],
        ClassWeights::Balanced => {
            let rows = |class: usize| target.iter().filter(|&&y| y as usize == class).count();
            let weight = |class| target.len() as f64 / (classes.len() * rows(class)) as f64;
            (0..classes.len()).map(weight).collect()
        }
        ClassWeights::Given(weights) => {
            if let Some(other) = weights.keys().find(|name| !classes.contains(name)) {
                return Err(format!(
                    "train.class_weights names {other:?}, which is no class of the target: they are {}",
                    quoted(classes)
                ));
            }
            classes
                .iter()
                .map(|class| weights.get(class).copied().unwrap_or(1.0))
                .collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(texts: &[&str]) -> (Vec<f64>, Vec<String>) {
        let texts = texts.iter().map(|text| Some(text.to_string())).collect();
        labels("y", &Cells::Texts(texts), None).unwrap()
    }

    #[test]
    fn classes_are_by_number_or_by_alphabet() {
        assert_eq!(
            classes(&["b", "10", "a", "b"]),
            (vec![2.0, 0.0, 1.0, 2.0], ["10", "a", "b"].map(String::from).to_vec())
        );
        assert_eq!(
            classes(&["10", "9", "-1"]),
            (vec![2.0, 1.0, 0.0], ["-1", "9", "10"].map(String::from).to_vec())
        );
        let numbers = Cells::Numbers(vec![2.0, -0.0, 0.0, 1.0]);
        let (target, classes) = labels("y", &numbers, None).unwrap();
        assert_eq!(
            (target, classes),
            (vec![2.0, 0.0, 0.0, 1.0], ["0", "1", "2"].map(String::from).to_vec())
        );
    }

    #[test]
    fn so_many_classes_and_no_more() {
        let of = |count: usize| labels("y", &Cells::Numbers((0..count).map(|y| y as f64).collect()), None);
        assert_eq!(of(CLASSES_MAX).unwrap().1.len(), 100);
        let message = of(CLASSES_MAX + 1).unwrap_err();
        assert!(
            message.contains("takes a target of 2 to 100 classes; \"y\" has 101 classes: \"0\", \"1\""),
            "{message}"
        );
        assert!(
            message.ends_with("\"9\", …; a target of numbers is for least-squares"),
            "{message}"
        );
        let message = labels("y", &Cells::Numbers(vec![0.0, 1.0, 2.0]), Some("1")).unwrap_err();
        assert!(message.contains("is for two classes, and \"y\" has 3"), "{message}");
    }

    #[test]
    fn classes_that_are_one_double_are_refused() {
        let one = Cells::Numbers(vec![9_007_199_254_740_992.0, 1.0]);
        let message = labels("y", &one, None).unwrap_err();
        assert!(message.contains("are numbers from 2^53 on"), "{message}");
    }

    #[test]
    fn balanced_classes_count_the_same_together() {
        let classes = ["a".to_string(), "b".into(), "c".into()];
        let target = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0];
        let weights = |given| class_weights(&given, &classes, &target);
        assert_eq!(weights(ClassWeights::Balanced).unwrap(), [6.0 / 9.0, 1.0, 2.0]);
        let given = |name: &str| ClassWeights::Given([(name.to_string(), 3.0)].into());
        assert_eq!(weights(given("b")).unwrap(), [1.0, 3.0, 1.0]);
        let message = weights(given("d")).unwrap_err();
        assert!(message.ends_with("they are \"a\", \"b\", \"c\""), "{message}");
    }
}
