//! `transform monitor held` and `release`: what is kept back, and who lets it out.

use super::evidence::{self, Found};
use crate::commands::models::person;
use crate::commands::retry::inputs;
use crate::commands::spool::require_spool;
use crate::commands::{count, print_json, print_line, time};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Event, Held, Ledger, champion};
use crate::monitor::Then;
use crate::registry::Registry;
use crate::service::clock::wall_clock;
use crate::spool::{Dir, Name, publish, results};
use crate::worker::alerts::event;
use crate::worker::counted_on;
use crate::worker::lock::Lock;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

/// Lists what is held; of `files`, if there are any, with the rows that made them so. Exit code 1 if anything is: it waits for a
/// person.
pub fn held(config: &Config, files: &[PathBuf], json: bool) -> Result<u8> {
    let held = match files {
        [] => find(config)?,
        files => named(config, &find(config)?, files)?,
    };
    match json {
        true => print_json(&json!({"held": held.iter().map(Entry::of).collect::<Vec<_>>()})),
        false if held.is_empty() => print_line("no result is held"),
        false => {
            for held in &held {
                match files {
                    [] => Entry::of(held).print(),
                    _ => {
                        Entry::of(held).print_head();
                        print_evidence(config, held)?;
                    }
                }
            }
            print_line("");
            if files.is_empty() {
                print_line("the rows that made it so: transform monitor held FILE");
            }
            print_line(WAY_OUT);
        }
    }
    Ok(if held.is_empty() {
        exit::CONVERGED
    } else {
        exit::SOME_FAILED
    })
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    phase: Option<String>,
    #[serde(flatten)]
    rows: Rows,
    /// The other version's.
    #[serde(default)]
    also: Vec<Rows>,
}

/// Rows that a version answered.
#[derive(Deserialize)]
struct Rows {
    model: String,
    files: u64,
    rows: u64,
    /// The day that it was held against.
    day: Option<Date>,
    reasons: Vec<Found>,
}

/// By its report; without one, what the ledger has.
fn print_evidence(config: &Config, held: &Held) -> Result<()> {
    let failed = Dir::open_if_there(&config.failed)?;
    let report = failed
        .map(|failed| results::read_held_report(&failed, &held.input))
        .transpose()?;
    let report = report
        .flatten()
        .and_then(|text| serde_json::from_slice::<Report>(&text).ok());
    let Some(report) = report.filter(|report| !report.rows.reasons.is_empty()) else {
        print_line(format!("    {}", held.message));
        return Ok(());
    };
    for rows in [&report.rows].into_iter().chain(&report.also) {
        if let Some(phase) = &report.phase {
            let of = count(rows.rows, "row");
            print_line(format!(
                "    {of} that {} answered, in {phase}; what follows is looked for in all rows of the file",
                rows.model
            ));
        }
        print_rows(config, held, rows)?;
    }
    Ok(())
}

fn print_rows(config: &Config, held: &Held, rows: &Rows) -> Result<()> {
    let version = rows.model.rsplit('/').next().and_then(|version| version.parse().ok());
    let made_by = held.versions().find(|made_by| champion(made_by) == rows.model);
    let (Some(version), Some(made_by)) = (version, made_by) else {
        print_line(format!("    {}", held.message));
        return Ok(());
    };
    if rows.files > 1 {
        print_line(format!(
            "    judged with {} before it; what follows is of this one",
            count(rows.files - 1, "small file")
        ));
    }
    let registry = Registry::new(&config.models.path, &config.models.group);
    let Some(in_force) = registry.baseline(version)? else {
        return Ok(());
    };
    let then = match (rows.day, Ledger::read(&config.state.path)?) {
        (Some(day), Some(ledger)) => counted_on(&ledger, made_by, in_force.sha256, day, &config.monitor)?,
        _ => Then::Baseline,
    };
    if let Some(day) = rows.day {
        print_line(format!("    held against what was counted a week before ({day})"));
    }
    let path = config.input.path.join(held.input.path());
    evidence::print(config, &registry, (version, &in_force), &path, &rows.reasons, &then)
}

