//! `transform monitor`: how the data of the version at work looks. Changes nothing, and waits for nobody.

use super::held;
use crate::commands::{count, print_json, print_line, print_table, time};
use crate::config::Config;
use crate::digits::short;
use crate::error::{Error, Result, exit};
use crate::ledger::{Held, Ledger, Look, Watch};
use crate::monitor::alert::{Alerts, Seen, Subject};
use crate::monitor::{Action, Area};
use crate::registry::Registry;
use crate::registry::baseline::InForce;
use crate::score::Identity;
use jiff::Timestamp;
use serde::Serialize;

/// All that is known. Times are UTC.
#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    champion: OfVersion,
    /// Of the version that answers for a share of the keys; null: none does.
    challenger: Option<Challenger>,
    held: Vec<held::Entry>,
}

#[derive(Serialize)]
struct Challenger {
    experiment: String,
    #[serde(flatten)]
    version: OfVersion,
}

#[derive(Default, Serialize)]
struct OfVersion {
    /// GROUP/VERSION; none is approved.
    model: Option<String>,
    /// SHA-256.
    baseline: Option<String>,
    last: Option<Last>,
    /// Beyond their bars in the last window, or with an open alert.
    found: Vec<Found>,
    /// What nobody looks at, and why.
    unwatched: Vec<String>,
}

/// The last window that was judged.
#[derive(Serialize)]
struct Last {
    at: Timestamp,
    /// Its last input.
    input: String,
    files: u64,
    rows: u64,
    checks: u64,
}

#[derive(Serialize)]
struct Found {
    area: Area,
    check: String,
    column: String,
    segment: Option<String>,
    value: Option<f64>,
    bar: Option<f64>,
    /// In the last window in which it could be computed.
    over: bool,
    /// Since when an alert is open; null: none is.
    since: Option<Timestamp>,
}

/// Exit code 1 if a result is held or an alert is open.
pub fn overview(config: &Config, json: bool) -> Result<u8> {
    let held = held::find(config)?;
    let overview = look(config, held)?;
    match json {
        true => print_json(&overview),
        false => print(&overview),
    }
    let found = overview.versions().flat_map(|version| &version.found);
    let waits = !overview.held.is_empty() || found.into_iter().any(|found| found.since.is_some());
    Ok(if waits { exit::SOME_FAILED } else { exit::CONVERGED })
}

impl Overview {
    fn versions(&self) -> impl Iterator<Item = &OfVersion> {
        let challenger = self.challenger.iter().map(|challenger| &challenger.version);
        [&self.champion].into_iter().chain(challenger)
    }
}

fn look(config: &Config, held: Vec<Held>) -> Result<Overview> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let ledger = Ledger::read(&config.state.path)?;
    let identity = match registry.latest_approved() {
        Err(Error::NoModel { .. }) => None,
        found => Some(found?),
    };
    let trials = identity
        .as_ref()
        .map(|identity| registry.trials(identity, &config.state.path));
    let trials = trials.transpose()?.unwrap_or_default();
    let open = trials.challengers().find(|(_, is_open)| *is_open);
    let challenger = open.map(|(experiment, _)| -> Result<Challenger> {
        let identity = registry.identity(experiment.version);
        let version = identity.and_then(|identity| look_at(config, &registry, ledger.as_ref(), Some(&identity)));
        Ok(Challenger {
            experiment: experiment.name.clone(),
            version: match version {
                Err(error @ Error::Model { .. }) => OfVersion {
                    model: Some(format!("{}/{}", registry.group(), experiment.version)),
                    unwatched: vec![format!("it can't be used: {error}")],
                    ..OfVersion::default()
                },
                found => found?,
            },
        })
    });
    Ok(Overview {
        champion: look_at(config, &registry, ledger.as_ref(), identity.as_ref())?,
        challenger: challenger.transpose()?,
        held: held.iter().map(held::Entry::of).collect(),
    })
}

fn look_at(
    config: &Config,
    registry: &Registry,
    ledger: Option<&Ledger>,
    identity: Option<&Identity>,
) -> Result<OfVersion> {
    let in_force = match identity {
        Some(identity) => registry.baseline(identity.version)?,
        None => None,
    };
    let watch = identity.zip(in_force.as_ref());
    let watch = watch.map(|(identity, in_force)| Watch {
        made_by: identity.made_by(),
        baseline: in_force.sha256,
    });
    let (mut last, mut alerts) = (None, Alerts::default());
    if let (Some(watch), Some(ledger)) = (&watch, ledger) {
        last = ledger.last_look(watch)?;
        alerts = ledger.alerts(&watch.made_by, watch.baseline)?;
    }
    Ok(OfVersion {
        model: identity.map(ToString::to_string),
        baseline: watch.as_ref().map(|watch| watch.baseline.to_string()),
        found: found(last.as_ref(), &alerts),
        last: last.map(|look| Last {
            at: timestamp(look.at),
            input: look.input.to_string(),
            files: look.files,
            rows: look.rows,
            checks: look.checks.len() as u64 + look.left_out,
        }),
        unwatched: unwatched(config, identity.is_some(), in_force.as_ref()),
    })
}

