//! What became of rows that were held against a baseline, for Prometheus: as the worker's textfile names it.

use crate::monitor::Check;
use crate::serve::live::Windows;
use crate::service::exposition::{Kind, Page};
use std::collections::HashSet;

/// So many checks of a version have series, three each: those that are over first.
const CHECKS: usize = 160;

/// How a version that is in memory is watched.
pub struct Watched {
    /// `GROUP/VERSION`
    pub model: String,
    /// `None`: it is unwatched.
    pub windows: Option<Windows>,
}

pub fn write(page: &mut Page, versions: &[Watched]) {
    let help = "1 where a version's rows are held against its baseline, 0 where they are unwatched.";
    let mut family = page.family("transform_monitor_watched", Kind::Gauge, help);
    for Watched { model, windows } in versions {
        family.sample(&[("model", model)], u8::from(windows.is_some()));
    }
    let watched = || {
        let all = versions.iter();
        all.filter_map(|Watched { model, windows }| Some((model.as_str(), windows.as_ref()?)))
    };
    let help = "Rows in the window that is judged next.";
    let mut family = page.family("transform_monitor_window_rows", Kind::Gauge, help);
    watched().for_each(|(model, windows)| family.sample(&[("model", model)], windows.open));
    let help = "Windows that were judged.";
    let mut family = page.family("transform_monitor_windows_total", Kind::Counter, help);
    watched().for_each(|(model, windows)| family.sample(&[("model", model)], windows.judged));
    let help = "Windows in which something was beyond its bar.";
    let mut family = page.family("transform_monitor_windows_over_total", Kind::Counter, help);
    watched().for_each(|(model, windows)| family.sample(&[("model", model)], windows.over));
    let judged = || watched().filter_map(|(model, windows)| Some((model, windows.last.as_ref()?)));
    let help = "When the last window was judged, in seconds since 1970.";
    let mut family = page.family("transform_monitor_last_check_timestamp_seconds", Kind::Gauge, help);
    for (model, last) in judged() {
        family.sample(&[("model", model)], last.at.as_millisecond() as f64 / 1000.0);
    }
    let checks: Vec<_> = judged()
        .map(|(model, last)| (model, computed(&last.judgement.checks)))
        .collect();
    type Figure = fn(&Check) -> Option<f64>;
    let figures: [(&str, &str, Figure); 3] = [
        (
            "transform_monitor_check_value",
            "What a check came to in the last window.",
            |check| check.value,
        ),
        (
            "transform_monitor_check_bar",
            "What the value mustn't go beyond.",
            |check| check.bar,
        ),
        ("transform_monitor_check_over", "1 where it does.", |check| {
            Some(f64::from(u8::from(check.over)))
        }),
    ];
    for (name, help, figure) in figures {
        let mut family = page.family(name, Kind::Gauge, help);
        for (model, checks) in &checks {
            for check in checks.iter().take(CHECKS) {
                if let Some(figure) = figure(check) {
                    family.sample(&labels(model, check), figure);
                }
            }
        }
    }
    let help = "Checks of the last window that have no series, for there are too many.";
    let mut family = page.family("transform_monitor_checks_left_out", Kind::Gauge, help);
    checks
        .iter()
        .for_each(|(model, checks)| family.sample(&[("model", *model)], checks.len().saturating_sub(CHECKS)));
}

/// Those that have a value; those that are over first. Each once, for a page with a series twice can't be read: an output may be
/// called as an input is.
fn computed(checks: &[Check]) -> Vec<&Check> {
    let mut computed: Vec<&Check> = checks.iter().filter(|check| check.value.is_some()).collect();
    computed.sort_by_key(|check| !check.over);
    let mut seen = HashSet::new();
    computed.retain(|check| seen.insert((check.area, check.check, &check.column, &check.segment)));
    computed
}

/// As the worker's textfile has them, which adds who wrote it.
fn labels<'a>(model: &'a str, check: &'a Check) -> [(&'a str, &'a str); 5] {
    [
        ("model", model),
        ("area", check.area.name()),
        ("check", check.check),
        ("column", &check.column),
        ("segment", check.segment.as_deref().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{Action, Area, Judgement};
    use crate::serve::live::Judged;
    use jiff::Timestamp;

    fn check(column: usize, over: bool) -> Check {
        Check {
            value: (column != 7).then_some(0.5),
            bar: Some(0.25),
            over,
            ..Check::new(Area::Data, "missing", &format!("c{column}"), 500)
        }
    }

    #[test]
    fn series_are_bounded_and_those_over_come_first() {
        let columns = (0..1000).map(|column| check(column, column >= 990));
        // An output that is called as an input is.
        let checks = columns.chain([check(999, false)]).collect();
        let last = Judged {
            at: Timestamp::from_millisecond(1500).unwrap(),
            rows: 500,
            judgement: Judgement {
                action: Action::Warn,
                checks,
            },
            over: Vec::new(),
        };
        let windows = Windows {
            open: 3,
            judged: 2,
            over: 1,
            last: Some(last.into()),
        };
        let mut page = Page::default();
        let watched = |model: &str, windows| Watched {
            model: model.into(),
            windows,
        };
        write(&mut page, &[watched("a/1", Some(windows)), watched("b/2", None)]);
        let text = page.into_text();
        for line in [
            "transform_monitor_watched{model=\"a/1\"} 1",
            "transform_monitor_watched{model=\"b/2\"} 0",
            "transform_monitor_window_rows{model=\"a/1\"} 3",
            "transform_monitor_windows_total{model=\"a/1\"} 2",
            "transform_monitor_windows_over_total{model=\"a/1\"} 1",
            "transform_monitor_last_check_timestamp_seconds{model=\"a/1\"} 1.5",
            "transform_monitor_check_over{model=\"a/1\",area=\"data\",check=\"missing\",column=\"c999\",segment=\"\"} 1",
            "transform_monitor_check_value{model=\"a/1\",area=\"data\",check=\"missing\",column=\"c0\",segment=\"\"} 0.5",
            "transform_monitor_check_bar{model=\"a/1\",area=\"data\",check=\"missing\",column=\"c0\",segment=\"\"} 0.25",
            "transform_monitor_checks_left_out{model=\"a/1\"} 839",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("column=\"c7\""));
        let series = text.lines().filter(|line| line.starts_with("transform_monitor_check_"));
        assert_eq!(series.count(), 3 * CHECKS);
    }
}
