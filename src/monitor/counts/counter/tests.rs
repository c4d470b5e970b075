use super::*;
use crate::model::{Category, Type};
use crate::monitor::baseline::{Histogram, Outcomes, Summary, Values};
use crate::monitor::performance::Reference;
use crate::score::Binding;

fn signature() -> Signature {
    let category = |name: &str| model::Column {
        optional: true,
        open: true,
        categories: ["a", "b", "c"].map(|c| Category::Text(c.into())).to_vec(),
        ..model::Column::plain(name.into(), Type::Category)
    };
    let number = model::Column {
        optional: true,
        ..model::Column::plain("x".into(), Type::Float64)
    };
    Signature {
        inputs: vec![number, category("k"), model::Column::plain("t".into(), Type::String)],
        outputs: vec![model::Column::plain("prediction".into(), Type::Float64)],
    }
}

fn numbers(name: &str, edges: &[f64]) -> Column {
    let summary = Summary {
        histogram: Histogram {
            edges: edges.to_vec(),
            counts: vec![1; edges.len() - 1],
        },
        ..Summary::of(edges.to_vec()).unwrap()
    };
    Column {
        values: Values::Numbers {
            infinite: 0,
            summary: Some(summary),
            whole: Some(true),
        },
        ..Column::of_numbers(name, edges)
    }
}

fn counter() -> Counter {
    let texts = |name, cells: [&str; 3]| Column::of_texts(name, cells.into_iter().map(Some));
    let features = vec![
        numbers("x", &[0.0, 1.0, 2.0]),
        texts("k", ["c", "c", "a"]),
        texts("t", ["u", "u", "v"]),
    ];
    let mut baseline = Baseline::new(3, features);
    baseline.outcomes = Some(Outcomes {
        rows: 3,
        columns: vec![numbers("prediction", &[0.0, 10.0])],
        ..Outcomes::default()
    });
    Counter::new(&baseline, Sha256Sum([7; 32]), &signature())
}

fn counts(rows: &[([&str; 3], f64)]) -> Counts {
    let names = ["x", "k", "t"].map(String::from);
    let binding = Binding::by_name(&names, &signature(), &Spelling::USUAL).unwrap();
    let mut batch = Batch::new(&binding, rows.len());
    rows.iter()
        .for_each(|(cells, _)| batch.push(&binding, &cells.map(String::from)));
    batch.end();
    let predictions: Vec<f64> = rows.iter().map(|(_, prediction)| *prediction).collect();
    let counter = counter();
    let mut counts = counter.zero();
    counter.count(&batch, &predictions, &mut Scratch::default(), &mut counts);
    counts
}

#[test]
fn cells_and_predictions_fall_into_the_bins_of_the_baseline() {
    let counts = counts(&[
        (["0.5", "a", "u"], 1.0),
        (["-3", "b", "w"], 11.0),
        (["", "", "v"], f64::NAN),
        (["2", "z", "v"], 10.0),
    ]);
    let [x, k, t, prediction] = &counts.columns[..] else {
        panic!()
    };
    assert_eq!((counts.rows, counts.bad_rows), (4, 0));
    assert_eq!((&x.bins[..], x.below, x.missing), (&[1, 1][..], 1, 1));
    assert_eq!(
        (x.negative, x.range, x.sum, x.fractional),
        (1, Some((-3.0, 2.0)), -0.5, 1)
    );
    // b is the model's and not the baseline's, z is nobody's.
    assert_eq!((&k.bins[..], k.other, k.missing), (&[0, 1][..], 2, 1));
    assert_eq!((&t.bins[..], t.other), (&[1, 2][..], 1));
    assert_eq!(
        (&prediction.bins[..], prediction.above, prediction.missing),
        (&[2][..], 1, 1)
    );
}

#[test]
fn of_a_bad_row_the_cell_that_made_it_bad_is_counted_alone() {
    let counts = counts(&[(["oops", "a", "u"], 1.0), (["1", "a", "u"], 2.0)]);
    let [x, k, t, prediction] = &counts.columns[..] else {
        panic!()
    };
    assert_eq!((counts.rows, counts.bad_rows, x.bad, x.cells()), (2, 1, 1, 1));
    assert_eq!((k.bins[1], t.bins[0], prediction.cells()), (1, 1, 1));
}

/// Of labels "no" and "yes", and a probability of each.
fn of_labels() -> (Signature, Baseline, Watch) {
    let label = model::Column {
        categories: ["no", "yes"].map(|c| Category::Text(c.into())).to_vec(),
        ..model::Column::plain("prediction".into(), Type::Category)
    };
    let probability = |name: &str| model::Column::plain(name.into(), Type::Float64);
    let signature = Signature {
        inputs: vec![model::Column::plain("x".into(), Type::Float64)],
        outputs: vec![label, probability("no"), probability("yes")],
    };
    let mut baseline = Baseline::new(3, vec![numbers("x", &[0.0, 100.0])]);
    let scores: Vec<f64> = (0..120).map(|i| f64::from(i % 4) / 4.0).collect();
    let labels: Vec<usize> = (0..120).map(|i| usize::from(i % 4 > 1)).collect();
    baseline.outcomes = Some(Outcomes {
        performance: Reference::of(&[&scores], &labels, &labels),
        ..Outcomes::default()
    });
    let watch = Watch {
        segments: vec!["sex".into()],
        favourable: Some("yes".into()),
        ..Watch::default()
    };
    (signature, baseline, watch)
}

