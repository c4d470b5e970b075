//! What is in the folders: inputs are listed and opened here, outputs and reports are published here.

mod draft;
pub mod durable;
mod folder;
mod name;
pub mod publish;
pub mod scan;

pub use draft::Draft;
pub use folder::{Dir, Fingerprint, Home, Kind, Seen};
pub use name::Name;
