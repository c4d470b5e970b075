//! Ledgers of older versions, and what they didn't know.

use super::*;
use crate::score::{Identity, Spelling};
use crate::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Shape, Share};

#[expect(clippy::disallowed_methods, reason = "a folder of the test's own")]
fn with_ledger(bytes: &[u8]) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("ledger.db"), bytes).unwrap();
    let refused = Ledger::read(state.path()).err().unwrap().to_string();
    assert!(refused.contains("older version"), "{refused}");
    state
}

fn default_shape() -> Shape {
    Shape {
        encoding: Encoding::UTF_8,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::parse("10").unwrap()),
        columns: Columns::Prediction,
        probabilities: false,
        ..Shape::FROZEN
    }
}

/// One input scored, one failed.
#[test]
fn reads_a_ledger_of_schema_1() {
    let state = with_ledger(include_bytes!("../../../tests/fixtures/ledger-schema-1.db"));
    let ledger = Ledger::open(state.path()).unwrap();
    let good = ledger.record(&name("good.csv")).unwrap().unwrap();
    let done = ledger.history(&of(&name("good.csv"))).unwrap().remove(0);
    assert!(good.input_hash.is_some() && good.input_hash == done.summary.input_hash.map(HalfHash::from));
    assert_eq!(
        *good.recipe.made_by,
        format!("bench/1@{}", done.artifact.clone().unwrap())
    );
    assert_eq!(done.recipe.made_by, good.recipe.made_by);
    assert_eq!((good.recipe.shape.len(), good.recipe.output_format), (16, 1));
    assert_eq!((good.fingerprint.size, good.problem), (51, None));
    assert_eq!(good.first_seen, done.at);
    let bad = ledger.record(&name("bad.csv")).unwrap().unwrap();
    assert_eq!((bad.input_hash, bad.problem.as_deref()), (None, Some("no_such_column")));
    assert_eq!(bad.recipe, good.recipe);
    drop(ledger);

    let ledger = Ledger::read(state.path()).unwrap().unwrap();
    ledger.make_stale().unwrap();
    let stale = ledger.record(&name("good.csv")).unwrap().unwrap();
    assert_eq!(stale.recipe.output_format, 0);
}

/// Two inputs scored, one of them with other settings, one failed.
#[test]
fn reads_a_ledger_of_schema_2() {
    let state = with_ledger(include_bytes!("../../../tests/fixtures/ledger-schema-2.db"));
    let ledger = Ledger::open(state.path()).unwrap();
    let records = [name("good.csv"), name("all.csv"), name("bad.csv")];
    let records = || ledger.records(&records).unwrap().into_iter().map(Option::unwrap);
    let model = format!("lines/1@{ARTIFACT}");
    let settings = |record: Record| (record.recipe.made_by.to_string(), record.recipe.shape.to_string());
    let before: Vec<_> = records().map(settings).collect();
    let expected = ["887b5de8007d6051", "6a3b58fc2b60c25a", "887b5de8007d6051"].map(|s| (model.clone(), s.into()));
    assert_eq!(before, expected);
    assert_eq!(
        records().map(|r| r.verdict).collect::<Vec<_>>(),
        [Verdict::Publish, Verdict::Publish, Verdict::Fail]
    );
    assert_eq!(ledger.failed().unwrap(), [name("bad.csv")]);
    let done = ledger.history(&of(&name("good.csv"))).unwrap().remove(0);
    assert_eq!(
        (done.recipe.model(), done.artifact.as_deref()),
        ("lines/1", Some(ARTIFACT))
    );
    assert_eq!(
        ledger.output_hash(&name("good.csv")).unwrap(),
        done.summary.output_hash.map(HalfHash::from)
    );
    assert_eq!(ledger.output_hash(&name("bad.csv")).unwrap(), None);

    let shape = Shape {
        columns: Columns::All,
        ..default_shape()
    };
    ledger.stamp_shape(&shape).unwrap();
    let stamped: Vec<_> = records().map(settings).collect();
    assert_eq!(stamped[0], before[0]);
    assert_eq!(stamped[1], (model, "columns = all\n".into()));
}