#[test]
fn labels_are_tallied_by_the_score_of_yes_and_by_group() {
    let (signature, baseline, watch) = of_labels();
    let counter = Counter::new(&baseline, Sha256Sum([7; 32]), &signature).watching(&watch, &baseline, &signature);
    assert_eq!(counter.observed(), ["sex"]);
    let rows = [("1", "f"), ("2", "m"), ("oops", "f"), ("4", "f"), ("5", ""), ("6", "m")];
    let binding = Binding::by_name(&["x".into()], &signature, &Spelling::USUAL).unwrap();
    let mut batch = Batch::new(&binding, rows.len());
    rows.iter().for_each(|(x, _)| batch.push(&binding, &[x.to_string()]));
    batch.end();
    let yes = [0.0, 0.25, 0.5, 0.6, 0.9, f64::NAN];
    let no = yes.map(|yes| 1.0 - yes);
    let predictions = [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0], no, yes].concat();
    let observed = Observed {
        spelling: &Spelling::USUAL,
        cell: &|_, row| Some(rows[row].1.as_bytes().into()),
    };
    let mut counts = counter.zero();
    counter.count_observed(&batch, &predictions, &observed, &mut Scratch::default(), &mut counts);
    // By the four scores of the baseline; the bad row and the one without a score are left out.
    let [tally] = &counts.tallies[..] else { panic!() };
    assert_eq!(
        (&tally.called[..], &tally.other[..]),
        (&[0, 0, 1, 1][..], &[1, 1, 0, 0][..])
    );
    let groups = counts.segments[0].values.iter();
    let groups: Vec<_> = groups
        .map(|(value, group)| (value.as_str(), group.rows, group.favourable))
        .collect();
    assert_eq!(groups, [("", 1, 1), ("f", 2, 1), ("m", 2, 1)]);
    let (f, m) = (&counts.segments[0].values["f"], &counts.segments[0].values["m"]);
    assert_eq!((f.outputs[2].range, m.outputs[2].missing), (Some((0.0, 0.6)), 1));
    // Nobody's label is good for nobody.
    let watch = Watch {
        favourable: Some("maybe".into()),
        ..watch
    };
    let other = Counter::new(&baseline, Sha256Sum([7; 32]), &signature).watching(&watch, &baseline, &signature);
    assert_eq!((other.favourable, counter.favourable), (None, Some(1.0)));
}

#[test]
fn other_columns_fall_into_the_bins_of_the_baseline_and_make_no_row_bad() {
    let (signature, mut baseline, _) = of_labels();
    baseline.others = vec![numbers("age", &[0.0, 10.0, 20.0]), numbers("size", &[0.0, 1.0])];
    let watch = Watch {
        columns: vec!["size".into(), " age ".into()],
        ..Watch::default()
    };
    let counter = Counter::new(&baseline, Sha256Sum([7; 32]), &signature).watching(&watch, &baseline, &signature);
    assert_eq!(counter.observed(), ["size", "age"]);
    let cells = ["5,5", "old", "15", "NA", "-1"];
    let binding = Binding::by_name(&["x".into()], &signature, &Spelling::USUAL).unwrap();
    let mut batch = Batch::new(&binding, cells.len());
    cells.iter().for_each(|_| batch.push(&binding, &["1".into()]));
    let observed = Observed {
        spelling: &Spelling::usual(true),
        cell: &|column, row| (column == 1).then(|| cells[row].as_bytes().into()),
    };
    let mut counts = counter.zero();
    counter.count_observed(&batch, &[0.0; 15], &observed, &mut Scratch::default(), &mut counts);
    let (age, size) = (&counts.columns[4], &counts.columns[5]);
    assert_eq!((counts.bad_rows, age.bad, age.missing, age.below), (0, 1, 1, 1));
    assert_eq!((&age.bins[..], age.range), (&[1, 1][..], Some((-1.0, 15.0))));
    // It isn't there.
    assert_eq!((size.cells(), size.bad), (0, 0));
}

#[test]
fn parts_add_up_to_the_whole() {
    let rows = [(["0.5", "a", "u"], 1.0), (["7", "c", "v"], 2.0), (["x", "a", "u"], 3.0)];
    let mut sum = counts(&rows[..1]);
    sum.add(&counts(&rows[1..]));
    assert_eq!(sum, counts(&rows));
}