/// Open alerts first, the oldest one before the others.
fn found(last: Option<&Look>, alerts: &Alerts) -> Vec<Found> {
    let subject = |seen: &Seen| Subject {
        area: seen.area,
        check: seen.check.clone(),
        column: seen.column.clone(),
        segment: seen.segment.clone(),
    };
    let mut open: Vec<_> = alerts.open().collect();
    open.sort_by_key(|(_, state)| state.since);
    let open = open.into_iter().map(|(subject, state)| Found {
        area: subject.area,
        check: subject.check.clone(),
        column: subject.column.clone(),
        segment: subject.segment.clone(),
        value: Some(state.value),
        bar: Some(state.bar),
        over: state.recent & 1 == 1,
        since: state.since.map(timestamp),
    });
    let is_open = |subject: &Subject| alerts.0.get(subject).is_some_and(|state| state.since.is_some());
    let over = last.into_iter().flat_map(|look| &look.checks);
    let over = over.filter(|seen| seen.over && !is_open(&subject(seen)));
    open.chain(over.map(|seen| Found {
        area: seen.area,
        check: seen.check.clone(),
        column: seen.column.clone(),
        segment: seen.segment.clone(),
        value: seen.value,
        bar: seen.bar,
        over: true,
        since: None,
    }))
    .collect()
}

fn unwatched(config: &Config, approved: bool, in_force: Option<&InForce>) -> Vec<String> {
    let policy = &config.monitor;
    if !approved {
        return vec!["no version is approved".into()];
    }
    if !policy.is_on() {
        return vec!["[monitor] has all areas off: nothing is counted".into()];
    }
    let Some(in_force) = in_force else {
        let why = "the version has no baseline: its results are published unwatched; 'transform monitor baseline ROWS.csv' gives it one";
        return vec![why.into()];
    };
    let baseline = &in_force.baseline;
    let mut unwatched: Vec<String> = [Area::Data, Area::Drift, Area::Bias, Area::Performance]
        .into_iter()
        .filter(|&area| policy.action(area) == Action::Off)
        .map(|area| format!("{}: [monitor] has \"off\" for it", area.name()))
        .collect();
    unwatched.extend(policy.in_vain(baseline));
    if baseline.outcomes.is_none() {
        unwatched.push("predictions: the baseline has none".into());
    }
    if policy.watch.segments.is_empty() {
        unwatched.push("bias: monitor.segments names no column".into());
    }
    let known = baseline
        .outcomes
        .as_ref()
        .is_some_and(|outcomes| outcomes.performance.is_some());
    if !known {
        unwatched.push(
            "the estimated performance: the baseline has no rows of known truth, or the model no probabilities".into(),
        );
    }
    unwatched
}

fn print(overview: &Overview) {
    print_version(&overview.champion);
    if let Some(Challenger { experiment, version }) = &overview.challenger {
        print_line("");
        print_line(format!("{experiment}: the challenger's rows"));
        print_version(version);
    }
    if !overview.held.is_empty() {
        print_line("");
        overview.held.iter().for_each(held::Entry::print);
        print_line("");
        print_line(held::WAY_OUT);
    }
    for version in overview.versions() {
        let of = match &overview.challenger {
            Some(_) => format!(" of {}", version.model.as_deref().unwrap_or_default()),
            None => String::new(),
        };
        for what in &version.unwatched {
            print_line(format!("not watched{of}: {what}"));
        }
    }
}

fn print_version(overview: &OfVersion) {
    let model = overview.model.as_deref().unwrap_or("no approved version");
    match &overview.baseline {
        Some(sha256) => print_line(format!("{model}, held against its baseline, SHA-256 {sha256}")),
        None => print_line(model),
    }
    match &overview.last {
        Some(last) => print_line(format!(
            "last window: {} UTC, {} of {}: {}",
            time(last.at.as_microsecond()),
            count(last.rows, "row"),
            match last.files {
                1 => last.input.clone(),
                files => format!("{files} files, the last one {}", last.input),
            },
            count(last.checks, "check"),
        )),
        None if overview.baseline.is_some() => print_line("no window was judged yet"),
        None => {}
    }
    if overview.found.is_empty() && overview.last.is_some() {
        print_line("nothing is out of the ordinary, and no alert is open");
    }
    if !overview.found.is_empty() {
        let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| short(x, 3));
        let head = ["area", "check", "column", "segment", "value", "bar", "alert"];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(overview.found.iter().map(|found| {
            let alert = match found.since {
                Some(since) => format!("open since {} UTC", time(since.as_microsecond())),
                None => "none is open".into(),
            };
            vec![
                found.area.name().into(),
                found.check.clone(),
                found.column.clone(),
                found.segment.clone().unwrap_or_default(),
                number(found.value),
                number(found.bar) + if found.over { " <" } else { "" },
                alert,
            ]
        }));
        print_line("");
        print_table(&rows);
    }
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}
