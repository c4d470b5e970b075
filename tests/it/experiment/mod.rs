//! Versions on trial: shadows.

mod report;

use crate::schema::assert_valid;
use crate::spool::{Ran, Spool, wait_until};
use std::fs;

/// With `2 x + 1` approved, and `3 x` registered as version 2.
fn spool() -> Spool {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    spool
}

fn start(spool: &Spool, flags: &[&str]) -> Ran {
    spool.run(&[&["experiment", "start", "trial", "--shadow", "2"], flags].concat())
}

fn shadow(spool: &Spool, name: &str) -> Option<String> {
    fs::read_to_string(spool.path(format!("spool/shadow/trial/{name}.out"))).ok()
}

#[test]
fn a_shadow_scores_what_comes_and_changes_no_output() {
    let spool = spool();
    spool.drop_file("before.csv", "x\n1\n");
    spool.once().exits(0);
    let made = fs::metadata(spool.path("output/before.csv.out"))
        .unwrap()
        .modified()
        .unwrap();
    start(&spool, &["--key", "id"]).exits(0).says("answers none");
    let text = "id,x,note\na,1,\n\"b,c\",2,\"two\nlines\"\nd,oops,\n,4,\n";
    spool.drop_file("new.csv", text);
    spool.once().exits(0);

    assert_eq!(spool.output("new.csv").unwrap(), "prediction\n3.0\n5.0\n\"\"\n9.0\n");
    let expected =
        "line,key,champion.prediction,shadow.prediction\n2,a,3.0,3.0\n3,\"b,c\",5.0,6.0\n5,d,,\n6,,9.0,12.0\n";
    assert_eq!(shadow(&spool, "new.csv").unwrap(), expected);
    // What was there before isn't its, and isn't made again.
    assert_eq!(shadow(&spool, "before.csv"), None);
    assert_eq!(
        fs::metadata(spool.path("output/before.csv.out"))
            .unwrap()
            .modified()
            .unwrap(),
        made
    );
    assert_eq!(spool.names("output"), ["before.csv.out", "new.csv.out"]);
    spool
        .run(&["experiment", "list"])
        .exits(0)
        .says("running")
        .says("1 file");
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_valid("status", &status);
    assert_eq!(
        (&status["experiments"][0]["name"], &status["experiments"][0]["version"]),
        (&"trial".into(), &2.into())
    );
    spool.run(&["status"]).exits(0).says("trial: version 2 as a shadow");
}

#[test]
fn with_backfill_it_scores_what_was_there_and_nothing_is_made_again() {
    let spool = spool();
    spool.drop_file("before.csv", "x\n1\n");
    spool.once().exits(0);
    let output = spool.path("output/before.csv.out");
    let made = fs::metadata(&output).unwrap().modified().unwrap();
    start(&spool, &["--backfill"]).exits(0);
    spool.once().exits(0);
    assert_eq!(
        shadow(&spool, "before.csv").unwrap(),
        "line,key,champion.prediction,shadow.prediction\n2,,3.0,3.0\n"
    );
    assert_eq!(fs::metadata(&output).unwrap().modified().unwrap(), made);
    let transformations = spool
        .run(&["history", "before.csv", "--json"])
        .exits(0)
        .stdout
        .lines()
        .count();

    // Once: nothing is due any more; a file of it that went is made again.
    let file = spool.path("spool/shadow/trial/before.csv.out");
    let first = fs::metadata(&file).unwrap().modified().unwrap();
    spool.once().exits(0);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), first);
    fs::remove_file(file).unwrap();
    spool.once().exits(0);
    assert!(shadow(&spool, "before.csv").is_some());
    let again = spool
        .run(&["history", "before.csv", "--json"])
        .exits(0)
        .stdout
        .lines()
        .count();
    assert_eq!(again, transformations);
}

/// It takes a column of another type, one more, and a missing value; all by its own rules.
#[test]
fn a_shadow_reads_its_columns_by_its_own_rules() {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    let model = r#"{"inputs":[{"name":"x","missing":{"fill":100}},{"name":"city","categories":["Lima","Oslo"],"missing":"refuse","unknown":"refuse"}],
      "terms":[{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":1},
               {"name":"Oslo","factors":[{"input":"city","category":"Oslo"}],"mean":0,"scale":1,"coefficient":1000}],
      "intercept":0,"output":"number"}"#;
    fs::write(spool.path("m.json"), model).unwrap();
    spool.register_file("m.json", "pipeline", &[]).exits(0);
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "city,x\nOslo,1\nLima,\nParis,2\n\"Oslo\",oops\nOslo\n");
    spool.drop_file("none.csv", "x\n1\n");
    spool.once().exits(0);
    let expected = "line,key,champion.prediction,shadow.prediction\n2,,3.0,1001.0\n3,,,100.0\n4,,5.0,\n5,,,\n6,,,\n";
    assert_eq!(shadow(&spool, "a.csv").unwrap(), expected);
    // Without its column it scores nothing, and that is nobody's fault but its own.
    assert_eq!(spool.output("none.csv").unwrap(), "prediction\n3.0\n");
    assert_eq!(shadow(&spool, "none.csv"), None);
    spool
        .run(&["experiment", "list"])
        .exits(0)
        .says("1 file, 1 that it can't score");
    // It isn't tried again and again.
    let again = spool.once().exits(0);
    assert!(!again.stderr.contains("can't score it"), "{again:?}");
}

