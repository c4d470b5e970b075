//! Why a row is malformed.

use crate::format::json::cursor::{Cursor, Kind};
use crate::problem::excerpt;
use crate::score::Names;
use std::borrow::Cow;

/// Fields are counted from 0, and from 1 in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoArray {
        found: Kind,
    },
    NoObject {
        found: Kind,
    },
    Width {
        found: usize,
        width: usize,
    },
    /// A value of a field is an array or object.
    Nested {
        field: usize,
        found: Kind,
    },
    /// The same of a feature, by name.
    NestedFeature {
        feature: usize,
        found: Kind,
    },
    /// An object of the way to a row hasn't the key of that step.
    NoKey {
        step: usize,
    },
    KeyTwice {
        step: usize,
    },
    Missing {
        feature: usize,
    },
    Twice {
        feature: usize,
    },
    /// A column has fewer values than another.
    Short {
        field: usize,
    },
}

impl Fault {
    /// `row`: where it begins. `within`: the keys that lead to its array. `names`: by which its values are known.
    pub fn words(&self, row: Cursor, within: &[&str], names: Option<&Names>) -> String {
        let name = |feature: usize| names.map_or("", |names| &names.all()[feature]);
        let nested = |who: String, found: Kind| {
            format!(
                "{who} is {}, where a number, text, boolean or null is expected",
                found.words()
            )
        };
        match *self {
            Fault::NoArray { found } => format!("the row is {}, where an array of values is expected", found.words()),
            Fault::NoObject { found } => format!("the row is {}, where an object is expected", found.words()),
            Fault::Width { found, width } => {
                let values = if found == 1 { "value" } else { "values" };
                format!("the row has {found} {values}, where {width} are expected")
            }
            Fault::Nested { field, found } => nested(format!("value {}", field + 1), found),
            Fault::NestedFeature { feature, found } => nested(format!("{:?}", name(feature)), found),
            Fault::NoKey { step } => format!("the row has no key {:?}", within[step]),
            Fault::KeyTwice { step } => format!("the key {:?} stands twice in the row", within[step]),
            Fault::Missing { feature } => {
                let keys: Vec<Cow<str>> = row.members().map(|(key, _)| key).collect();
                let near = names.and_then(|names| names.nearest(feature, &keys));
                let hint = match near {
                    Some(near) => format!("; is it {:?}?", excerpt(near.as_bytes(), 64)),
                    None => String::new(),
                };
                format!("no key {:?}, which the model takes{hint}", name(feature))
            }
            Fault::Twice { feature } => format!("the key {:?} stands twice", name(feature)),
            Fault::Short { field } => format!("column {} has no value for the row, and another has", field + 1),
        }
    }
}
