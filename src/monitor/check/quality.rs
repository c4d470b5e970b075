//! Are cells broken: missing, unreadable, beyond what the model was trained on?

use super::chance::{excess, most};
use super::{Area, Bars, Check, ColumnBars, Pair};
use crate::monitor::Counts;
use crate::monitor::baseline::{Column, Values};

/// Files before this one, for [`rows`].
const FILES_MIN: usize = 5;
/// A file a third as large as usual, or three times, is never unusual.
const FACTOR: f64 = 3.0;
/// Sizes of files scatter far more than chance explains: so many of their own deviations.
const DEVIATIONS: f64 = 6.0;

/// How many of these checks a column has.
pub(super) fn checks_of(column: &Column) -> usize {
    if column.is_numbers() { 6 } else { 3 }
}

/// Shares of cells: `missing` and `bad`; of numbers `infinite`, `outside` (of the baseline's range), `negative` and `type` (fractions
/// where all of the baseline's are whole); of categories `unseen`. Each has the usual share and what chance adds as its bar.
pub(super) fn of_column(pair: &Pair, bars: &Bars, own: &ColumnBars, tail: f64) -> Vec<Check> {
    let &Pair {
        column,
        ref known,
        known_rows,
        later: counts,
        later_rows,
    } = pair;
    let (cells, present) = (counts.cells(), counts.present());
    let (of, known_present) = (known.cells(), known.present());
    let share = |check, bar: Option<f64>, later: (u64, u64), known: (u64, u64)| {
        let check = Check::new(Area::Data, check, &column.name, later.1);
        share_of(check, later, known, bar, bars.share, tail, 1)
    };
    let mut checks = vec![
        share("missing", own.missing, (counts.missing, cells), (known.missing, of)),
        share("bad", own.bad, (counts.bad, later_rows), (known.bad, known_rows)),
    ];
    match &column.values {
        Values::Numbers { summary, whole, .. } => {
            checks.push(share(
                "infinite",
                own.infinite,
                (counts.infinite, cells),
                (known.infinite, of),
            ));
            let check = |name| Check::new(Area::Data, name, &column.name, present);
            let Some(summary) = summary else {
                let why = "the baseline has no value of it";
                checks.extend(["outside", "negative", "type"].map(|name| check(name).without(why)));
                return checks;
            };
            let outside = (counts.below + counts.above, present);
            // Either end may be passed.
            checks.push(share_of(
                check("outside"),
                outside,
                (known.below + known.above, known_present),
                own.outside,
                bars.share,
                tail,
                2,
            ));
            checks.push(if summary.min < 0.0 {
                check("negative").without("the baseline has negative ones, too")
            } else {
                share(
                    "negative",
                    own.negative,
                    (counts.negative, present),
                    (known.negative, known_present),
                )
            });
            checks.push(match whole {
                Some(true) => share(
                    "type",
                    own.r#type,
                    (counts.fractional, present),
                    (known.fractional, known_present),
                ),
                Some(false) => check("type").without("the baseline has fractions, too"),
                None => check("type").without("whether the baseline's are whole isn't known"),
            });
        }
        Values::Categories { categories, other, .. } => {
            // As likely as the next row of the baseline was a category's first (Good 1953), or one of those that it doesn't list.
            let once = categories.iter().filter(|category| category.count == 1).count() as u64;
            let check = share(
                "unseen",
                own.unseen,
                (counts.other, present),
                (once + known.other, known_present),
            );
            checks.push(match *other {
                0 => check,
                _ => Check {
                    why: check
                        .why
                        .clone()
                        .or_else(|| Some("with those that the baseline has but doesn't list".into())),
                    ..check
                },
            });
        }
    }
    checks
}

/// Rows that can't be scored, for a cell or as a whole. The baseline is of rows that could be.
pub(super) fn bad_rows(all: &Counts, usual: Option<&Counts>, bars: &Bars, tail: f64) -> Check {
    let check = Check::new(Area::Data, "bad_rows", "", all.rows);
    // Of none that can't be in so many as it takes to know it.
    share_of(
        check,
        (all.bad_rows, all.rows),
        usual.map_or((0, all.rows), |usual| (usual.bad_rows, usual.rows)),
        None,
        bars.share,
        tail,
        1,
    )
}

