//! When people are told: an alert opens where a check was beyond its bar in several of the last windows, and closes where it is well
//! within again. A result is held by its own window alone, whatever is open.

use super::check::{Area, Check, title};
use super::policy::Policy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// So many windows in which a check doesn't occur at all, and it is forgotten: its column is watched no more, or its group is gone.
const FORGOTTEN: u32 = 30;

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    pub area: Area,
    pub check: String,
    /// Empty: all of them.
    pub column: String,
    pub segment: Option<String>,
}

/// A check that was beyond its bar in one of the last windows.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// A bit for each of the last windows in which it could be computed: was it beyond its bar? The last one is the lowest.
    pub recent: u32,
    /// Since when the alert is open, in microseconds since 1970; none: it isn't.
    pub since: Option<i64>,
    /// When it was computed last, and what it came to.
    pub at: i64,
    pub value: f64,
    pub bar: f64,
    /// Windows since then in which it didn't occur.
    pub absent: u32,
}

/// Of one version, held against one baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts(pub BTreeMap<Subject, State>);

/// What people are told.
#[derive(Debug, PartialEq)]
pub enum Change<'a> {
    Opened(&'a Check),
    /// It was open since then.
    Closed(&'a Check, i64),
    /// It isn't looked at any more.
    Ended(Subject, State),
}

/// A window that was judged.
pub struct Judged<'a> {
    pub checks: &'a [Check],
    /// So many of them, the first ones, are beyond their bars in a way that matters.
    pub relevant: usize,
    /// Were all checks made? Of a small file its size alone is looked at.
    pub whole: bool,
    /// In microseconds since 1970.
    pub at: i64,
}

impl Subject {
    pub fn of(check: &Check) -> Subject {
        Subject {
            area: check.area,
            check: check.check.into(),
            column: check.column.clone(),
            segment: check.segment.clone(),
        }
    }
}

/// `psi of x in sex=f`
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&title(&self.check, &self.column, self.segment.as_deref()))
    }
}

impl Alerts {
    /// Takes what a window came to. A check that can't be computed neither opens nor closes; one that is beyond its bar in a way
    /// that is no news doesn't either.
    pub fn take<'a>(&mut self, window: &Judged<'a>, policy: &Policy) -> Vec<Change<'a>> {
        let (mut changes, mut seen) = (Vec::new(), BTreeSet::new());
        if window.whole {
            self.0.values_mut().for_each(|state| state.absent += 1);
        }
        for (i, check) in window.checks.iter().enumerate() {
            let over = i < window.relevant;
            if !over && self.0.is_empty() {
                continue;
            }
            let subject = Subject::of(check);
            // An output may be called as an input is; the one that is beyond its bar stands first.
            if !seen.insert(subject.clone()) {
                continue;
            }
            if let Some(state) = self.0.get_mut(&subject) {
                state.absent = 0;
            }
            let (Some(value), Some(bar)) = (check.value, check.bar) else {
                continue;
            };
            if over || !check.over {
                changes.extend(self.step(subject, check, (value, bar), over, window.at, policy));
            }
        }
        let ended = |subject: &Subject, state: &State| {
            state.absent >= FORGOTTEN || policy.action(subject.area) == super::Action::Off
        };
        self.0.retain(|subject, state| {
            let ended = ended(subject, state);
            if ended && state.since.is_some() {
                changes.push(Change::Ended(subject.clone(), state.clone()));
            }
            !ended
        });
        changes
    }

    fn step<'a>(
        &mut self,
        subject: Subject,
        check: &'a Check,
        (value, bar): (f64, f64),
        over: bool,
        at: i64,
        policy: &Policy,
    ) -> Option<Change<'a>> {
        let alerting = &policy.alerting;
        let before = self.0.get(&subject);
        let mut state = State {
            recent: before.map_or(0, |state| state.recent) << 1 | u32::from(over),
            since: before.and_then(|state| state.since),
            at,
            value,
            bar,
            absent: 0,
        };
        state.recent &= ((1u64 << alerting.of) - 1) as u32;
        let mut change = None;
        if state.since.is_none() && over && state.recent.count_ones() >= alerting.over {
            state.since = Some(at);
            change = Some(Change::Opened(check));
        } else if let Some(since) = state.since
            && !over
            && is_well_within(check, (value, bar), alerting.close)
        {
            // What was before it closed opens it no second time.
            (state.since, state.recent) = (None, 0);
            change = Some(Change::Closed(check, since));
        }
        match state.since.is_none() && state.recent == 0 {
            true => drop(self.0.remove(&subject)),
            false => drop(self.0.insert(subject, state)),
        }
        change
    }

    pub fn open(&self) -> impl Iterator<Item = (&Subject, &State)> {
        self.0.iter().filter(|(_, state)| state.since.is_some())
    }
}

