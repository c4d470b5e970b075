//! What labels say of a version: is it worth what it was, and are groups treated alike?

use super::{CLASSES, check, joined, labels, rows, truths, watched};
use crate::spool::Spool;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn a_version_that_is_worth_less_than_on_its_baseline_is_told_of() {
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\"]").set("monitor.key=id");
    fs::write(spool.path("m.json"), CLASSES).unwrap();
    let mut text = "id,a,late\n".to_string();
    for (row, truth) in rows(0, 1_000).lines().zip(truths(0, 1_000, 10).lines()).skip(1) {
        text += &format!("{row},{}\n", truth.split_once(',').unwrap().1);
    }
    fs::write(spool.path("rows.csv"), text).unwrap();
    let flags = ["--baseline", "rows.csv", "--target", "late", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    spool.drop_file("good.csv", rows(0, 600));
    spool.drop_file("bad.csv", rows(2_000, 600));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 600, 10), &[]).exits(0).json();
    let accuracy = check(&json["versions"][0], "accuracy");
    assert!(
        accuracy["bar"].as_f64().unwrap() > 0.7 && accuracy["noise"].is_number(),
        "{accuracy}"
    );
    let expected = json["versions"][0]["without_labels"]["accuracy"]["value"]
        .as_f64()
        .unwrap();
    assert!((expected - 0.9).abs() < 0.02, "{expected}");
    let json = labels(&spool, truths(2_000, 600, 3), &[]).exits(1).json();
    let version = &json["versions"][0];
    assert_eq!(check(version, "accuracy")["over"], true);
    assert!(version["over"].as_u64().unwrap() >= 1);
    // The rows look as ever: only labels tell.
    let expected = version["without_labels"]["accuracy"]["value"].as_f64().unwrap();
    assert!((expected - 0.9).abs() < 0.02, "{expected}");
    let spool = spool.set("monitor.performance=off");
    spool.run(&["monitor", "labels", "labels.csv"]).exits(0).says("over");
}

#[test]
fn without_probabilities_in_the_outputs_it_is_said_what_cannot_be_measured() {
    let spool = watched().set("output.probabilities=false");
    spool.drop_file("a.csv", rows(0, 100));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 100, 10), &[]).exits(0).json();
    let version = &json["versions"][0];
    assert_eq!(check(version, "accuracy")["value"], 0.9);
    let auc = check(version, "roc_auc");
    assert_eq!(auc["value"], Value::Null);
    assert!(auc["why"].as_str().unwrap().contains("output.probabilities"));
    assert_eq!(version["without_labels"], Value::Null);
}

/// F is found late as often as M, but called so less often.
fn people(first: usize, count: usize) -> (String, String) {
    let (mut rows, mut truths) = ("id,a,sex\n".to_string(), "id,late\n".to_string());
    for i in 0..count {
        let (sex, late) = (["F", "M", ""][i % 3], i / 3 % 2 == 0);
        let called = late && (i % 3 > 0 || i / 6 % 2 == 0);
        rows += &format!("{},{},{sex}\n", first + i, if called { 30 } else { 1 });
        truths += &format!("{},{}\n", first + i, if late { "yes" } else { "no" });
    }
    (rows, truths)
}

