//! What an ONNX file says of its graph, beyond what ONNX Runtime tells: operators, classes, files it refers to.
//!
//! A reader of the few fields of onnx.proto (<https://github.com/onnx/onnx>) that are needed, bounded by the file itself.

use crate::model::{Category, Defect};
use std::collections::HashSet;

#[derive(Debug, Default)]
pub struct Graph {
    operators: HashSet<String>,
    /// The labels of the classifier, if an operator names them.
    pub classes: Vec<Category>,
    /// A category of each encoder of texts, in their order.
    pub texts: Vec<String>,
}

/// Graphs inside of graphs.
const DEPTH: u32 = 16;

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
        Ok(graph)
    }

    /// Is it made of operators that take missing values?
    pub fn takes_missing(&self) -> bool {
        let takes = |operator: &&str| self.operators.contains(*operator);
        let operators = [
            "Imputer",
            "TreeEnsemble",
            "TreeEnsembleRegressor",
            "TreeEnsembleClassifier",
        ];
        operators.iter().any(takes)
    }

    fn add(&mut self, graph: &[u8], depth: u32) -> Result<(), Defect> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| Defect("graphs are nested too deeply".into()))?;
        for (number, field) in fields(graph)? {
            match (number, field) {
                (1, Field::Bytes(node)) => self.add_node(node, depth)?,
                (5, Field::Bytes(tensor)) => check_tensor(tensor)?,
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

    fn add_node(&mut self, node: &[u8], depth: u32) -> Result<(), Defect> {
        for (number, field) in fields(node)? {
            match (number, field) {
                (4, Field::Bytes(operator)) => {
                    self.operators.insert(String::from_utf8_lossy(operator).into_owned());
                }
                (5, Field::Bytes(attribute)) => self.add_attribute(attribute, depth)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_attribute(&mut self, attribute: &[u8], depth: u32) -> Result<(), Defect> {
        let (mut name, mut values) = (&b""[..], Vec::new());
        for (number, field) in fields(attribute)? {
            match (number, field) {
                (1, Field::Bytes(text)) => name = text,
                (5 | 10, Field::Bytes(tensor)) => check_tensor(tensor)?,
                (6 | 11, Field::Bytes(graph)) => self.add(graph, depth)?,
                (8, Field::Integer(integer)) => values.push(Category::Integer(integer as i64)),
                (8, Field::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        values.push(Category::Integer(varint(&mut packed)? as i64));
                    }
                }
                (9, Field::Bytes(text)) => values.push(Category::Text(String::from_utf8_lossy(text).into_owned())),
                (22 | 23, Field::Bytes(tensor)) => check_sparse_tensor(tensor)?,
                _ => {}
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        if name.starts_with(b"classlabels") {
            self.classes = values;
        } else if name == b"cats_strings" {
            self.texts.extend(values[0].text());
        }
        Ok(())
    }
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
