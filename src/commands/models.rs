//! `transform models`: the registry, for people.

use super::{apart, complain, say, say_json, say_table};
use crate::cli::Models;
use crate::config::Config;
use crate::error::{Result, exit};
use crate::model::{Column, Format};
use crate::registry::{Candidate, Registry, Status, Version, Vote};
use jiff::Timestamp;

pub fn run(config: &Config, command: Models) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    match command {
        Models::List { json } => list(&registry, json)?,
        Models::Show { version, json } => show(&registry, version, json)?,
        Models::Register {
            artifact,
            format,
            description,
            metric,
            feature_names,
            class_names,
            approve,
        } => {
            let candidate = Candidate {
                artifact: &artifact,
                format,
                description,
                metrics: metric.into_iter().map(|(name, number)| (name, number.into())).collect(),
                feature_names,
                class_names,
            };
            if format == Format::Onnx {
                apart::read(config, &artifact, format)?;
            }
            let version = registry.register(&candidate, now())?;
            let name = format!("{}/{version}", registry.group());
            if approve {
                registry.approve(version, vote("approved when it was registered".into()))?;
                say(format!("registered and approved {name}"));
            } else {
                say(format!(
                    "registered {name}, pending; to use it: transform models approve {version}{}",
                    group_flag(config)
                ));
            }
        }
        Models::Try { artifact, format } => apart::read_here(&artifact, format)?,
        Models::Approve { version, reason } => {
            registry.approve(version, vote(reason))?;
            say(format!("approved {}/{version}", registry.group()));
            let latest = registry.latest_approved()?;
            if latest.version != version {
                say(format!(
                    "version {} is approved too, and higher: it goes on scoring",
                    latest.version
                ));
            }
        }
        Models::Reject { version, reason } => {
            registry.reject(version, vote(reason))?;
            say(format!("rejected {}/{version}", registry.group()));
            match registry.latest_approved() {
                Ok(latest) => say(format!("{latest} is the latest approved version")),
                Err(_) => say("no approved version is left: nothing is scored"),
            }
        }
    }
    Ok(exit::CONVERGED)
}

fn list(registry: &Registry, json: bool) -> Result<()> {
    // A damaged version doesn't hide the others.
    let (mut versions, mut damaged) = (Vec::new(), Vec::new());
    for number in registry.versions()? {
        match registry.show(number) {
            Ok(version) => versions.push(version),
            Err(error) => damaged.push((number, error)),
        }
    }
    for (_, error) in &damaged {
        complain(error);
    }
    if json {
        say_json(&versions);
        return Ok(());
    }
    if versions.is_empty() && damaged.is_empty() {
        say(format!(
            "model group {} has no versions; add one with: transform models register",
            registry.group()
        ));
        return Ok(());
    }
    let latest = versions
        .iter()
        .rev()
        .find(|v| v.status == Status::Approved)
        .map(|v| v.version);
    let mut rows = vec![
        [
            "",
            "VERSION",
            "STATUS",
            "FORMAT",
            "CREATED",
            "DECIDED BY",
            "DESCRIPTION",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for version in &versions {
        let mark = if latest == Some(version.version) { "*" } else { "" };
        let decided = version.decisions.last().map(|d| d.by.clone()).unwrap_or_default();
        let Version { manifest, status, .. } = version;
        rows.push(vec![
            mark.into(),
            version.version.to_string(),
            status.to_string(),
            manifest.format.to_string(),
            manifest.created_at.clone(),
            decided,
            manifest.description.clone(),
        ]);
    }
    for (number, _) in &damaged {
        rows.push(vec!["!".into(), number.to_string(), "damaged".into()]);
    }
    say_table(&rows);
    Ok(())
}

fn show(registry: &Registry, version: u32, json: bool) -> Result<()> {
    let version = registry.show(version)?;
    if json {
        say_json(&version);
        return Ok(());
    }
    let manifest = &version.manifest;
    let mut rows = vec![
        vec!["version".into(), format!("{}/{}", registry.group(), version.version)],
        vec!["status".into(), version.status.to_string()],
        vec!["format".into(), manifest.format.to_string()],
        vec!["created".into(), manifest.created_at.clone()],
        vec![
            "artifact".into(),
            format!("{} (SHA-256 {})", manifest.artifact, manifest.sha256),
        ],
    ];
    for (what, columns) in [
        ("inputs", &manifest.signature.inputs),
        ("outputs", &manifest.signature.outputs),
    ] {
        for (i, column) in columns.iter().enumerate() {
            rows.push(vec![if i == 0 { what } else { "" }.into(), describe(column)]);
        }
    }
    if !manifest.description.is_empty() {
        rows.push(vec!["description".into(), manifest.description.clone()]);
    }
    rows.extend(
        manifest
            .metrics
            .iter()
            .map(|(name, value)| vec![name.clone(), value.to_string()]),
    );
    for decision in &version.decisions {
        let reason = if decision.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", decision.reason)
        };
        rows.push(vec![
            decision.status.to_string(),
            format!("{} by {}{reason}", decision.at, decision.by),
        ]);
    }
    say_table(&rows);
    Ok(())
}

/// For example `city: category (Lima, Oslo, Rome), may be missing`.
fn describe(column: &Column) -> String {
    let mut text = format!("{}: {}", column.name, column.kind);
    if !column.categories.is_empty() {
        let shown: Vec<String> = column.categories.iter().take(20).map(|c| c.to_string()).collect();
        let more = if column.categories.len() > 20 { ", …" } else { "" };
        text += &format!(" ({}{more})", shown.join(", "));
    }
    if column.optional {
        text += ", may be missing";
    }
    text
}

fn group_flag(config: &Config) -> String {
    match config.models.group.as_str() {
        "diabetes" => String::new(),
        group => format!(" --group {group}"),
    }
}

fn vote(reason: String) -> Vote {
    // Under sudo, the person who asked, not root.
    let user = std::env::var("SUDO_USER")
        .or_else(|_| whoami::username().map_err(drop))
        .unwrap_or("unknown".into());
    let host = whoami::hostname().unwrap_or("unknown".into());
    Vote {
        by: format!("{user}@{host}"),
        at: now(),
        reason,
    }
}

/// RFC 3339, UTC, whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%FT%TZ").to_string()
}