#[test]
fn groups_are_told_by_kept_columns_or_by_the_input_while_it_is_unchanged() {
    let spool = watched()
        .set("monitor.segments=[\"sex\"]")
        .set("monitor.favourable=yes");
    let (rows, truths) = people(0, 600);
    let input = spool.drop_file("a.csv", &rows);
    spool.once().exits(0);
    let of = |json: &Value, name: &str, segment: &str| {
        let checks = json["versions"][0]["checks"].as_array().unwrap();
        let found = checks
            .iter()
            .find(|check| check["check"] == name && check["segment"] == segment);
        found.cloned().unwrap_or_default()
    };
    // Found half as often as the others: outside of what is allowed.
    let json = labels(&spool, &truths, &[]).exits(1).json();
    let rd = of(&json, "rd", "sex=F");
    assert_eq!(
        (&rd["value"], &rd["over"], &rd["n"]),
        (&0.5.into(), &true.into(), &200.into())
    );
    assert_eq!(of(&json, "dpl", "sex=F")["value"], 0.0);
    assert_eq!(of(&json, "rd", "sex=")["n"], 200);
    assert_eq!(of(&json, "dppl", "sex=F"), Value::Null);
    // The input went: its groups aren't known any more.
    fs::write(&input, rows.replace("F\n", "M\n")).unwrap();
    let json = labels(&spool, &truths, &[]).exits(0).json();
    let unknown = &json["groups_not_measured"][0];
    assert_eq!((&unknown["column"], &unknown["inputs"]), (&"sex".into(), &1.into()));
    assert_eq!(
        unknown["why"],
        "the output doesn't keep it (output.columns), and it was changed since it was recorded"
    );
    let spool = spool.set("output.columns=[\"id\", \"sex\"]");
    fs::write(&input, &rows).unwrap();
    spool.once().exits(0);
    fs::remove_file(&input).unwrap();
    let json = labels(&spool, &truths, &[]).exits(1).json();
    assert_eq!(of(&json, "rd", "sex=F")["value"], 0.5);
    let spool = spool.set("monitor.favourable=good");
    let json = labels(&spool, &truths, &[]).exits(0).json();
    let why = json["groups_not_measured"][0]["why"].as_str().unwrap();
    assert_eq!(why, "monitor.favourable is \"good\", which is no label of lines/1");
}

#[test]
fn a_report_has_what_labels_say_of_groups() {
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\", \"sex\"]").set("monitor.key=id");
    let spool = spool.set("monitor.segments=[\"sex\"]").set("monitor.favourable=yes");
    fs::write(spool.path("m.json"), CLASSES).unwrap();
    let (mut rows, mut truths) = people(0, 600);
    let examples: String = rows
        .lines()
        .zip(truths.lines())
        .map(|(row, truth)| format!("{row},{}\n", truth.split_once(',').unwrap().1))
        .collect();
    fs::write(spool.path("rows.csv"), examples).unwrap();
    let flags = ["--baseline", "rows.csv", "--target", "late", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    (900..903).for_each(|id| rows += &format!("{id},30,X\n"));
    (900..903).for_each(|id| truths += &format!("{id},yes\n"));
    spool.drop_file("a.csv", &rows);
    spool.once().exits(0);
    let without = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    assert_eq!(without["bias"], json!([]));
    labels(&spool, &truths, &[]).exits(1);
    let json = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    let groups = json["bias"][0]["groups"].as_array().unwrap();
    let names: Vec<&Value> = groups.iter().map(|group| &group["name"]).collect();
    assert_eq!(names, ["(missing)", "F", "M", "X"]);
    let measures: Vec<&Value> = groups[1]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["check"])
        .collect();
    assert_eq!(measures, ["dpl", "rd", "sd", "ad", "dar"]);
    let rd = &groups[1]["checks"][1];
    assert_eq!(
        (&rd["value"], &rd["over"], &rd["n"]),
        (&0.5.into(), &true.into(), &200.into())
    );
    assert!(groups[3]["checks"][1]["value"].is_null());
    let text = spool.run(&["monitor", "report"]).exits(0);
    let text = text
        .says("By the labels that came, 3 groups of people are treated otherwise.")
        .says("MEASURED")
        .says("50 of 100 in the group, 203 of 203 in the others")
        .says("not measured: 3 of 3 rows in the group labelled favourable");
    let accuracy = text.stdout.lines().find(|line| line.starts_with("accuracy ")).unwrap();
    let words: Vec<&str> = accuracy.split_whitespace().collect();
    assert!(words.contains(&"603"), "{accuracy}");
    spool.run(&["monitor", "report", "--html", "report.html"]).exits(0);
    let html = fs::read_to_string(spool.path("report.html")).unwrap();
    for words in [
        "sex: by what came true, yes being favourable",
        "recall (RD)",
        "50 of 100 in the group, 203 of 203 in the others",
        "not measured<small>3 of 3 rows in the group labelled favourable",
    ] {
        assert!(html.contains(words), "no {words:?} in {html}");
    }
}

