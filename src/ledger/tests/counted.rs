//! What was counted of inputs.

use super::*;
use crate::checksum::Sha256Sum;
use crate::ledger::{CountedRows, Watch, Windows};
use crate::monitor::{ColumnCounts, Counts, Window};

const BASELINE: Sha256Sum = Sha256Sum([3; 32]);

fn counted(input: &str, contents: &str, at: i64, rows: u64) -> (Record, Transformation) {
    let (record, mut done) = scored(input, contents, at);
    let column = ColumnCounts {
        bins: vec![0, rows, 0],
        sum: 0.5,
        ..ColumnCounts::default()
    };
    let counts = Counts {
        rows,
        bad_rows: 0,
        columns: vec![column],
        ..Counts::default()
    };
    done.counted = vec![by(&record.recipe.made_by, counts)];
    (record, done)
}

fn by(made_by: &str, counts: Counts) -> CountedRows {
    let by = Watch {
        made_by: made_by.into(),
        baseline: BASELINE,
    };
    CountedRows { by, counts }
}

fn rows(ledger: &Ledger, made_by: &str, baseline: Sha256Sum, since: i64) -> Vec<(String, i64, u64)> {
    let counted = ledger.counted(made_by, baseline, since).unwrap();
    counted
        .into_iter()
        .map(|c| {
            (
                c.input.map_or_else(String::new, |input| input.to_string()),
                c.first_seen,
                c.counts.rows,
            )
        })
        .collect()
}

#[test]
fn what_is_scored_again_replaces_its_counts_and_keeps_when_it_was_seen() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let first = [counted("b", "one", 10, 5), counted("a", "two", 20, 7)];
    let made_by = first[0].0.recipe.made_by.clone();
    ledger.commit(&first).unwrap();
    ledger.commit(&[counted("b", "one", 30, 6)]).unwrap();
    let all = [("b".into(), 10, 6), ("a".into(), 20, 7)];
    assert_eq!(rows(&ledger, &made_by, BASELINE, 0), all);
    assert_eq!(rows(&ledger, &made_by, BASELINE, 11), all[1..]);
    assert_eq!(rows(&ledger, &made_by, Sha256Sum([4; 32]), 0), []);
    let kept = ledger.counted(&made_by, BASELINE, 0).unwrap();
    assert_eq!(kept[1].counts, first[1].1.counted[0].counts);

    // Another version's stand beside.
    let (mut record, mut done) = counted("b", "one", 40, 8);
    record.recipe.made_by = "lines/9@other".into();
    done.recipe = record.recipe.clone();
    done.counted[0].by.made_by = "lines/9@other".into();
    ledger.commit(&[(record, done)]).unwrap();
    assert_eq!(rows(&ledger, &made_by, BASELINE, 0), all);
    assert_eq!(rows(&ledger, "lines/9@other", BASELINE, 0), [("b".into(), 10, 8)]);
}

/// In a phase of an experiment: each version's rows by themselves, and how many the input has.
#[test]
fn rows_of_two_versions_are_counted_beside_each_other() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let (record, mut done) = counted("a", "one", 10, 6);
    let challengers = done.counted[0].counts.clone();
    done.counted.push(by("lines/2@n", challengers));
    done.summary.rows = 12;
    let made_by = record.recipe.made_by.clone();
    ledger.commit(&[(record, done)]).unwrap();
    for made_by in [&*made_by, "lines/2@n"] {
        let found = ledger.counted(made_by, BASELINE, 0).unwrap();
        assert_eq!((found[0].rows, found[0].counts.rows), (12, 6), "{made_by}");
    }
}

#[test]
fn what_failed_and_what_nobody_watches_is_not_counted() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let (record, mut done) = failed("a", "one", 10);
    let made_by = record.recipe.made_by.clone();
    done.counted = vec![by(&made_by, Counts::default())];
    ledger.commit(&[(record, done), scored("b", "two", 20)]).unwrap();
    assert_eq!(rows(&ledger, &made_by, BASELINE, 0), []);
}

#[test]
fn small_inputs_are_counted_in_windows() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let counts = |rows| Counts {
        rows,
        ..Counts::default()
    };
    let window = |files, since, rows| Window {
        files,
        since,
        counts: counts(rows),
        rescored: false,
        kept_back: false,
    };
    let windows = |closed, open| Windows {
        made_by: "lines/1@m".into(),
        baseline: BASELINE,
        closed,
        open,
    };
    assert_eq!(ledger.window("lines/1@m", BASELINE).unwrap(), Window::default());
    ledger
        .commit_counted(&[scored("a", "one", 10)], &[windows(vec![], window(2, 7, 40))], &[])
        .unwrap();
    assert_eq!(ledger.window("lines/1@m", BASELINE).unwrap(), window(2, 7, 40));
    assert_eq!(rows(&ledger, "lines/1@m", BASELINE, 0), []);
    let closed = vec![window(3, 7, 500), window(1, 9, 600)];
    ledger
        .commit_counted(&[], &[windows(closed, window(1, 12, 3))], &[])
        .unwrap();
    assert_eq!(
        rows(&ledger, "lines/1@m", BASELINE, 0),
        [("".into(), 7, 500), ("".into(), 9, 600)]
    );
    assert_eq!(ledger.window("lines/1@m", BASELINE).unwrap(), window(1, 12, 3));
    assert_eq!(ledger.window("lines/2@m", BASELINE).unwrap(), Window::default());
}

#[test]
fn a_release_is_of_one_result_by_one_lineup() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let (mut record, mut done) = scored("a", "one", 10);
    record.verdict = Verdict::Hold;
    done.verdict = Verdict::Hold;
    done.message = Some("missing of x: 0.4, bar 0.1".into());
    let (made_by, output) = (record.recipe.made_by.clone(), done.summary.output_hash.unwrap());
    let (of, recipe) = (done.summary.input_hash.unwrap(), record.recipe.clone());
    ledger.commit(&[(record, done), scored("b", "two", 20)]).unwrap();
    let held = ledger.held().unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(
        (&held[0].input, held[0].message.as_str()),
        (&name("a"), "missing of x: 0.4, bar 0.1")
    );
    assert!(!ledger.is_released(&name("a"), &made_by, of, output).unwrap());

    ledger.release(&held, "ada@lab", 30, "a holiday", &[]).unwrap();
    assert_eq!(ledger.held().unwrap(), []);
    assert_eq!(ledger.decisions(&name("a")).unwrap()[0].kind, "release");
    assert!(ledger.is_released(&name("a"), &made_by, of, output).unwrap());
    assert!(!ledger.is_released(&name("a"), "lines/2@m", of, output).unwrap());
    assert!(
        !ledger
            .is_released(&name("a"), &made_by, of, blake3::hash(b"another"))
            .unwrap()
    );
    // Other rows may come out the same.
    assert!(
        !ledger
            .is_released(&name("a"), &made_by, blake3::hash(b"others"), output)
            .unwrap()
    );
    assert_eq!(ledger.kept_back(of, &recipe).unwrap().unwrap().verdict, Verdict::Hold);
    let other = Recipe {
        shape: "another".into(),
        ..recipe
    };
    assert_eq!(ledger.kept_back(of, &other).unwrap(), None);
    assert!(!ledger.is_released(&name("b"), &made_by, of, output).unwrap());
}
