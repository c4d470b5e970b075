//! Types for which Parquet, or its writer, has no word, as the next that there is one for; and types as other programs expect them in
//! Arrow's schema, which stands beside Parquet's.

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::datatypes::{ArrowDataType, Field, TimeUnit};
use polars_compute::cast::cast_unchecked;
use polars_error::PolarsResult;

/// As it is written: with long offsets; seconds as milliseconds.
fn dtype(of: &ArrowDataType) -> ArrowDataType {
    use ArrowDataType::*;
    let boxed = |of: &Field| Box::new(field(of));
    match of {
        Utf8 => LargeUtf8,
        Binary => LargeBinary,
        List(of) | LargeList(of) => LargeList(boxed(of)),
        FixedSizeList(of, length) => FixedSizeList(boxed(of), *length),
        Struct(fields) => Struct(fields.iter().map(field).collect()),
        Dictionary(keys, values, ordered) => Dictionary(*keys, Box::new(dtype(values)), *ordered),
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Date64 => Timestamp(TimeUnit::Millisecond, None),
        other => other.clone(),
    }
}

pub fn field(field: &Field) -> Field {
    Field {
        dtype: dtype(&field.dtype),
        ..field.clone()
    }
}

/// # Errors
/// It can't be made so.
pub fn storable(array: Box<dyn Array>) -> PolarsResult<Box<dyn Array>> {
    let stored = dtype(array.dtype());
    match array.as_any().downcast_ref::<PrimitiveArray<i64>>() {
        _ if stored == *array.dtype() => Ok(array),
        // The same milliseconds.
        Some(dates) if *array.dtype() == ArrowDataType::Date64 => Ok(dates.clone().to(stored).boxed()),
        _ => cast_unchecked(&*array, &stored),
    }
}

/// A field as it is told. Views, which are how polars has texts in memory, are nothing that others should get.
pub fn told(field: &Field) -> Field {
    Field {
        dtype: told_type(&field.dtype),
        ..field.clone()
    }
}

fn told_type(dtype: &ArrowDataType) -> ArrowDataType {
    use ArrowDataType::*;
    let boxed = |field: &Field| Box::new(told(field));
    match dtype {
        Utf8View => Utf8,
        BinaryView => Binary,
        List(of) => List(boxed(of)),
        LargeList(of) => LargeList(boxed(of)),
        FixedSizeList(of, length) => FixedSizeList(boxed(of), *length),
        Map(of, sorted) => Map(boxed(of), *sorted),
        Struct(fields) => Struct(fields.iter().map(told).collect()),
        Dictionary(keys, values, ordered) => Dictionary(*keys, Box::new(told_type(values)), *ordered),
        other => other.clone(),
    }
}
