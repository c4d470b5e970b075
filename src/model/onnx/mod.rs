//! ONNX models, scored by ONNX Runtime.
//!
//! A model takes one matrix or one tensor for each column, and gives numbers, or a label with the probabilities of the
//! classes: what skl2onnx makes of scikit-learn's models and pipelines, with and without ZipMap.

mod graph;
mod tensor;

use super::signature::{self, Column, Signature, Type};
use super::{Category, Defect, KnownIntegers, KnownTexts, Texts};
use crate::onnxruntime;
use graph::{Graph, Labels};
use ort::logging::LogLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::{TensorElementType, ValueType};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use tensor::{Input, Numbers};

pub struct Onnx {
    artifact: Vec<u8>,
    inputs: Vec<Input>,
    output: Output,
    /// A text for each input of text, one that the model knows where the file tells.
    sample: Vec<String>,
    /// Of each input of text, what the model tells from others, where the file says it all.
    known: Vec<Option<KnownTexts>>,
    /// The same of inputs of numbers, by their places.
    known_integers: Vec<(usize, KnownIntegers)>,
    /// Sessions that nobody uses just now. A session runs one batch at a time, on its caller's thread.
    idle: Mutex<Vec<Session>>,
}

#[derive(Debug)]
enum Output {
    /// Tensors of numbers, by their names, and how many columns each has.
    Numbers(Vec<(String, usize)>),
    /// Labels, and the probabilities of the classes where there are any.
    Classes {
        label: String,
        probabilities: Option<Probabilities>,
        classes: Vec<Category>,
    },
}

#[derive(Debug)]
enum Probabilities {
    /// A tensor, a column for each class.
    Matrix(String),
    /// A sequence of maps from class to probability, as ZipMap makes it.
    Zipped(String),
    /// A tensor of one column: how far from an outlier.
    Score(String),
}

/// Up to so many columns, the model is asked for each if it may be missing: the work is their square.
const ASKED: usize = 4096;
/// What all columns of a row hold, to see what scores look like.
const PROBES: [f64; 7] = [0.0, 1.0, -1.0, 10.0, -10.0, 1000.0, -1000.0];
/// Rows of one question.
const QUESTION: usize = 256;

