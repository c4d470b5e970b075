//! By segment: how many rows, and how often they are called what is good for a person.

use super::Subject;
use crate::monitor::check::interval::Share;
use crate::monitor::check::{self, Area, Check, OTHER};
use crate::monitor::{Counts, GroupCounts};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    pub column: String,
    /// The favourable label; None where rows alone are counted.
    pub favourable: Option<String>,
    /// Why no group is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
    /// Share of all rows that were called it.
    pub share: Option<f64>,
    /// By value; missing ones first, those beyond the fifty that are told apart last.
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    pub rows: u64,
    pub favourable: u64,
    /// Of its rows that were called favourable, with its 95 % interval.
    pub share: Option<f64>,
    pub interval: Option<(f64, f64)>,
    /// Against all other rows: the difference of the shares, and their ratio.
    pub dppl: Option<Check>,
    pub di: Option<Check>,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// No figure's whole interval is outside of what is allowed.
    Within,
    Outside,
    /// Too few rows, or no favourable label: this is not the same as fair.
    Unmeasured,
}

pub(super) fn segments(subject: &Subject, period: &Counts) -> Vec<Segment> {
    let watch = &subject.policy.watch;
    let checks = check::watched(subject.baseline, period, watch);
    let named = watch
        .segments
        .iter()
        .filter_map(|column| Some((column, period.segment(column)?)));
    let segments = named.map(|(column, counts)| {
        let values = counts.values.iter().map(|(value, group)| (value.as_str(), group));
        let groups: Vec<(&str, &GroupCounts)> = values
            .chain([(OTHER, &counts.other)])
            .filter(|(_, group)| group.rows > 0)
            .collect();
        let of = |check: &&Check| check.area == Area::Bias && check.column == *column;
        // One that is of no group says why none is measured.
        let unmeasured = checks.iter().filter(of).find(|check| check.segment.is_none());
        let total = |of: fn(&GroupCounts) -> u64| groups.iter().map(|(_, group)| of(group)).sum::<u64>();
        let share = Share {
            part: total(|group| group.favourable),
            whole: total(|group| group.rows),
        };
        Segment {
            column: column.clone(),
            favourable: watch.favourable.clone().filter(|_| unmeasured.is_none()),
            unmeasured: unmeasured.and_then(|check| check.why.clone()),
            share: (unmeasured.is_none() && share.whole > 0).then(|| share.value()),
            groups: groups.iter().map(|group| of_group(column, group, &checks)).collect(),
        }
    });
    segments.filter(|segment| !segment.groups.is_empty()).collect()
}

/// `value`: empty, of missing ones.
pub(super) fn group_name(value: &str) -> String {
    let name = if value.is_empty() { "(missing)" } else { value };
    name.into()
}

fn of_group(column: &str, (value, counts): &(&str, &GroupCounts), checks: &[Check]) -> Group {
    let segment = format!("{column}={value}");
    let check = |name| {
        let found = checks
            .iter()
            .find(|c| c.check == name && c.segment.as_deref() == Some(&segment));
        found.cloned()
    };
    let (dppl, di) = (check("dppl"), check("di"));
    let figures = [&dppl, &di];
    let standing = if figures.iter().any(|c| c.as_ref().is_some_and(|c| c.over)) {
        Standing::Outside
    } else if figures.iter().any(|c| c.as_ref().is_none_or(|c| c.value.is_none())) {
        Standing::Unmeasured
    } else {
        Standing::Within
    };
    let share = Share {
        part: counts.favourable,
        whole: counts.rows,
    };
    Group {
        name: group_name(value),
        rows: counts.rows,
        favourable: counts.favourable,
        share: dppl.is_some().then(|| share.value()),
        interval: dppl.is_some().then(|| share.interval()),
        dppl,
        di,
        standing,
    }
}
