//! What goes into a trainer, and what comes out of it.

/// What a trainer sees: the values of the terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    pub names: Vec<String>,
    pub rows: usize,
    /// `[term][row]`
    pub columns: Vec<Vec<f64>>,
}

/// What a trainer finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    pub coefficients: Coefficients,
    /// Per iteration; empty where there are none.
    pub loss: Vec<f64>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients {
    /// Of each term of the design.
    pub weights: Vec<f64>,
    pub intercept: f64,
}
