//! `transform part run`: what an engine runs on its nodes.

use super::print_line;
use crate::engine::outcome::PANICKED;
use crate::engine::task::{Fault, Task};
use crate::engine::{Report, node};
use crate::error::{Error, Result, exit};
use crate::problem::internal;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Does the tasks of a file, a line each, as they come; prints a report of each, and ends at the first that fails, with why on
/// stderr. `parent`: the process with which this one is to end.
pub fn run(tasks: &Path, parent: Option<u32>) -> u8 {
    let Err(Failed(fault, code)) = work(tasks, parent) else {
        return exit::CONVERGED;
    };
    let line = serde_json::to_string(&fault).expect("a fault is JSON");
    let _ = writeln!(io::stderr(), "{line}");
    code
}

/// What is wrong, and the exit code for that.
struct Failed(Fault, u8);

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed(Fault::of(&error), error.exit_code())
    }
}

fn work(tasks: &Path, parent: Option<u32>) -> Result<(), Failed> {
    if let Some(parent) = parent {
        end_with(parent)?;
    }
    for line in open(tasks)?.lines() {
        let line = line.map_err(Error::io("read", tasks))?;
        if !line.trim().is_empty() {
            print_line(attempt(&line)?.line());
        }
    }
    Ok(())
}

/// What came of a task.
fn attempt(line: &str) -> Result<Report, Failed> {
    let task = Task::parse(line)?;
    match catch_unwind(AssertUnwindSafe(|| node::run(&task))) {
        Ok(Ok(report)) => Ok(report),
        // Whatever it is, it may be this node's alone; of versions, nobody else's is mended by another try.
        Ok(Err(error)) => {
            let is_version = matches!(error, Error::Engine { .. }) && error.exit_code() == exit::USAGE;
            let code = if is_version { exit::USAGE } else { exit::TRY_AGAIN };
            Err(Failed(Fault::of(&error), code))
        }
        Err(_) => {
            let problem = internal();
            let fault = Fault {
                code: problem.code.name().into(),
                message: problem.to_string(),
            };
            Err(Failed(fault, PANICKED))
        }
    }
}

/// The kernel kills this process when the thread that started it ends: of what runs tasks, that is the process's first.
fn end_with(parent: u32) -> Result<()> {
    let failed = Error::io("be ended with", format!("process {parent}"));
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    // It may have ended before that.
    match getppid()
        .map(Pid::as_raw_nonzero)
        .is_some_and(|pid| i64::from(pid.get()) == i64::from(parent))
    {
        true => Ok(()),
        false => Err(Error::config(
            "--parent",
            format!("process {parent} is not the one that started this one"),
        )),
    }
}

fn open(tasks: &Path) -> Result<Box<dyn BufRead>> {
    if tasks.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(tasks)
        .map_err(Error::io("open", tasks))
        .map_err(Error::of_a_persons_file)?;
    Ok(Box::new(BufReader::new(file)))
}
