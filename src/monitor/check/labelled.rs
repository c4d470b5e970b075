//! What labels say of a version: is it worth what it was, and are groups of people treated alike?

use super::bias::{self, Allowed, Group};
use super::performance::{measured, realised, with_enough};
use super::{Area, Check, OTHER};
use crate::evaluate::{Confusion, Evaluation, Metric, Task};
use crate::monitor::Baseline;
use crate::monitor::baseline::{Errors, Outcomes};
use crate::monitor::performance::{Estimate, Figures, METRICS, Measured, MeasuredClasses, Measurement, Segment};

/// Yes from this probability on, where nothing says otherwise.
const THRESHOLD: f64 = 0.5;
/// What is said of groups without labels; windows are held against it as they come.
const WITHOUT_LABELS: [&str; 3] = ["ci", "dppl", "di"];
const NO_PROBABILITIES: &str = "not all outputs have probabilities; set output.probabilities = true";

/// What a version was worth before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worth<'a> {
    /// When it was trained or registered: what people approved.
    pub approved: Option<&'a Evaluation>,
    /// Of the rows that its baseline was made of; counts where there is no approval's.
    pub baseline: Option<&'a Baseline>,
}

impl<'a> Worth<'a> {
    fn outcomes(&self) -> Option<&'a Outcomes> {
        self.baseline.and_then(|baseline| baseline.outcomes.as_ref())
    }

    /// The approval's figures, if they are of such a model.
    fn of(&self, task: Task) -> Option<&'a Evaluation> {
        self.approved.filter(|approved| match (approved.task, task) {
            (Task::Classification { .. }, Task::Classification { .. }) => true,
            (approved, task) => approved == task,
        })
    }

    fn threshold(&self) -> f64 {
        match self.approved.map(|approved| approved.task) {
            Some(Task::Classification { threshold }) => threshold,
            _ => THRESHOLD,
        }
    }
}

/// The metrics, each over where it is worse than before by more than chance explains; then, of each column of groups, what labels
/// say of them.
pub fn checks(of: &Measured, worth: &Worth, allowed: &Allowed) -> Vec<Check> {
    let mut checks = performance(of, worth);
    for segment in &of.segments {
        let of_segment = bias::checks(&segment.column, &groups(segment), allowed);
        checks.extend(
            of_segment
                .into_iter()
                .filter(|check| !WITHOUT_LABELS.contains(&check.check)),
        );
    }
    checks
}

/// The metrics with intervals, where there are any: of more than two classes where the approval has them.
pub fn evaluation(of: &Measured, worth: &Worth) -> Option<Evaluation> {
    match &of.outcomes {
        Measurement::Numbers(errors) => Some(errors.evaluation()),
        Measurement::Classes(classes) => of_labels(classes, worth),
    }
}

/// As the approval has it, of several classes or of yes and no.
fn of_labels(classes: &MeasuredClasses, worth: &Worth) -> Option<Evaluation> {
    let several = Task::Multiclass {
        classes: classes.names.len(),
    };
    match worth.of(several) {
        Some(_) => Some(classes.evaluation_of_several()),
        None => classes.evaluation(worth.threshold()),
    }
}

/// What would have been expected of the same rows without their labels; none without probabilities, or where the baseline doesn't
/// know what they are worth.
pub fn estimates(of: &Measured, worth: &Worth) -> Option<Figures<Option<Estimate>>> {
    let (Measurement::Classes(classes), Some(reference)) = (&of.outcomes, worth.outcomes()?.performance.as_ref())
    else {
        return None;
    };
    Some(reference.estimate_tallies(&classes.tallies(reference)?))
}

fn performance(of: &Measured, worth: &Worth) -> Vec<Check> {
    match &of.outcomes {
        Measurement::Classes(classes) => of_classes(classes, worth),
        Measurement::Numbers(errors) => {
            let now = errors.evaluation();
            let checks = match (worth.of(now.task), worth.outcomes()) {
                (Some(approved), _) => measured(&now, approved),
                (None, Some(outcomes)) if !outcomes.errors.is_empty() => against_errors(&now, &outcomes.errors),
                _ => shown(&now),
            };
            with_enough(checks, None)
        }
    }
}

