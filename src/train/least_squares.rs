//! Least squares, exact, with or without ridge.

use super::design::{Coefficients, Design, Fit};
use nalgebra::{ColPivQR, DMatrix, DVector, Dyn, RowDVector};

/// Minimises `Σ (intercept + Σ coefficient · x - y)² + alpha Σ coefficient²`, as scikit-learn's `Ridge` does: the
/// intercept is not penalised.
///
/// The columns are centred, brought to length 1 and solved by a QR decomposition with column pivoting (G. Golub, C. Van
/// Loan, "Matrix Computations", 5.4), ridge as rows `√alpha` below them. Without a penalty, columns that are combinations
/// of others are an error that names them.
pub fn fit(design: &Design, target: &[f64], alpha: f64) -> Result<Fit, String> {
    let centred = Centred::of(design);
    let (n, p) = (target.len(), design.columns.len());
    let mean = target.iter().sum::<f64>() / n as f64;
    let penalty = alpha.sqrt();
    let penalised = if alpha > 0.0 { p } else { 0 };
    let a = DMatrix::from_fn(n + penalised, p, |i, j| match i {
        _ if i < n => centred.columns[j][i],
        _ if i - n == j => penalty / centred.lengths[j],
        _ => 0.0,
    });
    let mut y = DVector::from_fn(n + penalised, |i, _| if i < n { target[i] - mean } else { 0.0 });
    let qr = a.col_piv_qr();
    if alpha == 0.0 {
        independent(&qr, n, &design.names)?;
    }
    // A P = Q R, so the solution is P R⁻¹ Qᵀ y.
    qr.q_tr_mul(&mut y);
    let mut solved = y.rows(0, p).into_owned();
    if !qr.r().solve_upper_triangular_mut(&mut solved) {
        return Err("the coefficients are not unique; set train.alpha above 0".into());
    }
    qr.p().inv_permute_rows(&mut solved);
    let weights: Vec<f64> = solved
        .iter()
        .zip(&centred.lengths)
        .map(|(w, length)| w / length)
        .collect();
    let shift: f64 = weights.iter().zip(&centred.means).map(|(w, m)| w * m).sum();
    Ok(Fit {
        coefficients: vec![Coefficients {
            weights,
            intercept: mean - shift,
        }],
        loss: Vec::new(),
        warnings: Vec::new(),
    })
}

/// An error that names columns which are combinations of others and the intercept.
pub fn check_rank(design: &Design) -> Result<(), String> {
    let centred = Centred::of(design);
    let a = DMatrix::from_fn(design.rows, design.columns.len(), |i, j| centred.columns[j][i]);
    independent(&a.col_piv_qr(), design.rows, &design.names)
}

/// Columns without their means, of length 1.
struct Centred {
    columns: Vec<Vec<f64>>,
    means: Vec<f64>,
    lengths: Vec<f64>,
}

impl Centred {
    fn of(design: &Design) -> Centred {
        let mut centred = Centred {
            columns: Vec::new(),
            means: Vec::new(),
            lengths: Vec::new(),
        };
        for column in &design.columns {
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            let square: f64 = column.iter().map(|x| (x - mean) * (x - mean)).sum();
            let length = if square > 0.0 { square.sqrt() } else { 1.0 };
            centred
                .columns
                .push(column.iter().map(|x| (x - mean) / length).collect());
            centred.means.push(mean);
            centred.lengths.push(length);
        }
        centred
    }
}

