//! PURE: what the exit of a task, or of the bridge, means.

use super::task::{FORMAT, Fault, Report};
use crate::error::{EngineFault, exit};

/// Versions of Ray that the bridge was proven with, and those that keep its promises: from, and below.
const RAY: ((u32, u32), (u32, u32)) = ((2, 60), (3, 0));
/// Exit code of a task that ended by a panic (EX_SOFTWARE of sysexits.h), and that of a panic that nothing caught.
pub const PANICKED: u8 = 70;
const UNCAUGHT: i32 = 101;

#[derive(Debug, PartialEq)]
pub enum Outcome {
    Done(Report),
    /// Another node, or a later time, may do better.
    Failed(Fault),
    /// None would.
    Refused(String),
    Panicked(String),
}

/// `rc`: as the bridge has it. `id`: the task's.
pub fn outcome(rc: Option<i32>, out: &str, err: &str, id: u64) -> Outcome {
    let fault = |code: EngineFault, message: String| Fault {
        code: code.code().into(),
        message,
    };
    // What libraries say on stderr stands in front of it.
    let said = err
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Fault>(line).ok());
    let last_line = || {
        err.lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it says nothing")
            .to_string()
    };
    let Some(rc) = rc else {
        return Outcome::Failed(fault(
            EngineFault::Node,
            format!("transform can't be run there: {err}; it must stand at the same path as on the worker's machine"),
        ));
    };
    let message = || said.as_ref().map_or_else(last_line, |said| said.message.clone());
    match rc {
        0 => match serde_json::from_str::<Report>(out.trim_end()) {
            Ok(report) if report.id == id && report.format == FORMAT => Outcome::Done(report),
            _ => Outcome::Failed(fault(
                EngineFault::Node,
                "it reports what is no report of the task".into(),
            )),
        },
        UNCAUGHT => Outcome::Panicked(message()),
        _ if rc == i32::from(PANICKED) => Outcome::Panicked(message()),
        // Killed by whom? Most often by the kernel, for want of memory.
        ..0 => Outcome::Failed(fault(
            EngineFault::Node,
            format!(
                "transform was ended by signal {}{}",
                -rc,
                if rc == -9 { ": is its memory too small?" } else { "" }
            ),
        )),
        _ => match said {
            Some(said) if rc == i32::from(exit::TRY_AGAIN) || said.code == EngineFault::Version.code() => {
                Outcome::Failed(said)
            }
            None if rc == i32::from(exit::TRY_AGAIN) => Outcome::Failed(fault(EngineFault::Node, last_line())),
            // A program that knows no `part run` is another version of this one, or another program.
            None => Outcome::Failed(fault(
                EngineFault::Version,
                format!(
                    "it does not run tasks (exit code {rc}): {}; is it the same transform?",
                    last_line()
                ),
            )),
            Some(said) => Outcome::Refused(said.message),
        },
    }
}

/// What a node's fault is to the worker.
pub fn fault(code: &str) -> EngineFault {
    let known = EngineFault::ALL.into_iter().find(|fault| fault.code() == code);
    match code {
        "damaged_model" | "no_approved_model" => EngineFault::Model,
        _ => known.unwrap_or(EngineFault::Node),
    }
}

/// Why a version of Ray won't do.
pub fn unfit(ray: &str) -> Option<String> {
    let mut numbers = ray.split('.').map(|number| number.parse::<u32>().ok());
    let version = (numbers.next().flatten(), numbers.next().flatten());
    let (least, below) = RAY;
    match version {
        (Some(major), Some(minor)) if least <= (major, minor) && (major, minor) < below => None,
        _ => Some(format!(
            "engine.python has Ray {ray}; it needs one from {}.{} on and below {}.{}, the same on all nodes",
            least.0, least.1, below.0, below.1
        )),
    }
}

/// Why the bridge ended. `last_words`: of its stderr, the last one first.
pub fn cause(last_words: &[String], python: &str) -> (EngineFault, String) {
    let of = |text: &str| last_words.iter().any(|line| line.contains(text));
    let line = |text: &str| {
        last_words
            .iter()
            .find(|line| line.contains(text))
            .cloned()
            .unwrap_or_default()
    };
    if of("No module named 'ray'") {
        let ((major, minor), (below, _)) = RAY;
        let message = format!(
            "engine.python has no Ray: {python} -m pip install 'ray>={major}.{minor},<{below}', or name the Python of its environment"
        );
        return (EngineFault::Version, message);
    }
    if of("Version mismatch") {
        // Its lines say which versions; the last ones, of what to do.
        let said: Vec<&str> = last_words.iter().rev().map(|line| line.trim()).collect();
        let from = said
            .iter()
            .position(|line| line.contains("Version mismatch"))
            .unwrap_or(0);
        let message = format!(
            "the cluster has another Ray or Python than engine.python: {}",
            said[from..].join(" ")
        );
        return (EngineFault::Version, message);
    }
    if of("SyntaxError") {
        return (
            EngineFault::Version,
            format!("engine.python is too old for the bridge: {}", line("SyntaxError")),
        );
    }
    let last = last_words.first().map_or("it says nothing", |line| line.trim());
    (EngineFault::Unavailable, format!("the bridge to Ray ended: {last}"))
}

#[cfg(test)]
mod tests;
