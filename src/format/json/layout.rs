//! What an input of JSON Lines is read for: which keys are features, which members are kept or looked at. What its first block has is
//! what its keys are: there is no header.

use super::check::Document;
use super::cursor::Kind;
use crate::format::csv::roles::Role;
use crate::format::wanted::{Wanted, stands_already};
use crate::format::{Columns, RowFormat};
use crate::model::{Signature, unicode};
use crate::problem::{Code, Problem};
use crate::score::binding::{Places, nearest, no_such_column};
use crate::score::{Binding, Derivation, Names, Second};
use std::collections::{HashMap, HashSet};

/// How many keys of the first block are known by name, beside those that are wanted.
const MOST: usize = 65_536;

/// For how many columns that it lacks a name is looked for that may be a misspelling.
const COMPARED: usize = 64;

pub struct Layout {
    /// The columns: the keys of the first block, and what is wanted beside.
    pub columns: Vec<String>,
    /// By the name of a key the place of its column.
    pub fields: HashMap<String, usize>,
    /// For each column, what it is needed for.
    pub roles: Vec<Role>,
    pub binding: Binding,
    pub kept: Kept,
    /// The names of the columns that are written behind the kept ones, where whole objects are kept: no member may have one.
    pub written: Vec<String>,
    /// Of each observed column, among which of them its place is noted.
    pub observed: Vec<Option<usize>>,
    pub derivations: Vec<Result<Derivation, Problem>>,
    /// Of how many columns it is noted where their values stand.
    pub noted: usize,
    /// The keys of the first object.
    pub first: Vec<String>,
}

/// What stands in front of the predictions.
pub enum Kept {
    /// The object as it stands.
    Whole,
    /// The members of these columns, in this order; none, too.
    Named(Vec<String>),
}

impl Kept {
    pub fn width(&self) -> usize {
        match self {
            Kept::Whole => 0,
            Kept::Named(names) => names.len(),
        }
    }
}

impl Layout {
    /// `block`: the first one, without a byte order mark.
    ///
    /// # Errors
    /// No object of it has a column that is needed; or the output's columns can't be told.
    pub fn of(block: &[u8], wanted: &Wanted) -> Result<Layout, Problem> {
        let to_json = wanted.output.rows == RowFormat::JsonLines;
        let kept = match wanted.columns {
            Columns::Prediction | Columns::All if to_json => Kept::Whole,
            Columns::Prediction => Kept::Named(Vec::new()),
            Columns::Named(names) => Kept::Named(names.clone()),
            Columns::All => return Err(columns_unclear()),
        };
        let mut columns = Found::of(block, &wanted_names(wanted, &kept));
        let signature = wanted.signature;
        columns.take_in(signature, true)?;
        for second in wanted.seconds {
            // What it lacks is the second's own problem.
            let _ = columns.take_in(second.signature, false);
        }
        if let Kept::Named(kept) = &kept {
            for name in kept {
                if !columns.has(name) {
                    columns.misspelled(name, "output.columns keeps", |_| false)?;
                    columns.add(name);
                }
            }
            if let Some(twice) = wanted.written().iter().find(|name| kept.contains(name)) {
                return Err(stands_already(twice));
            }
        }
        let binding = Binding::by_place(&Places::of(&columns.names), signature, wanted.features)?;
        let mut roles = vec![Role::default(); columns.names.len()];
        for (feature, &field) in binding.fields.iter().enumerate() {
            roles[field].feature = Some(feature);
            // A later object may have it by the model's own name.
            let own = unicode::name(&signature.inputs[feature].name).into_owned();
            columns.fields.entry(own).or_insert(field);
        }
        if let Kept::Named(kept) = &kept {
            for (place, name) in kept.iter().enumerate() {
                roles[columns.fields[unicode::name(name).as_ref()]].kept = Some(place);
            }
        }
        let observed = wanted.observed.iter().enumerate().map(|(place, observed)| {
            let name = unicode::name(observed);
            let inputs = &mut signature.inputs.iter();
            let field = match inputs.position(|input| unicode::name(&input.name) == name) {
                Some(feature) => binding.fields[feature],
                None => *columns.fields.get(name.as_ref())?,
            };
            // None of the first objects has it.
            (field < columns.seen).then(|| *roles[field].noted.get_or_insert(place))
        });
        let observed = observed.collect();
        let mut noted = wanted.observed.len();
        let derive = |second: &Second| {
            Derivation::of(*second, Some(&columns.names), (signature, &binding), |field| {
                *roles[field].noted.get_or_insert_with(|| {
                    noted += 1;
                    noted - 1
                })
            })
        };
        let derivations = wanted.seconds.iter().map(derive).collect();
        let written = match kept {
            Kept::Whole => wanted.written(),
            Kept::Named(_) => Vec::new(),
        };
        let Found {
            names, fields, first, ..
        } = columns;
        Ok(Layout {
            columns: names,
            fields,
            roles,
            binding,
            kept,
            written,
            observed,
            derivations,
            noted,
            first,
        })
    }
}

