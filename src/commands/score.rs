//! `transform score`: a filter from standard input to standard output.

use super::invocation::Invocation;
use super::print_error;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::registry::{self, Registry};
use crate::score::Lineup;
use crate::transform::{Destination, Failure, Run, Scorer, Summary, pool, shown, transform};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

pub fn score(config: &Config, model: Option<&Path>, invocation: &Invocation) -> Result<u8> {
    let model = match model {
        Some(folder) => registry::load(folder)?,
        None => {
            let registry = Registry::new(&config.models.path, &config.models.group);
            registry.load(registry.latest_approved()?.version)?
        }
    };
    let pool = pool(config.worker.threads)?;
    let run = Run {
        pool: Some(&pool),
        memory: config.worker.memory,
        ..Run::default()
    };
    let (mut out, mut rejects) = (io::stdout().lock(), Rejects);
    match transform(
        io::stdin().lock(),
        &Scorer::new(Lineup::alone(Arc::new(model)), config.shape.clone()),
        &mut out,
        &mut rejects,
        &run,
    ) {
        Ok(Summary { unknown, .. }) => {
            if !unknown.is_empty() {
                let text = format!(
                    "transform: categories that the model doesn't know: {}\n",
                    shown(&unknown)
                );
                let _ = io::stderr().write_all(text.as_bytes());
            }
            Ok(exit::CONVERGED)
        }
        Err(Failure::Problem(problem)) => {
            let text = format!(
                "transform: standard input: {problem}\n  hint: {} ({})\n",
                problem.hint, problem.code
            );
            let _ = io::stderr().write_all(text.as_bytes());
            Ok(exit::SOME_FAILED)
        }
        Err(Failure::Read(e)) => Err(Error::io("read", "standard input")(e)),
        // The reader went away, as `head` does.
        Err(Failure::Write(_, e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(exit::CONVERGED),
        Err(Failure::Write(to, e)) => {
            let stream = match to {
                Destination::Output => "standard output",
                Destination::Rejects => "standard error",
            };
            print_error(&Error::io("write", stream)(e), invocation);
            Ok(exit::TRY_AGAIN)
        }
        Err(Failure::Cancelled) => Ok(exit::TRY_AGAIN),
    }
}

/// Bad rows go to stderr.
struct Rejects;

impl Write for Rejects {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown: String = String::from_utf8_lossy(bytes)
            .chars()
            .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
            .collect();
        io::stderr().write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
