//! Every format of files: what is promised of CSVs holds for all.

pub mod dress;
mod parity;
mod promises;
mod sheet;

pub use dress::{Dress, GROUP, INCLUDE};
pub use sheet::Sheet;
