//! What halts an experiment by itself: a limit of what the version on trial may do, as `--abort-if` has it.

use crate::digits::short;
use crate::html::thousands;
use crate::monitor::sketch::Sketch;
use crate::report::percent;
use crate::share::Share;
use std::fmt;
use std::time::Duration;

/// Of fewer rows of the version on trial, or requests to it, nothing is found: no data is neither good nor bad.
pub const LEAST: u64 = 500;
/// An index that rows of one population reach with this probability halts nothing, whatever its limit: it is looked at after each input.
const TAIL: f64 = 1e-6;

/// A limit; what is above it halts the experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Guard {
    /// The share of the version's own rows that can't be scored.
    BadRows(Share),
    /// The population stability index of the version's predictions, in bins by the champion's deciles.
    Psi(f64),
    /// Milliseconds in which 99 % of requests are answered.
    P99(f64),
}

/// What a version did.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub rows: u64,
    pub bad_rows: u64,
    pub predictions: &'a Sketch,
}

/// What both versions did in a phase.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The champion, the version on trial.
    pub sides: [Seen<'a>; 2],
    /// To the version on trial.
    pub requests: u64,
    /// Of these; none where nothing is timed, as in batch: outputs never depend on a clock.
    pub p99: Option<Duration>,
}

const POSSIBLE: &str = "\"bad_rows > 1%\", \"psi > 0.3\" or \"p99_ms > 5\"";

impl Guard {
    /// # Errors
    /// What is wrong with it, and what is possible.
    pub fn parse(rule: &str) -> Result<Guard, String> {
        let refuse = |why: &str| Err(format!("{rule:?} is no limit: {why}; possible are {POSSIBLE}"));
        let Some((what, limit)) = rule.split_once('>') else {
            return refuse("there is no '>' in it");
        };
        let limit = limit.trim();
        let number = || limit.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
        match what.trim() {
            "bad_rows" => match limit
                .strip_suffix('%')
                .and_then(|percent| Share::parse(percent.trim_end()))
            {
                Some(share) => Ok(Guard::BadRows(share)),
                None => refuse("of bad_rows it is a percentage from 0% to 100%"),
            },
            "psi" => number().map_or_else(|| refuse("of psi it is a number above 0"), |x| Ok(Guard::Psi(x))),
            "p99_ms" => number().map_or_else(|| refuse("of p99_ms it is milliseconds above 0"), |x| Ok(Guard::P99(x))),
            other => refuse(&format!("{other:?} isn't measured")),
        }
    }

    /// Does it depend on a clock? Then it is of the service alone.
    pub fn is_of_time(&self) -> bool {
        matches!(self, Guard::P99(_))
    }

    /// What is beyond the limit, in words; none: nothing, or too little is known.
    pub fn found(&self, standing: &Standing) -> Option<String> {
        let [champion, trial] = standing.sides;
        let rows = format!("{} rows", thousands(trial.rows));
        match *self {
            Guard::BadRows(share) => {
                let is_found = trial.rows >= LEAST && share.is_exceeded(trial.bad_rows, trial.rows);
                let bad = |seen: Seen| percent(seen.bad_rows as f64 / seen.rows as f64);
                let beside = match champion.rows {
                    0 => String::new(),
                    _ => format!("; of the champion's {}", bad(champion)),
                };
                is_found.then(|| {
                    format!(
                        "bad_rows {} of {rows}, and more than {share} aborts it{beside}",
                        bad(trial)
                    )
                })
            }
            Guard::Psi(limit) => {
                let bins = champion
                    .predictions
                    .bins(trial.predictions)
                    .filter(|_| trial.rows >= LEAST)?;
                let psi = bins.psi();
                let is_found = psi > limit && psi > bins.psi_by_chance(TAIL);
                is_found.then(|| {
                    let limit = thousands(limit);
                    format!(
                        "psi {} of {rows}, and more than {limit} aborts it",
                        thousands(short(psi, 3))
                    )
                })
            }
            Guard::P99(limit) => {
                let ms = standing.p99.filter(|_| standing.requests >= LEAST)?.as_secs_f64() * 1e3;
                (ms > limit).then(|| {
                    format!(
                        "p99_ms {} of {} requests, and more than {} aborts it",
                        thousands(short(ms, 3)),
                        thousands(standing.requests),
                        thousands(limit)
                    )
                })
            }
        }
    }
}

