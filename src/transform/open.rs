//! The beginning of an input -> how all of it is read, scored and written.

use super::Shape;
use crate::format::csv::head::{Head, Layout, Wanted};
use crate::format::csv::writer::{self, Writing};
use crate::problem::Problem;
use crate::score::Lineup;
use std::sync::Arc;

/// What is the same for all parts of an input; shared by the threads that score them.
pub struct Opened {
    pub layout: Layout,
    pub lineup: Arc<Lineup>,
    /// The outputs that are written.
    pub outputs: Vec<Writing>,
    /// The output's header.
    pub out: Vec<u8>,
    /// Where the rows begin in the first block, and how many line feeds stand in front.
    pub end: usize,
    pub lines: u64,
}

/// `first`: the input's first block, without a byte order mark.
///
/// # Errors
/// Why the rows can't be told, or aren't the model's.
pub fn open(first: &[u8], lineup: &Arc<Lineup>, shape: &Shape) -> Result<Opened, Problem> {
    let signature = lineup.signature();
    let outputs = signature.written(shape.probabilities);
    let wanted = Wanted {
        header: shape.header,
        delimiter: shape.delimiter,
        signature,
        observed: &[],
        columns: &shape.columns,
        outputs,
    };
    let head = Head::read(first, &wanted)?;
    let mut out = Vec::new();
    if head.layout.header {
        writer::header(&head.layout, &first[head.record.clone()], outputs, &mut out);
    }
    Ok(Opened {
        outputs: outputs.iter().map(|o| Writing::of(o, head.layout.delimiter)).collect(),
        layout: head.layout,
        lineup: lineup.clone(),
        out,
        end: head.end,
        lines: head.lines,
    })
}
