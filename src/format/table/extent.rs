//! How long the text of columns is, before it is written: a dictionary, or a value that many rows share, may have a million times its
//! bytes.

use super::value::keyed;
use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArray, FixedSizeListArray, ListArray, MapArray, StructArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::ArrowDataType;

/// Of a number, a date, `null`, with what parts it from the next; of any value, beside its own bytes.
const SCALAR: u64 = 12;

/// Bytes of all values as CSV or JSON, within a factor of six: of those that JSON escapes, each counts once.
pub fn text_bytes(array: &dyn Array, dtype: &ArrowDataType) -> u64 {
    use ArrowDataType::*;
    let rows = array.len() as u64;
    let any = array.as_any();
    let values = match dtype {
        Utf8View => any
            .downcast_ref::<Utf8ViewArray>()
            .map(|array| array.views().iter().map(|view| u64::from(view.length)).sum()),
        BinaryView => any
            .downcast_ref::<BinaryViewArray>()
            .map(|array| array.views().iter().map(|view| u64::from(view.length)).sum()),
        Utf8 => any
            .downcast_ref::<Utf8Array<i32>>()
            .map(|array| array.offsets().range() as u64),
        LargeUtf8 => any
            .downcast_ref::<Utf8Array<i64>>()
            .map(|array| array.offsets().range() as u64),
        Binary => any
            .downcast_ref::<BinaryArray<i32>>()
            .map(|array| array.offsets().range() as u64),
        LargeBinary => any
            .downcast_ref::<BinaryArray<i64>>()
            .map(|array| array.offsets().range() as u64),
        FixedSizeBinary(size) => Some((*size as u64).saturating_mul(rows)),
        List(of) => any
            .downcast_ref::<ListArray<i32>>()
            .map(|array| text_bytes(&**array.values(), &of.dtype)),
        LargeList(of) => any
            .downcast_ref::<ListArray<i64>>()
            .map(|array| text_bytes(&**array.values(), &of.dtype)),
        FixedSizeList(of, _) => any
            .downcast_ref::<FixedSizeListArray>()
            .map(|array| text_bytes(&**array.values(), &of.dtype)),
        Map(of, _) => any
            .downcast_ref::<MapArray>()
            .map(|array| text_bytes(&**array.field(), &of.dtype)),
        Struct(fields) => any.downcast_ref::<StructArray>().map(|array| {
            let members = fields.iter().zip(array.values());
            let bytes = members.map(|(field, values)| {
                let names = rows.saturating_mul(field.name.len() as u64 + 4);
                text_bytes(&**values, &field.dtype).saturating_add(names)
            });
            bytes.fold(0, u64::saturating_add)
        }),
        Dictionary(keys, of, _) => {
            let place = |row| keyed(array, *keys, Some(row));
            keyed(array, *keys, None).map(|(values, _)| {
                let each: Vec<u64> = (0..values.len())
                    .map(|at| text_bytes(&*values.sliced(at, 1), of))
                    .collect();
                let used = (0..array.len()).filter_map(|row| each.get(place(row)?.1?).copied());
                used.fold(0, u64::saturating_add)
            })
        }
        Extension(of) => return text_bytes(array, &of.inner),
        _ => None,
    };
    let values: u64 = values.unwrap_or_default();
    values.saturating_add(rows.saturating_mul(SCALAR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::table::value::push_json;
    use polars_arrow::array::{DictionaryArray, Int32Array, PrimitiveArray};

    fn written(array: &dyn Array) -> u64 {
        let mut text = Vec::new();
        (0..array.len()).for_each(|row| push_json(array, array.dtype(), row, &mut text));
        text.len() as u64
    }

    #[test]
    fn a_text_is_about_as_long_as_it_is_told() {
        let texts = Utf8ViewArray::from_slice([Some("a"), None, Some(&"long ".repeat(200)[..])]);
        let keys: PrimitiveArray<u32> = (0..3000u32).map(|i| Some(i % 3)).collect();
        let dictionary = DictionaryArray::try_from_keys(keys, texts.clone().boxed(), false).unwrap();
        let numbers = Int32Array::from_vec(vec![i32::MIN; 100]);
        for array in [&texts as &dyn Array, &dictionary, &numbers] {
            let told = text_bytes(array, array.dtype());
            let least = written(array);
            assert!(told >= least && told < 10 * least, "{told} for {least}");
        }
    }
}
