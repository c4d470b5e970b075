//! Is a candidate worse than the version that is approved? Told from the same rows, by their paired difference: it is not
//! where a loss beyond what is tolerated can be ruled out (non-inferiority; Walker and Nowacki 2011).

use super::super::metrics::Metric;
use super::super::{Approved, Evaluation, Interval, Score, Task};
use super::{Against, GateCheck, NOT_WORSE, SLACK, names};
use crate::digits::short;
use serde::Serialize;

/// Of metrics that are shares of one.
const TOLERANCE: f64 = 0.01;
/// Of the others: as a share of the approved version's figure.
const RELATIVE: f64 = 0.01;
/// More rows than this are no help.
const ROWS_MAX: f64 = 1e9;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct NotWorse {
    /// In the metric's unit; none: [`TOLERANCE`], or [`RELATIVE`].
    tolerance: Option<f64>,
    /// None: the main one.
    metric: Option<Metric>,
}

/// What was found of both on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub metric: &'static str,
    /// The candidate's figure less the approved version's; its 95 % interval, where there is one.
    pub value: f64,
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    /// How much worse it may be.
    pub tolerance: f64,
}

impl NotWorse {
    /// `true`, `false`, or `{ tolerance = 0.01, metric = "log_loss" }`.
    ///
    /// # Errors
    /// What stands there, and what is allowed.
    pub fn parse(value: &toml::Value) -> Result<Option<NotWorse>, String> {
        let table = match value {
            toml::Value::Boolean(wanted) => return Ok(wanted.then(NotWorse::default)),
            toml::Value::Table(table) => table,
            other => {
                return Err(format!(
                    "`gate.{NOT_WORSE}` is {other}; it must be true or false, or a table such as \
                     {{ tolerance = 0.01, metric = \"log_loss\" }}"
                ));
            }
        };
        let mut of = NotWorse::default();
        for (key, value) in table {
            match key.as_str() {
                "tolerance" => {
                    let number = value.as_float().or(value.as_integer().map(|n| n as f64));
                    let tolerance = number.filter(|number| number.is_finite() && *number >= 0.0);
                    of.tolerance = Some(tolerance.ok_or_else(|| {
                        format!("`gate.{NOT_WORSE}.tolerance` is {value}; it must be a number, 0 or above, in the metric's unit")
                    })?);
                }
                "metric" => {
                    let metric = value.as_str().and_then(Metric::named);
                    of.metric = Some(metric.ok_or_else(|| {
                        let all: Vec<Metric> = Metric::all().collect();
                        format!(
                            "`gate.{NOT_WORSE}.metric` is {value}; it must be one of {}",
                            names(&all)
                        )
                    })?);
                }
                other => {
                    return Err(format!(
                        "`gate.{NOT_WORSE}.{other}`: no such key; allowed are tolerance and metric"
                    ));
                }
            }
        }
        Ok(Some(of))
    }

    pub fn metric(&self, task: Task) -> Metric {
        self.metric.unwrap_or(Metric::main(task))
    }

    pub fn check(&self, new: &Evaluation, against: Against) -> GateCheck {
        let metric = self.metric(new.task);
        let (name, found) = (metric.name(), new.metric(metric.name()));
        let check = |holds, sentence| GateCheck {
            key: NOT_WORSE.into(),
            holds,
            found,
            against: None,
            sentence,
            difference: None,
        };
        let approved = match against {
            Against::Nothing => return check(true, "no version is approved that it could be worse than".into()),
            Against::Incomparable(why) => return check(false, why.into()),
            Against::Version(approved) => approved,
        };
        let theirs = approved.evaluation.metric(name);
        let check = |holds, sentence| GateCheck {
            against: theirs,
            ..check(holds, sentence)
        };
        let (Some(ours), Some(theirs)) = (found, theirs) else {
            return match (approved.same, found) {
                (true, _) => check(
                    true,
                    format!("it predicts what the approved version predicts; {name} is undefined"),
                ),
                (false, None) => check(false, format!("{name} is undefined on these {} rows", new.rows)),
                (false, Some(_)) => check(
                    true,
                    format!("{name} of the approved version is undefined on the same rows"),
                ),
            };
        };
        let difference = self.difference(metric, approved, ours - theirs, theirs);
        let verdict = Verdict::of(metric, approved.same, &difference, theirs);
        GateCheck {
            difference: Some(difference),
            ..check(
                verdict.holds(),
                sentence(metric, [ours, theirs], &difference, verdict, new.rows),
            )
        }
    }