fn of_classes(classes: &MeasuredClasses, worth: &Worth) -> Vec<Check> {
    let now = of_labels(classes, worth);
    let scored = classes.is_scored();
    let reference = worth.outcomes().and_then(|outcomes| outcomes.performance.as_ref());
    let reference = reference.filter(|reference| reference.classes.len() == classes.scores.len());
    let approved = now.as_ref().and_then(|now| worth.of(now.task));
    let mut checks = match (&now, approved, reference) {
        (Some(now), Some(approved), _) => measured(now, approved),
        (now, None, Some(reference)) => {
            let checks = realised(reference, &classes.figures(), classes.rows());
            let interval = |check: &Check| {
                let score = now.as_ref()?.score(Metric::named(check.check)?)?;
                score.interval.map(|interval| (interval.lower, interval.upper))
            };
            let with_interval = |check: Check| Check {
                interval: interval(&check),
                ..check
            };
            checks.into_iter().map(with_interval).collect()
        }
        (Some(now), None, None) => shown(now),
        (None, _, None) => {
            let figures = classes.figures();
            let each = METRICS.iter().map(|&metric| {
                let check = Check::new(Area::Performance, metric.name(), "", classes.rows());
                match figures.value(metric) {
                    Some(value) => nothing_to_hold_against(check.shown(value, None)),
                    None => check.without("undefined for these rows"),
                }
            });
            each.collect()
        }
        (None, Some(_), _) => Vec::new(),
    };
    checks = with_enough(checks, now.and_then(|now| now.confusion));
    for check in &mut checks {
        let needs_probabilities = Metric::named(check.check).is_some_and(Metric::needs_probabilities);
        if !scored && check.value.is_none() && needs_probabilities {
            check.why = Some(NO_PROBABILITIES.into());
        }
    }
    checks
}

/// Without bars.
fn shown(now: &Evaluation) -> Vec<Check> {
    let each = now.scores.iter().map(|score| {
        let check = Check::new(Area::Performance, score.metric.name(), "", now.rows as u64);
        match score.value {
            None => check.without("undefined for these rows"),
            Some(value) => Check {
                interval: score.interval.map(|interval| (interval.lower, interval.upper)),
                ..nothing_to_hold_against(check.shown(value, None))
            },
        }
    });
    each.collect()
}

fn nothing_to_hold_against(check: Check) -> Check {
    check.without("neither the version's evaluation nor its baseline says what it was worth")
}

/// Errors held against those of the baseline's ten parts: over where one is above their mean and three standard deviations of them
/// (of fewer rows than a part has, by the square root law).
fn against_errors(now: &Evaluation, parts: &[Errors]) -> Vec<Check> {
    let usual = |metric: Metric| {
        let values = parts.iter().map(|part| {
            let rows = part.rows as f64;
            match metric {
                Metric::Mse => part.squared / rows,
                Metric::Rmse => (part.squared / rows).sqrt(),
                _ => part.absolute / rows,
            }
        });
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let rows: u64 = parts.iter().map(|part| part.rows).sum();
        (mean, 3.0 * sd * (rows as f64 / n / now.rows as f64).max(1.0).sqrt())
    };
    let each = shown(now)
        .into_iter()
        .map(|check| match (Metric::named(check.check), check.value) {
            (Some(metric @ (Metric::Mse | Metric::Rmse | Metric::Mae)), Some(value)) => {
                let (mean, noise) = usual(metric);
                Check {
                    why: None,
                    ..check.held(value, mean + noise, noise)
                }
            }
            (_, Some(_)) => check.without("the baseline keeps sums of errors alone"),
            _ => check,
        });
    each.collect()
}

