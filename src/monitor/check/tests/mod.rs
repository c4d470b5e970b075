use super::distance::{Bins, chebyshev, kolmogorov_smirnov, robust, wasserstein};
use super::*;
use crate::monitor::ColumnCounts;
use crate::monitor::baseline::{Column, Values};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;
use std::path::Path;

mod chance_alone;

/// The cells of one column.
enum Cells {
    /// NaN is a missing one.
    Numbers(Vec<f64>),
    Texts(Vec<Option<&'static str>>),
}

impl Cells {
    fn column(&self, name: &str) -> Column {
        match self {
            Cells::Numbers(cells) => Column::of_numbers(name, cells),
            Cells::Texts(cells) => Column::of_texts(name, cells.iter().copied()),
        }
    }

    /// Counted as the pass counts them.
    fn counted(&self, column: &Column) -> ColumnCounts {
        let mut counts = ColumnCounts {
            bins: vec![0; column.counts().bins.len()],
            ..ColumnCounts::default()
        };
        match (self, &column.values) {
            (Cells::Numbers(cells), Values::Numbers { summary, .. }) => {
                let edges = summary.as_ref().map_or(&[][..], |summary| &summary.histogram.edges);
                cells.iter().for_each(|&cell| count(cell, edges, &mut counts));
            }
            (Cells::Texts(cells), Values::Categories { categories, .. }) => {
                for cell in cells {
                    let listed = |text: &str| categories.iter().position(|category| category.category == text);
                    *match cell.map(listed) {
                        None => &mut counts.missing,
                        Some(None) => &mut counts.other,
                        Some(Some(place)) => &mut counts.bins[place],
                    } += 1;
                }
            }
            _ => panic!("another kind"),
        }
        counts
    }
}

fn count(cell: f64, edges: &[f64], counts: &mut ColumnCounts) {
    if cell.is_nan() {
        counts.missing += 1;
        return;
    }
    if cell.is_infinite() {
        counts.infinite += 1;
        return;
    }
    counts.negative += u64::from(cell < 0.0);
    counts.fractional += u64::from(cell.fract() != 0.0);
    counts.sum += cell;
    let (low, high) = counts.range.unwrap_or((cell, cell));
    counts.range = Some((low.min(cell), high.max(cell)));
    match (edges.first(), edges.last()) {
        (Some(&first), Some(&last)) if cell >= first && cell <= last => {
            let bin = edges.partition_point(|&edge| edge <= cell).max(1) - 1;
            counts.bins[bin.min(edges.len() - 2)] += 1;
        }
        (Some(&first), _) if cell < first => counts.below += 1,
        _ => counts.above += 1,
    }
}

/// A baseline's columns, and the checks of others, by name: `c0`, `c1`...
fn held(known: &[Cells], later: &[Cells], bars: &Bars) -> Vec<Check> {
    let columns: Vec<Column> = known
        .iter()
        .enumerate()
        .map(|(i, cells)| cells.column(&format!("c{i}")))
        .collect();
    let baseline = Baseline::new(columns[0].count as usize, columns);
    let columns: Vec<ColumnCounts> = later
        .iter()
        .zip(&baseline.features)
        .map(|(cells, column)| cells.counted(column))
        .collect();
    let counts = Counts {
        rows: columns[0].cells(),
        columns,
        ..Counts::default()
    };
    checks(&baseline, None, &counts, bars)
}

fn one(known: Cells, later: Cells) -> Vec<Check> {
    held(&[known], &[later], &Bars::default())
}

fn of<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks
        .iter()
        .find(|check| check.check == name)
        .unwrap_or_else(|| panic!("{name} {checks:#?}"))
}

/// Evenly from 0 to 1, none of them an end.
fn even(n: usize) -> Vec<f64> {
    (0..n).map(|i| (i as f64 + 0.5) / n as f64).collect()
}

fn close(a: f64, b: f64, most: f64, what: impl std::fmt::Display) {
    assert!((a - b).abs() <= most, "{what}: {a} {b}");
}

fn counts(values: &Value) -> Vec<u64> {
    values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_u64().unwrap())
        .collect()
}

