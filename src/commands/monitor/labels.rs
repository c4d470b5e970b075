//! `transform monitor labels`: what came true, and what it says of the versions that predicted.

use crate::cli::Since;
use crate::commands::spool::require_spool;
use crate::commands::{count, faulty, few, input_name, print_json, print_line, print_table, read_labels};
use crate::config::Config;
use crate::digits::short;
use crate::error::{Error, Result, exit};
use crate::labels::{Few, Given, Joined, OfVersion, Request, Window, classes, join, report};
use crate::ledger::Ledger;
use crate::monitor::{Action, Check};
use crate::train::dataset::EXAMPLES_MAX;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub struct Question {
    /// None: what is known already.
    pub labels: Option<PathBuf>,
    /// The input that labels are of, row by row.
    pub of: Option<PathBuf>,
    pub target: Option<String>,
    pub since: Option<Since>,
    pub json: bool,
}

/// Exit code 1 if a check is over whose area isn't off.
pub fn labels(config: &Config, question: &Question) -> Result<u8> {
    let since = question
        .since
        .map_or(i64::MIN, |since| since.moment(Timestamp::now()).as_microsecond());
    let Some(mut ledger) = Ledger::read(&config.state.path)? else {
        require_spool(config)?;
        return Err(Error::config(
            &config.state.path,
            "nothing was scored yet that labels could be of",
        ));
    };
    let given = question
        .labels
        .as_deref()
        .map(|path| read(config, path, question, &classes(config, &ledger, since)?))
        .transpose()?;
    let input = question.of.as_deref().map(|file| input_name(config, file));
    let request = Request {
        config,
        path: question.labels.as_deref().unwrap_or(Path::new("")),
        input: input.as_ref(),
        since,
    };
    let joined = join(&mut ledger, given.as_ref(), &request)?;
    let window = match given {
        Some(_) => Window::Inputs(&joined.touched),
        None => Window::Since(since),
    };
    let versions = report(config, &ledger, &window)?;
    match question.json {
        true => print_json(&json(given.as_ref(), &joined, &versions)),
        false => {
            given.iter().for_each(|given| print_given(given, &joined));
            print_joined(&joined);
            versions.iter().for_each(print_version);
            if versions.is_empty() {
                print_line("no label is known of a row that was scored");
            }
        }
    }
    let over = |check: &Check| check.over && config.monitor.action(check.area) != Action::Off;
    Ok(match versions.iter().flat_map(|version| &version.checks).any(over) {
        true => exit::SOME_FAILED,
        false => exit::CONVERGED,
    })
}

fn read(config: &Config, path: &Path, question: &Question, classes: &HashSet<String>) -> Result<Given> {
    let key = match question.of {
        Some(_) => None,
        None => Some(config.monitor.watch.key.as_deref().ok_or_else(|| {
            let message = "by what labels are joined can't be told: set monitor.key to a column that outputs keep \
                           (output.columns), or say with --of INPUT whose rows they are, in order";
            Error::config(path, message)
        })?),
    };
    let rows = read_labels(config, path, EXAMPLES_MAX)?;
    let table = rows.table(&config.shape.spelling);
    Given::read(&table, key, question.target.as_deref(), classes).map_err(|problem| faulty(path, &problem))
}

fn print_given(given: &Given, joined: &Joined) {
    print_line(format!(
        "{} read, {} joined: {} new, {} known so, {} changed",
        count(given.rows, "record"),
        count(joined.labels, "label"),
        joined.merged.new,
        joined.merged.same,
        joined.merged.changed
    ));
    for (n, what) in [
        (given.missing, "no label yet"),
        (given.without_key, "no key"),
        (given.repeated, "said once before"),
    ] {
        if n > 0 {
            print_line(format!("  {what}: {}", count(n, "record")));
        }
    }
    if given.contradicting > 0 {
        let named = given.conflicts.iter().map(|conflict| {
            let (first, second) = conflict.lines;
            format!("{} (lines {first} and {second})", conflict.key)
        });
        let named = few(given.contradicting, &named.collect::<Vec<_>>());
        print_line(format!(
            "  contradicting, so none of them is used: {}: {named}",
            count(given.contradicting, "key")
        ));
    }
}

fn print_joined(joined: &Joined) {
    for (Few { all, named }, what) in [
        (&joined.unmatched, "no row that was scored has this key"),
        (
            &joined.ambiguous,
            "several rows of the newest input have this key, so its label isn't used",
        ),
        (&joined.older, "older inputs have this key, too; the newest one counts"),
        (
            &joined.withheld,
            "a newer input that wasn't looked into (below) may have this key, too, so its label isn't used; 'transform \
             --once' makes the output again",
        ),
        (&joined.unknown, "this is no label of the version, and isn't used"),
    ] {
        if *all > 0 {
            print_line(format!("  {what}: {all}: {}", few(*all, named)));
        }
    }
    if joined.without_prediction > 0 {
        let labels = count(joined.without_prediction, "label");
        print_line(format!("  rows without a prediction: {labels}"));
    }
    if let Some((input, why)) = joined.skipped.first() {
        let outputs = count(joined.skipped.len() as u64, "output");
        print_line(format!("  {outputs} not looked into; the first: {input}: {why}"));
    }
    for ((column, why), inputs) in &joined.unknown_groups {
        print_line(format!(
            "  groups by {column} not measured in {}: {why}",
            count(*inputs, "input")
        ));
    }
}

