//! Which rows train, and which are kept to evaluate on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Indices of rows, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// The last `count` rows are for evaluation.
pub fn last(rows: usize, count: usize) -> Result<Parts, String> {
    match count < rows {
        true => Ok(Parts {
            train: (0..rows - count).collect(),
            test: (rows - count..rows).collect(),
        }),
        false => Err(format!(
            "the last {count} rows are to be kept from training, but there are {rows}"
        )),
    }
}

/// A share of the rows, rounded up and chosen at random, is for evaluation. The same seed chooses the same rows, on
/// every machine.
pub fn share(rows: usize, share: f64, seed: u64) -> Result<Parts, String> {
    let count = (share * rows as f64).ceil() as usize;
    if count == 0 || count >= rows {
        return Err(format!(
            "a share of {share} can't be kept from training: there are {rows} rows"
        ));
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut train = order.split_off(count);
    let mut test = order;
    train.sort_unstable();
    test.sort_unstable();
    Ok(Parts { train, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_the_same_rows_on_every_machine() {
        let parts = share(10, 0.25, 7).unwrap();
        assert_eq!(parts, share(10, 0.25, 7).unwrap());
        assert_ne!(parts, share(10, 0.25, 8).unwrap());
        assert_eq!(parts.test, [0, 5, 7]);
        let mut all = [parts.train, parts.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn some_rows_are_left_to_train() {
        let parts = last(5, 2).unwrap();
        assert_eq!((parts.train, parts.test), (vec![0, 1, 2], vec![3, 4]));
        assert!(last(5, 5).unwrap_err().contains("there are 5"));
        assert!(share(1, 0.2, 0).is_err());
        assert!(share(0, 0.2, 0).is_err());
    }
}