/// The contract's figures: what drifts from row 25,000 on, and nothing before. `tests/fixtures/monitor/make.py` counts.
#[test]
fn drift_of_the_car_loans() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/monitor/columns.json");
    let columns: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let bars = Bars::default();
    for (name, column) in columns.as_object().unwrap() {
        let known = counts(&column["reference"]);
        let numbers = column["edges"].is_array();
        let drifts = !["debt_to_income_ratio", "driver_tenure", "size_of_downpayment"].contains(&name.as_str());
        for (part, later) in column["parts"].as_array().unwrap().iter().enumerate() {
            let later = counts(later);
            let pair = match numbers {
                true => Bins::of_numbers(&known, &later, (0, 0)),
                false => Bins::of_categories(&known, &later, (0, 0), (0, 0)),
            };
            let (psi, what) = (pair.psi(), format!("{name} {part}"));
            let bar = bars.psi.max(pair.psi_by_chance(bars.tail(8)));
            // Of salary_range it is about 0.2.
            assert!(
                (psi > bar) == (drifts && part >= 5) || (name == "salary_range" && psi > 0.19),
                "{what} {psi}"
            );
            if !drifts || part < 5 {
                assert!(psi < 0.009, "{what} {psi}");
            }
            let (distance, exact) = match numbers {
                true => (kolmogorov_smirnov(&known, &later), column["ks"][part].as_f64()),
                false => (chebyshev(&known, &later), None),
            };
            assert!(
                exact.is_none_or(|exact| distance <= exact + 1e-12 && exact - distance < 0.007),
                "{what} {distance}"
            );
            // SageMaker's bar: it doesn't see all of these.
            let over = robust(distance, 50_000, 5_000) > bars.distance;
            assert!(!over || (drifts && part >= 5), "{what} {distance}");
            if (name.as_str(), part) == ("car_value", 5) {
                close(psi, 1.54, 0.005, &what);
                close(distance, 0.4316, 5e-5, &what);
                close(exact.unwrap(), 0.4355, 5e-5, &what);
                assert!(over);
            }
            match (name.as_str(), part) {
                ("loan_length", 5) => close(psi, 0.32, 0.005, &what),
                ("y_pred_proba", 5) => close(psi, 0.29, 0.005, &what),
                ("car_value" | "loan_length" | "y_pred_proba", ..=4) => {
                    assert!((0.0025..0.006).contains(&psi), "{what} {psi}")
                }
                _ => {}
            }
        }
    }
}

/// `scipy.stats.wasserstein_distance` of even values, shifted and stretched, is the area between two lines.
#[test]
fn cells_move_as_far_as_they_must() {
    let known = Cells::Numbers(even(10_000)).column("x");
    let Values::Numbers {
        summary: Some(summary), ..
    } = &known.values
    else {
        panic!()
    };
    let moved = |to: fn(f64) -> f64| {
        let cells = Cells::Numbers(even(10_000).into_iter().map(to).collect());
        let later = cells.counted(&known);
        let all = |counts: &ColumnCounts| {
            let inner = counts.bins.iter().copied();
            std::iter::once(counts.below)
                .chain(inner)
                .chain([counts.above])
                .collect::<Vec<u64>>()
        };
        wasserstein(
            &summary.histogram.edges,
            &all(&known.counts()),
            &all(&later),
            later.range,
            [summary.mean, later.sum / 10_000.0],
        )
    };
    close(moved(|x| x), 0.0, 1e-12, "none");
    close(moved(|x| x + 0.1), 0.1, 0.003, "shifted");
    close(moved(|x| x / 2.0), 0.25, 0.003, "stretched");
    close(moved(|x| 0.5 + (x - 0.5) / 2.0), 0.125, 0.003, "crossing");
    close(moved(|x| x + 9.0), 9.0, 1e-9, "beyond");
}

