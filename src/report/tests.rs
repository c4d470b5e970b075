use super::column::bins;
use super::page::page;
use super::*;
use crate::monitor::baseline::{Column, Outcomes};
use crate::monitor::check::Bars;
use crate::monitor::{Alerting, ColumnCounts, Compare, GroupCounts, SegmentCounts, Watch};
use jiff::tz::TimeZone;

const DAY: i64 = 86_400_000_000;

fn policy() -> Policy {
    Policy {
        data: Action::Hold,
        drift: Action::Warn,
        bias: Action::Warn,
        performance: Action::Warn,
        min_rows: 500,
        bars: Bars::default(),
        watch: Watch::default(),
        compare: Compare::Baseline,
        timezone: TimeZone::UTC,
        alerting: Alerting::default(),
    }
}

/// 0 to 99, ten times; `shift` is added.
fn cells(shift: f64) -> Vec<f64> {
    (0..1_000).map(|i| f64::from(i % 100) + shift).collect()
}

/// Columns of numbers with these names, and a prediction that is a number.
fn baseline(names: &[&str]) -> Baseline {
    let features = names.iter().map(|name| Column::of_numbers(name, &cells(0.0))).collect();
    Baseline {
        outcomes: Some(Outcomes {
            rows: 1_000,
            columns: vec![Column::of_numbers("prediction", &cells(0.0))],
            ..Outcomes::default()
        }),
        ..Baseline::new(1_000, features)
    }
}

/// 1,000 rows as in the baseline.
fn window(baseline: &Baseline, day: i64) -> Seen {
    Seen {
        input: Some(format!("day-{day}.csv")),
        at: day * DAY,
        of: 1_000,
        counts: Counts {
            rows: 1_000,
            columns: baseline.columns().into_iter().map(Column::counts).collect(),
            ..Counts::default()
        },
        then: Then::Baseline,
    }
}

/// All cells of a column in the first bins.
fn drift(seen: &mut Seen, column: usize) {
    let bins = &mut seen.counts.columns[column].bins;
    let all: u64 = bins.iter().sum();
    bins.fill(0);
    bins[1] = all;
}

/// A share of a column's cells is missing.
fn lose(seen: &mut Seen, column: usize, share: u64) {
    let counts = &mut seen.counts.columns[column];
    for bin in &mut counts.bins {
        let lost = *bin / share;
        *bin -= lost;
        counts.missing += lost;
    }
}

fn report(baseline: &Baseline, policy: &Policy, windows: &[Seen]) -> Report {
    Report::of(&Subject {
        model: "loans/3",
        version: 3,
        baseline,
        sha256: "5465fb73abbf0000",
        policy,
        windows,
        since: None,
        older: 0,
        kept_back: &[],
        released: &[],
        approved: &BTreeMap::new(),
        evaluation: None,
        truths: &[],
    })
}

fn changed(report: &Report) -> Vec<(&str, &str)> {
    let changes = report.changes.iter();
    changes
        .map(|change| (change.check.column.as_str(), change.check.check))
        .collect()
}

#[test]
fn what_the_policy_holds_comes_first_then_what_the_model_says_then_what_is_farthest_off() {
    let baseline = baseline(&["a", "b", "c", "d"]);
    let mut last = window(&baseline, 2);
    drift(&mut last, 0);
    lose(&mut last, 1, 3);
    // Half of it only.
    let half: u64 = last.counts.columns[2].bins[11..].iter().sum();
    last.counts.columns[2].bins[11..].fill(0);
    last.counts.columns[2].bins[1] += half;
    drift(&mut last, 4);
    let mut before = window(&baseline, 1);
    drift(&mut before, 3);
    let report = report(&baseline, &policy(), &[before, last]);
    let of_inputs: Vec<(&str, &str)> = changed(&report);
    assert_eq!(
        of_inputs[..2],
        [("b", "missing"), ("prediction", "psi")],
        "{of_inputs:?}"
    );
    let psi: Vec<&str> = of_inputs
        .iter()
        .filter(|(_, check)| *check == "psi")
        .map(|(name, _)| *name)
        .collect();
    // What is over by now comes last, however far off it was.
    assert_eq!(psi, ["prediction", "a", "c", "b", "d"], "{of_inputs:?}");
    let names: Vec<&str> = report.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["b", "prediction", "a", "c", "d"]);
    assert!(
        report
            .headline
            .contains("since 1970-01-03 00:00, day-2.csv: b, prediction, a"),
        "{}",
        report.headline
    );
}

