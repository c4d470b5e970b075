//! Which bin of a column a cell falls into.

use super::ColumnCounts;
use super::keys::Mixed;
use super::numbers::{self, Edges, Room};
use crate::model::{self, Type};
use crate::monitor::baseline::{Column, Values};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Of one column, by what the baseline knows of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bins {
    Numbers {
        edges: Edges,
        /// All of the baseline's are whole.
        whole: bool,
    },
    /// By the model's code of a category; none where the baseline doesn't list it. And how many bins there are.
    Codes(Vec<Option<usize>>, usize),
    Texts(HashMap<String, usize, BuildHasherDefault<Mixed>>),
}

impl Bins {
    /// Of a column that the model takes or gives.
    pub fn of(column: &model::Column, known: Option<&Column>) -> Bins {
        match column.kind {
            Type::Category => {
                let places = places(known);
                let codes = column.categories.iter();
                let codes = codes.map(|category| places.get(category.to_string().as_str()).copied());
                Bins::Codes(codes.collect(), places.len())
            }
            Type::String => Bins::texts(known),
            _ => Bins::numbers(known),
        }
    }

    /// Of another column.
    pub fn of_other(known: &Column) -> Bins {
        match known.is_numbers() {
            true => Bins::numbers(Some(known)),
            false => Bins::texts(Some(known)),
        }
    }

    fn numbers(known: Option<&Column>) -> Bins {
        match known.map(|known| &known.values) {
            Some(Values::Numbers { summary, whole, .. }) => Bins::Numbers {
                edges: summary
                    .as_ref()
                    .map_or_else(Edges::default, |s| Edges::of(s.histogram.edges.clone())),
                whole: *whole == Some(true),
            },
            _ => Bins::Numbers {
                edges: Edges::default(),
                whole: false,
            },
        }
    }

    fn texts(known: Option<&Column>) -> Bins {
        let places = places(known).into_iter();
        Bins::Texts(places.map(|(name, bin)| (name.to_owned(), bin)).collect())
    }

    /// Nothing was counted yet.
    pub fn zero(&self) -> ColumnCounts {
        let bins = match self {
            Bins::Numbers { edges, .. } => edges.bins(),
            Bins::Codes(_, bins) => *bins,
            Bins::Texts(known) => known.len(),
        };
        ColumnCounts {
            bins: vec![0; bins],
            ..ColumnCounts::default()
        }
    }

    /// Adds numbers or codes.
    pub fn count(&self, cells: &[f64], room: &mut Room, column: &mut ColumnCounts) {
        match self {
            Bins::Numbers { edges, whole } => {
                numbers::count(cells, edges, room, column);
                if *whole {
                    column.fractional += numbers::fractional(cells);
                }
            }
            Bins::Codes(codes, _) => {
                for &code in cells {
                    // What is unknown to the model has a code that no category has.
                    let bin = (code >= 0.0).then(|| codes.get(code as usize).copied().flatten());
                    match bin.flatten() {
                        Some(bin) => column.bins[bin] += 1,
                        None if code.is_nan() => column.missing += 1,
                        None => column.other += 1,
                    }
                }
            }
            // Its cells are texts.
            Bins::Texts(_) => {}
        }
    }

    /// Adds a text.
    pub fn count_text(&self, text: &str, is_missing: impl FnOnce() -> bool, column: &mut ColumnCounts) {
        let bin = match self {
            Bins::Texts(known) => known.get(text),
            _ => None,
        };
        match bin {
            Some(bin) => column.bins[*bin] += 1,
            None if is_missing() => column.missing += 1,
            None => column.other += 1,
        }
    }
}

/// Of the baseline's categories.
fn places(known: Option<&Column>) -> HashMap<&str, usize> {
    match known.map(|known| &known.values) {
        Some(Values::Categories { categories, .. }) => {
            let names = categories.iter().enumerate();
            names.map(|(bin, count)| (count.category.as_str(), bin)).collect()
        }
        _ => HashMap::new(),
    }
}
