//! What is told beside the verdicts: where, since when, how much.

use super::table::Table;
use super::verdicts::NEAR;
use super::words::{age, count, percent, since, time, window, within};
use super::{Facts, QuotaLeft, Version, asked};
use crate::html::{Escaped, thousands};
use crate::registry::Decision;
use crate::serve::keys::fields::Left;
use crate::serve::telemetry::counters::{self, Totals};
use bytesize::ByteSize;
use jiff::Timestamp;
use std::fmt::{self, Write};

/// So many quotas are shown.
const QUOTAS: usize = 20;

pub fn process(facts: &Facts, html: &mut String) -> fmt::Result {
    let standing = &facts.standing;
    let of = |now: usize, most: usize| format!("{} of {}", thousands(now), thousands(most));
    let bytes = |bytes: u64| ByteSize(bytes).to_string();
    let mut pairs = vec![
        ("Version", crate::release::BUILD.to_string()),
        (
            "Up",
            format!("{}, since {}", since(facts.started, facts.now), time(facts.started)),
        ),
        ("In flight", of(standing.in_flight, standing.max_in_flight)),
        ("Connections", of(facts.connections, standing.max_connections)),
        (
            "Bodies",
            format!("{} of {}", bytes(standing.body_bytes), bytes(standing.max_body_bytes)),
        ),
    ];
    pairs.extend(standing.capture.map(|captured| {
        let size = format!("{} of {}", bytes(captured.bytes), bytes(captured.max_bytes));
        (
            "Captured",
            format!("{}; {size}", count(captured.events, "prediction", "predictions")),
        )
    }));
    pairs.extend(facts.resident.map(|resident| ("Memory", bytes(resident))));
    pairs.extend(
        facts
            .configuration
            .as_ref()
            .map(|file| ("Configuration", file.display().to_string())),
    );
    html.push_str("<dl>\n");
    for (name, value) in pairs {
        writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(&value))?;
    }
    html.push_str("</dl>\n");
    Ok(())
}

/// What is lately, and in small since the process began.
fn number(recent: u64, all: u64, class: &str) -> String {
    let class = if recent > 0 { class } else { "" };
    format!(
        "<b class=\"{class}\">{}</b><small>{}</small>",
        thousands(recent),
        thousands(all)
    )
}

fn quantiles(recent: &Totals, all: &Totals, share: f64) -> String {
    let text = |totals: &Totals| within(share, &totals.seconds);
    format!("<b>{}</b><small>{}</small>", text(recent), text(all))
}

pub fn requests(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Requests</h2>\n");
    if asked(facts).next().is_none() {
        html.push_str("<p class=\"note\">None yet.</p>\n</section>\n");
        return Ok(());
    }
    let (busy, quiet): (Vec<_>, Vec<_>) = asked(facts).partition(|(.., recent)| recent.all() > 0);
    if busy.is_empty() {
        writeln!(html, "<p class=\"note\">None in the {}.</p>", window(facts.window))?;
    } else {
        by_route(busy, html)?;
    }
    if !quiet.is_empty() {
        html.push_str("<p class=\"note\">Asked before, since the start:</p>\n<ul class=\"tally\">\n");
    }
    for (route, all, _) in &quiet {
        let answered = thousands(all.answered);
        write!(html, "<li><b>{answered}</b> {}", Escaped(route))?;
        for (count, class, what) in [(all.refused, "warns", "refused"), (all.failed, "fails", "failed")] {
            if count > 0 {
                write!(html, ", <span class=\"{class}\">{}</span> {what}", thousands(count))?;
            }
        }
        html.push_str("</li>\n");
    }
    if !quiet.is_empty() {
        html.push_str("</ul>\n");
    }
    let (rows, all) = (facts.recent.rows, facts.all.rows);
    writeln!(
        html,
        "<p class=\"note\">In the {}; small: since the start. Refused is 4xx, failed 5xx. Latency is of what was \
         answered, estimated within buckets. Rows predicted: {} ({} since the start), bad: {} ({}).</p>\n</section>",
        window(facts.window),
        thousands(rows.predicted),
        thousands(all.predicted),
        thousands(rows.bad),
        thousands(all.bad)
    )
}

