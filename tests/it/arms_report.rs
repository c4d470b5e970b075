//! The report of a challenger: what was counted by arm, and which arm lost less.

use crate::spool::{Ran, Spool};
use serde_json::Value;
use std::fs;

/// With `2 x + 1` approved, and `3 x` answering for half of the keys in 2,000 rows, of which ten have no key and one none of its cells.
fn answered() -> Spool {
    let spool = Spool::new()
        .set("output.model_version=true")
        .set("input.max_bad_rows=100%");
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    let start = ["start", "ab", "--challenger", "2", "--share", "50%", "--key", "id"];
    spool.run(&[&["experiment"], &start[..]].concat()).exits(0);
    let row = |i: usize| match i {
        i if i < 10 => format!(",{i}\n"),
        i => format!("{}.0,{}\n", i / 2, i % 50),
    };
    spool.drop_file(
        "a.csv",
        "id,x\n".to_string() + &(0..2_000).map(row).collect::<String>() + "bad,oops\n",
    );
    spool.once().exits(0);
    // 3 x, as the challenger says.
    let label = |key: usize| format!("{key},{}\n", 3.0 * (key * 2 % 50) as f64 + 1.5);
    let labels = "id,late\n".to_string() + &(5..1_000).map(label).collect::<String>() + "nobody,1\n";
    fs::write(spool.path("labels.csv"), labels).unwrap();
    spool
}

fn report(spool: &Spool, flags: &[&str]) -> Ran {
    spool.run(&[&["experiment", "report", "ab"], flags].concat()).exits(0)
}

fn number(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{pointer}: {json}"))
}

#[test]
fn a_report_counts_by_arm_and_phase() {
    let spool = answered();
    spool.run(&["experiment", "ramp", "ab", "60%"]).exits(0);
    spool.drop_file("b.csv", "id,x\n17,1\n18,2\n");
    spool.once().exits(0);
    let json = report(&spool, &["--json"]).json();
    assert_eq!(
        (&json["kind"], &json["files"], &json["verdict"]),
        (&"challenger".into(), &2.into(), &Value::Null)
    );
    let phases = json["phases"].as_array().unwrap();
    assert_eq!(
        (&phases[0]["phase"], &phases[0]["share"], &phases[0]["rows"]),
        (&2.into(), &"60%".into(), &2.into())
    );
    let first = &phases[1];
    assert_eq!(
        (&first["rows"], &first["unassigned"], &first["files"]),
        (&2_001.into(), &10.into(), &1.into())
    );
    let keys = ["champion", "challenger"].map(|arm| number(first, &format!("/{arm}/keys")));
    assert_eq!(keys[0] + keys[1], 996.0);
    assert!(keys.iter().all(|&keys| keys > 440.0), "{keys:?}");
    let bad = ["champion", "challenger"].map(|arm| number(first, &format!("/{arm}/bad_rows")));
    assert_eq!(bad[0] + bad[1], 1.0);
    // 2 x + 1 and 3 x, of 0 to 49.
    assert!((number(first, "/outputs/0/champion/mean") - 50.0).abs() < 4.0);
    assert!((number(first, "/outputs/0/challenger/mean") - 73.5).abs() < 5.0);
    assert_eq!(first["mismatch"]["found"], false);
    report(&spool, &[])
        .says("lines/2 answers for ")
        .says("ab: lines/2 for a share of the keys, beside lines/1")
        .says("challenger");
}

#[test]
fn with_labels_it_says_which_arm_lost_less() {
    let spool = answered();
    let labels = ["--labels", "labels.csv"];
    report(&spool, &labels)
        .says("lines/2 is better than lines/1: squared error ")
        .says("in phase 1 (50%)")
        // Keys are those by which arms are chosen: 17.0 is 17.
        .says("996 records with labels read, 1990 labels of rows that were scored for an arm")
        .says("; 1 label of a key that no row has")
        .says(" of the challenger and ");
    fs::write(spool.path("others.csv"), "id,late\nB2,1\nA1,2\n").unwrap();
    report(&spool, &["--labels", "others.csv", "--margin", "0.5"])
        .says("no label has the key of a row: labels have keys such as \"A1\", rows such as ")
        .says("margin: within 0.5 of squared error, either way, they are equivalent");
    let json = report(&spool, &["--labels", "labels.csv", "--json"]).json();
    let lift = &json["phases"][0]["lifts"][0];
    assert_eq!(
        (&json["verdict"], &lift["measure"]),
        (&"better".into(), &"squared_error".into())
    );
    assert_eq!(number(lift, "/champion/keys") + number(lift, "/challenger/keys"), 995.0);
    report(&spool, &["--labels", "labels.csv", "--html", "report.html"]).says("report.html");
    let page = fs::read_to_string(spool.path("report.html")).unwrap();
    assert!(page.contains("lines/2 is better than lines/1") && !page.contains("<script"));
}

#[test]
fn a_promotion_says_what_it_is_by_and_what_becomes_of_outputs() {
    let spool = answered().set("models.on_approval=new-files");
    let promoted = spool
        .run(&["experiment", "promote", "ab", "--labels", "labels.csv"])
        .exits(0);
    let text = promoted.says("outputs that are there stay").stdout;
    assert!(
        text.starts_with("the report says: lines/2 is better than lines/1: "),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
    spool.run(&["experiment", "stop", "ab", "--purge"]).exits(0);
    report(&spool, &[]).says("What lines/2 answered was purged, or there was nothing");
}

/// None of its rows counts, and it stops no other file.
#[test]
fn a_damaged_file_is_left_out_by_name() {
    let spool = answered();
    spool.drop_file("b.csv", "id,x\n17,1\n18,2\n");
    spool.once().exits(0);
    let made = spool.path("spool/shadow/ab/a.csv.out");
    let text = fs::read_to_string(&made).unwrap();
    let last = text.rfind(",champion,").or(text.rfind(",challenger,")).unwrap();
    for damaged in [
        text[..last].to_string() + &text[last..].replacen(",c", ",x", 1),
        text.replacen("line,key", "line,kay", 1),
        text[..last].to_string(),
    ] {
        fs::write(&made, damaged).unwrap();
        let json = report(&spool, &["--json"]).json();
        assert_eq!((&json["files"], &json["phases"][0]["rows"]), (&1.into(), &2.into()));
        let notes = json["notes"].to_string();
        assert!(
            notes.contains("1 file left out: a.csv (its file went, or was changed)"),
            "{notes}"
        );
    }
}
