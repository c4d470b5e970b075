use super::super::columns::{Columns, Schema, text_field};
use super::super::{Source, Table};
use super::gather::ROW_GROUP;
use super::*;
use crate::model::{Category, Column, Type};
use polars_arrow::array::StaticArray;
use polars_arrow::array::{Float64Array, Int64Array, UInt32Array, Utf8ViewArray};
use proptest::prelude::*;

fn outputs() -> Vec<Column> {
    vec![
        Column {
            categories: vec![Category::Integer(-3), Category::Integer(8)],
            ..Column::plain("label".into(), Type::Category)
        },
        Column::plain("p".into(), Type::Float64),
        Column {
            categories: vec![Category::Text("a \"b\"".into()), Category::Integer(8)],
            ..Column::plain("name".into(), Type::Category)
        },
    ]
}

fn schema(outputs: &[Column]) -> Arc<Schema> {
    Schema::new(
        ["id", "note"].map(|name| (text_field(name), text_field(name))).into(),
        outputs.iter().map(|output| (format!("m.{}", output.name), output)),
        Some("m.model_version".into()),
    )
}

/// Rows `from` up to `to`; each third is bad, each fifth has no note.
fn rows(schema: &Arc<Schema>, outputs: &[Column], from: usize, to: usize) -> Columns {
    let mut columns = Columns::new(schema.clone());
    for i in from..to {
        columns.keep_text(0, Some(&i.to_string()));
        columns.keep_text(1, (!i.is_multiple_of(5)).then_some("ä, \"x\""));
        let good = !i.is_multiple_of(3);
        columns.push(0, &outputs[0], good.then_some((i % 2) as f64));
        columns.push(1, &outputs[1], good.then_some(i as f64 / 7.0));
        columns.push(2, &outputs[2], good.then_some((i % 2) as f64));
        columns.end_row(Some(4));
    }
    columns
}

fn written(format: RowFormat, ends: &[usize]) -> Vec<u8> {
    let outputs = outputs();
    let schema = schema(&outputs);
    let mut writer = Writer::new(&schema, format, true).unwrap();
    let (mut bytes, mut from) = (Vec::new(), 0);
    for &end in ends {
        bytes.extend_from_slice(writer.add(&mut rows(&schema, &outputs, from, end)).unwrap());
        from = end;
    }
    bytes.extend_from_slice(writer.end().unwrap());
    bytes
}

#[test]
fn what_is_written_reads_back() {
    const ROWS: usize = ROW_GROUP + 1000;
    for format in [RowFormat::Parquet, RowFormat::Arrow] {
        let source = Source::Bytes(written(format, &[ROWS]));
        let table = Table::open(&source, format, 1 << 30).unwrap();
        let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "note", "m.label", "m.p", "m.name", "m.model_version"]);
        assert_eq!(
            table.groups().iter().map(|group| group.rows).collect::<Vec<_>>(),
            [ROW_GROUP as u64, 1000]
        );
        let group = table.read(&source, 1, &[0, 2, 3, 5]).unwrap();
        let labels: &Int64Array = group.array(2).unwrap().as_any().downcast_ref().unwrap();
        let numbers: &Float64Array = group.array(3).unwrap().as_any().downcast_ref().unwrap();
        let versions: &UInt32Array = group.array(5).unwrap().as_any().downcast_ref().unwrap();
        for row in 0..1000 {
            let i = ROW_GROUP + row;
            let good = !i.is_multiple_of(3);
            assert_eq!(numbers.get(row), good.then_some(i as f64 / 7.0));
            assert_eq!(labels.get(row), good.then_some([-3, 8][i % 2]));
            assert_eq!(versions.get(row), Some(4));
        }
        if format == RowFormat::Parquet {
            let ids: &Utf8ViewArray = group.array(0).unwrap().as_any().downcast_ref().unwrap();
            assert_eq!(ids.get(999), Some(&*(ROWS - 1).to_string()));
        }
    }
}

#[test]
fn a_file_without_rows_has_its_columns() {
    for format in [RowFormat::Parquet, RowFormat::Arrow] {
        let source = Source::Bytes(written(format, &[]));
        let table = Table::open(&source, format, 1 << 30).unwrap();
        assert_eq!((table.columns().len(), table.rows()), (6, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn the_same_rows_are_the_same_bytes_however_they_were_cut(cuts in proptest::collection::btree_set(1usize..130_000, 0..6)) {
        let cuts: Vec<usize> = cuts.into_iter().chain([130_000]).collect();
        prop_assert!(written(RowFormat::Parquet, &cuts) == written(RowFormat::Parquet, &[130_000]));
    }
}
