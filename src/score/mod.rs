//! Rows in, predictions out. Pure: no bytes of a format, no files, no clock, no log.

pub mod arm;
pub mod batch;
pub mod binding;
pub mod cell;
mod cell_error;
pub mod derivation;
pub mod label;
mod lineup;
pub mod marks;
pub mod names;
mod predict;
pub mod spelling;
pub mod unknown;

pub use arm::{Arm, Split};
pub use batch::Batch;
pub use binding::Binding;
pub use derivation::{Derivation, Second};
pub use lineup::{Challenger, Identity, Lineup, Member, Phase, Shadow};
pub use names::Names;
pub use predict::{predict, predict_columns};
pub use spelling::Spelling;