    fn difference(&self, metric: Metric, approved: &Approved, value: f64, theirs: f64) -> Difference {
        let score = approved.differences.iter().find(|score| score.metric == metric);
        let interval = score.and_then(|score| score.interval);
        let usual = match metric {
            Metric::Mse | Metric::Rmse | Metric::Mae | Metric::LogLoss => RELATIVE * theirs.abs(),
            _ => TOLERANCE,
        };
        Difference {
            metric: metric.name(),
            value: score.and_then(|score: &Score| score.value).unwrap_or(value),
            lower: interval.map(|interval| interval.lower),
            upper: interval.map(|interval| interval.upper),
            tolerance: self.tolerance.unwrap_or(usual),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// The predictions are the same.
    Same,
    NotWorse,
    /// Beyond what is tolerated, and beyond chance.
    Worse,
    /// The rows are too few to tell. So many would, if they are like these; none: that can't be said.
    Unclear(Option<u64>),
}

impl Verdict {
    fn of(metric: Metric, same: bool, of: &Difference, theirs: f64) -> Verdict {
        if same {
            return Verdict::Same;
        }
        let (Some(lower), Some(upper)) = (of.lower, of.upper) else {
            return Verdict::Unclear(None);
        };
        // As gains: more is better.
        let (value, Interval { lower, upper }) = match metric.larger_is_better() {
            true => (of.value, Interval { lower, upper }),
            false => (
                -of.value,
                Interval {
                    lower: -upper,
                    upper: -lower,
                },
            ),
        };
        let bound = -of.tolerance - SLACK * theirs.abs().max(1.0);
        if lower >= bound {
            Verdict::NotWorse
        } else if upper < bound {
            Verdict::Worse
        } else {
            // The distance of an end shrinks with the square root of the rows.
            let times = ((value - lower) / (value - bound)).powi(2);
            Verdict::Unclear((value > bound && times < ROWS_MAX).then(|| times.ceil() as u64))
        }
    }

    fn holds(self) -> bool {
        matches!(self, Verdict::Same | Verdict::NotWorse)
    }
}

/// For people. Figures have four digits, or all where four would tell another story.
fn sentence(metric: Metric, [ours, theirs]: [f64; 2], of: &Difference, verdict: Verdict, rows: usize) -> String {
    let name = metric.name();
    let shown = [ours, theirs].map(|figure| metric.show(figure));
    let [ours, theirs] = match verdict.holds() || shown[0] != shown[1] {
        true => shown,
        false => [ours, theirs].map(|figure| figure.to_string()),
    };
    if verdict == Verdict::Same {
        return format!("{name} {ours} is not worse than the approved version's {theirs}: it predicts the same");
    }
    let tolerance = of.tolerance;
    let signed = |x: f64| {
        // An end that is beyond the tolerance is shown to be.
        let tells = |text: &String| {
            let shown = text.parse::<f64>().unwrap_or(f64::NAN);
            (shown < -tolerance) == (x < -tolerance) && (shown > tolerance) == (x > tolerance)
        };
        let texts = [metric.show(x), short(x, 7), x.to_string()];
        let text = texts.iter().find(|text| tells(text)).unwrap_or(&texts[2]).clone();
        if x > 0.0 { format!("+{text}") } else { text }
    };
    let interval = match (of.lower, of.upper) {
        (Some(lower), Some(upper)) => format!("95 %: {} to {}", signed(lower), signed(upper)),
        _ => "no interval".into(),
    };
    let tolerated = short(tolerance, 4);
    let difference = format!("difference {} ({interval}), tolerance {tolerated}", signed(of.value));
    match verdict {
        Verdict::Same | Verdict::NotWorse => {
            format!("{name} {ours} is not worse than the approved version's {theirs}: {difference}")
        }
        Verdict::Worse => format!("{name} {ours} is worse than the approved version's {theirs}: {difference}"),
        Verdict::Unclear(times) => {
            let enough = match times {
                Some(times) => format!("some {} like these would tell", times.saturating_mul(rows as u64)),
                None => "evaluate on more".into(),
            };
            format!(
                "{name} {ours} may be worse than the approved version's {theirs}: {difference}; {rows} rows are too few to rule \
                 it out, {enough}; or tolerate more, {NOT_WORSE} = {{ tolerance = ... }}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Gate;
    use super::*;
    use crate::evaluate::{Comparison, Examples, Opponent, Predictions};

    fn check(gate: &str, task: Task, examples: &Examples, theirs: &Predictions) -> GateCheck {
        let gate = Gate::parse(&toml::from_str(gate).unwrap()).unwrap();
        let approved = Opponent {
            version: "lines/1",
            task,
            predictions: theirs,
        };
        let comparison = Comparison::of(task, examples, &[0.5], Some(approved), &[], 0);
        gate.check(&comparison.candidate, comparison.approved.as_ref())
            .remove(0)
    }

    const TRUE: &str = "not_worse_than_approved = true";

    /// Numbers without a pattern, from 0 to 1.
    fn noise(seed: u64) -> impl Iterator<Item = f64> {
        let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        std::iter::repeat_with(move || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 11) as f64 / (1u64 << 53) as f64
        })
    }

    /// Rows, and predictions of two models with errors of their own beside those that they share; the second's are larger by
    /// a factor.
    fn two_models(rows: usize, seed: u64, factor: f64) -> (Vec<f64>, Vec<f64>, Predictions) {
        let actual: Vec<f64> = noise(seed).take(rows).map(|x| 10.0 * x).collect();
        let shared: Vec<f64> = noise(seed + 1).take(rows).map(|x| 3.0 * (x - 0.5)).collect();
        let own = |seed: u64, factor: f64| {
            let own = noise(seed).take(rows).map(move |x| factor * (x - 0.5));
            actual
                .iter()
                .zip(&shared)
                .zip(own)
                .map(|((y, s), o)| y + s + o)
                .collect::<Vec<f64>>()
        };
        let (ours, theirs) = (own(seed + 2, 0.4 * factor), own(seed + 3, 0.4));
        (actual, ours, Predictions::plain(theirs))
    }

    /// The fault: of two equally good models, noise alone failed the second one every other time, by a millionth.
    #[test]
    fn noise_alone_decided_and_no_longer_does() {
        let mut by_figure = 0;
        for seed in 0..20 {
            let (actual, ours, theirs) = two_models(400, 10 * seed, 1.0);
            let found = check(TRUE, Task::Regression, &Examples::plain(&actual, &ours), &theirs);
            assert!(found.holds, "{}", found.sentence);
            by_figure += u32::from(found.found < found.against);
        }
        assert!((5..=15).contains(&by_figure), "{by_figure}");
    }

    /// The fault: on a few rows, a model that is much worse passed by chance, and a better one failed. Now neither passes where
    /// the rows don't tell; and with enough of them both are told.
    #[test]
    fn few_rows_passed_and_failed_by_chance_and_no_longer_do() {
        let passed = |rows: usize, factor: f64| {
            (0..20)
                .filter(|&seed| {
                    let (actual, ours, theirs) = two_models(rows, 10 * seed + 7, factor);
                    check(TRUE, Task::Regression, &Examples::plain(&actual, &ours), &theirs).holds
                })
                .count()
        };
        let (actual, ours, theirs) = two_models(12, 7, 5.0);
        let found = check(TRUE, Task::Regression, &Examples::plain(&actual, &ours), &theirs);
        assert!(!found.holds);
        // Five times the own error: R2 is lower by some 0.04.
        assert!(passed(12, 5.0) <= 1, "{}", passed(12, 5.0));
        assert_eq!(passed(400, 5.0), 0);
        assert_eq!(passed(400, 0.2), 20);
    }

    #[test]
    fn sentences_say_the_difference_and_the_way_out() {
        let start = |found: &GateCheck, start: &str| {
            assert!(found.sentence.starts_with(start), "{}", found.sentence);
        };
        let (actual, ours, theirs) = two_models(400, 1, 1.0);
        let examples = Examples::plain(&actual, &ours);
        let found = check(TRUE, Task::Regression, &examples, &theirs);
        start(&found, "r2 0.9");
        assert!(
            found.sentence.contains(" is not worse than the approved version's 0.9"),
            "{}",
            found.sentence
        );
        assert!(found.sentence.ends_with(", tolerance 0.01"), "{}", found.sentence);
        let difference = found.difference.unwrap();
        assert_eq!((difference.metric, difference.tolerance), ("r2", 0.01));
        assert!(difference.lower.unwrap() < difference.value && difference.value < difference.upper.unwrap());

        // One per cent of the approved version's, of an error.
        let by_mse = "not_worse_than_approved = { metric = 'mse' }";
        let mse = check(by_mse, Task::Regression, &examples, &theirs);
        let difference = mse.difference.unwrap();
        assert!((difference.tolerance - 0.01 * mse.against.unwrap()).abs() < 1e-12);
        assert_eq!(difference.metric, "mse");

        // Worse, beyond chance: less is better.
        let (actual, ours, theirs) = two_models(400, 1, 5.0);
        let examples = Examples::plain(&actual, &ours);
        let mse = check(by_mse, Task::Regression, &examples, &theirs);
        assert!(!mse.holds && mse.difference.unwrap().lower.unwrap() > 0.0);
        assert!(
            mse.sentence.contains(" is worse than the approved version's "),
            "{}",
            mse.sentence
        );
        assert!(mse.sentence.contains("difference +"), "{}", mse.sentence);
        // Unless that much is tolerated.
        let tolerant = check(
            "not_worse_than_approved = { tolerance = 0.5 }",
            Task::Regression,
            &examples,
            &theirs,
        );
        assert!(tolerant.holds, "{}", tolerant.sentence);

        let (actual, ours, theirs) = two_models(12, 1, 1.0);
        let few = check(TRUE, Task::Regression, &Examples::plain(&actual, &ours), &theirs);
        assert!(!few.holds);
        assert!(
            few.sentence.contains(" may be worse than the approved version's "),
            "{}",
            few.sentence
        );
        assert!(
            few.sentence.contains("; 12 rows are too few to rule it out, "),
            "{}",
            few.sentence
        );
        assert!(
            few.sentence
                .ends_with("; or tolerate more, not_worse_than_approved = { tolerance = ... }")
        );
    }

    /// As many rows as are said to be enough are: with the same rows over and over, nothing but their number changes.
    #[test]
    fn as_many_rows_as_would_tell_do() {
        let (actual, ours, theirs) = two_models(60, 2, 0.9);
        let again = |of: &[f64], times: usize| of.repeat(times);
        let on = |times| {
            let (actual, ours) = (again(&actual, times), again(&ours, times));
            let theirs = Predictions::plain(again(&theirs.predicted, times));
            check(TRUE, Task::Regression, &Examples::plain(&actual, &ours), &theirs)
        };
        let few = on(1);
        assert!(!few.holds, "{}", few.sentence);
        let enough = few
            .sentence
            .split("some ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let times = enough.unwrap().parse::<usize>().unwrap().div_ceil(60);
        assert!(times > 1, "{}", few.sentence);
        // The end of an interval is itself uncertain.
        assert!(on(2 * times).holds, "{}", on(2 * times).sentence);
        assert!(!on((times / 2).max(1)).holds, "{}", on((times / 2).max(1)).sentence);
    }

    #[test]
    fn the_same_predictions_are_never_worse_however_few_rows() {
        let yes_no = Task::Classification { threshold: 0.5 };
        // One class: roc_auc is undefined; one row: no interval.
        for (task, actual, predicted) in [
            (Task::Regression, vec![1.0, 2.0], vec![1.0, 4.0]),
            (Task::Regression, vec![1.0], vec![1.5]),
            (yes_no, vec![1.0, 1.0], vec![0.4, 0.6]),
        ] {
            let same = Predictions::plain(predicted.clone());
            let found = check(TRUE, task, &Examples::plain(&actual, &predicted), &same);
            assert!(found.holds, "{}", found.sentence);
            assert!(found.sentence.contains("predicts"), "{}", found.sentence);
        }
        // Another threshold calls otherwise: the figures of calls may differ.
        let other = Opponent {
            version: "lines/1",
            task: Task::Classification { threshold: 0.7 },
            predictions: &Predictions::plain(vec![0.4, 0.6]),
        };
        let examples = Examples::plain(&[0.0, 1.0], &[0.4, 0.6]);
        let comparison = Comparison::of(yes_no, &examples, &[0.5], Some(other), &[], 0);
        assert!(!comparison.approved.unwrap().same);
    }

    #[test]
    fn what_is_wrong_is_said_by_key() {
        let parse = |text: &str| Gate::parse(&toml::from_str(text).unwrap()).unwrap_err();
        for (text, words) in [
            (
                "not_worse_than_approved = 1",
                "is 1; it must be true or false, or a table",
            ),
            (
                "not_worse_than_approved = { tolerance = -0.1 }",
                "`gate.not_worse_than_approved.tolerance` is -0.1; it must be a number, 0 or above",
            ),
            (
                "not_worse_than_approved = { metric = 'r3' }",
                "`gate.not_worse_than_approved.metric` is \"r3\"; it must be one of r2, mse,",
            ),
            (
                "not_worse_than_approved = { margin = 1 }",
                "`gate.not_worse_than_approved.margin`: no such key; allowed are tolerance and metric",
            ),
        ] {
            assert!(parse(text).contains(words), "{}", parse(text));
        }
        let gate = Gate::parse(&toml::from_str("not_worse_than_approved = { metric = 'r2' }").unwrap()).unwrap();
        assert!(gate.fits(Task::Regression).is_ok());
        let other = gate.fits(Task::Multiclass { classes: 3 }).unwrap_err();
        assert!(
            other.starts_with(
                "`gate.not_worse_than_approved.metric`: the target is one of several classes, which has no r2"
            ),
            "{other}"
        );
    }
}
