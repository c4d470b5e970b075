//! What in an input made a check go beyond its bar: the first rows, or the bins that moved most.

use super::check::{count_all, scorer, unreadable};
use crate::commands::{format_of, print_line};
use crate::config::Config;
use crate::digits::{short, significant};
use crate::error::{Error, Result};
use crate::model::Signature;
use crate::monitor::baseline::{Column, Values};
use crate::monitor::bins::{Bin, Of, bins};
use crate::monitor::{Baseline, ColumnCounts, Then, check};
use crate::problem::excerpt;
use crate::registry::Registry;
use crate::registry::baseline::InForce;
use crate::score::batch::Reason;
use crate::transform::{Scanned, scan};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// Rows, or bins, that are shown of each.
const SHOWN: usize = 5;

/// A check that was beyond its bar, as a report names it.
#[derive(Debug, Deserialize)]
pub struct Found {
    pub check: String,
    pub column: String,
    pub segment: Option<String>,
    pub value: Option<f64>,
    pub bar: Option<f64>,
}

/// What can be seen in one row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Bad,
    BadRow,
    Infinite,
    Outside,
    Negative,
    Fraction,
    Unseen,
}

impl Fault {
    fn of(check: &str) -> Option<Fault> {
        Some(match check {
            "missing" => Fault::Missing,
            "bad" => Fault::Bad,
            "bad_rows" => Fault::BadRow,
            "infinite" => Fault::Infinite,
            "outside" => Fault::Outside,
            "negative" => Fault::Negative,
            "type" => Fault::Fraction,
            "unseen" => Fault::Unseen,
            _ => return None,
        })
    }
}

/// Prints each of the findings with what made it so. `path`: the input, as it is now. `then`: what it was held against.
pub fn print(
    config: &Config,
    registry: &Registry,
    (version, in_force): (u32, &InForce),
    path: &Path,
    found: &[Found],
    then: &Then,
) -> Result<()> {
    let baseline = &*in_force.baseline;
    let scorer = scorer(config, registry, version, in_force)?;
    let mut searches: Vec<Search> = found
        .iter()
        .filter_map(|found| Search::of(found, baseline, scorer.lineup.signature()))
        .collect();
    if !searches.is_empty() {
        let input = File::open(path).map_err(Error::io("open", path))?;
        scan(&input, &scorer, format_of(path), |scanned| {
            look(&mut searches, scanned);
            searches.iter().any(|search| search.rows.len() < SHOWN)
        })
        .map_err(unreadable(path))?;
    }
    // Bins are of the file alone, also where it was judged with others.
    let mut counts = None;
    for found in found {
        print_line(format!("    {}", title(found)));
        let search = searches.iter().find(|search| search.is_of(found));
        for (line, text) in search.into_iter().flat_map(|search| &search.rows) {
            let unit = if format_of(path).is_text() { "line" } else { "row" };
            print_line(format!("        {unit} {line}: {text}"));
        }
        if let ("psi" | "distance", Some((i, column))) = (found.check.as_str(), place(baseline, &found.column)) {
            if counts.is_none() {
                counts = Some(count_all(config, &scorer, path)?.counts);
            }
            let now = counts.as_ref().and_then(|counts| counts.columns.get(i));
            now.into_iter()
                .flat_map(|now| moved(column, &then.column(i, column), now, then))
                .for_each(print_line);
        }
    }
    Ok(())
}

fn title(found: &Found) -> String {
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| significant(x, 3));
    format!(
        "{}: {}, bar {}",
        check::title(&found.check, &found.column, found.segment.as_deref()),
        number(found.value),
        number(found.bar)
    )
}

/// A column that is counted, and its place.
fn place<'b>(baseline: &'b Baseline, name: &str) -> Option<(usize, &'b Column)> {
    baseline
        .columns()
        .into_iter()
        .enumerate()
        .find(|(_, column)| column.name == name)
}

/// The bins whose shares changed most, then and now. `when`: then was.
fn moved(column: &Column, then: &ColumnCounts, now: &ColumnCounts, when: &Then) -> Vec<String> {
    let mut bins = bins(column, then, now);
    bins.sort_by(|a, b| (b.now - b.then).abs().total_cmp(&(a.now - a.then).abs()));
    let shown = bins.into_iter().take(SHOWN).filter(|bin| bin.then != bin.now);
    shown
        .map(|Bin { of, then, now }| {
            let name = match of {
                Of::Numbers { from, to } => format!("{} to {}", short(from, 4), short(to, 4)),
                Of::Category { category } => excerpt(category.as_bytes(), 40),
                Of::Rest { cells } => cells.into(),
            };
            format!(
                "        {name}: {} % {when}, {} % now",
                short(then * 100.0, 3),
                short(now * 100.0, 3)
            )
        })
        .collect()
}

