//! Does the data still look like what the model knows? Counted in the pass that scores ([`counts`]), in the bins of what the model
//! was trained on ([`baseline`]); held against that ([`check`]) before the output is published. What the model is worth, without
//! labels: [`performance`].
//!
//! Pure: no clock, no file, no log.

pub mod alert;
pub mod baseline;
pub mod bins;
pub mod check;
pub mod counts;
pub mod labels;
pub mod leb128;
pub mod performance;
pub mod policy;
pub mod sizes;
pub mod sketch;
pub mod then;
pub mod week;
pub mod window;

pub use baseline::Baseline;
pub use check::{Area, Check};
pub use counts::{ColumnCounts, Counter, Counts, GroupCounts, SegmentCounts};
pub use policy::{Action, Alerting, Basis, Compare, Judgement, Policy, Watch};
pub use then::Then;
pub use window::Window;
