//! What an ONNX file says of its graph, beyond what ONNX Runtime tells: operators, classes, files it refers to.
//!
//! A reader of the few fields of onnx.proto (<https://github.com/onnx/onnx>) that are needed, bounded by the file itself.

mod texts;
mod trees;

use crate::model::{Category, Defect};
use std::collections::{HashMap, HashSet};
use trees::Trees;

#[derive(Debug, Default)]
pub struct Graph {
    /// Of the outermost graph.
    nodes: Vec<Node>,
    /// Of all graphs.
    operators: HashSet<String>,
    /// Small constant tensors of whole numbers or texts, by name.
    constants: HashMap<String, Vec<Category>>,
    /// A category of each encoder of texts, in their order.
    pub texts: Vec<String>,
}

#[derive(Debug, Default)]
struct Node {
    operator: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// `classlabels_int64s` or `classlabels_strings`.
    classes: Vec<Category>,
    /// Of an encoder: the texts that it tells from others.
    texts: Vec<String>,
    /// The same of whole numbers.
    integers: Vec<i64>,
    /// Of trees: does a missing value go its own way anywhere?
    tracks_missing: bool,
}

/// What the labels in an output can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    Named(Vec<Category>),
    /// Places of a greatest or least value: 0, 1, 2...
    Counted,
}

/// Graphs inside of graphs.
const DEPTH: u32 = 16;
/// Steps from an output back to where its labels come from.
const STEPS: usize = 64;
/// Larger constants are no classes.
const CLASSES: usize = 1 << 16;

/// They pass values on as they are.
const PASSES: [&str; 7] = [
    "Cast",
    "Concat",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
];
/// They pick columns.
const PICKS: [&str; 5] = ["ArrayFeatureExtractor", "FeatureVectorizer", "Gather", "Slice", "Split"];

impl Graph {
    pub fn read(artifact: &[u8]) -> Result<Graph, Defect> {
        let mut graph = Graph::default();
        for (number, field) in fields(artifact)? {
            match (number, field) {
                (7, Field::Bytes(bytes)) => graph.add(bytes, DEPTH)?,
                (25, Field::Bytes(function)) => graph.add_function(function)?,
                _ => {}
            }
        }
        if graph.operators.contains("Loop") {
            return Err(Defect(
                "it has the operator Loop, which may never end; it can't be scored".into(),
            ));
        }
        // What ONNX Runtime has of them: DynamicQuantizeLinear, DynamicQuantizeMatMul, DynamicQuantizeLSTM. A row of zeros or ones
        // may not show it.
        if let Some(dynamic) = graph
            .operators
            .iter()
            .filter(|operator| operator.starts_with("DynamicQuantize"))
            .min()
        {
            return Err(Defect(format!(
                "it quantises by what a batch of rows holds ({dynamic}), so that a row's prediction would depend on the rows beside \
                 it; quantise it with examples (onnxruntime.quantization.quantize_static)"
            )));
        }
        Ok(graph)
    }

    /// What the labels of the output `name` can be, where the graph tells.
    pub fn labels(&self, name: &str) -> Option<Labels> {
        // ZipMap has the classes of the probabilities beside them.
        if let Some(node) = self
            .nodes
            .iter()
            .find(|n| n.operator == "ZipMap" && !n.classes.is_empty())
        {
            return Some(Labels::Named(node.classes.clone()));
        }
        let mut name = name;
        for _ in 0..STEPS {
            let node = self.nodes.iter().find(|n| n.outputs.iter().any(|o| o == name))?;
            match node.operator.as_str() {
                _ if !node.classes.is_empty() => return Some(Labels::Named(node.classes.clone())),
                "ArgMax" | "ArgMin" => return Some(Labels::Counted),
                "ArrayFeatureExtractor" | "Gather" => {
                    if let Some(constant) = self.constants.get(node.inputs.first()?) {
                        return Some(Labels::Named(constant.clone()));
                    }
                    name = node.inputs.first()?;
                }
                // The place among the greatest, its second output.
                "TopK" if node.outputs.get(1).is_some_and(|o| o == name) => return Some(Labels::Counted),
                operator if PASSES.contains(&operator) => name = node.inputs.first()?,
                _ => return None,
            }
        }
        None
    }