#[test]
fn a_number_is_held_against_what_the_version_was_approved_with() {
    let spool = Spool::without_model()
        .set("output.columns=[\"id\"]")
        .set("monitor.key=id");
    let spool = spool.set("monitor.drift=off");
    let row = |i: usize, off: f64| {
        let a = (i * 37 % 101) as f64 / 10.0;
        (a, 3.0 * a + (i * 53 % 17) as f64 / 10.0 - 0.8 + off)
    };
    let mut examples = "id,a,y\n".to_string();
    for i in 0..400 {
        let (a, y) = row(i, 0.0);
        examples += &format!("{i},{a},{y}\n");
    }
    let pipeline = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"a\"]\n[split]\nshare = 0.5\nseed = 1\n\
                    [train]\ntrainer = \"least-squares\"\n";
    spool.train(&examples, pipeline).exits(0);
    spool.approve(1);
    let (mut input, mut fine, mut worse) = ("id,a\n".to_string(), "id,y\n".to_string(), "id;y\n".to_string());
    for i in 0..300 {
        input += &format!("{i},{}\n", row(i, 0.0).0);
        fine += &format!("{i},{}\n", row(i, 0.0).1);
        worse += &format!("{i};{}\n", row(i, 1.5).1);
    }
    spool.drop_file("a.csv", input);
    spool.once().exits(0);
    let json = labels(&spool, &fine, &[]).exits(0).json();
    let version = &json["versions"][0];
    for metric in ["r2", "mse", "rmse", "mae"] {
        let of = check(version, metric);
        assert!(
            of["bar"].is_number() && of["interval"].is_array() && of["over"] == false,
            "{of}"
        );
        let approved = &version["approved"]["regression_metrics"][metric]["value"];
        let (now, then) = (of["value"].as_f64().unwrap(), approved.as_f64().unwrap());
        assert!((now - then).abs() < 0.2 * then, "{metric} {now} {then}");
    }
    // Excel's way of saying what parts fields.
    let json = labels(&spool, format!("sep=;\n{worse}"), &[]).exits(1).json();
    joined(&json, json!({"joined": 300, "changed": 300}));
    assert_eq!(check(&json["versions"][0], "mae")["over"], true);
    let json = labels(&spool, "id,y\n1,much\n2,4.5\n", &[]).exits(1).json();
    joined(&json, json!({"joined": 1, "unknown": 1}));
}

/// NannyML's car loans (Apache-2.0), of `tests/fixtures/monitor`: what it publishes comes out of the command. The model gives each
/// row the probability that the data has.
#[test]
fn published_figures_of_the_car_loans_with_labels_and_without() {
    const MODEL: &str = r#"{"inputs":[{"name":"logit","missing":{"fill":0}}],
      "terms":[{"name":"logit","factors":[{"input":"logit"}],"mean":0,"scale":1,"coefficient":1}],
      "intercept":0,"output":{"classes":["0","1"],"threshold":0.645}}"#;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/monitor/car_loan.csv");
    let fixture = fs::read_to_string(fixture).unwrap();
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\"]").set("monitor.key=id");
    let spool = spool.set("monitor.data=off").set("monitor.drift=off");
    let part = |period: &str, part: Option<&str>| {
        let (mut rows, mut labels) = ("id,logit,label\n".to_string(), "id,label\n".to_string());
        let mut id = 0;
        for line in fixture.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            if cells[0] != period || part.is_some_and(|part| part != cells[1]) {
                continue;
            }
            let p: f64 = cells[2].parse::<f64>().unwrap().clamp(1e-12, 1.0 - 1e-12);
            for _ in 0..cells[5].parse().unwrap() {
                let id_of = format!("{period}-{}-{id}", cells[1]);
                rows += &format!("{id_of},{},{}\n", (p / (1.0 - p)).ln(), cells[4]);
                labels += &format!("{id_of},{}\n", cells[4]);
                id += 1;
            }
        }
        (rows, labels)
    };
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), part("reference", None).0).unwrap();
    let flags = ["--baseline", "rows.csv", "--target", "label", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    let parts = ["0", "5"].map(|number| (number, part("analysis", Some(number))));
    for (number, (rows, _)) in &parts {
        spool.drop_file(&format!("{number}.csv"), rows);
    }
    spool.once().exits(0);
    for ((number, (_, truths)), realised, estimated, code) in [
        (&parts[0], [0.9422, 0.970962], [0.941792, 0.970744], 0),
        (&parts[1], [0.9146, 0.960050], [0.910714, 0.961090], 1),
    ] {
        let json = labels(&spool, truths, &[]).exits(code).json();
        let version = &json["versions"][0];
        assert_eq!(version["rows_labelled"], 5_000, "part {number}");
        for (i, metric) in ["accuracy", "roc_auc"].into_iter().enumerate() {
            let of = check(version, metric);
            let value = of["value"].as_f64().unwrap();
            assert!((value - realised[i]).abs() < 1e-6, "{metric} of part {number}: {value}");
            assert_eq!(of["over"], code == 1, "{of}");
            let expected = version["without_labels"][metric]["value"].as_f64().unwrap();
            assert!(
                (expected - estimated[i]).abs() < 1e-5,
                "{metric} of part {number}: {expected}"
            );
        }
    }
    assert_eq!(
        check(
            &spool.run(&["monitor", "labels", "--json"]).json()["versions"][0],
            "accuracy"
        )["n"],
        10_000
    );
}