fn print_version(version: &OfVersion) {
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| short(x, 4));
    print_line("");
    print_line(format!(
        "{}: {} labelled of {} scored, in {}",
        version.model,
        count(version.measured.rows(), "row"),
        version.scored,
        count(version.inputs, "input")
    ));
    if let Some(gone) = &version.gone {
        print_line(format!("  nothing to hold it against: {gone}"));
    }
    let header = ["", "", "N", "VALUE", "95 %", "APPROVED", "BAR", "WITHOUT LABELS", ""];
    let mut rows = vec![header.map(String::from).to_vec()];
    for check in &version.checks {
        let interval = check.interval.map_or_else(String::new, |(low, high)| {
            format!("{} to {}", short(low, 4), short(high, 4))
        });
        let approved = version
            .approved
            .as_ref()
            .and_then(|approved| approved.metric(check.check));
        let mark = if check.over { "over" } else { "" };
        let why = check
            .why
            .as_ref()
            .filter(|_| check.value.is_none() || check.bar.is_none());
        rows.push(vec![
            check.check.into(),
            check.segment.clone().unwrap_or_default(),
            check.n.to_string(),
            number(check.value),
            interval,
            approved.map_or_else(String::new, |x| short(x, 4)),
            number(check.bar),
            estimate(version, check).map_or_else(String::new, |x| short(x, 4)),
            [mark, why.map_or("", String::as_str)].concat(),
        ]);
    }
    print_table(&rows);
}

/// What would have been expected of a metric without labels.
fn estimate(version: &OfVersion, check: &Check) -> Option<f64> {
    use crate::monitor::performance::METRICS;
    let metric = METRICS.into_iter().find(|metric| metric.name() == check.check)?;
    let estimate = version.estimates.as_ref()?.get(metric).copied().flatten()?;
    check.segment.is_none().then_some(estimate.value)
}

fn json(given: Option<&Given>, joined: &Joined, versions: &[OfVersion]) -> Value {
    let few = |few: &Few| json!({"count": few.all, "first": few.named});
    json!({
        "records": given.map(|given| json!({
            "read": given.rows,
            "without_label": given.missing,
            "without_key": given.without_key,
            "repeated": given.repeated,
            "contradicting": {
                "count": given.contradicting,
                "first": given.conflicts.iter().map(|conflict| {
                    json!({"key": conflict.key, "lines": [conflict.lines.0, conflict.lines.1]})
                }).collect::<Vec<_>>(),
            },
        })),
        "labels": {
            "joined": joined.labels,
            "new": joined.merged.new,
            "same": joined.merged.same,
            "changed": joined.merged.changed,
            "unmatched": few(&joined.unmatched),
            "ambiguous": few(&joined.ambiguous),
            "in_older_inputs": few(&joined.older),
            "withheld": few(&joined.withheld),
            "unknown": few(&joined.unknown),
            "without_prediction": joined.without_prediction,
        },
        "skipped": joined.skipped.iter().map(|(input, why)| json!({"input": input, "why": why})).collect::<Vec<_>>(),
        "groups_not_measured": joined.unknown_groups.iter().map(|((column, why), inputs)| {
            json!({"column": column, "why": why, "inputs": inputs})
        }).collect::<Vec<_>>(),
        "versions": versions.iter().map(of_version).collect::<Vec<_>>(),
    })
}

fn of_version(version: &OfVersion) -> Value {
    let estimates: Option<serde_json::Map<String, Value>> = version.estimates.as_ref().map(|estimates| {
        let each = crate::monitor::performance::METRICS.into_iter().filter_map(|metric| {
            let estimate = estimates.get(metric).copied().flatten()?;
            let band = estimate.band.map(|(low, high)| [low, high]);
            Some((metric.name().into(), json!({"value": estimate.value, "band": band})))
        });
        each.collect()
    });
    json!({
        "model": version.model,
        "inputs": version.inputs,
        "rows_labelled": version.measured.rows(),
        "rows_scored": version.scored,
        "evaluation": version.evaluation.as_ref().map(crate::evaluate::Evaluation::json),
        "approved": version.approved.as_ref().map(crate::evaluate::Evaluation::json),
        "without_labels": estimates,
        "checks": version.checks,
        "over": version.checks.iter().filter(|check| check.over).count(),
        "not_held_against_anything": version.gone,
    })
}
