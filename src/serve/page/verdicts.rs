//! Is anything wrong, for a person who was just woken; and the command that says or does more.

use super::words::{age, count, percent, window};
use super::worker_status::Worker;
use super::{Facts, QuotaLeft, arms, data, shadows};
use crate::html::{Escaped, thousands};
use crate::registry::Halt;
use crate::serve::telemetry::counters::Totals;
use crate::shell::quoted;
use std::fmt::{self, Write};

/// From this share on, a limit is near.
pub const NEAR: f64 = 0.8;
/// From this share of refused requests on, somebody's client is wrong.
const MANY_REFUSED: f64 = 0.05;

/// A line of what is right or wrong, and the command that says or does more.
struct Verdict {
    class: &'static str,
    word: &'static str,
    sentence: String,
    command: Option<String>,
}

fn fails(sentence: String, command: &str) -> Verdict {
    Verdict {
        class: "fails",
        word: "wrong",
        sentence,
        command: (!command.is_empty()).then(|| command.into()),
    }
}

fn warns(sentence: String, command: &str) -> Verdict {
    Verdict {
        class: "warns",
        word: "look",
        ..fails(sentence, command)
    }
}

const LOG: &str = "journalctl -u 'transform-serve*' --since -1h";

fn judge(facts: &Facts) -> Vec<Verdict> {
    let mut verdicts = vec![judge_readiness(facts)];
    judge_requests(facts, &mut verdicts);
    judge_limits(facts, &mut verdicts);
    judge_keys(facts, &mut verdicts);
    judge_losses(facts, &mut verdicts);
    verdicts.extend(facts.standing.halted.iter().map(|halt| judge_halt(facts, halt)));
    let others = data::verdicts(facts)
        .chain(arms::verdicts(facts))
        .chain(shadows::verdicts(facts));
    verdicts.extend(others.map(|sentence| warns(sentence, "")));
    if let Ok(Some(worker)) = &*facts.worker {
        judge_worker(facts, worker, &mut verdicts);
    }
    // The worst first.
    verdicts.sort_by_key(|verdict| {
        ["fails", "warns", "holds"]
            .iter()
            .position(|class| *class == verdict.class)
    });
    verdicts
}

fn judge_readiness(facts: &Facts) -> Verdict {
    match &facts.answers {
        _ if facts.is_stopping => fails("not ready: it is about to stop".into(), LOG),
        Ok(model) => Verdict {
            class: "holds",
            word: "ready",
            sentence: format!("{model} is proven, and answers"),
            command: None,
        },
        Err(why) => fails(format!("not ready: {why}"), "transform models list"),
    }
}

fn judge_requests(facts: &Facts, verdicts: &mut Vec<Verdict>) {
    let lately = window(facts.window);
    let total = |part: fn(&Totals) -> u64| facts.recent.routes.iter().map(part).sum::<u64>();
    let (all, failed, refused) = (total(Totals::all), total(|t| t.failed), total(|t| t.refused));
    if failed > 0 {
        let share = percent(failed, all);
        let failed = count(failed, "request", "requests");
        verdicts.push(fails(format!("{failed} failed in the {lately} ({share})"), LOG));
    }
    if refused as f64 > MANY_REFUSED * all as f64 {
        let all = count(all, "request was", "requests were");
        let refused = thousands(refused);
        let sentence = format!("{refused} of {all} refused in the {lately}: see the last ones below");
        verdicts.push(warns(sentence, ""));
    }
    let rows = facts.recent.rows;
    if rows.bad > 0 {
        let all = count(rows.all(), "row was", "rows were");
        let sentence = format!("{} of {all} bad in the {lately}", thousands(rows.bad));
        verdicts.push(warns(sentence, ""));
    }
}

fn judge_limits(facts: &Facts, verdicts: &mut Vec<Verdict>) {
    let standing = &facts.standing;
    let (in_flight, max_in_flight) = (standing.in_flight as u64, standing.max_in_flight as u64);
    let (connections, max_connections) = (facts.connections as u64, standing.max_connections as u64);
    for (name, now, most) in [
        ("serve.max_in_flight", in_flight, max_in_flight),
        ("serve.memory", standing.body_bytes, standing.max_body_bytes),
        ("serve.max_connections", connections, max_connections),
    ] {
        if now as f64 >= NEAR * most as f64 {
            verdicts.push(warns(format!("{} of {name} is in use", percent(now, most)), ""));
        }
    }
}

