//! What each command does, and what it prints.

mod check;
mod complete;
mod dismiss;
mod evaluate;
mod experiment;
mod group;
mod history;
mod init;
mod invocation;
mod keys;
mod models;
mod monitor;
mod part;
mod retry;
mod run;
mod sandbox;
mod score;
mod spool;
mod status;
mod train;

use crate::cli::{self, Cli, Command, LogFormat, LogLevel, Model, Part, VersionName};
use crate::config::{Config, Sources};
use crate::digits::count;
use crate::error::{Error, Result, exit};
use crate::format::as_csv::{AsCsv, Reading, unpacked};
use crate::format::{FileFormat, RowFormat, foreign};
use crate::labels::are_ground_truth;
use crate::onnxruntime;
use crate::problem::Problem;
use crate::registry::read_source;
use crate::report::text::Line;
use crate::service::{Progress, logs};
use crate::spool::Name;
use crate::worker::status::check::Limits;
use invocation::Invocation;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;

/// Some of `all` things by their names.
fn few(all: u64, named: &[String]) -> String {
    let more = if all > named.len() as u64 { "..." } else { "" };
    format!("{}{more}", named.join(", "))
}

/// How the rows of a file that no glob has are scored, if its name tells.
fn near_miss(name: &str) -> Option<String> {
    match FileFormat::glob(name.as_bytes()) {
        Some(glob) => Some(format!("{name}: to have it scored, add {glob:?} to input.include")),
        None => strange(name),
    }
}

/// The same of one whose rows can't be read as it is.
fn strange(name: &str) -> Option<String> {
    let (what, hint) = foreign::by_name(name.as_bytes())?;
    Some(format!("{name} is {what}: {hint}"))
}

/// What input.include lacks for those of the ignored files whose formats are known, and what others are, for the end of a sentence.
fn missing_globs(named: &[String]) -> String {
    let mut globs: Vec<String> = named
        .iter()
        .filter_map(|name| FileFormat::glob(name.as_bytes()))
        .collect();
    globs.sort_unstable();
    globs.dedup();
    let globs = match globs.is_empty() {
        true => String::new(),
        false => format!("; to have them scored, add {globs:?} to it"),
    };
    let others = named.iter().filter_map(|name| strange(name));
    others.fold(globs, |all, other| format!("{all}; {other}"))
}

