//! Are groups of people treated alike?
//!
//! Of each group d against all others, a, with Clarify's signs ("Fairness Measures for Machine Learning in Finance", Das et al.
//! 2021): a positive difference is to the group's disadvantage; yes is the favourable label. Without labels CI, DPPL and DI; with
//! labels RD, SD, AD, DAR and DPL, too.

use super::interval::Share;
use super::{Area, Check};
use crate::evaluate::Confusion;

/// A group with fewer positives or negatives isn't measured: its figures would be chance (SDMetrics has the same limit). Nor is it
/// taken for fair.
const LEAST: u64 = 5;

/// One group of a segment's column. Those whose cell is missing are a group, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// None: missing.
    pub value: Option<String>,
    pub rows: u64,
    /// Rows that were called the favourable label.
    pub called: u64,
    /// Of the rows whose label is known: yes is the favourable one.
    pub labelled: Option<Confusion>,
}

/// What figures may be: an alarm is an interval wholly outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowed {
    /// Of differences of shares, either way. 0.1 is ten points.
    pub difference: f64,
    /// Of the ratio: this to its reciprocal. 0.8 is the four fifths rule (Uniform Guidelines on Employee Selection Procedures, 1978).
    pub ratio: f64,
}

impl Default for Allowed {
    fn default() -> Allowed {
        Allowed {
            difference: 0.1,
            ratio: 0.8,
        }
    }
}

/// Of each group of `column`, in their order:
///
/// - `ci`, class imbalance (na - nd) / (na + nd), from -1 to 1: only shown, for a small group is no wrong;
/// - `dppl`, difference of the shares that are called yes, q'a - q'd; `di`, their ratio q'd / q'a;
/// - with labels `dpl`, difference of the shares that are yes, qa - qd; `rd`, of recalls, TPRa - TPRd; `sd`, of specificities,
///   TNRd - TNRa; `ad`, of accuracies, ACCa - ACCd; `dar`, of precisions, a - d.
///
/// Intervals: Newcombe's of differences, Katz's of the ratio, Wilson's of `ci`; 95 %. `why` has the counts.
pub fn checks(column: &str, groups: &[Group], allowed: &Allowed) -> Vec<Check> {
    let all = total(groups.iter());
    let each = groups.iter().flat_map(|group| {
        let others = all.without(&Sums::of(group));
        let name = format!("{column}={}", group.value.as_deref().unwrap_or(""));
        let of_group = of_group(column, &Sums::of(group), &others, allowed);
        of_group.into_iter().map(move |check| Check {
            segment: Some(name.clone()),
            ..check
        })
    });
    each.collect()
}

#[derive(Clone, Copy, Default)]
struct Sums {
    rows: u64,
    called: u64,
    labelled: Option<Confusion>,
}

impl Sums {
    fn of(group: &Group) -> Sums {
        Sums {
            rows: group.rows,
            called: group.called,
            labelled: group.labelled,
        }
    }

    fn without(&self, group: &Sums) -> Sums {
        let labelled = self.labelled.map(|all| match group.labelled {
            Some(of) => combine(&all, &of, |all, of| all - of),
            None => all,
        });
        Sums {
            rows: self.rows - group.rows,
            called: self.called - group.called,
            labelled,
        }
    }
}

fn total<'a>(groups: impl Iterator<Item = &'a Group>) -> Sums {
    groups.fold(Sums::default(), |sum, group| Sums {
        rows: sum.rows + group.rows,
        called: sum.called + group.called,
        labelled: match (sum.labelled, group.labelled) {
            (Some(a), Some(b)) => Some(combine(&a, &b, |a, b| a + b)),
            (a, b) => a.or(b),
        },
    })
}

fn combine(a: &Confusion, b: &Confusion, with: impl Fn(u64, u64) -> u64) -> Confusion {
    Confusion {
        true_yes: with(a.true_yes, b.true_yes),
        false_yes: with(a.false_yes, b.false_yes),
        true_no: with(a.true_no, b.true_no),
        false_no: with(a.false_no, b.false_no),
    }
}

