//! Which rows labels are of.

use super::label::Label;
use super::sheet::Sheet;
use super::version::Versions;
use crate::error::Result;
use crate::ledger::Scored;
use crate::spool::Dir;
use crate::transform::Shape;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Keys and files that are named; of more there are only counts.
const NAMED: usize = 10;

/// What was found.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// By the place of the output: its rows with what came true in each.
    pub places: BTreeMap<usize, Vec<(u64, &'a Label)>>,
    /// Keys that no row has.
    pub unmatched: Few,
    /// Keys that stand in several rows of the newest input that has them: which row is meant can't be told.
    pub ambiguous: Few,
    /// Keys that stand in older inputs, too: the newest counts.
    pub older: Few,
    /// Keys that only inputs older than a skipped one have: that one may have them, too, and would be the one that is meant.
    pub withheld: Few,
    /// Outputs that weren't looked into, and why.
    pub skipped: Vec<(String, String)>,
}

/// How many, and the first ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Few {
    pub all: u64,
    pub named: Vec<String>,
}

impl Few {
    pub fn push(&mut self, name: impl FnOnce() -> String) {
        self.all += 1;
        if self.named.len() < NAMED {
            self.named.push(name());
        }
    }
}

/// `scored`: the newest first.
///
/// # Errors
/// A version is damaged.
pub fn by_key<'a>(
    labels: &'a BTreeMap<String, Label>,
    key: &str,
    scored: &[Scored],
    root: &Dir,
    shape: &Shape,
    versions: &mut Versions,
) -> Result<Found<'a>> {
    let mut found = Found::default();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut older: HashSet<&str> = HashSet::new();
    // The newest input whose keys can't be told.
    let mut unknown: Option<&Scored> = None;
    for (place, output) in scored.iter().enumerate() {
        let by = versions.answering(&output.made_by)?;
        let sheet = by.and_then(|by| Sheet::output(root, output, shape, &by.champion.prediction));
        let rows = match sheet {
            Ok(sheet) if !sheet.has(key) => {
                let why = format!("the output has no column {key:?}; output.columns keeps it");
                found.skipped.push((output.input.to_string(), why));
                continue;
            }
            sheet => sheet.and_then(|sheet| rows_by_key(sheet, key, labels)),
        };
        match rows {
            Err(why) => {
                found.skipped.push((output.input.to_string(), why));
                unknown.get_or_insert(output);
            }
            Ok(rows) => {
                // In the order of keys, so that those that are named are the same each time.
                for (key, (row, count)) in rows {
                    match (seen.insert(key), count) {
                        (false, _) => drop(older.insert(key)),
                        (true, _) if let Some(newer) = unknown => {
                            (found.withheld).push(|| format!("{key} in {}, older than {}", output.input, newer.input));
                        }
                        (true, 1) => found.places.entry(place).or_default().push((row, &labels[key])),
                        (true, _) => found.ambiguous.push(|| format!("{key} in {}", output.input)),
                    }
                }
            }
        }
    }
    for key in labels.keys() {
        if !seen.contains(key.as_str()) {
            found.unmatched.push(|| key.clone());
        }
        if older.contains(key.as_str()) {
            found.older.push(|| key.clone());
        }
    }
    Ok(found)
}

/// Of each key that has a label: its first row, and how many rows it has.
fn rows_by_key<'a>(
    sheet: Sheet,
    key: &str,
    labels: &'a BTreeMap<String, Label>,
) -> std::result::Result<BTreeMap<&'a str, (u64, u64)>, String> {
    let known: HashMap<&str, &str> = labels.keys().map(|key| (key.as_str(), key.as_str())).collect();
    let mut rows = BTreeMap::new();
    sheet.read(&[key], |row, cells| {
        if let Some(&key) = known.get(cells[0]) {
            rows.entry(key).or_insert((row, 0)).1 += 1;
        }
    })?;
    Ok(rows)
}