/// Runs the command. Returns the exit code.
pub fn run(cli: Cli) -> u8 {
    let Cli {
        common,
        once,
        all,
        strict,
        json,
        quiet,
        command,
    } = cli;
    let progress = match once && !quiet && io::stderr().is_terminal() {
        true => Progress::on_terminal(),
        false => Progress::hidden(),
    };
    let daemon = (command.is_none() && !once) || matches!(command, Some(Command::Serve { .. }));
    let level = common.log_level.unwrap_or(match (daemon, quiet) {
        (true, _) => LogLevel::Info,
        // What it recovered from needs nobody.
        (_, true) => LogLevel::Error,
        _ => LogLevel::Warn,
    });
    start_logs(common.log_format, level, &progress);
    let invocation = Arc::new(Invocation::new(&common));
    // Which `init` doesn't go by.
    let named = match (&common.config, &common.set[..]) {
        (Some(_), _) => Some("--config"),
        (_, [_, ..]) => Some("--set"),
        _ => None,
    };
    let sources = Sources::from_environment(common.config, common.set);
    let load = move || {
        for (variable, meant) in Sources::strays() {
            tracing::warn!(
                variable,
                meant,
                "this variable of the environment is read by nobody; another one may be meant"
            );
        }
        let config = sources.load()?;
        onnxruntime::configure(&config.models.onnxruntime);
        Ok(config)
    };
    let (read, invoked) = (load.clone(), invocation.clone());
    let load_of = move |group: Option<&str>, versions: &[&VersionName]| {
        read().and_then(|config| group::choose(config, group, versions, &invoked))
    };
    // Of the group that is meant where the command line says none.
    let of_group = load_of.clone();
    let load_group = move || of_group(None, &[]);
    let result = match command {
        Some(_) if once => Err(Error::config("--once", "it goes without a command")),
        None if once => {
            let wishes = run::Wishes {
                all,
                strict,
                json,
                quiet,
            };
            run::once(load_group, wishes, progress, &invocation)
        }
        None => run::daemon(load_group),
        Some(Command::Init { folder, group }) => match named {
            Some(flag) => Err(Error::config(
                flag,
                "it says how commands work; init takes a folder and --group alone",
            )),
            None => init::init(&folder, group.as_deref()),
        },
        Some(Command::Status {
            json,
            check,
            max_pending_age,
            max_run_age,
        }) => {
            let wish = match (json, check) {
                (_, true) => status::Wish::Check(Limits {
                    pending_age: max_pending_age,
                    run_age: max_run_age,
                }),
                (true, false) => status::Wish::Json,
                (false, false) => status::Wish::Text,
            };
            let invoked = invocation.clone();
            let load_of_worker = move || load().and_then(|config| group::of_worker(config, &invoked));
            status::status(load_of_worker, wish)
        }
        Some(Command::History {
            file,
            since,
            model,
            output_hash,
            limit,
            json,
        }) => {
            let question = history::Question {
                file,
                since,
                model,
                output_hash,
                limit,
            };
            let config = match &question.model {
                Some(Model::Version(version)) => load_of(None, &[version]),
                _ => load(),
            };
            config.and_then(|config| history::history(&config, &question, json))
        }
        Some(Command::Retry { files, json }) => load().and_then(|config| retry::retry(&config, &files, json)),
        Some(Command::Dismiss {
            files,
            reason,
            by,
            json,
        }) => load().and_then(|config| dismiss::dismiss(&config, &files, &reason, by, json)),
        Some(Command::Check {
            no_model_ok,
            take_output,
            serve,
        }) => {
            let wishes = check::Wishes {
                no_model_ok,
                take_output,
                serve,
            };
            load_group().and_then(|config| check::check(config, &wishes, &invocation))
        }
        Some(Command::Score {
            model,
            rejects,
            format,
            output_format,
        }) => {
            // A name, where no folder is called so.
            let version = model.as_ref().filter(|model| !model.exists());
            let version: Option<VersionName> = version.and_then(|model| model.to_str()?.parse().ok());
            let config = match (&version, &model) {
                (Some(version), _) => load_of(None, &[version]),
                (None, Some(_)) => load(),
                (None, None) => load_group(),
            };
            let question = score::Question {
                model,
                version: version.map(|version| version.number),
                rejects,
                format: format.unwrap_or_default(),
                output_format,
            };
            config.and_then(|config| score::score(&config, &question, &invocation))
        }
        Some(Command::Models { command, group }) => {
            let config = match command {
                // It is about a file alone.
                cli::Models::Try { .. } => load(),
                _ => load_of(group.as_deref(), &command.versions()),
            };
            config.and_then(|config| models::run(&config, command, &invocation))
        }
        Some(Command::Monitor { command, json, group }) => {
            let versions = command.iter().flat_map(cli::Monitor::versions).collect::<Vec<_>>();
            load_of(group.as_deref(), &versions).and_then(|config| monitor::run(&config, command, json))
        }
        Some(Command::Experiment { command, group }) => load_of(group.as_deref(), &command.versions())
            .and_then(|config| experiment::run(&config, command, &invocation)),
        Some(Command::Keys { command }) => load().and_then(|config| keys::run(&config, command, &invocation)),
        Some(Command::Train {
            pipeline,
            overrides,
            dry_run,
            html,
            json,
        }) => {
            let html = html.as_deref();
            let wishes = train::Wishes { dry_run, html, json };
            load().and_then(|config| train::train(config, &pipeline, &overrides, &wishes, &invocation))
        }
        Some(Command::Evaluate {
            data,
            version,
            target,
            target_file,
            threshold,
            group,
            html,
            json,
        }) => {
            let question = evaluate::Question {
                data,
                version: version.as_ref().map(|version| version.number),
                target,
                target_file,
                threshold,
                html,
                json,
            };
            let versions: Vec<&VersionName> = version.iter().collect();
            load_of(group.as_deref(), &versions).and_then(|config| evaluate::evaluate(&config, &question))
        }
        Some(Command::Serve { stage }) => {
            crate::serve::run(|| load_group().inspect(|config| run::announce("server", config)), stage)
        }
        Some(Command::Part {
            command: Part::Run { tasks, parent },
        }) => Ok(part::run(&tasks, parent)),
        Some(Command::Completions { shell }) => {
            let _ = io::stdout().write_all(shell.script().as_bytes());
            Ok(exit::CONVERGED)
        }
        Some(Command::Complete { beside, typed }) => {
            complete::complete(&typed, beside);
            Ok(exit::CONVERGED)
        }
    };
    result.unwrap_or_else(|error| {
        print_error(&error, &invocation);
        error.exit_code()
    })
}

