//! What is old goes.

use super::*;
use crate::error::Result;

/// All steps of a round. How many there were.
fn prune(ledger: &mut Ledger, before: i64, rows: u32, gone: impl Fn(&Name) -> bool) -> u32 {
    let day = 86_400_000_000;
    assert!(Pruning::begin(ledger, 3 * day).unwrap().is_none(), "a new ledger");
    assert!(Pruning::begin(ledger, 4 * day - 1).unwrap().is_none(), "not due yet");
    let mut round = Pruning::begin(ledger, 4 * day).unwrap().unwrap();
    let mut steps = 1;
    while round.step(ledger, before, rows, |name, _| gone(name)).unwrap() {
        steps += 1;
    }
    steps
}

#[test]
fn what_is_old_is_pruned_in_small_steps() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    for at in 0..10 {
        ledger
            .commit(&[
                scored("there", "one", at),
                scored("gone", "one", at),
                failed("bad", "y", at),
            ])
            .unwrap();
    }
    ledger
        .commit(&[scored("recent", "one", 100), scored("gone and recent", "one", 100)])
        .unwrap();
    ledger.retry(&[name("bad")], "ada@lab", 5).unwrap();
    let steps = prune(&mut ledger, 50, 4, |name| name.bytes().starts_with(b"gone"));
    assert!(steps > 30 / 4 + 5 / 4, "{steps}");
    let inputs: Vec<String> = ledger
        .history(&Wanted::default())
        .unwrap()
        .iter()
        .map(|t| t.input.to_string())
        .collect();
    assert_eq!(inputs, ["gone and recent", "recent", "bad"]);
    assert_eq!(ledger.last_problem(&name("bad")).unwrap().unwrap().at, 9);
    let kept = |input| ledger.record(&name(input)).unwrap().is_some();
    assert!(["there", "bad", "recent", "gone and recent"].into_iter().all(kept));
    assert!(!kept("gone"));
    assert_eq!(ledger.decisions(&name("bad")).unwrap().len(), 1);
}

#[test]
fn counts_of_inputs_that_were_first_seen_long_ago_are_pruned() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    for first_seen in 0..100 {
        let insert = "INSERT INTO counts VALUES (NULL, ?1, 'lines/1@m', x'', ?1, 1, x'', 0)";
        ledger.execute(insert, [first_seen]).unwrap();
    }
    prune(&mut ledger, 50, 8, |_| false);
    let left: Result<Vec<i64>> = ledger.select("SELECT first_seen FROM counts ORDER BY first_seen", [], |row| {
        row.get(0)
    });
    assert_eq!(left.unwrap(), (50..100).collect::<Vec<_>>());
}

#[test]
fn labels_of_inputs_that_were_first_seen_long_ago_are_pruned() {
    use crate::ledger::OfOne;
    use crate::monitor::labels::Labels;
    use crate::monitor::performance::Measured;
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let group: Vec<_> = (0..20)
        .map(|i| scored(&format!("{i:02}"), &format!("{i}"), 40 + i))
        .collect();
    ledger.commit(&group).unwrap();
    let all = ledger.scored(0).unwrap();
    let labels = Labels::default();
    let versions = [OfOne {
        made_by: "lines/1@m".into(),
        scored: 1,
        measured: Measured::nothing(None),
    }];
    let labellings = all.iter().map(|scored| Labelling {
        scored,
        labels: &labels,
        versions: &versions,
    });
    ledger.set_labels(&labellings.collect::<Vec<_>>()).unwrap();
    prune(&mut ledger, 50, 4, |_| false);
    assert_eq!(ledger.labelled(0).unwrap().len(), 10);
    assert_eq!(ledger.with_labels().unwrap().len(), 10);
}

#[test]
fn what_is_pruned_gives_its_room_back() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let (record, mut done) = failed("bad", "y", 1);
    done.message = Some("x".repeat(1000));
    ledger.commit(&vec![(record, done); 5000]).unwrap();
    let pages = |ledger: &Ledger| {
        let count = |pragma| ledger.db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        (count("page_count").unwrap(), count("freelist_count").unwrap())
    };
    let (before, _) = pages(&ledger);
    prune(&mut ledger, 50, 500, |_| false);
    let (after, free) = pages(&ledger);
    assert!(before > 1250 && after < 300 && free <= 256, "{before} {after} {free}");
}