fn groups(segment: &Segment) -> Vec<Group> {
    let rows = |counts: &Confusion| counts.true_yes + counts.false_yes + counts.true_no + counts.false_no;
    let group = |value: Option<String>, counts: &Confusion| Group {
        value,
        rows: rows(counts),
        called: counts.true_yes + counts.false_yes,
        labelled: Some(*counts),
    };
    let named = segment.values.iter();
    let named = named.map(|(value, counts)| group((!value.is_empty()).then(|| value.clone()), counts));
    let other = (rows(&segment.other) > 0).then(|| group(Some(OTHER.into()), &segment.other));
    named.chain(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{self, Category, Type};
    use crate::monitor::baseline::Actual;

    fn classes(rows: usize, good: usize, probabilities: bool) -> Measured {
        let names = Some(["no", "yes"].map(String::from).to_vec());
        let mut measured = Measured::nothing(names);
        let mut sexes = Segment::new("sex", "yes");
        if let Measurement::Classes(classes) = &mut measured.outcomes {
            for i in 0..rows {
                let (called, actual, p) = row(i, good);
                let scores = [1.0 - p, p];
                classes.count(called, actual, probabilities.then_some(&scores[..]));
                sexes.count(["F", "M"][i / 2 % 2], called == 1, actual == 1);
            }
        }
        measured.segments.push(sexes);
        measured
    }

    /// Of a hundred rows, `good` are called as they came true.
    fn row(i: usize, good: usize) -> (usize, usize, f64) {
        let actual = i % 2;
        let called = if (i / 2 * 37) % 100 < good { actual } else { 1 - actual };
        (called, actual, (50 * called + i * 61 % 50) as f64 / 100.0)
    }

    fn named<'a>(checks: &'a [Check], name: &str) -> &'a Check {
        checks.iter().find(|check| check.check == name).unwrap()
    }

    fn baseline(rows: usize, good: usize) -> Baseline {
        let classes = ["no", "yes"].map(|name| Category::Text(name.into()));
        let label = model::Column {
            categories: classes.to_vec(),
            ..model::Column::plain("prediction".into(), Type::Category)
        };
        let probability = |class| model::Column::plain(format!("probability_{class}"), Type::Float64);
        let outputs = [vec![label], classes.iter().map(probability).collect()].concat();
        let all: Vec<(usize, usize, f64)> = (0..rows).map(|i| row(i, good)).collect();
        let said = [
            all.iter().map(|row| row.0 as f64).collect(),
            all.iter().map(|row| 1.0 - row.2).collect(),
            all.iter().map(|row| row.2).collect(),
        ];
        let actual: Vec<Option<usize>> = all.iter().map(|row| Some(row.1)).collect();
        let mut baseline = Baseline::new(rows, vec![]);
        baseline.outcomes = Some(Outcomes::of(&outputs, &said, Some(("y", Actual::Classes(&actual)))));
        baseline
    }

    #[test]
    fn metrics_are_held_against_the_approval_or_else_against_the_baseline_or_else_shown() {
        let before = classes(1_000, 80, true);
        let approved = evaluation(&before, &Worth::default()).unwrap();
        let baseline = baseline(2_000, 80);
        let by_approval = Worth {
            approved: Some(&approved),
            baseline: Some(&baseline),
        };
        let by_baseline = Worth {
            approved: None,
            ..by_approval
        };
        for (worth, metrics) in [(by_approval, 6), (by_baseline, 6), (Worth::default(), 6)] {
            let of = |good| checks(&classes(1_000, good, true), &worth, &Allowed::default());
            let (fine, worse) = (of(80), of(60));
            assert!(fine.iter().all(|check| !check.over), "{fine:#?}");
            assert_eq!(
                fine.iter().filter(|check| check.area == Area::Performance).count(),
                metrics
            );
            let accuracy = named(&worse, "accuracy");
            assert_eq!((accuracy.value, accuracy.interval.is_some()), (Some(0.6), true));
            assert_eq!(accuracy.over, accuracy.bar.is_some());
            assert_eq!(accuracy.bar.is_some(), worth.baseline.is_some());
            assert_eq!(accuracy.why.is_some(), worth.baseline.is_none());
        }
        let estimate = estimates(&classes(1_000, 60, true), &by_approval).unwrap();
        // Without labels, what changed is the world, which nothing of the rows shows.
        assert!((estimate.accuracy.unwrap().value - 0.8).abs() < 0.02);
        assert!(estimates(&classes(1_000, 60, false), &by_approval).is_none());
    }

    /// `n` rows, of each kind half, of which as many are called right as chance makes of `good` in a hundred.
    fn drawn(n: usize, good: u64, seed: &mut u64) -> Measured {
        let mut draw = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed >> 11
        };
        let mut measured = Measured::nothing(Some(["no", "yes"].map(String::from).to_vec()));
        if let Measurement::Classes(classes) = &mut measured.outcomes {
            for _ in 0..n {
                let actual = (draw() % 2) as usize;
                let called = if draw() % 100 < good { actual } else { 1 - actual };
                let p = (50 * called as u64 + draw() % 50) as f64 / 100.0;
                classes.count(called, actual, Some(&[1.0 - p, p]));
            }
        }
        measured
    }

    #[test]
    fn few_labels_do_not_cry_wolf() {
        let approved = evaluation(&classes(1_000, 80, true), &Worth::default()).unwrap();
        let baseline = baseline(2_000, 80);
        let by_approval = Worth {
            approved: Some(&approved),
            baseline: None,
        };
        let by_baseline = Worth {
            approved: None,
            baseline: Some(&baseline),
        };
        for (seed, worth) in [(1, by_approval), (2, by_baseline)] {
            let mut seed = 0x9E37_79B9_7F4A_7C15 + seed;
            for n in (1..=10).cycle().take(60) {
                let checks = checks(&drawn(n, 80, &mut seed), &worth, &Allowed::default());
                assert!(
                    checks.iter().all(|check| !check.over && check.bar.is_none()),
                    "{n} {checks:#?}"
                );
                let accuracy = named(&checks, "accuracy");
                assert!(accuracy.value.is_some() && accuracy.why.as_ref().unwrap().contains("30 rows"));
            }
        }
        let mut seed = 7;
        let over = |good, seed: &mut u64| {
            let checks = checks(&drawn(40, good, seed), &by_approval, &Allowed::default());
            named(&checks, "accuracy").over
        };
        let alarms = (0..60).filter(|_| over(80, &mut seed)).count();
        assert!(alarms <= 3, "{alarms}");
        assert!((0..10).all(|_| over(20, &mut seed)));
    }

    #[test]
    fn a_share_of_fewer_than_five_rows_has_no_bar() {
        let approved = evaluation(&classes(1_000, 80, true), &Worth::default()).unwrap();
        let worth = Worth {
            approved: Some(&approved),
            baseline: None,
        };
        let mut measured = Measured::nothing(Some(["no", "yes"].map(String::from).to_vec()));
        if let Measurement::Classes(classes) = &mut measured.outcomes {
            (0..60).for_each(|i| classes.count(0, usize::from(i < 4), None));
        }
        let checks = checks(&measured, &worth, &Allowed::default());
        let recall = named(&checks, "recall");
        assert_eq!((recall.value, recall.bar, recall.over), (Some(0.0), None, false));
        assert!(recall.why.as_ref().unwrap().contains("5 labelled rows are yes; 4 are"));
        assert!(named(&checks, "accuracy").bar.is_some());
    }

    #[test]
    fn without_probabilities_the_reason_is_said() {
        let approved = evaluation(&classes(1_000, 80, true), &Worth::default()).unwrap();
        let worth = Worth {
            approved: Some(&approved),
            baseline: None,
        };
        let checks = checks(&classes(1_000, 60, false), &worth, &Allowed::default());
        let auc = named(&checks, "roc_auc");
        assert_eq!((auc.value, auc.over), (None, false));
        assert!(auc.why.as_ref().unwrap().contains("output.probabilities"));
        assert!(named(&checks, "accuracy").over);
    }

    /// A version whose evaluation is of several classes is held against that.
    #[test]
    fn several_classes_are_held_against_their_approval() {
        let measured = |good: usize, probabilities: bool| {
            let mut measured = Measured::nothing(Some(["a", "b", "c"].map(String::from).to_vec()));
            if let Measurement::Classes(classes) = &mut measured.outcomes {
                for i in 0..900 {
                    let actual = i % 3;
                    let called = if (i / 3 * 37) % 100 < good {
                        actual
                    } else {
                        (actual + 1) % 3
                    };
                    let scores = [0, 1, 2].map(|class| if class == called { 0.75 } else { 0.125 });
                    classes.count(called, actual, probabilities.then_some(&scores[..]));
                }
            }
            measured
        };
        let approval = |of: &Measured| match &of.outcomes {
            Measurement::Classes(classes) => classes.evaluation_of_several(),
            Measurement::Numbers(_) => unreachable!(),
        };
        let approved = approval(&measured(80, true));
        assert_eq!(approved.metric("accuracy"), Some(0.8));
        // Rows of the sums, by hand: three quarters for what was called.
        let loss = -(0.8 * 0.75f64.ln() + 0.2 * 0.125f64.ln());
        assert!((approved.metric("log_loss").unwrap() - loss).abs() < 1e-9);
        // Of a class, all of its rows but a fifth are above the others' but a tenth; ties count half.
        assert!((approved.metric("roc_auc_ovr").unwrap() - 0.85).abs() < 1e-9);
        assert_eq!(approved.metric("roc_auc_ovr"), approved.metric("roc_auc_ovr_weighted"));
        let worth = Worth {
            approved: Some(&approved),
            baseline: None,
        };
        let over = |of: &Measured| {
            let checks = checks(of, &worth, &Allowed::default());
            let over = checks.iter().filter(|check| check.over);
            over.map(|check| check.check).collect::<Vec<_>>()
        };
        assert_eq!(over(&measured(80, true)), [""; 0]);
        let worse = over(&measured(60, true));
        assert!(worse.contains(&"f1_macro") && worse.contains(&"accuracy"), "{worse:?}");
        let without = checks(&measured(80, false), &worth, &Allowed::default());
        let auc = named(&without, "roc_auc_ovr");
        assert!(auc.value.is_none() && auc.why.as_ref().unwrap().contains("output.probabilities"));
        // An evaluation of other classes, or of yes and no, says nothing of these.
        let two = evaluation(&classes(1_000, 80, true), &Worth::default()).unwrap();
        let other = Worth {
            approved: Some(&two),
            baseline: None,
        };
        let of_three = checks(&measured(60, true), &other, &Allowed::default());
        assert!(of_three.iter().all(|check| check.bar.is_none()));
        assert_eq!(named(&of_three, "accuracy").value, Some(0.6));
    }

    #[test]
    fn labels_say_more_of_groups() {
        let checks = checks(&classes(1_000, 80, true), &Worth::default(), &Allowed::default());
        let of_groups: Vec<&str> = (checks.iter().filter(|check| check.area == Area::Bias))
            .map(|check| check.check)
            .collect();
        assert_eq!(of_groups, ["dpl", "rd", "sd", "ad", "dar"].repeat(2));
    }

    #[test]
    fn errors_are_held_against_those_of_the_baselines_parts() {
        let output = [model::Column::plain("prediction".into(), Type::Float64)];
        let errors = |i: usize, size: f64| size * ((i * 61 % 101) as f64 / 50.0 - 1.0);
        let actual: Vec<f64> = (0..1_000).map(|i| (i % 30) as f64).collect();
        let predicted: Vec<f64> = actual.iter().enumerate().map(|(i, y)| y + errors(i, 1.0)).collect();
        let mut baseline = Baseline::new(1_000, vec![]);
        baseline.outcomes = Some(Outcomes::of(
            &output,
            &[predicted],
            Some(("y", Actual::Numbers(&actual))),
        ));
        let worth = Worth {
            approved: None,
            baseline: Some(&baseline),
        };
        let over = |size| {
            let mut measured = Measured::nothing(None);
            if let Measurement::Numbers(sums) = &mut measured.outcomes {
                (0..500).for_each(|i| sums.count((i % 30) as f64 + errors(i * 7, size), (i % 30) as f64));
            }
            let checks = checks(&measured, &worth, &Allowed::default());
            checks
                .iter()
                .filter(|check| check.over)
                .map(|check| check.check)
                .collect::<Vec<_>>()
        };
        assert!(over(1.0).is_empty(), "{:?}", over(1.0));
        assert_eq!(over(2.0), ["mse", "rmse", "mae"]);
    }
}