/// The names of what is needed, as keys are known by.
fn wanted_names(wanted: &Wanted, kept: &Kept) -> HashSet<String> {
    let signatures = wanted.seconds.iter().map(|second| second.signature);
    let inputs = signatures
        .chain([wanted.signature])
        .flat_map(|signature| &signature.inputs);
    let kept = match kept {
        Kept::Whole => &[][..],
        Kept::Named(names) => names,
    };
    let names = inputs.map(|input| &input.name).chain(kept).chain(wanted.observed);
    names.map(|name| unicode::name(name).into_owned()).collect()
}

/// The columns that were found so far.
struct Found {
    names: Vec<String>,
    fields: HashMap<String, usize>,
    first: Vec<String>,
    /// How many of them objects have.
    seen: usize,
    has_objects: bool,
}

impl Found {
    /// Goes through the objects of a block until all that is wanted was found.
    fn of(block: &[u8], wanted: &HashSet<String>) -> Found {
        let mut found = Found {
            names: Vec::new(),
            fields: HashMap::new(),
            first: Vec::new(),
            seen: 0,
            has_objects: false,
        };
        let mut lacking = wanted.len();
        for line in block.split(|b| *b == b'\n') {
            let Ok(document) = Document::check(line) else { continue };
            if document.root().kind() != Kind::Object {
                continue;
            }
            for (key, _) in document.root().members() {
                let name = unicode::name(&key);
                let is_wanted = wanted.contains(name.as_ref());
                if !found.fields.contains_key(name.as_ref()) && (is_wanted || found.names.len() < MOST) {
                    found.add(&name);
                    lacking -= usize::from(is_wanted);
                }
            }
            if !found.has_objects {
                found.first.clone_from(&found.names);
            }
            found.has_objects = true;
            if lacking == 0 {
                break;
            }
        }
        found.seen = found.names.len();
        found
    }

    fn has(&self, name: &str) -> bool {
        self.fields.contains_key(unicode::name(name).as_ref())
    }

    fn add(&mut self, name: &str) {
        let name = unicode::name(name).into_owned();
        self.fields.insert(name.clone(), self.names.len());
        self.names.push(name);
    }

    /// Takes in what a model takes and no object has: an optional feature is missing then in each of them, unless a key is likely to
    /// be it. `answers`: at least one of its features is there, too, else these are other rows than its own.
    fn take_in(&mut self, signature: &Signature, answers: bool) -> Result<(), Problem> {
        let names = Names::of(signature);
        let mut found = vec![false; signature.inputs.len()];
        for key in &self.names[..self.seen] {
            if let Some((feature, _)) = names.find(key) {
                found[feature] = true;
            }
        }
        let has_none = answers && !found.contains(&true);
        let inputs = signature.inputs.iter().zip(&found).filter(|(_, found)| !**found);
        for (place, (input, _)) in inputs.enumerate() {
            if self.has_objects {
                if !input.optional || has_none {
                    return Err(self.lacks(&input.name, "the model takes", |key| names.find(key).is_some()));
                }
                if place < COMPARED {
                    self.misspelled(&input.name, "the model takes", |key| names.find(key).is_some())?;
                }
            }
            if !self.has(&input.name) {
                self.add(&input.name);
            }
        }
        Ok(())
    }

    fn free(&self, taken: impl Fn(&str) -> bool) -> Vec<&str> {
        let seen = self.names[..self.seen].iter().map(String::as_str);
        seen.filter(|key| !taken(key)).collect()
    }

    fn lacks(&self, name: &str, who: &str, taken: impl Fn(&str) -> bool) -> Problem {
        let free = self.free(taken);
        let problem = no_such_column(name, &self.names[..self.seen], &free, who);
        match nearest(name, &free) {
            Some(_) => problem,
            None => Problem {
                hint: format!("give the objects a member {name:?}: null where its value is missing"),
                ..problem
            },
        }
    }

    /// # Errors
    /// A key that nothing else is could be this name, which no object has.
    fn misspelled(&self, name: &str, who: &str, taken: impl Fn(&str) -> bool + Copy) -> Result<(), Problem> {
        // `x_10` is no misspelling of `x_11`.
        let letters = |text: &str| text.to_lowercase().replace(|c: char| c.is_ascii_digit(), "");
        let near = nearest(name, &self.free(taken))
            .is_some_and(|near| near.to_lowercase() == name.to_lowercase() || letters(near) != letters(name));
        match near {
            true => Err(self.lacks(name, who, taken)),
            false => Ok(()),
        }
    }
}

fn columns_unclear() -> Problem {
    Problem::new(
        Code::ColumnsUnclear,
        "output.columns is \"all\", and an input of JSON Lines has no fixed columns: each line may have other members",
        "name the columns to keep in output.columns; or set output.format = \"same\", which keeps each object as it stands",
    )
}