fn of_group(column: &str, d: &Sums, a: &Sums, allowed: &Allowed) -> Vec<Check> {
    let check = |name, n| Check::new(Area::Bias, name, column, n);
    let rows = d.rows + a.rows;
    let ci = check("ci", d.rows);
    let mut checks = vec![if rows == 0 {
        ci.without("no rows")
    } else {
        // 1 - 2 * share of d.
        let (low, high) = share(d.rows, rows).interval();
        Check {
            value: Some(1.0 - 2.0 * share(d.rows, rows).value()),
            interval: Some((1.0 - 2.0 * high, 1.0 - 2.0 * low)),
            why: Some(format!("{} rows in the group, {} in the others", d.rows, a.rows)),
            ..ci
        }
    }];
    let called = |sums: &Sums| share(sums.called, sums.rows);
    let few =
        few(called(d), "called favourable", "the group").or_else(|| few(called(a), "called favourable", "the others"));
    for name in ["dppl", "di"] {
        checks.push(match &few {
            Some(why) => check(name, d.rows).without(why),
            None if name == "di" => held(
                check(name, d.rows),
                called(d),
                called(a),
                called(d).by(called(a)),
                (allowed.ratio, 1.0 / allowed.ratio),
            ),
            None => difference(
                check(name, d.rows),
                called(d),
                called(a),
                called(a).minus(called(d)),
                allowed,
            ),
        });
    }
    if let (Some(of_d), Some(of_a)) = (d.labelled, a.labelled) {
        checks.extend(with_labels(column, &of_d, &of_a, allowed));
    }
    checks
}

