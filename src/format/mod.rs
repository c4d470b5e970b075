//! Bytes of a format <-> batches of rows. A format knows no model and no file: it fills a [`Batch`](crate::score::Batch) by a
//! [`Binding`](crate::score::Binding), and writes predictions. A new format is a folder beside `csv`,
//! chosen where an input is opened: `transform::{open, part, join}` name CSV's types, for it is the only one.

pub mod csv;

use crate::model::{Column, Type};

/// Which columns of an input stand in front of the predictions in its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    Prediction,
    All,
    Named(Vec<String>),
}

/// A prediction as it is written: the shortest text that reads back as the same number, of the column's precision, or the
/// class whose index it is.
pub fn text(column: &Column, x: f64) -> String {
    match column.kind {
        Type::Float64 | Type::Int64 | Type::String => zmij::Buffer::new().format(x).into(),
        Type::Float32 => zmij::Buffer::new().format(x as f32).into(),
        Type::Category if x.is_nan() => "NaN".into(),
        Type::Category => column.categories[x as usize].to_string(),
    }
}
