//! What becomes of a result, by what was found.

use super::baseline::Column;
use super::check::{self, Area, Bars, Check};
use super::{Baseline, Counts};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What is done where a check of an area is beyond its bar; the stronger one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nobody is told.
    #[default]
    Off,
    Warn,
    /// The result is kept back until a person releases it.
    Hold,
    /// There is no result.
    Block,
}

impl Action {
    /// As it is spelled in JSON and in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Action::Off => "off",
            Action::Warn => "warn",
            Action::Hold => "hold",
            Action::Block => "block",
        }
    }
}

/// `[monitor]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub data: Action,
    pub drift: Action,
    pub bias: Action,
    pub performance: Action,
    /// Inputs of fewer rows are judged together, as a window.
    pub min_rows: u64,
    pub bars: Bars,
    pub watch: Watch,
    pub compare: Compare,
    /// Of weekdays.
    pub timezone: TimeZone,
    pub alerting: Alerting,
}

/// What is looked at beside what a model takes and says, by names of columns.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    pub columns: Vec<String>,
    /// Rows are counted by the value of each of these, too.
    pub segments: Vec<String>,
    /// The label that is good for a person.
    pub favourable: Option<String>,
    /// Tells rows apart, and joins labels.
    pub key: Option<String>,
}

/// What a window is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    #[default]
    Baseline,
    /// What was counted a week before: of the same weekday.
    LastWeek,
}

/// When an alert opens and closes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alerting {
    /// It opens when a check was beyond its bar in so many of the last `of` windows,
    pub over: u32,
    pub of: u32,
    /// and closes below this share of the bar.
    pub close: f64,
}

impl Default for Alerting {
    fn default() -> Alerting {
        Alerting {
            over: 2,
            of: 3,
            close: 0.8,
        }
    }
}

/// What is known of the rows that are judged, beside their counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// New data.
    New,
    /// The same rows were published before, by another model: drift of inputs is no news.
    Rescored,
}

/// What the checks came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub action: Action,
    /// All of them, those that are over their bars and count first.
    pub checks: Vec<Check>,
}

impl Policy {
    /// Is anything looked at?
    pub fn is_on(&self) -> bool {
        self.strongest() != Action::Off
    }

    /// The strongest thing that may become of a result.
    pub fn strongest(&self) -> Action {
        let actions = [self.data, self.drift, self.bias, self.performance];
        actions.into_iter().max().unwrap_or_default()
    }

    pub fn action(&self, area: Area) -> Action {
        match area {
            Area::Data => self.data,
            Area::Drift => self.drift,
            Area::Bias => self.bias,
            Area::Performance => self.performance,
        }
    }

    /// What the settings ask for, and can't be looked at by this baseline.
    pub fn in_vain(&self, baseline: &Baseline) -> Vec<String> {
        let missing = |column: &&String| baseline.others.iter().all(|other| other.name != **column);
        let missing = self.watch.columns.iter().filter(missing);
        let mut in_vain: Vec<String> = missing
            .map(|column| format!("the column {column}: the baseline doesn't have it"))
            .collect();
        let known = baseline.columns();
        let barred = self.bars.columns.keys();
        let barred = barred.filter(|name| known.iter().all(|column| column.name != **name));
        in_vain
            .extend(barred.map(|name| format!("[monitor.column.{name:?}]: the baseline has no column of that name")));
        if !self.watch.segments.is_empty()
            && self.bias != Action::Off
            && let Some(why) = check::unmeasured(baseline, &self.watch)
        {
            in_vain.push(format!("bias, because {why}"));
        }
        in_vain
    }

    /// Holds what was counted against a baseline.
    pub fn look(&self, baseline: &Baseline, counts: &Counts, basis: Basis) -> Judgement {
        self.judge(self.checks(baseline, None, counts), basis, baseline.outputs())
    }

    /// Of a window. `usual`: what is usual instead of the baseline's own rows.
    pub fn checks(&self, baseline: &Baseline, usual: Option<&Counts>, counts: &Counts) -> Vec<Check> {
        let mut checks = check::checks(baseline, usual, counts, &self.bars);
        checks.extend(check::watched(baseline, counts, &self.watch));
        checks
    }