/// A name, the share that it compares, and whether it is the group's minus the others'.
type Measure = (&'static str, fn(&Confusion) -> Share, bool);

const MEASURES: [Measure; 5] = [
    ("dpl", |c| share(c.true_yes + c.false_no, rows(c)), false),
    ("rd", |c| share(c.true_yes, c.true_yes + c.false_no), false),
    ("sd", |c| share(c.true_no, c.true_no + c.false_yes), true),
    ("ad", |c| share(c.true_yes + c.true_no, rows(c)), false),
    ("dar", |c| share(c.true_yes, c.true_yes + c.false_yes), false),
];

fn with_labels(column: &str, d: &Confusion, a: &Confusion, allowed: &Allowed) -> Vec<Check> {
    let labels = MEASURES[0].1;
    let few_labels = few(labels(d), "labelled favourable", "the group")
        .or_else(|| few(labels(a), "labelled favourable", "the others"));
    MEASURES
        .iter()
        .map(|&(name, of, group_first)| {
            let check = Check::new(Area::Bias, name, column, rows(d));
            let (of_d, of_a) = (of(d), of(a));
            let few_rows = [(of_d, "the group"), (of_a, "the others")]
                .into_iter()
                .find(|(share, _)| share.whole < LEAST)
                .map(|(share, who)| not_measured(&format!("{} rows in {who} that it is a share of", share.whole)));
            match few_labels.clone().or(few_rows) {
                Some(why) => check.without(why),
                None if group_first => difference(check, of_d, of_a, of_d.minus(of_a), allowed),
                None => difference(check, of_d, of_a, of_a.minus(of_d), allowed),
            }
        })
        .collect()
}

/// Why a share's group isn't measured, if it isn't.
fn few(share: Share, what: &str, who: &str) -> Option<String> {
    let least = share.part.min(share.whole - share.part);
    (least < LEAST).then(|| not_measured(&format!("{} of {} rows in {who} {what}", share.part, share.whole)))
}

fn not_measured(counts: &str) -> String {
    format!("not measured: {counts}; there must be {LEAST} of each kind")
}

fn difference(check: Check, d: Share, a: Share, figure: (f64, (f64, f64)), allowed: &Allowed) -> Check {
    held(check, d, a, figure, (-allowed.difference, allowed.difference))
}

/// Over where the whole interval is below or above what is allowed; `bar` is the end that it is nearer to.
fn held(check: Check, d: Share, a: Share, (value, interval): (f64, (f64, f64)), allowed: (f64, f64)) -> Check {
    let floor = value - allowed.0 < allowed.1 - value;
    Check {
        value: Some(value),
        bar: Some(if floor { allowed.0 } else { allowed.1 }),
        floor,
        // Of ratios; differences are nothing.
        usual: (allowed.0 > 0.0).then_some(1.0),
        noise: Some((interval.1 - interval.0) / 2.0),
        interval: Some(interval),
        over: interval.1 < allowed.0 || interval.0 > allowed.1,
        why: Some(format!(
            "{} of {} in the group, {} of {} in the others",
            d.part, d.whole, a.part, a.whole
        )),
        ..check
    }
}

fn share(part: u64, whole: u64) -> Share {
    Share { part, whole }
}

fn rows(confusion: &Confusion) -> u64 {
    confusion.true_yes + confusion.false_yes + confusion.true_no + confusion.false_no
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(value: &str, rows: u64, called: u64, labelled: Option<[u64; 4]>) -> Group {
        Group {
            value: (!value.is_empty()).then(|| value.into()),
            rows,
            called,
            labelled: labelled.map(|[true_yes, false_yes, true_no, false_no]| Confusion {
                true_yes,
                false_yes,
                true_no,
                false_no,
            }),
        }
    }

    fn of<'a>(checks: &'a [Check], name: &str, segment: &str) -> &'a Check {
        let found = checks
            .iter()
            .find(|check| check.check == name && check.segment.as_deref() == Some(segment));
        found.unwrap_or_else(|| panic!("{name} {segment} {checks:#?}"))
    }

    /// Figures by hand, with Clarify's signs: the group is called yes less often, and found less often where it deserves it.
    #[test]
    fn a_disadvantage_is_positive_and_a_ratio_below_one() {
        let groups = [
            group("F", 200, 40, Some([35, 5, 100, 60])),
            group("M", 300, 180, Some([160, 20, 100, 20])),
        ];
        let checks = checks("sex", &groups, &Allowed::default());
        let value = |name| of(&checks, name, "sex=F").value.unwrap();
        for (name, figure) in [
            ("ci", 100.0 / 500.0),
            ("dppl", 0.6 - 0.2),
            ("di", 0.2 / 0.6),
            ("dpl", 180.0 / 300.0 - 95.0 / 200.0),
            ("rd", 160.0 / 180.0 - 35.0 / 95.0),
            ("sd", 100.0 / 105.0 - 100.0 / 120.0),
            ("ad", 260.0 / 300.0 - 135.0 / 200.0),
            ("dar", 160.0 / 180.0 - 35.0 / 40.0),
        ] {
            assert!((value(name) - figure).abs() < 1e-12, "{name} {} {figure}", value(name));
        }
        let [dppl, di, dar] = ["dppl", "di", "dar"].map(|name| of(&checks, name, "sex=F"));
        assert!(dppl.over && di.over && !dar.over, "{checks:#?}");
        assert_eq!((dppl.bar, di.bar, di.floor), (Some(0.1), Some(0.8), true));
        assert_eq!(
            dppl.why.as_deref(),
            Some("40 of 200 in the group, 180 of 300 in the others")
        );
        // The other group has it the other way.
        assert!((of(&checks, "dppl", "sex=M").value.unwrap() + 0.4).abs() < 1e-12);
    }

    /// The same shares of fewer people: the interval isn't wholly outside.
    #[test]
    fn an_alarm_needs_the_whole_interval() {
        let checks = checks(
            "sex",
            &[group("F", 20, 8, None), group("M", 30, 18, None)],
            &Allowed::default(),
        );
        let dppl = of(&checks, "dppl", "sex=F");
        let (low, high) = dppl.interval.unwrap();
        assert!(
            dppl.value.unwrap() > 0.1 && low < 0.1 && high > 0.1 && !dppl.over,
            "{dppl:?}"
        );
        assert!(!of(&checks, "di", "sex=F").over);
    }

    /// A dropped small group looks perfectly fair elsewhere.
    #[test]
    fn a_small_group_is_not_measured_and_never_fair() {
        let groups = [
            group("A", 100, 50, Some([40, 10, 40, 10])),
            group("B", 9, 4, Some([3, 1, 5, 0])),
            group("", 100, 50, Some([40, 10, 40, 10])),
        ];
        let checks = checks("race", &groups, &Allowed::default());
        for name in ["dppl", "di", "rd", "sd", "ad", "dar", "dpl"] {
            let check = of(&checks, name, "race=B");
            assert_eq!((check.value, check.bar, check.over), (None, None, false));
            assert!(check.why.as_ref().unwrap().starts_with("not measured: "), "{check:?}");
            // Missing is a group.
            assert!(of(&checks, name, "race=").value.is_some());
        }
        assert_eq!(
            of(&checks, "dppl", "race=B").why.as_deref(),
            Some("not measured: 4 of 9 rows in the group called favourable; there must be 5 of each kind")
        );
    }

    #[test]
    fn one_group_alone_has_nobody_to_be_compared_with() {
        let checks = checks("sex", &[group("F", 100, 50, None)], &Allowed::default());
        assert_eq!(of(&checks, "ci", "sex=F").value, Some(-1.0));
        let why = "not measured: 0 of 0 rows in the others called favourable; there must be 5 of each kind";
        assert_eq!(of(&checks, "di", "sex=F").why.as_deref(), Some(why));
        assert_eq!(super::checks("sex", &[], &Allowed::default()), []);
        assert!(
            super::checks("sex", &[group("F", 0, 0, None)], &Allowed::default())[0]
                .value
                .is_none()
        );
    }
}