fn start_logs(format: LogFormat, level: LogLevel, progress: &Progress) {
    let format = match format {
        LogFormat::Text => logs::Format::Text,
        LogFormat::Json => logs::Format::Json,
    };
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    logs::start(format, level, progress.bar());
}

/// An error that ends the program, for a person.
fn print_error(error: &Error, invocation: &Invocation) {
    let mut text = format!("transform: {error}\n");
    if let Some(hint) = invocation.hint(error) {
        text += &format!("  hint: {hint}\n");
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints a line on stdout. That nobody reads it any more is no error.
///
/// Names and categories come from files: control characters are shown, not obeyed.
fn print_line(line: impl AsRef<str>) {
    let mut shown = String::with_capacity(line.as_ref().len());
    for c in line.as_ref().chars() {
        match c.is_control() && c != '\n' {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    let _ = writeln!(io::stdout(), "{shown}");
}

fn print_json(value: &impl Serialize) {
    print_line(serde_json::to_string_pretty(value).expect("a result is JSON"));
}

/// A report's.
fn print_lines(lines: &[Line]) {
    for line in lines {
        match line {
            Line::Text(text) => print_line(text),
            Line::Table(rows) => print_table(rows),
        }
    }
}

/// Prints rows as columns.
fn print_table(rows: &[Vec<String>]) {
    align(rows).iter().for_each(print_line);
}

/// A line for each row, with its cells in columns.
fn align(rows: &[Vec<String>]) -> Vec<String> {
    // A line is a row.
    let line = |cell: &String| cell.replace('\n', "\\n");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(line).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |i: usize| {
        rows.iter()
            .filter_map(|r| r.get(i))
            .map(|c| c.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        // A format's own width ends at 65,535.
        let pad = |(cell, width): (&String, &usize)| cell.clone() + &" ".repeat(width - cell.chars().count());
        let cells = row.iter().zip(&widths).map(pad);
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// Microseconds since 1970 as a person reads them, in UTC.
fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |t| t.strftime("%F %T").to_string())
}

/// Reads rows that a person named, of at most `most` bytes, unpacked and as a CSV. Their format is told by the file's name.
fn read_rows(config: &Config, path: &Path, most: u64) -> Result<AsCsv> {
    let bytes = read_source(path, most).map_err(Error::of_a_persons_file)?;
    AsCsv::of(bytes, format_of(path), &reading(config, most)).map_err(|problem| faulty(path, &problem))
}

/// The same of labels, which may also stand as ground truth is captured: as JSON Lines, whatever the file's name.
fn read_labels(config: &Config, path: &Path, most: u64) -> Result<AsCsv> {
    let bytes = read_source(path, most).map_err(Error::of_a_persons_file)?;
    let (format, reading) = (format_of(path), reading(config, most));
    let read = match format.is_text() {
        false => AsCsv::of(bytes, format, &reading),
        true => unpacked(bytes, format, &reading).and_then(|text| {
            match format.rows == RowFormat::JsonLines && are_ground_truth(&text) {
                true => Ok(AsCsv::as_it_stands(text, reading.dialect)),
                false => AsCsv::of_text(text, format.rows, &reading),
            }
        }),
    };
    read.map_err(|problem| faulty(path, &problem))
}

fn reading(config: &Config, most: u64) -> Reading<'_> {
    let shape = &config.shape;
    Reading {
        encoding: shape.encoding,
        dialect: shape.dialect,
        spelling: &shape.spelling,
        limits: shape.limits(config.worker.memory),
        most,
        blank: false,
    }
}

fn format_of(path: &Path) -> FileFormat {
    FileFormat::of(path.as_os_str().as_encoded_bytes())
}

/// A person's file can't be read.
fn faulty(path: &Path, problem: &Problem) -> Error {
    Error::config(path, format!("{problem}; {}", problem.hint))
}

/// RFC 3339, UTC, whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%FT%TZ").to_string()
}

/// The name of an input that a person gives by its name, or by its path.
fn input_name(config: &Config, file: &Path) -> Name {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
    let below = match absolute(file).strip_prefix(absolute(&config.input.path)) {
        Ok(below) => below.to_path_buf(),
        // As commands are printed whose file begins with a hyphen: ./-a.csv
        Err(_) => file.strip_prefix(".").unwrap_or(file).to_path_buf(),
    };
    Name::new(below.as_os_str().as_bytes())
}
