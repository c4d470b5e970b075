//! How things stand for Prometheus, by node_exporter's textfile collector: text exposition format 0.0.4.

use super::monitored::Monitored;
use super::process::State;
use super::snapshot::Status;
use crate::config::Config;
use crate::error::Result;
use crate::spool::durable;
use jiff::Timestamp;
use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

/// A line of a family: its own labels, and its value.
type Sample<'a> = (Vec<(&'a str, &'a str)>, f64);

/// A family: its name, its help, its samples. All are gauges.
type Family<'a> = (&'a str, &'a str, Vec<Sample<'a>>);

/// The page of one worker. `group`: of models. Together with the input folder it tells one worker's series from another's on
/// the same host.
pub fn text(status: &Status, group: &str) -> String {
    let labels = format!(
        "group={},input={}",
        quoted(group),
        quoted(&status.input.display().to_string())
    );
    let mut text = String::new();
    for (name, help, samples) in families(status) {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (own, value) in samples {
            let own: String = own
                .iter()
                .map(|(label, text)| format!(",{label}={}", quoted(text)))
                .collect();
            let _ = writeln!(text, "{name}{{{labels}{own}}} {value}");
        }
    }
    text
}

fn families(status: &Status) -> Vec<Family<'_>> {
    let worker = &status.worker;
    let fault = status.outage().is_some() || status.state_error.is_some() || status.input_error.is_some();
    let build = vec![
        ("version", worker.version.as_deref().unwrap_or("unknown")),
        ("commit", worker.commit.as_deref().unwrap_or("unknown")),
    ];
    let model = worker.model.iter().map(|model| (vec![("model", model.as_str())], 1.0));
    let mut families: Vec<Family> = vec![
        (
            "transform_build_info",
            "Version and commit of the worker; always 1.",
            vec![(build, 1.0)],
        ),
        (
            "transform_worker_running",
            "1 while the worker works, 0 once it ended; see the heartbeat for one that was killed.",
            flag(worker.state != State::Stopped),
        ),
        (
            "transform_worker_heartbeat_timestamp_seconds",
            "When the worker's loop came around last.",
            time(worker.heartbeat),
        ),
        (
            "transform_worker_start_time_seconds",
            "When the worker started.",
            time(worker.started),
        ),
        (
            "transform_model_usable",
            "1 if the latest approved model is whole and proven, else 0.",
            flag(status.model.is_some() && status.model_error.is_none()),
        ),
        (
            "transform_model_info",
            "The model version that scores; always 1.",
            model.collect(),
        ),
        (
            "transform_worker_fault",
            "1 while something keeps the worker as a whole from working, such as a full disk.",
            flag(fault),
        ),
        (
            "transform_status_written",
            "1 if the worker can write status.json, else 0.",
            flag(worker.report_error.is_none()),
        ),
        (
            "transform_files_retrying",
            "Files that failed for now and are tried again.",
            count(status.retrying),
        ),
        (
            "transform_last_success_timestamp_seconds",
            "When an output was made last.",
            time(status.last_success),
        ),
    ];
    // Numbers that aren't known are missing, not zero.
    if status.counted.is_some() {
        let states = [
            ("done", status.done),
            ("pending", status.pending),
            ("failed", status.failed),
            ("held", status.held),
            ("left", status.left),
            ("ignored", status.ignored),
        ];
        families.extend([
            (
                "transform_files",
                "Files of the input folder, by how they stand.",
                states
                    .map(|(state, files)| (vec![("state", state)], files as f64))
                    .into(),
            ),
            (
                "transform_files_with_bad_rows",
                "Of the files that are done: those with rows that couldn't be scored.",
                count(status.bad),
            ),
            (
                "transform_files_with_unknown_categories",
                "Of the files that are done: those with categories that the model doesn't know.",
                count(status.unknown),
            ),
            (
                "transform_oldest_pending_timestamp_seconds",
                "Since when the oldest pending file waits; missing while none does.",
                time(status.oldest_pending),
            ),
        ]);
    }
    families.extend(status.monitored.iter().flat_map(monitor_families));
    families
}

