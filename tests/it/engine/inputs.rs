//! Large inputs: what comes of them is what one machine makes.

use super::cluster;
use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

impl Spool {
    /// All that stands in a folder, but what tells of a run.
    fn results(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let read = |name: String| {
            let bytes = fs::read(self.path(folder).join(&name)).unwrap();
            let text = String::from_utf8_lossy(&bytes).replace(self.path("").to_str().unwrap(), "");
            (name, text.into_bytes())
        };
        self.names(folder).into_iter().map(read).collect()
    }

    /// What the ledger says of each input, but when and how long.
    fn told(&self) -> Vec<String> {
        let told = self.run(&["history", "--json"]).exits(0).json();
        let told = told.as_array().unwrap().iter().map(|of| {
            let mut of = of.as_object().unwrap().clone();
            for key in ["transformation", "at", "took_seconds", "made_by"] {
                of.remove(key).unwrap();
            }
            Value::Object(of).to_string()
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }
}

/// Rows of about 3 megabytes: texts in quotes that have line ends, bad cells, blank lines, keys.
fn table() -> String {
    let mut text = String::from("id,note,x\n");
    for i in 0..60_000u32 {
        let x = f64::from(i.wrapping_mul(2_654_435_761) >> 8) / 64.0;
        match i % 97 {
            3 => write!(text, "C{i},\"a note, in \"\"quotes\"\"\nof two lines {i}\n\",{x}\n").unwrap(),
            11 => writeln!(text, "C{i},,not a number {i}").unwrap(),
            12 => write!(text, "C{},,{x}\n\n", i - 1).unwrap(),
            _ => writeln!(text, "C{i},a plain note that takes its room,{x}").unwrap(),
        }
    }
    text
}

fn lines() -> String {
    let line = |i: u32| match i % 101 {
        5 => format!("{{\"id\": \"C{i}\", \"x\": \"no number\"}}\n"),
        _ => format!(
            "{{\"id\": \"C{i}\", \"x\": {}.5, \"note\": \"so long that a line has its room\"}}\n",
            i % 7919
        ),
    };
    (0..40_000).map(line).collect()
}

fn drop_all(spool: &Spool) {
    spool.drop_file("table.csv", table());
    spool.drop_file("lines.jsonl", lines());
    spool.drop_file(
        "latin.csv",
        [&b"x,name\n"[..], &b"1.5,caf\xe9\n".repeat(200_000)].concat(),
    );
    // Too many bad rows, told in the middle; and what can't be read behind a place.
    spool.drop_file("bad.csv", "x\n".to_string() + &"1\nnone\n".repeat(300_000));
    spool.drop_file(
        "nul.csv",
        "x\n".to_string() + &"1.25\n".repeat(300_000) + "\0\n" + &"2\n".repeat(600_000),
    );
    spool.drop_file(
        "unclosed.csv",
        "x,y\n".to_string() + &"1.25,z\n".repeat(300_000) + "1,\"\n" + &"2,z\n".repeat(300_000),
    );
    spool.drop_file("small.csv", "x\n1\n");
    spool.drop_file("other.csv", "y\n".to_string() + &"1.25\n".repeat(300_000));
}

fn settings(spool: Spool) -> Spool {
    spool
        .set(r#"input.include=["*.csv", "*.jsonl", "*.gz", "*.parquet"]"#)
        .set("output.columns=all")
        .set("input.max_bad_rows=20%")
}

#[test]
fn a_cluster_makes_of_large_inputs_what_one_machine_makes() {
    let one = settings(Spool::new());
    drop_all(&one);
    let ran = one.once().exits(1);
    for (nodes, survey) in [
        (r#"{"a": {"cpus": 1}}"#, "worker"),
        (r#"{"a": {}, "b": {"lose": 2}, "c": {}}"#, "worker"),
        (r#"{"a": {}, "b": {"cpus": 1}}"#, "nodes"),
    ] {
        let Some(many) = cluster(settings(Spool::new()), nodes) else {
            return;
        };
        let many = many.set(&format!("engine.survey={survey}"));
        drop_all(&many);
        let clustered = many.once().exits(1);
        assert_eq!(many.results("output"), one.results("output"));
        assert_eq!(many.results("failed"), one.results("failed"));
        assert_eq!(many.told(), one.told());
        assert!(!one.told().is_empty());
        assert_eq!(many.names("parts"), [""; 0], "parts are left");
        assert_eq!(clustered.stdout, ran.stdout);
    }
}

/// By an index of a piece, or a path, that is none of the task's.
#[test]
fn a_report_of_another_task_is_none() {
    for (text, other) in [
        (r#"{\"index\":1,"#, r#"{\"index\":1000,"#),
        (r#"{\"survey\":["#, r#"{\"hash\":[],\"survey\":["#),
    ] {
        let node = format!(r#"{{"says": {{"{text}": "{other}"}}}}"#);
        let says = format!(r#"{{"a": {node}, "b": {node}}}"#);
        let Some(spool) = cluster(settings(Spool::new()), &says) else {
            return;
        };
        let spool = spool.set("engine.survey=nodes");
        spool.drop_file("table.csv", table());
        spool.once().exits(75).says("engine_node").says("report");
        assert_eq!(spool.names("failed"), [""; 0], "{text}");
    }
}

#[test]
fn what_is_scored_here_does_not_wait_for_a_cluster() {
    let Some(spool) = cluster(settings(Spool::new()), "{}") else {
        return;
    };
    // Somebody listens, and says nothing for a minute.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let spool = spool
        .set(&format!("engine.address={address}"))
        .set("engine.part_size=2MiB");
    let daemon = spool.daemon();
    spool.drop_file("a.csv", table());
    let first_in = |path: PathBuf| Some(fs::read_dir(path).ok()?.next()?.ok()?.path());
    let asked = || first_in(first_in(first_in(spool.path("parts"))?)?);
    wait_until("nodes are asked", || asked().is_some());
    spool.drop_file("b.csv", "x\n".to_string() + &"1.25\n".repeat(300_000));
    wait_until("it is scored", || spool.output("b.csv").is_some());
    assert!(!daemon.log().contains("engine_unavailable"));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_scores_on_a_cluster_and_clears_away_at_its_end() {
    let one = settings(Spool::new());
    one.drop_file("table.csv", table());
    one.once().exits(0);
    let Some(many) = cluster(settings(Spool::new()), r#"{"a": {}, "b": {}}"#) else {
        return;
    };
    let daemon = many.daemon();
    many.drop_file("table.csv", table());
    wait_until("it is scored", || many.output("table.csv").is_some());
    assert_eq!(many.results("output"), one.results("output"));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(many.names("parts"), [""; 0]);
}

/// With a baseline, a shadow and an A/B test; a key, groups and another column are watched.
fn watched(spool: Spool) -> Spool {
    let spool = spool
        .set("input.max_bad_rows=20%")
        .set("output.model_version=true")
        .set("monitor.data=warn")
        .set(r#"monitor.columns=["age"]"#)
        .set(r#"monitor.segments=["group"]"#)
        .set("monitor.key=id");
    fs::write(spool.path("rows.csv"), people(2_000, 0)).unwrap();
    let baseline = [
        "monitor",
        "baseline",
        "rows.csv",
        "--version",
        "1",
        "--columns",
        "age",
        "--reason",
        "a good time",
    ];
    spool.run(&baseline).exits(0);
    assert_eq!(spool.register_line(3.0, 0.5), 2);
    assert_eq!(spool.register_line(2.0, 0.75), 3);
    for version in [
        ["--challenger", "2", "--share", "30%", "--salt", "spring"].as_slice(),
        &["--shadow", "3"],
    ] {
        let start = [
            &["experiment", "start", version[0].trim_start_matches('-')],
            version,
            &["--key", "id"],
        ]
        .concat();
        spool.run(&start).exits(0);
    }
    spool
}

fn people(count: usize, from: usize) -> String {
    let row = |i: usize| {
        let i = i + from;
        // A fraction whose sum depends on the order.
        let x = (i * 7919 % 1_000_003) as f64 / 977.0;
        match i % 89 {
            7 => format!("K{i},g{},{x},old\n", i % 7),
            8 => format!("K{},g{},none,{}\n", i - 1, i % 7, i % 90),
            _ => format!("K{},g{},{x},{}\n", i - i % 89 / 80, i % 7, i % 90),
        }
    };
    "id,group,x,age\n".to_string() + &(0..count).map(row).collect::<String>()
}

#[test]
fn trials_and_counts_of_a_cluster_are_those_of_one_machine() {
    let drop_all = |spool: &Spool| {
        spool.drop_file("a.csv", people(90_000, 0));
        spool.drop_file("b.csv", people(120_000, 500));
    };
    let one = watched(Spool::new());
    drop_all(&one);
    let ran = one.once();
    let Some(many) = cluster(watched(Spool::new()), r#"{"a": {}, "b": {}, "c": {"cpus": 1}}"#) else {
        return;
    };
    drop_all(&many);
    assert_eq!(many.once().code, ran.code);
    for folder in ["output", "failed", "spool/shadow/challenger", "spool/shadow/shadow"] {
        assert_eq!(many.results(folder), one.results(folder), "{folder}");
        assert!(folder == "failed" || !one.results(folder).is_empty(), "{folder}");
    }
    assert_eq!(many.told(), one.told());
    assert_eq!(counts(&many), counts(&one));
    assert_eq!(counts(&one).len(), 6);
}

/// What the ledger counted of each input and trial, but when and how long.
fn counts(spool: &Spool) -> Vec<(String, Vec<u8>)> {
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let mut rows = ledger
        .prepare(
            "SELECT input, counts FROM counts UNION ALL
             SELECT input, experiment || published || '|' || both || '|' || unassigned || '|' || champion_rows || '|' || champion_bad
                 || hex(champion_sketch) || '|' || tried_rows || '|' || tried_bad || hex(tried_sketch) FROM trials
             ORDER BY 1, 2",
        )
        .unwrap();
    let counts = rows.query_map([], |row| {
        let counts = row.get_ref(1)?.as_bytes()?.to_vec();
        Ok((row.get::<_, Vec<u8>>(0)?, counts))
    });
    let named = counts
        .unwrap()
        .map(|row| row.map(|(input, counts)| (String::from_utf8(input).unwrap(), counts)));
    named.collect::<Result<_, _>>().unwrap()
}
