use super::super::Values;
use super::sketch::Sketch;
use super::*;
use crate::model::Category;
use crate::quantile::quantile;
use proptest::prelude::*;
use serde_json::json;

const STATISTICS: &[u8] = include_bytes!("../../../../tests/fixtures/sagemaker/statistics.json");
const CONSTRAINTS: &[u8] = include_bytes!("../../../../tests/fixtures/sagemaker/constraints.json");

fn signature(inputs: &[(&str, Type)]) -> Signature {
    let column = |(name, kind): &(&str, Type)| model::Column::plain((*name).into(), *kind);
    Signature {
        inputs: inputs.iter().map(column).collect(),
        outputs: vec![column(&("y", Type::Int64))],
    }
}

fn categories(column: &Column) -> Vec<(&str, u64)> {
    match &column.values {
        Values::Categories { categories, .. } => categories.iter().map(|c| (c.category.as_str(), c.count)).collect(),
        Values::Numbers { .. } => panic!("numbers"),
    }
}

#[test]
fn statistics_are_the_baseline_that_the_rows_would_have_been() {
    let signature = signature(&[("city", Type::String), ("a", Type::Float64)]);
    let Imported { baseline, remarks } = import(STATISTICS, Some(CONSTRAINTS), &signature).unwrap();
    assert_eq!(baseline.fits(&signature), Ok(()));
    assert_eq!(Baseline::parse(&baseline.json()).unwrap(), baseline);
    let [city, a] = &baseline.features[..] else { panic!() };
    // Rome is in the domain alone; what is listed nowhere is `other`.
    assert_eq!(
        categories(city),
        [("Oslo", 80), ("Lima", 70), ("Bergen", 40), ("Rome", 0)]
    );
    assert_eq!((city.count, city.missing), (190, 10));
    let rows: Vec<f64> = (0..200).map(|i| f64::from(i % 40)).collect();
    let of_rows = Column::of_numbers("a", &rows);
    let (
        Values::Numbers { summary: Some(a), .. },
        Values::Numbers {
            summary: Some(rows), ..
        },
    ) = (&a.values, of_rows.values)
    else {
        panic!()
    };
    assert_eq!((&a.histogram, &a.quantiles), (&rows.histogram, &rows.quantiles));
    assert!((a.mean - rows.mean).abs() < 1e-9 && (a.sd - rows.sd).abs() < 1e-9);
    // The target is an output of this model.
    assert_eq!(baseline.outcomes.unwrap().columns[0].count, 200);
    let bars = "not taken from constraints.json, for bars are set in [monitor]: ";
    let found = remarks.iter().find_map(|remark| remark.strip_prefix(bars)).unwrap();
    for bar in [
        "comparison_threshold = 0.1",
        "comparison_method = Robust",
        "perform_comparison = true",
        "datatype_check_threshold = 1.0",
        "domain_content_threshold = 0.9 of \"city\"",
        "comparison_method = Robust of \"city\"",
        "is_non_negative = false of \"a\"",
        "comparison_threshold = 0.2 of \"a\"",
    ] {
        assert!(found.contains(bar), "{bar}: {found}");
    }
    assert!(remarks[0].contains("\"seen_at\""), "{remarks:?}");
}

fn of(feature: Value, kind: Type) -> (Column, Vec<String>) {
    let column = match kind {
        Type::Category => model::Column {
            categories: vec![Category::Integer(0), Category::Integer(1)],
            ..model::Column::plain("x".into(), kind)
        },
        kind => model::Column::plain("x".into(), kind),
    };
    let signature = Signature {
        inputs: vec![column],
        outputs: Vec::new(),
    };
    let text = json!({"version": 0, "features": [feature]}).to_string();
    let Imported { baseline, remarks } = import(text.as_bytes(), None, &signature).unwrap();
    assert_eq!(baseline.fits(&signature), Ok(()));
    assert_eq!(baseline.check(), Ok(()));
    (baseline.features.into_iter().next().unwrap(), remarks)
}