/// A share of `later.0` in `later.1`, where the baseline has `known.0` in `known.1`. `ends`: the marked ones are the extremes of so
/// many ends of an order.
fn share_of(
    check: Check,
    later: (u64, u64),
    known: (u64, u64),
    own: Option<f64>,
    least: f64,
    tail: f64,
    ends: u32,
) -> Check {
    if later.1 == 0 {
        return check.without("no cells");
    }
    let whole = later.1 as f64;
    let value = later.0 as f64 / whole;
    if known.1 == 0 && own.is_none() {
        return check
            .shown(value, None)
            .without("the baseline has no cells to compare with");
    }
    let usual = if known.1 > 0 {
        known.0 as f64 / known.1 as f64
    } else {
        0.0
    };
    // Of all ways to part the count among the ends one must come true.
    let chance =
        |count: u64| excess(count, later.1, known.0, known.1) * if ends == 2 { count as f64 + 1.0 } else { 1.0 };
    let by_chance = most(later.1, tail, chance) as f64 / whole;
    let bar = own.unwrap_or_else(|| by_chance.max(usual + least).min(1.0));
    Check {
        usual: Some(usual),
        ..check.held(value, bar, (by_chance - usual).max(0.0))
    }
}

/// Rows of a file whose key stood before in it.
pub fn duplicates(key: &str, rows: u64, counts: &Counts, bars: &Bars) -> Check {
    let check = Check::new(Area::Data, "duplicates", key, rows);
    match counts.duplicates {
        None => check.without("the file doesn't have this column"),
        Some(_) if rows == 0 => check.without("no rows"),
        Some(duplicates) => check.held(duplicates as f64 / rows as f64, bars.share, 0.0),
    }
}

/// Watched columns that a file doesn't have; and, shown only, columns that the baseline's rows didn't have: the model doesn't take
/// them.
pub fn columns(rows: u64, counts: &Counts) -> [Check; 2] {
    let check = |name, columns: &[String]| Check::new(Area::Data, name, &columns.join(", "), rows);
    let missing = check("columns_missing", &counts.absent);
    let new = check("columns_new", &counts.added);
    [
        missing.held(counts.absent.len() as f64, 0.0, 0.0),
        new.shown(counts.added.len() as f64, None),
    ]
}

/// How large a file is beside the last ones: its rows by their median. Over where it is farther from it, up or down, than by a factor
/// of 3, of six of their own deviations (1.4826 times the median distance of the logarithms) and of what chance adds to few rows; and
/// fewer than two of them are about as large.
pub fn rows(rows: u64, last: &[u64]) -> Check {
    let check = Check::new(Area::Data, "rows", "", rows);
    if last.len() < FILES_MIN {
        return check.without(format!("only {} files before this one", last.len()));
    }
    let logarithm = |rows: u64| (rows.max(1) as f64).ln();
    let usual = median(last.iter().map(|&rows| logarithm(rows)).collect());
    let spread = 1.4826 * median(last.iter().map(|&rows| (logarithm(rows) - usual).abs()).collect());
    let noise = DEVIATIONS * (spread * spread + (-usual).exp()).sqrt();
    let far = noise.max(FACTOR.ln());
    let distance = rows.max(1) as f64 / usual.exp();
    let floor = distance < 1.0;
    // Weekends are small, and so were the last two.
    let alike = |last: &&u64| (logarithm(**last) - logarithm(rows)).abs() <= FACTOR.ln();
    let alike = last.iter().filter(alike).count();
    let bar = if floor { -far } else { far }.exp();
    Check {
        value: Some(rows as f64 / usual.exp()),
        bar: Some(bar),
        floor,
        usual: Some(1.0),
        noise: Some(noise.exp() - 1.0),
        over: alike < 2 && if floor { distance < bar } else { distance > bar },
        why: (alike >= 2).then(|| format!("{alike} of the last {} were about as large", last.len())),
        ..check
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    crate::quantile::quantile(&values, 0.5)
}
