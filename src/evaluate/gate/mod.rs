//! What a candidate must reach to be registered.

mod check;
mod not_worse;

use super::metrics::Metric;
use super::{Evaluation, Task};
pub use check::{Against, Difference, GateCheck};
use not_worse::{NOT_WORSE, NotWorse};
use std::fmt;

/// Conditions, all of which must hold: `{ r2 = ">= 0.2", mse = "< 3000", not_worse_than_approved = true }`, the last one
/// also as `{ tolerance = 0.01, metric = "log_loss" }`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gate {
    conditions: Vec<Condition>,
    not_worse: Option<NotWorse>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Condition {
    metric: Metric,
    relation: Relation,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Relation {
    /// Two characters before one, so that `>=` is not read as `>`.
    const ALL: [Relation; 4] = [Relation::AtLeast, Relation::AtMost, Relation::Above, Relation::Below];

    fn holds(self, found: f64, bound: f64) -> bool {
        match self {
            Relation::AtLeast => found >= bound,
            Relation::Above => found > bound,
            Relation::AtMost => found <= bound,
            Relation::Below => found < bound,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::AtLeast => ">=",
            Relation::Above => ">",
            Relation::AtMost => "<=",
            Relation::Below => "<",
        })
    }
}

impl Gate {
    /// # Errors
    /// The key, what stands there, and what is allowed.
    pub fn parse(table: &toml::Table) -> Result<Gate, String> {
        let mut gate = Gate::default();
        for (key, value) in table {
            if key == NOT_WORSE {
                gate.not_worse = NotWorse::parse(value)?;
                continue;
            }
            let metric = Metric::named(key).ok_or_else(|| {
                format!(
                    "`gate.{key}`: no such metric; allowed are {}, and {NOT_WORSE}",
                    Metric::names(Metric::all())
                )
            })?;
            let text = value.as_str().and_then(relation);
            let (relation, bound) = text.ok_or_else(|| {
                format!("`gate.{key}` is {value}; it must be a text of >=, >, <= or < and a number, such as \">= 0.2\"")
            })?;
            gate.conditions.push(Condition {
                metric,
                relation,
                bound,
            });
        }
        Ok(gate)
    }

    /// Are all metrics the task's? To be asked before training.
    ///
    /// # Errors
    /// The key, and what is allowed.
    pub fn fits(&self, task: Task) -> Result<(), String> {
        let allowed = Metric::of(task);
        let conditions = self
            .conditions
            .iter()
            .map(|of| (of.metric, of.metric.name().to_string()));
        let not_worse = self
            .not_worse
            .map(|of| (of.metric(task), format!("{NOT_WORSE}.metric")));
        let Some((metric, key)) = conditions
            .chain(not_worse)
            .find(|(metric, _)| !allowed.contains(metric))
        else {
            return Ok(());
        };
        let target = match task {
            Task::Regression => "a number",
            Task::Classification { .. } => "yes or no",
            Task::Multiclass { .. } => "one of several classes",
        };
        Err(format!(
            "`gate.{key}`: the target is {target}, which has no {}; allowed are {}, and {NOT_WORSE}",
            metric.name(),
            Metric::names(allowed.iter().copied())
        ))
    }

    /// A check of each condition: the metrics in the order of their names, then the approved version. The candidate
    /// passes if all hold. An undefined metric fulfils no condition, nor does what can't be compared.
    pub fn check<'a>(&self, new: &Evaluation, approved: impl Into<Against<'a>>) -> Vec<GateCheck> {
        let mut checks: Vec<GateCheck> = self.conditions.iter().map(|condition| condition.check(new)).collect();
        if let Some(not_worse) = self.not_worse {
            checks.push(not_worse.check(new, approved.into()));
        }
        checks
    }
}

fn relation(text: &str) -> Option<(Relation, f64)> {
    Relation::ALL.into_iter().find_map(|relation| {
        let bound: f64 = text.trim().strip_prefix(&relation.to_string())?.trim().parse().ok()?;
        bound.is_finite().then_some((relation, bound))
    })
}

