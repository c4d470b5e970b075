//! Types for which Parquet, or its writer, has no word, as the next that there is one for; and types as other programs expect them in
//! Arrow's schema, which stands beside Parquet's.

use polars_arrow::array::{
    Array, DictionaryArray, DictionaryKey, FixedSizeListArray, ListArray, PrimitiveArray, StructArray,
};
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

/// Parquet's writer here knows no maps and no such decimals.
pub fn is_storable(of: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match of {
        Map(..) | Decimal256(..) => false,
        List(of) | LargeList(of) | FixedSizeList(of, _) => is_storable(&of.dtype),
        Struct(fields) => fields.iter().all(|field| is_storable(&field.dtype)),
        Dictionary(_, values, _) => is_storable(values),
        Extension(of) => is_storable(&of.inner) && dtype(&of.inner) == of.inner,
        _ => true,
    }
}

/// # Errors
/// It can't be made so.
pub fn storable(array: Box<dyn Array>) -> PolarsResult<Box<dyn Array>> {
    use ArrowDataType::*;
    let stored = dtype(array.dtype());
    let any = array.as_any();
    Ok(match array.dtype() {
        Dictionary(..) => {
            let known = [
                rebuilt::<i8>,
                rebuilt::<i16>,
                rebuilt::<i32>,
                rebuilt::<i64>,
                rebuilt::<u8>,
                rebuilt::<u16>,
                rebuilt::<u32>,
                rebuilt::<u64>,
            ];
            let made = known.iter().find_map(|of| of(&*array, &stored));
            made.expect("its keys are of one of these")?
        }
        List(_) => {
            let list: &ListArray<i32> = any.downcast_ref().expect("a list is one");
            let values = storable(list.values().clone())?;
            ListArray::<i64>::new(stored, list.offsets().into(), values, list.validity().cloned()).boxed()
        }
        LargeList(_) => {
            let list: &ListArray<i64> = any.downcast_ref().expect("a list is one");
            let values = storable(list.values().clone())?;
            ListArray::<i64>::new(stored, list.offsets().clone(), values, list.validity().cloned()).boxed()
        }
        FixedSizeList(..) => {
            let list: &FixedSizeListArray = any.downcast_ref().expect("a list is one");
            let values = storable(list.values().clone())?;
            FixedSizeListArray::new(stored, list.len(), values, list.validity().cloned()).boxed()
        }
        Struct(_) => {
            let fields: &StructArray = any.downcast_ref().expect("a struct is one");
            let values = fields.values().iter().map(|values| storable(values.clone()));
            let values = values.collect::<PolarsResult<_>>()?;
            StructArray::new(stored, fields.len(), values, fields.validity().cloned()).boxed()
        }
        same if stored == *same => array,
        // The same milliseconds.
        Date64 => {
            let dates: &PrimitiveArray<i64> = any.downcast_ref().expect("a date is a number");
            dates.clone().to(stored).boxed()
        }
        _ => cast_unchecked(&*array, &stored)?,
    })
}

/// A dictionary of values that can be written. The writer takes a null among them for a value: its keys are null instead.
fn rebuilt<K: DictionaryKey>(array: &dyn Array, stored: &ArrowDataType) -> Option<PolarsResult<Box<dyn Array>>> {
    let dictionary = array.as_any().downcast_ref::<DictionaryArray<K>>()?;
    let values = dictionary.values();
    let keys = match values.null_count() {
        0 => dictionary.keys().clone(),
        _ => {
            let has_value = |row: &usize| dictionary.is_valid(*row) && values.is_valid(dictionary.key_value(*row));
            let keys =
                (0..dictionary.len()).map(|row| Some(row).filter(has_value).map(|row| dictionary.keys().value(row)));
            keys.collect()
        }
    };
    let made =
        storable(values.with_validity(None)).and_then(|values| DictionaryArray::try_new(stored.clone(), keys, values));
    Some(made.map(|dictionary| dictionary.boxed()))
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
