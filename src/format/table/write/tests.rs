use super::super::columns::{Columns, Schema, text_field};
use super::super::value::push_json;
use super::super::{Source, Table};
use super::gather::ROW_GROUP;
use super::*;
use crate::format::CutError;
use crate::model::{Category, Column, Type};
use crate::problem::Code;
use polars_arrow::array::StaticArray;
use polars_arrow::array::{
    DictionaryArray, Float64Array, Int64Array, ListArray, PrimitiveArray, UInt32Array, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::ArrowDataType;
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

/// Nulls among a dictionary's values became 0 and "" in Parquet.
#[test]
fn a_null_among_the_values_of_a_dictionary_is_a_null() {
    let keys = PrimitiveArray::from([Some(0i8), Some(1), None, Some(2)]);
    let values = Int64Array::from([Some(5), None, Some(7)]).boxed();
    let dictionary = DictionaryArray::try_from_keys(keys, values, false).unwrap().boxed();
    let field = |dtype: &ArrowDataType| Field::new("d".into(), dtype.clone(), true);
    let of = ListArray::<i32>::default_datatype(dictionary.dtype().clone());
    let list = ListArray::<i32>::new(of, vec![0, 1, 1, 1, 4].try_into().unwrap(), dictionary.clone(), None).boxed();
    let of_list = Field::new("l".into(), list.dtype().clone(), true);
    let of_dictionary = field(dictionary.dtype());
    let kept = vec![(of_dictionary.clone(), of_dictionary), (of_list.clone(), of_list)];
    let schema = Schema::new(kept, [].into_iter(), None);
    let mut columns = Columns::new(schema.clone());
    columns.keep([dictionary, list].into_iter());
    (0..4).for_each(|_| columns.end_row(None));
    let mut writer = Writer::new(&schema, RowFormat::Parquet, false).unwrap();
    let mut bytes = writer.add(&mut columns).unwrap().to_vec();
    bytes.extend_from_slice(writer.end().unwrap());
    let source = Source::Bytes(bytes);
    let table = Table::open(&source, RowFormat::Parquet, 1 << 30).unwrap();
    let group = table.read(&source, 0, &[0, 1]).unwrap();
    let json = |column: usize| {
        let (array, mut text) = (group.array(column).unwrap(), Vec::new());
        (0..4).for_each(|row| push_json(array, array.dtype(), row, &mut text));
        String::from_utf8(text).unwrap()
    };
    assert_eq!((json(0), json(1)), ("5nullnull7".into(), "[5][][][null,null,7]".into()));
}

/// The first made the writer panic, the second came back as another type; lists of texts couldn't be written.
#[test]
fn what_parquets_writer_doesnt_know_is_refused_by_name() {
    let field = |dtype| Field::new("d".into(), dtype, true);
    let map = ListArray::<i64>::default_datatype(ArrowDataType::Int64);
    let map = ArrowDataType::Map(Box::new(field(map)), false);
    for dtype in [ArrowDataType::Decimal256(60, 2), map] {
        let problem = look(&field(ArrowDataType::Int64), &field(dtype), RowFormat::Parquet).unwrap_err();
        assert_eq!((problem.code, problem.column.as_deref()), (Code::ColumnType, Some("d")));
    }
    let texts = Utf8Array::<i32>::from([Some("a"), None]).boxed();
    let of = ListArray::<i32>::default_datatype(texts.dtype().clone());
    let list = ListArray::<i32>::new(of, vec![0, 2].try_into().unwrap(), texts, None);
    assert!(
        look(
            &field(list.dtype().clone()),
            &field(list.dtype().clone()),
            RowFormat::Parquet
        )
        .is_ok()
    );
    let schema = Schema::new(
        vec![(field(list.dtype().clone()), field(list.dtype().clone()))],
        [].into_iter(),
        None,
    );
    let mut columns = Columns::new(schema.clone());
    columns.keep([list.boxed()].into_iter());
    columns.end_row(None);
    let mut writer = Writer::new(&schema, RowFormat::Parquet, false).unwrap();
    let mut bytes = writer.add(&mut columns).unwrap().to_vec();
    bytes.extend_from_slice(writer.end().unwrap());
    let table = Table::open(&Source::Bytes(bytes), RowFormat::Parquet, 1 << 30).unwrap();
    assert_eq!(
        (table.rows(), table.columns()[0].type_name()),
        (1, "list<string>".into())
    );
}

/// Two billion nulls are a few bytes, and so is a text that all rows share.
#[test]
fn a_row_group_is_bounded_by_what_is_made_of_its_rows() {
    let source = Source::Bytes(written(RowFormat::Parquet, &[ROW_GROUP]));
    let open = |bound| Table::open(&source, RowFormat::Parquet, bound).unwrap();
    let group = open(1 << 30).read(&source, 0, &[0, 1]).unwrap();
    let refused = |e: CutError| e.problem(0).code;
    assert_eq!(
        open(1 << 20).read(&source, 0, &[]).map_err(refused).unwrap_err(),
        Code::RowGroupTooLarge
    );
    assert!(open(4 << 20).check_text(&group, &[]).is_ok());
    assert_eq!(
        open(4 << 20).check_text(&group, &[0, 1]).map_err(refused),
        Err(Code::RowGroupTooLarge)
    );
}
