//! `transform models list`.

use super::super::invocation::Invocation;
use super::super::spool::require_models;
use super::super::{print_error, print_json, print_line, print_table};
use crate::config::Config;
use crate::digits;
use crate::error::{Error, Result};
use crate::registry::{Registry, Status, Version};
use crate::transform::problem::excerpt;
use serde::Serialize;

/// So much of a description is shown; `show` has all of it.
const DESCRIPTION: usize = 60;

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    version: Version,
    latest_approved: bool,
    /// Why it can't be used, of the latest approved version alone: it would take long to read all.
    error: Option<String>,
    main_metric: Option<Metric>,
}

#[derive(Serialize)]
struct Metric {
    name: String,
    value: f64,
}

pub fn list(config: &Config, registry: &Registry, json: bool, invocation: &Invocation) -> Result<()> {
    // A damaged version doesn't hide the others.
    let (mut versions, mut damaged) = (Vec::new(), Vec::new());
    for number in registry.versions()? {
        match registry.show(number) {
            Ok(version) => versions.push(version),
            Err(error) => damaged.push((number, error)),
        }
    }
    for (_, error) in &damaged {
        print_error(error, invocation);
    }
    let latest = versions.iter().rev().find(|v| v.status == Status::Approved);
    let latest = latest.map(|v| v.version);
    let unusable = latest.and_then(|version| registry.prove(version).err());
    if let Some(error) = &unusable {
        print_error(error, invocation);
    }
    let unusable = unusable.map(|error| error.to_string());
    let listed: Vec<Listed> = versions
        .into_iter()
        .map(|version| Listed {
            latest_approved: latest == Some(version.version),
            error: unusable.clone().filter(|_| latest == Some(version.version)),
            main_metric: version.manifest.main_metric().map(|(name, value)| Metric {
                name: name.into(),
                value,
            }),
            version,
        })
        .collect();
    let none = listed.is_empty() && damaged.is_empty();
    if none && let Some(misplaced) = registry.misplaced() {
        return Err(Error::config(registry.path(), misplaced));
    }
    if none {
        require_models(config)?;
    }
    if json {
        print_json(&listed);
        return Ok(());
    }
    if none {
        let register = invocation.next("models register", registry.group());
        print_line(format!(
            "model group {} has no versions; add one with: {register}",
            registry.group()
        ));
        return Ok(());
    }
    let header = [
        "",
        "VERSION",
        "STATUS",
        "FORMAT",
        "DATE",
        "METRIC",
        "DECIDED BY",
        "DESCRIPTION",
    ];
    let mut rows: Vec<(u32, Vec<String>)> = listed.iter().map(|l| (l.version.version, row(l))).collect();
    rows.extend(
        damaged
            .iter()
            .map(|(number, _)| (*number, vec!["!".into(), number.to_string(), "damaged".into()])),
    );
    rows.sort_by_key(|(number, _)| *number);
    let rows = rows.into_iter().map(|(_, row)| row);
    print_table(
        &[header.map(String::from).to_vec()]
            .into_iter()
            .chain(rows)
            .collect::<Vec<_>>(),
    );
    Ok(())
}

fn row(listed: &Listed) -> Vec<String> {
    let Version {
        version,
        status,
        manifest,
        decisions,
    } = &listed.version;
    let metric = listed.main_metric.as_ref();
    vec![
        match (listed.latest_approved, &listed.error) {
            (true, None) => "*".into(),
            (true, Some(_)) => "!".into(),
            (false, _) => String::new(),
        },
        version.to_string(),
        match &listed.error {
            Some(_) => format!("{status}, can't be used"),
            None => status.to_string(),
        },
        manifest.format.to_string(),
        manifest.created_at.chars().take(10).collect(),
        metric.map_or(String::new(), |m| format!("{} {}", m.name, digits::short(m.value, 4))),
        decisions.last().map(|d| d.by.clone()).unwrap_or_default(),
        excerpt(manifest.description.as_bytes(), DESCRIPTION),
    ]
}
