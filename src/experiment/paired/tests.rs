use super::*;
use crate::experiment::fixtures::{near, published};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn loss(key: impl ToString, champion: f64, shadow: f64) -> Loss {
    Loss {
        key: key.to_string(),
        at: 0,
        champion,
        shadow,
    }
}

/// Keys in which the shadow alone is right, the champion alone, both are.
fn labels(shadow: u32, champion: u32, both: u32) -> Vec<Loss> {
    let all = shadow + champion + both;
    let of = |i| match i {
        i if i < shadow => loss(i, error(false), error(true)),
        i if i < shadow + champion => loss(i, error(true), error(false)),
        i => loss(i, error(true), error(true)),
    };
    (0..all).map(of).collect()
}

/// Losses whose difference has this mean (of an even number of keys) and a standard deviation of 1.
fn numbers(keys: u32, mean: f64) -> Vec<Loss> {
    let spread = |i: u32| f64::from(i % 2) * 2.0 - 1.0;
    (0..keys).map(|i| loss(i, 5.0 + spread(i), 5.0 - mean)).collect()
}

fn verdict(losses: Vec<Loss>, margin: f64) -> (Verdict, Option<u64>) {
    let paired = Paired::of(Measure::SquaredError, losses, margin);
    (paired.verdict, paired.more_keys)
}

/// 60:40 is no evidence at all, 70:30 is some.
#[test]
fn of_right_and_wrong_labels_the_discordant_ones_decide() {
    for [b, c, expected] in published::<[f64; 3]>("sign") {
        near(sign_p(b, c), expected, 1e-9);
    }
    let p = |b, c| Paired::of(Measure::Error, labels(b, c, 400), 0.0).p;
    assert_eq!(p(60, 40), 1.0);
    assert_eq!(format!("{:.3}", p(70, 30)), "0.003");
}

#[test]
fn verdicts_are_given_once_they_hold() {
    use Verdict::{Better, Equivalent, NotYet, Worse};
    for (losses, margin, expected) in [
        (numbers(5_000, 0.2), 0.0, Better),
        (numbers(5_000, -0.2), 0.0, Worse),
        (numbers(5_000, 0.0), 0.1, Equivalent),
        // Better for certain, and by too little to matter.
        (numbers(5_000, 0.2), 0.5, Equivalent),
        (numbers(5_000, 0.01), 0.0, NotYet),
        // Few keys, however large the difference.
        (numbers(99, 50.0), 0.0, NotYet),
        (numbers(100, 50.0), 0.0, Better),
        (labels(70, 30, 400), 0.0, Better),
        (labels(30, 70, 400), 0.0, Worse),
        (labels(60, 40, 400), 0.0, NotYet),
        // That no label differs in a hundred keys is no proof that few do.
        (labels(0, 0, 100), 0.01, NotYet),
        (labels(0, 0, 3_000), 0.01, Equivalent),
        (vec![], 0.0, NotYet),
        (numbers(1, 1.0), 0.0, NotYet),
    ] {
        let keys = losses.len();
        assert_eq!(self::verdict(losses, margin).0, expected, "{keys} {margin}");
    }
}

/// As many more of the same kind bring the verdict, and a few in a thousand fewer don't.
#[test]
fn the_keys_that_are_still_needed_suffice() {
    let (none, more) = verdict(numbers(2_000, 0.02), 0.0);
    let all = 2_000 + more.unwrap() as u32;
    assert_eq!(none, Verdict::NotYet);
    assert!((20_000..80_000).contains(&all), "{all}");
    let at = |all: u32| verdict(numbers(all, 0.02), 0.0).0;
    assert_eq!(
        (at(all / 2 * 2 + 2), at(all / 1_000 * 998)),
        (Verdict::Better, Verdict::NotYet)
    );
    // Of the same ratio of discordant ones.
    let more = verdict(labels(60, 40, 400), 0.0).1.unwrap() as u32;
    let of = |times: f64| {
        let count = |n: f64| (n * times * (500.0 + f64::from(more)) / 500.0) as u32;
        verdict(labels(count(60.0), count(40.0), count(400.0)), 0.0).0
    };
    assert_eq!((of(1.05), of(0.9)), (Verdict::Better, Verdict::NotYet));
    // There is nothing to wait for.
    assert_eq!(verdict(labels(40, 40, 400), 0.0), (Verdict::NotYet, None));
    assert_eq!(verdict(numbers(5_000, 0.5), 0.0), (Verdict::Better, None));
}

