//! What a report says of a shadow.

use super::{spool, start};
use crate::spool::Spool;
use std::fs;

/// Of `rows` keys, what both say, and labels that the version on trial foresees.
fn labelled(rows: usize) -> Spool {
    let spool = spool();
    start(&spool, &["--key", "id"]).exits(0);
    let row = |i: usize| format!("c{i},{}\n", i % 50);
    spool.drop_file(
        "a.csv",
        "id,x\n".to_string() + &(0..rows).map(row).collect::<String>() + "bad,oops\n",
    );
    spool.once().exits(0);
    let label = |i: usize| format!("c{i},{}\n", 3 * (i % 50));
    let labels = "id,late\n".to_string() + &(0..rows).map(label).collect::<String>() + "nobody,1\nc0,\n";
    fs::write(spool.path("labels.csv"), labels).unwrap();
    spool
}

#[test]
fn a_report_says_how_they_differ_and_with_labels_which_is_better() {
    let spool = labelled(400);
    let report = |flags: &[&str]| {
        spool
            .run(&[&["experiment", "report", "trial"], flags].concat())
            .exits(0)
    };
    report(&[])
        .says("lines/2 differs from lines/1")
        .says("1 row scored by neither")
        .says("MOST DIFFERENT");
    let json = report(&["--json"]).json();
    assert_eq!(
        (&json["verdict"], &json["files"]),
        (&serde_json::Value::Null, &1.into())
    );
    let difference = &json["difference"];
    assert_eq!(
        (&difference["rows"], &difference["both"], &difference["neither"]),
        (&401.into(), &400.into(), &1.into())
    );
    // 3 x - (2 x + 1), of 0 to 49.
    assert_eq!(difference["columns"][0]["mean"], 23.5);
    assert_eq!(
        (
            &difference["most_different"][0]["line"],
            &difference["most_different"][0]["key"]
        ),
        (&51.into(), &"c49".into())
    );

    let labels = ["--labels", "labels.csv"];
    report(&labels)
        .says("lines/2 is better than lines/1")
        .says("400 labels of rows that both scored");
    let json = report(&["--labels", "labels.csv", "--json"]).json();
    assert_eq!(
        (
            &json["verdict"],
            &json["paired"][0]["keys"],
            &json["paired"][0]["shadow"]
        ),
        (&"better".into(), &400.into(), &0.0.into())
    );
    report(&["--labels", "labels.csv", "--html", "report.html"]).says("report.html");
    let page = fs::read_to_string(spool.path("report.html")).unwrap();
    assert!(page.contains("lines/2 is better than lines/1") && !page.contains("<script"));

    // What isn't what it made isn't counted without a word.
    let made = spool.path("spool/shadow/trial/a.csv.out");
    let text = fs::read_to_string(&made).unwrap();
    fs::write(&made, &text[..text.len() - 10]).unwrap();
    report(&[]).says("1 file left out").says("scored no file together yet");
    // Nor in part.
    spool.drop_file("b.csv", "id,x\nd1,1\nd2,2\n");
    spool.once().exits(0);
    fs::write(&made, text.replacen("\n402,", "\n40x,", 1)).unwrap();
    let json = report(&["--json"]).json();
    assert_eq!((&json["files"], &json["difference"]["rows"]), (&1.into(), &2.into()));
    let notes = json["notes"].to_string();
    assert!(
        notes.contains("1 file left out: a.csv (its file went, or was changed)"),
        "{notes}"
    );
}

#[test]
fn that_two_say_the_same_is_said() {
    let spool = Spool::new();
    spool.register_line(2.0, 1.0);
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "x\n1\n2\n");
    spool.once().exits(0);
    let report = spool.run(&["experiment", "report", "trial"]).exits(0);
    report.says("lines/2 says the same as lines/1 in 2 rows");
}

#[test]
fn a_few_labels_are_no_evidence() {
    let spool = labelled(60);
    let report =
        |flags: &[&str]| spool.run(&[&["experiment", "report", "trial", "--labels", "labels.csv"], flags].concat());
    report(&[]).exits(0).says("can't be told yet");
    report(&["--target", "other"]).exits(64).says("no column \"other\"");
    report(&["--margin=-1"]).exits(64).says("0 or above");
    spool.run(&["experiment", "start", "other", "--shadow", "2"]).exits(0);
    spool
        .run(&["experiment", "report", "other", "--labels", "labels.csv"])
        .exits(64)
        .says("start one with --key COLUMN");
    spool
        .run(&["experiment", "report", "other"])
        .exits(0)
        .says("scored no file together yet");
}

#[test]
fn a_report_says_how_it_stands_and_by_whom() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0);
    spool
        .run(&["experiment", "report", "trial"])
        .exits(0)
        .says("UTC, running");
    let stop = ["experiment", "stop", "trial", "--reason", "seen enough"];
    spool.run(&stop).exits(0);
    spool
        .run(&["experiment", "report", "trial"])
        .exits(0)
        .says(": seen enough");
    let nowhere = spool.run(&["experiment", "report", "trial", "--html", "no/page.html"]);
    nowhere.exits(64).says("no/page.html: can't write it");
}

/// It was better, by the rows in which it was finite.
#[test]
fn a_shadow_that_is_infinite_in_half_its_rows_isnt_better() {
    let spool = Spool::new();
    spool.register(r#"{"features":["x","w"],"coefficients":[3,1e300],"intercept":0}"#);
    start(&spool, &["--key", "id"]).exits(0);
    let row = |i: usize| format!("c{i},{},{}\n", i % 50, if i.is_multiple_of(2) { "0" } else { "1e10" });
    spool.drop_file("a.csv", "id,x,w\n".to_string() + &(0..400).map(row).collect::<String>());
    spool.once().exits(0);
    let label = |i: usize| format!("c{i},{}\n", 3 * (i % 50));
    fs::write(
        spool.path("labels.csv"),
        "id,late\n".to_string() + &(0..400).map(label).collect::<String>(),
    )
    .unwrap();
    let report = |flags: &[&str]| {
        spool
            .run(&[&["experiment", "report", "trial"], flags].concat())
            .exits(0)
    };
    report(&[]).says("in 200 rows a value isn't finite");
    let labelled = ["--labels", "labels.csv"];
    report(&labelled).says("can't be told: the loss of lines/2 alone is no finite number in 200 rows");
}

/// Its rows before were counted still, and a renamed file's twice.
#[test]
fn a_report_counts_each_contents_once_and_none_that_are_gone() {
    let spool = spool();
    start(&spool, &[]).exits(0);
    spool.drop_file("a.csv", "x\n1\n2\n");
    spool.drop_file("b.csv", "x\n3\n");
    spool.once().exits(0);
    fs::rename(spool.path("input/b.csv"), spool.path("input/c.csv")).unwrap();
    spool.drop_file("a.csv", "y\n1\n");
    spool.once().exits(1);
    let report = spool.run(&["experiment", "report", "trial", "--json"]).exits(0).json();
    assert_eq!(
        (&report["files"], &report["difference"]["rows"]),
        (&1.into(), &1.into())
    );
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("a.csv (it was scored before its contents changed)"),
        "{notes}"
    );
    assert!(notes.contains("(it has the contents of another one)"), "{notes}");
}
