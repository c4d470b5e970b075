//! Failures, and what people decided on them.

use super::*;
use crate::ledger::failures::select;

#[test]
fn failures_are_found_by_an_index() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    let plan: Vec<String> = ledger
        .select(&format!("EXPLAIN QUERY PLAN {}", select("verdict > 0")), [], |row| {
            row.get(3)
        })
        .unwrap();
    for index in ["reported", "history_of_input", "decisions_of_input"] {
        assert!(
            plan.iter().any(|step| step.contains(&format!("INDEX {index}"))),
            "{plan:#?}"
        );
    }
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
}

#[test]
fn a_failure_is_that_of_its_last_transformation_and_so_is_its_dismissal() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger
        .commit(&[failed("a", "y", 1), failed("b", "y", 1), scored("c", "x", 1)])
        .unwrap();
    let numbers = |ledger: &Ledger| -> Vec<(String, i64, Option<String>)> {
        let failures = ledger.failures().unwrap().into_iter();
        failures
            .map(|f| (f.input.to_string(), f.transformation, f.dismissal.map(|d| d.reason)))
            .collect()
    };
    assert_eq!(numbers(&ledger), [("a".into(), 1, None), ("b".into(), 2, None)]);
    assert_eq!(ledger.count_failed().unwrap(), 2);
    let a = ledger.failure(&name("a")).unwrap().unwrap();
    assert_eq!(ledger.failure(&name("c")).unwrap(), None);
    for reason in ["known", "still known"] {
        ledger.dismiss(std::slice::from_ref(&a), "ada@lab", 5, reason).unwrap();
        assert_eq!(numbers(&ledger)[0].2.as_deref(), Some(reason));
    }
    assert_eq!(ledger.count_failed().unwrap(), 1);
    // It is to be made again, then failed again.
    ledger.retry(&[name("a")], "ada@lab", 6).unwrap();
    assert_eq!(numbers(&ledger), [("b".into(), 2, None)]);
    ledger.commit(&[failed("a", "y", 7)]).unwrap();
    assert_eq!(numbers(&ledger)[0], ("a".into(), 4, None));
    // What was dismissed before that is no failure now.
    ledger.dismiss(&[a], "ada@lab", 8, "late").unwrap();
    assert_eq!(numbers(&ledger)[0], ("a".into(), 4, None));
}

#[test]
fn a_retry_is_all_or_nothing() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let inputs = [name("a"), name("b"), name("c")];
    ledger
        .commit(&["a", "b", "c"].map(|input| failed(input, "y", 1)))
        .unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON results WHEN OLD.input = CAST('c' AS BLOB)
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    ledger.db.execute_batch(refuse).unwrap();
    assert!(ledger.retry(&inputs, "ada@lab", 5).is_err());
    let stale = |ledger: &Ledger| {
        ledger
            .records(&inputs)
            .unwrap()
            .iter()
            .flatten()
            .filter(|r| r.recipe.output_format == 0)
            .count()
    };
    assert_eq!((stale(&ledger), ledger.decisions(&inputs[0]).unwrap().len()), (0, 0));
    ledger.db.execute_batch("DROP TRIGGER refuse").unwrap();
    ledger.retry(&inputs, "ada@lab", 5).unwrap();
    assert_eq!((stale(&ledger), ledger.decisions(&inputs[0]).unwrap().len()), (3, 1));
    assert_eq!(ledger.failed().unwrap(), inputs, "until they are tried");
}