impl Condition {
    fn check(&self, new: &Evaluation) -> GateCheck {
        let Condition {
            metric,
            relation,
            bound,
        } = *self;
        let (name, found) = (metric.name(), new.metric(metric.name()));
        let holds = found.is_some_and(|found| relation.holds(found, bound));
        let sentence = match found {
            None => format!(
                "{name} is undefined on these {} rows; it must be {relation} {bound}",
                new.rows
            ),
            Some(found) => {
                // Four digits, or all where four would tell another story.
                let short = metric.show(found);
                let same = short.parse().is_ok_and(|short| relation.holds(short, bound) == holds);
                let figure = if same { short } else { found.to_string() };
                let is = if holds { "is" } else { "is not" };
                format!("{name} {figure} {is} {relation} {bound}")
            }
        };
        GateCheck {
            key: name.into(),
            holds,
            found,
            against: Some(bound),
            sentence,
            difference: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Approved, Interval, Score};

    fn gate(text: &str) -> Result<Gate, String> {
        Gate::parse(&toml::from_str(text).unwrap())
    }

    fn regression(r2: Option<f64>, mse: f64) -> Evaluation {
        let score = |metric, value| Score {
            metric,
            value,
            interval: None,
        };
        Evaluation {
            task: Task::Regression,
            rows: 20,
            scores: vec![score(Metric::R2, r2), score(Metric::Mse, Some(mse))],
            confusion: None,
            by_class: None,
        }
    }

    /// The difference of R2, and how far its interval reaches on both sides.
    fn approved(evaluation: Evaluation, difference: f64, half: f64) -> Approved {
        Approved {
            version: "lines/1".into(),
            evaluation,
            differences: vec![Score {
                metric: Metric::R2,
                value: Some(difference),
                interval: Some(Interval {
                    lower: difference - half,
                    upper: difference + half,
                }),
            }],
            same: false,
        }
    }

    /// Whether each holds, and its sentence.
    fn checks(gate: &Gate, new: &Evaluation, approved: Option<&Approved>) -> Vec<(bool, String)> {
        gate.check(new, approved)
            .into_iter()
            .map(|check| (check.holds, check.sentence))
            .collect()
    }

    #[test]
    fn a_gate_holds_by_its_figures() {
        let gate = gate("r2 = '>= 0.2'\nmse = '<3000'\nnot_worse_than_approved = true").unwrap();
        let than = |difference| approved(regression(Some(0.4), 2_700.0), difference, 0.02);
        assert_eq!(
            checks(&gate, &regression(Some(0.47234), 2_549.26), Some(&than(0.07234))),
            [
                (true, "mse 2549 is < 3000".into()),
                (true, "r2 0.4723 is >= 0.2".into()),
                (
                    true,
                    "r2 0.4723 is not worse than the approved version's 0.4000: difference +0.0723 (95 %: +0.0523 to +0.0923), \
                     tolerance 0.01"
                        .into()
                ),
            ]
        );
        assert_eq!(
            checks(&gate, &regression(Some(0.1), 3_000.0), Some(&than(-0.3))),
            [
                (false, "mse 3000 is not < 3000".into()),
                (false, "r2 0.1000 is not >= 0.2".into()),
                (
                    false,
                    "r2 0.1000 is worse than the approved version's 0.4000: difference -0.3000 (95 %: -0.3200 to -0.2800), \
                     tolerance 0.01"
                        .into()
                ),
            ]
        );
        let figures = gate.check(&regression(Some(0.1), 3_000.0), Some(&than(-0.3)));
        assert_eq!((figures[2].found, figures[2].against), (Some(0.1), Some(0.4)));
        assert_eq!((figures[0].found, figures[0].against), (Some(3_000.0), Some(3_000.0)));
    }

    #[test]
    fn each_relation_is_its_own_at_the_bound() {
        for (relation, at, above) in [
            (">=", true, true),
            (">", false, true),
            ("<=", true, false),
            ("<", false, false),
        ] {
            let gate = gate(&format!("r2 = '{relation} 0.5'")).unwrap();
            assert_eq!(gate.check(&regression(Some(0.5), 0.0), None)[0].holds, at, "{relation}");
            assert_eq!(
                gate.check(&regression(Some(0.6), 0.0), None)[0].holds,
                above,
                "{relation}"
            );
        }
    }

    #[test]
    fn a_sentence_never_rounds_a_failure_into_a_success() {
        let gate = gate("r2 = '>= 0.2'").unwrap();
        let close = regression(Some(0.199999), 0.0);
        assert_eq!(
            checks(&gate, &close, None),
            [(false, "r2 0.199999 is not >= 0.2".into())]
        );
    }

    #[test]
    fn with_no_approved_version_nothing_is_worse() {
        let gate = gate("not_worse_than_approved = true").unwrap();
        assert!(gate.check(&regression(None, 1.0), None)[0].holds);
        let than = |r2| approved(regression(r2, 1.0), 0.0, 1e-12);
        assert!(!gate.check(&regression(None, 1.0), Some(&than(Some(0.1))))[0].holds);
        assert!(gate.check(&regression(Some(-3.0), 1.0), Some(&than(None)))[0].holds);
        // What adds up in another order is tolerated where nothing else is.
        let same = regression(Some(0.4 - 1e-12), 1.0);
        let strict = self::gate("not_worse_than_approved = { tolerance = 0 }").unwrap();
        assert!(strict.check(&same, Some(&than(Some(0.4))))[0].holds);
        let worse = approved(regression(Some(0.4), 1.0), -1e-5, 1e-7);
        assert_eq!(
            checks(&strict, &regression(Some(0.39999), 1.0), Some(&worse)),
            [(
                false,
                "r2 0.39999 is worse than the approved version's 0.4: difference -1e-5 (95 %: -1.01e-5 to \
                 -9.9e-6), tolerance 0"
                    .into()
            )]
        );
        assert_eq!(
            self::gate("not_worse_than_approved = false")
                .unwrap()
                .check(&same, None),
            []
        );
    }

    #[test]
    fn what_can_not_be_compared_passes_no_gate_on_it() {
        let gate = gate("not_worse_than_approved = true").unwrap();
        let check = &gate.check(&regression(Some(0.9), 1.0), Against::Incomparable("other columns"))[0];
        assert_eq!((check.holds, check.sentence.as_str()), (false, "other columns"));
    }

    #[test]
    fn an_undefined_metric_fulfils_no_condition() {
        let gate = gate("r2 = '< 2'").unwrap();
        assert_eq!(
            checks(&gate, &regression(None, 1.0), None),
            [(false, "r2 is undefined on these 20 rows; it must be < 2".into())]
        );
    }

    #[test]
    fn parse_errors_name_the_key_and_what_is_allowed() {
        for (text, start) in [
            (
                "r3 = '>= 1'",
                "`gate.r3`: no such metric; allowed are r2, mse, rmse, mae, roc_auc, log_loss,",
            ),
            (
                "r2 = 0.2",
                "`gate.r2` is 0.2; it must be a text of >=, >, <= or < and a number, such as \">= 0.2\"",
            ),
            ("r2 = '= 0.2'", "`gate.r2` is \"= 0.2\"; it must be"),
            ("r2 = '>= much'", "`gate.r2` is \">= much\"; it must be"),
            ("r2 = '>= nan'", "`gate.r2` is \">= nan\"; it must be"),
            (
                "not_worse_than_approved = 1",
                "`gate.not_worse_than_approved` is 1; it must be true or false",
            ),
        ] {
            let error = gate(text).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn a_metric_of_another_task_is_refused_before_training() {
        let yes_no = Task::Classification { threshold: 0.5 };
        assert_eq!(gate("r2 = '> 0'").unwrap().fits(Task::Regression), Ok(()));
        assert_eq!(
            gate("r2 = '> 0'").unwrap().fits(yes_no).unwrap_err(),
            "`gate.r2`: the target is yes or no, which has no r2; allowed are roc_auc, log_loss, precision, recall, f1, \
             accuracy, and not_worse_than_approved"
        );
        assert!(
            gate("f1 = '> 0'")
                .unwrap()
                .fits(Task::Regression)
                .unwrap_err()
                .contains("the target is a number")
        );
    }
}