fn judge_keys(facts: &Facts, verdicts: &mut Vec<Verdict>) {
    const LIST: &str = "transform keys list";
    if let Some(why) = &facts.keys_error {
        verdicts.push(fails(format!("nobody may ask: {why}"), LIST));
    }
    for QuotaLeft { key, left } in &facts.quotas {
        let used = left.quota - left.remaining.min(left.quota);
        if used as f64 >= NEAR * left.quota as f64 {
            let (share, period) = (percent(used, left.quota), left.policy);
            let reset = age(left.reset.as_secs() as i64);
            let sentence = format!("{key} used {share} of its {period} quota, which turns in {reset}");
            verdicts.push(warns(sentence, LIST));
        }
    }
    if !facts.needs_keys {
        let sentence = "serve.auth = \"none\": whoever reaches this server may ask it";
        verdicts.push(warns(sentence.into(), ""));
    }
}

/// It goes on only when a person says so: without a word, it would look as if it had never been.
fn judge_halt(facts: &Facts, halt: &Halt) -> Verdict {
    let Halt { experiment, group, .. } = halt;
    let more = match *group == facts.group {
        true => String::new(),
        false => format!(" --group {}", quoted(group)),
    };
    let sentence = format!(
        "experiment {experiment} is HALTED: {halt}. The champion answers alone until a person decides: 'transform experiment stop \
         {experiment}{more}', or"
    );
    fails(
        sentence,
        &format!("transform experiment resume {experiment} --reason WHY{more}"),
    )
}

/// What isn't logged or captured.
fn judge_losses(facts: &Facts, verdicts: &mut Vec<Verdict>) {
    if facts.log_lost > 0 {
        let lost = count(facts.log_lost, "line", "lines");
        let sentence = format!("the access log left out {lost}: there were too many at once");
        verdicts.push(warns(sentence, ""));
    }
    for (reason, lost) in facts.standing.capture.iter().flat_map(|captured| captured.lost) {
        if lost > 0 {
            let lost = count(lost, "prediction was", "predictions were");
            let why = match reason {
                "disk" => "the disk is fuller than capture.max_disk",
                "queue" => "the disk is too slow",
                _ => "the folder can't be written to",
            };
            verdicts.push(warns(format!("{lost} not captured: {why}"), LOG));
        }
    }
}

fn judge_worker(facts: &Facts, worker: &Worker, verdicts: &mut Vec<Verdict>) {
    const STATUS: &str = "transform status";
    if let Some(silence) = worker.silence(facts.now) {
        let sentence = format!("the worker has said nothing for {}", age(silence));
        verdicts.push(fails(sentence, "systemctl status transform"));
    }
    if let Some(fault) = worker.fault() {
        verdicts.push(fails(format!("the worker waits: {fault}"), STATUS));
    }
    for (files, what) in [(worker.failed, "failed"), (worker.held, "held")] {
        if files > 0 {
            let sentence = format!("worker: {} {what}", count(files, "file", "files"));
            verdicts.push(warns(sentence, STATUS));
        }
    }
    if let (Ok(model), Some(other)) = (&facts.answers, &worker.worker.model)
        && model != other
        && worker.worker.state == "running"
    {
        verdicts.push(warns(
            format!("the worker scores by {other}, this server by {model}"),
            STATUS,
        ));
    }
}

pub fn verdicts(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<ul class=\"verdicts\">\n");
    for verdict in judge(facts) {
        let Verdict { class, word, .. } = verdict;
        let sentence = Escaped(&verdict.sentence);
        write!(html, "<li><b class=\"{class}\">{word}</b><span>{sentence}")?;
        if let Some(command) = &verdict.command {
            write!(html, " <code>{}</code>", Escaped(command))?;
        }
        html.push_str("</span></li>\n");
    }
    html.push_str("</ul>\n");
    Ok(())
}
