//! Arrow IPC: [`file`] with a footer that says where its record batches are, and [`stream`] without. Each is a [`message`], which is
//! looked at before it is decoded; [`keys`] are read apart from their dictionary.

mod file;
mod keys;
mod message;
mod stream;

pub use file::File;
pub use stream::Stream;