fn lists(column: Option<&Column>, category: &str) -> bool {
    match column.map(|column| &column.values) {
        Some(Values::Categories { categories, .. }) => categories.iter().any(|listed| listed.category == category),
        _ => true,
    }
}

/// Rows are asked for in order, whoever looks for them.
fn look(searches: &mut [Search], scanned: &mut Scanned) {
    let found: Vec<Vec<usize>> = searches.iter().map(|search| search.find(scanned)).collect();
    let rows: BTreeSet<usize> = found.iter().flatten().copied().collect();
    for row in rows {
        let Some((line, text)) = scanned.record(row) else {
            return;
        };
        let its = searches
            .iter_mut()
            .zip(&found)
            .filter(|(_, found)| found.contains(&row));
        its.for_each(|(search, _)| search.rows.push((line, excerpt(text, 120))));
    }
}

/// The first rows with a fault in a column.
struct Search<'b> {
    fault: Fault,
    column: &'b str,
    /// Of an input, or of an output.
    input: Option<usize>,
    output: Option<usize>,
    known: Option<&'b Column>,
    /// By the model's code of a category: does the baseline list it?
    listed: Vec<bool>,
    /// Line, or the number of a row without one; and text.
    rows: Vec<(u64, String)>,
}

impl<'b> Search<'b> {
    fn of(found: &'b Found, baseline: &'b Baseline, signature: &Signature) -> Option<Search<'b>> {
        let fault = Fault::of(&found.check)?;
        let named = |column: &&Column| column.name == found.column;
        let (inputs, outputs) = (&baseline.features, baseline.outputs());
        let known = inputs.iter().chain(outputs).find(named);
        let codes = signature
            .inputs
            .iter()
            .chain(&signature.outputs)
            .find(|column| column.name == found.column);
        Some(Search {
            fault,
            column: &found.column,
            input: inputs.iter().position(|column| named(&column)),
            output: outputs.iter().position(|column| named(&column)),
            listed: codes.map_or_else(Vec::new, |column| {
                column.categories.iter().map(|c| lists(known, &c.to_string())).collect()
            }),
            known,
            rows: Vec::new(),
        })
    }

    fn is_of(&self, found: &Found) -> bool {
        Fault::of(&found.check) == Some(self.fault) && found.column == self.column
    }

    /// The first rows of the batch that it looks for, as many as it lacks.
    fn find(&self, scanned: &mut Scanned) -> Vec<usize> {
        let predictions = scanned.predictions;
        let batch = scanned.batch();
        let bad: Vec<u32> = batch.bad().map(|flaw| flaw.row).collect();
        let mut rows: Vec<usize> = match self.fault {
            Fault::BadRow => bad.iter().map(|&row| row as usize).collect(),
            Fault::Bad => {
                let of_column =
                    |reason| matches!(reason, Reason::Cell { feature, .. } if Some(feature as usize) == self.input);
                let flaws = batch.flaws().iter().filter(|flaw| of_column(flaw.reason));
                flaws.map(|flaw| flaw.row as usize).collect()
            }
            _ => {
                let is_good = |row: &usize| bad.binary_search(&(*row as u32)).is_err();
                let faulty = |row: &usize| match (self.input, self.output) {
                    (Some(input), _) => match batch.text(input) {
                        Some((texts, of)) => self.is_faulty_text(&texts[*row], of.is_missing(&texts[*row])),
                        None => self.is_faulty(batch.column(input)[*row]),
                    },
                    (None, Some(output)) => self.is_faulty(predictions[output * batch.rows() + *row]),
                    (None, None) => false,
                };
                (0..batch.rows()).filter(is_good).filter(faulty).collect()
            }
        };
        rows.truncate(SHOWN - self.rows.len());
        rows
    }

    fn is_faulty(&self, x: f64) -> bool {
        let summary = match self.known.map(|known| &known.values) {
            Some(Values::Numbers { summary, .. }) => summary.as_ref(),
            _ => {
                let unseen = || !x.is_nan() && !self.listed.get(x as usize).is_some_and(|&listed| listed && x >= 0.0);
                return self.fault == Fault::Missing && x.is_nan() || self.fault == Fault::Unseen && unseen();
            }
        };
        match self.fault {
            Fault::Missing => x.is_nan(),
            Fault::Infinite => x.is_infinite(),
            Fault::Negative => x < 0.0 && x.is_finite(),
            Fault::Fraction => x.is_finite() && x.fract() != 0.0,
            Fault::Outside => x.is_finite() && summary.is_some_and(|summary| x < summary.min || x > summary.max),
            Fault::Bad | Fault::BadRow | Fault::Unseen => false,
        }
    }

    fn is_faulty_text(&self, text: &str, missing: bool) -> bool {
        match self.fault {
            Fault::Missing => missing,
            Fault::Unseen => !missing && !lists(self.known, text),
            _ => false,
        }
    }
}