#[test]
fn lines_and_rows_of_a_large_file_are_as_they_stand() {
    let spool = spool();
    start(&spool, &["--key", "id"]).exits(0);
    let rows = 200_000;
    let text: String = (0..rows).map(|i| format!("k{i},{i}\n")).collect();
    spool.drop_file("large.csv", format!("id,x\n{text}"));
    spool.once().exits(0);
    let made = shadow(&spool, "large.csv").unwrap();
    let mut lines = made.lines().skip(1);
    for i in 0..rows {
        let expected = format!("{},k{i},{:?},{:?}", i + 2, 2.0 * i as f64 + 1.0, 3.0 * i as f64);
        assert_eq!(lines.next().unwrap(), expected);
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_damaged_shadow_stops_nobody() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    let artifact = spool.path("models/lines/2/linear.json");
    fs::remove_file(&artifact).unwrap();
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0).says("a shadow can't be used");
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\n");
    assert_eq!(shadow(&spool, "a.csv"), None);
    // So does an experiment that can't be read.
    fs::write(
        spool.path("models/lines/experiments/trial.toml"),
        "format_version = 9\n",
    )
    .unwrap();
    spool.drop_file("b.csv", "x\n1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("b.csv").unwrap(), "prediction\n3.0\n");
}

/// A folder that can't be written, or a full disk.
#[test]
fn a_shadow_that_cant_be_written_costs_no_output() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    fs::create_dir(spool.path("spool")).unwrap();
    fs::write(spool.path("spool/shadow"), "in the way").unwrap();
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0).says("can't be written");
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\n");
    fs::remove_file(spool.path("spool/shadow")).unwrap();
    spool.once().exits(0);
    assert!(shadow(&spool, "a.csv").is_some());
}

#[test]
fn an_approval_ends_an_experiment_by_name() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    spool
        .run(&["models", "approve", "2"])
        .exits(0)
        .says("this ends experiment trial");
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\n");
    assert_eq!(shadow(&spool, "a.csv"), None);
    spool.run(&["experiment", "list"]).exits(0).says("ended");
    start(&spool, &[]).exits(64).says("the one that answers");
}

#[test]
fn a_running_worker_takes_a_shadow_up_and_lets_it_go() {
    let spool = spool();
    let daemon = spool.daemon();
    start(&spool, &[]).exits(0);
    daemon.logs("a shadow scores, too");
    spool.drop_file("a.csv", "x\n1\n");
    wait_until("it is scored", || shadow(&spool, "a.csv").is_some());
    spool
        .run(&["experiment", "stop", "trial", "--reason", "seen enough", "--purge"])
        .exits(0);
    assert!(!spool.path("spool/shadow/trial").exists());
    spool
        .run(&["experiment", "stop", "trial"])
        .exits(64)
        .says("stopped already");
    start(&spool, &[]).exits(64).says("take another name");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_cant_be_compared_is_refused_by_name() {
    let spool = spool();
    let classes = r#"{"inputs":[{"name":"x","missing":"refuse"}],"terms":[{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":1}],
      "intercept":0,"output":{"classes":["no","yes"],"threshold":0.5}}"#;
    fs::write(spool.path("c.json"), classes).unwrap();
    spool.register_file("c.json", "pipeline", &[]).exits(0);
    let of = |version: &str| spool.run(&["experiment", "start", "trial", "--shadow", version]);
    of("3")
        .exits(64)
        .says("one gives classes, the other numbers")
        .says("lines/1");
    of("1").exits(64).says("is the one that answers");
    of("7").exits(64).says("no version 7");
    spool.reject(2);
    of("2").exits(64).says("was rejected");
    spool
        .run(&["experiment", "start", "../x", "--shadow", "2"])
        .exits(64)
        .says("can't be the name");
    spool
        .run(&["experiment", "stop", "other"])
        .exits(64)
        .says("there is no experiment");
}

#[test]
fn a_version_on_trial_isnt_retired() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    let of_next = spool.register_line(4.0, 0.0);
    assert_eq!(of_next, 3);
    spool
        .run(&["models", "retire", "2"])
        .exits(64)
        .says("experiment trial tries it");
    spool.run(&["experiment", "stop", "trial"]).exits(0);
    spool.run(&["models", "retire", "2"]).exits(0);
    let shown = spool.run(&["models", "show", "2"]).exits(0);
    shown
        .says("trial: version 2 as a shadow beside version 1")
        .says("stop 20");
    let again = spool.run(&["experiment", "start", "again", "--shadow", "2"]);
    again.exits(64).says("retired");
}