/// Of each version's last window: as many checks as the ledger keeps of it, those that are beyond their bars first.
fn monitor_families(monitored: &Monitored) -> Vec<Family<'_>> {
    let versions = &monitored.versions;
    let mut of_checks: [Vec<Sample>; 3] = Default::default();
    // A series that is there twice makes the page one that can't be read: an output may be called as an input is.
    let mut seen = HashSet::new();
    let checks = versions.iter().flat_map(|of| {
        let checks = of.last.iter().flat_map(|look| &look.checks);
        checks.map(|check| (of.model.as_str(), check))
    });
    for (model, check) in checks {
        let labels = Labels {
            model,
            area: check.area.name(),
            check: &check.check,
            column: &check.column,
            segment: check.segment.as_deref().unwrap_or_default(),
        };
        if !seen.insert(labels) {
            continue;
        }
        let over = check.value.map(|_| f64::from(check.over));
        for (samples, value) in of_checks.iter_mut().zip([check.value, check.bar, over]) {
            samples.extend(value.map(|value| (labels.list(), value)));
        }
    }
    let [values, bars, overs] = of_checks;
    let open = versions.iter().flat_map(|of| {
        of.open.iter().map(|(subject, _)| {
            let labels = Labels {
                model: &of.model,
                area: subject.area.name(),
                check: &subject.check,
                column: &subject.column,
                segment: subject.segment.as_deref().unwrap_or_default(),
            };
            (labels.list(), 1.0)
        })
    });
    let open: Vec<Sample> = open.take(SERIES_MAX).collect();
    let last = versions
        .iter()
        .filter_map(|of| of.last.as_ref())
        .map(|look| look.at)
        .max();
    let left_out = versions.iter().filter_map(|of| {
        let look = of.last.as_ref()?;
        Some((vec![("model", of.model.as_str())], look.left_out as f64))
    });
    vec![
        (
            "transform_monitor_last_check_timestamp_seconds",
            "When a window was held against the baseline last; missing before the first one of a version.",
            time(last.and_then(|at| Timestamp::from_microsecond(at).ok())),
        ),
        (
            "transform_monitor_open_alerts",
            "Alerts that are open.",
            count(versions.iter().map(|of| of.open.len() as u64).sum()),
        ),
        ("transform_monitor_alert_open", "1 for each alert that is open.", open),
        (
            "transform_monitor_held",
            "Results that wait for a person.",
            count(monitored.held),
        ),
        (
            "transform_monitor_check_value",
            "What a check of the last window came to; missing where it can't be computed.",
            values,
        ),
        ("transform_monitor_check_bar", "What the value mustn't go beyond.", bars),
        (
            "transform_monitor_check_over",
            "1 if the value is beyond its bar, else 0.",
            overs,
        ),
        (
            "transform_monitor_checks_left_out",
            "Checks of the last window that are not among these: they are too many.",
            left_out.collect(),
        ),
    ]
}

/// Of a family.
const SERIES_MAX: usize = 500;

/// What a check's series is told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Labels<'a> {
    model: &'a str,
    area: &'a str,
    check: &'a str,
    column: &'a str,
    /// Empty: none.
    segment: &'a str,
}

impl<'a> Labels<'a> {
    fn list(self) -> Vec<(&'a str, &'a str)> {
        vec![
            ("model", self.model),
            ("area", self.area),
            ("check", self.check),
            ("column", self.column),
            ("segment", self.segment),
        ]
    }
}

fn flag(is: bool) -> Vec<Sample<'static>> {
    vec![(Vec::new(), f64::from(is))]
}

fn count(files: u64) -> Vec<Sample<'static>> {
    vec![(Vec::new(), files as f64)]
}

/// In seconds since 1970.
fn time(at: Option<Timestamp>) -> Vec<Sample<'static>> {
    at.iter()
        .map(|at| (Vec::new(), at.as_millisecond() as f64 / 1000.0))
        .collect()
}

/// Writes the page, if the configuration wants one.
pub fn write(status: &Status, config: &Config) -> Result<()> {
    let Some(path) = &config.textfile else {
        return Ok(());
    };
    // Whose collector it is, the folder's rights decide.
    durable::refresh(path, text(status, &config.models.group).as_bytes(), 0o644)
}