    /// Is the model made of operators that take missing values?
    pub fn takes_missing(&self) -> bool {
        self.operators.contains("Imputer") || self.has_trees() && !self.trees_ignore_missing()
    }

    fn has_trees(&self) -> bool {
        self.nodes.iter().any(|node| is_trees(&node.operator))
    }

    /// Trees that send missing values nowhere of their own were not trained with any, or their converter left it out.
    pub fn trees_ignore_missing(&self) -> bool {
        let trees = self.nodes.iter().filter(|node| is_trees(&node.operator));
        self.has_trees() && !trees.into_iter().any(|node| node.tracks_missing)
    }

    /// Is the model's input `name` only used by imputers?
    pub fn is_imputed(&self, name: &str) -> bool {
        let (mut waiting, mut seen) = (vec![name], HashSet::new());
        while let Some(name) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            for node in self.nodes.iter().filter(|n| n.inputs.iter().any(|i| i == name)) {
                match node.operator.as_str() {
                    "Imputer" => {}
                    operator if PASSES.contains(&operator) || PICKS.contains(&operator) => {
                        waiting.extend(node.outputs.iter().map(String::as_str));
                    }
                    _ => return false,
                }
            }
        }
        true
    }

    fn add(&mut self, graph: &[u8], depth: u32) -> Result<(), Defect> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| Defect("graphs are nested too deeply".into()))?;
        for (number, field) in fields(graph)? {
            match (number, field) {
                (1, Field::Bytes(node)) => self.add_node(node, depth)?,
                (5, Field::Bytes(tensor)) => self.add_constant(tensor)?,
                (15, Field::Bytes(tensor)) => check_sparse_tensor(tensor)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_function(&mut self, function: &[u8]) -> Result<(), Defect> {
        for (number, field) in fields(function)? {
            if let (7, Field::Bytes(node)) = (number, field) {
                self.add_node(node, DEPTH)?;
            }
        }
        Ok(())
    }

    fn add_constant(&mut self, tensor: &[u8]) -> Result<(), Defect> {
        check_tensor(tensor)?;
        let (mut name, mut values) = (String::new(), Vec::new());
        for (number, field) in fields(tensor)? {
            match (number, field) {
                (5 | 7, field) => integers(field, &mut values)?,
                (6, Field::Bytes(bytes)) => values.push(Category::Text(text(bytes))),
                (8, Field::Bytes(bytes)) => name = text(bytes),
                (9, Field::Bytes(raw)) if raw.len() % 8 == 0 && raw.len() <= 8 * CLASSES && is_int64(tensor)? => {
                    let numbers = raw
                        .chunks_exact(8)
                        .map(|b| i64::from_le_bytes(b.try_into().expect("8 bytes")));
                    values.extend(numbers.map(Category::Integer));
                }
                _ => {}
            }
        }
        if !values.is_empty() && values.len() <= CLASSES {
            self.constants.insert(name, values);
        }
        Ok(())
    }

    fn add_node(&mut self, bytes: &[u8], depth: u32) -> Result<(), Defect> {
        let mut node = Node::default();
        let mut trees = Trees::default();
        for (number, field) in fields(bytes)? {
            match (number, field) {
                (1, Field::Bytes(name)) => node.inputs.push(text(name)),
                (2, Field::Bytes(name)) => node.outputs.push(text(name)),
                (4, Field::Bytes(operator)) => node.operator = text(operator),
                (5, Field::Bytes(attribute)) => self.add_attribute(attribute, depth, &mut node, &mut trees)?,
                _ => {}
            }
        }
        if is_trees(&node.operator) {
            trees.check()?;
            node.tracks_missing = trees.tracks_missing();
        }
        self.operators.insert(node.operator.clone());
        if depth == DEPTH - 1 {
            self.nodes.push(node);
        }
        Ok(())
    }

    fn add_attribute(
        &mut self,
        attribute: &[u8],
        depth: u32,
        node: &mut Node,
        trees: &mut Trees,
    ) -> Result<(), Defect> {
        let (mut name, mut values) = (&b""[..], Vec::new());
        for (number, field) in fields(attribute)? {
            match (number, field) {
                (1, Field::Bytes(text)) => name = text,
                (5 | 10, Field::Bytes(tensor)) => check_tensor(tensor)?,
                (6 | 11, Field::Bytes(graph)) => self.add(graph, depth)?,
                (8, field) => integers(field, &mut values)?,
                (9, Field::Bytes(bytes)) => values.push(Category::Text(text(bytes))),
                (22 | 23, Field::Bytes(tensor)) => check_sparse_tensor(tensor)?,
                _ => {}
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        if name.starts_with(b"classlabels") {
            node.classes = values;
        } else if name == b"cats_strings" {
            self.texts.extend(values[0].text());
            node.texts.extend(values.iter().filter_map(Category::text));
        } else if name == b"keys_strings" {
            node.texts.extend(values.iter().filter_map(Category::text));
        } else if name == b"cats_int64s" || name == b"keys_int64s" {
            node.integers.extend(values.iter().filter_map(Category::integer));
        } else {
            trees.add(name, values);
        }
        Ok(())
    }
}

fn is_trees(operator: &str) -> bool {
    matches!(
        operator,
        "TreeEnsemble" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor"
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A repeated field of integers, packed or not.
fn integers(field: Field, values: &mut Vec<Category>) -> Result<(), Defect> {
    match field {
        Field::Integer(integer) => values.push(Category::Integer(integer as i64)),
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                values.push(Category::Integer(varint(&mut packed)? as i64));
            }
        }
        Field::Fixed => {}
    }
    Ok(())
}

/// Is its data type int64?
fn is_int64(tensor: &[u8]) -> Result<bool, Defect> {
    let is = |(number, field): &(u64, Field)| *number == 2 && matches!(field, Field::Integer(7));
    Ok(fields(tensor)?.iter().any(is))
}

/// A model is one file: what it refers to has no checksum.
fn check_tensor(tensor: &[u8]) -> Result<(), Defect> {
    let outside = |(number, field): &(u64, Field)| match (number, field) {
        (13, _) => true,
        (14, Field::Integer(location)) => *location != 0,
        _ => false,
    };
    match fields(tensor)?.iter().any(outside) {
        true => Err(Defect("its data is in other files; save it as one file".into())),
        false => Ok(()),
    }
}

/// Two tensors: values and indices.
fn check_sparse_tensor(tensor: &[u8]) -> Result<(), Defect> {
    for (number, field) in fields(tensor)? {
        if let (1 | 2, Field::Bytes(part)) = (number, field) {
            check_tensor(part)?;
        }
    }
    Ok(())
}

enum Field<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
    /// A number of fixed width.
    Fixed,
}

/// The fields of a message, with their numbers.
fn fields(mut message: &[u8]) -> Result<Vec<(u64, Field<'_>)>, Defect> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let field = match tag & 7 {
            0 => Field::Integer(varint(&mut message)?),
            1 => {
                take(&mut message, 8)?;
                Field::Fixed
            }
            2 => {
                let length = varint(&mut message)?;
                Field::Bytes(take(&mut message, length)?)
            }
            5 => {
                take(&mut message, 4)?;
                Field::Fixed
            }
            _ => return Err(damaged()),
        };
        fields.push((tag >> 3, field));
    }
    Ok(fields)
}

fn take<'a>(message: &mut &'a [u8], length: u64) -> Result<&'a [u8], Defect> {
    let length = usize::try_from(length).map_err(|_| damaged())?;
    let (taken, rest) = message.split_at_checked(length).ok_or_else(damaged)?;
    *message = rest;
    Ok(taken)
}

fn varint(message: &mut &[u8]) -> Result<u64, Defect> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(damaged())
}

fn damaged() -> Defect {
    Defect("not an ONNX model, or a damaged one".into())
}
