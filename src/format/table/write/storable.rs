//! Types that Parquet has no word for, as the next that it has one for; and types as other programs expect them in Arrow's schema.

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field, TimeUnit};

/// As it is written: seconds as milliseconds, for Parquet has none.
fn dtype(of: &ArrowDataType) -> ArrowDataType {
    use ArrowDataType::*;
    match of {
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Date64 => Timestamp(TimeUnit::Millisecond, None),
        other => other.clone(),
    }
}

pub fn field(field: &Field) -> Field {
    Field {
        dtype: dtype(&field.dtype),
        // What is required in the input is kept as it is; a null would be refused.
        ..field.clone()
    }
}

pub fn storable(array: Box<dyn Array>) -> Box<dyn Array> {
    use ArrowDataType::*;
    let stored = dtype(array.dtype());
    if stored == *array.dtype() {
        return array;
    }
    match array.dtype() {
        Timestamp(..) => {
            let seconds: &PrimitiveArray<i64> = array.as_any().downcast_ref().expect("a timestamp is a number");
            let values = seconds.values_iter().map(|x| x.saturating_mul(1000));
            PrimitiveArray::from_vec(values.collect())
                .to(stored)
                .with_validity(seconds.validity().cloned())
                .boxed()
        }
        Time32(_) => {
            let seconds: &PrimitiveArray<i32> = array.as_any().downcast_ref().expect("a time is a number");
            let values = seconds.values_iter().map(|x| x.saturating_mul(1000));
            PrimitiveArray::from_vec(values.collect())
                .to(stored)
                .with_validity(seconds.validity().cloned())
                .boxed()
        }
        _ => {
            let days: &PrimitiveArray<i64> = array.as_any().downcast_ref().expect("a date is a number");
            days.clone().to(stored).boxed()
        }
    }
}

/// The schema that stands beside Parquet's own: views, which are how polars has texts in memory, are nothing that others should get.
pub fn told(schema: &ArrowSchema) -> ArrowSchema {
    let fields = schema.iter_values().map(plain);
    fields.map(|field| (field.name.clone(), field)).collect()
}

fn plain(field: &Field) -> Field {
    Field {
        dtype: plain_type(&field.dtype),
        ..field.clone()
    }
}

fn plain_type(dtype: &ArrowDataType) -> ArrowDataType {
    use ArrowDataType::*;
    let boxed = |field: &Field| Box::new(plain(field));
    match dtype {
        Utf8View => Utf8,
        BinaryView => Binary,
        List(of) => List(boxed(of)),
        LargeList(of) => LargeList(boxed(of)),
        FixedSizeList(of, length) => FixedSizeList(boxed(of), *length),
        Map(of, sorted) => Map(boxed(of), *sorted),
        Struct(fields) => Struct(fields.iter().map(plain).collect()),
        Dictionary(keys, values, ordered) => Dictionary(*keys, Box::new(plain_type(values)), *ordered),
        other => other.clone(),
    }
}
