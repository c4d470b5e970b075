//! What came true of inputs.

use super::*;
use crate::ledger::{OfOne, Scored};
use crate::monitor::labels::{Label, Labels};
use crate::monitor::performance::Measured;

fn labels(classes: &[&str]) -> Labels {
    let mut labels = Labels::default();
    for (row, class) in classes.iter().enumerate() {
        labels.set(row as u64, Label::Class(class));
    }
    labels
}

fn nothing() -> Measured {
    Measured::nothing(Some(["no", "yes"].map(String::from).to_vec()))
}

fn label(ledger: &mut Ledger, labels: &Labels) {
    let scored = ledger.scored(0).unwrap();
    let of_one = |scored: &Scored| OfOne {
        made_by: scored.made_by.clone(),
        scored: scored.rows,
        measured: nothing(),
    };
    let versions: Vec<[OfOne; 1]> = scored.iter().map(|scored| [of_one(scored)]).collect();
    let labellings = scored.iter().zip(&versions).map(|(scored, versions)| Labelling {
        scored,
        labels,
        versions,
    });
    ledger.set_labels(&labellings.collect::<Vec<_>>()).unwrap();
}

#[test]
fn labels_are_of_an_input_with_the_same_contents() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger
        .commit(&[scored("a", "one", 10), scored("b", "two", 20)])
        .unwrap();
    let newest: Vec<String> = (ledger.scored(0).unwrap().iter())
        .map(|scored| scored.input.to_string())
        .collect();
    assert_eq!(newest, ["b", "a"]);
    assert_eq!(ledger.scored(11).unwrap().len(), 1);
    label(&mut ledger, &labels(&["yes", "no"]));
    let one = ledger.scored(0).unwrap().pop().unwrap();
    assert_eq!(ledger.labels(&one.input, one.input_hash).unwrap().len(), 2);
    // Later ones take their place.
    label(&mut ledger, &labels(&["yes", "no", "no"]));
    assert_eq!(ledger.labels(&one.input, one.input_hash).unwrap().len(), 3);
    assert_eq!(ledger.labelled(0).unwrap().len(), 2);
    // Another input under that name has none; what was labelled stays so.
    ledger.commit(&[scored("a", "three", 30)]).unwrap();
    let three = ledger.scored(0).unwrap().remove(0);
    assert!(ledger.labels(&three.input, three.input_hash).unwrap().is_empty());
    label(&mut ledger, &labels(&["yes"]));
    let labelled = ledger.labelled(0).unwrap();
    let seen: Vec<(String, i64)> = labelled.iter().map(|l| (l.input.to_string(), l.first_seen)).collect();
    assert_eq!(seen, [("a".into(), 10), ("b".into(), 20), ("a".into(), 30)]);
    assert_eq!((&labelled[0].made_by[..], labelled[0].scored), ("lines/1@m", 1));
    assert_eq!(labelled[0].measured, nothing());
    assert_eq!(ledger.labelled(20).unwrap().len(), 2);
    // What is in doubt is nobody's.
    ledger.doubt([&three.input]).unwrap();
    assert_eq!(ledger.scored(0).unwrap().len(), 1);
}
