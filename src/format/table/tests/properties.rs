//! A batch that is filled from arrays is the batch that is filled from their texts.

use super::super::value::push_cell;
use super::super::{Column, Input, RowGroup, Rows};
use crate::format::csv::dialect::Dialect;
use crate::format::{Columns, FileFormat, Header, Wanted};
use crate::model::{Category, Column as ModelColumn, Marker, Signature, Type};
use crate::score::batch::ROWS;
use crate::score::binding::features;
use crate::score::{Batch, Binding, Second, Spelling};
use polars_arrow::array::{
    Array, BinaryViewArray, BooleanArray, DictionaryArray, NullArray, PrimitiveArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType, Field, IntegerType, TimeUnit};
use polars_arrow::types::NativeType;
use polars_utils::float16::pf16;
use proptest::prelude::*;
use std::sync::Arc;

/// Of a row, what a column of any type takes its value from: few numbers, so that they are met again, or any.
fn seeds() -> impl Strategy<Value = Vec<Option<i64>>> {
    let few = prop::sample::select(vec![
        0,
        1,
        2,
        -1,
        -999,
        7,
        270,
        1 << 53,
        (1 << 53) + 1,
        i64::MIN,
        i64::MAX,
    ]);
    prop::collection::vec(prop::option::weighted(0.9, prop_oneof![few, any::<i64>()]), 1..40)
}

const TEXTS: [&str; 20] = [
    "", " ", "a", " a ", "b", "1", "1.5", "1,5", "-999", "NA", "nan", "-", "true", "False", "270", "270.0", "0270",
    "inf", "Köln", "yes",
];

fn text(seed: i64) -> &'static str {
    TEXTS[seed.rem_euclid(TEXTS.len() as i64) as usize]
}

fn native<T: NativeType>(dtype: ArrowDataType, seeds: &[Option<i64>], of: impl Fn(i64) -> T) -> Box<dyn Array> {
    let values = seeds.iter().map(|seed| seed.map(&of));
    PrimitiveArray::<T>::from_iter(values).to(dtype).boxed()
}

/// An array of each type, of the same seeds.
fn arrays(seeds: &[Option<i64>]) -> Vec<Box<dyn Array>> {
    use ArrowDataType::*;
    let texts = || seeds.iter().map(|seed| seed.map(text));
    let bytes = |seed: i64| {
        if seed % 5 == 0 {
            &b"\xff"[..]
        } else {
            text(seed).as_bytes()
        }
    };
    let values = Utf8ViewArray::from_slice(TEXTS.map(Some)).boxed();
    let keys = PrimitiveArray::<i16>::from_iter(
        seeds
            .iter()
            .map(|seed| seed.map(|s| s.rem_euclid(TEXTS.len() as i64) as i16)),
    );
    let of_texts = Dictionary(IntegerType::Int16, Box::new(Utf8View), false);
    let float = |seed: i64| match seed.rem_euclid(8) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => -0.0,
        3 => seed as f64,
        4 => f64::from_bits(seed as u64),
        _ => seed as f64 / 100.0,
    };
    vec![
        native(Int8, seeds, |s| s as i8),
        native(Int16, seeds, |s| s as i16),
        native(Int32, seeds, |s| s as i32),
        native(Int64, seeds, |s| s),
        native(Int128, seeds, |s| i128::from(s) * 3),
        native(UInt8, seeds, |s| s as u8),
        native(UInt16, seeds, |s| s as u16),
        native(UInt32, seeds, |s| s as u32),
        native(UInt64, seeds, |s| s as u64),
        native(Float16, seeds, |s| pf16::from_le_bytes((s as u16).to_le_bytes())),
        native(Float32, seeds, |s| float(s) as f32),
        native(Float64, seeds, float),
        native(Decimal(38, 2), seeds, i128::from),
        native(Decimal(38, 25), seeds, i128::from),
        native(Decimal32(9, 3), seeds, |s| s as i32),
        native(Decimal64(18, 0), seeds, |s| s),
        native(Date32, seeds, |s| s as i32),
        native(Timestamp(TimeUnit::Millisecond, None), seeds, |s| s),
        BooleanArray::from_iter(seeds.iter().map(|seed| seed.map(|s| s & 1 == 1))).boxed(),
        Utf8ViewArray::from_slice(texts().collect::<Vec<_>>()).boxed(),
        Utf8Array::<i64>::from_iter(texts()).boxed(),
        BinaryViewArray::from_slice(seeds.iter().map(|seed| seed.map(bytes)).collect::<Vec<_>>()).boxed(),
        DictionaryArray::try_new(of_texts, keys, values).unwrap().boxed(),
        NullArray::new(Null, seeds.len()).boxed(),
    ]
}

/// Features of all kinds, as they are spelled.
fn columns() -> Vec<(ModelColumn, Spelling)> {
    let plain = |kind| ModelColumn::plain("x".into(), kind);
    let texts = |texts: &[&str]| texts.iter().map(|t| Category::Text((*t).into())).collect::<Vec<_>>();
    let category = |categories, open, boolean| ModelColumn {
        categories,
        open,
        boolean,
        ..plain(Type::Category)
    };
    let numbers = vec![
        Category::Integer(270),
        Category::Integer(-1),
        Category::Number(1.5),
        Category::Integer((1 << 53) + 1),
    ];
    let kinds = [
        plain(Type::Float64),
        plain(Type::Float32),
        plain(Type::Int64),
        plain(Type::Boolean),
        plain(Type::String),
        ModelColumn {
            boolean: true,
            ..plain(Type::Float64)
        },
        ModelColumn {
            missing: vec![Marker::Number(-999.0), Marker::Text("-".into()), Marker::Number(0.0)],
            ..plain(Type::Float32)
        },
        ModelColumn {
            missing: vec![Marker::Number(-1.0)],
            ..plain(Type::Boolean)
        },
        category(texts(&["a", "270", "true", "1970-01-02"]), false, false),
        category(texts(&["270", "7", "none"]), true, false),
        category(numbers, false, false),
        category(vec![Category::Flag(false), Category::Flag(true)], true, true),
    ];
    let spellings = [
        Spelling::USUAL,
        Spelling::usual(true),
        Spelling::new(&[Marker::Text("inf".into()), Marker::Number(7.0)], false),
    ];
    let mut columns = Vec::new();
    for spelling in spellings {
        for kind in &kinds {
            for optional in [false, true] {
                let column = ModelColumn {
                    optional,
                    ..kind.clone()
                };
                columns.push((column, spelling.clone()));
            }
        }
    }
    columns
}