/// Is it farther from its bar than a share of the way to what is usual? Where that is nothing, as of a share of cells or a drift:
/// below `close` of the bar.
fn is_well_within(check: &Check, (value, bar): (f64, f64), close: f64) -> bool {
    let usual = match check.usual {
        Some(usual) => usual,
        // Nobody knows what is usual: above the bar by as much as others are below it.
        None if check.floor => return value > bar + (1.0 - close) * bar.abs(),
        None => 0.0,
    };
    // A bar of a column's own may be nearer to nothing than what is usual.
    let beyond = if check.floor { usual < bar } else { usual > bar };
    let usual = if beyond { 0.0 } else { usual };
    let better = !beyond && if check.floor { value >= usual } else { value <= usual };
    let (distance, most) = ((value - usual).abs(), (bar - usual).abs());
    !check.over && (better || distance < close * most)
}

/// One of the last window's checks, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub area: Area,
    pub check: String,
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    pub n: u64,
    pub value: Option<f64>,
    pub bar: Option<f64>,
    pub noise: Option<f64>,
    pub over: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Seen {
    pub fn of(check: &Check) -> Seen {
        let check = check.clone();
        Seen {
            area: check.area,
            check: check.check.into(),
            column: check.column,
            segment: check.segment,
            n: check.n,
            value: check.value,
            bar: check.bar,
            noise: check.noise,
            over: check.over,
            why: check.why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::check::Bars;
    use crate::monitor::{Action, Alerting, Compare, Watch};
    use jiff::tz::TimeZone;

    fn policy(data: Action) -> Policy {
        Policy {
            data,
            drift: Action::Warn,
            bias: Action::Off,
            performance: Action::Off,
            min_rows: 500,
            bars: Bars::default(),
            watch: Watch::default(),
            compare: Compare::Baseline,
            timezone: TimeZone::UTC,
            alerting: Alerting::default(),
        }
    }

    /// Of drift of `x` beside this bar.
    fn check(value: Option<f64>, bar: f64) -> Check {
        Check {
            value,
            bar: Some(bar),
            over: value.is_some_and(|value| value > bar),
            ..Check::new(Area::Drift, "psi", "x", 500)
        }
    }

    /// What changes in each window of one check: `+` opens, `-` closes, `.` nothing.
    fn story(windows: &[Check]) -> String {
        let mut alerts = Alerts::default();
        let each = windows.iter().enumerate().map(|(at, check)| {
            let window = Judged {
                checks: std::slice::from_ref(check),
                relevant: usize::from(check.over),
                whole: true,
                at: at as i64,
            };
            match alerts.take(&window, &policy(Action::Off))[..] {
                [] => '.',
                [Change::Opened(_)] => '+',
                [Change::Closed(..)] => '-',
                ref other => panic!("{other:?}"),
            }
        });
        each.collect()
    }

    fn psi(values: &[f64]) -> String {
        let windows: Vec<Check> = values.iter().map(|&value| check(Some(value), 0.2)).collect();
        story(&windows)
    }

    #[test]
    fn two_of_three_windows_open_it_and_one_does_not() {
        assert_eq!(psi(&[0.3, 0.3]), ".+");
        assert_eq!(psi(&[0.3, 0.1, 0.3]), "..+");
        assert_eq!(psi(&[0.3, 0.1, 0.1, 0.3, 0.1, 0.1, 0.3]), ".......");
    }

    #[test]
    fn it_closes_below_four_fifths_of_the_bar_and_is_told_of_once() {
        assert_eq!(psi(&[0.3, 0.3, 0.3, 0.19, 0.3, 0.18, 0.161, 0.159]), ".+.....-");
        // Two windows more open it again.
        assert_eq!(psi(&[0.3, 0.3, 0.1, 0.3, 0.1, 0.3]), ".+-..+");
        assert_eq!(psi(&[0.3, 0.3, 0.0]), ".+-");
    }

    #[test]
    fn what_can_not_be_computed_neither_opens_nor_closes() {
        let over = || check(Some(0.3), 0.2);
        let none = || check(None, 0.2);
        assert_eq!(
            story(&[over(), none(), none(), none(), over(), none(), check(Some(0.1), 0.2)]),
            "....+.-"
        );
    }

    #[test]
    fn a_floor_is_left_upwards_by_a_share_of_the_way_to_what_is_usual() {
        let accuracy = |value: f64| Check {
            floor: true,
            over: value < 0.90,
            usual: Some(0.95),
            ..check(Some(value), 0.90)
        };
        let windows = [0.85, 0.85, 0.905, 0.909, 0.911].map(accuracy);
        assert_eq!(story(&windows), ".+..-");
        let bare = [0.3, 0.3, 0.45, 0.55, 0.61].map(|value| Check {
            floor: true,
            over: value < 0.5,
            ..check(Some(value), 0.5)
        });
        assert_eq!(story(&bare), ".+..-");
        // A value that is too good by as much isn't well within, and with a bar of nothing there is none below it.
        assert_eq!(
            story(&[check(Some(0.1), 0.0), check(Some(0.1), 0.0), check(Some(0.0), 0.0)]),
            ".+-"
        );
    }

    #[test]
    fn what_is_no_news_and_what_nobody_looks_at_any_more() {
        let over = check(Some(0.3), 0.2);
        let mut alerts = Alerts::default();
        let window = |checks, relevant| Judged {
            checks,
            relevant,
            whole: true,
            at: 1,
        };
        let checks = std::slice::from_ref(&over);
        assert_eq!(alerts.take(&window(checks, 0), &policy(Action::Off)), []);
        assert_eq!(alerts, Alerts::default());
        alerts.take(&window(checks, 1), &policy(Action::Off));
        assert_eq!(
            alerts.take(&window(checks, 1), &policy(Action::Off)),
            [Change::Opened(&over)]
        );
        for _ in 1..FORGOTTEN {
            assert_eq!(alerts.take(&window(&[], 0), &policy(Action::Off)), []);
        }
        assert!(matches!(
            alerts.take(&window(&[], 0), &policy(Action::Off))[..],
            [Change::Ended(..)]
        ));
        assert_eq!(alerts, Alerts::default());
    }

    #[test]
    fn an_area_that_is_off_has_no_alerts() {
        let broken = Check {
            area: Area::Data,
            ..check(Some(0.3), 0.2)
        };
        let window = |relevant| Judged {
            checks: std::slice::from_ref(&broken),
            relevant,
            whole: true,
            at: 1,
        };
        let mut alerts = Alerts::default();
        alerts.take(&window(1), &policy(Action::Warn));
        alerts.take(&window(1), &policy(Action::Warn));
        assert_eq!(alerts.open().count(), 1);
        assert_eq!(alerts.take(&window(0), &policy(Action::Off)).len(), 1);
        assert_eq!(alerts, Alerts::default());
    }
}
