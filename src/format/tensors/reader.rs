//! Tensors -> batches by a binding, whose fields are the columns of all tensors, one behind the other.

use super::datatype::Datatype;
use super::tensor::{Data, Fault, Tensor, next_text};
use crate::format::json::{Cursor, Kind as ValueKind};
use crate::score::cell::{Feature, Kind, is_integer};
use crate::score::{Batch, Binding};
use std::borrow::Cow;

/// Reads a batch at a time. All rows can be read; what is wrong with one, is one of its cells.
pub struct Reader<'a> {
    pub batch: Batch,
    /// Those that are read, and of each column, its feature.
    tensors: Vec<(Tensor<'a>, Vec<Option<usize>>)>,
    binding: &'a Binding,
    /// The rows that are left.
    left: usize,
}

impl<'a> Reader<'a> {
    /// # Errors
    /// One has more rows than another.
    pub fn new(tensors: Vec<Tensor<'a>>, binding: &'a Binding) -> Result<Reader<'a>, Fault> {
        let rows = tensors.first().map_or(0, |first| first.shape.rows);
        if let Some(other) = tensors.iter().find(|tensor| tensor.shape.rows != rows) {
            let message = format!(
                "{:?} has {} rows, and {:?} has {rows}",
                other.name, other.shape.rows, tensors[0].name
            );
            return Err(Fault(message));
        }
        let width = tensors.iter().map(|tensor| tensor.shape.width).sum();
        let mut features = vec![None; width];
        for (feature, &field) in binding.fields.iter().enumerate() {
            features[field] = Some(feature);
        }
        let mut features = features.into_iter();
        let read = tensors.into_iter().map(|tensor| {
            let of_tensor: Vec<Option<usize>> = features.by_ref().take(tensor.shape.width).collect();
            (tensor, of_tensor)
        });
        Ok(Reader {
            batch: Batch::new(binding, rows),
            tensors: read
                .filter(|(_, features)| features.iter().any(Option::is_some))
                .collect(),
            binding,
            left: rows,
        })
    }

    /// Reads the next rows. False: there are no more.
    pub fn fill(&mut self) -> bool {
        self.batch.clear();
        let count = self.left.min(self.batch.room());
        for (tensor, features) in &mut self.tensors {
            for row in 0..count {
                for feature in features.iter() {
                    let cell = feature.map(|feature| Cell {
                        batch: &mut self.batch,
                        row,
                        feature,
                        of: &self.binding.features[feature],
                    });
                    tensor.read(cell);
                }
            }
        }
        self.batch.end_rows(count);
        self.batch.end();
        self.left -= count;
        count > 0
    }
}

/// Where an element is put.
struct Cell<'b> {
    batch: &'b mut Batch,
    /// Of those that are read at once.
    row: usize,
    feature: usize,
    of: &'b Feature,
}

impl Cell<'_> {
    fn text(self, text: &[u8]) {
        self.batch.read(self.row, self.feature, self.of, text);
    }

    /// False where what it means depends on its text.
    #[inline]
    fn is_plain(&self, x: f64) -> bool {
        match &self.of.kind {
            Kind::Numbers => x.is_finite(),
            Kind::Integers => is_integer(x),
            Kind::Marked(marks) => marks.direct(x) == Some(x),
            Kind::Categories(_) | Kind::Texts(_) => false,
        }
    }

    #[inline]
    fn plain(self, x: f64) {
        self.batch.next_cells(self.feature, self.row + 1)[self.row] = x;
    }

    #[inline]
    fn float(self, x: f64) {
        match self.is_plain(x) {
            true => self.plain(x),
            false => self.text(zmij::Buffer::new().format(x).as_bytes()),
        }
    }

    fn integer(self, n: i128) {
        let x = n as f64;
        // From 2^53 on, a double stands for several.
        match is_integer(x) && self.is_plain(x) {
            true => self.plain(x),
            false => self.text(n.to_string().as_bytes()),
        }
    }

    fn boolean(self, truth: bool) {
        self.text(if truth { b"true" } else { b"false" });
    }

    fn json(self, datatype: Datatype, value: Cursor) {
        let written = value.raw();
        match value.kind() {
            ValueKind::Number if datatype == Datatype::Bool => match fast_float2::parse::<f64, _>(written) {
                Ok(x) if !x.is_nan() => self.boolean(x != 0.0),
                _ => self.text(written.as_bytes()),
            },
            ValueKind::Number => self.number(datatype, written),
            ValueKind::Text => {
                let text = value.text().unwrap_or_default();
                match datatype {
                    Datatype::Fp32 => self.number(datatype, &text),
                    _ => self.text(text.as_bytes()),
                }
            }
            ValueKind::Null => self.text(b""),
            _ => self.text(written.as_bytes()),
        }
    }

    #[inline]
    fn number(self, datatype: Datatype, written: &str) {
        match fast_float2::parse::<f64, _>(written) {
            Ok(x) if datatype == Datatype::Fp32 && !x.is_nan() => self.float((x as f32).into()),
            Ok(x) if self.is_plain(x) => self.plain(x),
            _ => self.text(written.as_bytes()),
        }
    }
}

