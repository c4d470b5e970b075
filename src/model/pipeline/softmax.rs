//! Sums of several classes -> probabilities and a label.

/// The sums of all classes, `[class][row]`, -> probabilities: `e^sum / Σ e^sum`, of the sums less the greatest, so that none
/// overflows. One sum that is infinite has the probability 1; where two are, or all are the least, all are NaN.
pub fn softmax(sums: &mut [f64], rows: usize) {
    let length = sums.len();
    for row in 0..rows {
        let places = || (row..length).step_by(rows);
        let most = places().map(|at| sums[at]).fold(f64::NEG_INFINITY, f64::max);
        let infinite = places().filter(|&at| sums[at] == f64::INFINITY).count();
        let mut total = 0.0;
        for at in places() {
            sums[at] = match infinite {
                1 if sums[at] == most => 1.0,
                _ => libm::exp(sums[at] - most),
            };
            total += sums[at];
        }
        places().for_each(|at| sums[at] /= total);
    }
}

/// The first class of the greatest probability; NaN where they are.
pub fn most_probable(probabilities: &[f64], labels: &mut [f64]) {
    let rows = labels.len();
    for (row, label) in labels.iter_mut().enumerate() {
        let mut best = row;
        for at in (row..probabilities.len()).step_by(rows) {
            if probabilities[at] > probabilities[best] {
                best = at;
            }
        }
        *label = match probabilities[best].is_nan() {
            true => f64::NAN,
            false => (best / rows) as f64,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_stable_and_says_where_it_can_not_tell() {
        let softmax = |sums: [f64; 3]| {
            let mut sums = sums;
            super::softmax(&mut sums, 1);
            let mut label = [0.0];
            most_probable(&sums, &mut label);
            (sums, label[0])
        };
        assert_eq!(softmax([1e308, 1e308, -1e308]), ([0.5, 0.5, 0.0], 0.0));
        assert_eq!(softmax([0.0, f64::INFINITY, 1.0]), ([0.0, 1.0, 0.0], 1.0));
        assert_eq!(softmax([0.0, f64::NEG_INFINITY, 0.0]), ([0.5, 0.0, 0.5], 0.0));
        for sums in [
            [f64::INFINITY, f64::INFINITY, 0.0],
            [f64::NAN, 0.0, 0.0],
            [0.0, f64::INFINITY, f64::NAN],
            [f64::NEG_INFINITY; 3],
        ] {
            let (p, label) = softmax(sums);
            assert!(p.iter().all(|p| p.is_nan()) && label.is_nan(), "{sums:?}: {p:?}");
        }
    }
}
