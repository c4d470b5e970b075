//! A target of classes.

use super::frame::Cells;
use super::pipeline::ClassWeights;
use crate::problem::excerpt;

/// The two classes of a target, and of each row which it is: 1 for the second one. That is `positive`, or the one that
/// comes last, by number or by alphabet.
pub fn labels(
    name: &str,
    cells: &Cells,
    positive: Option<&str>,
) -> std::result::Result<(Vec<f64>, [String; 2]), String> {
    let texts: Vec<String> = match cells {
        Cells::Numbers(numbers) => numbers.iter().map(|&y| label(y)).collect(),
        Cells::Texts(texts) => texts.iter().map(|text| text.clone().unwrap_or_default()).collect(),
    };
    let mut classes: Vec<&String> = Vec::new();
    for text in &texts {
        if !classes.contains(&text) {
            classes.push(text);
        }
        if classes.len() > 10 {
            break;
        }
    }
    classes.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y),
        _ => a.cmp(b),
    });
    let [first, second] = classes[..] else {
        let shown: Vec<String> = classes
            .iter()
            .map(|c| format!("{:?}", excerpt(c.as_bytes(), 40)))
            .collect();
        let (count, more) = match classes.len() {
            count @ ..=10 => (count.to_string(), ""),
            _ => ("more than 10".into(), ", …"),
        };
        let s = if classes.len() == 1 { "class" } else { "classes" };
        return Err(format!(
            "the logistic trainer takes a target of two classes; {name:?} has {count} {s}: {}{more}",
            shown.join(", ")
        ));
    };
    let classes = match positive {
        None => [first.clone(), second.clone()],
        Some(positive) if positive == second => [first.clone(), second.clone()],
        Some(positive) if positive == first => [second.clone(), first.clone()],
        Some(positive) => {
            return Err(format!(
                "train.positive = {positive:?} is no class of {name:?}: they are {first:?} and {second:?}"
            ));
        }
    };
    let target = texts.iter().map(|text| f64::from(*text == classes[1])).collect();
    Ok((target, classes))
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
                let classes: Vec<String> = classes.iter().map(|class| format!("{class:?}")).collect();
                return Err(format!(
                    "train.class_weights names {other:?}, which is no class of the target: they are {}",
                    classes.join(", ")
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
