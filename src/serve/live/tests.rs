use super::*;
use crate::model::{Column, Type};
use crate::monitor::baseline;
use crate::monitor::check::{NAMED, worst};
use crate::score::{Binding, Spelling};
use std::thread;

fn signature() -> Signature {
    let column = |name: &str| Column {
        optional: true,
        ..Column::plain(name.into(), Type::Float64)
    };
    Signature {
        inputs: vec![column("x")],
        outputs: vec![column("prediction")],
    }
}

/// Held against a hundred whole numbers.
fn live() -> Live {
    let numbers: Vec<f64> = (0..100).map(f64::from).collect();
    let in_force = InForce {
        baseline: Baseline::new(100, vec![baseline::Column::of_numbers("x", &numbers)]).into(),
        sha256: Sha256Sum([7; 32]),
        path: "baseline.json".into(),
    };
    Live::of(in_force, &signature())
}

fn count(live: &Live, cells: &[&str]) {
    let binding = Binding::by_name(&["x".to_string()], &signature(), &Spelling::USUAL).unwrap();
    let mut batch = Batch::new(&binding, cells.len());
    cells.iter().for_each(|cell| batch.push(&binding, &[cell.to_string()]));
    batch.end();
    live.count(&batch, &vec![0.0; cells.len()]);
}

fn policy() -> Policy {
    crate::config::fuzz("").unwrap().monitor
}

const HOUR: Duration = Duration::from_secs(3600);

/// What was told.
fn judge(live: &Live, now: Duration) -> Vec<String> {
    let mut told = Vec::new();
    let at = Timestamp::from_second(now.as_secs() as i64).unwrap();
    live.judge(&policy(), now, at, |judged| told.push(worst(judged.over.iter(), NAMED)));
    told
}

#[test]
fn a_window_is_judged_with_its_rows_or_after_an_hour() {
    let live = live();
    count(&live, &[""; 499]);
    assert!(judge(&live, HOUR).is_empty());
    assert_eq!((live.windows().open, live.windows().judged), (499, 0));
    count(&live, &[""]);
    let told = judge(&live, HOUR);
    assert!(told[0].starts_with("missing of x: 1.00, bar "), "{told:?}");
    let windows = live.windows();
    assert_eq!((windows.open, windows.judged, windows.over), (0, 1, 1));
    assert_eq!(windows.last.unwrap().rows, 500);

    count(&live, &["7", "8"]);
    judge(&live, 2 * HOUR);
    judge(&live, 3 * HOUR - Duration::from_secs(1));
    assert_eq!(live.windows().judged, 1);
    assert!(judge(&live, 3 * HOUR).is_empty());
    let windows = live.windows();
    assert_eq!((windows.open, windows.judged, windows.over), (0, 2, 1));
    assert_eq!(windows.last.unwrap().at.as_second(), 3 * 3600);
}

#[test]
fn no_row_is_lost_between_threads_that_count_and_one_that_judges() {
    let live = live();
    let mut rows = 0;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..1000).for_each(|_| count(&live, &["1", "", "oops"]))))
            .collect();
        let mut judged = 0;
        while !threads.iter().all(|thread| thread.is_finished()) {
            judge(&live, HOUR);
            let windows = live.windows();
            if windows.judged > judged {
                judged = windows.judged;
                rows += windows.last.unwrap().rows;
            }
        }
    });
    let windows = live.windows();
    rows += windows.open;
    assert_eq!(rows, 12_000);
}

#[test]
fn parts_that_counted_by_themselves_are_taken() {
    let (by_batch, by_part) = (live(), live());
    count(&by_batch, &["1"; 500]);
    let binding = Binding::by_name(&["x".to_string()], &signature(), &Spelling::USUAL).unwrap();
    for _ in 0..500 {
        let mut batch = Batch::new(&binding, 1);
        batch.push(&binding, &["1".to_string()]);
        batch.end();
        let mut counts = by_part.counter.zero();
        by_part
            .counter
            .count(&batch, &[0.0], &mut Scratch::default(), &mut counts);
        by_part.add(&counts);
    }
    let checks = |live: &Live| {
        judge(live, HOUR);
        live.windows().last.unwrap().judgement.clone()
    };
    assert_eq!(checks(&by_batch), checks(&by_part));
}
