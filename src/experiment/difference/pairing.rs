//! Which outputs of two versions are held against each other.

use crate::model::{Category, Column, Type};
use std::collections::HashMap;

/// Outputs beyond these aren't compared: there are no more pictures that anyone looks at.
const COLUMNS: usize = 20;

/// An output of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// A number's name, or the class whose probability it is.
    pub name: String,
    /// The place of its cell among the champion's and among the shadow's.
    pub cells: [usize; 2],
}

/// What is compared of two versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairing {
    /// How many outputs each has.
    pub outputs: [usize; 2],
    pub columns: Vec<Compared>,
    /// Outputs that both have, beyond those compared.
    pub left_out: usize,
    /// None of numbers.
    pub classes: Option<Classes>,
}

/// The classes of both versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// The champion's in its order, then those that only the shadow knows.
    pub names: Vec<String>,
    /// Of each, where its probability stands among the champion's outputs and among the shadow's; none of a class that isn't known, or
    /// where none are given.
    pub probabilities: Vec<[Option<usize>; 2]>,
    /// Do both give probabilities?
    pub has_probabilities: bool,
    /// The places of names.
    places: HashMap<String, usize>,
}

impl Classes {
    fn of(champion: &Labels, shadow: &Labels) -> Classes {
        let mut names = champion.classes.clone();
        let more = shadow.classes.iter().filter(|class| !champion.classes.contains(class));
        names.extend(more.cloned());
        let both = [champion, shadow];
        Classes {
            probabilities: names
                .iter()
                .map(|name| both.map(|labels| labels.probability(name)))
                .collect(),
            has_probabilities: both.iter().all(|labels| !labels.probabilities.is_empty()),
            places: names.iter().cloned().zip(0..).collect(),
            names,
        }
    }

    pub fn place(&self, label: &str) -> Option<usize> {
        self.places.get(label).copied()
    }
}

/// The labels and the places of the probabilities of a version's outputs.
struct Labels {
    classes: Vec<String>,
    /// Empty where there are none.
    probabilities: Vec<usize>,
}

impl Labels {
    /// None: the outputs are numbers. The label stands first, then the probabilities of the classes in their order.
    fn of(outputs: &[Column]) -> Option<Labels> {
        let label = outputs.first().filter(|first| first.kind == Type::Category)?;
        // As cells are read: without the spaces around them.
        let trimmed = |class: &Category| class.to_string().trim_matches([' ', '\t']).to_string();
        let classes: Vec<String> = label.categories.iter().map(trimmed).collect();
        let probabilities = match outputs.len() - 1 == classes.len() {
            true => (1..outputs.len()).collect(),
            false => Vec::new(),
        };
        Some(Labels { classes, probabilities })
    }

    /// Where a class's probability stands.
    fn probability(&self, class: &str) -> Option<usize> {
        let place = self.classes.iter().position(|known| known == class)?;
        self.probabilities.get(place).copied()
    }
}

impl Pairing {
    /// Outputs of the champion's signature and of the shadow's. Of two classes the probability of the last one says all; of more each
    /// is compared.
    ///
    /// # Errors
    /// Why the versions can't be compared.
    pub fn of(champion: &[Column], shadow: &[Column]) -> Result<Pairing, String> {
        let (columns, classes) = match [champion, shadow].map(Labels::of) {
            [Some(champion), Some(shadow)] => of_labels(&champion, &shadow),
            [None, None] => (of_numbers(champion, shadow)?, None),
            [Some(_), None] => return Err("the champion gives labels, and the shadow numbers".into()),
            [None, Some(_)] => return Err("the champion gives numbers, and the shadow labels".into()),
        };
        Ok(Pairing {
            outputs: [champion.len(), shadow.len()],
            left_out: columns.len().saturating_sub(COLUMNS),
            columns: columns.into_iter().take(COLUMNS).collect(),
            classes,
        })
    }
}

fn of_labels(champion: &Labels, shadow: &Labels) -> (Vec<Compared>, Option<Classes>) {
    let classes = Classes::of(champion, shadow);
    let of_both = classes
        .names
        .iter()
        .zip(&classes.probabilities)
        .filter_map(|(name, cells)| {
            Some(Compared {
                name: name.clone(),
                cells: [cells[0]?, cells[1]?],
            })
        });
    let mut columns: Vec<Compared> = of_both.collect();
    if classes.names.len() == 2 && columns.len() == 2 {
        columns.remove(0);
    }
    (columns, Some(classes))
}