#[test]
fn rows_of_one_key_are_averaged_first() {
    let rows = vec![
        loss("a", 1.0, 0.0),
        loss("b", 4.0, 0.0),
        loss("a", 0.0, 0.0),
        loss("c", 0.0, f64::INFINITY),
        loss("c", 0.0, f64::NAN),
    ];
    let paired = Paired::of(Measure::SquaredError, rows, 0.0);
    assert_eq!((paired.keys, paired.rows, paired.left_out), (2, 3, 2));
    assert_eq!(
        (paired.champion, paired.shadow, paired.lift),
        (Some(2.25), Some(0.0), Some(2.25))
    );
    assert_eq!(paired.wins, [2, 0]);
    let nothing = Paired::of(Measure::LogLoss, vec![], 0.0);
    assert_eq!((nothing.champion, nothing.interval, nothing.p), (None, None, 1.0));
}

#[test]
fn what_was_known_is_kept_in_the_order_of_time() {
    let mut losses = numbers(1_000, 0.3);
    for (i, loss) in losses.iter_mut().enumerate() {
        loss.at = i as i64 / 100;
    }
    let paired = Paired::of(Measure::SquaredError, losses, 0.0);
    let points = &paired.over_time;
    assert!(
        points.len() <= 60
            && points
                .windows(2)
                .all(|two| two[0].at <= two[1].at && two[0].keys < two[1].keys)
    );
    let last = points.last().unwrap();
    assert_eq!(
        (last.keys, Some(last.lift), Some(last.interval)),
        (1_000, paired.lift, paired.interval)
    );
}

#[test]
fn losses_are_those_of_an_evaluation() {
    assert_eq!((squared_error(3.0, 1.0), error(true), error(false)), (4.0, 0.0, 1.0));
    assert_eq!((log_loss(0.5), log_loss(0.0)), (LN_2, -f64::EPSILON.ln()));
}

/// A version against itself by right and wrong labels, with a look after each of 30 batches of 64 discordant keys: it finds a winner in
/// 0.5 % of 100,000 tests. Each discordant key is a bit, so nothing is approximated.
#[test]
fn the_exact_test_seldom_finds_a_winner_where_there_is_none() {
    const RUNS: u32 = 100_000;
    // What each count of a total of discordant keys comes to.
    let told: Vec<Vec<bool>> = (0..=30)
        .map(|batch| 64 * batch)
        .map(|all| {
            (0..=all)
                .map(|b| sign_p(f64::from(b), f64::from(all - b)) <= LEVEL)
                .collect()
        })
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(18);
    let mut ever = 0;
    for _ in 0..RUNS {
        let (mut b, mut called) = (0, false);
        for told in &told[1..] {
            b += random.next_u64().count_ones() as usize;
            called |= told[b];
        }
        ever += u32::from(called);
    }
    let share = f64::from(ever) / f64::from(RUNS);
    assert!((0.002..0.05).contains(&share), "{share}");
}

proptest! {
    #[test]
    fn no_order_of_losses_changes_anything(
        losses in prop::collection::vec((0u8..20, 0i64..5, -1e6f64..1e6, -1e6f64..1e6), 0..200),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut losses: Vec<Loss> = losses
            .into_iter()
            .map(|(key, at, champion, shadow)| Loss { at, ..loss(key, champion, shadow) })
            .collect();
        let first = Paired::of(Measure::SquaredError, losses.clone(), 1.0);
        if !losses.is_empty() {
            let turn = turn.index(losses.len());
            losses.rotate_left(turn);
            losses.reverse();
        }
        prop_assert_eq!(Paired::of(Measure::SquaredError, losses, 1.0), first);
    }
}