impl fmt::Debug for Onnx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Onnx { inputs, output, .. } = self;
        f.debug_struct("Onnx")
            .field("inputs", inputs)
            .field("output", output)
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
            .map(|input| Input::read(input.name(), input.dtype()))
            .collect::<Result<Vec<_>, _>>()?;
        let (output, outputs) = read_outputs(&session, &graph)?;
        let texts = inputs.iter().filter(|i| i.kind == Type::String).map(|i| i.width).sum();
        let mut sample = graph.texts.clone();
        sample.resize(texts, String::new());
        let taken: Vec<(&str, usize)> = inputs.iter().map(|i| (i.name.as_str(), i.width)).collect();
        let kinds = inputs.iter().flat_map(|i| std::iter::repeat_n(i.kind, i.width));
        let (mut known, mut known_integers) = (Vec::new(), Vec::new());
        for (place, (kind, of)) in kinds.zip(graph.known(&taken)).enumerate() {
            match (kind, of) {
                (Type::String, of) => known.push(of.map(|of| of.texts).filter(|texts| !texts.is_empty())),
                (_, Some(of)) => known_integers.push((place, of.integers)),
                (_, None) => {}
            }
        }
        known_integers.retain(|(_, integers)| !integers.is_empty());
        let model = Onnx {
            artifact: artifact.to_vec(),
            inputs,
            output,
            sample,
            known,
            known_integers,
            idle: Mutex::new(vec![session]),
        };
        // A matrix of one column has a name, but not the column's.
        let names_known = model.inputs.len() > 1 && model.inputs.iter().all(|input| input.width == 1);
        let mut inputs = model.columns();
        for (column, taken) in inputs.iter_mut().zip(model.missing_taken(&graph)) {
            column.optional = taken;
        }
        let mut signature = Signature { inputs, outputs };
        model.name_scores(&mut signature);
        signature.trim_names();
        signature.check()?;
        Ok((model, signature, names_known))
    }

    pub fn sample_texts(&self) -> &[String] {
        &self.sample
    }

    pub fn known_texts(&self) -> &[Option<KnownTexts>] {
        &self.known
    }

    pub fn known_integers(&self) -> &[(usize, KnownIntegers)] {
        &self.known_integers
    }

    /// `f0`, `f1`... where one tensor has several columns.
    fn columns(&self) -> Vec<Column> {
        let named = self.inputs.iter().all(|input| input.width == 1);
        let inputs = self.inputs.iter().flat_map(|i| std::iter::repeat_n(i, i.width));
        let name = |i: usize, input: &Input| match named {
            true => input.name.clone(),
            false => format!("f{i}"),
        };
        inputs
            .enumerate()
            .map(|(i, input)| Column::plain(name(i, input), input.kind))
            .collect()
    }

    /// For each column, whether its value may be missing. A text may: it is the empty text then. Of a number the model is
    /// asked: does a row of zeros without it still give numbers?
    fn missing_taken(&self, graph: &Graph) -> Vec<bool> {
        let kinds: Vec<Type> = self.inputs.iter().flat_map(|i| vec![i.kind; i.width]).collect();
        let is_float = |kind: Type| matches!(kind, Type::Float32 | Type::Float64);
        let numbers = |columns: &[Vec<f64>], rows: usize| -> Option<Vec<bool>> {
            let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let texts: Vec<Vec<String>> = self.sample.iter().map(|text| vec![text.clone(); rows]).collect();
            let texts: Vec<&[String]> = texts.iter().map(Vec::as_slice).collect();
            let mut out = vec![0.0; rows * self.width()];
            self.predict(&slices, &texts, rows, &mut out).ok()?;
            Some(
                (0..rows)
                    .map(|row| !out.iter().skip(row).step_by(rows).any(|y| y.is_nan()))
                    .collect(),
            )
        };
        let zeros = vec![vec![0.0]; kinds.len()];
        let decidable = kinds.len() <= ASKED && numbers(&zeros, 1).is_some_and(|is_number| is_number[0]);
        // Trees give a number for whatever they are given. What they weren't trained to take only an imputer may take away.
        if graph.trees_ignore_missing() {
            let inputs = self.inputs.iter().flat_map(|i| vec![i; i.width]);
            let taken = |i: &Input| i.kind == Type::String || is_float(i.kind) && graph.is_imputed(&i.name);
            return inputs.map(taken).collect();
        }
        // What can't be told, or where labels alone come out, is taken from what the model is made of.
        let by_operators = graph.takes_missing();
        if !decidable || !self.gives_numbers() {
            let taken = |&kind: &Type| kind == Type::String || by_operators && is_float(kind);
            return kinds.iter().map(taken).collect();
        }
        let mut taken = Vec::with_capacity(kinds.len());
        for start in (0..kinds.len()).step_by(QUESTION) {
            let rows = QUESTION.min(kinds.len() - start);
            let mut columns = vec![vec![0.0; rows]; kinds.len()];
            for row in (0..rows).filter(|row| is_float(kinds[start + row])) {
                columns[start + row][row] = f64::NAN;
            }
            let answers = numbers(&columns, rows).unwrap_or(vec![false; rows]);
            let kinds = kinds[start..].iter().zip(answers);
            taken.extend(kinds.map(|(&kind, number)| kind == Type::String || is_float(kind) && number));
        }
        taken
    }

    /// Decision functions stand where probabilities do, under their name. They are told by their values.
    fn name_scores(&self, signature: &mut Signature) {
        let rows = PROBES.len();
        let columns = vec![&PROBES[..]; signature.inputs.len()];
        let texts: Vec<Vec<String>> = self.sample.iter().map(|text| vec![text.clone(); rows]).collect();
        let texts: Vec<&[String]> = texts.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; rows * self.width()];
        let scored = self.predict(&columns, &texts, rows, &mut out).is_ok();
        if scored && out[rows..].iter().any(|p| !(-1e-6..=1.0 + 1e-6).contains(p)) {
            for output in &mut signature.outputs[1..] {
                output.name = output.name.replacen("probability_", "score_", 1);
            }
        }
    }

    /// The number of output columns.
    fn width(&self) -> usize {
        match &self.output {
            Output::Numbers(tensors) => tensors.iter().map(|(_, width)| width).sum(),
            Output::Classes {
                probabilities: None, ..
            } => 1,
            Output::Classes {
                probabilities: Some(Probabilities::Score(_)),
                ..
            } => 2,
            Output::Classes { classes, .. } => 1 + classes.len(),
        }
    }

    fn gives_numbers(&self) -> bool {
        !matches!(
            self.output,
            Output::Classes {
                probabilities: None,
                ..
            }
        )
    }

    /// As `Model::predict`.
    pub fn predict(&self, columns: &[&[f64]], texts: &Texts, rows: usize, out: &mut [f64]) -> Result<(), String> {
        self.run(columns, texts, rows, |outputs| match &self.output {
            Output::Numbers(tensors) => {
                let mut rest = out;
                for (name, width) in tensors {
                    let (own, others) = rest.split_at_mut(width * rows);
                    Numbers::read(&outputs[name.as_str()], rows, *width)?.write(own);
                    rest = others;
                }
                Ok(())
            }
            Output::Classes {
                label,
                probabilities,
                classes,
            } => {
                let (labels, rest) = out.split_at_mut(rows);
                let found = tensor::labels(&outputs[label.as_str()], rows)?;
                for (to, found) in labels.iter_mut().zip(&found) {
                    *to = class(classes, found)? as f64;
                }
                match probabilities {
                    None => {}
                    Some(Probabilities::Score(name)) => Numbers::read(&outputs[name.as_str()], rows, 1)?.write(rest),
                    Some(Probabilities::Matrix(name)) => {
                        Numbers::read(&outputs[name.as_str()], rows, classes.len())?.write(rest);
                    }
                    Some(Probabilities::Zipped(name)) => {
                        let zipped = tensor::zipped(&outputs[name.as_str()], rows)?;
                        if zipped.iter().any(|pairs| pairs.len() != classes.len()) {
                            return Err("the probabilities are not one for each row and class".into());
                        }
                        for (row, pairs) in zipped.iter().enumerate() {
                            for (key, probability) in pairs {
                                rest[class(classes, key)? * rows + row] = *probability;
                            }
                        }
                    }
                }
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
        let result =
            tensor::feed(&self.inputs, columns, texts, rows).and_then(|feed| read(&session.run(feed).map_err(reason)?));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        result
    }
}

/// A class's place.
fn class(classes: &[Category], label: &Category) -> Result<usize, String> {
    let place = classes.iter().position(|class| class == label);
    place.ok_or_else(|| format!("the label {label} is not among the classes"))
}

/// A session on one thread: parallel are the batches, not what is done in one.
fn start(artifact: &[u8]) -> Result<Session, String> {
    let environment = onnxruntime::environment()?;
    let refused = |e: String| {
        let doubles = e.contains("tensor(double)");
        let hint = if doubles {
            "; convert it from columns of float32"
        } else {
            ""
        };
        format!("ONNX Runtime refuses the model: {e}{hint}")
    };
    Session::builder(&environment)
        .and_then(|builder| {
            Ok(builder
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                // What goes wrong comes as an error, not on stderr.
                .with_log_level(LogLevel::Fatal)?)
        })
        .and_then(|mut builder| builder.commit_from_memory(artifact))
        .map_err(|e| refused(reason(e)))
}

/// In one line.
fn reason(error: ort::Error) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// By what the file declares; a number of columns that it leaves open is 1.
fn read_outputs(session: &Session, graph: &Graph) -> Result<(Output, Vec<Column>), Defect> {
    let outputs = session.outputs();
    let refuse = |what: &str| {
        let all: Vec<String> = outputs.iter().map(|o| format!("{}: {}", o.name(), o.dtype())).collect();
        let hint = outputs.iter().find_map(|output| match output.dtype() {
            ValueType::Tensor { ty, .. } => Some(tensor::half_hint(*ty)).filter(|hint| !hint.is_empty()),
            _ => None,
        });
        let hint = hint.unwrap_or_default();
        Err(Defect(format!("its outputs ({}) {what}{hint}", all.join(", "))))
    };
    let tensors: Option<Vec<(String, Type, Option<usize>)>> = outputs
        .iter()
        .map(|output| tensor::declared(output.dtype()).map(|(kind, width)| (output.name().to_string(), kind, width)))
        .collect();
    if let Some(tensors) = &tensors
        && tensors.iter().all(|(_, kind, _)| tensor::is_float(*kind))
    {
        let Some(tensors) = tensors
            .iter()
            .map(|(name, kind, width)| Some((name.clone(), *kind, (*width)?)))
            .collect::<Option<Vec<_>>>()
        else {
            return refuse("don't say how many columns they have; convert the model with its output shapes");
        };
        let kinds: Vec<Type> = tensors
            .iter()
            .flat_map(|(_, kind, width)| vec![*kind; *width])
            .collect();
        let columns = match kinds[..] {
            [] => return refuse("are none"),
            [kind] => vec![Column::plain("prediction".into(), kind)],
            _ => {
                let kinds = kinds.iter().enumerate();
                kinds
                    .map(|(i, kind)| Column::plain(format!("prediction_{i}"), *kind))
                    .collect()
            }
        };
        let tensors = tensors.into_iter().map(|(name, _, width)| (name, width)).collect();
        return Ok((Output::Numbers(tensors), columns));
    }
    let is_label = |value: &ValueType| {
        matches!(
            value,
            ValueType::Tensor {
                ty: TensorElementType::Int64 | TensorElementType::String,
                ..
            }
        )
    };
    let (label, other) = match outputs {
        [label] if is_label(label.dtype()) => (label, None),
        [label, other] if is_label(label.dtype()) => (label, Some(other)),
        _ => return refuse("are neither numbers nor a label with probabilities"),
    };
    let (probabilities, width, float) = match other.map(|other| (other.name(), other.dtype())) {
        None => (None, None, Type::Float32),
        Some((name, ValueType::Sequence(inner))) if matches!(**inner, ValueType::Map { .. }) => {
            (Some(Probabilities::Zipped(name.into())), None, Type::Float32)
        }
        Some((name, dtype)) => match tensor::declared(dtype) {
            Some((kind, width)) if tensor::is_float(kind) => (Some(Probabilities::Matrix(name.into())), width, kind),
            _ => return refuse("are neither numbers nor a label with probabilities"),
        },
    };
    let texts = matches!(
        label.dtype(),
        ValueType::Tensor {
            ty: TensorElementType::String,
            ..
        }
    );
    if let (None, Some(Probabilities::Matrix(name)), Some(1), false) =
        (graph.labels(label.name()), &probabilities, width, texts)
    {
        return Ok(outliers(label.name(), name, float));
    }
    let classes = match (graph.labels(label.name()), width) {
        (Some(Labels::Named(classes)), _) if classes.iter().all(|c| c.text().is_some() == texts) => classes,
        (Some(Labels::Counted), Some(width)) if !texts => signature::counted(width),
        _ => {
            return refuse(
                "have labels, and the file doesn't say which there are; convert the model with ZipMap (skl2onnx: without \
                 the option zipmap=False)",
            );
        }
    };
    if let Some(width) = width.filter(|&width| width != classes.len()) {
        return refuse(&format!("have {width} probabilities for {} classes", classes.len()));
    }
    let mut columns = vec![signature::label(classes.clone())];
    if let Some(other) = other {
        // Distances and decision functions stand in the same place.
        let word = if other.name().contains("prob") {
            "probability"
        } else {
            "score"
        };
        columns.extend(signature::for_each_class(word, &classes, float));
    }
    let output = Output::Classes {
        label: label.name().into(),
        probabilities,
        classes,
    };
    Ok((output, columns))
}

/// Of IsolationForest, OneClassSVM and LocalOutlierFactor: -1 for an outlier and 1 for the others, with one column of scores.
/// What gives other labels than these scores nothing.
fn outliers(label: &str, scores: &str, float: Type) -> (Output, Vec<Column>) {
    let classes = vec![Category::Integer(-1), Category::Integer(1)];
    let columns = vec![signature::label(classes.clone()), Column::plain("score".into(), float)];
    let output = Output::Classes {
        label: label.into(),
        probabilities: Some(Probabilities::Score(scores.into())),
        classes,
    };
    (output, columns)
}
