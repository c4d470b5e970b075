use super::*;
use crate::model::Type;
use proptest::prelude::*;

/// What is written can be read, to the bit.
fn kept(column: Column) -> Column {
    let baseline = Baseline::new(1, vec![column]);
    let read = Baseline::parse(&baseline.json()).unwrap();
    assert_eq!(read, baseline);
    read.features.into_iter().next().unwrap()
}

fn numbers(cells: &[f64]) -> Column {
    kept(Column::of_numbers("x", cells))
}

fn texts(cells: &[Option<&str>]) -> Column {
    kept(Column::of_texts("x", cells.iter().copied()))
}

fn summary(cells: &[f64]) -> Option<Summary> {
    match numbers(cells).values {
        Values::Numbers { summary, .. } => summary,
        Values::Categories { .. } => panic!("numbers"),
    }
}

#[test]
fn numbers_are_counted_and_summed_up() {
    let column = numbers(&[1.0, f64::NAN, 2.0, 3.0, f64::INFINITY, 4.0]);
    assert_eq!((column.count, column.missing), (5, 1));
    let Values::Numbers {
        infinite: 1,
        summary: Some(summary),
        whole: Some(true),
    } = column.values
    else {
        panic!()
    };
    assert_eq!(
        (summary.mean, summary.sd, summary.min, summary.max),
        (2.5, 1.25f64.sqrt(), 1.0, 4.0)
    );
    assert_eq!(
        (summary.quantiles.p25, summary.quantiles.p50, summary.quantiles.p75),
        (1.75, 2.5, 3.25)
    );
}

#[test]
fn a_column_without_numbers_has_no_summary() {
    assert_eq!(summary(&[]), None);
    assert_eq!(summary(&[f64::NAN, f64::INFINITY]), None);
}

#[test]
fn a_constant_has_one_bin_and_no_spread() {
    let summary = summary(&[0.1; 7]).unwrap();
    assert_eq!((summary.mean, summary.sd), (0.1, 0.0));
    assert_eq!(
        summary.histogram,
        Histogram {
            edges: vec![0.1, 0.1],
            counts: vec![7]
        }
    );
}

#[test]
fn one_wild_value_does_not_press_the_others_into_one_bin() {
    let mut cells: Vec<f64> = (0..1_000).map(f64::from).collect();
    cells.push(1e9);
    let histogram = summary(&cells).unwrap().histogram;
    assert_eq!(histogram.counts.len(), 20);
    assert!(*histogram.counts.iter().max().unwrap() < 70, "{histogram:?}");
}

#[test]
fn zeros_and_ones_fall_into_two_bins() {
    let cells: Vec<f64> = (0..100).map(|i| f64::from(i % 4 / 3)).collect();
    let counts = summary(&cells).unwrap().histogram.counts;
    assert_eq!((counts[0], counts[counts.len() - 1]), (75, 25));
}

#[test]
fn categories_are_counted_the_most_frequent_first() {
    let cells = ["Oslo", "Lima", "Oslo", "Ako"].map(Some);
    let column = texts(&[cells.as_slice(), &[None]].concat());
    assert_eq!((column.count, column.missing), (4, 1));
    let count = |category: &str, count| Count {
        category: category.into(),
        count,
    };
    let categories = vec![count("Oslo", 2), count("Ako", 1), count("Lima", 1)];
    assert_eq!(
        column.values,
        Values::Categories {
            distinct: 3,
            categories,
            other: 0
        }
    );
}

#[test]
fn rare_categories_beyond_a_thousand_are_other() {
    let names: Vec<String> = (0..1_500).map(|i| format!("{i:04}")).collect();
    let mut cells: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    cells.push(Some("1499"));
    let Values::Categories {
        distinct,
        categories,
        other,
    } = texts(&cells).values
    else {
        panic!()
    };
    assert_eq!((distinct, categories.len(), other), (1_500, 1_000, 501 - 1));
    assert_eq!((categories[0].category.as_str(), categories[0].count), ("1499", 2));
}

#[test]
fn json_has_stable_keys() {
    let baseline = Baseline::new(2, vec![Column::of_numbers("x", &[1.0, 3.0])]);
    let json = serde_json::to_value(baseline).unwrap();
    let feature = &json["features"][0];
    assert_eq!(
        (&json["format_version"], &feature["type"]),
        (&2.into(), &"numbers".into())
    );
    assert_eq!(feature["summary"]["quantiles"]["p50"], 2.0);
    assert_eq!(feature["summary"]["histogram"]["edges"].as_array().unwrap().len(), 21);
}

/// As training wrote it before there was a baseline.
const FORMAT_1: &[u8] = include_bytes!("../../../tests/fixtures/baseline/lines-1/profile.json");
const FORMAT_2: &[u8] = include_bytes!("../../../tests/fixtures/baseline/baseline-2.json");

fn signature(inputs: &[(&str, Type)], outputs: &[(&str, Type)]) -> Signature {
    let columns = |columns: &[(&str, Type)]| {
        let column = |(name, kind): &(&str, Type)| model::Column::plain((*name).into(), *kind);
        columns.iter().map(column).collect()
    };
    Signature {
        inputs: columns(inputs),
        outputs: columns(outputs),
    }
}

const INPUTS: [(&str, Type); 3] = [("a", Type::Float64), ("city", Type::Category), ("steps", Type::Float64)];

