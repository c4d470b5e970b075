//! What is in the folders: inputs are listed and opened here, outputs and reports are published here.

mod draft;
pub mod durable;
mod folder;
pub mod lease;
mod links;
mod name;
pub mod parts;
mod place;
mod probe;
pub mod publish;
pub mod results;
mod rules;
pub mod scan;

pub use draft::Draft;
pub use folder::{Dir, Fingerprint, Home, Kind, Seen};
pub use links::Links;
pub use name::{NAME_MAX, Name};
pub use probe::Mode;
pub use rules::{Hidden, Rules};