impl Tensor<'_> {
    /// Reads the next element. `cell`: none, where the model doesn't take it.
    #[inline]
    fn read(&mut self, cell: Option<Cell>) {
        let datatype = self.datatype;
        match &mut self.data {
            Data::Json(cells) => {
                if let (Some(value), Some(cell)) = (cells.next(), cell) {
                    cell.json(datatype, value);
                }
            }
            Data::Binary(rest) => {
                let Some((bytes, behind)) = element(datatype, rest) else {
                    return;
                };
                *rest = behind;
                if let Some(cell) = cell {
                    cell.binary(datatype, bytes);
                }
            }
        }
    }
}

impl<'a> Tensor<'a> {
    /// The elements as texts, a number by its digits; null is none.
    pub fn texts(self) -> impl Iterator<Item = Option<Cow<'a, [u8]>>> {
        let datatype = self.datatype;
        let (mut cells, mut rest) = match self.data {
            Data::Json(cells) => (Some(cells), &[][..]),
            Data::Binary(bytes) => (None, bytes),
        };
        std::iter::from_fn(move || match &mut cells {
            Some(cells) => cells.next().map(json_text),
            None => {
                let (bytes, behind) = element(datatype, rest).filter(|_| !rest.is_empty())?;
                rest = behind;
                Some(Some(binary_text(datatype, bytes)))
            }
        })
    }
}

fn json_text(value: Cursor<'_>) -> Option<Cow<'_, [u8]>> {
    match value.kind() {
        ValueKind::Null => None,
        ValueKind::Text => value.text().map(|text| match text {
            Cow::Borrowed(text) => text.as_bytes().into(),
            Cow::Owned(text) => text.into_bytes().into(),
        }),
        _ => Some(value.raw().as_bytes().into()),
    }
}

fn binary_text(datatype: Datatype, bytes: &[u8]) -> Cow<'_, [u8]> {
    let text = match datatype {
        Datatype::Bool => (bytes != [0]).to_string(),
        Datatype::Int8 => i8::from_le_bytes(array(bytes)).to_string(),
        Datatype::Int16 => i16::from_le_bytes(array(bytes)).to_string(),
        Datatype::Int32 => i32::from_le_bytes(array(bytes)).to_string(),
        Datatype::Int64 => i64::from_le_bytes(array(bytes)).to_string(),
        Datatype::Uint8 => u8::from_le_bytes(array(bytes)).to_string(),
        Datatype::Uint16 => u16::from_le_bytes(array(bytes)).to_string(),
        Datatype::Uint32 => u32::from_le_bytes(array(bytes)).to_string(),
        Datatype::Uint64 => u64::from_le_bytes(array(bytes)).to_string(),
        Datatype::Fp32 => zmij::Buffer::new().format(f32::from_le_bytes(array(bytes))).into(),
        Datatype::Fp64 => zmij::Buffer::new().format(f64::from_le_bytes(array(bytes))).into(),
        Datatype::Bytes => return bytes.into(),
    };
    text.into_bytes().into()
}

/// The first one, and what is behind it.
#[inline]
fn element(datatype: Datatype, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match datatype.size() {
        Some(size) => bytes.split_at_checked(size),
        None => next_text(bytes),
    }
}

