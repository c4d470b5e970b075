//! PURE: whether a person is needed, in the words of a Nagios plugin.

use super::files::hinted;
use super::process::State;
use super::snapshot::Status;
use crate::error::Error;
use std::time::Duration;

/// Their numbers are the plugin's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Ok => "OK",
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
            Level::Unknown => "UNKNOWN",
        }
    }
}

/// What is taken for normal.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Older pending files are a warning, twice as old ones critical.
    pub pending_age: Duration,
    /// For who works by `--once`: no worker needs to run if the last one came around within this time.
    pub run_age: Option<Duration>,
}

/// The level, and the one line.
pub fn judge(status: &Status, limits: Limits) -> (Level, String) {
    let mut found = findings(status, limits);
    // What is worst comes first; the rest stays in order.
    found.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let level = found.first().map_or(Level::Ok, |(level, _)| *level);
    let said = match &found[..] {
        [] => format!(
            "{} done, model {}",
            status.done,
            status.model.as_deref().unwrap_or_default()
        ),
        found => found
            .iter()
            .map(|(_, what)| what.as_str())
            .collect::<Vec<_>>()
            .join("; "),
    };
    (
        level,
        format!("{}|{}", one_line(level, &said), perfdata(status, limits)),
    )
}

/// Where nothing can be known.
pub fn unknown(why: &Error) -> (Level, String) {
    let why = hinted(&why.to_string(), Some(why.code()));
    (Level::Unknown, one_line(Level::Unknown, &why))
}

fn findings(status: &Status, limits: Limits) -> Vec<(Level, String)> {
    let mut found = Vec::new();
    let mut add = |level, what: String| found.push((level, what));
    if let Some(trouble) = status.state_trouble() {
        add(Level::Unknown, trouble);
    }
    let worker = &status.worker;
    let hint = worker.hint().map_or(String::new(), |hint| format!(" (hint: {hint})"));
    let age = worker.heartbeat_age_seconds;
    match (worker.state, limits.run_age, age) {
        (State::Running, ..) => {}
        (State::NotResponding, _, age) => {
            let what = match &worker.report_error {
                Some(_) => "the worker says nothing of itself",
                None => "the worker doesn't respond",
            };
            add(
                Level::Critical,
                format!("{what}, for {} s{hint}", age.unwrap_or_default()),
            );
        }
        (State::Stopped, Some(most), Some(age)) if age <= most.as_secs() => {}
        (State::Stopped, Some(most), Some(age)) => add(
            Level::Critical,
            format!("no worker ran for {age} s, more than {} s{hint}", most.as_secs()),
        ),
        (State::Stopped | State::None, ..) => add(Level::Critical, format!("no worker runs{hint}")),
    }
    if let Some(error) = worker.report_error.as_ref().filter(|_| worker.runs()) {
        add(Level::Warning, error.clone());
    }
    if let Some(trouble) = status.model_trouble() {
        add(Level::Critical, format!("model: {trouble}"));
    }
    if let Some(fault) = status.outage() {
        let who = if worker.runs() {
            "the worker waits"
        } else {
            "the last worker waited"
        };
        add(Level::Critical, format!("{who}: {}", fault.hinted()));
    }
    if let Some(trouble) = status.input_trouble() {
        add(Level::Critical, format!("can't look at the inputs: {trouble}"));
    }
    let most = limits.pending_age.as_secs();
    if let Some(age) = status.oldest_pending_age_seconds.filter(|age| *age > most) {
        let level = if age > 2 * most {
            Level::Critical
        } else {
            Level::Warning
        };
        add(level, format!("{} pending, the oldest for {age} s", status.pending));
    }
    for (files, what) in [
        (status.failed, "failed"),
        (status.held, "held"),
        (status.retrying, "tried again"),
    ] {
        if files > 0 {
            add(Level::Warning, format!("{files} {what}"));
        }
    }
    for experiment in &status.experiments {
        if let Some(why) = &experiment.halted {
            add(
                Level::Warning,
                format!("experiment {} is halted: {why}", experiment.name),
            );
        }
    }
    if !status.unseen_files.is_empty() {
        let files = status.unseen_files.len();
        add(Level::Warning, format!("{files} can't be looked at"));
    }
    found
}