/// Could it be written? Leaves nothing behind.
pub fn rehearse(config: &Config) -> Result<()> {
    match config.textfile.as_deref().and_then(Path::parent) {
        Some(folder) if folder.as_os_str().is_empty() => durable::rehearse(Path::new(".")),
        Some(folder) => durable::rehearse(folder),
        None => Ok(()),
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    )
}

#[cfg(test)]
mod tests {
    use super::super::monitored::OfVersion;
    use super::*;
    use crate::ledger::Look;
    use crate::monitor::Area;
    use crate::monitor::alert::{Seen, State, Subject};

    #[test]
    fn families_come_once_and_what_is_not_known_is_missing() {
        let mut status = Status::new(Timestamp::UNIX_EPOCH, "/in \"a\"".into(), 1);
        let page = text(&status, "lines");
        assert!(!page.contains("transform_files{"), "{page}");
        status.counted = Some(Timestamp::UNIX_EPOCH);
        status.oldest_pending = Some(Timestamp::from_millisecond(1500).unwrap());
        status.pending = 2;
        let page = text(&status, "lines");
        let labels = "group=\"lines\",input=\"/in \\\"a\\\"\"";
        for line in [
            format!("transform_files{{{labels},state=\"pending\"}} 2\n"),
            format!("transform_oldest_pending_timestamp_seconds{{{labels}}} 1.5\n"),
            format!("transform_model_usable{{{labels}}} 0\n"),
        ] {
            assert!(page.contains(&line), "{line} in {page}");
        }
        let subject = |column: &str| Subject {
            area: Area::Drift,
            check: "psi".into(),
            column: column.into(),
            segment: None,
        };
        let seen = |column: &str, over| Seen {
            area: Area::Drift,
            check: "psi".into(),
            column: column.into(),
            segment: None,
            n: 500,
            value: Some(0.25),
            bar: Some(0.2),
            noise: None,
            over,
            why: None,
        };
        let state = State {
            recent: 1,
            since: Some(1),
            at: 1,
            value: 0.3,
            bar: 0.2,
            absent: 0,
        };
        status.monitored = Some(Monitored {
            versions: vec![
                OfVersion {
                    model: "lines/1".into(),
                    last: Some(Look {
                        at: 2_500_000,
                        input: crate::spool::Name::new(*b"a.csv"),
                        files: 1,
                        rows: 500,
                        checks: vec![seen("a \"b\"\\\n", true), seen("x", true), seen("x", false)],
                        left_out: 3,
                    }),
                    open: vec![(subject("x"), state.clone())],
                },
                OfVersion {
                    model: "lines/2".into(),
                    last: None,
                    open: vec![(subject("x"), state)],
                },
            ],
            held: 2,
        });
        let page = text(&status, "lines");
        let of = |column: &str| {
            format!("{labels},model=\"lines/1\",area=\"drift\",check=\"psi\",column={column},segment=\"\"")
        };
        for line in [
            format!("transform_monitor_check_value{{{}}} 0.25\n", of(r#""a \"b\"\\\n""#)),
            format!("transform_monitor_check_over{{{}}} 1\n", of("\"x\"")),
            format!("transform_monitor_alert_open{{{}}} 1\n", of("\"x\"")),
            format!("transform_monitor_open_alerts{{{labels}}} 2\n"),
            format!("transform_monitor_held{{{labels}}} 2\n"),
            format!("transform_monitor_last_check_timestamp_seconds{{{labels}}} 2.5\n"),
            format!("transform_monitor_checks_left_out{{{labels},model=\"lines/1\"}} 3\n"),
        ] {
            assert!(page.contains(&line), "{line} in {page}");
        }
        // No series is there twice.
        let series = page.lines().filter(|line| !line.starts_with('#'));
        let mut series: Vec<_> = series.map(|line| line.rsplit_once(' ').unwrap().0).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), all);
        let mut families: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let all = families.len();
        families.dedup();
        assert_eq!(families.len(), all);
    }
}