#[test]
fn a_change_began_with_the_last_windows_in_a_row_that_are_beyond_the_bar() {
    let baseline = baseline(&["a"]);
    let mut windows: Vec<Seen> = (0..8).map(|day| window(&baseline, day)).collect();
    for day in [1, 4, 5, 6, 7] {
        drift(&mut windows[day], 0);
    }
    let found = report(&baseline, &policy(), &windows);
    let change = &found.changes[0];
    assert_eq!((change.windows, change.of, change.still), (5, 8, true));
    assert_eq!(change.since, "1970-01-05T00:00:00Z");
    // Of those five windows alone.
    assert_eq!((found.columns[0].now.cells, found.columns[0].windows), (5_000, 5));
    assert_eq!(found.columns[1].now.cells, 8_000);
    let found = report(&baseline, &policy(), &windows[..2]);
    assert!(found.changes[0].still && found.changes[0].windows == 1);
    let found = report(&baseline, &policy(), &windows[..4]);
    assert!(!found.changes[0].still && found.next[0].why == "Nothing needs doing.");
    assert!(found.headline.starts_with("a is as ever again"), "{}", found.headline);
}

#[test]
fn nothing_changed() {
    let baseline = baseline(&["a"]);
    let report = report(&baseline, &policy(), &[window(&baseline, 1), window(&baseline, 2)]);
    assert_eq!(
        report.headline,
        "Nothing changed: 2 windows with 2000 rows look like the baseline. Nothing is held."
    );
    assert_eq!(report.next[0].why, "Nothing needs doing.");
    assert!(page(&report).contains("No check was beyond its bar"));
}

#[test]
fn without_a_window_there_is_a_page_that_says_so() {
    let baseline = baseline(&["a"]);
    let report = report(&baseline, &policy(), &[]);
    assert!(
        report.headline.starts_with("Nothing was counted yet: "),
        "{}",
        report.headline
    );
    assert!(page(&report).contains("Nothing was counted yet: "));
    assert!(!page(&report).contains("<svg"));
}

#[test]
fn bins_have_their_edges_and_what_is_in_none_stands_apart() {
    let column = Column::of_numbers("x", &[0.0, 1.0, 2.0, 3.0, f64::NAN]);
    let mut now = column.counts();
    (now.below, now.above, now.infinite, now.missing) = (2, 3, 1, 0);
    let bins = bins(&column, &column.counts(), &now);
    let names: Vec<&str> = bins.iter().map(|bin| bin.name.as_str()).collect();
    assert_eq!(
        names[names.len() - 4..],
        ["(below)", "(above)", "(missing)", "(infinite)"]
    );
    let edges: Vec<(f64, f64)> = bins.iter().filter_map(|bin| bin.edges).collect();
    assert_eq!(edges.len(), names.len() - 4);
    assert_eq!((edges[0].0, edges[edges.len() - 1].1), (0.0, 3.0));
    for side in [
        bins.iter().map(|bin| bin.then).sum::<f64>(),
        bins.iter().map(|bin| bin.now).sum(),
    ] {
        assert!((side - 1.0).abs() < 1e-12, "{bins:?}");
    }
    let missing = bins.iter().find(|bin| bin.name == "(missing)").unwrap();
    assert_eq!((missing.then, missing.now), (0.2, 0.0));
}