/// As it is kept: [`Guard::parse`] reads the same one.
impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::BadRows(share) => write!(f, "bad_rows > {share}"),
            Guard::Psi(limit) => write!(f, "psi > {limit}"),
            Guard::P99(limit) => write!(f, "p99_ms > {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(rule: &str) -> Guard {
        Guard::parse(rule).unwrap()
    }

    fn found(
        rule: &str,
        [champion, trial]: [(u64, u64, &Sketch); 2],
        p99: Option<Duration>,
        requests: u64,
    ) -> Option<String> {
        let seen = |(rows, bad_rows, predictions)| Seen {
            rows,
            bad_rows,
            predictions,
        };
        guard(rule).found(&Standing {
            sides: [seen(champion), seen(trial)],
            requests,
            p99,
        })
    }

    #[test]
    fn limits_are_kept_in_one_spelling() {
        for (rule, kept) in [
            ("bad_rows > 1%", "bad_rows > 1%"),
            ("bad_rows>0.50 %", "bad_rows > 0.5%"),
            (" psi >.3", "psi > 0.3"),
            ("p99_ms > 5.0", "p99_ms > 5"),
        ] {
            assert_eq!(guard(rule).to_string(), kept);
            assert_eq!(guard(kept), guard(rule));
            assert_eq!(guard(rule).is_of_time(), kept.starts_with("p99"));
        }
        for (rule, why) in [
            ("bad_rows < 1%", "there is no '>' in it"),
            ("bad_rows > 0.01", "a percentage from 0% to 100%"),
            ("bad_rows >= 1%", "a percentage"),
            ("bad_rows > 101%", "a percentage"),
            ("psi > 0", "a number above 0"),
            ("psi > 30%", "a number above 0"),
            ("p99_ms > inf", "milliseconds above 0"),
            ("p50_ms > 1", "\"p50_ms\" isn't measured"),
        ] {
            let error = Guard::parse(rule).unwrap_err();
            assert!(error.contains(why) && error.contains("\"psi > 0.3\""), "{error}");
        }
    }

    #[test]
    fn bad_rows_are_found_exactly_and_not_of_a_few() {
        let none = Sketch::default();
        let of = |bad, rows| found("bad_rows > 1%", [(10_000, 10, &none), (rows, bad, &none)], None, 0);
        assert_eq!(
            of(39, 1_204).unwrap(),
            "bad_rows 3.24 % of 1,204 rows, and more than 1% aborts it; of the champion's 0.1 %"
        );
        assert_eq!((of(10, 1_000), of(499, 499), of(0, 500)), (None, None, None));
        assert!(of(11, 1_000).is_some() && of(6, 500).is_some());
    }

    #[test]
    fn other_predictions_are_found_where_chance_does_not_explain_them() {
        let spread = |n: u32, shift: f64| (0..n).map(|i| f64::from(i % 100) + shift).collect::<Sketch>();
        let champion = spread(10_000, 100.0);
        let of = |trial: &Sketch, rows| found("psi > 0.05", [(10_000, 0, &champion), (rows, 0, trial)], None, 0);
        let found = of(&spread(1_000, 120.0), 1_000).unwrap();
        assert!(
            found.starts_with("psi ") && found.ends_with(" of 1,000 rows, and more than 0.05 aborts it"),
            "{found}"
        );
        assert_eq!(of(&spread(1_000, 100.0), 1_000), None);
        assert_eq!(of(&spread(499, 120.0), 499), None);
        // 500 rows of the same population reach 0.1 once in a million looks; a shift by 2 is 0.008, and 50,000 tell.
        let near = |n: u32| {
            let trial = spread(n, 102.0);
            let sides = [(10_000, 0, &champion), (u64::from(n), 0, &trial)];
            self::found("psi > 0.005", sides, None, 0)
        };
        assert!(near(500).is_none() && near(50_000).is_some());
        assert_eq!(of(&Sketch::default(), 1_000), None);
    }

    #[test]
    fn slow_answers_are_found_of_enough_requests() {
        let none = Sketch::default();
        let of = |ms, requests| {
            let sides = [(0, 0, &none), (0, 0, &none)];
            found("p99_ms > 5", sides, Some(Duration::from_secs_f64(ms / 1e3)), requests)
        };
        assert_eq!(
            of(7.314, 1_612).unwrap(),
            "p99_ms 7.31 of 1,612 requests, and more than 5 aborts it"
        );
        assert_eq!((of(4.9, 600), of(50.0, 499)), (None, None));
    }
}