/// What came of requests by route: lately, and in small since the process began.
fn by_route(routes: Vec<(&'static str, &Totals, &Totals)>, html: &mut String) -> fmt::Result {
    let mut table = Table::begin(html, &["Route", " Answered", " Refused", " Failed", " p50", " p99"]);
    for (route, all, recent) in routes {
        table.row(&[
            match route {
                counters::NO_ROUTE => format!("{route}<small>paths that lead nowhere</small>"),
                route => Escaped(route).to_string(),
            },
            number(recent.answered, all.answered, ""),
            number(recent.refused, all.refused, "warns"),
            number(recent.failed, all.failed, "fails"),
            quantiles(recent, all, 0.5),
            quantiles(recent, all, 0.99),
        ])?;
    }
    table.end();
    Ok(())
}

pub fn models(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Models</h2>\n");
    let columns = ["Version", "Decided", " Requests", " Rows", " Bad rows", " p50", " p99"];
    let mut table = Table::begin(html, &columns);
    for (group, answers) in &facts.groups {
        match answers {
            Ok(version) => row(&mut table, version, facts.now, "answers")?,
            Err(why) => table.row(&[
                format!("{}<small class=\"fails\">nobody answers</small>", Escaped(group)),
                Escaped(why).to_string(),
            ])?,
        }
    }
    for version in &facts.others {
        row(&mut table, version, facts.now, "asked for by its number")?;
    }
    table.end();
    let group = Escaped(&facts.group);
    writeln!(
        html,
        "<p class=\"note\">Since the start. What answers, and why: <code>transform models list --group {group}</code>. Back to the \
         version before: <code>transform models reject N --group {group}</code>; it takes a second, and no request is \
         dropped.</p>\n</section>"
    )
}

fn row(table: &mut Table, version: &Version, now: Timestamp, role: &str) -> fmt::Result {
    let Totals { seconds, .. } = &version.totals;
    let rows = version.rows.all();
    let bad = match version.rows.bad {
        0 => "0".into(),
        bad => format!(
            "<span class=\"warns\">{}</span><small>{}</small>",
            thousands(bad),
            percent(bad, rows)
        ),
    };
    let hash = version.sha256.get(..12).unwrap_or_default();
    table.row(&[
        format!(
            "{}/{}<small>{role}; SHA-256 {}</small>",
            Escaped(&version.group),
            version.version,
            Escaped(hash)
        ),
        decided(version.decision.as_ref(), now),
        thousands(version.totals.all()),
        thousands(rows),
        bad,
        within(0.5, seconds),
        within(0.99, seconds),
    ])
}

fn decided(decision: Option<&Decision>, now: Timestamp) -> String {
    let Some(decision) = decision else {
        return "pending: nobody decided yet".into();
    };
    let at = match decision.at.parse::<Timestamp>() {
        Ok(at) => format!("{}, {} ago", time(at), since(at, now)),
        Err(_) => Escaped(&decision.at).to_string(),
    };
    let by = Escaped(&decision.by);
    let reason = match decision.reason.as_str() {
        "" => String::new(),
        reason => format!("<small>{}</small>", Escaped(reason)),
    };
    format!("{} by {by}<small>{at}</small>{reason}", decision.status)
}

/// Those that have a quota; what is used up first, first.
pub fn keys(facts: &Facts, html: &mut String) -> fmt::Result {
    if facts.quotas.is_empty() {
        return Ok(());
    }
    html.push_str("<section>\n<h2>Quotas</h2>\n");
    let share = |left: &Left| left.remaining as f64 / left.quota.max(1) as f64;
    let mut quotas: Vec<&QuotaLeft> = facts.quotas.iter().collect();
    quotas.sort_by(|a, b| share(&a.left).total_cmp(&share(&b.left)));
    let mut table = Table::begin(html, &["Key", " Used", " Of", " Turns in"]);
    for QuotaLeft { key, left } in quotas.iter().take(QUOTAS) {
        let used = left.quota - left.remaining.min(left.quota);
        let class = if share(left) <= 1.0 - NEAR { "warns" } else { "" };
        table.row(&[
            Escaped(key).to_string(),
            format!(
                "<b class=\"{class}\">{}</b><small>{}</small>",
                thousands(used),
                percent(used, left.quota)
            ),
            format!("{} a {}", thousands(left.quota), left.policy),
            age(left.reset.as_secs() as i64),
        ])?;
    }
    table.end();
    let rest = quotas.len().saturating_sub(QUOTAS);
    if rest > 0 {
        writeln!(
            html,
            "<p class=\"note\">And {rest} more: <code>transform keys list</code></p>"
        )?;
    }
    html.push_str("</section>\n");
    Ok(())
}

pub fn refusals(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Refused</h2>\n");
    if facts.refused.is_empty() {
        html.push_str("<p class=\"note\">Nothing yet.</p>\n</section>\n");
        return Ok(());
    }
    html.push_str("<ul class=\"tally\">\n");
    let mut refused: Vec<_> = facts.refused.iter().collect();
    refused.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    for (key, reason, count) in refused.into_iter().take(12) {
        let who = match key.as_str() {
            "" => String::new(),
            key => format!(", {}", Escaped(key)),
        };
        writeln!(html, "<li><b>{}</b> {reason}{who}</li>", thousands(count))?;
    }
    html.push_str("</ul>\n");
    let mut table = Table::begin(html, &["When", "What", "Why", "Who"]);
    for refused in &facts.last_refusals {
        let at = Timestamp::from_nanosecond(refused.at.into()).unwrap_or_default();
        let key = match &refused.key {
            Some(key) => format!("key {}", Escaped(key)),
            None => "no key".into(),
        };
        let class = if refused.status >= 500 { "fails" } else { "warns" };
        table.row(&[
            format!(
                "<span class=\"when\">{} ago<small>{}</small></span>",
                since(at, facts.now),
                time(at)
            ),
            format!(
                "<span class=\"{class}\">{}</span> {}<small>{}</small>",
                refused.status,
                Escaped(refused.route),
                Escaped(refused.code)
            ),
            format!("<span class=\"long\">{}</span>", Escaped(&refused.message)),
            format!(
                "{key}<small>{}</small><small class=\"id\">{}</small>",
                refused.client,
                Escaped(&refused.id)
            ),
        ])?;
    }
    table.end();
    html.push_str("<p class=\"note\">Counted since the start, and the last ones. All are in the log, unless <code>serve.access_log</code> is off.</p>\n</section>\n");
    Ok(())
}

pub fn worker(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Worker</h2>\n");
    let path = facts.status.display().to_string();
    let path = Escaped(&path);
    match &*facts.worker {
        Ok(None) => writeln!(html, "<p class=\"note\">None writes {path}.</p>")?,
        Err(why) => writeln!(html, "<p class=\"note\">{path} can't be read: {}</p>", Escaped(why))?,
        Ok(Some(worker)) => {
            let known = |files: u64| match worker.counted {
                Some(_) => thousands(files),
                None => "not known".into(),
            };
            let pending = match worker.oldest_pending.filter(|_| worker.pending > 0) {
                Some(since_when) => format!("{}, for up to {}", known(worker.pending), since(since_when, facts.now)),
                None => known(worker.pending),
            };
            let heard = worker.worker.heartbeat.unwrap_or(worker.at);
            let model = worker.worker.model.as_ref().or(worker.model.as_ref());
            html.push_str("<dl>\n");
            for (name, value) in [
                (
                    "State",
                    format!(
                        "{}, {} ago",
                        worker.worker.state.replace('_', " "),
                        since(heard, facts.now)
                    ),
                ),
                ("Scores by", model.cloned().unwrap_or_else(|| "no model".into())),
                ("Done", known(worker.done)),
                ("Pending", pending),
                ("Tried again", thousands(worker.retrying)),
                ("Failed", known(worker.failed)),
                ("Held", known(worker.held)),
            ] {
                writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(&value))?;
            }
            html.push_str("</dl>\n");
            writeln!(
                html,
                "<p class=\"note\">By {path}. More: <code>transform status</code></p>"
            )?;
        }
    }
    html.push_str("</section>\n");
    Ok(())
}

pub fn reload(facts: &Facts, html: &mut String) -> fmt::Result {
    let unit = match facts.stage {
        crate::serve::Stage::Production => "transform-serve",
        crate::serve::Stage::Staging => "transform-serve-staging",
    };
    writeln!(
        html,
        "<section>\n<h2>What is read again</h2>\n<p class=\"note\">Decisions on models: each second, by itself. Keys: within a \
         second, too. The configuration: at a start: <code>systemctl restart {unit}</code>; with its socket unit no request is \
         dropped.</p>\n</section>"
    )
}
