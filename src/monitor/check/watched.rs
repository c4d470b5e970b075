//! What a window's rows say beyond its columns: how groups fare, and what the model is worth by its own probabilities.

use super::bias::{self, Allowed, Group};
use super::{Area, Check, performance};
use crate::monitor::baseline::Values;
use crate::monitor::{Baseline, Counts, GroupCounts, Watch};

/// The group of all values that aren't told apart.
pub const OTHER: &str = "(other)";

/// Bias by segment, then the estimated performance. `counts`: by the baseline, with the segments of `watch`.
pub fn watched(baseline: &Baseline, counts: &Counts, watch: &Watch) -> Vec<Check> {
    let mut checks = Vec::new();
    let unmeasured = unmeasured(baseline, watch);
    for column in &watch.segments {
        let Some(segment) = counts.segment(column) else {
            continue;
        };
        if let Some(why) = &unmeasured {
            checks.push(Check::new(Area::Bias, "dppl", column, counts.rows - counts.bad_rows).without(why));
            continue;
        }
        let group = |value: Option<String>, of: &GroupCounts| Group {
            value,
            rows: of.rows,
            called: of.favourable,
            labelled: None,
        };
        let values = segment.values.iter();
        let mut groups: Vec<Group> = values
            .map(|(value, of)| group((!value.is_empty()).then(|| value.clone()), of))
            .collect();
        if segment.other.rows > 0 {
            groups.push(group(Some(OTHER.into()), &segment.other));
        }
        checks.extend(bias::checks(column, &groups, &Allowed::default()));
    }
    let reference = baseline
        .outcomes
        .as_ref()
        .and_then(|outcomes| outcomes.performance.as_ref());
    // Counts of a time when nobody tallied have none.
    if let Some(reference) = reference
        && reference.fits(&counts.tallies)
    {
        checks.extend(performance::estimated(reference, &counts.tallies));
    }
    checks
}

/// Why no group can be measured: nobody knows which label is good for a person.
pub fn unmeasured(baseline: &Baseline, watch: &Watch) -> Option<String> {
    favourable(baseline, watch).err()
}

/// # Errors
/// As [`unmeasured`] says.
fn favourable<'a>(baseline: &Baseline, watch: &'a Watch) -> Result<&'a str, String> {
    let label = watch
        .favourable
        .as_deref()
        .ok_or("monitor.favourable doesn't say which label is good")?;
    match baseline.outputs().first().map(|output| &output.values) {
        Some(Values::Categories { categories, .. }) if categories.iter().all(|listed| listed.category != label) => Err(
            format!("monitor.favourable is {label:?}, which is none of the model's labels"),
        ),
        Some(Values::Numbers { .. }) => Err("the model predicts numbers, not labels".into()),
        _ => Ok(label),
    }
}
