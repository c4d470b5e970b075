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
    /// One set, or of several classes one for each.
    pub coefficients: Vec<Coefficients>,
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

/// Columns of mean 0 and standard deviation 1, and what brought them there.
#[derive(Clone, Debug)]
pub struct Standardised {
    /// `[term][row]`
    pub columns: Vec<Vec<f64>>,
    means: Vec<f64>,
    pub scales: Vec<f64>,
}

impl Standardised {
    pub fn of(design: &Design) -> Standardised {
        let n = design.rows as f64;
        let mut standardised = Standardised {
            columns: Vec::new(),
            means: Vec::new(),
            scales: Vec::new(),
        };
        for column in &design.columns {
            let mean = column.iter().sum::<f64>() / n;
            let variance = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
            let column = column.iter().map(|x| (x - mean) / scale);
            standardised.columns.push(column.collect());
            standardised.means.push(mean);
            standardised.scales.push(scale);
        }
        standardised
    }

    /// For the columns as they were, of coefficients for these ones, the intercept last.
    pub fn coefficients(&self, at: &[f64]) -> Coefficients {
        let weights: Vec<f64> = at.iter().zip(&self.scales).map(|(w, s)| w / s).collect();
        let shift: f64 = weights.iter().zip(&self.means).map(|(w, m)| w * m).sum();
        Coefficients {
            intercept: at[weights.len()] - shift,
            weights,
        }
    }
}
