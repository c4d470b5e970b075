//! One value of an array -> the text that would stand in a CSV, or JSON.

use super::column::UUID;
use super::{decimal, time};
use crate::format::json::writer::{NotFinite, push_number, push_text};
use crate::model::Type;
use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, DictionaryArray, DictionaryKey, FixedSizeBinaryArray,
    FixedSizeListArray, ListArray, MapArray, PrimitiveArray, StaticArray, StructArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType, IntegerType};
use polars_arrow::types::{NativeType, i256};
use polars_utils::float16::pf16;
use std::str::from_utf8;

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// No value: an empty cell.
    Missing,
    Text,
}

/// Appends the text of a value. `dtype`: what the array's values mean, which can be cells. `mark`: stands in front of a fraction.
pub fn push_cell(array: &dyn Array, dtype: &ArrowDataType, row: usize, mark: u8, out: &mut Vec<u8>) -> Cell {
    use ArrowDataType::*;
    if let Some((values, dtype, key)) = of_dictionary(array, dtype, row) {
        return key.map_or(Cell::Missing, |key| push_cell(values, dtype, key, mark, out));
    }
    if array.is_null(row) {
        return Cell::Missing;
    }
    match dtype {
        Null => return Cell::Missing,
        Boolean => out.extend_from_slice(if get::<BooleanArray>(array).value(row) {
            b"true"
        } else {
            b"false"
        }),
        Int8 => push_whole(native::<i8>(array, row), out),
        Int16 => push_whole(native::<i16>(array, row), out),
        Int32 => push_whole(native::<i32>(array, row), out),
        Int64 => push_whole(native::<i64>(array, row), out),
        Int128 => push_whole(native::<i128>(array, row), out),
        UInt8 => push_whole(native::<u8>(array, row), out),
        UInt16 => push_whole(native::<u16>(array, row), out),
        UInt32 => push_whole(native::<u32>(array, row), out),
        UInt64 => push_whole(native::<u64>(array, row), out),
        UInt128 => push_whole(native::<u128>(array, row), out),
        Float16 | Float32 | Float64 => push_float(float(array, dtype, row), mark, out),
        Decimal(_, scale) => push_decimal(native::<i128>(array, row), *scale, mark, out),
        Decimal32(_, scale) => push_decimal(native::<i32>(array, row), *scale, mark, out),
        Decimal64(_, scale) => push_decimal(native::<i64>(array, row), *scale, mark, out),
        Decimal256(_, scale) => decimal::push(&decimal::wide(native::<i256>(array, row)), *scale, mark, out),
        Date32 => time::push_date(native::<i32>(array, row).into(), out),
        Date64 => time::push_date(native::<i64>(array, row).div_euclid(86_400_000), out),
        Time32(unit) => time::push_time(native::<i32>(array, row).into(), *unit, out),
        Time64(unit) => time::push_time(native::<i64>(array, row), *unit, out),
        Timestamp(unit, zone) => time::push_timestamp(native::<i64>(array, row), *unit, zone.is_some(), out),
        Extension(of) if of.name == UUID && matches!(of.inner, FixedSizeBinary(16)) => {
            push_uuid(get::<FixedSizeBinaryArray>(array).value(row), out);
        }
        Extension(of) => return push_cell(array, &of.inner, row, mark, out),
        _ => match bytes(array, dtype, row) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => return Cell::Missing,
        },
    }
    Cell::Text
}

/// The bytes of a value of a column of texts; none of a missing one, nor of another type.
pub fn bytes<'a>(array: &'a dyn Array, dtype: &ArrowDataType, row: usize) -> Option<&'a [u8]> {
    texts(array, dtype)?(row)
}

/// The texts of a column as they are in memory, by the row.
pub type Texts<'a> = Box<dyn Fn(usize) -> Option<&'a [u8]> + 'a>;

/// Of a column of texts, or of bytes that may be some.
pub fn texts<'a>(array: &'a dyn Array, dtype: &ArrowDataType) -> Option<Texts<'a>> {
    use ArrowDataType::*;
    Some(match dtype {
        Utf8View => {
            let array = get::<Utf8ViewArray>(array);
            Box::new(|row| array.get(row).map(str::as_bytes))
        }
        BinaryView => {
            let array = get::<BinaryViewArray>(array);
            Box::new(|row| array.get(row))
        }
        Utf8 => {
            let array = get::<Utf8Array<i32>>(array);
            Box::new(|row| array.get(row).map(str::as_bytes))
        }
        LargeUtf8 => {
            let array = get::<Utf8Array<i64>>(array);
            Box::new(|row| array.get(row).map(str::as_bytes))
        }
        Binary => {
            let array = get::<BinaryArray<i32>>(array);
            Box::new(|row| array.get(row))
        }
        LargeBinary => {
            let array = get::<BinaryArray<i64>>(array);
            Box::new(|row| array.get(row))
        }
        FixedSizeBinary(_) => {
            let array = get::<FixedSizeBinaryArray>(array);
            Box::new(|row| array.get(row))
        }
        Dictionary(keys, of, _) => {
            let keys = *keys;
            let values = texts(keyed(array, keys, None)?.0, of)?;
            Box::new(move |row| values(keyed(array, keys, Some(row))?.1?))
        }
        Extension(of) if of.name != UUID => return texts(array, &of.inner),
        _ => return None,
    })
}

