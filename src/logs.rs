//! Logs on stderr: text, or JSON with `--log-format json`. WARN means that it recovered, ERROR that a person is needed.

use crate::cli::{LogFormat, LogLevel};
use indicatif::ProgressBar;
use std::io::{self, IsTerminal, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging; once a process. `bar` steps aside while a line is written.
pub fn start(format: LogFormat, level: LogLevel, bar: Option<ProgressBar>) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let logs = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(Stderr(bar))
        .with_target(false);
    // The journal has its own clock.
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    match format {
        LogFormat::Json => logs.json().flatten_event(true).init(),
        LogFormat::Text if journal => logs.with_ansi(false).without_time().init(),
        LogFormat::Text => logs.with_ansi(io::stderr().is_terminal()).init(),
    }
}

struct Stderr(Option<ProgressBar>);

struct Line(Option<ProgressBar>);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(bar) => bar.suspend(|| io::stderr().write_all(bytes))?,
            None => io::stderr().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