/// Each next column is the one with the largest entry that those before it don't explain: where that is no more than
/// rounding, it and the rest are combinations of those before it.
fn independent(qr: &ColPivQR<f64, Dyn, Dyn>, rows: usize, names: &[String]) -> Result<(), String> {
    let r = qr.r();
    let size = r.nrows().min(names.len());
    let floor = 10.0 * f64::EPSILON * rows.max(names.len()) as f64;
    let rank = (0..size).take_while(|&j| r[(j, j)].abs() > floor).count();
    if rank == names.len() {
        return Ok(());
    }
    let mut order = RowDVector::from_iterator(names.len(), 0..names.len());
    qr.p().permute_columns(&mut order);
    // What the column consists of: R₁₁ · share = its part of R, from below.
    let mut shares: Vec<f64> = (0..rank).map(|i| r[(i, rank)]).collect();
    for i in (0..rank).rev() {
        let known: f64 = (i + 1..rank).map(|j| r[(i, j)] * shares[j]).sum();
        shares[i] = (shares[i] - known) / r[(i, i)];
    }
    let parts = (0..rank).filter(|&i| shares[i].abs() > 1e-6);
    let parts: Vec<&str> = parts.map(|i| names[order[i]].as_str()).take(8).collect();
    let one = &names[order[rank]];
    let more = names.len() - rank;
    Err(match parts.is_empty() {
        true => {
            format!("the term {one} is constant, so its coefficient can't be told from the intercept; leave it out")
        }
        false => format!(
            "the coefficients are not unique: the term {one} is a combination of {}{}; leave one of them out, or set \
             train.alpha above 0",
            parts.join(", "),
            if more > 1 {
                format!(" (and {} more terms of others)", more - 1)
            } else {
                String::new()
            }
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(columns: &[(&str, &[f64])]) -> Design {
        Design {
            names: columns.iter().map(|c| c.0.to_string()).collect(),
            rows: columns[0].1.len(),
            columns: columns.iter().map(|c| c.1.to_vec()).collect(),
        }
    }

    #[test]
    fn finds_the_plane_that_made_the_data_whatever_the_scales() {
        let x = design(&[("a", &[1e-6, 2e-6, 5e-6, 3e-6]), ("b", &[2e6, 1e6, 4e6, 8e6])]);
        let y: Vec<f64> = (0..4)
            .map(|i| 3e5 * x.columns[0][i] - 2e-6 * x.columns[1][i] + 7.0)
            .collect();
        let found = fit(&x, &y, 0.0).unwrap().coefficients.remove(0);
        for (found, wanted) in [
            (found.weights[0], 3e5),
            (found.weights[1], -2e-6),
            (found.intercept, 7.0),
        ] {
            assert!((found / wanted - 1.0).abs() < 1e-12, "{found} {wanted}");
        }
    }

    #[test]
    fn columns_that_are_combinations_of_others_are_named() {
        let (a, b) = ([1.0, 2.0, 4.0, 3.5, 0.0], [0.3, 0.1, -0.7, 0.2, 5.0]);
        let c: Vec<f64> = a.iter().zip(b).map(|(a, b)| 2.0 * a - b + 1.0).collect();
        let free = [1.0, 0.0, 0.0, 1.0, 1.0];
        let x = design(&[("a", &a), ("free", &free), ("b", &b), ("c", &c)]);
        let y = [1.0, 2.0, 3.0, 4.0, 5.0];
        let error = fit(&x, &y, 0.0).unwrap_err();
        assert!(error.contains("not unique"), "{error}");
        let names = error.split("the term ").nth(1).unwrap().split(';').next().unwrap();
        let mut words: Vec<&str> = names
            .split([' ', ','])
            .filter(|w| ["a", "b", "c", "free"].contains(w))
            .collect();
        words.sort_unstable();
        // "is a combination" has an `a` of its own.
        assert_eq!(words, ["a", "a", "b", "c"], "{error}");
        assert_eq!(check_rank(&x).unwrap_err(), error);
        assert!(fit(&x, &y, 1e-3).is_ok());
    }

    #[test]
    fn ridge_shrinks_the_coefficients_and_not_the_intercept() {
        let x = design(&[("a", &[-1.0, 0.0, 1.0])]);
        let y = [8.0, 10.0, 12.0];
        let fit = fit(&x, &y, 2.0).unwrap().coefficients.remove(0);
        // Σxy / (Σx² + alpha)
        assert!((fit.weights[0] - 1.0).abs() < 1e-14, "{}", fit.weights[0]);
        assert!((fit.intercept - 10.0).abs() < 1e-14);
    }
}
