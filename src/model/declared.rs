//! What whoever registers a model says of it, because its file doesn't.

use super::Marker;

/// It becomes part of the version's signature, but `codes` and `categories`.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Names of features and classes whose artifact has none.
    pub feature_names: Option<Vec<String>>,
    pub class_names: Option<Vec<String>>,
    /// Inputs that are booleans.
    pub booleans: Vec<String>,
    /// Numbers that mean that a value is missing.
    pub missing: Vec<f64>,
    /// Words and numbers that mean so in every input, as its training read them.
    pub markers: Vec<Marker>,
    /// Its categories are codes, written as numbers.
    pub codes: bool,
    /// The inputs that were categories when it was trained, where its file leaves it in doubt.
    pub categories: Vec<String>,
}