/// Those of the same name; or the only one of each.
fn of_numbers(champion: &[Column], shadow: &[Column]) -> Result<Vec<Compared>, String> {
    if let ([one], [other]) = (champion, shadow)
        && [one, other].iter().all(|output| output.kind.is_number())
    {
        return Ok(vec![Compared {
            name: one.name.clone(),
            cells: [0, 0],
        }]);
    }
    let numbers = (0..).zip(champion).filter(|(_, output)| output.kind.is_number());
    let same = numbers.filter_map(|(cell, output)| {
        let is_same = |other: &Column| other.name == output.name && other.kind.is_number();
        let other = shadow.iter().position(is_same)?;
        Some(Compared {
            name: output.name.clone(),
            cells: [cell, other],
        })
    });
    let columns: Vec<Compared> = same.collect();
    if columns.is_empty() {
        let names = |outputs: &[Column]| {
            outputs
                .iter()
                .map(|output| &*output.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (champion, shadow) = (names(champion), names(shadow));
        return Err(format!(
            "no output of numbers is of both: the champion gives {champion}; the shadow {shadow}"
        ));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;

    fn number(name: &str) -> Column {
        Column::plain(name.into(), Type::Float64)
    }

    fn labels(classes: &[&str], probabilities: bool) -> Vec<Column> {
        let mut label = Column::plain("label".into(), Type::Category);
        label.categories = classes.iter().map(|class| Category::Text((*class).into())).collect();
        let mut outputs = vec![label];
        if probabilities {
            outputs.extend(classes.iter().map(|class| number(&format!("p_{class}"))));
        }
        outputs
    }

    fn columns(champion: &[Column], shadow: &[Column]) -> Vec<(String, [usize; 2])> {
        let pairing = Pairing::of(champion, shadow).unwrap();
        pairing
            .columns
            .into_iter()
            .map(|column| (column.name, column.cells))
            .collect()
    }

    #[test]
    fn numbers_are_compared_by_name_or_as_the_only_ones() {
        assert_eq!(columns(&[number("y")], &[number("price")]), [("y".into(), [0, 0])]);
        let two = [number("low"), number("high")];
        assert_eq!(
            columns(&two, &[number("high"), number("low")]),
            [("low".into(), [0, 1]), ("high".into(), [1, 0])]
        );
        let why = Pairing::of(&two, &[number("y")]).unwrap_err();
        assert!(why.contains("low, high; the shadow y"), "{why}");
    }

    #[test]
    fn of_two_classes_the_last_probability_says_all() {
        let two = labels(&["no", "yes"], true);
        assert_eq!(columns(&two, &two), [("yes".into(), [2, 2])]);
        // In another order, and with one more.
        let three = labels(&["yes", "maybe", "no"], true);
        assert_eq!(columns(&two, &three), [("no".into(), [1, 3]), ("yes".into(), [2, 1])]);
        let pairing = Pairing::of(&two, &three).unwrap();
        let classes = pairing.classes.unwrap();
        assert_eq!(classes.names, ["no", "yes", "maybe"]);
        assert_eq!((classes.place("maybe"), classes.place("x")), (Some(2), None));
    }

    #[test]
    fn labels_without_probabilities_have_flips_alone() {
        let pairing = Pairing::of(&labels(&["a", "b"], true), &labels(&["a", "b"], false)).unwrap();
        assert_eq!((pairing.columns, pairing.outputs), (vec![], [3, 1]));
    }

    #[test]
    fn labels_and_numbers_have_nothing_in_common() {
        let why = Pairing::of(&labels(&["a", "b"], false), &[number("y")]).unwrap_err();
        assert_eq!(why, "the champion gives labels, and the shadow numbers");
    }

    #[test]
    fn of_many_classes_the_first_are_compared() {
        let names: Vec<String> = (0..50).map(|i| i.to_string()).collect();
        let many = labels(&names.iter().map(String::as_str).collect::<Vec<_>>(), true);
        let pairing = Pairing::of(&many, &many).unwrap();
        assert_eq!((pairing.columns.len(), pairing.left_out), (20, 30));
    }
}
