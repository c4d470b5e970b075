//! How things stand for Prometheus, by node_exporter's textfile collector: text exposition format 0.0.4.

use super::process::State;
use super::snapshot::Status;
use jiff::Timestamp;
use std::fmt::Write;

/// `group`: of models. Together with the input folder it tells one worker's series from another's on the same host.
pub fn text(status: &Status, group: &str) -> String {
    let labels = format!(
        "group={},input={}",
        quoted(group),
        quoted(&status.input.display().to_string())
    );
    let mut page = Page {
        text: String::new(),
        labels,
    };
    let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1000.0;
    let worker = &status.worker;
    page.family("transform_build_info", "Version and commit of the worker; always 1.");
    let commit = worker.commit.as_deref().unwrap_or("unknown");
    let build = [
        ("version", worker.version.as_deref().unwrap_or("unknown")),
        ("commit", commit),
    ];
    page.sample(&build, 1.0);
    page.family(
        "transform_worker_running",
        "1 while the worker works, 0 once it ended; see the heartbeat for one that was killed.",
    );
    page.sample(&[], f64::from(worker.state != State::Stopped));
    page.family(
        "transform_worker_heartbeat_timestamp_seconds",
        "When the worker's loop came around last.",
    );
    page.samples(worker.heartbeat.map(seconds));
    page.family("transform_worker_start_time_seconds", "When the worker started.");
    page.samples(worker.started.map(seconds));
    page.family(
        "transform_model_usable",
        "1 if the latest approved model is whole and proven, else 0.",
    );
    page.sample(&[], f64::from(status.model.is_some() && status.model_error.is_none()));
    page.family("transform_model_info", "The model version that scores; always 1.");
    if let Some(model) = &worker.model {
        page.sample(&[("model", model)], 1.0);
    }
    page.family(
        "transform_worker_fault",
        "1 while something keeps the worker as a whole from working, such as a full disk.",
    );
    let fault = status.outage().is_some() || status.state_error.is_some() || status.input_error.is_some();
    page.sample(&[], f64::from(fault));
    page.family(
        "transform_files_retrying",
        "Files that failed for now and are tried again.",
    );
    page.sample(&[], status.retrying as f64);
    page.family(
        "transform_last_success_timestamp_seconds",
        "When an output was made last.",
    );
    page.samples(status.last_success.map(seconds));
    // Numbers that aren't known are missing, not zero.
    if status.counted.is_some() {
        page.family("transform_files", "Files of the input folder, by how they stand.");
        for (state, files) in [
            ("done", status.done),
            ("pending", status.pending),
            ("failed", status.failed),
            ("held", status.held),
            ("left", status.left),
            ("ignored", status.ignored),
        ] {
            page.sample(&[("state", state)], files as f64);
        }
        page.family(
            "transform_files_with_bad_rows",
            "Of the files that are done: those with rows that couldn't be scored.",
        );
        page.sample(&[], status.bad as f64);
        page.family(
            "transform_files_with_unknown_categories",
            "Of the files that are done: those with categories that the model doesn't know.",
        );
        page.sample(&[], status.unknown as f64);
        page.family(
            "transform_oldest_pending_timestamp_seconds",
            "Since when the oldest pending file waits; missing while none does.",
        );
        page.samples(status.oldest_pending.map(seconds));
    }
    page.text
}

struct Page {
    text: String,
    labels: String,
}

impl Page {
    /// All are gauges.
    fn family(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    /// Of the family that was begun last.
    fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let name = self
            .text
            .rsplit("# TYPE ")
            .next()
            .and_then(|line| line.split(' ').next());
        let name = name.unwrap_or_default().to_string();
        let mut all = self.labels.clone();
        for (label, text) in labels {
            let _ = write!(all, ",{label}={}", quoted(text));
        }
        let _ = writeln!(self.text, "{name}{{{all}}} {value}");
    }

    fn samples(&mut self, value: Option<f64>) {
        value.into_iter().for_each(|value| self.sample(&[], value));
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