fn numbers(kll: Value) -> Value {
    json!({"name": "x", "inferred_type": "Fractional", "numerical_statistics": {
        "common": {"num_present": 7e0, "num_missing": "3"}, "mean": "2.0", "std_dev": "NaN", "min": 0, "max": 9.5,
        "distribution": {"kll": kll}}})
}

/// An item of level 2 stands for four numbers.
#[test]
fn a_sketch_of_several_levels_is_evaluated_at_any_edge() {
    let sketch = Sketch::read(&json!([[5.0], [1.0, 7], ["3", "oops"]])).unwrap();
    assert_eq!((sketch.count(), sketch.whole), (9, false));
    for (edge, below) in [(0.0, 0), (1.0, 0), (1.5, 2), (3.0, 2), (3.5, 6), (5.5, 7), (9.0, 9)] {
        assert_eq!(sketch.below(edge), below, "{edge}");
    }
    let (column, remarks) = of(
        numbers(json!({"sketch": {"data": [[5.0], [1.0, 7], ["3"]]}})),
        Type::Float64,
    );
    let counts = column.counts();
    assert_eq!((counts.range, counts.bins.iter().sum()), (Some((0.0, 9.5)), 9u64));
    assert_eq!((column.count, column.missing, remarks), (7, 3, Vec::<String>::new()));
}

#[test]
fn without_a_sketch_the_ten_buckets_are_the_bins() {
    let bucket =
        |lower: f64, upper: f64, count: f64| json!({"lower_bound": lower, "upper_bound": upper, "count": count});
    let (column, _) = of(
        numbers(json!({"buckets": [bucket(0.0, 1.0, 3.0), bucket(1.0, 2.0, 4e0)]})),
        Type::Float64,
    );
    assert_eq!(column.counts().bins, [3, 4]);
    let Values::Numbers {
        summary: Some(summary), ..
    } = column.values
    else {
        panic!()
    };
    assert_eq!(summary.histogram.edges, [0.0, 1.0, 2.0]);
    assert_eq!(summary.quantiles.p50, 1.125);
    // A constant.
    let (column, _) = of(
        numbers(json!({"buckets": vec![bucket(2.0, 2.0, 1.0); 10]})),
        Type::Float64,
    );
    assert_eq!(column.counts().bins, [10]);
}

#[test]
fn what_cannot_be_used_is_named_and_counted_by_nothing() {
    let texts = |buckets: Value| {
        json!({"name": "x", "inferred_type": "String", "string_statistics": {"common": {"num_present": 4, "num_missing": 0},
               "distribution": {"categorical": {"buckets": buckets}}}})
    };
    let words = texts(json!([{"value": "a", "count": 4}]));
    for (feature, kind, expected) in [
        (
            json!({"name": "x", "inferred_type": "Unknown"}),
            Type::Float64,
            "its inferred type is Unknown",
        ),
        (numbers(json!({})), Type::Float64, "neither a sketch nor buckets"),
        (
            numbers(json!({"buckets": [{"lower_bound": 1, "upper_bound": 0, "count": 1}]})),
            Type::Int64,
            "the edges don't ascend",
        ),
        (
            numbers(json!({"sketch": {"data": [[], [1]]}})),
            Type::Category,
            "how often each of them came isn't said",
        ),
        (words, Type::Float64, "it has texts, such as \"a\""),
        (texts(json!([])), Type::Float64, "it lists no values"),
    ] {
        let (column, remarks) = of(feature, kind);
        assert!(remarks[0].contains(expected), "{remarks:?}");
        assert!(remarks[0].contains("\"x\"") && remarks[0].ends_with("nothing can be held against it"));
        assert_eq!((column.count, column.counts().bins.len()), (0, 0));
    }
}

