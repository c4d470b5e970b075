//! How things stand for Prometheus, by node_exporter's textfile collector: text exposition format 0.0.4.

use super::process::State;
use super::snapshot::Status;
use crate::config::Config;
use crate::error::Result;
use crate::spool::durable;
use jiff::Timestamp;
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
    families
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
    use super::*;

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
        let mut families: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let all = families.len();
        families.dedup();
        assert_eq!(families.len(), all);
    }
}
