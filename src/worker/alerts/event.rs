//! What a file in the folder of alerts says.

use crate::ledger::{Event, Held, champion};
use crate::monitor::alert::{State, Subject};
use crate::monitor::bins::Bin;
use crate::monitor::{Area, Check};
use crate::shell;
use jiff::Timestamp;
use serde::Serialize;

/// Of what a file looks like: within a number, members come to be added, and none goes or changes.
const FORMAT: u32 = 1;
/// Characters of a file's name that say what it is about.
const ABOUT_MAX: usize = 60;

pub const OPENED: &str = "opened";
pub const CLOSED: &str = "closed";
pub const HELD: &str = "held";
pub const BLOCKED: &str = "blocked";
pub const RELEASED: &str = "released";
pub const HALTED: &str = "halted";

/// A file's JSON object. What isn't known, or doesn't apply, is null.
#[derive(Serialize)]
struct Body<'a> {
    format_version: u32,
    kind: &'static str,
    at: Timestamp,
    /// GROUP/VERSION
    model: &'a str,
    /// The input whose window it was: the last one of small ones.
    file: Option<String>,
    /// Inputs of the window, and its rows.
    files: Option<u64>,
    rows: Option<u64>,
    area: Option<Area>,
    check: Option<&'a str>,
    column: Option<&'a str>,
    segment: Option<&'a str>,
    /// Of how many rows or cells the value is.
    n: Option<u64>,
    value: Option<f64>,
    bar: Option<f64>,
    noise: Option<f64>,
    /// Of an alert: since when it is, or was, open.
    since: Option<Timestamp>,
    /// The column then and now, as shares of its cells.
    bins: Option<&'a [Bin]>,
    /// Who released it, and why.
    by: Option<&'a str>,
    reason: Option<&'a str>,
    message: String,
    /// The next command.
    next: String,
}

/// A window, and who says so.
pub struct Window<'a> {
    /// In microseconds since 1970.
    pub at: i64,
    /// GROUP/VERSION
    pub model: &'a str,
    /// Its last input.
    pub file: String,
    pub files: u64,
    pub rows: u64,
}

/// An alert opens or closes (`since`: it was open since then).
pub fn of_alert(
    kind: &'static str,
    window: &Window,
    check: &Check,
    since: i64,
    bins: Option<&[Bin]>,
    why: &str,
) -> Event {
    let next = match kind {
        OPENED => format!("transform monitor check {}", shell::file(&window.file)),
        _ => "transform monitor".into(),
    };
    let body = Body {
        since: Some(time(since)),
        bins,
        ..of_window(kind, window, Some(check), format!("{check}: {why}"), next)
    };
    event(window.at, body, about(&Subject::of(check)))
}

/// A result is kept back. `check`: the worst finding.
pub fn of_result(
    kind: &'static str,
    window: &Window,
    check: Option<&Check>,
    bins: Option<&[Bin]>,
    found: &str,
) -> Event {
    let file = shell::file(&window.file);
    let next = match kind {
        HELD => format!("transform monitor held {file}"),
        _ => format!("transform monitor check {file}"),
    };
    let message = format!("{} is {kind}: {found}", window.file);
    let body = Body {
        bins,
        ..of_window(kind, window, check, message, next)
    };
    event(window.at, body, window.file.clone())
}

/// An alert of which nobody will know whether it is over. `at`: microseconds since 1970.
pub fn of_end(at: i64, model: &str, subject: &Subject, state: &State, why: &str) -> Event {
    let body = Body {
        check: Some(&subject.check),
        column: Some(&subject.column),
        segment: subject.segment.as_deref(),
        area: Some(subject.area),
        value: Some(state.value),
        bar: Some(state.bar),
        since: state.since.map(time),
        ..of(
            CLOSED,
            time(at),
            model,
            format!("{subject}: {why}"),
            "transform monitor".into(),
        )
    };
    event(at, body, about(subject))
}

/// Somebody released a held result. `at`: microseconds since 1970.
pub fn of_release(held: &Held, at: i64, by: &str, reason: &str) -> Event {
    let file = held.input.to_string();
    let message = format!(
        "{file} was released by {by}: {reason}; it was held for {}",
        held.message
    );
    let next = format!("transform history {}", shell::file(&file));
    let window = Window {
        at,
        model: champion(&held.made_by),
        file: file.clone(),
        files: 1,
        rows: held.rows,
    };
    let body = Body {
        files: None,
        by: Some(by),
        reason: Some(reason),
        ..of_window(RELEASED, &window, None, message, next)
    };
    event(at, body, file)
}

/// An experiment is halted by a guard. `at`: microseconds since 1970; `model`: the version on trial.
pub fn of_halt(at: i64, model: &str, experiment: &str, found: &str) -> Event {
    let message = format!("experiment {experiment} is halted: {found}");
    let next = format!("transform experiment report {experiment}");
    event(at, of(HALTED, time(at), model, message, next), experiment.into())
}

fn of_window<'a>(
    kind: &'static str,
    window: &'a Window,
    check: Option<&'a Check>,
    message: String,
    next: String,
) -> Body<'a> {
    Body {
        file: Some(window.file.clone()),
        files: Some(window.files),
        rows: Some(window.rows),
        area: check.map(|check| check.area),
        check: check.map(|check| check.check),
        column: check.map(|check| check.column.as_str()),
        segment: check.and_then(|check| check.segment.as_deref()),
        n: check.map(|check| check.n),
        value: check.and_then(|check| check.value),
        bar: check.and_then(|check| check.bar),
        noise: check.and_then(|check| check.noise),
        ..of(kind, time(window.at), window.model, message, next)
    }
}

/// Of nothing but a version.
fn of<'a>(kind: &'static str, at: Timestamp, model: &'a str, message: String, next: String) -> Body<'a> {
    Body {
        format_version: FORMAT,
        kind,
        at,
        model,
        file: None,
        files: None,
        rows: None,
        area: None,
        check: None,
        column: None,
        segment: None,
        n: None,
        value: None,
        bar: None,
        noise: None,
        since: None,
        bins: None,
        by: None,
        reason: None,
        message,
        next,
    }
}

fn event(at: i64, body: Body, about: String) -> Event {
    let kind = body.kind;
    let mut body = serde_json::to_string_pretty(&body).expect("an event is JSON");
    body.push('\n');
    Event {
        at,
        kind,
        about: plain(&about),
        body,
    }
}

fn about(subject: &Subject) -> String {
    let Subject {
        check, column, segment, ..
    } = subject;
    let parts = [Some(check), Some(column), segment.as_ref()];
    let parts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-")
}

/// What a file's name may have everywhere.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.chars()
        .take(ABOUT_MAX)
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_column_is_called_the_name_of_its_file_is_plain() {
        let subject = Subject {
            area: Area::Drift,
            check: "psi".into(),
            column: "a/b ü\n".into(),
            segment: Some("sex=f".into()),
        };
        assert_eq!(plain(&about(&subject)), "psi-a_b___-sex_f");
        assert_eq!(plain(&"x".repeat(500)).len(), ABOUT_MAX);
    }
}