#[test]
fn groups_are_named_as_in_the_pass() {
    let spool = watched()
        .set("monitor.segments=[\"sex\"]")
        .set("monitor.favourable=yes")
        .set("output.columns=[\"id\", \"sex\"]");
    let long = "f".repeat(120);
    // Over fifty, so that some are together.
    let values: Vec<String> = (["e\u{301}", "\u{e9}", &long].map(String::from).into_iter())
        .chain((0..60).map(|i| format!("g{i:02}")))
        .collect();
    let (mut input, mut truth) = ("id,a,sex\n".to_string(), "id,late\n".to_string());
    for i in 0..values.len() * 30 {
        input += &format!("{i},{},{}\n", i * 7 % 40, values[i % values.len()]);
        truth += &format!("{i},{}\n", ["no", "yes"][i / 3 % 2]);
    }
    spool.drop_file("a.csv", input);
    spool.once().exits(0);
    let json = labels(&spool, truth, &[]).json();
    let checks = json["versions"][0]["checks"].as_array().unwrap().iter();
    let names: BTreeSet<&str> = checks.filter_map(|check| check["segment"].as_str()).collect();
    assert!(
        names.contains("sex=(other)") && !names.contains("sex=(others)"),
        "{names:?}"
    );
    assert!(names.contains(format!("sex={}", "f".repeat(100)).as_str()), "{names:?}");
    assert!(!names.contains("sex=e\u{301}"), "{names:?}");
}

#[test]
fn groups_are_those_of_todays_settings() {
    let spool = watched()
        .set("monitor.segments=[\"sex\"]")
        .set("monitor.favourable=yes")
        .set("output.columns=[\"id\", \"sex\"]");
    let ((first, of_first), (second, of_second)) = (people(0, 600), people(600, 600));
    spool.drop_file("a.csv", first);
    spool.drop_file("b.csv", second);
    spool.once().exits(0);
    labels(&spool, of_first, &[]).exits(1);
    let spool = spool.set("monitor.favourable=no");
    labels(&spool, of_second, &[]);
    let groups = |spool: &Spool| {
        let json = spool.run(&["monitor", "labels", "--json"]).json();
        let checks = json["versions"][0]["checks"].as_array().unwrap().iter();
        let of = checks.filter(|check| check["check"] == "dpl");
        let of = of.map(|check| {
            (
                check["segment"].as_str().unwrap().to_string(),
                check["n"].as_u64().unwrap(),
            )
        });
        of.collect::<Vec<_>>()
    };
    let expected = ["sex=", "sex=F", "sex=M"].map(|name| (name.to_string(), 400));
    assert_eq!(groups(&spool), expected);
    let spool = spool.set("monitor.segments=[]");
    assert_eq!(groups(&spool), []);
    // An output that is gone can't say it again: what was told apart otherwise is left out, and that is said.
    let spool = spool.set("monitor.segments=[\"sex\"]").set("monitor.favourable=yes");
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    let json = spool.run(&["monitor", "labels", "--json"]).json();
    assert_eq!(
        json["skipped"],
        json!([{"input": "a.csv", "why": "the output is gone"}])
    );
    assert_eq!(
        groups(&spool),
        ["sex=", "sex=F", "sex=M"].map(|name| (name.to_string(), 200))
    );
}
