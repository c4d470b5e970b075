//! A signature and the names of an input's fields -> which field is which feature.

use super::cell::Feature;
use super::spelling::Spelling;
use crate::model::{Column, Signature, Type, unicode, without_spaces};
use crate::problem::{Code, Problem, excerpt};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Which field is which feature, and what its cells can hold.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Those that the model takes, in its order.
    pub features: Arc<[Feature]>,
    /// Of each feature, the index of its field.
    pub fields: Vec<usize>,
}

/// Where the names of fields stand: of those that stand twice, the last.
pub struct Places<'a> {
    names: &'a [String],
    fields: HashMap<&'a str, usize>,
}

impl<'a> Places<'a> {
    pub fn of(names: &'a [String]) -> Places<'a> {
        let fields = names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        Places { names, fields }
    }

    /// The field of that name, whatever its form and the spaces around it.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.fields.get(unicode::name(name).as_ref()).copied()
    }
}

impl Binding {
    /// By the fields' names. `spelling`: of their cells.
    ///
    /// # Errors
    /// A name that stands twice, or is missing.
    pub fn by_name(names: &[String], signature: &Signature, spelling: &Spelling) -> Result<Binding, Problem> {
        let features = features(signature.inputs.iter(), spelling).into();
        Binding::by_place(&Places::of(names), signature, &features)
    }

    /// The same of names that were looked through before. `features`: of the signature's inputs.
    pub fn by_place(places: &Places, signature: &Signature, features: &Arc<[Feature]>) -> Result<Binding, Problem> {
        let names = places.names;
        let wanted = || -> HashSet<Cow<str>> { signature.inputs.iter().map(|c| unicode::name(&c.name)).collect() };
        if places.fields.len() < names.len() {
            let wanted = wanted();
            if let Some(twice) = stands_twice(names, |name| wanted.contains(name)) {
                return Err(twice);
            }
        }
        let spaced = OnceCell::new();
        let field = |column: &Column| {
            // Another of the model's columns is no misspelling of this one.
            let missing = || {
                let wanted = wanted();
                let free: Vec<&str> = names
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !wanted.contains(*name))
                    .collect();
                no_such_column(&column.name, names, &free, "the model takes")
            };
            let spaced = || {
                *spaced
                    .get_or_init(|| by_spaced_name(names, &wanted()))
                    .get(unicode::name(&column.name).as_ref())?
            };
            let marked = || {
                let name = unmarked(&column.name)?;
                let own = wanted().contains(unicode::name(name).as_ref());
                places.find(name).filter(|_| !own)
            };
            let found = places.find(&column.name).or_else(spaced).or_else(marked);
            found.ok_or_else(missing)
        };
        Ok(Binding {
            features: features.clone(),
            fields: signature.inputs.iter().map(field).collect::<Result<_, _>>()?,
        })
    }

    /// By position: there are as many fields as the model takes.
    pub fn by_position(features: &Arc<[Feature]>) -> Binding {
        Binding {
            features: features.clone(),
            fields: (0..features.len()).collect(),
        }
    }
}

/// A model's name without the byte order mark in front, if it has one: the examples' reader left it there, and the same file's
/// first name has none.
pub fn unmarked(name: &str) -> Option<&str> {
    name.strip_prefix('\u{feff}')
}

/// The fields whose names have spaces, by the names that LightGBM and skl2onnx make of them; none where two would have the
/// same. A field that is wanted by its own name is no other's.
fn by_spaced_name(names: &[String], wanted: &HashSet<Cow<str>>) -> HashMap<String, Option<usize>> {
    let mut fields = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if name.contains(char::is_whitespace) && !wanted.contains(name.as_str()) {
            let once = fields.entry(without_spaces(name)).or_insert(Some(i));
            *once = once.filter(|&first| first == i);
        }
    }
    fields
}

/// The error that a name that is wanted stands twice. Others may: nobody asks which is meant.
pub fn stands_twice(names: &[String], wanted: impl Fn(&str) -> bool) -> Option<Problem> {
    let mut places = HashMap::with_capacity(names.len());
    let mut twice = names.iter().enumerate().filter_map(|(i, name)| {
        let first = places.insert(name.as_str(), i)?;
        (!name.is_empty() && wanted(name)).then_some((name, first, i))
    });
    let (name, first, second) = twice.next()?;
    let message = format!(
        "column {:?} stands twice in the header, as column {} and column {}",
        excerpt(name.as_bytes(), 80),
        first + 1,
        second + 1
    );
    Some(Problem::new(Code::DuplicateColumn, message, "rename or remove one of them").column(name))
}

/// What the cells of columns can hold.
pub fn features<'a>(columns: impl Iterator<Item = &'a Column>, spelling: &Spelling) -> Vec<Feature> {
    let mut texts = 0;
    let feature = |column: &Column| {
        let feature = Feature::of(column, texts, spelling);
        texts += usize::from(column.kind == Type::String);
        feature
    };
    columns.map(feature).collect()
}

/// Bytes of a name.
const LONGEST_COMPARED: usize = 64;

/// The name most like `wanted`, if one is.
pub fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    // A name of megabytes is like none of these, and to find that out would take many times its size.
    if wanted.len() > 2 * LONGEST_COMPARED {
        return None;
    }
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted.to_lowercase());
    // Only short names are compared: the distance takes time in the product of the lengths.
    let near = names
        .iter()
        .copied()
        .filter(|n| n.len() <= LONGEST_COMPARED)
        .take(1000)
        .min_by_key(|n| distance(n))?;
    (3 * distance(near) <= wanted.len()).then_some(near)
}

/// The first names of a file, for a message.
pub fn shown(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(20).map(|n| excerpt(n.as_bytes(), 40)).collect();
    let more = if names.len() > 20 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The error that `names` have none that `who` needs. `free`: those that nothing else is.
pub fn no_such_column(wanted: &str, names: &[String], free: &[&str], who: &str) -> Problem {
    let hint = match nearest(wanted, free) {
        Some(near) => format!(
            "did the producer mean {:?}? It must be named {wanted:?}",
            excerpt(near.as_bytes(), 64)
        ),
        None => format!("add the column {wanted:?}; if the file has no header, set input.header = false"),
    };
    Problem::new(
        Code::NoSuchColumn,
        format!("no column {wanted:?}, which {who}; the file has: {}", shown(names)),
        hint,
    )
    .column(wanted)
}
