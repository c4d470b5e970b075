//! Columns -> the tensors that ONNX Runtime takes, and what it gives -> numbers and labels.

use super::{Texts, reason};
use crate::model::{Category, Defect, Type};
use ort::session::SessionInputValue;
use ort::value::{DynMapValueType, DynValue, Tensor, TensorElementType, ValueType};
use std::borrow::Cow;

/// A tensor that the model takes, `[row][column]`.
#[derive(Debug)]
pub struct Input {
    pub name: String,
    pub kind: Type,
    pub width: usize,
}

/// How a model of half precision inside keeps tensors that can be given and read.
pub fn half_hint(kind: TensorElementType) -> &'static str {
    match kind {
        TensorElementType::Float16 | TensorElementType::Bfloat16 => {
            "; convert the model with keep_io_types=True, which leaves it half precision inside"
        }
        _ => "",
    }
}

/// More columns are taken for damage.
const COLUMNS: i64 = 1 << 20;

impl Input {
    pub fn read(name: &str, value: &ValueType) -> Result<Input, Defect> {
        let refuse = |what: String| Defect(format!("input {name:?} {what}"));
        let ValueType::Tensor { ty, shape, .. } = value else {
            return Err(refuse("is no tensor".into()));
        };
        let kind = match ty {
            TensorElementType::Float32 => Type::Float32,
            TensorElementType::Float64 => Type::Float64,
            TensorElementType::Int64 => Type::Int64,
            TensorElementType::Bool => Type::Boolean,
            TensorElementType::String => Type::String,
            other => {
                return Err(refuse(format!(
                    "is a tensor of {other}; float, double, int64, bool and string can be given{}",
                    half_hint(*other)
                )));
            }
        };
        match shape[..] {
            [rows, _] if rows > 0 => Err(refuse(
                "has a fixed number of rows; convert the model with a dynamic first dimension (None)".into(),
            )),
            [_, width @ 1..=COLUMNS] => Ok(Input {
                name: name.into(),
                kind,
                width: width as usize,
            }),
            _ => Err(refuse(format!(
                "has the shape {shape}, not rows by a known number of columns"
            ))),
        }
    }
}

/// Every batch is filled up to a multiple of this with copies of its last row. ONNX Runtime computes the rows at the end of
/// a batch by other instructions than those before, so that their last digit depended on the rows beside them.
const LANE: usize = 64;

pub type Feed<'a> = Vec<(Cow<'a, str>, SessionInputValue<'static>)>;

/// The model's inputs for `rows` rows, from their columns in order.
pub fn feed<'a>(inputs: &'a [Input], columns: &[&[f64]], texts: &Texts, rows: usize) -> Result<Feed<'a>, String> {
    let (mut column, mut text) = (0, 0);
    let filled = (0..rows.next_multiple_of(LANE)).map(|row| row.min(rows - 1));
    let mut feed = Vec::with_capacity(inputs.len());
    for Input { name, kind, width } in inputs {
        let shape = [filled.len(), *width];
        let own = &columns[column..column + width];
        let cells = filled.clone().flat_map(|row| own.iter().map(move |column| column[row]));
        let tensor: ort::Result<DynValue> = match kind {
            Type::Float32 => {
                Tensor::from_array((shape, cells.map(|x| x as f32).collect::<Vec<_>>())).map(|t| t.into_dyn())
            }
            Type::Int64 => {
                Tensor::from_array((shape, cells.map(|x| x as i64).collect::<Vec<_>>())).map(|t| t.into_dyn())
            }
            Type::Boolean => {
                Tensor::from_array((shape, cells.map(|x| x != 0.0).collect::<Vec<_>>())).map(|t| t.into_dyn())
            }
            Type::String => {
                let own = &texts[text..text + width];
                text += width;
                let cells = filled
                    .clone()
                    .flat_map(|row| own.iter().map(move |column| column[row].clone()));
                let cells: Vec<String> = cells.collect();
                Tensor::from_string_array((shape, &cells[..])).map(|t| t.into_dyn())
            }
            Type::Float64 | Type::Category => {
                Tensor::from_array((shape, cells.collect::<Vec<_>>())).map(|t| t.into_dyn())
            }
        };
        column += width;
        feed.push((Cow::Borrowed(name.as_str()), tensor.map_err(reason)?.into()));
    }
    Ok(feed)
}

