//! What labels say of groups: are they treated alike, by what came true?

use super::Subject;
use super::segment::group_name;
use super::worth::labelled as checks;
use crate::monitor::Check;
use crate::monitor::check::Area;
use serde::Serialize;

/// Of one column.
#[derive(Clone, Debug, Serialize)]
pub struct Labelled {
    pub column: String,
    /// The label that is good for a person.
    pub favourable: String,
    /// None: which row belongs to which group isn't known.
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    /// Whose label is known.
    pub rows: u64,
    /// Against all other rows: DPL, RD, SD, AD and DAR. Those of a small group have no value, and say why.
    pub checks: Vec<Check>,
}

impl Labelled {
    /// How many groups have a figure whose whole interval is outside of what is allowed.
    pub fn outside(&self) -> usize {
        let outside = |group: &&Group| group.checks.iter().any(|check| check.over);
        self.groups.iter().filter(outside).count()
    }
}

/// Of the columns that are watched, where labels came of a model that says which label is good.
pub(super) fn labelled(subject: &Subject) -> Vec<Labelled> {
    let watch = &subject.policy.watch;
    let Some(favourable) = watch.favourable.as_ref().filter(|_| !subject.truths.is_empty()) else {
        return Vec::new();
    };
    let mut columns: Vec<Labelled> = Vec::new();
    for column in &watch.segments {
        columns.push(Labelled {
            column: column.clone(),
            favourable: favourable.clone(),
            groups: Vec::new(),
        });
    }
    for check in checks(subject, subject.truths.iter()) {
        let Some(of) = columns
            .iter_mut()
            .find(|of| check.area == Area::Bias && of.column == check.column)
        else {
            continue;
        };
        let segment = check.segment.as_deref().unwrap_or_default();
        let value = segment.strip_prefix(&format!("{}=", check.column)).unwrap_or(segment);
        // Those of a group come one after the other.
        match of
            .groups
            .last_mut()
            .filter(|group| group.checks[0].segment == check.segment)
        {
            Some(group) => group.checks.push(check),
            None => of.groups.push(Group {
                name: group_name(value),
                rows: check.n,
                checks: vec![check],
            }),
        }
    }
    columns
}
