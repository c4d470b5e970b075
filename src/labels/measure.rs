//! What an output says, held against all that came true of its rows.

use super::segments::{self, Values};
use super::sheet::Sheet;
use super::version::{Answering, Version};
use crate::config::Config;
use crate::format::VERSION;
use crate::ledger::{OfOne, Scored};
use crate::monitor::counts::group;
use crate::monitor::labels::{Label, Labels};
use crate::monitor::performance::{Measured, Measurement, Segment};
use crate::spool::Dir;

/// What came of it.
pub struct Outcome {
    /// Of each version that answered.
    pub versions: Vec<OfOne>,
    /// Labels of rows that have no prediction.
    pub without_prediction: u64,
    /// Columns of groups that can't be told, and why.
    pub unknown_groups: Vec<(String, String)>,
}

/// Where the value of a segment's column stands.
enum Place {
    /// In this cell of the output.
    Output(usize),
    /// Among these values of the input.
    Input(usize),
}

/// Rows that a version answered.
struct Own<'a> {
    version: &'a Version,
    scored: u64,
    outcomes: Measurement,
    segments: Vec<Segment>,
}

/// # Errors
/// Why the output can't be used.
pub fn measure(
    config: &Config,
    root: &Dir,
    scored: &Scored,
    by: &Answering,
    labels: &Labels,
) -> Result<Outcome, String> {
    let first = &*by.champion;
    let sheet = Sheet::output(root, scored, &config.shape, &first.prediction)?;
    let prefixed = |name: &str| format!("{}{name}", config.shape.prefix);
    let mut columns = vec![prefixed(&first.prediction)];
    // By each version's order of its classes.
    let versions = [Some(first), by.challenger.as_deref()].into_iter().flatten();
    let mut scores = Vec::new();
    for version in versions.clone() {
        let from = columns.len();
        let probabilities: Vec<String> = version.probabilities.iter().map(|name| prefixed(name)).collect();
        if probabilities.iter().all(|name| sheet.has(name)) {
            columns.extend(probabilities);
        }
        scores.push(from..columns.len());
    }
    let answered = columns.len();
    if by.challenger.is_some() {
        let number = prefixed(VERSION);
        // Of objects, others may have more keys than the first.
        let is_last = sheet.names.last() == Some(&number);
        if !(is_last || config.shape.model_version && sheet.has(&number)) {
            return Err("the output doesn't say which version answered a row (output.model_version)".into());
        }
        columns.push(number);
    }
    let mut outcome = Outcome {
        versions: Vec::new(),
        without_prediction: 0,
        unknown_groups: Vec::new(),
    };
    let favourable = favourable(config, first, &mut outcome.unknown_groups);
    let (mut segments, mut values) = (Vec::new(), Values::new());
    if let Some(favourable) = favourable {
        let (kept, others): (Vec<&str>, Vec<&str>) =
            (config.monitor.watch.segments.iter().map(String::as_str)).partition(|column| sheet.has(column));
        for column in kept {
            segments.push((Segment::new(column, favourable), Place::Output(columns.len())));
            columns.push(column.to_string());
        }
        if !others.is_empty() {
            match segments::of_input(config, scored, &others, |row| labels.get(row).is_some()) {
                Ok(found) => {
                    values = found;
                    let others = others.iter().enumerate();
                    segments.extend(others.map(|(i, column)| (Segment::new(column, favourable), Place::Input(i))));
                }
                Err(why) => {
                    let unknown = others.iter().map(|column| {
                        let why = format!("the output doesn't keep it (output.columns), and {why}");
                        (column.to_string(), why)
                    });
                    outcome.unknown_groups.extend(unknown);
                }
            }
        }
    }
    let (segments, places): (Vec<Segment>, Vec<Place>) = segments.into_iter().unzip();
    let mut owns: Vec<Own> = versions
        .map(|version| Own {
            version,
            scored: 0,
            outcomes: Measured::nothing(version.classes.clone()).outcomes,
            segments: segments.clone(),
        })
        .collect();
    let mut probabilities = Vec::new();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    sheet.read(&columns, |row, cells| {
        let who = match &by.challenger {
            Some(challenger) => usize::from(cells[answered] == challenger.number),
            None => 0,
        };
        let Own {
            version,
            scored,
            outcomes,
            segments,
        } = &mut owns[who];
        let classes = version.classes.as_deref().unwrap_or_default();
        let said = version.said(cells[0]);
        *scored += u64::from(said.is_some());
        let Some(label) = labels.get(row) else {
            return;
        };
        let Some(said) = said else {
            outcome.without_prediction += 1;
            return;
        };
        match (outcomes, label) {
            (Measurement::Numbers(errors), Label::Number(actual)) => errors.count(said, actual),
            (Measurement::Classes(sums), Label::Class(class)) => {
                let Some(actual) = classes.iter().position(|name| name == class) else {
                    return;
                };
                let scores = scores[who].clone();
                probabilities.clear();
                probabilities.extend(cells[scores.clone()].iter().filter_map(|cell| cell.parse::<f64>().ok()));
                let finite = !scores.is_empty() && probabilities.len() == scores.len();
                let finite = finite && probabilities.iter().all(|p| p.is_finite());
                sums.count(said as usize, actual, finite.then_some(&probabilities[..]));
                for (segment, place) in segments.iter_mut().zip(&places) {
                    let value = match place {
                        Place::Output(cell) => cells[*cell],
                        Place::Input(i) => values.get(&row).map_or("", |values| values[*i].as_str()),
                    };
                    // As in the pass, so that a group has one name.
                    let value = group(value.as_bytes(), &config.shape.spelling);
                    let favourable = |place: usize| classes[place] == segment.favourable;
                    let (called, was) = (favourable(said as usize), favourable(actual));
                    segment.count(&value, called, was);
                }
            }
            // A label of another kind of model.
            _ => {}
        }
    })?;
    let alone = by.challenger.is_none();
    let of_one = |own: Own| OfOne {
        made_by: own.version.made_by.clone(),
        // A number that isn't finite was scored, too.
        scored: if alone {
            scored.rows - scored.bad_rows
        } else {
            own.scored
        },
        measured: Measured {
            outcomes: own.outcomes,
            segments: own.segments,
        },
    };
    outcome.versions = owns.into_iter().map(of_one).collect();
    Ok(outcome)
}

/// The label that is good for a person, where groups are watched.
fn favourable<'a>(config: &'a Config, version: &Version, unknown: &mut Vec<(String, String)>) -> Option<&'a str> {
    let watch = &config.monitor.watch;
    let (Some(favourable), Some(classes)) = (watch.favourable.as_deref(), &version.classes) else {
        return None;
    };
    if !classes.iter().any(|class| class == favourable) {
        let why = format!(
            "monitor.favourable is {favourable:?}, which is no label of {}",
            version.model
        );
        unknown.extend(watch.segments.iter().map(|column| (column.clone(), why.clone())));
        return None;
    }
    Some(favourable)
}