/// A pipe begins the numbers, a line end ends the line.
fn one_line(level: Level, said: &str) -> String {
    let said: String = said
        .chars()
        .map(|c| if c == '|' || c.is_control() { ' ' } else { c })
        .collect();
    format!("TRANSFORM {} - {said} ", level.word())
}

/// `label=value[unit];warning;critical;minimum`
fn perfdata(status: &Status, limits: Limits) -> String {
    let most = limits.pending_age.as_secs();
    // U is the plugins' word for what can't be known, and has no unit.
    let counted = |files: u64| match status.counted {
        Some(_) => files.to_string(),
        None => "U".into(),
    };
    let oldest = match status.counted {
        Some(_) => format!("{}s", status.oldest_pending_age_seconds.unwrap_or(0)),
        None => "U".into(),
    };
    let mut parts = vec![
        format!("done={};;;0", counted(status.done)),
        format!("pending={};;;0", counted(status.pending)),
        format!("failed={};0;;0", counted(status.failed)),
        format!("held={};0;;0", counted(status.held)),
        format!("retrying={};0;;0", status.retrying),
        format!("ignored={};;;0", counted(status.ignored)),
        format!("oldest_pending={oldest};{most};{};0", 2 * most),
    ];
    if let Some(age) = status.worker.heartbeat_age_seconds {
        parts.push(format!("heartbeat_age={age}s;;30;0"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::files::Fault;
    use super::super::process::Mode;
    use super::*;
    use jiff::Timestamp;

    const LIMITS: Limits = Limits {
        pending_age: Duration::from_secs(3600),
        run_age: None,
    };

    fn healthy() -> Status {
        let mut status = Status::new(Timestamp::UNIX_EPOCH, "in".into(), 9);
        status.model = Some("lines/1".into());
        status.worker.state = State::Running;
        status.worker.heartbeat_age_seconds = Some(3);
        status.counted = Some(Timestamp::UNIX_EPOCH);
        status.done = 5;
        status
    }

    fn fault(input: &str) -> Fault {
        Fault {
            input: input.into(),
            code: "disk_full".into(),
            message: "full | disk\nhere".into(),
            tries: 1,
            since: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
            retry_at: None,
            age_seconds: 0,
        }
    }

    #[test]
    fn what_needs_a_person_how_much() {
        type Harm = fn(&mut Status);
        let cases: [(Harm, Level, &str); 21] = [
            (|_| {}, Level::Ok, "OK - 5 done, model lines/1 |"),
            (
                |s| s.state_error = Some("can't open".into()),
                Level::Unknown,
                "UNKNOWN - can't open |",
            ),
            (
                |s| s.worker.state = State::None,
                Level::Critical,
                "CRITICAL - no worker runs |",
            ),
            (
                |s| s.worker.state = State::Stopped,
                Level::Critical,
                "CRITICAL - no worker runs |",
            ),
            (
                |s| (s.worker.state, s.worker.heartbeat_age_seconds) = (State::NotResponding, Some(40)),
                Level::Critical,
                "the worker doesn't respond, for 40 s (hint: 'kill -CONT PID' ",
            ),
            (
                |s| (s.worker.state, s.worker.mode) = (State::Stopped, Some(Mode::Daemon)),
                Level::Critical,
                "no worker runs (hint: start it again; ",
            ),
            (
                |s| {
                    (s.worker.state, s.worker.mode) = (State::Stopped, Some(Mode::Daemon));
                    s.worker.unit = Some("transform@sales".into());
                },
                Level::Critical,
                "no worker runs (hint: 'systemctl start transform@sales' ",
            ),
            (
                |s| s.worker.report_error = Some("can't write".into()),
                Level::Warning,
                "WARNING - can't write |",
            ),
            // One of another version, or one that hangs and can't write.
            (
                |s| {
                    (s.worker.state, s.worker.heartbeat_age_seconds) = (State::NotResponding, Some(40));
                    s.worker.report_error = Some("not by this worker".into());
                },
                Level::Critical,
                "CRITICAL - the worker says nothing of itself, for 40 s (hint: ",
            ),
            // Nobody tries again.
            (
                |s| {
                    s.worker.state = State::None;
                    s.set_outage(fault(""));
                },
                Level::Critical,
                "CRITICAL - no worker runs; the last worker waited: full ",
            ),
            // Said once.
            (
                |s| {
                    s.set_model_error("permission_denied", "full | disk\nhere".into());
                    s.set_outage(fault(""));
                },
                Level::Critical,
                "CRITICAL - the worker waits: full",
            ),
            (
                |s| {
                    (s.counted, s.done) = (None, 0);
                    s.input_error = Some("can't open in".into());
                    s.input_error_code = Some("permission_denied".into());
                },
                Level::Critical,
                "can't look at the inputs: can't open in (hint: the user ",
            ),
            (
                |s| s.set_model_error("damaged_model", "bad".into()),
                Level::Critical,
                "model: bad (hint: register the model again, or reject the version: transform models reject N) |",
            ),
            // It still scores from memory.
            (
                |s| {
                    s.worker.model = s.model.clone();
                    s.set_model_error("damaged_model", "bad".into());
                },
                Level::Critical,
                "model: bad (hint: ",
            ),
            (
                |s| s.set_outage(fault("")),
                Level::Critical,
                "the worker waits: full   disk here (hint: free some space; a worker that runs goes on by itself) |",
            ),
            (
                |s| s.set_faults([fault("a.csv")].into_iter()),
                Level::Warning,
                "WARNING - 1 tried again |",
            ),
            (|s| s.failed = 2, Level::Warning, "WARNING - 2 failed |"),
            (|s| s.held = 2, Level::Warning, "WARNING - 2 held |"),
            (|s| s.oldest_pending_age_seconds = Some(3600), Level::Ok, "OK"),
            (
                |s| (s.pending, s.oldest_pending_age_seconds) = (2, Some(3601)),
                Level::Warning,
                "2 pending, the oldest for 3601 s |",
            ),
            (
                |s| (s.failed, s.pending, s.oldest_pending_age_seconds) = (1, 2, Some(7201)),
                Level::Critical,
                "CRITICAL - 2 pending, the oldest for 7201 s; 1 failed |",
            ),
        ];
        for (harm, level, words) in cases {
            let mut status = healthy();
            harm(&mut status);
            let (found, line) = judge(&status, LIMITS);
            assert_eq!(found, level, "{line}");
            assert!(line.contains(words), "{words:?} in {line:?}");
            assert_eq!((line.lines().count(), line.matches('|').count()), (1, 1), "{line}");
        }
    }

    #[test]
    fn who_works_by_once_needs_a_worker_that_ran_lately() {
        let limits = |most| Limits {
            run_age: Some(Duration::from_secs(most)),
            ..LIMITS
        };
        let mut status = healthy();
        status.worker.state = State::Stopped;
        status.worker.heartbeat_age_seconds = Some(100);
        assert_eq!(judge(&status, limits(100)).0, Level::Ok);
        let (level, line) = judge(&status, limits(99));
        assert!(
            level == Level::Critical && line.contains("no worker ran for 100 s"),
            "{line}"
        );
        status.worker.state = State::None;
        assert_eq!(judge(&status, limits(1000)).0, Level::Critical);
    }

    #[test]
    fn counts_that_are_not_known_are_not_zero() {
        let mut status = healthy();
        status.counted = None;
        let (_, line) = judge(&status, LIMITS);
        let (_, numbers) = line.split_once('|').unwrap();
        assert!(
            numbers.starts_with("done=U;;;0 pending=U;;;0 failed=U;0;;0 held=U;0;;0 ")
                && numbers.contains("oldest_pending=U;3600;7200;0"),
            "{numbers}"
        );
    }

    #[test]
    fn numbers_follow_in_the_plugins_own_way() {
        let (_, line) = judge(&healthy(), LIMITS);
        let (_, numbers) = line.split_once('|').unwrap();
        assert_eq!(
            numbers,
            "done=5;;;0 pending=0;;;0 failed=0;0;;0 held=0;0;;0 retrying=0;0;;0 ignored=0;;;0 oldest_pending=0s;3600;7200;0 \
             heartbeat_age=3s;;30;0"
        );
    }
}
