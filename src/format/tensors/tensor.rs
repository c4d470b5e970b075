//! A tensor whose elements are as many as its shape says, and all of its datatype; so that it can be read without errors.

use super::datatype::Datatype;
use crate::format::json::{Cursor, Elements, Kind};
use crate::problem::excerpt;
use std::fmt;

/// What is wrong with a tensor, or with how several go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// `[rows]` or `[rows, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub rows: usize,
    /// At least one.
    pub width: usize,
    /// Is it a matrix, if of one column?
    pub is_matrix: bool,
    elements: usize,
}

impl Shape {
    pub fn of(sizes: &[u64]) -> Result<Shape, Fault> {
        let (rows, width) = match *sizes {
            [rows] => (rows, 1),
            [rows, width] if width > 0 => (rows, width),
            _ => {
                let message = format!("its shape is {sizes:?}, where [rows] or [rows, columns] is expected");
                return Err(Fault(message));
            }
        };
        let elements = rows.checked_mul(width).and_then(|n| usize::try_from(n).ok());
        let elements = elements.ok_or_else(|| Fault(format!("its shape, {sizes:?}, is too large")))?;
        Ok(Shape {
            rows: rows as usize,
            width: width as usize,
            is_matrix: sizes.len() == 2,
            elements,
        })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_matrix {
            true => write!(f, "[{}, {}]", self.rows, self.width),
            false => write!(f, "[{}]", self.rows),
        }
    }
}

#[derive(Clone)]
pub struct Tensor<'a> {
    pub name: String,
    pub datatype: Datatype,
    pub shape: Shape,
    pub(super) data: Data<'a>,
}

/// The elements that aren't read yet, row by row.
#[derive(Clone)]
pub(super) enum Data<'a> {
    Json(Cells<'a>),
    Binary(&'a [u8]),
}

/// The elements of an array, or of the arrays in it.
#[derive(Clone)]
pub(super) struct Cells<'a> {
    rows: Elements<'a>,
    row: Option<Elements<'a>>,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cursor<'a>;

    fn next(&mut self) -> Option<Cursor<'a>> {
        loop {
            if let Some(cell) = self.row.as_mut().and_then(Elements::next) {
                return Some(cell);
            }
            let next = self.rows.next()?;
            match next.kind() {
                Kind::Array => self.row = Some(next.elements()),
                _ => return Some(next),
            }
        }
    }
}

