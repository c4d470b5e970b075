use super::*;
use crate::model::{Category, Column as Output, Type};
use proptest::prelude::*;

fn numbers() -> Pairing {
    let output = [Output::plain("price".into(), Type::Float64)];
    Pairing::of(&output, &output).unwrap()
}

fn labels(probabilities: bool) -> Pairing {
    let mut label = Output::plain("churn".into(), Type::Category);
    label.categories = ["no", "yes"].map(|class| Category::Text(class.into())).into();
    let mut outputs = vec![label];
    if probabilities {
        outputs.extend(["p_no", "p_yes"].map(|name| Output::plain(name.into(), Type::Float64)));
    }
    Pairing::of(&outputs, &outputs).unwrap()
}

fn add(tally: &mut Tally, file: &str, line: u64, champion: &str, shadow: &str) {
    let cells = [champion, shadow].map(|cells| cells.split(' ').collect::<Vec<_>>());
    let record = Record {
        file,
        line,
        key: "k",
        outputs: [&cells[0], &cells[1]],
    };
    tally.add(&record).unwrap();
}

#[test]
fn rows_that_only_one_can_score_are_counted_apart() {
    let mut tally = Tally::new(numbers());
    for (line, (champion, shadow)) in (2..).zip([("1.0", "1.5"), ("", "2.0"), ("1.0", ""), ("", ""), ("NaN", "2.0")]) {
        add(&mut tally, "a.csv", line, champion, shadow);
    }
    let found = tally.finish();
    assert_eq!((found.rows, found.both), (5, 2));
    assert_eq!((found.champion_only, found.shadow_only, found.neither), (1, 1, 1));
    assert_eq!((found.columns[0].rows, found.columns[0].not_finite), (1, 1));
    assert_eq!((found.labels, found.sample), (None, None));
}

#[test]
fn labels_that_flip_are_counted_by_pair() {
    let mut tally = Tally::new(labels(true));
    add(&mut tally, "a.csv", 2, "yes 0.2 0.8", "no 0.6 0.4");
    add(&mut tally, "a.csv", 3, "no 0.9 0.1", "no 0.8 0.2");
    add(&mut tally, "a.csv", 4, "no 0.7 0.3", "no 0.7 0.3");
    let found = tally.finish();
    let labels = found.labels.unwrap();
    assert_eq!(
        (labels.flips, labels.classes),
        (1, vec!["no".to_string(), "yes".into()])
    );
    let pairs: Vec<_> = labels
        .pairs
        .iter()
        .map(|pair| (&*pair.champion, &*pair.shadow, pair.rows))
        .collect();
    assert_eq!(pairs, [("no", "no", 2), ("yes", "no", 1)]);
    let first = &found.most_different[0];
    assert_eq!(
        (first.line, first.column.as_deref(), first.difference),
        (2, Some("yes"), -0.4)
    );
    assert_eq!(
        (first.champion.label.as_deref(), first.shadow.value),
        (Some("yes"), Some(0.4))
    );
    // A row in which nothing differs is none of the most different.
    assert_eq!(found.most_different.len(), 2);
}

#[test]
fn a_label_that_is_not_decided_is_no_flip() {
    for probabilities in [true, false] {
        let mut tally = Tally::new(labels(probabilities));
        let more = if probabilities {
            ["0.5 0.5", "NaN NaN"]
        } else {
            ["", ""]
        };
        let of = |label: &str, more: &str| format!("{label} {more}").trim().to_string();
        add(&mut tally, "a.csv", 2, &of("yes", more[0]), &of("NaN", more[1]));
        add(&mut tally, "a.csv", 3, &of("NaN", more[1]), &of("NaN", more[1]));
        let found = tally.finish();
        let labels = found.labels.unwrap();
        assert_eq!((found.both, labels.flips, labels.undecided), (2, 0, 2));
        assert!(labels.pairs.is_empty());
        assert_eq!(found.most_different.len(), usize::from(!probabilities));
    }
}

#[test]
fn labels_without_probabilities_differ_by_flips_alone() {
    let mut tally = Tally::new(labels(false));
    for line in 2..40 {
        add(
            &mut tally,
            "a.csv",
            line,
            "yes",
            if line % 2 == 0 { "no" } else { "yes" },
        );
    }
    let found = tally.finish();
    assert_eq!((found.labels.unwrap().flips, found.most_different.len()), (19, 19));
    assert!(found.columns.is_empty() && found.sample.is_none());
}

