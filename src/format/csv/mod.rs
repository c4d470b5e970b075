//! CSV in and out.
//!
//! [`source`] decodes what is not UTF-8, and `unpacked` what is compressed; [`cut`] cuts that into blocks of whole records, by the
//! grammar of [`record`] in its [`dialect`], and leaves out [`padding`]; [`head`] reads what stands in front of the rows and binds
//! names to features; [`reader`] fills batches: where a record is as most are, by its [`structure`], column by column, else field
//! by field; it tells the [`cause`] of a bad row, or that it is [`malformed`]. [`plain`] and [`vector`] are how bytes are looked at, without vectors and with
//! them, and `decimal` how long numbers are rounded; [`writer`] writes predictions; [`input`] is what `transform` sees of all that.
//! [`table`] and [`columns`] read a whole CSV in memory, for golden rows, evaluation and training, and [`stream`] one that isn't; [`origin`]
//! tells the places of one that was made of another file; [`texts`] reads and writes a few records as texts.

#[cfg(any(test, fuzzing))]
pub mod agreement;
pub mod cause;
pub mod columns;
pub mod cut;
#[cfg(target_arch = "x86_64")]
mod decimal;
pub mod dialect;
mod first;
pub mod head;
pub mod input;
pub mod malformed;
pub mod origin;
mod padding;
mod plain;
pub mod reader;
pub mod record;
pub(in crate::format) mod roles;
pub mod source;
pub mod stream;
mod structure;
pub mod table;
pub mod texts;
mod unpacked;
#[cfg(target_arch = "x86_64")]
mod vector;
pub mod writer;

pub use head::Head;
pub use reader::Reader;
