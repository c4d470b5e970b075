//! The members' signatures -> the ensemble's, and which of its columns is which of a member's.
//!
//! A cell is read once, by the united column, so that must take exactly the cells that all members take, and for the same
//! value. Columns of which that can't be said are refused by name.

use super::plan::{Combine, Part, Plan};
use crate::model::signature::{self, without_spaces};
use crate::model::{Category, Column, Defect, Format, Marker, Signature, Type, unicode};
use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

/// How a member is connected.
#[derive(Clone, Debug, PartialEq)]
pub struct Wiring {
    /// Of each of its inputs, the place among the ensemble's.
    pub inputs: Vec<usize>,
    /// Of each of the ensemble's outputs, the place among its own.
    pub outputs: Vec<usize>,
}

impl Plan {
    /// The ensemble's signature, and each member's wiring.
    ///
    /// # Errors
    /// What members don't agree on, with the versions and the column.
    pub fn signature(&self) -> Result<(Signature, Vec<Wiring>), Defect> {
        let (inputs, places) = inputs(&self.members).map_err(Defect)?;
        for (part, places) in self.members.iter().zip(&places) {
            let columns = part.signature.inputs.iter().zip(places);
            let strict =
                |(own, place): &(&Column, &usize)| !own.optional && !own_missing(own, &inputs[**place]).is_empty();
            if let Some((own, _)) = columns.into_iter().find(strict) {
                return Err(Defect(format!(
                    "other numbers mean a missing value of {:?} to version {}, which takes none, than to others",
                    own.name, part.version
                )));
            }
        }
        let (outputs, results) = outputs(&self.members, self.combine).map_err(Defect)?;
        let signature = Signature { inputs, outputs };
        signature.check()?;
        let wirings = places.into_iter().zip(results);
        let wirings = wirings.map(|(inputs, outputs)| Wiring { inputs, outputs });
        Ok((signature, wirings.collect()))
    }
}

/// A column of the ensemble, and who brought it.
struct United {
    column: Column,
    version: u32,
    /// Its name is what a library made of one that may have spaces.
    derived: bool,
}

/// The columns so far, and where they are by their names.
#[derive(Default)]
struct All {
    columns: Vec<United>,
    by_name: HashMap<String, usize>,
    /// By names without spaces.
    by_plain_name: HashMap<String, Vec<usize>>,
}

impl All {
    /// LightGBM and skl2onnx write `annual_income` for `annual income`. `derived`: so may have been done here.
    fn find(&self, name: &str, derived: bool) -> Option<usize> {
        let name = unicode::name(name);
        let alike = || {
            let alike = self.by_plain_name.get(&without_spaces(&name))?;
            let mut alike = alike.iter().filter(|&&place| derived || self.columns[place].derived);
            alike.next().filter(|_| alike.next().is_none())
        };
        self.by_name.get(name.as_ref()).or_else(alike).copied()
    }

    fn add(&mut self, united: United) -> usize {
        let place = self.columns.len();
        let name = unicode::name(&united.column.name).into_owned();
        self.by_plain_name.entry(without_spaces(&name)).or_default().push(place);
        self.by_name.insert(name, place);
        self.columns.push(united);
        place
    }

    /// Another member takes the column, too.
    fn narrow(&mut self, place: usize, column: &Column, derived: bool) -> Result<(), String> {
        let before = &mut self.columns[place];
        let mut united = unite(&before.column, column)?;
        if !derived && before.derived {
            self.by_name.remove(unicode::name(&united.name).as_ref());
            self.by_name.insert(unicode::name(&column.name).into_owned(), place);
            united.name.clone_from(&column.name);
        }
        before.column = united;
        before.derived &= derived;
        Ok(())
    }
}