#[test]
fn types_that_were_inferred_otherwise_are_read_as_the_model_takes_them() {
    let texts = json!({"name": "x", "string_statistics": {"common": {"num_present": 5, "num_missing": 0},
        "distribution": {"categorical": {"buckets": [{"value": "True", "count": 3}, {"value": "false", "count": 2}]}}}});
    let (column, _) = of(texts, Type::Boolean);
    assert_eq!((column.counts().range, column.counts().sum), (Some((0.0, 1.0)), 3.0));
    let (column, _) = of(
        numbers(json!({"sketch": {"data": [[1.0, 0.0, 1.0, 2.0]]}})),
        Type::Category,
    );
    assert_eq!(categories(&column), [("1", 2), ("0", 1)]);
    // 2 is none of the classes, and three weren't kept.
    assert_eq!(column.counts().other, 4);
}

#[test]
fn columns_without_names_are_taken_by_place_where_that_is_sure() {
    let feature = |i: usize| {
        let mut feature = numbers(json!({"sketch": {"data": [[i as f64]]}}));
        feature["name"] = format!("_c{i}").into();
        feature
    };
    let text = json!({"features": [feature(0), feature(1)]}).to_string();
    let of = |inputs: &[(&str, Type)]| import(text.as_bytes(), None, &signature(inputs));
    let taken = of(&[("a", Type::Float64), ("b", Type::Float64)]).unwrap();
    let means: Vec<f64> = taken
        .baseline
        .features
        .iter()
        .map(|c| c.counts().bins.iter().sum::<u64>() as f64)
        .collect();
    assert_eq!((means, taken.remarks.len()), (vec![1.0, 1.0], 1));
    // With the target in front, as SageMaker's algorithms want it.
    let why = of(&[("a", Type::Float64)]).unwrap_err();
    assert!(
        why.contains("its 2 columns have no names") && why.contains("takes 1"),
        "{why}"
    );
}

#[test]
fn other_files_are_refused_by_what_they_lack() {
    let signature = signature(&[("a", Type::Float64)]);
    let why = |text: &[u8]| import(text, None, &signature).unwrap_err();
    assert!(why(b"a,b\n").contains("not the JSON of statistics.json"));
    assert!(why(b"{\"violations\": []}").contains("no list of \"features\""));
    assert!(why(b"{\"features\": []}").contains("no column of the model"));
    let why = import(STATISTICS, Some(b"{"), &signature).unwrap_err();
    assert!(why.contains("constraints.json"), "{why}");
}

proptest! {
    /// A sketch that kept every number is as good as the numbers.
    #[test]
    fn a_whole_sketch_has_the_bins_and_quantiles_of_its_numbers(
        cells in prop::collection::vec(prop_oneof![-1e3..1e3, Just(0.0), Just(1.0)], 1..80),
    ) {
        let sketch = Sketch::read(&json!([cells])).unwrap();
        let Values::Numbers { summary: Some(expected), .. } = Column::of_numbers("x", &cells).values else { panic!() };
        let quantiles = sketch.quantiles();
        prop_assert_eq!(&quantiles, &expected.quantiles);
        prop_assert_eq!(sketch.histogram(sketch.range(), &quantiles), expected.histogram);
    }

    /// An item of a level is as 2^level numbers of its size.
    #[test]
    fn levels_weigh_as_their_numbers_repeated(
        levels in prop::collection::vec(prop::collection::vec(-9.0..9.0, 0..8), 1..6),
        edge in -10.0..10.0,
    ) {
        let mut all: Vec<f64> = levels.iter().enumerate()
            .flat_map(|(level, items)| items.iter().flat_map(move |&x| vec![x; 1 << level]))
            .collect();
        all.sort_by(f64::total_cmp);
        let Some(sketch) = Sketch::read(&json!(levels)) else {
            prop_assert!(all.is_empty());
            return Ok(());
        };
        prop_assert_eq!(sketch.count(), all.len() as u64);
        prop_assert_eq!(sketch.below(edge), all.iter().filter(|x| **x < edge).count() as u64);
        prop_assert_eq!(sketch.quantiles().p25, quantile(&all, 0.25));
    }
}
