use super::results::{FAILED, FOUND, REPORTED};
use super::*;
use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::score::Identity;
use crate::score::Spelling;
use crate::spool::{Fingerprint, Name};
use crate::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Shape, Share, Summary, Verdict};
use std::path::Path;
use std::sync::Arc;

const ARTIFACT: &str = "a5ad6fda30434c7bf2ae51c6aac1257c86cfca3136c1d03d091d76711ad61c9f";

fn name(text: &str) -> Name {
    Name::new(text.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a folder of the test's own")]
fn with_ledger(bytes: &[u8]) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("ledger.db"), bytes).unwrap();
    let refused = Ledger::read(state.path()).err().unwrap().to_string();
    assert!(refused.contains("older version"), "{refused}");
    state
}

fn recipe(made_by: &str) -> Recipe {
    Recipe {
        made_by: made_by.into(),
        shape: "".into(),
        output_format: 1,
    }
}

/// Of an input whose contents are `contents`.
fn scored(input: &str, contents: &str, at: i64) -> (Record, Transformation) {
    let record = Record {
        fingerprint: Fingerprint {
            size: contents.len() as u64,
            mtime: at,
            ctime: None,
        },
        racy: false,
        input_hash: Some(blake3::hash(contents.as_bytes()).into()),
        recipe: recipe("lines/1@m"),
        published: 50,
        problem: None,
        verdict: Verdict::Publish,
        first_seen: at,
        phase: None,
        taken: Taken::default(),
    };
    let done = Transformation {
        number: None,
        input: name(input),
        at,
        micros: 7,
        recipe: record.recipe.clone(),
        artifact: Some(ARTIFACT.into()),
        summary: Summary {
            rows: 1,
            input_hash: Some(blake3::hash(contents.as_bytes())),
            output_hash: Some(blake3::hash(b"output")),
            ..Summary::default()
        },
        verdict: Verdict::Publish,
        phase: None,
        problem: None,
        message: None,
    };
    (record, done)
}

fn failed(input: &str, contents: &str, at: i64) -> (Record, Transformation) {
    let (mut record, mut done) = scored(input, contents, at);
    record.input_hash = None;
    record.problem = Some("no_such_column".into());
    record.verdict = Verdict::Fail;
    done.summary = Summary::default();
    done.problem = record.problem.clone();
    done.verdict = Verdict::Fail;
    (record, done)
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
    }
}

fn of(input: &Name) -> Wanted<'_> {
    Wanted {
        input: Some(input),
        ..Wanted::default()
    }
}

/// One input scored, one failed.
#[test]
fn reads_a_ledger_of_schema_1() {
    let state = with_ledger(include_bytes!("../../tests/fixtures/ledger-schema-1.db"));
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
    let state = with_ledger(include_bytes!("../../tests/fixtures/ledger-schema-2.db"));
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
    let state = with_ledger(include_bytes!("../../tests/fixtures/ledger-schema-2.db"));
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

#[test]
fn an_unreadable_ledger_is_not_an_absent_one() {
    let state = tempfile::tempdir().unwrap();
    assert!(Ledger::read(state.path()).unwrap().is_none());
    assert!(Ledger::read(&state.path().join("not made yet")).unwrap().is_none());
    std::os::unix::fs::symlink("ledger.db", state.path().join("ledger.db")).unwrap();
    assert!(Ledger::read(state.path()).is_err());
    assert!(Ledger::read(Path::new("/proc/self/exe")).is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what a killed worker left")]
fn a_ledger_is_made_whole_or_not_at_all() {
    let state = tempfile::tempdir().unwrap();
    for left in ["ledger.db.tmp", "ledger.db.tmp-journal"] {
        std::fs::write(state.path().join(left), "half").unwrap();
    }
    assert!(Ledger::read(state.path()).unwrap().is_none());
    let instance = Ledger::open(state.path()).unwrap().instance().unwrap();
    assert_eq!(Ledger::open(state.path()).unwrap().instance().unwrap(), instance);
    let mode: String = {
        let ledger = Ledger::read(state.path()).unwrap().unwrap();
        ledger
            .db
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(
        (mode.as_str(), std::fs::read_dir(state.path()).unwrap().count()),
        ("wal", 1)
    );
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
        let insert = "INSERT INTO counts VALUES (NULL, ?1, 'lines/1@m', x'', ?1, 1, x'')";
        ledger.execute(insert, [first_seen]).unwrap();
    }
    prune(&mut ledger, 50, 8, |_| false);
    let left: Result<Vec<i64>> = ledger.select("SELECT first_seen FROM counts ORDER BY first_seen", [], |row| {
        row.get(0)
    });
    assert_eq!(left.unwrap(), (50..100).collect::<Vec<_>>());
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

#[test]
fn failures_are_found_by_an_index() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path()).unwrap();
    let plan: Vec<String> = ledger
        .select(
            &format!("EXPLAIN QUERY PLAN {}", failures::select("verdict > 0")),
            [],
            |row| row.get(3),
        )
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
    assert_eq!(ledger.without_sha256(None).unwrap(), [(name("a"), half)]);
    assert_eq!(ledger.without_sha256(Some(&name("b"))).unwrap(), []);
    assert!(found(&ledger, by([7; 32])).is_empty());
    ledger
        .set_sha256(&name("a"), blake3::hash(b"line/1@m"), Sha256Sum([7; 32]))
        .unwrap();
    assert_eq!(found(&ledger, by([7; 32])), [2]);
    assert_eq!(ledger.without_sha256(None).unwrap(), []);
}

/// `since` was that of the last try.
#[test]
fn a_fault_that_goes_on_keeps_its_first_time() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let fault = |at| Fault {
        input: name("a"),
        code: "io".into(),
        message: String::new(),
        tries: at as u32,
        since: at,
        last: at,
        retry_at: Some(at + 1),
    };
    for at in [1, 2, 3] {
        ledger.set_fault(&fault(at)).unwrap();
    }
    assert_eq!(ledger.faults().unwrap(), [Fault { since: 1, ..fault(3) }]);
    ledger.clear_fault(&name("a")).unwrap();
    ledger.set_fault(&fault(4)).unwrap();
    assert_eq!(ledger.faults().unwrap(), [fault(4)]);
}
