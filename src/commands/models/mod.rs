//! `transform models`: the registry, for people.

mod diff;
mod list;
mod new;
mod show;

use super::invocation::Invocation;
use super::{count, now, print_line, sandbox};
use crate::cli::{Models, Names};
use crate::config::Config;
use crate::error::{Result, exit};
use crate::model::{Column, Declared, Marker};
use crate::registry::ensemble::Recipe;
use crate::registry::experiment::Kind;
use crate::registry::{Registry, Removed, Vote};
use crate::score::Identity;
use new::New;

pub fn run(config: &Config, command: Models, invocation: &Invocation) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    match command {
        Models::List { json } => list::list(config, &registry, json, invocation)?,
        Models::Show { version, json } => show::show(config, &registry, version.number, json, invocation)?,
        Models::Diff { old, new, json } => diff::diff(&registry, old.number, new.number, json)?,
        Models::Register {
            artifact,
            format,
            feature_names,
            class_names,
            booleans,
            missing,
            codes,
            categories,
            details,
        } => {
            let declared = Declared {
                feature_names: feature_names.map(Names::all),
                class_names: class_names.map(Names::all),
                booleans: Names::all(booleans),
                missing,
                markers: Vec::new(),
                codes,
                categories: Names::all(categories),
            };
            let new = New {
                config,
                registry: &registry,
                invocation,
            };
            new.register(&artifact, format, declared, details)?;
        }
        Models::Ensemble {
            versions,
            weights,
            combine,
            threshold,
            details,
        } => {
            let recipe = Recipe {
                versions: versions.iter().map(|version| version.number).collect(),
                weights,
                combine,
                threshold,
            };
            let new = New {
                config,
                registry: &registry,
                invocation,
            };
            new.ensemble(recipe, details)?;
        }
        Models::Try { artifact, format } => sandbox::run_child(&artifact, format)?,
        Models::Approve { version, reason } => {
            let version = version.number;
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
            let version = version.number;
            let ended = registry.reject(version, vote(reason))?;
            print_line(format!("rejected {}/{version}", registry.group()));
            for name in &ended {
                print_line(format!("this ends experiment {name}, which tried it"));
            }
            match registry.latest_approved() {
                Ok(latest) => {
                    print_line(format!("{latest} is the latest approved version"));
                    print_void(&registry, version, &latest)?;
                }
                Err(_) => print_line("no approved version is left: nothing is scored"),
            }
        }
        Models::Retire { version, reason } => {
            let version = version.number;
            let Removed { files, bytes, again } = registry.retire(version, vote(reason))?;
            let removed = format!("{} removed, {bytes} bytes", count(files, "file"));
            print_line(match again {
                false => format!("retired {}/{version}: {removed}", registry.group()),
                true => format!("{}/{version} was retired before; {removed}", registry.group()),
            });
        }
    }
    Ok(exit::CONVERGED)
}

/// What a version that was rejected answered, beside the one that answers.
fn print_void(registry: &Registry, version: u32, answering: &Identity) -> Result<()> {
    for experiment in registry.experiments()?.known {
        let is_challenger = experiment.kind == Kind::Challenger && experiment.version == version;
        if is_challenger && experiment.is_beside(answering) {
            print_line(format!(
                "what version {version} answered in experiment {} is made again, by {answering} alone",
                experiment.name
            ));
        }
    }
    Ok(())
}

pub(super) fn print_ended(experiments: &[String]) {
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

/// At most 20 names of a list; in quotes those that would seem to be several, or none.
fn shorten(names: &[String]) -> String {
    let more = if names.len() > 20 { ", …" } else { "" };
    let quoted =
        |name: &String| match name.is_empty() || name.trim() != name || name.contains([',', '(', ')', '"', '…']) {
            true => format!("{name:?}"),
            false => name.clone(),
        };
    let names: Vec<String> = names.iter().take(20).map(quoted).collect();
    names.join(", ") + more
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen: `(Portland, OR, Lima)` for two.
    #[test]
    fn a_category_with_a_comma_seemed_to_be_two() {
        let names = [
            "Portland, OR",
            "Lima",
            " left",
            "",
            "a \"b\"",
            "Oslo (old)",
            "São Paulo",
        ]
        .map(String::from);
        assert_eq!(
            shorten(&names),
            r#""Portland, OR", Lima, " left", "", "a \"b\"", "Oslo (old)", São Paulo"#
        );
        let many: Vec<String> = (0..21).map(|i| i.to_string()).collect();
        assert!(shorten(&many).ends_with("18, 19, …"));
    }
}
