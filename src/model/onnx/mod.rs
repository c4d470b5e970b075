//! ONNX models, scored by ONNX Runtime.
//!
//! A model takes one matrix or one tensor for each column, and gives numbers, or a label with the probabilities of the
//! classes: what skl2onnx makes of scikit-learn's models and pipelines, with and without ZipMap.

mod graph;

use super::signature::{self, Column, Signature, Type};
use super::{Category, Defect};
use crate::onnxruntime;
use graph::Graph;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{DynMapValueType, DynValue, Tensor, TensorElementType, ValueType};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

pub struct Onnx {
    artifact: Vec<u8>,
    inputs: Vec<Input>,
    output: Output,
    /// Sessions that nobody uses just now. A session runs one batch at a time, on its caller's thread.
    idle: Mutex<Vec<Session>>,
}

/// A tensor that the model takes, `[row][column]`.
#[derive(Debug)]
struct Input {
    name: String,
    kind: Type,
    width: usize,
}

#[derive(Debug)]
enum Output {
    /// A tensor of numbers, a column or more.
    Numbers { name: String },
    /// Labels, and the probabilities of the classes where there are any.
    Classes {
        label: String,
        probabilities: Option<String>,
        classes: Vec<Category>,
    },
}

/// Columns of text cells, `[column][row]`.
pub type Texts = [Vec<String>];

/// More columns are taken for damage.
const COLUMNS: i64 = 1 << 20;

impl fmt::Debug for Onnx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onnx")
            .field("inputs", &self.inputs)
            .field("output", &self.output)
            .finish()
    }
}

impl Onnx {
    /// The model, what it takes and gives, and whether the names of its features are its own.
    pub fn parse(artifact: &[u8]) -> Result<(Onnx, Signature, bool), Defect> {
        let graph = Graph::read(artifact)?;
        let session = start(artifact).map_err(Defect)?;
        let inputs = session
            .inputs()
            .iter()
            .map(|input| read_input(input.name(), input.dtype()))
            .collect::<Result<Vec<_>, _>>()?;
        let names_known = inputs.iter().all(|input| input.width == 1);
        let optional = [
            "Imputer",
            "TreeEnsemble",
            "TreeEnsembleRegressor",
            "TreeEnsembleClassifier",
        ]
        .iter()
        .any(|operator| graph.operators.contains(*operator));
        let columns = columns(&inputs, names_known, optional);
        let output = read_output(&session)?;
        let mut model = Onnx {
            artifact: artifact.to_vec(),
            inputs,
            output,
            idle: Mutex::new(vec![session]),
        };
        let outputs = model.probe(&graph)?;
        let signature = Signature {
            inputs: columns,
            outputs,
        };
        signature.check()?;
        Ok((model, signature, names_known))
    }

    /// Scores one row, and tells the outputs from what comes of it.
    fn probe(&mut self, graph: &Graph) -> Result<Vec<Column>, Defect> {
        let columns = vec![&[0.0][..]; self.inputs.iter().map(|i| i.width).sum()];
        let texts = vec![vec![String::new()]; columns.len()];
        let refused = |e| Defect(format!("the model can't score a row of zeros: {e}"));
        let (width, float, keys, labels) = self
            .run(&columns, &texts, 1, |outputs| match &self.output {
                Output::Numbers { name } => {
                    let (width, float, _) = numbers(&outputs[name.as_str()], 1)?;
                    Ok((width, float, Vec::new(), Vec::new()))
                }
                Output::Classes {
                    label, probabilities, ..
                } => {
                    let labels = categories(&outputs[label.as_str()])?;
                    let Some(probabilities) = probabilities else {
                        return Ok((0, Type::Float32, Vec::new(), labels));
                    };
                    let value = &outputs[probabilities.as_str()];
                    if let ValueType::Sequence(_) = value.dtype() {
                        let row = zipped(value)?.into_iter().next().unwrap_or_default();
                        let keys: Vec<Category> = row.into_iter().map(|(key, _)| key).collect();
                        return Ok((keys.len(), Type::Float32, keys, labels));
                    }
                    let (width, float, _) = numbers(value, 1)?;
                    Ok((width, float, Vec::new(), labels))
                }
            })
            .map_err(refused)?;
        let Output::Classes { classes, .. } = &mut self.output else {
            return Ok(match width {
                1 => vec![Column::plain("prediction".into(), float)],
                _ => (0..width)
                    .map(|i| Column::plain(format!("prediction_{i}"), float))
                    .collect(),
            });
        };
        let counted = labels.iter().all(|label| matches!(label, Category::Integer(_)));
        *classes = match (keys.is_empty(), graph.classes.is_empty()) {
            (false, _) => keys,
            (true, false) => graph.classes.clone(),
            (true, true) if counted && width > 0 => (0..width as i64).map(Category::Integer).collect(),
            (true, true) => {
                return Err(Defect(
                    "the file doesn't name its classes; convert it with ZipMap (skl2onnx: options={'zipmap': True})"
                        .into(),
                ));
            }
        };
        if width > 0 && width != classes.len() {
            return Err(Defect(format!("{width} probabilities for {} classes", classes.len())));
        }
        if let Some(other) = labels.iter().find(|label| !classes.contains(label)) {
            return Err(Defect(format!("the label {other} is not among the classes")));
        }
        let label = Column {
            categories: classes.clone(),
            ..signature::label(classes.len())
        };
        let probability = |class: &Category| Column::plain(format!("probability_{class}"), float);
        let probabilities: Vec<Column> = classes.iter().take(width).map(probability).collect();
        Ok([vec![label], probabilities].concat())
    }

