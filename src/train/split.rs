//! Which rows train, and which are kept to evaluate on: by chance, by class, by group or by time; the folds of a search, too.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;

/// Indices of rows, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// What a split keeps to, of each row of the dataset. The same seed chooses the same rows, on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Chance,
    /// Each side has its share of each class, to one row.
    Classes(Vec<usize>),
    /// A group's rows are on one side.
    Groups(Vec<usize>),
    /// What is evaluated comes after what is trained on: numbers that rise.
    Times(Vec<usize>),
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

impl By {
    /// A share of the rows is for evaluation, rounded up: chosen at random, or the last ones by time, and then all of the
    /// time that the cut falls into. Of groups the share is of their number, as in scikit-learn's `GroupShuffleSplit`.
    pub fn share(&self, rows: usize, share: f64, seed: u64) -> Result<Parts, String> {
        let all: Vec<usize> = (0..rows).collect();
        let count = |of: usize, what: &str| match (share * of as f64).ceil() as usize {
            count if count == 0 || count >= of => Err(format!(
                "a share of {share} can't be kept from training: there are {of} {what}"
            )),
            count => Ok(count),
        };
        match self {
            By::Chance => {
                let count = count(rows, "rows")?;
                let order = shuffled(&all, seed);
                Ok(parts(&order, |place, _| place < count))
            }
            By::Classes(classes) => {
                let count = count(rows, "rows")?;
                let order = by_class(&all, classes, seed);
                // Every so many rows of a list that is sorted by class: of each, its share to one row.
                let upto = |place: usize| place as u128 * count as u128 / rows as u128;
                Ok(parts(&order, |place, _| upto(place + 1) > upto(place)))
            }
            By::Groups(groups) => {
                let found = distinct(&all, groups);
                let count = count(found.len(), "groups")?;
                let mut kept = shuffled(&found, seed);
                kept.truncate(count);
                // Sorted, for there may be as many groups as rows.
                kept.sort_unstable();
                Ok(parts(&all, |_, row| kept.binary_search(&groups[row]).is_ok()))
            }
            By::Times(times) => {
                let count = count(rows, "rows")?;
                let order = by_time(&all, times);
                let cut = times[order[rows - count]];
                match times[order[0]] < cut {
                    true => Ok(parts(&all, |_, row| times[row] >= cut)),
                    false => Err(format!(
                        "a share of {share} can't be kept from training: too many rows are of the earliest time"
                    )),
                }
            }
        }
    }

    /// Of `rows`, each fold's to train on and those to evaluate on. Each row is held out once; by time, a fold is
    /// evaluated after all that it trains on, as scikit-learn's `TimeSeriesSplit` has it, and rows of one time stay together.
    pub fn folds(&self, rows: &[usize], folds: usize, seed: u64) -> Result<Vec<Parts>, String> {
        let too_few = |what: String| Err(format!("search.folds = {folds}, but there are {what}"));
        if rows.len() < folds {
            return too_few(format!("{} training rows", rows.len()));
        }
        let order = match self {
            By::Chance => shuffled(rows, seed),
            By::Classes(classes) => by_class(rows, classes, seed),
            By::Groups(groups) => {
                let found = distinct(rows, groups);
                if found.len() < folds {
                    return too_few(format!("{} groups of training rows", found.len()));
                }
                let fold = lightest(&shuffled(&found, seed), rows, groups, folds);
                return Ok((0..folds)
                    .map(|k| parts(rows, |_, row| fold[groups[row]] == k))
                    .collect());
            }
            By::Times(times) => return forward(rows, times, folds),
        };
        Ok((0..folds)
            .map(|k| parts(&order, |place, _| place % folds == k))
            .collect())
    }
}

/// `is_test`: of a place in `order` and the row there.
fn parts(order: &[usize], is_test: impl Fn(usize, usize) -> bool) -> Parts {
    let (test, train): (Vec<_>, Vec<_>) = order.iter().enumerate().partition(|&(place, &row)| is_test(place, row));
    let rows = |part: Vec<(usize, &usize)>| {
        let mut rows: Vec<usize> = part.into_iter().map(|(_, &row)| row).collect();
        rows.sort_unstable();
        rows
    };
    Parts {
        train: rows(train),
        test: rows(test),
    }
}

fn shuffled(rows: &[usize], seed: u64) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

fn by_class(rows: &[usize], classes: &[usize], seed: u64) -> Vec<usize> {
    let mut order = shuffled(rows, seed);
    order.sort_by_key(|&row| classes[row]);
    order
}

fn by_time(rows: &[usize], times: &[usize]) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.sort_by_key(|&row| times[row]);
    order
}

