//! What is asked of an input beside its rows, whatever its format.

use super::csv::dialect::Dialect;
use super::table::Schema;
use super::writing::{Style, VERSION};
use super::{Columns, FileFormat, RowFormat};
use crate::model::{Column, KnownTexts, Signature};
use crate::problem::{Code, Problem};
use crate::score::cell::Feature;
use crate::score::{Second, Spelling};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Auto,
    Present,
    Absent,
}

/// What is asked of an input beside its rows.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The input's format, and its output's.
    pub format: FileFormat,
    pub output: FileFormat,
    pub header: Header,
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
    pub signature: &'a Signature,
    /// Of the signature's inputs, spelled so.
    pub features: &'a Arc<[Feature]>,
    /// Of each feature of text, what the model tells from other texts.
    pub known: &'a [Option<KnownTexts>],
    /// Columns to keep.
    pub columns: &'a Columns,
    /// The columns that are written behind the kept ones, and what stands in front of their names.
    pub outputs: &'a [Column],
    pub prefix: &'a str,
    /// A last column says which version predicted: its number.
    pub version: Option<u32>,
    /// Names of columns whose cells are to be looked at, each once. An input needn't have them.
    pub observed: &'a [String],
    /// Models that score the same rows beside the one whose signature this is.
    pub seconds: &'a [Second<'a>],
}

impl<'a> Wanted<'a> {
    /// Of rows with a header, of which nothing is written.
    pub fn unwritten(
        signature: &'a Signature,
        features: &'a Arc<[Feature]>,
        dialect: Dialect,
        spelling: &'a Spelling,
    ) -> Wanted<'a> {
        Wanted {
            format: FileFormat::default(),
            output: FileFormat::default(),
            header: Header::Present,
            dialect,
            spelling,
            signature,
            features,
            known: &[],
            columns: &Columns::Prediction,
            outputs: &[],
            prefix: "",
            version: None,
            observed: &[],
            seconds: &[],
        }
    }

    /// The names of the columns that are written behind the kept ones.
    pub fn written(&self) -> Vec<String> {
        let outputs = self.outputs.iter().map(|output| output.name.as_str());
        let names = outputs.chain(self.version.map(|_| VERSION));
        names.map(|name| format!("{}{name}", self.prefix)).collect()
    }

    /// How rows are written. `own`: what parts the input's fields, if it has such. `schema`: of a table.
    pub fn style(&self, own: Option<u8>, schema: impl FnOnce() -> Arc<Schema>) -> Style {
        let delimiter = match self.output.rows {
            RowFormat::Parquet | RowFormat::Arrow | RowFormat::ArrowStream => return Style::Columns(schema()),
            RowFormat::JsonLines => {
                let prefix = self.prefix.into();
                return Style::Members { prefix };
            }
            rows if rows == self.format.rows => own.unwrap_or(b','),
            RowFormat::Tsv => b'\t',
            _ => b',',
        };
        Style::Fields { delimiter }
    }
}

/// The error that what is kept has the name of a column that is written behind it.
pub fn stands_already(output: &str) -> Problem {
    Problem::new(
        Code::DuplicateColumn,
        format!("the input has a column {output:?}, and the output would have two"),
        "set output.prefix, which stands in front of the names of predictions; or choose the kept columns in output.columns without it",
    )
    .column(output)
}
