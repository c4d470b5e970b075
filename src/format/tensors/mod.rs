//! Tensors of the Open Inference Protocol -> batches, and predictions -> tensors; in JSON, or binary by Triton's extension.
//!
//! An element is a cell, whose text is that of the number, text or boolean, and null is the empty one; so the same rule holds as
//! for a CSV's. One of FP32 is widened first, in JSON too: `0.1` is 0.10000000149011612.

#[cfg(any(test, fuzzing))]
pub mod agreement;
mod datatype;
mod reader;
mod tensor;
mod writer;

pub use datatype::Datatype;
pub use reader::Reader;
pub use tensor::{Fault, Shape, Tensor};
pub use writer::Output;