#[test]
fn categories_that_vanished_and_new_ones_are_seen_and_the_rest_is_one_bar() {
    let names: Vec<String> = (0..20).map(|i| format!("c{i:02}")).collect();
    let column = Column::of_counts("c", names.iter().map(|name| (name.as_str(), 50)), 0, 0);
    let mut now = column.counts();
    now.bins[0] = 0;
    now.bins[19] = 500;
    now.other = 50;
    let bins = bins(&column, &column.counts(), &now);
    assert_eq!(bins.len(), 12);
    assert_eq!((bins[0].name.as_str(), bins[0].then), ("c19", 0.05));
    assert!(bins.iter().any(|bin| bin.name == "c00" && bin.now == 0.0));
    assert_eq!(bins[10].name, "(10 other categories)");
    assert_eq!((bins[11].name.as_str(), bins[11].then), ("(not in the baseline)", 0.0));
    assert!((bins.iter().map(|bin| bin.now).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_constant_an_empty_and_a_missing_column_have_pictures() {
    let constant = Column::of_numbers("constant", &[5.0; 600]);
    let empty = Column::of_numbers("empty", &[]);
    let missing = Column::of_numbers("missing", &[f64::NAN; 600]);
    let texts = Column::of_texts("texts", (0..600).map(|_| None));
    let baseline = Baseline::new(600, vec![constant, empty, missing, texts]);
    let mut seen = window(&baseline, 1);
    seen.counts.columns[0] = ColumnCounts {
        above: 600,
        sum: 3_600.0,
        range: Some((6.0, 6.0)),
        ..ColumnCounts::default()
    };
    let report = report(&baseline, &policy(), &[seen]);
    assert!(changed(&report).contains(&("constant", "outside")));
    let html = page(&report);
    assert!(
        html.contains(">constant, changed<") && !html.contains("NaN") && !html.contains("inf"),
        "{html}"
    );
}

const WILD: &str = "<script>alert(\"1\")</script>&'";

#[test]
fn no_name_is_markup() {
    let mut baseline = baseline(&[WILD]);
    baseline.rows_of = Some(WILD.into());
    let texts = (0..1_000).map(|i| Some(["a", WILD][i % 2]));
    baseline.features.push(Column::of_texts("city", texts));
    let mut seen = window(&baseline, 1);
    seen.input = Some(WILD.into());
    drift(&mut seen, 0);
    seen.counts.columns[1].bins = vec![1_000, 0];
    let group = |rows, favourable| GroupCounts {
        rows,
        favourable,
        outputs: Vec::new(),
    };
    seen.counts.segments = vec![SegmentCounts {
        column: WILD.into(),
        values: [(WILD.to_string(), group(500, 100)), ("b".into(), group(500, 400))].into(),
        ..SegmentCounts::default()
    }];
    let mut policy = policy();
    policy.watch.segments = vec![WILD.into()];
    let kept_back = [KeptBack {
        input: WILD.into(),
        action: Action::Hold,
        since: WILD.into(),
        found: WILD.into(),
        earlier: false,
    }];
    let report = Report::of(&Subject {
        model: WILD,
        version: 1,
        baseline: &baseline,
        sha256: WILD,
        policy: &policy,
        windows: &[seen],
        since: None,
        older: 3,
        kept_back: &kept_back,
        released: &[],
        approved: &BTreeMap::new(),
        evaluation: None,
        truths: &[],
    });
    let html = page(&report);
    assert!(!html.contains("<script") && !html.contains("alert(\""), "{html}");
    assert!(html.matches("&lt;script&gt;").count() > 8);
    for foreign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

/// Of two classes, each called one by rows of two groups.
#[test]
fn groups_have_their_shares_and_small_ones_are_not_measured() {
    let mut baseline = Baseline::new(1_000, vec![Column::of_numbers("a", &cells(0.0))]);
    let label = Column::of_counts("prediction", [("yes", 500), ("no", 500)], 0, 0);
    baseline.outcomes = Some(Outcomes {
        rows: 1_000,
        columns: vec![label],
        ..Outcomes::default()
    });
    let mut seen = window(&baseline, 1);
    let group = |rows, favourable| GroupCounts {
        rows,
        favourable,
        outputs: Vec::new(),
    };
    let groups = [("", group(6, 3)), ("f", group(494, 100)), ("m", group(500, 400))];
    seen.counts.segments = vec![SegmentCounts {
        column: "sex".into(),
        values: groups.map(|(name, group)| (name.to_string(), group)).into(),
        ..SegmentCounts::default()
    }];
    let mut policy = policy();
    policy.watch.segments = vec!["sex".into()];
    policy.watch.favourable = Some("yes".into());
    let found = report(&baseline, &policy, std::slice::from_ref(&seen));
    let groups = &found.segments[0].groups;
    let standings: Vec<(&str, Standing)> = groups
        .iter()
        .map(|group| (group.name.as_str(), group.standing))
        .collect();
    let (outside, unmeasured) = (Standing::Outside, Standing::Unmeasured);
    assert_eq!(standings, [("(missing)", unmeasured), ("f", outside), ("m", outside)]);
    assert!((groups[2].share.unwrap() - 0.8).abs() < 1e-12 && groups[2].interval.unwrap().0 > 0.75);
    assert!(
        found.headline.contains("2 groups of people are treated otherwise"),
        "{}",
        found.headline
    );
    assert!(page(&found).contains("not measured: 3 of 6 rows"));
    policy.watch.favourable = None;
    let found = report(&baseline, &policy, &[seen]);
    assert_eq!((&found.segments[0].favourable, found.segments[0].share), (&None, None));
    assert!(page(&found).contains("monitor.favourable doesn&#39;t say"));
}

#[test]
fn a_thousand_columns_make_a_page_of_bounded_size_that_says_what_is_left_out() {
    let names: Vec<String> = (0..1_000).map(|i| format!("column_{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let baseline = baseline(&names);
    let windows: Vec<Seen> = (0..8)
        .map(|day| {
            let mut seen = window(&baseline, day);
            (0..1_000)
                .filter(|column| column % 2 == 0)
                .for_each(|column| drift(&mut seen, column));
            seen
        })
        .collect();
    let report = report(&baseline, &policy(), &windows);
    assert!(report.changes.len() >= 500);
    let html = page(&report);
    assert!(html.len() < 1 << 20, "{}", html.len());
    assert!(html.contains("940 columns without a picture") || html.contains("941 columns without a picture"));
    assert!(html.contains("more are not shown; --json has them all"));
}

#[test]
fn the_same_counts_make_the_same_page() {
    let baseline = baseline(&["a", "b"]);
    let mut windows: Vec<Seen> = (0..5).map(|day| window(&baseline, day)).collect();
    drift(&mut windows[4], 1);
    let once = page(&report(&baseline, &policy(), &windows));
    assert_eq!(once, page(&report(&baseline, &policy(), &windows)));
}

#[test]
fn labels_measure_what_the_model_is_worth_beside_the_baseline() {
    let mut baseline = baseline(&["a"]);
    let output = [crate::model::Column::plain(
        "prediction".into(),
        crate::model::Type::Float64,
    )];
    let actual: Vec<f64> = (0..1_000).map(|i| f64::from(i % 30)).collect();
    let predicted: Vec<f64> = (actual.iter().enumerate())
        .map(|(i, y)| y + (i * 61 % 101) as f64 / 50.0 - 1.0)
        .collect();
    let truth = crate::monitor::baseline::Actual::Numbers(&actual);
    baseline.outcomes = Some(Outcomes::of(&output, &[predicted], Some(("y", truth))));
    let windows = [window(&baseline, 1), window(&baseline, 2)];
    let found = |factor: f64| {
        let mut measured = Measured::nothing(None);
        if let crate::monitor::performance::Measurement::Numbers(sums) = &mut measured.outcomes {
            let error = |i: usize| factor * ((i * 7 % 101) as f64 / 50.0 - 1.0);
            (0..500).for_each(|i| sums.count((i % 30) as f64 + error(i), (i % 30) as f64));
        }
        let truths = [Truth {
            input: "day-2.csv".into(),
            at: 2 * DAY,
            measured,
        }];
        Report::of(&Subject {
            model: "loans/3",
            version: 3,
            baseline: &baseline,
            sha256: "5465fb73abbf0000",
            policy: &policy(),
            windows: &windows,
            since: None,
            older: 0,
            kept_back: &[],
            released: &[],
            approved: &[("mae".to_string(), 0.5)].into(),
            evaluation: None,
            truths: &truths,
        })
    };
    let (as_ever, worse) = (found(1.0), found(3.0));
    let mae = |report: &Report| {
        report
            .performance
            .iter()
            .find(|worth| worth.metric == "mae")
            .unwrap()
            .clone()
    };
    assert!(!mae(&as_ever).worse && mae(&worse).worse);
    assert_eq!((mae(&worse).labelled_rows, mae(&worse).approved), (500, Some(0.5)));
    let places: Vec<bool> = mae(&worse).truths.iter().map(|point| point.value.is_some()).collect();
    assert_eq!(places, [false, true]);
    assert!(
        !as_ever.headline.contains("labels") && worse.headline.contains("By the labels that came, the model is worse")
    );
    assert!(
        worse
            .next
            .iter()
            .any(|step| step.commands.contains(&"transform train PIPELINE.toml".to_string()))
    );
    assert!(page(&worse).contains("Measured: of 500 rows whose label is known"));
}