#[test]
fn a_column_without_cells_has_no_figures_and_says_why() {
    let none = || Cells::Numbers(vec![f64::NAN; 1_000]);
    // All missing then and now: nothing is new.
    let checks = one(none(), none());
    assert!(checks.iter().all(|check| !check.over), "{checks:#?}");
    assert_eq!(
        of(&checks, "psi").why.as_deref(),
        Some("the baseline has no value of it")
    );
    assert_eq!(
        of(&checks, "outside").why.as_deref(),
        Some("the baseline has no value of it")
    );
    assert_eq!(
        of(&checks, "distance").why.as_deref(),
        Some("the baseline has no value of it")
    );
    // All missing now.
    let checks = one(Cells::Numbers(even(1_000)), none());
    assert!(of(&checks, "missing").over && of(&checks, "psi").over, "{checks:#?}");
    assert_eq!(of(&checks, "distance").why.as_deref(), Some("no cell has a value"));
    // No rows at all.
    let checks = one(Cells::Numbers(even(1_000)), Cells::Numbers(vec![]));
    assert!(
        checks
            .iter()
            .all(|check| check.value.is_none() && check.why.is_some() && !check.over),
        "{checks:#?}"
    );
    assert_eq!(of(&checks, "psi").why.as_deref(), Some("no rows"));
}

#[test]
fn a_constant_has_no_distribution_but_a_range() {
    let constant = || Cells::Numbers(vec![3.0; 1_000]);
    let checks = one(constant(), constant());
    assert_eq!(
        of(&checks, "psi").why.as_deref(),
        Some("the baseline has one value only")
    );
    assert!(checks.iter().all(|check| !check.over));
    let checks = one(constant(), Cells::Numbers(even(1_000)));
    assert!(
        of(&checks, "outside").over && of(&checks, "distance").over,
        "{checks:#?}"
    );
}

#[test]
fn missing_cells_are_a_bin() {
    let part = |missing: usize| {
        let mut cells = even(10_000);
        (0..10_000)
            .filter(|i| i % 20 < missing)
            .for_each(|i| cells[i] = f64::NAN);
        Cells::Numbers(cells)
    };
    // The rest is alike: other tools say that nothing drifted.
    for known in [0, 1] {
        let checks = one(part(known), part(19));
        assert!(of(&checks, "psi").over && of(&checks, "missing").over, "{checks:#?}");
        assert!(!of(&checks, "distance").over);
    }
}

#[test]
fn categories_that_are_new_or_gone_are_seen() {
    let texts = |n: usize, of: &[&'static str]| Cells::Texts((0..n).map(|i| Some(of[i % of.len()])).collect());
    let checks = one(texts(5_000, &["a", "b", "c"]), texts(1_000, &["a", "b", "d"]));
    assert!(
        of(&checks, "unseen").over && of(&checks, "psi").over && of(&checks, "distance").over,
        "{checks:#?}"
    );
    close(of(&checks, "linf").value.unwrap(), 0.334, 1e-3, "linf");
    let checks = one(texts(5_000, &["a", "b", "c"]), texts(1_000, &["a", "b"]));
    assert!(!of(&checks, "unseen").over && of(&checks, "psi").over, "{checks:#?}");
    // A column of identifiers: each is new, now as then.
    let ids = |from: usize| {
        let names = (from..from + 900).map(|i| Some(&*format!("id{i}").leak()));
        Cells::Texts(names.collect())
    };
    let checks = one(ids(0), ids(5_000));
    assert!(checks.iter().all(|check| !check.over), "{checks:#?}");
}

#[test]
fn values_beyond_the_training_range_are_seen() {
    let checks = one(
        Cells::Numbers(even(10_000)),
        Cells::Numbers(
            even(1_000)
                .into_iter()
                .map(|x| x - 0.1)
                .chain([f64::INFINITY; 90])
                .collect(),
        ),
    );
    for name in ["outside", "negative", "infinite"] {
        assert!(of(&checks, name).over, "{checks:#?}");
    }
    let checks = one(Cells::Numbers(vec![-1.0, 1.0, 2.0]), Cells::Numbers(vec![-9.0; 3]));
    assert_eq!(
        of(&checks, "negative").why.as_deref(),
        Some("the baseline has negative ones, too")
    );
}

#[test]
fn fractions_among_whole_numbers_are_of_another_type() {
    let years = |half: bool| {
        let year = |i: usize| (i % 60) as f64 + if half && i.is_multiple_of(3) { 0.5 } else { 0.0 };
        Cells::Numbers((0..1_000).map(year).collect())
    };
    let checks = one(years(false), years(true));
    assert!(of(&checks, "type").over, "{checks:#?}");
    assert!(!of(&one(years(false), years(false)), "type").over);
    let checks = one(years(true), years(true));
    assert_eq!(
        of(&checks, "type").why.as_deref(),
        Some("the baseline has fractions, too")
    );
}

/// Eight rows, one row: nothing can be said of their distribution, and nothing is.
#[test]
fn a_handful_of_rows_is_too_few() {
    for n in [1, 8] {
        let checks = one(Cells::Numbers(even(10_000)), Cells::Numbers(even(n)));
        assert!(checks.iter().all(|check| !check.over), "{checks:#?}");
        assert_eq!(
            of(&checks, "psi").why,
            Some(format!("{n} rows are too few: there must be two bins that expect 5"))
        );
    }
}

/// A thousand columns, of which one is broken: chance isn't taken for a fault in any other.
#[test]
fn one_column_of_a_thousand_is_found() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut cells = |rows: usize| (0..rows).map(|_| random.next_u32() as f64).collect::<Vec<f64>>();
    let known: Vec<Cells> = (0..1_000).map(|_| Cells::Numbers(cells(500))).collect();
    let mut later: Vec<Vec<f64>> = (0..1_000).map(|_| cells(500)).collect();
    later[700][..100].fill(f64::NAN);
    let later: Vec<Cells> = later.into_iter().map(Cells::Numbers).collect();
    let checks = held(&known, &later, &Bars::default());
    let over: Vec<String> = checks
        .iter()
        .filter(|check| check.over)
        .map(|c| format!("{} {}", c.check, c.column))
        .collect();
    assert_eq!(over, ["missing c700", "psi c700"]);
}

