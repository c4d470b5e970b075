//! Of two versions that scored the same rows: which one lost less, once what came true is known?
//!
//! Rows of one key are averaged first, for they aren't independent; then a key has one pair of losses, and their difference is
//! estimated by a sequence that may be looked at each day. Where losses are right or wrong, the exact test decides as well.
//!
//! The sequence takes the mean of the differences for normal, as means of many are. Where a few keys carry most of the loss, it errs
//! more often than in 5 % of experiments while these are few: a test of [`super::sequence`] has such a case. No rule sees keys that haven't
//! come yet.

use super::sequence::{Estimate, Interval, LEVEL, Moments, units};
use super::student::ln_beta;
use super::verdict::{KEYS_MIN, Verdict};
use crate::report::time;
use serde::{Serialize, Serializer};
use std::f64::consts::LN_2;

/// Points of a line over time.
const POINTS: usize = 60;

/// What both versions lost in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    pub key: String,
    /// When the row's input was first seen, in microseconds since 1970.
    pub at: i64,
    pub champion: f64,
    pub shadow: f64,
}

/// What is lost by a prediction. Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    SquaredError,
    /// 1 of a wrong label, 0 of a right one: its mean is the error rate.
    Error,
    /// -ln of the probability that was given to what came true, held within [e, 1 - e], e = 2^-52, as in an evaluation.
    LogLoss,
}

impl Measure {
    /// As it is spelled in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Measure::SquaredError => "squared_error",
            Measure::Error => "error",
            Measure::LogLoss => "log_loss",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Measure::SquaredError => "squared error",
            Measure::Error => "error rate",
            Measure::LogLoss => "log loss",
        }
    }
}

pub fn squared_error(actual: f64, predicted: f64) -> f64 {
    (actual - predicted) * (actual - predicted)
}

/// `right`: is the label what came true?
pub fn error(right: bool) -> f64 {
    f64::from(u8::from(!right))
}

/// `given`: the probability of what came true.
pub fn log_loss(given: f64) -> f64 {
    -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The losses of two versions in the same keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paired {
    pub measure: Measure,
    /// Keys with a loss of both.
    pub keys: u64,
    /// Rows of these.
    pub rows: u64,
    /// Rows without a finite loss of both.
    pub left_out: u64,
    /// Those for the champion's loss alone, and for the shadow's: where there are any, the other one is as good as it can be said to be.
    pub left_out_of: [u64; 2],
    /// Mean losses.
    pub champion: Option<f64>,
    pub shadow: Option<f64>,
    /// The champion's mean loss minus the shadow's: above 0 the shadow is better.
    pub lift: Option<f64>,
    /// Of the lift, with 95 %, however often one looks; none of fewer than two keys.
    pub interval: Option<Interval>,
    /// Of no difference, however often one looks. Where losses are right or wrong, by [`sign_p`].
    pub p: f64,
    /// Keys in which the shadow loses less, and those in which the champion does: of labels, those that it alone has right.
    pub wins: [u64; 2],
    /// Less than this either way is as good as nothing, in the losses' unit; 0: nothing is.
    pub margin: f64,
    pub verdict: Verdict,
    /// Until a verdict, if the difference and its spread stay as they are; none: there is one, or that can't be told.
    pub more_keys: Option<u64>,
    /// As more keys came.
    pub over_time: Vec<Point>,
}

/// What was known after some keys.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When the last of them was first seen, in microseconds since 1970; RFC 3339 in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub at: i64,
    pub keys: u64,
    pub lift: f64,
    pub interval: Interval,
}

fn rfc3339<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*at))
}

/// One key's losses.
struct Pair {
    at: i64,
    champion: f64,
    shadow: f64,
}

impl Paired {
    /// Whatever the order of the losses. `margin`: what is no difference, 0 or above.
    pub fn of(measure: Measure, mut losses: Vec<Loss>, margin: f64) -> Paired {
        let all = losses.len() as u64;
        let lost = |one: fn(&Loss) -> f64, other: fn(&Loss) -> f64| {
            let alone = |loss: &&Loss| !one(loss).is_finite() && other(loss).is_finite();
            losses.iter().filter(alone).count() as u64
        };
        let left_out_of = [
            lost(|loss| loss.champion, |loss| loss.shadow),
            lost(|loss| loss.shadow, |loss| loss.champion),
        ];
        losses.retain(|loss| loss.champion.is_finite() && loss.shadow.is_finite());
        let rows = losses.len() as u64;
        let mut pairs = by_key(losses);
        // Stable, and they come by key.
        pairs.sort_by_key(|pair| pair.at);
        let keys = pairs.len() as u64;
        let mean = |of: fn(&Pair) -> f64| pairs.iter().map(of).collect::<Moments>().mean;
        let (champion, shadow) = (mean(|pair| pair.champion), mean(|pair| pair.shadow));
        let wins = wins(&pairs);
        let discordant = are_labels(&pairs).then_some(wins);
        let (over_time, differences) = over_time(&pairs, discordant.is_some());
        let estimate = estimate(&differences, discordant.is_some());
        let known = (keys > 0).then_some(());
        let p = match discordant {
            Some([shadow, champion]) => sign_p(shadow as f64, champion as f64),
            None if keys < 2 => 1.0,
            None => estimate.p(),
        };
        let verdict = verdict(&estimate, discordant, margin).with_left_out(left_out_of);
        Paired {
            measure,
            keys,
            rows,
            left_out: all - rows,
            left_out_of,
            champion: known.map(|()| champion),
            shadow: known.map(|()| shadow),
            lift: known.map(|()| estimate.difference),
            interval: (keys > 1).then(|| estimate.interval(LEVEL)),
            p,
            wins,
            margin,
            verdict,
            more_keys: match verdict {
                Verdict::NotYet if keys > 1 && left_out_of == [0, 0] => {
                    needed(&estimate, discordant, margin).map(|n| n - keys)
                }
                _ => None,
            },
            over_time,
        }
    }
}