fn inputs(members: &[Part]) -> Result<(Vec<Column>, Vec<Vec<usize>>), String> {
    let mut all = All::default();
    let mut places = Vec::with_capacity(members.len());
    for part in members {
        let version = part.version;
        let derived = matches!(part.format, Format::Lightgbm | Format::Onnx);
        let (mut own, mut taken) = (Vec::with_capacity(part.signature.inputs.len()), HashSet::new());
        for column in &part.signature.inputs {
            let place = match all.find(&column.name, derived) {
                None => all.add(United {
                    column: column.clone(),
                    version,
                    derived,
                }),
                Some(place) => {
                    let (name, first) = (&column.name, all.columns[place].version);
                    if !taken.contains(&place) {
                        all.narrow(place, column, derived).map_err(|why| {
                            format!("versions {first} and {version} don't take the same column {name:?}: {why}")
                        })?;
                    }
                    place
                }
            };
            if !taken.insert(place) {
                let name = &all.columns[place].column.name;
                return Err(format!("version {version} has two columns that could be {name:?}"));
            }
            own.push(place);
        }
        places.push(own);
    }
    Ok((all.columns.into_iter().map(|united| united.column).collect(), places))
}

/// The column that takes what both take; or why there is none.
fn unite(a: &Column, b: &Column) -> Result<Column, String> {
    let kind = kind(a, b).ok_or_else(|| format!("a {} in one, a {} in the other", shown(a), shown(b)))?;
    let missing = missing(a, b).ok_or("other words mean a missing value; register both with the same ones")?;
    if !is_same_set(&a.categories, &b.categories) {
        let list = |column: &Column| words(&column.categories);
        return Err(format!(
            "its categories are {} in one, {} in the other; train both with the same ones",
            list(a),
            list(b)
        ));
    }
    if kind == Type::Category && a.boolean != b.boolean {
        return Err("a boolean in one alone; register both with the same --booleans".into());
    }
    Ok(Column {
        kind,
        // A row that one of them can't score is none for the ensemble.
        optional: a.optional && b.optional,
        open: a.open && b.open,
        boolean: a.boolean && b.boolean,
        missing,
        ..a.clone()
    })
}

/// The narrower type, where one takes what the other does.
fn kind(a: &Column, b: &Column) -> Option<Type> {
    use Type::{Boolean, Float32, Float64, Int64};
    match (a.kind, b.kind) {
        (a, b) if a == b => Some(a),
        // Each rounds by itself.
        (Float32, Float64) | (Float64, Float32) => Some(Float64),
        (Int64, Float32 | Float64) | (Float32 | Float64, Int64) => Some(Int64),
        // Words for true and false are a boolean's, so the other one must take them, too.
        (Boolean, Float32 | Float64 | Int64) if b.boolean => Some(Boolean),
        (Float32 | Float64 | Int64, Boolean) if a.boolean => Some(Boolean),
        _ => None,
    }
}

/// What means a missing value to both; none where that differs by words, or in categories, whose cells are no numbers. What means so
/// to one alone is taken from its numbers: [`own_missing`].
fn missing(a: &Column, b: &Column) -> Option<Vec<Marker>> {
    let (common, others): (Vec<Marker>, Vec<Marker>) = a.missing.iter().cloned().partition(|m| b.missing.contains(m));
    let of_b = b.missing.iter().filter(|marker| !a.missing.contains(marker));
    let mut alone = others.iter().chain(of_b).peekable();
    let is_number = |marker: &Marker| marker.clone().read().number().is_some();
    (alone.peek().is_none() || a.kind.is_number() && alone.all(is_number)).then_some(common)
}

/// The numbers that mean a missing value to a member's column, and not to the ensemble's.
pub fn own_missing(own: &Column, united: &Column) -> Vec<f64> {
    // XGBoost compares as singles: what is -999 to it may be another number to a double.
    let by_singles = own.kind == Type::Float32 && united.kind != Type::Float32;
    let markers = own
        .missing
        .iter()
        .filter(|marker| by_singles || !united.missing.contains(marker));
    let numbers = markers.filter_map(|marker| marker.clone().read().number());
    numbers.filter(|_| own.kind.is_number()).collect()
}

