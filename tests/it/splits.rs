//! Which rows are kept to evaluate on, which columns are no features, and how classes are weighed, through the binary.

use crate::spool::Spool;
use serde_json::Value;
use std::fs;

/// 100 visits of 20 customers on 50 days, ten of them `yes`; the number of a visit and its note say nothing of others.
fn spool() -> Spool {
    let spool = Spool::without_model();
    let mut text = "visit,note,day,customer,a,city,back\n".to_string();
    for i in 0..100 {
        let (month, day) = (1 + i / 2 / 25, 1 + i / 2 % 25);
        let a = f64::from(i * 37 % 101) / 10.0;
        let city = ["Oslo", "Lima", "Rome"][i as usize % 3];
        let back = if i % 10 == 3 { "yes" } else { "no" };
        let customer = (i * 7 + i / 10) % 20;
        text += &format!("{i},note {i},2024-{month:02}-{day:02},{customer},{a},{city},{back}\n");
    }
    fs::write(spool.path("visits.csv"), text).unwrap();
    let pipeline = "[data]\nfile = \"visits.csv\"\ntarget = \"back\"\n[train]\ntrainer = \"logistic\"\nalpha = 1\n";
    fs::write(spool.path("p.toml"), pipeline).unwrap();
    spool
}

fn pipeline(spool: &Spool, version: u32) -> String {
    fs::read_to_string(spool.path(format!("models/lines/{version}/pipeline.toml"))).unwrap()
}

#[test]
fn each_side_has_its_share_of_each_class() {
    let spool = spool();
    let found = spool.train_with(&["--json"]).exits(0).json();
    assert_eq!(
        found["split"],
        "20 of 100 rows, of each class its share, chosen by seed 0"
    );
    let confusion = &found["confusion"];
    let came_true = |names: [&str; 2]| names.iter().map(|name| confusion[name].as_u64().unwrap()).sum::<u64>();
    let of = [came_true(["true_yes", "false_no"]), came_true(["true_no", "false_yes"])];
    assert_eq!(of, [2, 18]);
    assert!(pipeline(&spool, 1).contains("stratified = true"));
    spool
        .train_with(&["--split-stratified=false", "--split-seed", "1", "--dry-run"])
        .exits(0)
        .says("kept to evaluate: 20 of 100 rows, chosen by seed 1");
    spool
        .train_with(&["--last", "30", "--dry-run"])
        .exits(0)
        .says("kept to evaluate: the last 30 of 100 rows");
}

