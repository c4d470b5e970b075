//! JSON in and out, without a tree of values.
//!
//! [`check`] looks once at all bytes: a [`Document`] is well-formed, and can be walked without errors; [`lines`] does the same for a
//! value a line. A [`Cursor`] stands on a value of it. [`reader`] fills batches with the rows that stand in a document, in one of the
//! forms in which protocols write them, by the rule of a cell. [`writer`] writes predictions and texts.
//!
//! Files are JSON Lines: an object a line, which is checked and read in one pass. `layout` tells what its `keys` are for, `line` reads
//! rows, [`cause`] says why one is bad, [`foreign()`] what is another file; [`input`] is what `transform` sees of all that.

#[cfg(any(test, fuzzing))]
pub mod agreement;
pub mod cause;
pub mod check;
pub mod cursor;
mod foreign;
pub mod input;
mod keys;
mod layout;
mod line;
#[cfg(any(test, fuzzing))]
pub mod line_agreement;
mod lines;
pub mod reader;
#[cfg(test)]
mod tests;
pub mod writer;

pub use check::{DEPTH, Document, Malformed};
pub use cursor::{Cursor, Duplicate, Elements, Kind, Members};
pub use foreign::foreign;
pub use line::text;
pub use reader::{Form, Reader};
