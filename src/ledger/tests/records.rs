//! What became of an input.

use super::*;
use crate::error::Result;
use crate::ledger::results::{FAILED, FOUND, REPORTED};
use std::sync::Arc;

#[test]
fn first_seen_is_kept_while_the_contents_stay() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let first_seen = |ledger: &Ledger| ledger.record(&name("a")).unwrap().unwrap().first_seen;
    let mut commit = |(record, done): (Record, Transformation)| {
        ledger.commit(&[(record, done)]).unwrap();
        first_seen(&ledger)
    };
    assert_eq!(commit(scored("a", "one", 10)), 10);
    let (mut again, done) = scored("a", "one", 20);
    again.phase = Some("prices/2".into());
    assert_eq!(commit((again, done)), 10, "scored again");
    assert_eq!(commit(scored("a", "two", 30)), 30, "another content");
    let (mut record, done) = failed("a", "two", 30);
    record.first_seen = 40;
    assert_eq!(commit((record.clone(), done.clone())), 30, "by its fingerprint");
    ledger.retry(&[name("a")], "ada@lab", 50).unwrap();
    ledger.commit(&[(record, done)]).unwrap();
    assert_eq!(first_seen(&ledger), 30, "retried");
    assert_eq!(ledger.record(&name("a")).unwrap().unwrap().phase, None);
}

#[test]
fn each_of_a_group_has_its_own_recipe_and_is_failed_no_more() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let inputs = ["a", "b", "c", "d"].map(name);
    for input in [&inputs[1], &inputs[3], &name("other")] {
        let fault = Fault {
            input: input.clone(),
            code: "io".into(),
            message: String::new(),
            tries: 1,
            since: 1,
            last: 1,
            retry_at: None,
        };
        ledger.set_fault(&fault).unwrap();
    }
    let models = ["lines/1@m", "lines/1@m", "lines/2@n", "lines/1@m"];
    let group: Vec<_> = ["a", "b", "c", "d"]
        .iter()
        .zip(models)
        .map(|(input, model)| {
            let (mut record, mut done) = scored(input, "x", 1);
            (record.recipe, done.recipe) = (recipe(model), recipe(model));
            (record, done)
        })
        .collect();
    ledger.commit(&group).unwrap();
    let records = ledger.records(&inputs).unwrap();
    let made_by: Vec<_> = records.into_iter().flatten().map(|r| r.recipe.made_by).collect();
    assert_eq!(made_by, models.map(Arc::from));
    let history = ledger.history(&Wanted::default()).unwrap();
    assert!(history.iter().rev().map(|done| &*done.recipe.made_by).eq(models));
    let failed: Vec<_> = ledger.faults().unwrap().into_iter().map(|f| f.input).collect();
    assert_eq!(failed, [name("other")]);
}

#[test]
fn an_output_in_doubt_has_no_hash() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let output = Some(HalfHash::from(blake3::hash(b"output")));
    let a = name("a");
    assert_eq!(ledger.output_hash(&a).unwrap(), None);
    for doubt in [
        |ledger: &mut Ledger| ledger.doubt([&name("a")]),
        |ledger: &mut Ledger| ledger.make_stale(),
        |ledger: &mut Ledger| ledger.retry(&[name("a")], "ada@lab", 5),
    ] as [fn(&mut Ledger) -> Result<()>; 3]
    {
        ledger.commit(&[scored("a", "one", 10)]).unwrap();
        assert_eq!(ledger.output_hash(&a).unwrap(), output);
        doubt(&mut ledger).unwrap();
        assert_eq!(ledger.output_hash(&a).unwrap(), None);
    }
    ledger.commit(&[failed("a", "one", 10)]).unwrap();
    assert_eq!(ledger.output_hash(&a).unwrap(), None);
}

/// An input whose times are as far from each other as can be, and one that is on a mount.
#[test]
fn fingerprints_are_read_as_they_were() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let times = [
        (i64::MIN, Some(i64::MAX)),
        (i64::MAX, Some(-1)),
        (7, Some(7)),
        (7, Some(9)),
        (7, None),
    ];
    for (mtime, ctime) in times {
        let (mut record, done) = scored("a", "one", 10);
        record.fingerprint = Fingerprint { size: 3, mtime, ctime };
        ledger.commit(&[(record.clone(), done)]).unwrap();
        assert_eq!(ledger.record(&name("a")).unwrap(), Some(record));
    }
}

#[test]
fn what_people_should_know_of_is_found_by_an_index() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    for (sql, index) in [(FAILED, "reported"), (REPORTED, "reported"), (FOUND, "found")] {
        let plan: Vec<String> = ledger
            .select(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get(3))
            .unwrap();
        let by_index = plan[0].starts_with("SCAN results USING") && plan[0].ends_with(&format!("INDEX {index}"));
        assert!(by_index, "{plan:?}");
    }
}