/// Writes numbers of a column, from a row on; a missing one is NaN. `slow`: takes the places among them of those that are not to
/// be had exactly. False of a column of no numbers.
pub fn numbers(array: &dyn Array, dtype: &ArrowDataType, start: usize, out: &mut [f64], slow: &mut Vec<u32>) -> bool {
    use ArrowDataType::*;
    match dtype {
        Int8 => copy(array, start, out, |x: i8| x.into()),
        Int16 => copy(array, start, out, |x: i16| x.into()),
        Int32 => copy(array, start, out, |x: i32| x.into()),
        // To the nearest, as a text is read.
        Int64 => copy(array, start, out, |x: i64| x as f64),
        UInt8 => copy(array, start, out, |x: u8| x.into()),
        UInt16 => copy(array, start, out, |x: u16| x.into()),
        UInt32 => copy(array, start, out, |x: u32| x.into()),
        UInt64 => copy(array, start, out, |x: u64| x as f64),
        Float16 => copy(array, start, out, |x: pf16| x.0.to_f64()),
        Float32 => copy(array, start, out, |x: f32| x.into()),
        Float64 => copy(array, start, out, |x: f64| x),
        Decimal(_, scale) => divided(array, start, out, slow, *scale, |x: i128| x),
        Decimal32(_, scale) => divided(array, start, out, slow, *scale, |x: i32| x.into()),
        Decimal64(_, scale) => divided(array, start, out, slow, *scale, |x: i64| x.into()),
        Extension(of) => return numbers(array, &of.inner, start, out, slow),
        _ => return false,
    }
    true
}

#[inline(always)]
fn copy<T: NativeType>(array: &dyn Array, start: usize, out: &mut [f64], convert: impl Fn(T) -> f64) {
    let array = get::<PrimitiveArray<T>>(array);
    for (out, x) in out.iter_mut().zip(&array.values()[start..]) {
        *out = convert(*x);
    }
    if let Some(validity) = array.validity() {
        for (place, out) in out.iter_mut().enumerate() {
            if !validity.get_bit(start + place) {
                *out = f64::NAN;
            }
        }
    }
}

/// A whole number below 2^53, divided by a power of ten up to 10^22, is correctly rounded: both are exact.
fn divided<T: NativeType>(
    array: &dyn Array,
    start: usize,
    out: &mut [f64],
    slow: &mut Vec<u32>,
    scale: usize,
    widen: impl Fn(T) -> i128,
) {
    let power = (0..scale).fold(1.0, |power, _| power * 10.0);
    let array = get::<PrimitiveArray<T>>(array);
    for (place, out) in out.iter_mut().enumerate() {
        *out = f64::NAN;
        if let Some(x) = array.get(start + place) {
            let x = widen(x);
            match scale <= 22 && x.unsigned_abs() < 1 << 53 {
                true => *out = x as f64 / power,
                false => slow.push(place as u32),
            }
        }
    }
}

/// True or false of a row from `start` on, where it isn't missing; of a column of booleans.
pub fn booleans<'a>(
    array: &'a dyn Array,
    dtype: &ArrowDataType,
    start: usize,
) -> Option<impl Fn(usize) -> Option<bool> + use<'a>> {
    let array = match dtype {
        ArrowDataType::Boolean => get::<BooleanArray>(array),
        _ => return None,
    };
    Some(move |row| array.get(start + row))
}

