//! What is held against a baseline, one figure at a time. Each is reported always, also where it is fine or can't be computed.
//!
//! [`checks`] is of all columns; [`bias`] of groups; [`performance`] of a model's worth; [`labelled`] of what labels say of both. A bar
//! is what a value mustn't go beyond, and is set so that chance alone seldom does over all checks of a window: see
//! [`Bars::family`].

pub mod bias;
pub(crate) mod chance;
pub mod distance;
mod drift;
pub mod interval;
pub mod labelled;
pub mod performance;
mod quality;
mod watched;

pub use quality::{columns, duplicates, rows};
pub use watched::{OTHER, unmeasured, watched};

use super::baseline::Column;
use super::then::known;
use super::{Baseline, ColumnCounts, Counts};
use crate::digits::significant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a check is about; the policy says by area what becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Broken data: missing, bad, of another type, beyond all bounds.
    Data,
    /// Inputs and predictions that are distributed otherwise.
    Drift,
    /// Groups of people that are treated otherwise.
    Bias,
    /// What the model is worth, estimated or measured.
    Performance,
}

impl Area {
    /// As it is spelled in JSON, in labels and in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Area::Data => "data",
            Area::Drift => "drift",
            Area::Bias => "bias",
            Area::Performance => "performance",
        }
    }
}

/// A figure, and what it is held against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    pub area: Area,
    /// `psi`, `distance`, `missing`...
    pub check: &'static str,
    /// The column; empty: all of them.
    pub column: String,
    /// The group, of bias and of what is counted by segment: `column=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// How many rows, or cells, it was computed of.
    pub n: u64,
    /// None where it can't be computed, with `why`.
    pub value: Option<f64>,
    /// What the value mustn't go beyond, in its own unit: above it, or below it where `floor` is true. None: it is only shown.
    pub bar: Option<f64>,
    #[serde(skip)]
    pub floor: bool,
    /// What it is where all is as it should be; none: nothing.
    #[serde(skip)]
    pub usual: Option<f64>,
    /// How large the value is by chance alone, in its own unit.
    pub noise: Option<f64>,
    /// Where the true value lies: with 95 % of bias, +- 3 sampling errors of an estimated performance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// It is beyond its bar.
    pub over: bool,
    /// Why there is no value, or what it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Check {
    /// Without a value.
    pub fn new(area: Area, check: &'static str, column: &str, n: u64) -> Check {
        Check {
            area,
            check,
            column: column.into(),
            segment: None,
            n,
            value: None,
            bar: None,
            floor: false,
            usual: None,
            noise: None,
            interval: None,
            over: false,
            why: None,
        }
    }

    fn without(self, why: impl Into<String>) -> Check {
        Check {
            why: Some(why.into()),
            ..self
        }
    }

    /// Without a bar.
    fn shown(self, value: f64, noise: Option<f64>) -> Check {
        if !value.is_finite() {
            return self.without("it isn't finite");
        }
        Check {
            value: Some(value),
            noise,
            ..self
        }
    }

    /// Over where it is above the bar.
    fn held(self, value: f64, bar: f64, noise: f64) -> Check {
        let shown = self.shown(value, Some(noise));
        Check {
            bar: Some(bar),
            over: shown.value.is_some_and(|value| value > bar),
            ..shown
        }
    }
}

/// `missing of x: 0.41, bar 0.13`
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&title(self.check, &self.column, self.segment.as_deref()))?;
        match (self.value, self.bar) {
            (Some(value), Some(bar)) => write!(f, ": {}, bar {}", significant(value, 3), significant(bar, 3)),
            (Some(value), None) => write!(f, ": {}", significant(value, 3)),
            (None, _) => write!(f, ": {}", self.why.as_deref().unwrap_or("can't be computed")),
        }
    }
}

/// `psi of x in sex=f`
pub fn title(check: &str, column: &str, segment: Option<&str>) -> String {
    let mut title = check.to_owned();
    if !column.is_empty() {
        title += &format!(" of {column}");
    }
    if let Some(segment) = segment {
        title += &format!(" in {segment}");
    }
    title
}

/// How many findings a line names.
pub const NAMED: usize = 3;

/// The first findings in words, at most so many; the rest is counted.
pub fn worst<'a>(over: impl Iterator<Item = &'a Check>, most: usize) -> String {
    let over: Vec<&Check> = over.collect();
    let shown: Vec<String> = over.iter().take(most).map(ToString::to_string).collect();
    match over.len().saturating_sub(most) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// What values mustn't go beyond.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// Of the population stability index: and above what chance explains.
    pub psi: f64,
    /// Of the robust distance: SageMaker's `comparison_threshold`.
    pub distance: f64,
    /// How far a share of cells (missing, bad...) may be above the baseline's own one, whatever the number of rows: of a million
    /// rows chance explains next to nothing. 0.01 is one cell in a hundred.
    pub share: f64,
    /// How often chance alone brings any check of an area over its bar in one window: each of m checks has this, divided by m
    /// (Bonferroni), so the bars are higher where more columns are looked at.
    pub family: f64,
    /// Of these columns other ones, by name.
    pub columns: BTreeMap<String, ColumnBars>,
}

impl Default for Bars {
    fn default() -> Bars {
        Bars {
            psi: 0.2,
            distance: 0.1,
            share: 0.01,
            family: 1e-5,
            columns: BTreeMap::new(),
        }
    }
}

/// Of one column, where it has its own. A share's is the bar as it is, noise or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnBars {
    pub psi: Option<f64>,
    pub distance: Option<f64>,
    pub missing: Option<f64>,
    pub infinite: Option<f64>,
    pub bad: Option<f64>,
    pub outside: Option<f64>,
    pub unseen: Option<f64>,
    pub negative: Option<f64>,
    pub r#type: Option<f64>,
}

impl Bars {
    /// PSI is never over within what chance explains of 99.9 % of windows, however few checks there are.
    const TAIL_MOST: f64 = 0.001;

    fn tail(&self, checks: usize) -> f64 {
        (self.family / checks.max(1) as f64).min(Bars::TAIL_MOST)
    }

    fn column(&self, name: &str) -> ColumnBars {
        self.columns.get(name).cloned().unwrap_or_default()
    }
}

/// What was counted of a window, held against its baseline, column by column: data, then drift. `usual`: what is usual instead of
/// the baseline's own rows, counted by it. Columns that the counts lack are left out.
pub fn checks(baseline: &Baseline, usual: Option<&Counts>, counts: &Counts, bars: &Bars) -> Vec<Check> {
    let columns: Vec<&Column> = baseline.columns().into_iter().take(counts.columns.len()).collect();
    let each: usize = columns.iter().map(|column| quality::checks_of(column)).sum();
    let quality_tail = bars.tail(each + 1);
    let drift_tail = bars.tail(columns.len());
    let mut checks = vec![quality::bad_rows(counts, usual, bars, quality_tail)];
    for (i, column) in columns.into_iter().enumerate() {
        let pair = Pair {
            column,
            known: known(usual, i, column),
            known_rows: usual.map_or(column.count + column.missing, |usual| usual.rows),
            later: &counts.columns[i],
            later_rows: counts.rows,
        };
        let own = bars.column(&column.name);
        checks.extend(quality::of_column(&pair, bars, &own, quality_tail));
        checks.extend(drift::of_column(&pair, bars, &own, drift_tail));
    }
    checks
}

/// One column then and now.
struct Pair<'a> {
    column: &'a Column,
    known: ColumnCounts,
    known_rows: u64,
    later: &'a ColumnCounts,
    later_rows: u64,
}

#[cfg(test)]
mod tests;