#[test]
fn the_twenty_most_different_rows_are_named() {
    let mut tally = Tally::new(numbers());
    for line in 2..200 {
        // The same difference in both files.
        let shadow = format!("{}.5", line % 50);
        add(&mut tally, "b.csv", line, "0.0", &shadow);
        add(&mut tally, "a.csv", line, "0.0", &shadow);
    }
    let found = tally.finish().most_different;
    let rows: Vec<(&str, u64, f64)> = found.iter().map(|row| (&*row.file, row.line, row.difference)).collect();
    assert_eq!(rows.len(), 20);
    assert_eq!(
        rows[..4],
        [
            ("a.csv", 49, 49.5),
            ("a.csv", 99, 49.5),
            ("a.csv", 149, 49.5),
            ("a.csv", 199, 49.5)
        ]
    );
    assert_eq!((rows[4], rows[8]), (("b.csv", 49, 49.5), ("a.csv", 48, 48.5)));
}

#[test]
fn above_a_bound_rows_are_a_sample_and_counts_are_not() {
    let rows: Vec<(String, u64, String)> = (0..5_000)
        .map(|i| {
            (
                format!("{}.csv", i % 7),
                i,
                format!("{}", (i * 7919 % 1009) as f64 / 10.0),
            )
        })
        .collect();
    let of = |most, rows: &mut dyn Iterator<Item = &(String, u64, String)>| {
        let mut tally = Tally::of_at_most(most, numbers());
        rows.for_each(|(file, line, value)| add(&mut tally, file, *line, "1.25", value));
        tally.finish()
    };
    let (all, some) = (of(5_000, &mut rows.iter()), of(500, &mut rows.iter()));
    assert_eq!((all.sample, some.sample), (None, Some(500)));
    let means = |found: &Difference| {
        (
            found.columns[0].rows,
            found.columns[0].mean,
            found.columns[0].mean_absolute,
        )
    };
    assert_eq!((means(&some), &some.most_different), (means(&all), &all.most_different));
    let p99 = |found: &Difference| found.columns[0].p99_absolute.unwrap();
    assert!((p99(&some) / p99(&all) - 1.0).abs() < 0.03);
    // The files in another order: the same to the last digit.
    assert_eq!(of(500, &mut rows.iter().rev()), some);
}

#[test]
fn a_record_of_other_versions_is_an_error() {
    for (pairing, champion, shadow, why) in [
        (
            numbers(),
            "1.0 2.0",
            "1.0",
            "a.csv line 7: 2 outputs of the champion instead of 1",
        ),
        (
            numbers(),
            "1.0",
            "one",
            "a.csv line 7: \"one\" of the shadow is no number",
        ),
        (
            labels(false),
            "yes",
            "maybe",
            "a.csv line 7: \"maybe\" of the shadow is none of the classes",
        ),
    ] {
        let cells = [champion, shadow].map(|cells| cells.split(' ').collect::<Vec<_>>());
        let record = Record {
            file: "a.csv",
            line: 7,
            key: "",
            outputs: [&cells[0], &cells[1]],
        };
        let mut tally = Tally::new(pairing);
        assert_eq!(tally.add(&record).unwrap_err(), why);
        assert_eq!(tally.finish().rows, 0);
    }
}

proptest! {
    #[test]
    fn no_order_of_rows_changes_anything(
        rows in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3), 1..120),
        turn in any::<prop::sample::Index>(),
    ) {
        let of = |rows: &[(u64, (f64, f64))]| {
            let mut tally = Tally::of_at_most(50, numbers());
            for (line, (champion, shadow)) in rows {
                add(&mut tally, "a.csv", *line, &champion.to_string(), &shadow.to_string());
            }
            tally.finish()
        };
        let mut rows: Vec<(u64, (f64, f64))> = (2..).zip(rows).collect();
        let first = of(&rows);
        let turn = turn.index(rows.len());
        rows.rotate_left(turn);
        prop_assert_eq!(of(&rows), first);
    }
}
