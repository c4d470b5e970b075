//! Transformations, and their numbers.

use super::*;
use crate::checksum::Sha256Sum;

/// A number that is used again would be taken for one that was told.
#[test]
fn numbers_of_transformations_are_never_used_again() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger.commit(&[scored("a", "x", 1), scored("b", "x", 1)]).unwrap();
    assert_eq!(
        (ledger.last_transformation().unwrap(), ledger.told().unwrap()),
        (2, None)
    );
    ledger.set_told(2).unwrap();
    ledger.execute("DELETE FROM history", []).unwrap();
    ledger.set_told(ledger.last_transformation().unwrap()).unwrap();
    assert_eq!(ledger.told().unwrap(), Some(2));
    ledger.commit(&[failed("c", "y", 1)]).unwrap();
    assert_eq!(ledger.failures().unwrap()[0].transformation, 3);
}

#[test]
fn work_of_a_run_is_each_input_as_it_was_made_last() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger.commit(&[scored("before", "x", 1)]).unwrap();
    let start = ledger.last_transformation().unwrap();
    ledger
        .commit(&[scored("a", "x", 2), failed("b", "y", 2), scored("c", "x", 2)])
        .unwrap();
    ledger.commit(&[failed("a", "y", 3), scored("b", "x", 3)]).unwrap();
    let mut work = Vec::new();
    ledger
        .work_since(start, |w| work.push((w.input.to_string(), w.verdict, w.rows)))
        .unwrap();
    assert_eq!(
        work,
        [
            ("c".into(), Verdict::Publish, 1),
            ("a".into(), Verdict::Fail, 0),
            ("b".into(), Verdict::Publish, 1)
        ]
    );
    assert!(ledger.has_work_since(&name("a"), start).unwrap());
    assert!(!ledger.has_work_since(&name("before"), start).unwrap());
}

#[test]
fn transformations_are_found_by_model_and_by_output() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    for (at, model) in ["lines/1@m", "lines/11@m", "line/1@m"].into_iter().enumerate() {
        let (mut record, mut done) = scored("a", "x", at as i64);
        (record.recipe, done.recipe) = (recipe(model), recipe(model));
        done.summary.output_hash = Some(blake3::hash(model.as_bytes()));
        ledger.commit(&[(record, done)]).unwrap();
    }
    let found = |ledger: &Ledger, wanted: Wanted| -> Vec<i64> {
        ledger.history(&wanted).unwrap().iter().map(|done| done.at).collect()
    };
    for (model, expected) in [
        ("lines/1", &[0][..]),
        ("lines", &[1, 0]),
        ("line", &[2]),
        ("line/2", &[]),
        ("", &[]),
    ] {
        let model = Some(model);
        assert_eq!(
            found(
                &ledger,
                Wanted {
                    model,
                    ..Wanted::default()
                }
            ),
            expected,
            "{model:?}"
        );
    }
    let by = |hash: [u8; 32]| Wanted {
        output: Some((hash, hash)),
        ..Wanted::default()
    };
    let blake3 = blake3::hash(b"lines/11@m");
    assert_eq!(found(&ledger, by(*blake3.as_bytes())), [1]);
    // The last output alone stands, and so can be read again.
    let half = HalfHash::from(blake3::hash(b"line/1@m"));
    assert_eq!(
        ledger.without_sha256(None).unwrap(),
        [(name("a"), half, Some(name("a.out")))]
    );
    assert_eq!(ledger.without_sha256(Some(&name("b"))).unwrap(), []);
    assert!(found(&ledger, by([7; 32])).is_empty());
    ledger
        .set_sha256(&name("a"), blake3::hash(b"line/1@m"), Sha256Sum([7; 32]))
        .unwrap();
    assert_eq!(found(&ledger, by([7; 32])), [2]);
    assert_eq!(ledger.without_sha256(None).unwrap(), []);
}