impl<'a> Tensor<'a> {
    /// `data`: the elements row by row, or an array of them for each row.
    pub fn of_json(name: String, datatype: Datatype, shape: Shape, data: Cursor<'a>) -> Result<Tensor<'a>, Fault> {
        if data.kind() != Kind::Array {
            let message = format!("its data is {}, where an array is expected", data.kind().words());
            return Err(Fault(message));
        }
        let nested = data.elements().next().is_some_and(|first| first.kind() == Kind::Array);
        let mut count = 0;
        for (row, value) in data.elements().enumerate() {
            if !nested {
                check(datatype, value, count)?;
                count += 1;
                continue;
            }
            if value.kind() != Kind::Array {
                return Err(Fault(format!(
                    "row {} of its data is {}, and others are arrays",
                    row + 1,
                    value.kind().words()
                )));
            }
            let before = count;
            for element in value.elements() {
                check(datatype, element, count)?;
                count += 1;
            }
            if count - before != shape.width {
                return Err(Fault(format!(
                    "row {} of its data has {}, and its shape is {shape}",
                    row + 1,
                    elements(count - before)
                )));
            }
        }
        if count != shape.elements {
            return Err(Fault(format!(
                "its data has {}, and its shape is {shape}",
                elements(count)
            )));
        }
        let cells = Cells {
            rows: data.elements(),
            row: None,
        };
        Ok(Tensor {
            name,
            datatype,
            shape,
            data: Data::Json(cells),
        })
    }

    /// `bytes`: the elements in little-endian order; texts have their length in front, of four bytes.
    pub fn of_bytes(name: String, datatype: Datatype, shape: Shape, bytes: &'a [u8]) -> Result<Tensor<'a>, Fault> {
        match datatype.size() {
            Some(size) => {
                if shape.elements.checked_mul(size) != Some(bytes.len()) {
                    return Err(Fault(format!(
                        "it has {} bytes, and {shape} of {} are {}",
                        bytes.len(),
                        datatype.name(),
                        shape.elements as u128 * size as u128
                    )));
                }
            }
            None => check_texts(shape, bytes)?,
        }
        if datatype == Datatype::Bool
            && let Some(place) = bytes.iter().position(|byte| *byte > 1)
        {
            let message = format!("element {} is {}, which is no BOOL", place + 1, bytes[place]);
            return Err(Fault(message));
        }
        Ok(Tensor {
            name,
            datatype,
            shape,
            data: Data::Binary(bytes),
        })
    }
}

fn elements(count: usize) -> String {
    match count {
        1 => "1 element".into(),
        count => format!("{count} elements"),
    }
}

/// Is it one of the datatype? What stands in texts, and what a number means, is for the feature to say. `before`: how many elements
/// stand in front of it.
fn check(datatype: Datatype, value: Cursor, before: usize) -> Result<(), Fault> {
    let fault = |what: &str| {
        let what = excerpt(what.as_bytes(), 40);
        Fault(format!(
            "element {} is {what}, which is no {}",
            before + 1,
            datatype.name()
        ))
    };
    match value.kind() {
        kind @ (Kind::Array | Kind::Object) => Err(fault(kind.words())),
        Kind::Number => {
            let Some(range) = datatype.range() else { return Ok(()) };
            let number = value.raw();
            match is_in(number, range) {
                true => Ok(()),
                false => Err(fault(number)),
            }
        }
        Kind::Text | Kind::Null | Kind::Boolean => Ok(()),
    }
}

/// Is it a whole number of the range? NaN is a missing one.
fn is_in(number: &str, (least, most): (i128, i128)) -> bool {
    if let Ok(whole) = number.parse::<i128>() {
        return (least..=most).contains(&whole);
    }
    match fast_float2::parse::<f64, _>(number) {
        Ok(x) => x.is_nan() || (x.trunc() == x && x.is_finite() && (least..=most).contains(&(x as i128))),
        Err(_) => false,
    }
}

/// As many as the shape says, and nothing behind them.
fn check_texts(shape: Shape, bytes: &[u8]) -> Result<(), Fault> {
    let mut rest = bytes;
    for element in 0..shape.elements {
        let (text, behind) = next_text(rest).ok_or_else(|| {
            Fault(format!(
                "its {} bytes end in element {}, and its shape is {shape}",
                bytes.len(),
                element + 1
            ))
        })?;
        debug_assert!(text.len() <= bytes.len());
        rest = behind;
    }
    match rest.len() {
        0 => Ok(()),
        more => Err(Fault(format!("{more} bytes stand behind its last element"))),
    }
}

/// A text, and what is behind it.
pub(super) fn next_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::Document;

    fn json(datatype: Datatype, sizes: &[u64], data: &str) -> String {
        let document = Document::check(data.as_bytes()).unwrap();
        let tensor = Shape::of(sizes).and_then(|shape| Tensor::of_json("x".into(), datatype, shape, document.root()));
        tensor.map_or_else(|fault| fault.0, |_| "good".into())
    }

    #[test]
    fn elements_are_as_many_as_the_shape_says_and_of_the_datatype() {
        use Datatype::{Bool, Bytes, Fp64, Int8, Uint64};
        let more = "its data has 3 elements, and its shape is";
        for (datatype, sizes, data, expected) in [
            (Fp64, &[2][..], "[1, null]", "good"),
            (Fp64, &[2], "[[1], [NaN]]", "good"),
            (Fp64, &[2, 2], "[1, 2, 3, 4]", "good"),
            (Fp64, &[0], "[]", "good"),
            (Fp64, &[2, 2], "[[1, 2], [3, 4]]", "good"),
            (Fp64, &[2], "[1, 2, 3]", &format!("{more} [2]")),
            (Fp64, &[2, 2], "[1, 2, 3]", &format!("{more} [2, 2]")),
            (
                Fp64,
                &[1, 2],
                "[[1], [2]]",
                "row 1 of its data has 1 element, and its shape is [1, 2]",
            ),
            (
                Fp64,
                &[2, 2],
                "[[1, 2], 3, 4]",
                "row 2 of its data is a number, and others are arrays",
            ),
            (Fp64, &[2], "[1, [2]]", "element 2 is an array, which is no FP64"),
            (Fp64, &[1], "{}", "its data is an object, where an array is expected"),
            (
                Fp64,
                &[1, 1, 1],
                "[1]",
                "its shape is [1, 1, 1], where [rows] or [rows, columns] is expected",
            ),
            (
                Fp64,
                &[1 << 40, 0],
                "[]",
                "its shape is [1099511627776, 0], where [rows] or [rows, columns] is expected",
            ),
            (
                Fp64,
                &[1 << 40, 1 << 40],
                "[]",
                "its shape, [1099511627776, 1099511627776], is too large",
            ),
            (Int8, &[3], "[-128, 127, 3.0]", "good"),
            (Int8, &[1], "[128]", "element 1 is 128, which is no INT8"),
            (Int8, &[1], "[0.5]", "element 1 is 0.5, which is no INT8"),
            (Uint64, &[2], "[18446744073709551615, null]", "good"),
            (Uint64, &[1], "[-1]", "element 1 is -1, which is no UINT64"),
            (Uint64, &[1], "[Infinity]", "element 1 is Infinity, which is no UINT64"),
            (Bool, &[4], "[true, false, 0, 1]", "good"),
            (Bool, &[1], "[2]", "element 1 is 2, which is no BOOL"),
            (Bytes, &[2], "[\"a\", 1]", "good"),
        ] {
            assert_eq!(json(datatype, sizes, data), expected, "{} {data}", datatype.name());
        }
    }

    #[test]
    fn binary_elements_fill_their_bytes() {
        let texts = b"\x01\0\0\0a\0\0\0\0";
        for (datatype, sizes, bytes, expected) in [
            (Datatype::Fp32, &[2][..], &[0; 8][..], "good"),
            (Datatype::Fp32, &[2], &[0; 7], "it has 7 bytes, and [2] of FP32 are 8"),
            (
                Datatype::Int16,
                &[1, 2],
                &[0; 8],
                "it has 8 bytes, and [1, 2] of INT16 are 4",
            ),
            (Datatype::Bool, &[2], &[1, 0], "good"),
            (Datatype::Bool, &[2], &[1, 2], "element 2 is 2, which is no BOOL"),
            (Datatype::Bytes, &[2], texts, "good"),
            (Datatype::Bytes, &[0], b"", "good"),
            (Datatype::Bytes, &[1], texts, "4 bytes stand behind its last element"),
            (
                Datatype::Bytes,
                &[3],
                texts,
                "its 9 bytes end in element 3, and its shape is [3]",
            ),
            (
                Datatype::Bytes,
                &[1],
                b"\xff\xff\xff\xffa",
                "its 5 bytes end in element 1, and its shape is [1]",
            ),
            (
                Datatype::Bytes,
                &[1 << 60],
                b"",
                "its 0 bytes end in element 1, and its shape is [1152921504606846976]",
            ),
            (
                Datatype::Fp64,
                &[1 << 62],
                b"",
                "it has 0 bytes, and [4611686018427387904] of FP64 are 36893488147419103232",
            ),
        ] {
            let tensor = Shape::of(sizes).and_then(|shape| Tensor::of_bytes("x".into(), datatype, shape, bytes));
            let found = tensor.map_or_else(|fault| fault.0, |_| "good".into());
            assert_eq!(found, expected);
        }
    }
}
