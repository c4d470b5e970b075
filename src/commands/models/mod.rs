//! `transform models`: the registry, for people.

mod diff;
mod list;
mod show;

use super::invocation::Invocation;
use super::monitor::baseline::{read, rows as baseline_rows};
use super::{count, now, print_line, read_text, sandbox};
use crate::cli::Models;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::format::csv::table::Table;
use crate::model::{Column, Declared, Format, Marker};
use crate::registry::golden::Rows;
use crate::registry::{Candidate, Registered, Registry, Vote, read_artifact};
use std::collections::BTreeMap;

/// A CSV to take golden rows from is held in memory.
const GOLDEN_MAX: u64 = 64 << 20;

pub fn run(config: &Config, command: Models, invocation: &Invocation) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    match command {
        Models::List { json } => list::list(config, &registry, json, invocation)?,
        Models::Show { version, json } => show::show(&registry, version, json, invocation)?,
        Models::Diff { old, new, json } => diff::diff(&registry, old, new, json)?,
        Models::Register {
            artifact,
            format,
            description,
            metric,
            feature_names,
            class_names,
            booleans,
            missing,
            codes,
            categories,
            golden,
            baseline,
            columns,
            approve,
        } => {
            if baseline.is_none()
                && (columns.target.is_some() || columns.prediction.is_some() || !columns.columns.is_empty())
            {
                let message = "--target, --prediction and --columns name columns of the rows of --baseline";
                return Err(Error::config("--baseline", message));
            }
            let examples = baseline.as_deref().map(|path| read(config, path)).transpose()?;
            let csv = golden
                .as_deref()
                .map(|path| read_text(path, GOLDEN_MAX, config.shape.encoding))
                .transpose()?;
            let rows = |(bytes, source)| Rows {
                table: Table {
                    bytes,
                    dialect: config.shape.dialect,
                    spelling: &config.shape.spelling,
                },
                among: None,
                source,
            };
            let candidate = Candidate {
                artifact: read_artifact(&artifact)?,
                source: &artifact,
                format,
                description,
                metrics: metric.into_iter().map(|(name, number)| (name, number.into())).collect(),
                declared: Declared {
                    feature_names,
                    class_names,
                    booleans,
                    missing,
                    markers: Vec::new(),
                    codes,
                    categories,
                },
                training: None,
                attachments: BTreeMap::new(),
                golden: csv.as_deref().zip(golden.as_deref()).map(rows),
                baseline: examples
                    .as_deref()
                    .zip(baseline.as_deref())
                    .map(|(bytes, path)| baseline_rows(config, path, bytes, columns)),
            };
            if format == Format::Onnx {
                sandbox::check(config, &artifact, format)?;
            }
            let Registered { version, remarks } = registry.register(candidate, now())?;
            let golden = registry.golden(version)?.map(|golden| golden.rows.len() as u64);
            let with = golden.map_or(String::new(), |n| format!(", with {}", count(n, "golden row")));
            let name = format!("{}/{version}", registry.group());
            remarks.iter().for_each(|remark| print_line(format!("note: {remark}")));
            if approve {
                let ended = registry.approve(version, vote("approved when it was registered".into()))?;
                print_line(format!("registered and approved {name}{with}"));
                print_ended(&ended);
            } else {
                let approve = invocation.next(&format!("models approve {version}"), registry.group());
                print_line(format!("registered {name}, pending{with}; to use it: {approve}"));
            }
        }
        Models::Try { artifact, format } => sandbox::run_child(&artifact, format)?,
        Models::Approve { version, reason } => {
            let ended = registry.approve(version, vote(reason))?;
            print_line(format!("approved {}/{version}", registry.group()));
            print_ended(&ended);
            let latest = registry.latest_approved()?;
            if latest.version != version {
                print_line(format!(
                    "version {} is approved too, and higher: it goes on scoring",
                    latest.version
                ));
            }
        }
        Models::Reject { version, reason } => {
            registry.reject(version, vote(reason))?;
            print_line(format!("rejected {}/{version}", registry.group()));
            match registry.latest_approved() {
                Ok(latest) => print_line(format!("{latest} is the latest approved version")),
                Err(_) => print_line("no approved version is left: nothing is scored"),
            }
        }
    }
    Ok(exit::CONVERGED)
}

fn print_ended(experiments: &[String]) {
    for name in experiments {
        print_line(format!("this ends experiment {name}: its champion answers no more"));
    }
}

/// For example `city: category (Lima, Oslo, Rome), may be missing`.
fn describe(column: &Column) -> String {
    let mut text = format!("{}: {}", column.name, column.kind);
    if !column.categories.is_empty() {
        let categories: Vec<String> = column.categories.iter().map(|c| c.to_string()).collect();
        text += &format!(" ({})", shorten(&categories));
    }
    if column.boolean {
        text += ", a boolean";
    }
    if column.optional {
        text += ", may be missing";
    }
    if !column.missing.is_empty() {
        text += &format!(", missing where it is {}", missing(column));
    }
    text
}

/// What means a missing value.
fn missing(column: &Column) -> String {
    let numbers: Vec<String> = column.missing.iter().map(Marker::to_string).collect();
    numbers.join(" or ")
}

/// At most 20 names of a list.
fn shorten(names: &[String]) -> String {
    let more = if names.len() > 20 { ", …" } else { "" };
    names[..names.len().min(20)].join(", ") + more
}

/// Who asks: `user@host`.
pub fn person() -> String {
    // Under sudo, the person who asked, not root.
    let user = std::env::var("SUDO_USER")
        .or_else(|_| whoami::username().map_err(drop))
        .unwrap_or("unknown".into());
    let host = whoami::hostname().unwrap_or("unknown".into());
    format!("{user}@{host}")
}

pub fn vote(reason: String) -> Vote {
    Vote {
        by: person(),
        at: now(),
        reason,
    }
}
