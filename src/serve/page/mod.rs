//! `GET /`: how the server stands, for who is on call. One page without a script, which a browser loads again by itself; it changes
//! nothing, and names the command that would.

mod arms;
mod data;
mod sections;
mod shadows;
mod table;
#[cfg(test)]
mod tests;
mod verdicts;
mod words;
mod worker_status;

pub use worker_status::WorkerStatus;

use self::worker_status::Found;
use super::answer::Answer;
use super::base64;
use super::guard::Guard;
use super::keys::fields::Left;
use super::models::Models;
use super::route::Stage;
use super::served::Served;
use super::telemetry::counters::{self, Rows, Totals};
use super::telemetry::metrics::{self, Standing};
use super::telemetry::{Counted, Refused, Telemetry};
use crate::config::{Auth, Serve};
use crate::html::Escaped;
use crate::registry::Decision;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const STYLE: &str = include_str!("page.css");
/// Seconds after which a browser loads it again.
const AGAIN: u32 = 15;

/// All that it shows.
struct Facts {
    now: Timestamp,
    started: Timestamp,
    stage: Stage,
    configuration: Option<PathBuf>,
    needs_keys: bool,
    /// Why nobody may ask, if so.
    keys_error: Option<String>,
    quotas: Vec<QuotaLeft>,
    is_stopping: bool,
    standing: Standing,
    connections: usize,
    resident: Option<u64>,
    /// The configured group's: who answers, or why nobody does.
    answers: Result<String, String>,
    /// The version that answers for each group, or why none does.
    groups: BTreeMap<String, Result<Version, String>>,
    /// The configured one.
    group: String,
    /// In memory beside them.
    others: Vec<Version>,
    /// Since the process began, and of the last minutes.
    all: Counted,
    recent: Counted,
    window: Duration,
    refused: Vec<(String, &'static str, u64)>,
    last_refusals: Vec<Refused>,
    log_lost: u64,
    worker: Arc<Found>,
    status: PathBuf,
}

/// Of a key, by its name.
struct QuotaLeft {
    key: String,
    left: Left,
}

struct Version {
    group: String,
    version: u32,
    /// Of the artifact.
    sha256: String,
    decision: Option<Decision>,
    /// Since the process began.
    totals: Totals,
    rows: Rows,
}

/// Whom it asks.
pub struct Sources<'a> {
    pub telemetry: &'a Telemetry,
    pub models: &'a Models,
    pub guard: &'a Guard,
    pub worker_status: &'a WorkerStatus,
    pub settings: &'a Serve,
    pub stage: Stage,
    /// The configuration's file.
    pub configuration: Option<&'a Path>,
    pub is_stopping: bool,
    pub standing: Standing,
}

pub fn answer(sources: Sources) -> Answer {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let mut style = Vec::new();
        base64::push(&mut style, &Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            String::from_utf8_lossy(&style)
        )
    });
    Answer::ok("text/html; charset=utf-8", html(&facts(sources)))
        .with("content-security-policy", POLICY.as_str())
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cache-control", "no-store")
}

fn facts(sources: Sources) -> Facts {
    let Sources {
        telemetry,
        models,
        guard,
        worker_status,
        settings,
        ..
    } = sources;
    let all = telemetry.counted();
    let (window, recent) = telemetry.recent(&all);
    let groups = models.all().into_iter();
    let ready = models.ready();
    let now = Timestamp::now();
    let quotas = guard.quotas(now).into_iter();
    let time = |seconds: f64| Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap_or_default();
    Facts {
        now,
        started: time(telemetry.metrics.started()),
        stage: sources.stage,
        configuration: sources.configuration.map(Into::into),
        needs_keys: settings.auth == Auth::Keys,
        keys_error: guard.keys_error(),
        quotas: quotas
            .map(|(key, left)| QuotaLeft {
                key: key.name.clone(),
                left,
            })
            .collect(),
        is_stopping: sources.is_stopping,
        standing: sources.standing,
        connections: telemetry.metrics.connections(),
        resident: metrics::resident(),
        answers: ready
            .map(|served| served.lineup.to_string())
            .map_err(|refusal| refusal.message),
        groups: groups
            .map(|(group, served)| (group, served.map(|served| version(&served))))
            .collect(),
        group: models.group().into(),
        others: models.others().iter().map(|served| version(served)).collect(),
        all,
        recent,
        window,
        refused: telemetry.metrics.refusals(),
        last_refusals: telemetry.last_refusals(),
        log_lost: telemetry.metrics.log_lost.load(std::sync::atomic::Ordering::Relaxed),
        worker: worker_status.found(),
        status: worker_status.path().into(),
    }
}

fn version(served: &Served) -> Version {
    let identity = &served.lineup.champion.identity;
    let (mut totals, mut rows) = (Totals::default(), Rows::default());
    if let Some(counters) = served.counters.get() {
        counters.routes().for_each(|(_, route)| totals.add(route));
        rows = counters.rows();
    }
    Version {
        group: identity.group.clone(),
        version: identity.version,
        sha256: identity.artifact.clone(),
        decision: served.decision.clone(),
        totals,
        rows,
    }
}

fn html(facts: &Facts) -> String {
    let mut html = String::new();
    // Writing to a String can't fail.
    let _ = write(facts, &mut html);
    html
}

fn write(facts: &Facts, html: &mut String) -> fmt::Result {
    let title = match &facts.answers {
        Ok(model) => model.as_str(),
        Err(_) => "no model answers",
    };
    let title = Escaped(title);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"refresh\" content=\"{AGAIN}\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}: transform serve</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">transform serve, {}</p>\n<h1>{title}</h1>\n",
        facts.stage
    )?;
    sections::process(facts, html)?;
    html.push_str("</header>\n<main>\n");
    verdicts::verdicts(facts, html)?;
    sections::requests(facts, html)?;
    sections::models(facts, html)?;
    arms::section(facts, html)?;
    shadows::section(facts, html)?;
    data::section(facts, html)?;
    sections::keys(facts, html)?;
    sections::refusals(facts, html)?;
    sections::worker(facts, html)?;
    sections::reload(facts, html)?;
    writeln!(
        html,
        "</main>\n<footer>As of {}; loaded again every {AGAIN} s.</footer>\n</body>\n</html>",
        words::time(facts.now)
    )
}

/// Names of routes that had a request, with what came of them: since the process began, and lately.
fn asked(facts: &Facts) -> impl Iterator<Item = (&'static str, &Totals, &Totals)> {
    let routes = facts.all.routes.iter().zip(&facts.recent.routes).enumerate();
    routes
        .map(|(place, (all, recent))| (counters::name(place), all, recent))
        .filter(|(_, all, _)| all.all() > 0)
}