    /// As `Model::predict`.
    pub fn predict(&self, columns: &[&[f64]], texts: &Texts, rows: usize, out: &mut [f64]) -> Result<(), String> {
        self.run(columns, texts, rows, |outputs| match &self.output {
            Output::Numbers { name } => {
                let (width, _, values) = numbers(&outputs[name.as_str()], rows)?;
                if width * rows != out.len() {
                    return Err(format!("the model gave {width} numbers a row"));
                }
                transpose(&values, width, rows, out);
                Ok(())
            }
            Output::Classes {
                label,
                probabilities,
                classes,
            } => {
                let (labels, rest) = out.split_at_mut(rows);
                let found = categories(&outputs[label.as_str()])?;
                if found.len() != rows {
                    return Err(format!("{} labels for {rows} rows", found.len()));
                }
                for (to, found) in labels.iter_mut().zip(&found) {
                    let class = classes.iter().position(|class| class == found);
                    *to = class.ok_or_else(|| format!("the label {found} is not among the classes"))? as f64;
                }
                let Some(probabilities) = probabilities else {
                    return Ok(());
                };
                let value = &outputs[probabilities.as_str()];
                if let ValueType::Sequence(_) = value.dtype() {
                    for (row, zipped) in zipped(value)?.into_iter().enumerate() {
                        for (key, probability) in zipped {
                            let class = classes.iter().position(|class| *class == key);
                            let class = class.ok_or_else(|| format!("the class {key} is not known"))?;
                            rest[class * rows + row] = probability;
                        }
                    }
                    return Ok(());
                }
                let (width, _, values) = numbers(value, rows)?;
                if width != classes.len() {
                    return Err(format!("{width} probabilities for {} classes", classes.len()));
                }
                transpose(&values, width, rows, rest);
                Ok(())
            }
        })
    }

    fn run<T>(
        &self,
        columns: &[&[f64]],
        texts: &Texts,
        rows: usize,
        read: impl FnOnce(&SessionOutputs) -> Result<T, String>,
    ) -> Result<T, String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match idle {
            Some(session) => session,
            None => start(&self.artifact)?,
        };
        let outputs = session.run(self.tensors(columns, texts, rows)?).map_err(reason)?;
        let result = read(&outputs);
        drop(outputs);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        result
    }

    fn tensors<'a>(
        &'a self,
        columns: &[&[f64]],
        texts: &Texts,
        rows: usize,
    ) -> Result<Vec<(Cow<'a, str>, SessionInputValue<'static>)>, String> {
        let (mut column, mut text) = (0, 0);
        let mut tensors = Vec::with_capacity(self.inputs.len());
        for Input { name, kind, width } in &self.inputs {
            let shape = [rows, *width];
            let own = &columns[column..column + width];
            let cells = (0..rows).flat_map(|row| own.iter().map(move |column| column[row]));
            let tensor: DynValue = match kind {
                Type::Float32 => {
                    Tensor::from_array((shape, cells.map(|x| x as f32).collect::<Vec<_>>())).map(|t| t.into_dyn())
                }
                Type::Int64 => {
                    Tensor::from_array((shape, cells.map(|x| x as i64).collect::<Vec<_>>())).map(|t| t.into_dyn())
                }
                Type::String => {
                    let own = &texts[text..text + width];
                    text += width;
                    let cells = (0..rows).flat_map(|row| own.iter().map(move |column| column[row].clone()));
                    let cells: Vec<String> = cells.collect();
                    Tensor::from_string_array((shape, &cells[..])).map(|t| t.into_dyn())
                }
                Type::Float64 | Type::Category => {
                    Tensor::from_array((shape, cells.collect::<Vec<_>>())).map(|t| t.into_dyn())
                }
            }
            .map_err(reason)?;
            column += width;
            tensors.push((Cow::Borrowed(name.as_str()), tensor.into()));
        }
        Ok(tensors)
    }
}

/// A session on one thread: parallel are the batches, not what is done in one.
fn start(artifact: &[u8]) -> Result<Session, String> {
    let environment = onnxruntime::environment()?;
    let refused = |e: String| format!("ONNX Runtime refuses the model: {e}");
    Session::builder(&environment)
        .and_then(|builder| Ok(builder.with_intra_threads(1)?.with_inter_threads(1)?))
        .and_then(|mut builder| builder.commit_from_memory(artifact))
        .map_err(|e| refused(reason(e)))
}