/// The groups of some rows, ascending.
pub fn distinct(rows: &[usize], groups: &[usize]) -> Vec<usize> {
    let mut found: Vec<usize> = rows.iter().map(|&row| groups[row]).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Of each group its fold: the largest ones first, each to the fold with the fewest rows, as scikit-learn's `GroupKFold`.
fn lightest(found: &[usize], rows: &[usize], groups: &[usize], folds: usize) -> Vec<usize> {
    let mut sizes = vec![0usize; found.iter().max().map_or(0, |most| most + 1)];
    rows.iter().for_each(|&row| sizes[groups[row]] += 1);
    let mut order = found.to_vec();
    order.sort_by_key(|&group| Reverse(sizes[group]));
    let (mut fold, mut weights) = (vec![0; sizes.len()], vec![0; folds]);
    for group in order {
        let lightest = (0..folds).min_by_key(|&k| weights[k]).unwrap_or(0);
        fold[group] = lightest;
        weights[lightest] += sizes[group];
    }
    fold
}

fn forward(rows: &[usize], times: &[usize], folds: usize) -> Result<Vec<Parts>, String> {
    let order = by_time(rows, times);
    let size = order.len() / (folds + 1);
    // The first row of the time that an even cut falls into.
    let cut = |k: usize| match order.len() - (folds - k) * size {
        place if place == order.len() => place,
        place => order.partition_point(|&row| times[row] < times[order[place]]),
    };
    let fold = |k: usize| {
        let (from, to) = (cut(k), cut(k + 1));
        match size > 0 && from > 0 && from < to {
            true => Ok(parts(&order[..to], |place, _| place >= from)),
            false => Err(format!(
                "search.folds = {folds}, but the {} training rows have too few different times for that",
                rows.len()
            )),
        }
    };
    (0..folds).map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seed_chooses_the_same_rows_on_every_machine() {
        let parts = By::Chance.share(10, 0.25, 7).unwrap();
        assert_eq!(parts, By::Chance.share(10, 0.25, 7).unwrap());
        assert_ne!(parts, By::Chance.share(10, 0.25, 8).unwrap());
        assert_eq!(parts.test, [0, 5, 7]);
        let classes = By::Classes(vec![0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(classes.share(10, 0.25, 7).unwrap().test, [2, 4, 8]);
        let groups = By::Groups(vec![0, 0, 1, 1, 2, 2, 3, 3, 3, 3]);
        assert_eq!(groups.share(10, 0.25, 7).unwrap().test, [0, 1]);
    }

    #[test]
    fn some_rows_are_left_to_train() {
        let parts = last(5, 2).unwrap();
        assert_eq!((parts.train, parts.test), (vec![0, 1, 2], vec![3, 4]));
        assert!(last(5, 5).unwrap_err().contains("there are 5"));
        assert!(By::Chance.share(1, 0.2, 0).is_err());
        assert!(By::Chance.share(0, 0.2, 0).is_err());
        let one = By::Groups(vec![0; 9]).share(9, 0.2, 0).unwrap_err();
        assert!(one.contains("there are 1 groups"), "{one}");
        let one = By::Times(vec![3; 9]).share(9, 0.2, 0).unwrap_err();
        assert!(one.contains("of the earliest time"), "{one}");
    }

    #[test]
    fn what_ties_at_the_cut_is_all_evaluated() {
        let times = By::Times(vec![5, 1, 2, 5, 3, 5]);
        assert_eq!(times.share(6, 0.2, 0).unwrap().test, [0, 3, 5]);
        assert_eq!(times.share(6, 0.6, 0).unwrap().test, [0, 3, 4, 5]);
        let folds = times.folds(&[0, 1, 2, 3, 4, 5], 2, 0).unwrap();
        assert_eq!((&folds[0].train[..], &folds[0].test[..]), (&[1, 2][..], &[4][..]));
        assert_eq!(
            (&folds[1].train[..], &folds[1].test[..]),
            (&[1, 2, 4][..], &[0, 3, 5][..])
        );
        let few = times.folds(&[0, 3, 5], 2, 0).unwrap_err();
        assert!(few.contains("too few different times"), "{few}");
    }

    fn classes() -> impl Strategy<Value = Vec<usize>> {
        proptest::collection::vec(0..4usize, 8..120)
    }

    proptest! {
        #[test]
        fn each_class_has_its_share_to_one_row(classes in classes(), share in 0.1..0.8f64, seed: u64) {
            let n = classes.len();
            let of = |class: usize, rows: &[usize]| rows.iter().filter(|&&row| classes[row] == class).count() as f64;
            let by = By::Classes(classes.clone());
            let parts = by.share(n, share, seed).unwrap();
            prop_assert_eq!(parts.test.len(), (share * n as f64).ceil() as usize);
            let rows: Vec<usize> = (0..n).collect();
            for class in 0..4 {
                let wanted = of(class, &rows) * parts.test.len() as f64 / n as f64;
                prop_assert!((of(class, &parts.test) - wanted).abs() < 1.0);
                let folds = by.folds(&rows, 4, seed).unwrap();
                for fold in &folds {
                    prop_assert!((of(class, &fold.test) - of(class, &rows) / 4.0).abs() < 1.0);
                }
            }
        }

        #[test]
        fn each_row_is_held_out_once_and_no_group_is_on_both_sides(groups in classes(), seed: u64) {
            let rows: Vec<usize> = (0..groups.len()).filter(|row| row % 7 != 3).collect();
            for by in [By::Chance, By::Classes(groups.clone()), By::Groups(groups.clone())] {
                let Ok(folds) = by.folds(&rows, 3, seed) else { continue };
                let mut held = Vec::new();
                for fold in folds {
                    let mut all = [&fold.train[..], &fold.test[..]].concat();
                    all.sort_unstable();
                    prop_assert_eq!(&all, &rows);
                    if matches!(by, By::Groups(_)) {
                        let of = |rows: &[usize]| distinct(rows, &groups);
                        prop_assert!(of(&fold.train).iter().all(|group| !of(&fold.test).contains(group)));
                    }
                    held.extend(fold.test);
                }
                held.sort_unstable();
                prop_assert_eq!(&held, &rows);
            }
        }

        #[test]
        fn what_is_evaluated_comes_later(times in proptest::collection::vec(0..30usize, 8..120), share in 0.1..0.8f64) {
            let by = By::Times(times.clone());
            let rows: Vec<usize> = (0..times.len()).collect();
            let folds = by.folds(&rows, 3, 0).unwrap_or_default();
            for parts in by.share(times.len(), share, 0).into_iter().chain(folds) {
                let last = parts.train.iter().map(|&row| times[row]).max().unwrap();
                prop_assert!(parts.test.iter().all(|&row| times[row] > last));
            }
        }
    }
}
