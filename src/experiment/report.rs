//! What a shadow is like beside the champion, for people and programs.

use super::difference::{Column, Difference};
use super::paired::Paired;
use super::verdict::{Verdict, needed};
use crate::digits::{count, short};
use crate::html::thousands;
use crate::report::{percent, time};
use serde::Serialize;
use std::time::Duration;

/// Of `--json`; a new one where a reader of the old would be misled.
const FORMAT_VERSION: u32 = 1;

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Of the experiment.
    pub name: &'a str,
    /// `group/version`
    pub champion: &'a str,
    pub shadow: &'a str,
    /// How it stands, by whom and why, in words.
    pub state: &'a str,
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// Inputs that were scored by both.
    pub files: u64,
    /// Or why the two can't be compared.
    pub difference: Result<Difference, String>,
    /// Of 1,000 rows: the champion's, the shadow's, where they are known.
    pub milliseconds: Option<[f64; 2]>,
    /// The first one decides; none: there are no labels.
    pub paired: Vec<Paired>,
    /// What else a reader should know: of labels, of files that aren't in it.
    pub notes: Vec<String>,
}

/// All that a report says. Texts may hold anything: whoever writes them escapes them.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub kind: &'static str,
    pub headline: String,
    pub experiment: String,
    pub champion: String,
    pub shadow: String,
    /// How it stands, by whom and why.
    pub state: String,
    /// RFC 3339.
    pub started: String,
    pub files: u64,
    /// Of 1,000 rows.
    pub champion_milliseconds: Option<f64>,
    pub shadow_milliseconds: Option<f64>,
    /// Of the first of `paired`.
    pub verdict: Option<Verdict>,
    pub paired: Vec<Paired>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    pub difference: Option<Difference>,
    /// Why there is no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Report {
    pub fn of(subject: Subject) -> Report {
        let headline = headline(&subject);
        let (difference, why) = match subject.difference {
            Ok(difference) => (Some(difference), None),
            Err(why) => (None, Some(why)),
        };
        Report {
            format_version: FORMAT_VERSION,
            kind: "shadow",
            headline,
            experiment: subject.name.into(),
            champion: subject.champion.into(),
            shadow: subject.shadow.into(),
            state: subject.state.into(),
            started: time(subject.started),
            files: subject.files,
            champion_milliseconds: subject.milliseconds.map(|of| of[0]),
            shadow_milliseconds: subject.milliseconds.map(|of| of[1]),
            verdict: subject.paired.first().map(|paired| paired.verdict),
            paired: subject.paired,
            notes: subject.notes,
            difference,
            why,
        }
    }
}

/// `credit/5 is better than credit/3: ...`
fn headline(subject: &Subject) -> String {
    match (subject.paired.first(), &subject.difference) {
        (Some(paired), _) => of_labels(subject, paired),
        (None, Err(why)) => format!("{} and {} can't be compared: {why}", subject.champion, subject.shadow),
        (None, Ok(difference)) => of_predictions(subject, difference),
    }
}

fn of_labels(subject: &Subject, paired: &Paired) -> String {
    let Subject { champion, shadow, .. } = subject;
    let said = match paired.verdict {
        Verdict::NotYet if paired.left_out_of != [0, 0] => {
            let [of_champion, of_shadow] = paired.left_out_of;
            format!(
                "Whether {shadow} is better than {champion} can't be told: the loss of {shadow} alone is no finite number in {}, \
                 that of {champion} alone in {}",
                grouped(of_shadow, "row"),
                grouped(of_champion, "row")
            )
        }
        verdict => verdict.said(champion, shadow, paired.margin),
    };
    let keys = format!("{} with a label", grouped(paired.keys, "key"));
    let (Some(before), Some(now), Some(lift), Some(interval)) =
        (paired.champion, paired.shadow, paired.lift, paired.interval)
    else {
        return format!("{said}: there are {keys}");
    };
    let number = |x: f64| thousands(short(x, 3));
    let needed = match paired.verdict {
        Verdict::NotYet if paired.left_out_of == [0, 0] => needed(paired.keys, paired.more_keys, false),
        _ => String::new(),
    };
    format!(
        "{said}: {} {} instead of {}, a lift of {} ({} to {}), of {keys}{needed}",
        paired.measure.words(),
        number(now),
        number(before),
        number(lift),
        number(interval.low),
        number(interval.high)
    )
}

fn of_predictions(subject: &Subject, difference: &Difference) -> String {
    let Subject { champion, shadow, .. } = subject;
    let rows = grouped(difference.both, "row");
    if difference.both == 0 {
        return format!("{shadow} and {champion} have scored no row together yet");
    }
    let all_same = |column: &Column| column.same == difference.both;
    let flips = difference.labels.as_ref().map_or(0, |labels| labels.flips);
    if flips == 0 && difference.columns.iter().all(all_same) && difference.columns_left_out == 0 {
        return format!("{shadow} says the same as {champion} in {rows}");
    }
    let mut parts = Vec::new();
    if let Some(labels) = &difference.labels {
        let share = labels.flips as f64 / difference.both as f64;
        parts.push(format!(
            "gives another label than {champion} in {} of {rows}",
            percent(share)
        ));
    }
    let size = |column: &&Column| column.mean_absolute.unwrap_or(0.0);
    if let Some(column) = (difference.columns.iter()).max_by(|a, b| size(a).total_cmp(&size(b)))
        && let (Some(mean), Some(p99)) = (column.mean_absolute, column.p99_absolute)
    {
        let what = match &difference.labels {
            Some(_) => format!("its probability of {} differs", column.name),
            None => format!("differs from {champion} in {rows}"),
        };
        parts.push(format!(
            "{what} by {} on average, at most {} in 99 % of them",
            short(mean, 3),
            short(p99, 3)
        ));
    }
    let not_finite = difference
        .columns
        .iter()
        .map(|column| column.not_finite)
        .max()
        .unwrap_or(0);
    if not_finite > 0 {
        parts.push(format!("in {} a value isn't finite", grouped(not_finite, "row")));
    }
    match parts.is_empty() {
        true => format!("{shadow} and {champion} have no finite value in common in {rows}"),
        false => format!("{shadow} {}", parts.join("; ")),
    }
}

/// Of 1,000 rows, which took so long together; none of so few that it would be of memory that is touched for the first time.
pub fn milliseconds(rows: u64, took: Duration) -> Option<f64> {
    const LEAST: Duration = Duration::from_millis(1);
    (took >= LEAST && rows > 0).then(|| took.as_secs_f64() * 1e6 / rows as f64)
}

/// With commas.
pub fn grouped(n: u64, noun: &str) -> String {
    count(n, noun).replacen(&n.to_string(), &thousands(n), 1)
}