/// In one line.
fn reason(error: ort::Error) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_input(name: &str, value: &ValueType) -> Result<Input, Defect> {
    let refuse = |what: String| Defect(format!("input {name:?} {what}"));
    let ValueType::Tensor { ty, shape, .. } = value else {
        return Err(refuse("is no tensor".into()));
    };
    let kind = match ty {
        TensorElementType::Float32 => Type::Float32,
        TensorElementType::Float64 => Type::Float64,
        TensorElementType::Int64 => Type::Int64,
        TensorElementType::String => Type::String,
        other => {
            return Err(refuse(format!(
                "is a tensor of {other}; float, double, int64 and string can be given"
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

/// `f0`, `f1`... where one tensor has several columns.
fn columns(inputs: &[Input], names_known: bool, optional: bool) -> Vec<Column> {
    let kinds = inputs.iter().flat_map(|input| (0..input.width).map(move |_| input));
    kinds
        .enumerate()
        .map(|(i, input)| Column {
            optional: optional && matches!(input.kind, Type::Float32 | Type::Float64),
            ..Column::plain(
                if names_known {
                    input.name.clone()
                } else {
                    format!("f{i}")
                },
                input.kind,
            )
        })
        .collect()
}

fn read_output(session: &Session) -> Result<Output, Defect> {
    let is_label = |value: &ValueType| {
        matches!(
            value,
            ValueType::Tensor {
                ty: TensorElementType::Int64 | TensorElementType::String,
                ..
            }
        )
    };
    let is_numbers = |value: &ValueType| {
        matches!(
            value,
            ValueType::Tensor {
                ty: TensorElementType::Float32 | TensorElementType::Float64,
                ..
            }
        )
    };
    let is_zipped =
        |value: &ValueType| matches!(value, ValueType::Sequence(inner) if matches!(**inner, ValueType::Map { .. }));
    let outputs = session.outputs();
    let classes = |probabilities: Option<&str>| Output::Classes {
        label: outputs[0].name().into(),
        probabilities: probabilities.map(String::from),
        classes: Vec::new(),
    };
    match outputs {
        [one] if is_numbers(one.dtype()) => Ok(Output::Numbers {
            name: one.name().into(),
        }),
        [one] if is_label(one.dtype()) => Ok(classes(None)),
        [label, other] if is_label(label.dtype()) && (is_numbers(other.dtype()) || is_zipped(other.dtype())) => {
            Ok(classes(Some(other.name())))
        }
        _ => {
            let all: Vec<String> = outputs.iter().map(|o| format!("{}: {}", o.name(), o.dtype())).collect();
            Err(Defect(format!(
                "its outputs ({}) are neither numbers nor a label with probabilities",
                all.join(", ")
            )))
        }
    }
}

/// Numbers a row, their type, and the numbers, `[row][column]`.
fn numbers(value: &DynValue, rows: usize) -> Result<(usize, Type, Vec<f64>), String> {
    let (float, values) = match value.try_extract_tensor::<f32>() {
        Ok((_, values)) => (Type::Float32, values.iter().map(|&x| x.into()).collect()),
        Err(_) => {
            let (_, values) = value.try_extract_tensor::<f64>().map_err(reason)?;
            (Type::Float64, values.to_vec())
        }
    };
    let width = values.len().checked_div(rows).unwrap_or(0);
    match width > 0 && width * rows == values.len() {
        true => Ok((width, float, values)),
        false => Err(format!("{} numbers for {rows} rows", values.len())),
    }
}

fn categories(value: &DynValue) -> Result<Vec<Category>, String> {
    if let Ok((_, labels)) = value.try_extract_tensor::<i64>() {
        return Ok(labels.iter().map(|&label| Category::Integer(label)).collect());
    }
    let (_, labels) = value.try_extract_strings().map_err(reason)?;
    Ok(labels.into_iter().map(Category::Text).collect())
}

/// For each row the classes with their probabilities, as ZipMap makes them.
fn zipped(value: &DynValue) -> Result<Vec<Vec<(Category, f64)>>, String> {
    let maps = value.try_extract_sequence::<DynMapValueType>().map_err(reason)?;
    maps.iter()
        .map(|map| {
            if let Ok(pairs) = map.try_extract_key_values::<i64, f32>() {
                return Ok(pairs
                    .into_iter()
                    .map(|(key, p)| (Category::Integer(key), p.into()))
                    .collect());
            }
            let pairs = map.try_extract_key_values::<String, f32>().map_err(reason)?;
            Ok(pairs
                .into_iter()
                .map(|(key, p)| (Category::Text(key), p.into()))
                .collect())
        })
        .collect()
}

fn transpose(values: &[f64], width: usize, rows: usize, out: &mut [f64]) {
    for (column, out) in out.chunks_mut(rows).enumerate() {
        for (row, out) in out.iter_mut().enumerate() {
            *out = values[row * width + column];
        }
    }
}