pub fn is_float(kind: Type) -> bool {
    matches!(kind, Type::Float32 | Type::Float64)
}

/// The type of a tensor that the model gives, and how many columns it has if the file says so.
pub fn declared(value: &ValueType) -> Option<(Type, Option<usize>)> {
    let ValueType::Tensor { ty, shape, .. } = value else {
        return None;
    };
    let kind = match ty {
        TensorElementType::Float32 => Type::Float32,
        TensorElementType::Float64 => Type::Float64,
        TensorElementType::Int64 => Type::Int64,
        TensorElementType::String => Type::String,
        _ => return None,
    };
    let width = match shape[..] {
        [_] => Some(1),
        [_, width @ 1..=COLUMNS] => Some(width as usize),
        _ => None,
    };
    Some((kind, width))
}

/// A tensor of numbers, `[row][column]`.
pub struct Numbers {
    values: Vec<f64>,
    width: usize,
}

impl Numbers {
    pub fn read(value: &DynValue, rows: usize, width: usize) -> Result<Numbers, String> {
        let values: Vec<f64> = match value.try_extract_tensor::<f32>() {
            Ok((_, values)) => values.iter().map(|&x| x.into()).collect(),
            Err(_) => value.try_extract_tensor::<f64>().map_err(reason)?.1.to_vec(),
        };
        check(values.len(), rows, width)?;
        Ok(Numbers { values, width })
    }

    /// To `[column][row]`; without the rows that filled up the batch.
    pub fn write(&self, out: &mut [f64]) {
        let rows = out.len() / self.width;
        for (column, out) in out.chunks_mut(rows).enumerate() {
            for (row, out) in out.iter_mut().enumerate() {
                *out = self.values[row * self.width + column];
            }
        }
    }
}

/// The labels of `rows` rows.
pub fn labels(value: &DynValue, rows: usize) -> Result<Vec<Category>, String> {
    let mut labels: Vec<Category> = match value.try_extract_tensor::<i64>() {
        Ok((_, labels)) => labels.iter().map(|&label| Category::Integer(label)).collect(),
        Err(_) => {
            let (_, labels) = value.try_extract_strings().map_err(reason)?;
            labels.into_iter().map(Category::Text).collect()
        }
    };
    check(labels.len(), rows, 1)?;
    labels.truncate(rows);
    Ok(labels)
}

/// Did the model give `width` values for each row of the batch?
fn check(found: usize, rows: usize, width: usize) -> Result<(), String> {
    let filled = rows.next_multiple_of(LANE);
    match found == filled * width {
        true => Ok(()),
        false => Err(format!("the model gave {found} values for {filled} rows of {width}")),
    }
}

/// For each row the classes with their probabilities, as ZipMap makes them.
pub fn zipped(value: &DynValue, rows: usize) -> Result<Vec<Vec<(Category, f64)>>, String> {
    let maps = value.try_extract_sequence::<DynMapValueType>().map_err(reason)?;
    check(maps.len(), rows, 1)?;
    maps.iter()
        .take(rows)
        .map(|map| {
            if let Ok(pairs) = map.try_extract_key_values::<i64, f32>() {
                let pairs = pairs.into_iter();
                return Ok(pairs.map(|(key, p)| (Category::Integer(key), p.into())).collect());
            }
            let pairs = map.try_extract_key_values::<String, f32>().map_err(reason)?;
            Ok(pairs
                .into_iter()
                .map(|(key, p)| (Category::Text(key), p.into()))
                .collect())
        })
        .collect()
}
