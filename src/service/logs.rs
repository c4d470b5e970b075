//! Logs on stderr: text, or JSON with `--log-format json`. WARN means that it recovered, ERROR that a person is needed.

use indicatif::ProgressBar;
use std::io::{self, IsTerminal, Write};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Starts logging; once a process. `bar` steps aside while a line is written.
pub fn start(format: Format, level: LevelFilter, bar: Option<ProgressBar>) {
    // The journal has its own clock.
    let journal = format == Format::Text && std::env::var_os("JOURNAL_STREAM").is_some();
    let logs = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(Stderr { bar, journal })
        .with_target(false);
    match format {
        Format::Json => logs.json().flatten_event(true).init(),
        Format::Text if journal => logs.with_ansi(false).without_time().init(),
        Format::Text => logs.with_ansi(io::stderr().is_terminal()).init(),
    }
}

struct Stderr {
    bar: Option<ProgressBar>,
    /// The journal reads a line's priority from its beginning.
    journal: bool,
}

struct Line {
    bar: Option<ProgressBar>,
    priority: &'static str,
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            bar: self.bar.clone(),
            priority: "",
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let priority = match *event.level() {
            _ if !self.journal => "",
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            _ => "<7>",
        };
        Line {
            priority,
            ..self.make_writer()
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = [self.priority.as_bytes(), bytes].concat();
        // A log that can't be written, on a full disk say, stops nobody. Told of it, tracing would panic.
        let _ = match &self.bar {
            Some(bar) => bar.suspend(|| io::stderr().write_all(&line)),
            None => io::stderr().write_all(&line),
        };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
