//! What is counted of a pass beside the model's inputs and outputs.

use super::super::*;
use super::{lineup, shape};
use crate::checksum::Sha256Sum;
use crate::monitor::{Baseline, Counter, Watch, baseline};

/// By what could have been its baseline. A column beside the model's, rows by an input and by one that the files don't have, and a
/// key are watched.
pub fn counter() -> Counter {
    let column = |name: &str| baseline::Column::of_numbers(name, &[0.0, 1.0, 2.0, 2.5, 4.0]);
    let mut baseline = Baseline::new(5, vec![column("x"), column("y")]);
    let ids = ["a", "b", "c", "a", "f"];
    baseline.others = vec![
        baseline::Column::of_texts("note", []),
        baseline::Column::of_texts("id", ids.map(Some)),
    ];
    let watch = Watch {
        columns: vec!["id".into(), "unknown to the baseline".into()],
        segments: vec!["x".into(), "region".into()],
        key: Some("id".into()),
        ..Watch::default()
    };
    let lineup = lineup();
    Counter::new(&baseline, Sha256Sum([1; 32]), lineup.signature()).watching(&watch, &baseline, lineup.signature())
}

fn counts(text: &[u8], shape: Shape) -> Counts {
    let scorer = Scorer::new(lineup(), shape).counting(Some(counter().into()));
    let done = transform(text, &scorer, &mut io::sink(), &mut io::sink(), &Run::default());
    done.unwrap().counts
}

/// Whatever is quoted, padded, escaped or spelled otherwise.
#[test]
fn what_is_watched_beside_the_models_columns_is_counted() {
    let text = "y,id,x\r\n1,a,1\r\n2,\" a\t\",\"1\"\r\n3,\"b \"\"b\"\"\",2\r\n4,\"\nc\",oops\r\n5,NA,\"1\"\r\n6,f, 2\r\n7,,1\r\n8,zo\u{e9},3\r\n";
    let counts = counts(text.as_bytes(), shape(Columns::Prediction, Limit::Count(1)));
    assert_eq!((counts.rows, counts.bad_rows, counts.columns.len()), (8, 1, 5));
    // What isn't among the settings isn't counted.
    assert_eq!(counts.columns[3].cells(), 0);
    let id = &counts.columns[4];
    assert_eq!((&id.bins[..], id.other, id.missing), (&[2, 0, 0, 1][..], 2, 2));
    let [x, region] = &counts.segments[..] else { panic!() };
    let groups: Vec<(&str, u64)> = x
        .values
        .iter()
        .map(|(value, group)| (value.as_str(), group.rows))
        .collect();
    assert_eq!((x.column.as_str(), groups), ("x", vec![("1", 4), ("2", 2), ("3", 1)]));
    // 2 x + y + 0.5
    assert_eq!(
        (x.values["2"].outputs[0].range, x.values["2"].outputs[0].sum),
        (Some((7.5, 10.5)), 18.0)
    );
    assert_eq!(
        (region.column.as_str(), region.values.len(), region.other.rows),
        ("region", 0, 0)
    );
    assert_eq!((counts.duplicates, counts.halvings), (Some(1), 0));
    assert_eq!(counts.absent, ["region"]);
}

#[test]
fn an_input_without_a_watched_column_is_scored_and_the_column_is_named() {
    // Without a header the model's own columns are known by their places.
    for (text, groups, absent) in [
        ("1,2\n1,3\n", 1, &["id", "region"][..]),
        ("x,y\n1,2\n2,3\n", 2, &["id", "region"]),
        ("x,id,id,y\n1,a,b,2\n", 1, &["id", "region"]),
        ("x,y,region\n1,2,\n", 1, &["id"]),
        ("x,y\n", 0, &["id", "region"]),
    ] {
        let counts = counts(text.as_bytes(), shape(Columns::Prediction, Limit::Count(0)));
        assert_eq!(
            (&counts.absent[..], counts.duplicates),
            (&absent.iter().map(|a| a.to_string()).collect::<Vec<_>>()[..], None),
            "{text}"
        );
        assert_eq!(counts.segments[0].values.len(), groups, "{text}");
        assert_eq!(counts.columns[4].cells(), 0);
    }
}

#[test]
fn escaped_cells_are_watched_as_they_are_meant() {
    let spark = Shape {
        dialect: Dialect {
            escape: Some(b'\\'),
            ..Dialect::plain(b',')
        },
        ..shape(Columns::Prediction, Limit::Count(0))
    };
    let counts = counts(b"x,y,region,id\n1,2,\"a\\\"b\",k\n1,2,a\\,b,k\n", spark);
    let values: Vec<&String> = counts.segments[1].values.keys().collect();
    assert_eq!(values, ["a\"b", "a,b"]);
    assert_eq!((counts.duplicates, counts.absent), (Some(1), vec![]));
}

/// The same counts whatever the number of threads: blocks of 256 KiB, more values than are kept, keys that stand in several blocks.
#[test]
fn any_number_of_threads_counts_the_same() {
    let row = |i: u64| format!("{}.5,{},{},K{}\n", i % 7, i % 11, i % 83, i % 60_000);
    let text = format!("x,y,region,id\n{}", (0..90_000).map(row).collect::<String>());
    let scorer = Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0))).counting(Some(counter().into()));
    let of = |pool: Option<&rayon::ThreadPool>| {
        let run = Run {
            pool,
            memory: 1 << 30,
            ..Run::default()
        };
        transform(text.as_bytes(), &scorer, &mut io::sink(), &mut io::sink(), &run)
            .unwrap()
            .counts
    };
    let alone = of(None);
    assert_eq!((alone.duplicates, alone.halvings), (Some(30_000), 0));
    let region = &alone.segments[1];
    assert_eq!(
        (region.values.len(), region.other.outputs[0].present()),
        (50, region.other.rows)
    );
    let groups = region.values.values().chain([&region.other]);
    assert_eq!(groups.map(|group| group.rows).sum::<u64>(), 90_000);
    for threads in [1, 2, 4] {
        assert_eq!(of(Some(&pool(threads).unwrap())), alone);
    }
    assert_eq!(Counts::of(&alone.bytes()), Some(alone));
}