fn shown(column: &Column) -> String {
    match column.categories.is_empty() {
        true => column.kind.to_string(),
        false => format!("{} ({})", column.kind, words(&column.categories)),
    }
}

fn words(categories: &[Category]) -> String {
    const SHOWN: usize = 10;
    let names: Vec<String> = categories
        .iter()
        .take(SHOWN)
        .map(|c| format!("{:?}", c.to_string()))
        .collect();
    let more = if categories.len() > SHOWN { ", …" } else { "" };
    names.join(", ") + more
}

/// Where each category is: tables have hundreds of thousands of them. A text is another one than the number that it is read as.
pub fn table(categories: &[Category]) -> HashMap<(Discriminant<Category>, String), usize> {
    categories.iter().map(key).zip(0..).collect()
}

pub fn key(category: &Category) -> (Discriminant<Category>, String) {
    (discriminant(category), category.to_string())
}

fn is_same_set(a: &[Category], b: &[Category]) -> bool {
    let table = table(b);
    a.len() == b.len() && a.iter().all(|category| table.contains_key(&key(category)))
}

/// Are they a label, and a probability for each class? `None`: they are numbers.
fn classes(part: &Part) -> Result<Option<&[Category]>, String> {
    let Some((label, others)) = part.signature.outputs.split_first() else {
        return Err(format!("version {} gives nothing", part.version));
    };
    if label.kind != Type::Category {
        return Ok(None);
    }
    let probabilities = others.iter().all(|output| output.name.starts_with("probability_"));
    match probabilities && others.len() == label.categories.len() {
        true => Ok(Some(&label.categories)),
        false => Err(format!(
            "version {} gives labels without the probabilities of its classes, which can't be averaged",
            part.version
        )),
    }
}

/// In the order of the first member. All are doubles: what is computed of singles is none.
fn outputs(members: &[Part], combine: Combine) -> Result<(Vec<Column>, Vec<Vec<usize>>), String> {
    let Some(first) = members.first() else {
        return Err("there are no members".into());
    };
    let names = |part: &Part| -> Vec<String> { part.signature.outputs.iter().map(|o| o.name.clone()).collect() };
    let of_first = classes(first)?;
    let mut places = Vec::with_capacity(members.len());
    for part in members {
        let versions = format!("versions {} and {}", first.version, part.version);
        let own = match (of_first, classes(part)?) {
            (Some(all), Some(own)) if is_same_set(all, own) => {
                let table = table(own);
                let probabilities = all
                    .iter()
                    .filter_map(|class| table.get(&key(class)))
                    .map(|place| 1 + place);
                [0].into_iter().chain(probabilities).collect()
            }
            (Some(all), Some(own)) => {
                return Err(format!(
                    "{versions} don't have the same classes: {}, and {}; --class-names names them when a model is registered",
                    words(all),
                    words(own)
                ));
            }
            (None, None) => {
                let (all, own) = (names(first), names(part));
                let places: Vec<usize> = all
                    .iter()
                    .filter_map(|name| own.iter().position(|o| o == name))
                    .collect();
                if places.len() != all.len() || own.len() != all.len() {
                    let (all, own) = (all.join(", "), own.join(", "));
                    return Err(format!("{versions} don't give the same numbers: {all}, and {own}"));
                }
                places
            }
            (Some(_), None) | (None, Some(_)) => {
                let (a, b) = match of_first {
                    Some(_) => ("classes", "numbers"),
                    None => ("numbers", "classes"),
                };
                return Err(format!("{versions} can't be combined: one gives {a}, the other {b}"));
            }
        };
        places.push(own);
    }
    let columns = match of_first {
        Some(_) if combine == Combine::Median => {
            return Err("a median is of numbers; the probabilities of classes have a mean".into());
        }
        Some(classes) => signature::classification(classes.to_vec(), Type::Float64),
        None => names(first)
            .into_iter()
            .map(|name| Column::plain(name, Type::Float64))
            .collect(),
    };
    Ok((columns, places))
}