pub const WAY_OUT: &str = "to publish one all the same: transform monitor release FILE --reason WHY";

/// A held result, as it is shown.
#[derive(Serialize)]
pub struct Entry {
    input: String,
    at: Timestamp,
    model: String,
    rows: u64,
    found: String,
}

impl Entry {
    pub fn of(held: &Held) -> Entry {
        Entry {
            input: held.input.to_string(),
            at: Timestamp::from_microsecond(held.at).unwrap_or_default(),
            model: champion(&held.made_by).into(),
            rows: held.rows,
            found: held.message.clone(),
        }
    }

    pub fn print(&self) {
        self.print_head();
        print_line(format!("    {}", self.found));
    }

    fn print_head(&self) {
        let Entry {
            input, at, model, rows, ..
        } = self;
        let (since, rows) = (time(at.as_microsecond()), count(*rows, "row"));
        print_line(format!("{input}: held since {since} UTC, {rows}, by {model}"));
    }
}

/// Which of what is held.
pub enum Which {
    Files(Vec<PathBuf>),
    All,
    /// Those of a model: `GROUP/VERSION`.
    Model(String),
    /// Those that were held since then, in microseconds since 1970.
    Since(i64),
}

/// Releases results: each is made once more, and published if it comes out the same.
pub fn release(config: &Config, which: &Which, reason: &str, by: Option<String>, json: bool) -> Result<u8> {
    let by = by.unwrap_or_else(person);
    for (flag, text) in [("--reason", reason), ("--by", &by)] {
        if text.trim().is_empty() {
            return Err(Error::config(flag, "it is empty; say it for those who come after you"));
        }
    }
    let held = find(config)?;
    let released: Vec<Held> = match which {
        Which::All => held,
        Which::Model(wanted) => held
            .into_iter()
            .filter(|held| held.versions().any(|version| champion(version) == wanted))
            .collect(),
        Which::Since(since) => held.into_iter().filter(|held| held.at >= *since).collect(),
        Which::Files(files) => named(config, &held, files)?,
    };
    if !released.is_empty()
        && let Some(mut ledger) = Ledger::read(&config.state.path)?
    {
        let now = wall_clock() / 1000;
        let event = |held: &Held| event::of_release(held, now, &by, reason);
        let events: Vec<Event> = released.iter().map(event).collect();
        ledger.release(&released, &by, now, reason, &events)?;
        for held in &released {
            // An event for the worker that runs.
            publish::withdraw_report(&config.failed, &held.input)?;
        }
    }
    let running = Lock::holder(&config.state.path)?.is_some();
    if json {
        let names: Vec<String> = released.iter().map(|held| held.input.to_string()).collect();
        print_json(&json!({"released": names, "by": by, "reason": reason, "worker_running": running}));
    } else {
        let when = if running {
            "the worker publishes them now"
        } else {
            "the next run publishes them"
        };
        match released.len() as u64 {
            0 => print_line("no result is held"),
            n => print_line(format!("{} released by {by}; {when}", count(n, "result"))),
        }
    }
    Ok(exit::CONVERGED)
}

fn named(config: &Config, held: &[Held], files: &[PathBuf]) -> Result<Vec<Held>> {
    let of = |name: &Name| {
        let found = held.iter().find(|held| held.input == *name);
        found.cloned().ok_or_else(|| {
            let message = format!("{name} isn't held; 'transform monitor held' lists what is");
            Error::config(&config.input.path, message)
        })
    };
    inputs(config, files)?.iter().map(of).collect()
}

pub fn find(config: &Config) -> Result<Vec<Held>> {
    match Ledger::read(&config.state.path)? {
        Some(ledger) => ledger.held(),
        None => {
            require_spool(config)?;
            Ok(Vec::new())
        }
    }
}