/// A group of one column, and an input that takes it as `column`.
fn opened(array: &dyn Array, column: &ModelColumn, spelling: &Spelling) -> (Input, RowGroup) {
    let stored = Field::new("x".into(), array.dtype().clone(), true);
    let signature = Signature {
        inputs: vec![column.clone()],
        outputs: Vec::new(),
    };
    let features: Arc<[_]> = features(signature.inputs.iter(), spelling).into();
    let wanted = Wanted {
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling,
        signature: &signature,
        features: &features,
        known: &[None],
        columns: &Columns::All,
        format: FileFormat::of(b"x.parquet"),
        output: FileFormat::default(),
        prefix: "",
        outputs: &[],
        version: None,
        observed: &["x".into()],
        seconds: &[Second {
            signature: &signature,
            features: &features,
        }],
    };
    let input = Input::open(&[Column::of("x", Some(stored))], &wanted).unwrap();
    let group = RowGroup::of(0, array.len(), 1, &[0], vec![array.to_boxed()]).unwrap();
    (input, group)
}

/// What a batch has: of cells without a flaw their values to the bit, texts, flaws, and what is unknown.
fn had(batch: &Batch) -> (Vec<Option<u64>>, Vec<Vec<String>>, String) {
    let flawed: Vec<u32> = batch.flaws().iter().map(|flaw| flaw.row).collect();
    let values = batch.column(0).iter().enumerate();
    let is_text = batch.text(0).is_some();
    let values = values
        .map(|(row, x)| (!is_text && !flawed.contains(&(row as u32))).then(|| x.to_bits()))
        .collect();
    let shown = format!("{batch:?}");
    let told =
        ["spaced: [", " flaws: ["].map(|field| shown.split(field).nth(1).unwrap_or_default().split("], text_").next());
    let texts = batch.texts().iter().map(|texts| texts.to_vec()).collect();
    (values, texts, format!("{told:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn arrays_are_read_as_their_texts_are(seeds in seeds()) {
        for array in arrays(&seeds) {
            for (column, spelling) in columns() {
                let (input, group) = opened(&*array, &column, &spelling);
                let mark = if spelling.comma() { b',' } else { b'.' };
                let binding = Binding { features: input.binding.features.clone(), fields: vec![0] };
                let mut expected = Batch::new(&binding, seeds.len());
                expected.clear();
                let mut text = Vec::new();
                for row in 0..array.len() {
                    text.clear();
                    push_cell(&*array, array.dtype(), row, mark, &mut text);
                    expected.read(0, 0, &binding.features[0], &text);
                    expected.end_rows(1);
                }
                expected.end();
                let mut rows = Rows::new(&input, &group);
                prop_assert!(rows.fill());
                prop_assert_eq!(had(rows.read()), had(&expected), "{:?} as {:?}", array, column);
                let mut second = input.derivation(0).unwrap().batch(rows.read());
                rows.derive(input.derivation(0).unwrap(), &mut second);
                prop_assert_eq!(&had(&second).0, &had(&expected).0, "derived: {:?} as {:?}", array, column);
                prop_assert!(!rows.fill());
            }
        }
    }
}

/// Each batch begins where the one before ended.
#[test]
fn a_row_group_is_many_batches() {
    let seeds: Vec<Option<i64>> = (0..3 * ROWS as i64 + 5)
        .map(|row| (row % 10 > 0).then_some(row))
        .collect();
    let array = native(ArrowDataType::Int64, &seeds, |s| s);
    let column = ModelColumn::plain("x".into(), Type::Float64);
    let (input, group) = opened(&*array, &column, &Spelling::USUAL);
    let mut rows = Rows::new(&input, &group);
    let (mut values, mut bad) = (Vec::new(), Vec::new());
    while rows.fill() {
        values.extend_from_slice(rows.read().column(0));
        let flaws: Vec<_> = rows.read().bad().collect();
        for flaw in flaws {
            let record = rows.record(flaw.row);
            assert_eq!(rows.text(&record), br#"{"x":null}"#);
            assert_eq!(rows.reason(flaw), (Some("x"), "missing value".into()));
            bad.push(rows.line(flaw.row as usize));
        }
        let last = rows.read().rows() - 1;
        let shown = rows.observed(0, last).unwrap();
        assert_eq!(
            &*shown,
            seeds[rows.lines() as usize - 1]
                .map_or(String::new(), |s| s.to_string())
                .as_bytes()
        );
    }
    assert_eq!(values.len(), seeds.len());
    assert!(
        values
            .iter()
            .zip(&seeds)
            .all(|(x, seed)| seed.is_none_or(|seed| *x == seed as f64))
    );
    assert!(bad.iter().all(|row| row % 10 == 0) && bad.len() == seeds.len().div_ceil(10));
}
