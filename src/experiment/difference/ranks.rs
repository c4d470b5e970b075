//! How alike two versions order the same rows.

/// Spearman's correlation of ranks, ties having their average one; none where one of them says the same of all rows. Exact but for
/// the last division.
pub fn correlation(pairs: &[[f64; 2]]) -> Option<f64> {
    let [a, b] = [0, 1].map(|side| twice_ranks(pairs, side));
    // Twice the mean rank is n + 1, so twice a rank's distance to it is whole.
    let middle = pairs.len() as i128 + 1;
    let moment = |x: &[u64], y: &[u64]| {
        let products = x
            .iter()
            .zip(y)
            .map(|(&x, &y)| (i128::from(x) - middle) * (i128::from(y) - middle));
        products.sum::<i128>() as f64
    };
    let (of_a, of_b) = (moment(&a, &a), moment(&b, &b));
    (of_a > 0.0 && of_b > 0.0).then(|| moment(&a, &b) / (of_a.sqrt() * of_b.sqrt()))
}

/// Twice the rank of each value, from 2, so that averages of ties are whole.
fn twice_ranks(pairs: &[[f64; 2]], side: usize) -> Vec<u64> {
    let mut ranks = vec![0; pairs.len()];
    let order = ascending(pairs, side);
    let mut below = 0;
    for rows in tied(&order, pairs, side) {
        rows.iter()
            .for_each(|&row| ranks[row] = 2 * below + rows.len() as u64 + 1);
        below += rows.len() as u64;
    }
    ranks
}

fn ascending(pairs: &[[f64; 2]], side: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_unstable_by(|&a, &b| pairs[a][side].total_cmp(&pairs[b][side]));
    order
}

/// Rows of the same value, by ascending value. -0 and 0 are neighbours, and the same.
fn tied<'a>(order: &'a [usize], pairs: &'a [[f64; 2]], side: usize) -> impl DoubleEndedIterator<Item = &'a [usize]> {
    order.chunk_by(move |&a, &b| pairs[a][side] == pairs[b][side])
}

/// The share of the champion's highest tenth of rows that is in the shadow's, too: 1 where both choose the same, 0.1 where they choose
/// as if by chance. Of rows tied at the border each belongs to the tenth by the same part. None of fewer than ten rows.
pub fn top_overlap(pairs: &[[f64; 2]]) -> Option<f64> {
    let top = pairs.len() / 10;
    if top == 0 {
        return None;
    }
    let [a, b] = [0, 1].map(|side| {
        let mut parts = vec![0.0; pairs.len()];
        let mut left = top;
        let order = ascending(pairs, side);
        for rows in tied(&order, pairs, side).rev() {
            let part = (left as f64 / rows.len() as f64).min(1.0);
            rows.iter().for_each(|&row| parts[row] = part);
            left = left.saturating_sub(rows.len());
            if left == 0 {
                break;
            }
        }
        parts
    });
    // In an order that the rows' own doesn't change.
    let mut common: Vec<f64> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| a.min(*b))
        .filter(|part| *part > 0.0)
        .collect();
    common.sort_unstable_by(f64::total_cmp);
    Some(common.iter().sum::<f64>() / top as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::fixtures::{near, published};

    #[test]
    fn correlations_are_scipys() {
        for (a, b, expected) in published::<(Vec<f64>, Vec<f64>, f64)>("ranks") {
            let pairs: Vec<[f64; 2]> = a.into_iter().zip(b).map(|(a, b)| [a, b]).collect();
            near(correlation(&pairs).unwrap(), expected, 1e-12);
        }
        assert_eq!(correlation(&[[1.0, 2.0], [1.0, 3.0]]), None);
        assert_eq!(correlation(&[]), None);
    }

    #[test]
    fn the_highest_tenth_is_compared() {
        let of = |shadow: fn(usize) -> f64| {
            let pairs: Vec<[f64; 2]> = (0..200).map(|i| [i as f64, shadow(i)]).collect();
            top_overlap(&pairs).unwrap()
        };
        assert_eq!(of(|i| (i * i) as f64), 1.0);
        assert_eq!(of(|i| -(i as f64)), 0.0);
        // Half of the champion's twenty.
        assert_eq!(of(|i| if i >= 190 { 1e3 + i as f64 } else { -(i as f64) }), 0.5);
        // All are tied: each belongs to it by a tenth.
        assert!((of(|_| 7.0) - 0.1).abs() < 1e-12);
        let same = vec![[3.0, 3.0]; 50];
        assert!((top_overlap(&same).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(top_overlap(&same[..9]), None);
    }
}
