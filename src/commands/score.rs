//! `transform score`: a filter from standard input to standard output.

use super::invocation::Invocation;
use super::{count, print_error};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::format::{FileFormat, OutputFormat};
use crate::problem::Code;
use crate::registry::{self, Registry};
use crate::score::Lineup;
use crate::transform::{Destination, Failure, Run, Scorer, Shape, Summary, pool, shown, transform};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Question {
    /// The folder of a version.
    pub model: Option<PathBuf>,
    /// Its number, where it was named.
    pub version: Option<u32>,
    pub rejects: Option<PathBuf>,
    /// How rows stand in standard input.
    pub format: FileFormat,
    /// None: as the configuration says.
    pub output_format: Option<OutputFormat>,
}

pub fn score(config: &Config, question: &Question, invocation: &Invocation) -> Result<u8> {
    let rejects_file = question.rejects.as_deref();
    let registry = Registry::new(&config.models.path, &config.models.group);
    let model = match (question.version, question.model.as_deref()) {
        (Some(version), _) => registry.load(registry.show(version)?.version)?,
        (None, Some(folder)) => registry::load_named(folder)?,
        (None, None) => registry.load(registry.latest_approved()?.version)?,
    };
    let pool = pool(config.worker.threads)?;
    let list = rejects_file.map_or("--rejects FILE".into(), |file| file.display().to_string());
    let file = redirected()?;
    let run = Run {
        pool: Some(&pool),
        memory: config.worker.memory,
        rejects: Some(&list),
        format: question.format,
        file: file.as_ref(),
        ..Run::default()
    };
    let mut out = io::stdout();
    let mut rejects = match rejects_file {
        Some(file) => Rejects::to(file)?,
        None => Rejects::Shown(Vec::new()),
    };
    let shape = Shape {
        // A model in a folder is no version.
        model_version: false,
        output: question.output_format.unwrap_or(config.shape.output),
        ..config.shape.clone()
    };
    let result = transform(
        io::stdin(),
        &Scorer::new(Lineup::alone(Arc::new(model)), shape),
        &mut out,
        &mut rejects,
        &run,
    );
    // It has what was found until then, whatever ended it.
    let result = match rejects.flush() {
        Err(e) if !matches!(result, Err(Failure::Write(..))) => Err(Failure::Write(Destination::Rejects, e)),
        _ => result,
    };
    match result {
        Ok(Summary {
            rows,
            bad_rows,
            unknown,
            lacking,
            ..
        }) => {
            if bad_rows > 0 {
                let text = format!(
                    "transform: {bad_rows} of {} can't be scored, and their predictions are empty; {list} lists them{}\n",
                    count(rows, "row"),
                    rejects.shown(),
                );
                let _ = io::stderr().write_all(text.as_bytes());
            }
            if !unknown.is_empty() {
                let text = format!(
                    "transform: categories that the model doesn't know: {}\n",
                    shown(&unknown)
                );
                let _ = io::stderr().write_all(text.as_bytes());
            }
            if !lacking.is_empty() {
                let text = format!(
                    "transform: rows without a key, whose value is missing then: {}\n",
                    shown(&lacking)
                );
                let _ = io::stderr().write_all(text.as_bytes());
            }
            Ok(exit::CONVERGED)
        }
        Err(Failure::Problem(problem)) => {
            let hint = match problem.code {
                Code::FormatMismatch | Code::NotJsonLines => "say with --format what it is",
                _ => &problem.hint,
            };
            let text = format!(
                "transform: standard input: {problem}\n  hint: {hint} ({})\n",
                problem.code
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
                Destination::Rejects => &list,
            };
            print_error(&Error::io("write", stream)(e), invocation);
            Ok(exit::TRY_AGAIN)
        }
        // The model scores alone.
        Err(Failure::Cancelled | Failure::Unanswered(_)) => Ok(exit::TRY_AGAIN),
    }
}

/// Standard input, if it is a regular file: a table is then read at any place, else as a whole into memory.
fn redirected() -> Result<Option<File>> {
    let input = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let input = input.map_err(Error::io("read", "standard input"))?;
    let is_regular = input.metadata().is_ok_and(|metadata| metadata.is_file());
    Ok(is_regular.then_some(input))
}

/// Where bad rows go.
enum Rejects {
    File(BufWriter<File>),
    /// The first of them, for people.
    Shown(Vec<u8>),
}

/// Bytes of bad rows that are shown, and lines.
const SHOWN: usize = 4 << 10;
const LINES: usize = 5;

impl Rejects {
    #[expect(clippy::disallowed_methods, reason = "a file that a person named, beside the spool")]
    fn to(path: &Path) -> Result<Rejects> {
        let file = File::create(path)
            .map_err(Error::io("write", path))
            .map_err(Error::of_a_persons_file)?;
        Ok(Rejects::File(BufWriter::new(file)))
    }

    /// The first lines of them, if they stand in no file. Control characters are shown, not obeyed.
    fn shown(&self) -> String {
        let Rejects::Shown(text) = self else {
            return String::new();
        };
        let text: String = String::from_utf8_lossy(text)
            .chars()
            .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
            .collect();
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        let (first, more) = (lines.by_ref().take(LINES).collect::<Vec<_>>(), lines.next().is_some());
        let more = if more { "\n  ..." } else { "" };
        format!(". The first, as {header}:\n  {}{more}", first.join("\n  "))
    }
}

impl Write for Rejects {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Rejects::File(file) => file.write(bytes),
            Rejects::Shown(text) => {
                text.extend_from_slice(&bytes[..bytes.len().min(SHOWN.saturating_sub(text.len()))]);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Rejects::File(file) => file.flush(),
            Rejects::Shown(_) => Ok(()),
        }
    }
}