/// By ascending key, each with the means of its rows and the time of its first one.
fn by_key(mut losses: Vec<Loss>) -> Vec<Pair> {
    // By the losses, too, so that sums don't depend on the order in which they came.
    losses.sort_unstable_by(|a, b| {
        let numbers = || a.champion.total_cmp(&b.champion).then(a.shadow.total_cmp(&b.shadow));
        a.key.cmp(&b.key).then_with(numbers)
    });
    let of_key = losses.chunk_by(|a, b| a.key == b.key).map(|rows| {
        let mean = |of: fn(&Loss) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
        Pair {
            at: rows.iter().map(|loss| loss.at).min().unwrap_or_default(),
            champion: mean(|loss| loss.champion),
            shadow: mean(|loss| loss.shadow),
        }
    });
    of_key.collect()
}

/// Is each loss 0 or 1?
fn are_labels(pairs: &[Pair]) -> bool {
    let is_label = |loss: f64| loss == 0.0 || loss == 1.0;
    pairs
        .iter()
        .all(|pair| is_label(pair.champion) && is_label(pair.shadow))
}

/// The shadow's, the champion's.
fn wins(pairs: &[Pair]) -> [u64; 2] {
    let count = |wins: fn(&Pair) -> bool| pairs.iter().filter(|pair| wins(pair)).count() as u64;
    [
        count(|pair| pair.shadow < pair.champion),
        count(|pair| pair.champion < pair.shadow),
    ]
}

/// `labels`: losses are right or wrong. Then the spread is taken for no less than that of one discordant key: none is seen where both
/// versions say the same so far, and that is no proof that they always do.
fn estimate(differences: &Moments, labels: bool) -> Estimate {
    let mut estimate = Estimate::paired(differences);
    if labels {
        estimate.variance = estimate.variance.max(1.0 / differences.n as f64);
    }
    estimate
}

fn over_time(pairs: &[Pair], labels: bool) -> (Vec<Point>, Moments) {
    let mut differences = Moments::default();
    let mut points = Vec::new();
    let every = pairs.len().div_ceil(POINTS).max(1) as u64;
    for (i, pair) in pairs.iter().enumerate() {
        differences.push(pair.champion - pair.shadow);
        let is_last = i + 1 == pairs.len();
        if (differences.n.is_multiple_of(every) || is_last) && differences.n > 1 {
            points.push(Point {
                at: pair.at,
                keys: differences.n,
                lift: differences.mean,
                interval: estimate(&differences, labels).interval(LEVEL),
            });
        }
    }
    (points, differences)
}

/// That the shadow alone is right in `b` keys and the champion alone in `c`, if both are right equally often; however often one looks.
/// By a test martingale, of the chance that is any, by Jeffreys' prior, against one half: E = 2^(b + c) B(1/2 + b, 1/2 + c) /
/// B(1/2, 1/2), p = min(1, 1/E) (Ville 1939; Robbins, "Statistical methods related to the law of the iterated logarithm", 1970).
pub fn sign_p(b: f64, c: f64) -> f64 {
    let evidence = (b + c) * LN_2 + ln_beta(0.5 + b, 0.5 + c) - ln_beta(0.5, 0.5);
    (-evidence).exp().min(1.0)
}

fn verdict(estimate: &Estimate, discordant: Option<[u64; 2]>, margin: f64) -> Verdict {
    if estimate.n < KEYS_MIN {
        return Verdict::NotYet;
    }
    let told = discordant.is_none_or(|[b, c]| sign_p(b as f64, c as f64) <= LEVEL);
    match Verdict::of(estimate.interval(LEVEL), margin) {
        Verdict::Better | Verdict::Worse if !told => Verdict::NotYet,
        verdict => verdict,
    }
}

/// Keys that there must be for a verdict, if all goes on as it did; more than there are.
fn needed(estimate: &Estimate, discordant: Option<[u64; 2]>, margin: f64) -> Option<u64> {
    let size = estimate.difference.abs();
    let to = |half: f64| units(half, estimate.variance, LEVEL);
    let within = (size < margin).then(|| to(margin - size)).flatten();
    let apart = to(size).and_then(|n| Some(n.max(told(estimate.n, discordant)?)));
    let least = KEYS_MIN.max(estimate.n + 1);
    within.into_iter().chain(apart).min().map(|n| n.max(least))
}

/// Keys until the exact test tells, with discordant ones in the same ratio.
fn told(keys: u64, discordant: Option<[u64; 2]>) -> Option<u64> {
    let Some([b, c]) = discordant else { return Some(0) };
    let p = |times: f64| sign_p(b as f64 * times, c as f64 * times);
    let mut times = 1.0;
    while p(times) > LEVEL {
        times *= 1.01;
        if times > 1e9 {
            return None;
        }
    }
    Some((keys as f64 * times).ceil() as u64)
}

#[cfg(test)]
mod tests;
