//! Columns with a dictionary, read as their keys: pandas writes -1 where a value is missing, which polars takes for damage.

use polars_arrow::array::{Array, DictionaryArray, DictionaryKey, PrimitiveArray, new_null_array};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, IntegerType};
use polars_arrow::io::ipc::read::{Dictionaries, FileMetadata};
use polars_error::{PolarsResult, polars_bail};
use std::sync::Arc;

/// By which columns with a dictionary are numbers.
pub fn keyed(metadata: &FileMetadata) -> FileMetadata {
    let fields = metadata.schema.iter_values().map(|field| {
        let mut field = field.clone();
        if let ArrowDataType::Dictionary(key, ..) = field.dtype {
            field.dtype = key.into();
        }
        (field.name.clone(), field)
    });
    FileMetadata {
        schema: Arc::new(fields.collect::<ArrowSchema>()),
        ..metadata.clone()
    }
}

/// `arrays`: of those columns, with keys where the schema has a dictionary.
///
/// # Errors
/// A key is none of its dictionary, or there is none.
pub fn with_dictionaries(
    arrays: Vec<Box<dyn Array>>,
    columns: &[usize],
    metadata: &FileMetadata,
    dictionaries: &Dictionaries,
) -> PolarsResult<Vec<Box<dyn Array>>> {
    let joined = arrays.into_iter().zip(columns).map(|(array, column)| {
        let dtype = &metadata.schema.get_at_index(*column).map(|(_, field)| &field.dtype);
        let Some(dtype @ ArrowDataType::Dictionary(key, ..)) = dtype else {
            return Ok(array);
        };
        let id = metadata.ipc_schema.fields[*column].dictionary_id;
        let Some(values) = id.and_then(|id| dictionaries.get(&id)) else {
            polars_bail!(ComputeError: "a column without its dictionary");
        };
        let (keys, dtype) = (&*array, (*dtype).clone());
        match key {
            IntegerType::Int8 => join::<i8>(keys, &**values, dtype),
            IntegerType::Int16 => join::<i16>(keys, &**values, dtype),
            IntegerType::Int32 => join::<i32>(keys, &**values, dtype),
            IntegerType::Int64 => join::<i64>(keys, &**values, dtype),
            IntegerType::UInt8 => join::<u8>(keys, &**values, dtype),
            IntegerType::UInt16 => join::<u16>(keys, &**values, dtype),
            IntegerType::UInt32 => join::<u32>(keys, &**values, dtype),
            IntegerType::UInt64 => join::<u64>(keys, &**values, dtype),
            IntegerType::Int128 | IntegerType::UInt128 => {
                polars_bail!(ComputeError: "keys of 128 bits are not supported")
            }
        }
    });
    joined.collect()
}

fn join<K: DictionaryKey>(keys: &dyn Array, values: &dyn Array, dtype: ArrowDataType) -> PolarsResult<Box<dyn Array>> {
    let Some(keys) = keys.as_any().downcast_ref::<PrimitiveArray<K>>() else {
        polars_bail!(ComputeError: "keys of another type");
    };
    if keys.null_count() == keys.len() {
        return Ok(new_null_array(dtype, keys.len()));
    }
    // What stands in the place of a missing one is the first.
    let keys = PrimitiveArray::<K>::from_iter(keys.iter().map(|key| key.copied()));
    Ok(DictionaryArray::try_new(dtype, keys, values.to_boxed())?.boxed())
}