#[test]
fn a_profile_of_format_1_is_a_baseline() {
    let baseline = Baseline::parse(FORMAT_1).unwrap();
    assert_eq!((baseline.format_version, baseline.rows), (1, 45));
    assert_eq!(
        baseline.fits(&signature(&INPUTS, &[("prediction", Type::Float64)])),
        Ok(())
    );
    let columns = baseline.columns();
    let [a, city, steps] = &columns[..] else { panic!() };
    assert_eq!((a.count, a.missing, a.counts().bins.len()), (42, 3, 20));
    let Values::Categories {
        categories, other: 0, ..
    } = &city.values
    else {
        panic!()
    };
    let named: Vec<(&str, u64)> = categories.iter().map(|c| (c.category.as_str(), c.count)).collect();
    assert_eq!(named, [("Lima", 17), ("Köln", 14), ("Oslo", 7)]);
    assert_eq!(steps.counts().range, Some((0.0, 2.0)));
}

#[test]
fn a_baseline_of_format_2_has_outcomes_and_other_columns() {
    let baseline = Baseline::parse(FORMAT_2).unwrap();
    let names: Vec<&str> = baseline.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        ["x", "city", "prediction", "probability_no", "probability_yes", "age"]
    );
    let outputs = [
        ("prediction", Type::Category),
        ("probability_no", Type::Float64),
        ("probability_yes", Type::Float64),
    ];
    let fits = |inputs: &[(&str, Type)]| baseline.fits(&signature(inputs, &outputs));
    assert_eq!(fits(&[("x", Type::Float64), ("city", Type::String)]), Ok(()));
    assert_eq!(baseline.json(), FORMAT_2);
}

#[test]
fn a_baseline_of_a_later_format_is_refused_by_its_number() {
    let json = br#"{"format_version": 3, "features": "otherwise"}"#;
    let why = Baseline::parse(json).unwrap_err();
    assert_eq!(
        why,
        "format_version 3 of a baseline is not known to this version of transform, which knows 1 and 2"
    );
    assert!(Baseline::parse(b"{}").unwrap_err().contains("format_version"));
}

#[test]
fn a_baseline_of_another_model_is_refused_by_its_column() {
    let baseline = Baseline::parse(FORMAT_1).unwrap();
    let why = |inputs: &[(&str, Type)]| baseline.fits(&signature(inputs, &[])).unwrap_err();
    let more = [&INPUTS[..], &[("age", Type::Int64)]].concat();
    assert_eq!(
        why(&more),
        "input 4 of the model is \"age\", which the baseline doesn't have"
    );
    assert_eq!(
        why(&INPUTS[..2]),
        "the model has no input \"steps\", which the baseline has"
    );
    let swapped = [INPUTS[2], INPUTS[1], INPUTS[0]];
    assert_eq!(
        why(&swapped),
        "input 1 of the model is \"steps\", but the baseline's is \"a\""
    );
    let otherwise = [INPUTS[0], ("city", Type::Int64), INPUTS[2]];
    assert_eq!(
        why(&otherwise),
        "\"city\" are numbers to the model, but categories in the baseline"
    );
}

/// Nothing could be counted by these.
#[test]
fn a_baseline_that_contradicts_itself_is_refused() {
    let broken = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::from_slice(FORMAT_1).unwrap();
        change(&mut json);
        Baseline::parse(json.to_string().as_bytes()).unwrap_err()
    };
    for (change, expected) in [
        (
            &(|json: &mut serde_json::Value| json["features"][0]["summary"]["histogram"]["edges"][3] = 1e9.into())
                as &dyn Fn(&mut serde_json::Value),
            "of \"a\", the edges don't ascend",
        ),
        (
            &|json| json["features"][0]["summary"]["histogram"]["counts"] = vec![1].into(),
            "of \"a\", there isn't one edge more than bins",
        ),
        (
            &|json| json["features"][1]["categories"][1]["category"] = "Lima".into(),
            "of \"city\", the category \"Lima\" is listed twice",
        ),
        (
            &|json| json["features"][2]["name"] = " a".into(),
            "the column \" a\" is there twice",
        ),
    ] {
        let why = broken(change);
        assert_eq!(why, format!("not a baseline: {expected}"));
    }
}

proptest! {
    #[test]
    fn bins_hold_every_number_once(
        cells in prop::collection::vec(prop_oneof![-1e3..1e3, Just(0.0), prop::num::f64::NORMAL], 1..80),
    ) {
        let summary = summary(&cells).unwrap();
        let Histogram { edges, counts } = &summary.histogram;
        prop_assert_eq!(edges.len(), counts.len() + 1);
        prop_assert!(counts.len() <= 20);
        prop_assert_eq!((edges[0], edges[counts.len()]), (summary.min, summary.max));
        for bin in 0..counts.len() {
            let last = bin + 1 == counts.len();
            let (low, high) = (edges[bin], edges[bin + 1]);
            prop_assert!(low < high || summary.min == summary.max);
            let within = |value: &&f64| **value >= low && (**value < high || last && **value <= high);
            prop_assert_eq!(cells.iter().filter(within).count() as u64, counts[bin]);
        }
        prop_assert!(summary.mean >= summary.min && summary.mean <= summary.max);
        prop_assert!(summary.sd.is_finite());
    }
}