fn lines_1() -> (Former, Identity) {
    let former = Former {
        group: "lines".into(),
        version: 1,
        artifact: ARTIFACT.into(),
    };
    let identity = Identity {
        group: "lines".into(),
        version: 1,
        manifest: "m".into(),
        artifact: ARTIFACT.into(),
    };
    (former, identity)
}

/// Who made each result of the ledger of schema 2, after it was stamped with a version that was registered at `since`.
fn made_by(since: Option<i64>) -> (Ledger, [String; 3], tempfile::TempDir) {
    let state = with_ledger(include_bytes!("../../../tests/fixtures/ledger-schema-2.db"));
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger.stamp_shape(&default_shape()).unwrap();
    let (former, identity) = lines_1();
    assert_eq!(ledger.former().unwrap(), std::slice::from_ref(&former));
    ledger.stamp(&former, since.map(|since| (&identity, since))).unwrap();
    assert_eq!(ledger.former().unwrap(), []);
    let of = |input| ledger.record(&name(input)).unwrap().unwrap().recipe.made_by.to_string();
    let made_by = ["good.csv", "all.csv", "bad.csv"].map(of);
    (ledger, made_by, state)
}

#[test]
fn what_fits_a_version_is_stamped_once() {
    let known = "lines/1@m".to_string();
    let unknown = format!("lines/1@?{ARTIFACT}");
    let (_, all, _state) = made_by(Some(0));
    assert_eq!(all, [&known, &known, &known].map(String::clone));

    // Nothing fits, and nothing will: a version that comes later is another one.
    let (mut ledger, none, _state) = made_by(None);
    assert_eq!(none, [&unknown, &unknown, &unknown].map(String::clone));
    let (former, identity) = lines_1();
    ledger.stamp(&former, Some((&identity, 0))).unwrap();
    assert_eq!(
        *ledger.record(&name("good.csv")).unwrap().unwrap().recipe.made_by,
        *unknown
    );
    let history = ledger.history(&Wanted::default()).unwrap();
    assert!(history.iter().all(|done| done.recipe.model() == "lines/1"));
    assert!(history.iter().all(|done| done.artifact.as_deref() == Some(ARTIFACT)));

    // Registered after the first of them was made.
    let mut at: Vec<i64> = history.iter().map(|done| done.at).collect();
    at.sort_unstable();
    let (ledger, some, _state) = made_by(Some(at[0] + 1));
    let by = |at: i64, first: i64| if at > first { &known } else { &unknown };
    for done in ledger.history(&Wanted::default()).unwrap() {
        let record = ledger.record(&done.input).unwrap().unwrap().recipe;
        assert_eq!(
            (&*record.made_by, &*done.recipe.made_by),
            (by(done.at, at[0]).as_str(), by(done.at, at[0]).as_str())
        );
        assert_ne!(
            (record.shape.len(), record.output_format),
            (0, 0),
            "its settings stay known"
        );
    }
    assert!(some.contains(&known) && some.contains(&unknown));
}

/// One input scored, and for a shadow, too; one failed.
#[test]
fn reads_a_ledger_of_schema_3_and_has_what_shadows_made_made_again() {
    let state = with_ledger(include_bytes!("../../../tests/fixtures/ledger-schema-3.db"));
    let ledger = Ledger::open(state.path()).unwrap();
    let [good, bad] = ["X_test.csv", "bad.csv"].map(|input| ledger.record(&name(input)).unwrap().unwrap());
    assert_eq!(good.recipe.model(), "diabetes/1");
    assert_eq!((good.phase, bad.problem.as_deref()), (None, Some("no_such_column")));
    assert_eq!(ledger.history(&of(&name("X_test.csv"))).unwrap().len(), 1);
    assert_eq!(ledger.count_trials("rounded").unwrap(), [0; 3]);
    drop(ledger);
    assert!(Ledger::open(state.path()).is_ok());
}
