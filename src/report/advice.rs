//! What it comes to in a sentence, and what to do next.

use super::change::Change;
use super::segment::Standing;
use super::series::is_output;
use super::{KeptBack, Report, Subject, minute};
use crate::digits::count;
use crate::monitor::check::Area;
use crate::monitor::{Action, Compare};
use crate::shell;
use serde::Serialize;

/// Names in the headline; the rest is counted.
const NAMED: usize = 3;

/// Something to do, and by which commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub why: String,
    pub commands: Vec<String>,
}

pub(super) fn headline(subject: &Subject, report: &Report) -> String {
    let mut parts = vec![changed(subject, report)];
    if report.performance.iter().any(|worth| worth.worse) {
        parts.push("By the labels that came, the model is worse than when it was approved.".into());
    }
    let outside = report.segments.iter().flat_map(|segment| &segment.groups);
    let outside = outside.filter(|group| group.standing == Standing::Outside).count();
    parts.extend(groups(outside).map(|groups| format!("{groups} treated otherwise than the others.")));
    let outside = report.bias.iter().map(|column| column.outside()).sum();
    parts.extend(groups(outside).map(|groups| format!("By the labels that came, {groups} treated otherwise.")));
    parts.push(kept_back(&report.kept_back));
    let released = report.released.len();
    if released > 0 {
        let were = if released == 1 { "was" } else { "were" };
        parts.push(format!("{} {were} released.", count(released as u64, "result")));
    }
    parts.join(" ")
}

/// `2 groups of people are`; none of none.
fn groups(n: usize) -> Option<String> {
    let are = if n == 1 { "is" } else { "are" };
    (n > 0).then(|| format!("{} of people {are}", count(n as u64, "group")))
}

/// What waits does so whenever it came.
fn kept_back(kept_back: &[KeptBack]) -> String {
    let held = kept_back.iter().filter(|kept| kept.action == Action::Hold).count();
    let blocked = kept_back.len() - held;
    let said = match (held, blocked) {
        (0, 0) => "Nothing is held".into(),
        (held, 0) => format!("{} held until a person decides", are(held)),
        (0, blocked) => format!("{} blocked", are(blocked)),
        (held, blocked) => format!("{} held until a person decides, and {blocked} blocked", are(held)),
    };
    match kept_back.iter().filter(|kept| kept.earlier).count() {
        0 => format!("{said}."),
        earlier if earlier == kept_back.len() => format!("{said}, since before this period."),
        earlier => format!("{said}, {earlier} of them since before this period."),
    }
}

fn are(n: usize) -> String {
    format!("{} {}", count(n as u64, "result"), if n == 1 { "is" } else { "are" })
}

fn changed(subject: &Subject, report: &Report) -> String {
    let Report {
        changes,
        windows,
        period,
        ..
    } = report;
    let since = period.since.as_deref();
    let since = since.map_or(String::new(), |since| format!(" since {} UTC", minute(since)));
    if windows.is_empty() {
        let seen = if since.is_empty() { "" } else { " first seen" };
        return format!(
            "Nothing was counted yet: no input{seen}{since} was scored by {} and held against this baseline.",
            subject.model
        );
    }
    let extent = format!(
        "{} with {}{since}",
        count(windows.len() as u64, "window"),
        count(period.rows, "row")
    );
    let Some(first) = changes.first() else {
        return match subject.policy.compare {
            Compare::Baseline => format!("Nothing changed: {extent} look like the baseline."),
            Compare::LastWeek => format!("Nothing changed: {extent} look as they did a week before."),
        };
    };
    let lasting = changes.iter().any(|change| change.still);
    let counted: Vec<&Change> = changes.iter().filter(|change| change.still == lasting).collect();
    let mut names: Vec<String> = Vec::new();
    for change in &counted {
        let check = &change.check;
        let name = match check.column.as_str() {
            "" => format!("the {}", check.check.replace('_', " ")),
            column => column.to_string(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(NAMED);
    let verb = if names.len() == 1 { "is" } else { "are" };
    names.truncate(NAMED);
    let named = match more {
        0 => listed(&names),
        more => format!("{} and {more} more", names.join(", ")),
    };
    // Of the most important one: others may have been so ever since.
    let begin = counted.first().map_or(first.first, |change| change.first);
    // What came before the first window isn't looked at.
    let cut = begin == 0 && (period.since.is_some() || period.older > 0);
    let begin = windows[begin].name() + if cut { ", or before" } else { "" };
    let of = if since.is_empty() {
        String::new()
    } else {
        format!(", of {extent}")
    };
    match lasting {
        true => format!("Out of the ordinary since {begin}: {named}{of}."),
        false => format!("{named} {verb} as ever again, after a time out of the ordinary that began {begin}{of}."),
    }
}

/// `a, b and c`
fn listed(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// The most urgent first.
pub(super) fn next(subject: &Subject, report: &Report) -> Vec<Step> {
    let Subject { version, .. } = *subject;
    let Report {
        changes,
        windows,
        performance,
        bias,
        ..
    } = report;
    let mut steps = Vec::new();
    let mut step = |why: &str, commands: Vec<String>| {
        steps.push(Step {
            why: why.into(),
            commands,
        })
    };
    let kept = |action| subject.kept_back.iter().filter(move |kept| kept.action == action);
    let held: Vec<String> = kept(Action::Hold)
        .map(|kept| shell::file(&kept.input))
        .take(NAMED)
        .collect();
    if let Some(one) = held.first() {
        step(
            "Look at what is held; then release it with a reason, or mend the file and drop it again.",
            vec![
                format!("transform monitor check {one}"),
                format!("transform monitor release {} --reason WHY", held.join(" ")),
            ],
        );
    }
    if let Some(one) = kept(Action::Block).next() {
        step(
            "What is blocked can't be released: mend the file, or approve a version that knows such data.",
            vec![format!("transform monitor check {}", shell::file(&one.input))],
        );
    }
    let still = |area| {
        changes
            .iter()
            .filter(move |change| change.still && change.check.area == area)
    };
    if let Some(change) = still(Area::Data).next() {
        let input = windows[change.last].input.as_deref();
        step(
            "Ask whoever delivers the data: something broke on the way, and no other model would mend it.",
            input
                .map(|input| format!("transform monitor check {} --all", shell::file(input)))
                .into_iter()
                .collect(),
        );
    }
    let said = still(Area::Drift).any(|change| is_output(subject.baseline, &change.check.column));
    if said || still(Area::Performance).next().is_some() || performance.iter().any(|worth| worth.worse) {
        step(
            "The model answers otherwise than it did. Measure it by what came true, and train a candidate on newer ones: \
             its gate holds it against this version.",
            vec![
                "transform monitor labels LABELS.csv".into(),
                "transform train PIPELINE.toml".into(),
            ],
        );
    }
    if still(Area::Drift).next().is_some() {
        step(
            "Where the change is meant and the model still right: hold it against newer rows from now on.",
            vec![format!(
                "transform monitor baseline ROWS.csv --version {version} --target COLUMN --reason WHY"
            )],
        );
    }
    if still(Area::Bias).next().is_some() || bias.iter().any(|column| column.outside() > 0) {
        step(
            "A group is treated otherwise than the others. Whether that is wrong a person decides, with the counts by segment.",
            vec![],
        );
    }
    if steps.is_empty() {
        let why = match windows.is_empty() {
            true => "Drop files and score them; then ask again, or for a longer period.",
            false => "Nothing needs doing.",
        };
        steps.push(Step {
            why: why.into(),
            commands: Vec::new(),
        });
    }
    steps
}