    /// Of one input as a file. `rows`: all of its rows, of which `counts` may be a part; `last`: the rows of the files before it.
    pub fn checks_of_file(&self, rows: u64, counts: &Counts, last: &[u64]) -> Vec<Check> {
        let mut checks = vec![check::rows(rows, last)];
        checks.extend(check::columns(rows, counts));
        let key = self.watch.key.as_ref();
        checks.extend(key.map(|key| check::duplicates(key, rows, counts, &self.bars)));
        checks
    }

    /// What is done for one check.
    fn action_on(&self, check: &Check, basis: Basis, outputs: &[Column]) -> Action {
        let known = check.area == Area::Drift && outputs.iter().all(|output| output.name != check.column);
        match check.over {
            true if basis == Basis::Rescored && known => Action::Off,
            true => self.action(check.area),
            false => Action::Off,
        }
    }

    /// How many checks of a judgement are beyond their bars in a way that matters: the first ones.
    pub fn relevant(&self, judgement: &Judgement, basis: Basis, outputs: &[Column]) -> usize {
        let relevant = |check: &&Check| self.action_on(check, basis, outputs) > Action::Off;
        judgement.checks.iter().take_while(relevant).count()
    }

    /// `outputs`: what the model says, whose drift counts whatever the basis.
    pub fn judge(&self, mut checks: Vec<Check>, basis: Basis, outputs: &[Column]) -> Judgement {
        let action = |check: &Check| self.action_on(check, basis, outputs);
        checks.sort_by_key(|check| std::cmp::Reverse(action(check)));
        Judgement {
            action: checks.first().map_or(Action::Off, action),
            checks,
        }
    }
}

impl Judgement {
    /// Those beyond their bars.
    pub fn over(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            data: Action::Hold,
            drift: Action::Warn,
            bias: Action::Off,
            performance: Action::Block,
            min_rows: 500,
            bars: Bars::default(),
            watch: Watch::default(),
            compare: Compare::Baseline,
            timezone: TimeZone::UTC,
            alerting: Alerting::default(),
        }
    }

    fn check(area: Area, column: &str, over: bool) -> Check {
        Check {
            value: Some(1.0),
            bar: Some(0.2),
            over,
            ..Check::new(area, "psi", column, 500)
        }
    }

    fn action(checks: &[Check], basis: Basis) -> Action {
        policy()
            .judge(checks.to_vec(), basis, &[Column::unknown("prediction", true)])
            .action
    }

    #[test]
    fn the_strongest_action_of_what_is_over_counts() {
        let fine = check(Area::Performance, "", false);
        assert_eq!(action(std::slice::from_ref(&fine), Basis::New), Action::Off);
        let drift = check(Area::Drift, "x", true);
        assert_eq!(action(&[fine.clone(), drift.clone()], Basis::New), Action::Warn);
        let data = check(Area::Data, "x", true);
        assert_eq!(action(&[drift.clone(), data.clone()], Basis::New), Action::Hold);
        let worth = check(Area::Performance, "", true);
        assert_eq!(action(&[drift, data, worth], Basis::New), Action::Block);
        assert_eq!(action(&[check(Area::Bias, "sex", true)], Basis::New), Action::Off);
    }

    #[test]
    fn what_counts_stands_in_front() {
        let checks = vec![check(Area::Drift, "a", false), check(Area::Data, "b", true)];
        let judgement = policy().judge(checks, Basis::New, &[]);
        assert_eq!(judgement.checks[0].column, "b");
        assert_eq!(judgement.over().count(), 1);
    }

    #[test]
    fn rows_that_were_published_before_are_not_held_for_the_drift_of_inputs() {
        let drift = |column| [check(Area::Drift, column, true)];
        assert_eq!(action(&drift("x"), Basis::Rescored), Action::Off);
        assert_eq!(action(&drift("prediction"), Basis::Rescored), Action::Warn);
        assert_eq!(action(&[check(Area::Data, "x", true)], Basis::Rescored), Action::Hold);
    }
}