/// It went on scoring, and nobody said so.
#[test]
fn a_rejection_ends_what_tries_the_version() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    spool
        .run(&["models", "reject", "2"])
        .exits(0)
        .says("this ends experiment trial, which tried it");
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0);
    assert_eq!(shadow(&spool, "a.csv"), None);
    spool.run(&["experiment", "list"]).exits(0).says("ended");
}

/// A key of another name was silent for ever.
#[test]
fn inputs_without_the_key_are_said_and_counted() {
    let spool = spool();
    start(&spool, &["--key", "iid"]).exits(0);
    spool.drop_file("a.csv", "id,x\n1,1\n");
    spool
        .once()
        .exits(0)
        .says("hasn't the experiment's key")
        .says("1 scored for experiments");
    spool
        .run(&["experiment", "list"])
        .exits(0)
        .says("1 file, 1 of them without \"iid\"");
    spool
        .run(&["experiment", "report", "trial"])
        .exits(0)
        .says("1 file without the key \"iid\"");
}

/// All others stopped, too, and an approval that stood exited with an error.
#[test]
fn one_experiment_that_cant_be_read_stops_no_other() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    let folder = spool.path("models/lines/experiments");
    fs::write(folder.join("broken.toml"), "name = \"broken\"\n").unwrap();
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0).says("broken.toml");
    assert!(shadow(&spool, "a.csv").is_some());
    spool
        .run(&["experiment", "list"])
        .exits(0)
        .says("NOT OK")
        .says("running");
    spool.run(&["status"]).exits(0).says("broken.toml");
    spool
        .run(&["models", "approve", "2"])
        .exits(0)
        .says("this ends experiment trial");
}

/// The key stood where the counter's first column should: a segment that was there counted as missing, and its file was held.
#[test]
fn a_key_of_a_trial_leaves_what_is_watched_alone() {
    let spool = crate::monitor::hold::watched()
        .set("monitor.segments=[\"city\"]")
        .set("monitor.key=id");
    fs::write(spool.path("m2.json"), fs::read(spool.path("m.json")).unwrap()).unwrap();
    spool.register_file("m2.json", "pipeline", &[]).exits(0);
    spool.once().exits(0);
    let text = |from: usize| {
        let row = |i: usize| match i % 100 {
            0 => format!(",{},{}\n", ["Lima", "Oslo"][i / 100 % 2], from + i),
            _ => format!("{},{},{}\n", i * 37 % 100, ["Lima", "Oslo"][i % 2], from + i),
        };
        "a,city,id\n".to_string() + &(0..1_000).map(row).collect::<String>()
    };
    spool.drop_file("before.csv", text(0));
    spool.once().exits(0);
    start(&spool, &["--key", "nope"]).exits(0);
    spool.drop_file("after.csv", text(5_000));
    spool.once().exits(0);
    assert!(spool.output("after.csv").is_some());
    let counted = |name: &str| spool.run(&["monitor", "check", name, "--json"]).exits(0).json()["checks"].clone();
    assert_eq!(counted("input/before.csv"), counted("input/after.csv"));
}

/// `a b` is `a_b` to models that can't have spaces, unless they have that column, too.
#[test]
fn a_shadow_takes_no_field_that_it_would_refuse_alone() {
    let spool = Spool::without_model();
    let line = |features: &str, coefficients: &str| {
        format!(r#"{{"features":{features},"coefficients":{coefficients},"intercept":0}}"#)
    };
    let one = spool.register(&line(r#"["a b"]"#, "[2]"));
    spool.approve(one);
    spool.register(&line(r#"["a b","a_b"]"#, "[1,10]"));
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "a b\n1\n2\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n2.0\n4.0\n");
    assert_eq!(shadow(&spool, "a.csv"), None);
    spool
        .run(&["experiment", "list"])
        .exits(0)
        .says("1 that it can't score");
}

/// It took the champion's names for its own.
#[test]
fn without_a_header_a_shadow_takes_columns_by_position() {
    let spool = Spool::without_model();
    let line = |features: &str| format!(r#"{{"features":{features},"coefficients":[1,10],"intercept":0}}"#);
    let one = spool.register(&line(r#"["a","b"]"#));
    spool.approve(one);
    spool.register(&line(r#"["b","a"]"#));
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "1,2\n");
    spool.once().exits(0);
    let expected = "line,key,champion.prediction,shadow.prediction\n1,,21.0,21.0\n";
    assert_eq!(shadow(&spool, "a.csv").unwrap(), expected);
}
