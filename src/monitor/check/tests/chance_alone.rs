//! Unchanged data is held back next to never.

use super::*;

const ROWS: usize = 10_000;
const TEXTS: [&str; 40] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z", "aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj", "kk", "ll", "mm", "nn",
];

/// Seven columns of the kinds that there are: bell-shaped, skewed with missing cells, heavy-tailed, whole numbers, mostly zero; a few
/// categories, and many of which most are rare.
fn drawn(random: &mut ChaCha8Rng, n: usize) -> [Cells; 7] {
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let mut normal = || {
        let (a, b): (f64, f64) = (1.0 - uniform(), uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    };
    let bell = (0..n).map(|_| normal()).collect();
    let skewed: Vec<f64> = (0..n).map(|_| normal().exp()).collect();
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let skewed = skewed
        .into_iter()
        .map(|x| if uniform() < 0.03 { f64::NAN } else { x })
        .collect();
    let heavy = (0..n)
        .map(|_| (std::f64::consts::PI * (uniform() - 0.5)).tan())
        .collect();
    let whole = (0..n).map(|_| (uniform() * 12.0).floor()).collect();
    let mostly_zero = (0..n)
        .map(|_| if uniform() < 0.9 { 0.0 } else { uniform() * 100.0 })
        .collect();
    let few = (0..n).map(|_| Some(TEXTS[(uniform() * uniform() * 5.0) as usize]));
    let few = few.collect();
    let many = (0..n)
        .map(|_| Some(TEXTS[(uniform().powi(6) * 40.0) as usize]))
        .collect();
    [
        Cells::Numbers(bell),
        Cells::Numbers(skewed),
        Cells::Numbers(heavy),
        Cells::Numbers(whole),
        Cells::Numbers(mostly_zero),
        Cells::Texts(few),
        Cells::Texts(many),
    ]
}

/// Windows with a check over its bar, by area: data, drift. Each baseline is held against fifty windows.
fn false_holds(windows: usize, n: usize) -> [usize; 2] {
    let mut over = [0, 0];
    let mut random = ChaCha8Rng::seed_from_u64(n as u64);
    for _ in 0..windows.div_ceil(50) {
        let known = drawn(&mut random, ROWS);
        let columns: Vec<Column> = known
            .iter()
            .enumerate()
            .map(|(i, cells)| cells.column(&format!("c{i}")))
            .collect();
        let baseline = Baseline::new(ROWS, columns);
        for _ in 0..50 {
            let later = drawn(&mut random, n);
            let columns = later
                .iter()
                .zip(&baseline.features)
                .map(|(cells, column)| cells.counted(column));
            let counts = Counts {
                rows: n as u64,
                columns: columns.collect(),
                ..Counts::default()
            };
            let checks = checks(&baseline, None, &counts, &Bars::default());
            for (area, over) in [Area::Data, Area::Drift].into_iter().zip(&mut over) {
                let first = checks.iter().find(|check| check.area == area && check.over);
                if let Some(check) = first {
                    eprintln!("{check:?}");
                    *over += 1;
                }
            }
        }
    }
    over
}

#[test]
fn unchanged_data_is_not_held() {
    for (windows, n) in [(200, 50), (100, 100), (50, 500)] {
        assert_eq!(false_holds(windows, n), [0, 0], "{n} rows");
    }
}

/// The contract's: 20,000 windows of each size, at most 30 held of all of them. Measured: 5, all by PSI, four of 50 rows. Two minutes,
/// optimised:
/// `cargo test --release --lib unchanged_data -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn unchanged_data_is_next_to_never_held() {
    let held = [50, 100, 500, 5_000].map(|n| false_holds(20_000, n));
    eprintln!("{held:?}");
    assert!(held.iter().flatten().sum::<usize>() <= 30, "{held:?}");
}
