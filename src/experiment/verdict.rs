//! What can be said by now of a version on trial.

use super::sequence::Interval;
use crate::digits::short;
use crate::html::thousands;
use serde::Serialize;

/// A sequence holds of many units; below so many keys, of each arm where there are arms, there is no verdict.
pub const KEYS_MIN: u64 = 100;

/// What can be said by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The version on trial loses less.
    Better,
    /// The difference is within the margin.
    Equivalent,
    /// The version on trial loses more.
    Worse,
    NotYet,
}

impl Verdict {
    /// `interval`: of the lift. Within the margin first: a difference that is there, but is as good as nothing, is no reason to change.
    pub fn of(interval: Interval, margin: f64) -> Verdict {
        if interval.is_within(margin) {
            Verdict::Equivalent
        } else if interval.low > 0.0 {
            Verdict::Better
        } else if interval.high < 0.0 {
            Verdict::Worse
        } else {
            Verdict::NotYet
        }
    }

    /// With rows that have no finite loss, of the champion and of the version on trial: the losses that aren't in it are the worst of
    /// all.
    pub fn with_left_out(self, [champion, trial]: [u64; 2]) -> Verdict {
        match self {
            Verdict::Better if trial > 0 => Verdict::NotYet,
            Verdict::Worse if champion > 0 => Verdict::NotYet,
            Verdict::Equivalent if champion + trial > 0 => Verdict::NotYet,
            verdict => verdict,
        }
    }

    /// `credit/5 is better than credit/3`
    pub fn said(self, champion: &str, trial: &str, margin: f64) -> String {
        match self {
            Verdict::Better => format!("{trial} is better than {champion}"),
            Verdict::Worse => format!("{trial} is worse than {champion}"),
            Verdict::Equivalent => format!("{trial} is as good as {champion}, within {}", short(margin, 3)),
            Verdict::NotYet => format!("Whether {trial} is better than {champion} can't be told yet"),
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Equivalent => "equivalent",
            Verdict::Worse => "worse",
            Verdict::NotYet => "not yet",
        }
    }
}

/// What is equivalent, where a margin was given. `measure`: the loss that decides.
pub fn within(measure: &str, margin: f64) -> Option<String> {
    let margin = (margin > 0.0).then(|| thousands(short(margin, 3)))?;
    Some(format!(
        "margin: within {margin} of {measure}, either way, they are equivalent"
    ))
}

/// What a verdict takes that isn't there yet, behind the figures. `keys`: of the smaller arm; `more`: keys, if that can be told.
pub fn needed(keys: u64, more: Option<u64>, of_each_arm: bool) -> String {
    match more {
        None if keys < KEYS_MIN && of_each_arm => format!("; a verdict takes {KEYS_MIN} keys of each arm"),
        None if keys < KEYS_MIN => format!("; a verdict takes {KEYS_MIN} keys"),
        Some(more) => format!(
            "; if it stays so, some {} more keys will tell",
            thousands(rounded(more))
        ),
        None => "; more keys like these won't tell".into(),
    }
}

/// To two digits: how many more will be needed is a guess.
pub fn rounded(n: u64) -> u64 {
    let unit = 10u64.pow(n.max(1).ilog10().saturating_sub(1));
    n.div_ceil(unit) * unit
}
