//! Is a candidate worse than the version that is approved? Told from the same rows, by their paired difference: it is not
//! where a loss beyond what is tolerated can be ruled out (non-inferiority; Walker and Nowacki 2011).

use super::super::metrics::Metric;
use super::super::{Approved, Evaluation, Interval, Score, Task};
use super::check::{Against, Difference, GateCheck};
use crate::digits::short;

/// Its key.
pub(super) const NOT_WORSE: &str = "not_worse_than_approved";
/// A version that predicts the same but adds up in another order is not worse.
const SLACK: f64 = 1e-9;
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
                        format!(
                            "`gate.{NOT_WORSE}.metric` is {value}; it must be one of {}",
                            Metric::names(Metric::all())
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
        let score = approved.difference(metric);
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
mod tests;