/// Of many rows chance explains next to nothing; a thousandth more missing cells is no broken file.
#[test]
fn a_tiny_change_of_many_rows_is_no_alarm() {
    let known = Cells::Numbers(even(100_000)).column("c0");
    let counts = ColumnCounts {
        bins: known.counts().bins.iter().map(|count| count * 100).collect(),
        missing: 9_000,
        ..ColumnCounts::default()
    };
    let counts = Counts {
        rows: counts.cells(),
        columns: vec![counts],
        ..Counts::default()
    };
    let baseline = Baseline::new(100_000, vec![known]);
    let with = |bars: Bars| of(&checks(&baseline, None, &counts, &bars), "missing").clone();
    assert!(!with(Bars::default()).over);
    let none = Bars {
        share: 0.0,
        ..Bars::default()
    };
    assert!(with(none).over);
    // A column's own bar is what it says.
    let own = |missing| {
        let own = ColumnBars {
            missing: Some(missing),
            ..ColumnBars::default()
        };
        let columns = [("c0".to_string(), own)].into();
        with(Bars {
            columns,
            ..Bars::default()
        })
    };
    assert!(own(0.0008).over && !own(0.001).over);
    assert_eq!(own(0.001).bar, Some(0.001));
}

/// Sizes of files vary; one of another order doesn't.
#[test]
fn a_file_is_as_large_as_the_last_ones() {
    let last = [1_000, 1_100, 950, 1_020, 990, 1_300];
    for (n, over) in [
        (1_000, false),
        (400, false),
        (2_900, false),
        (300, true),
        (3_500, true),
        (0, true),
    ] {
        let check = rows(n, &last);
        assert_eq!(check.over, over, "{check:?}");
    }
    // Two weekends were small already.
    let weeks = [1_000, 1_000, 1_000, 60, 58, 1_000, 1_000, 1_000, 1_000];
    assert!(!rows(61, &weeks).over && rows(61, &weeks[..4]).why.is_some() && rows(5, &weeks).over);
    assert_eq!(rows(5, &last[..4]).why.as_deref(), Some("only 4 files before this one"));
    // Files that always differ a lot.
    assert!(!rows(30_000, &[10, 1_000, 100, 10_000, 50_000]).over);
    assert!(!rows(1, &[4, 6, 3, 5, 2]).over);
}
