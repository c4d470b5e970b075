//! Holds the reader against one that is as simple as can be: an element is a text, and texts are cells.

use super::{Datatype, Reader, Shape, Tensor};
use crate::format::json::agreement::{Read, signature};
use crate::format::json::{Cursor, Document, Kind};
use crate::model::Signature;
use crate::score::binding::features;
use crate::score::{Batch, Binding, Spelling};

/// The first bytes say which features and tensors there are; the others are their elements, binary, and as JSON.
pub fn agree(bytes: &[u8]) {
    let Some((&[from, datatype, width, texts], data)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let signature = signature();
    let width = 1 + usize::from(width) % signature.inputs.len();
    let from = usize::from(from) % (signature.inputs.len() - width + 1);
    let signature = Signature {
        inputs: signature.inputs[from..from + width].to_vec(),
        outputs: Vec::new(),
    };
    let binding = Binding::by_position(&features(signature.inputs.iter(), &Spelling::USUAL).into());
    let datatype = Datatype::ALL[usize::from(datatype) % Datatype::ALL.len()];
    binary(datatype, width, data, &binding);
    for datatype in Datatype::ALL {
        json(datatype, width, data, &binding);
    }
    // A column each, of other datatypes.
    columns(&signature, usize::from(texts), data);
}

fn binary(datatype: Datatype, width: usize, data: &[u8], binding: &Binding) {
    let Some(elements) = elements(datatype, data) else {
        return;
    };
    let rows = elements.len() / width;
    let shape = Shape::of(&[rows as u64, width as u64]).expect("it is small");
    let tensor = Tensor::of_bytes("x".into(), datatype, shape, data);
    let fits = elements.len() == rows * width && (datatype != Datatype::Bool || data.iter().all(|b| *b < 2));
    assert_eq!(tensor.is_ok(), fits, "{} {data:?}", datatype.name());
    if let Ok(tensor) = tensor {
        let rows: Vec<Vec<Vec<u8>>> = elements.chunks(width).map(<[Vec<u8>]>::to_vec).collect();
        assert_same(vec![tensor], binding, &rows);
    }
}

fn json(datatype: Datatype, width: usize, data: &[u8], binding: &Binding) {
    let Ok(document) = Document::check(data) else { return };
    let elements: Vec<Cursor> = match document.root().elements().next().map(Cursor::kind) {
        Some(Kind::Array) => document.root().elements().flat_map(Cursor::elements).collect(),
        _ => document.root().elements().collect(),
    };
    let shape = Shape::of(&[(elements.len() / width) as u64, width as u64]).expect("it is small");
    if let Ok(tensor) = Tensor::of_json("x".into(), datatype, shape, document.root()) {
        let cells: Vec<Vec<u8>> = elements.iter().map(|element| text(datatype, *element)).collect();
        let rows: Vec<Vec<Vec<u8>>> = cells.chunks(width).map(<[Vec<u8>]>::to_vec).collect();
        assert_same(vec![tensor], binding, &rows);
    }
}

/// The same elements as columns, whose datatypes take turns.
fn columns(signature: &Signature, turn: usize, data: &[u8]) {
    let binding = Binding::by_position(&features(signature.inputs.iter(), &Spelling::USUAL).into());
    let size = data.len() / signature.inputs.len();
    let mut tensors = Vec::new();
    let mut cells = Vec::new();
    for (place, data) in data.chunks(size.max(1)).take(signature.inputs.len()).enumerate() {
        let datatype = Datatype::ALL[(turn + place) % Datatype::ALL.len()];
        let Some(elements) = elements(datatype, data) else {
            return;
        };
        let shape = Shape::of(&[elements.len() as u64]).expect("it is small");
        let Ok(tensor) = Tensor::of_bytes(place.to_string(), datatype, shape, data) else {
            return;
        };
        tensors.push(tensor);
        cells.push(elements);
    }
    let rows = cells.first().map_or(0, Vec::len);
    if tensors.len() == signature.inputs.len() && cells.iter().all(|cells| cells.len() == rows) {
        let row = |row: usize| cells.iter().map(|cells| cells[row].clone()).collect();
        assert_same(tensors, &binding, &(0..rows).map(row).collect::<Vec<_>>());
    }
}

/// `rows`: the cells of each.
fn assert_same(tensors: Vec<Tensor>, binding: &Binding, rows: &[Vec<Vec<u8>>]) {
    let mut reader = Reader::new(tensors, binding).expect("their rows are as many");
    let mut rest = rows;
    while reader.fill() {
        let taken;
        (taken, rest) = rest.split_at(reader.batch.rows());
        let mut batch = Batch::new(binding, usize::MAX);
        for row in taken {
            for (feature, cell) in row.iter().enumerate() {
                batch.read(0, feature, &binding.features[feature], cell);
            }
            batch.end_rows(1);
        }
        batch.end();
        assert_eq!(Read::of(&mut reader.batch), Read::of(&mut batch), "{taken:?}");
    }
    assert!(rest.is_empty());
}

/// The texts of binary elements; `None`: they don't fill the bytes.
fn elements(datatype: Datatype, data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let Some(size) = datatype.size() else {
        let (mut texts, mut rest) = (Vec::new(), data);
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
            texts.push(rest.get(4..length.checked_add(4)?)?.to_vec());
            rest = &rest[4 + length..];
        }
        return Some(texts);
    };
    let text = |element: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(element);
        let unsigned = u64::from_le_bytes(wide);
        let unused = 64 - 8 * size as u32;
        let signed = (unsigned << unused).cast_signed() >> unused;
        match datatype {
            Datatype::Bool => (unsigned == 1).to_string(),
            Datatype::Fp32 => number(f32::from_bits(unsigned as u32).into()),
            Datatype::Fp64 => number(f64::from_bits(unsigned)),
            Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => signed.to_string(),
            _ => unsigned.to_string(),
        }
    };
    let whole = data.len().is_multiple_of(size);
    whole.then(|| data.chunks(size).map(|element| text(element).into_bytes()).collect())
}

/// Of an element in JSON.
fn text(datatype: Datatype, element: Cursor) -> Vec<u8> {
    let text = match element.kind() {
        Kind::Null => String::new(),
        Kind::Text => element.text().unwrap_or_default().into_owned(),
        _ => element.raw().into(),
    };
    let number = text.parse::<f64>().ok().filter(|x| !x.is_nan());
    let is_number = element.kind() == Kind::Number;
    match (datatype, number) {
        (Datatype::Bool, Some(x)) if is_number => (x != 0.0).to_string().into(),
        (Datatype::Fp32, Some(x)) => self::number((x as f32).into()).into(),
        _ => text.into(),
    }
}

/// As the spool writes it.
fn number(x: f64) -> String {
    zmij::Buffer::new().format(x).into()
}
