//! The names of a model's features, for rows that name each of their values. The rule is that of a header: see
//! [`Binding`](super::Binding).

use super::binding::{nearest, unmarked};
use crate::model::{Signature, unicode, without_spaces};
use std::borrow::Cow;
use std::collections::HashMap;

/// Made once for a model, and shared by all rows.
#[derive(Clone, Debug)]
pub struct Names {
    /// In the order of the model.
    names: Vec<String>,
    features: HashMap<String, usize>,
    /// The names without a byte order mark in front, of the features that have one.
    unmarked: HashMap<String, usize>,
}

/// How surely a name is that of a feature. The surest is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Own,
    /// It is what LightGBM and skl2onnx make of it; none is taken if two names would become the same.
    Spaced,
    /// But for a byte order mark.
    Marked,
}

impl Names {
    pub fn of(signature: &Signature) -> Names {
        let names: Vec<String> = signature.inputs.iter().map(|column| column.name.clone()).collect();
        let named = |name| unicode::name(name).into_owned();
        let features = names.iter().enumerate().map(|(i, name)| (named(name), i)).collect();
        let unmarked = names
            .iter()
            .enumerate()
            .filter_map(|(i, name)| Some((named(unmarked(name)?), i)));
        Names {
            unmarked: unmarked.collect(),
            features,
            names,
        }
    }

    /// In the order of the model.
    pub fn all(&self) -> &[String] {
        &self.names
    }

    /// The feature that is meant by a name, whatever its form and the spaces around it.
    pub fn find(&self, name: &str) -> Option<(usize, Claim)> {
        let name = unicode::name(name);
        let with = |claim| move |feature: &usize| (*feature, claim);
        let spaced = || {
            let spaced = name.contains(char::is_whitespace).then(|| without_spaces(&name))?;
            self.features.get(&spaced)
        };
        let own = self.features.get(name.as_ref()).map(with(Claim::Own));
        own.or_else(|| spaced().map(with(Claim::Spaced)))
            .or_else(|| self.unmarked.get(name.as_ref()).map(with(Claim::Marked)))
    }

    /// The name most like a feature's, if one is, among `names` that are no other feature's.
    pub fn nearest<'n>(&self, feature: usize, names: &'n [Cow<str>]) -> Option<&'n str> {
        let free = names.iter().map(AsRef::as_ref).filter(|name| self.find(name).is_none());
        nearest(&self.names[feature], &free.collect::<Vec<&str>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Column, Type};
    use crate::score::{Binding, Spelling};
    use proptest::prelude::*;

    fn signature(names: &[&str]) -> Signature {
        let column = |name: &&str| Column::plain((*name).into(), Type::Float64);
        Signature {
            inputs: names.iter().map(column).collect(),
            outputs: Vec::new(),
        }
    }

    #[test]
    fn the_nearest_name_is_no_other_feature() {
        let names = Names::of(&signature(&["height", "weight"]));
        let row = ["weight", "heigth", "x"].map(Cow::from);
        assert_eq!(names.nearest(0, &row), Some("heigth"));
        assert_eq!(names.nearest(0, &["weight".into()]), None);
    }

    proptest! {
        /// One name alone is taken for what a header of it would be.
        #[test]
        fn a_name_is_what_it_is_in_a_header(
            own in prop::sample::select(vec!["a", "a b", "a_b", "\u{feff}a", "K\u{f6}ln", "Ko\u{308}ln"]),
            name in "\u{feff}?[ \t]{0,1}(a|a b|a_b|a\tb|Köln|Ko\u{308}ln)[ ]{0,1}",
        ) {
            let signature = signature(&[own]);
            let header = [unicode::name(&name).into_owned()];
            let bound = Binding::by_name(&header, &signature, &Spelling::USUAL).is_ok();
            prop_assert_eq!(Names::of(&signature).find(&name).is_some(), bound);
        }
    }
}