impl Cell<'_> {
    #[inline]
    fn binary(self, datatype: Datatype, bytes: &[u8]) {
        match datatype {
            Datatype::Bool => self.boolean(bytes != [0]),
            Datatype::Int8 => self.integer(i8::from_le_bytes(array(bytes)).into()),
            Datatype::Int16 => self.integer(i16::from_le_bytes(array(bytes)).into()),
            Datatype::Int32 => self.integer(i32::from_le_bytes(array(bytes)).into()),
            Datatype::Int64 => self.integer(i64::from_le_bytes(array(bytes)).into()),
            Datatype::Uint8 => self.integer(u8::from_le_bytes(array(bytes)).into()),
            Datatype::Uint16 => self.integer(u16::from_le_bytes(array(bytes)).into()),
            Datatype::Uint32 => self.integer(u32::from_le_bytes(array(bytes)).into()),
            Datatype::Uint64 => self.integer(u64::from_le_bytes(array(bytes)).into()),
            Datatype::Fp32 => self.float(f32::from_le_bytes(array(bytes)).into()),
            Datatype::Fp64 => self.float(f64::from_le_bytes(array(bytes))),
            Datatype::Bytes => self.text(bytes),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("an element has the size of its datatype")
}

#[cfg(test)]
mod tests {
    use super::super::agreement::agree;
    use super::super::tensor::Shape;
    use super::*;
    use crate::format::json::Document;
    use crate::format::json::agreement::signature;
    use crate::score::Spelling;
    use crate::score::batch::ROWS;
    use crate::score::binding::features;
    use proptest::prelude::*;

    #[test]
    fn singles_are_widened_in_json_too() {
        let signature = signature();
        let binding = Binding::by_position(&features(signature.inputs[..2].iter(), &Spelling::USUAL).into());
        let document = Document::check(br#"[0.1, "0.1", 16777217, null]"#).unwrap();
        let shape = Shape::of(&[2, 2]).unwrap();
        for (datatype, expected) in [
            (Datatype::Fp32, [f64::from(0.1f32), 16_777_216.0]),
            (Datatype::Fp64, [0.1, 16_777_217.0]),
        ] {
            let tensor = Tensor::of_json("x".into(), datatype, shape, document.root()).unwrap();
            let mut reader = Reader::new(vec![tensor], &binding).unwrap();
            assert!(reader.fill());
            assert_eq!(reader.batch.column(0), expected);
            assert_eq!(reader.batch.column(1)[0], expected[0]);
            assert!(reader.batch.column(1)[1].is_nan());
            assert!(!reader.fill());
        }
    }

    #[test]
    fn tensors_have_as_many_rows_as_each_other() {
        let signature = signature();
        let binding = Binding::by_position(&features(signature.inputs[..2].iter(), &Spelling::USUAL).into());
        let tensor = |name: &str, rows, bytes| {
            Tensor::of_bytes(name.into(), Datatype::Uint8, Shape::of(&[rows]).unwrap(), bytes).unwrap()
        };
        let fault = Reader::new(vec![tensor("x", 2, &[0; 2]), tensor("y", 3, &[0; 3])], &binding).err();
        assert_eq!(fault.unwrap().0, "\"y\" has 3 rows, and \"x\" has 2");
    }

    #[test]
    fn rows_are_read_a_batch_at_a_time() {
        let signature = signature();
        let binding = Binding::by_position(&features(signature.inputs[..1].iter(), &Spelling::USUAL).into());
        let count = ROWS + 3;
        let bytes: Vec<u8> = (0..count).flat_map(|n| (n as f64 / 7.0).to_le_bytes()).collect();
        let shape = Shape::of(&[count as u64, 1]).unwrap();
        let tensor = Tensor::of_bytes("x".into(), Datatype::Fp64, shape, &bytes).unwrap();
        let mut reader = Reader::new(vec![tensor], &binding).unwrap();
        let mut read = Vec::new();
        while reader.fill() {
            read.extend_from_slice(reader.batch.column(0));
        }
        assert!(read.iter().copied().eq((0..count).map(|n| n as f64 / 7.0)));
    }

    proptest! {
        #[test]
        fn elements_are_cells_like_any(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            agree(&bytes);
        }
    }
}