#[test]
fn what_is_evaluated_comes_later_or_is_of_other_groups() {
    let spool = spool();
    let time = ["--split-time", "day", "--share", "0.25"];
    spool
        .train_with(&time)
        .exits(0)
        .says("kept to evaluate: 26 of 100 rows, those from day = 2024-02-13 on");
    let text = pipeline(&spool, 1);
    assert!(
        text.contains("time = \"day\"") && !text.contains("stratified"),
        "{text}"
    );
    let over = ["--search-over", "train.alpha=[0.1, 1.0]", "--search-folds", "3"];
    let found = spool
        .train_with(&[&time[..], &over, &["--json"]].concat())
        .exits(0)
        .json();
    assert_eq!(found["rows"], 26);
    // The column of groups is no feature, unless it is named.
    let group = ["--split-group", "customer"];
    spool
        .train_with(&[&group[..], &over].concat())
        .exits(0)
        .says("rows, those of 4 of 20 groups of customer, chosen by seed 0");
    let inputs = |version: u32| {
        let text = fs::read(spool.path(format!("models/lines/{version}/pipeline.json"))).unwrap();
        let json: Value = serde_json::from_slice(&text).unwrap();
        let inputs = json["inputs"].as_array().unwrap().iter();
        inputs
            .map(|input| input["name"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(inputs(3), ["a", "city"]);
    spool
        .train_with(&[&group[..], &["--features", "a,customer"]].concat())
        .exits(0);
    assert_eq!(inputs(4), ["a", "customer"]);
    // Each is trained again from what stands with it.
    let again = spool.path("models/lines/3/pipeline.toml");
    spool
        .run(&["train", again.to_str().unwrap()])
        .exits(0)
        .says("those of 4 of 20 groups of customer");
    spool.run(&["models", "diff", "3", "5"]).exits(0).says("the same");
    for (flags, words) in [
        (
            &["--split-time", "city"][..],
            "row 1 (without the header) has \"Oslo\", which is neither a number nor a date",
        ),
        (&["--split-time", "dya"], "no column \"dya\", which the split goes by"),
        (&["--split-group", "back"], "split.group = \"back\" is the target"),
        (
            &["--split-group", "customer", "--last", "3"],
            "it doesn't go with split.last",
        ),
        (
            &[
                "--split-group",
                "customer",
                "--search-over",
                "train.alpha=[1]",
                "--search-folds",
                "17",
            ],
            "search.folds = 17, but there are 16 groups of training rows",
        ),
    ] {
        spool.train_with(flags).exits(64).says(words);
    }
}

#[test]
fn a_faulty_time_is_told_not_the_first_number() {
    let spool = spool();
    let with = |time: &dyn Fn(i32) -> String| {
        let rows = (0..40).map(|i| {
            format!(
                "{},{},{}\n",
                time(i),
                i * 37 % 101,
                if i % 3 == 0 { "yes" } else { "no" }
            )
        });
        fs::write(
            spool.path("visits.csv"),
            format!("at,a,back\n{}", rows.collect::<String>()),
        )
        .unwrap();
        spool.train_with(&["--split-time", "at", "--dry-run"])
    };
    with(&|i| if i == 20 { "soon".into() } else { i.to_string() })
        .exits(64)
        .says("row 21 (without the header) has \"soon\", which is neither a number nor a date");
    let date = |i| format!("2024-01-{:02}", 1 + i % 28);
    with(&|i| if i == 5 { "45000".into() } else { date(i) })
        .exits(64)
        .says("row 6 (without the header) has \"45000\", which is a number where others are dates");
    // What is written for never is later than all.
    with(&|i| if i < 10 { "9999-12-31".into() } else { date(i) })
        .exits(0)
        .says("those from at = 9999-12-31 on");
}

/// The version lacks those columns, and producers' files may have them all the same.
#[test]
fn what_names_a_row_is_no_feature() {
    let spool = spool();
    spool.train_with(&[])
        .exits(0)
        .says("warning: \"visit\" is left out: it is a running number: 100 different whole numbers from 0 to 99; name it in data.features")
        .says("warning: \"note\" is left out: 100 of its 100 texts are different, as ids and free texts are")
        .says("warning: \"day\" is left out: it has dates, which don't come again");
    spool.approve(1);
    let head = "visit,note,day,customer,a,city\n";
    spool.drop_file("x.csv", format!("{head}900,other,2025-01-01,7,1.5,Lima\n"));
    spool.drop_file("y.csv", "customer,a,city\n7,1.5,Lima\n");
    spool.once().exits(0);
    assert_eq!(spool.output("x.csv").unwrap(), spool.output("y.csv").unwrap());
    let named = spool.train_with(&["--features", "a,visit,note", "--dry-run"]).exits(64);
    named
        .says("too few rows: 80 training rows for 82 terms")
        .says("\"note\" is in 80 of them, by its 80 categories");
    spool.train_with(&["--features", "a,visit", "--dry-run"]).exits(0);
    // A person has said that it is a category.
    spool
        .train_with(&["--texts", "visit"])
        .exits(64)
        .says("\"visit\" is in 80 of them");
    let rows: String = (0..40)
        .map(|i| format!("{i},s{},{}\n", i / 2, ["no", "yes"][i / 3 % 2]))
        .collect();
    fs::write(spool.path("sessions.csv"), format!("row,session,back\n{rows}")).unwrap();
    let sessions = spool.path("sessions.csv");
    let file = ["--file", sessions.to_str().unwrap()];
    spool
        .train_with(&[&file[..], &["--last", "10"]].concat())
        .exits(0)
        .says("warning: \"session\" has no text in the rows kept to evaluate that training has seen");
    let rows: String = (0..40).map(|i| format!("{i},{}\n", ["no", "yes"][i / 3 % 2])).collect();
    fs::write(&sessions, format!("row,back\n{rows}")).unwrap();
    spool
        .train_with(&file)
        .exits(0)
        .says("warning: \"row\" stays, for there is no other feature, but it is a running number");
}

#[test]
fn rare_classes_can_count_more() {
    let spool = spool();
    let recall = |flags: &[&str]| {
        let json = spool
            .train_with(&[flags, &["--json", "--dry-run"]].concat())
            .exits(0)
            .json();
        json["binary_classification_metrics"]["recall"]["value"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(recall(&[]), 0.0);
    assert!(recall(&["--class-weights", "balanced"]) > 0.0);
    assert_eq!(recall(&["--class-weights", "{yes = 1.0}"]), 0.0);
    assert_eq!(recall(&["--class-weights", "{yes = 1000}"]), 1.0);
    spool
        .train_with(&["--class-weights", "{maybe = 2.0}"])
        .exits(64)
        .says("train.class_weights names \"maybe\", which is no class of the target: they are \"no\", \"yes\"");
    spool
        .train_with(&["--class-weights", "even"])
        .exits(64)
        .says("expected \"balanced\"");
}