/// Appends a value as JSON. What is not finite is null; bytes that are no text become one.
pub fn push_json(array: &dyn Array, dtype: &ArrowDataType, row: usize, out: &mut Vec<u8>) {
    use ArrowDataType::*;
    if let Some((values, dtype, key)) = of_dictionary(array, dtype, row) {
        match key {
            Some(key) => push_json(values, dtype, key, out),
            None => out.extend_from_slice(b"null"),
        }
        return;
    }
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match dtype {
        Float16 | Float32 | Float64 => push_number(out, float(array, dtype, row), Type::Float64, NotFinite::Null),
        List(of) => push_list(&*get::<ListArray<i32>>(array).value(row), &of.dtype, out),
        LargeList(of) => push_list(&*get::<ListArray<i64>>(array).value(row), &of.dtype, out),
        FixedSizeList(of, _) => push_list(&*get::<FixedSizeListArray>(array).value(row), &of.dtype, out),
        Map(of, _) => push_list(&*get::<MapArray>(array).value(row), &of.dtype, out),
        Struct(fields) => {
            let values = get::<StructArray>(array).values();
            let fields = fields.iter().zip(values);
            push_object(
                fields.map(|(field, value)| (&*field.name, &**value, &field.dtype, row)),
                out,
            );
        }
        Duration(_) => push_whole(native::<i64>(array, row), out),
        Extension(of) if of.name != UUID => push_json(array, &of.inner, row, out),
        dtype => {
            let start = out.len();
            match push_cell(array, dtype, row, b'.', out) {
                Cell::Missing => out.extend_from_slice(b"null"),
                Cell::Text if is_bare(dtype) => {}
                Cell::Text => {
                    let text = out.split_off(start);
                    match from_utf8(&text) {
                        Ok(text) => push_text(out, text),
                        Err(_) => push_text(out, &String::from_utf8_lossy(&text)),
                    }
                }
            }
        }
    }
}

/// Appends an object: of each member its name, array, type and row.
pub fn push_object<'a>(
    members: impl Iterator<Item = (&'a str, &'a dyn Array, &'a ArrowDataType, usize)>,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (place, (name, array, dtype, row)) in members.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_text(out, name);
        out.push(b':');
        push_json(array, dtype, row, out);
    }
    out.push(b'}');
}

fn push_list(values: &dyn Array, dtype: &ArrowDataType, out: &mut Vec<u8>) {
    out.push(b'[');
    for row in 0..values.len() {
        if row > 0 {
            out.push(b',');
        }
        push_json(values, dtype, row, out);
    }
    out.push(b']');
}

/// Is its text a value of JSON as it stands?
fn is_bare(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    matches!(
        dtype,
        Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | Int128
            | UInt8
            | UInt16
            | UInt32
            | UInt64
            | UInt128
            | Decimal(..)
            | Decimal32(..)
            | Decimal64(..)
            | Decimal256(..)
    )
}

/// The values of a dictionary, their type, and the place among them of a row's; none of that where it is missing.
fn of_dictionary<'a>(
    array: &'a dyn Array,
    dtype: &'a ArrowDataType,
    row: usize,
) -> Option<(&'a dyn Array, &'a ArrowDataType, Option<usize>)> {
    let ArrowDataType::Dictionary(keys, of, _) = dtype else {
        return None;
    };
    let (values, key) = keyed(array, *keys, Some(row))?;
    Some((values, of, key))
}

/// The values of a dictionary, and the place among them of a row's.
pub fn keyed(array: &dyn Array, keys: IntegerType, row: Option<usize>) -> Option<(&dyn Array, Option<usize>)> {
    fn of<K: DictionaryKey>(array: &dyn Array, row: Option<usize>) -> Option<(&dyn Array, Option<usize>)> {
        let array = get::<DictionaryArray<K>>(array);
        let key = row.filter(|row| array.is_valid(*row)).map(|row| array.key_value(row));
        Some((&**array.values(), key))
    }
    match keys {
        IntegerType::Int8 => of::<i8>(array, row),
        IntegerType::Int16 => of::<i16>(array, row),
        IntegerType::Int32 => of::<i32>(array, row),
        IntegerType::Int64 => of::<i64>(array, row),
        IntegerType::UInt8 => of::<u8>(array, row),
        IntegerType::UInt16 => of::<u16>(array, row),
        IntegerType::UInt32 => of::<u32>(array, row),
        IntegerType::UInt64 => of::<u64>(array, row),
        IntegerType::Int128 | IntegerType::UInt128 => None,
    }
}

/// The array is of the type that the schema says, which polars sees to when it makes one.
fn get<A: 'static>(array: &dyn Array) -> &A {
    array.as_any().downcast_ref().expect("an array is of its type")
}

fn native<T: NativeType>(array: &dyn Array, row: usize) -> T {
    get::<PrimitiveArray<T>>(array).value(row)
}

/// Widened.
fn float(array: &dyn Array, dtype: &ArrowDataType, row: usize) -> f64 {
    match dtype {
        ArrowDataType::Float16 => native::<pf16>(array, row).0.to_f64(),
        ArrowDataType::Float32 => native::<f32>(array, row).into(),
        _ => native::<f64>(array, row),
    }
}

fn push_whole(x: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(x).as_bytes());
}

fn push_float(x: f64, mark: u8, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(zmij::Buffer::new().format(x).as_bytes());
    if mark != b'.'
        && let Some(point) = out[start..].iter().position(|b| *b == b'.')
    {
        out[start + point] = mark;
    }
}

fn push_decimal(x: impl itoa::Integer, scale: usize, mark: u8, out: &mut Vec<u8>) {
    decimal::push(itoa::Buffer::new().format(x), scale, mark, out);
}

/// RFC 9562: 8-4-4-4-12.
fn push_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
}
