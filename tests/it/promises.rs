//! The promises of DESIGN.md, one test each.

use crate::spool::{Spool, line, wait_until, xs};
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Some rows with exact results by small whole models.
fn many(rows: usize) -> Vec<f64> {
    (0..rows).map(|i| (i % 1000) as f64).collect()
}

#[test]
fn promise_1_no_torn_output() {
    let spool = Spool::new();
    let values = many(200_000);
    spool.drop_file("a.csv", xs(&values));
    let (one, two) = (line(2.0, 1.0, &values), line(3.0, 0.0, &values));
    spool.register_line(3.0, 0.0);
    let daemon = spool.daemon();
    wait_until("the first output", || spool.output("a.csv").is_some());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [0, 0];
            while !stop.load(Ordering::Relaxed) {
                let output = spool.output("a.csv").expect("there is always an output");
                let which = [&one, &two].iter().position(|whole| **whole == output);
                seen[which.expect("a whole output")] += 1;
            }
            seen
        });
        for _ in 0..3 {
            spool.approve(2);
            wait_until("version 2 scored it", || spool.output("a.csv").unwrap() == two);
            spool.reject(2);
            wait_until("version 1 scored it", || spool.output("a.csv").unwrap() == one);
        }
        stop.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn promise_2_rows_in_rows_out_in_order() {
    let spool = Spool::new().set("output.columns=[\"id\"]");
    let mut text = "id,x\n".to_string();
    let mut expected = "id,prediction\n".to_string();
    let mut rejects = "line,column,reason,text\n".to_string();
    let mut line = 1;
    for id in 0..150_000 {
        line += 1;
        if id % 97 == 0 {
            text += "\n";
            line += 1;
        }
        if id % 41 == 0 {
            text += &format!("{id},oops\n");
            expected += &format!("{id},\n");
            rejects += &format!("{line},x,not a number,\"{id},oops\"\n");
        } else if id % 53 == 0 {
            text += &format!("\"{id}\n\",{id}\n");
            expected += &format!("\"{id}\n\",{:?}\n", 2.0 * id as f64 + 1.0);
            line += 1;
        } else {
            text += &format!("{id},{id}\n");
            expected += &format!("{id},{:?}\n", 2.0 * id as f64 + 1.0);
        }
    }
    assert!(text.len() > 1 << 20, "more than one block");
    spool.drop_file("a.csv", &text);
    spool.once().exits(0);
    assert!(spool.output("a.csv").unwrap() == expected, "another output");
    assert!(spool.rejects("a.csv").unwrap() == rejects, "other rejects");
}

#[test]
fn promise_3_nothing_is_lost() {
    let spool = Spool::new();
    let values = many(30_000);
    let mut dropped = 0;
    for round in 0..12 {
        let daemon = spool.start();
        for _ in 0..10 {
            spool.drop_file(&format!("{dropped}.csv"), xs(&values[..dropped * 97 % 1000]));
            dropped += 1;
        }
        spool.drop_file("large.csv", xs(&values[..29_000 + round]));
        spool.drop_file("bad.csv", "y\n");
        // Killed at another point each time: at the start, amid the small files, amid the large one.
        wait_until("it got so far", || {
            round % 4 == 0 || spool.names("output").len() > dropped - 4
        });
        daemon.kill();
    }
    spool.once().exits(1);
    for file in 0..dropped {
        let expected = line(2.0, 1.0, &values[..file * 97 % 1000]);
        assert_eq!(spool.output(&format!("{file}.csv")).unwrap(), expected, "{file}");
    }
    assert_eq!(spool.output("large.csv").unwrap(), line(2.0, 1.0, &values[..29_011]));
    assert_eq!(spool.report("bad.csv").unwrap()["code"], "no_such_column");
    let leftovers = |folder: &str| spool.names(folder).iter().filter(|n| n.starts_with('.')).count();
    assert_eq!(
        (leftovers("output"), leftovers("failed"), leftovers("state/staging")),
        (0, 0, 0)
    );
    assert_eq!(spool.names("input").len(), dropped + 2);
}

#[test]
fn promise_4_the_same_bytes() {
    let mut text = "name,x\n".to_string();
    for i in 0..120_000 {
        let x = (i as f64).sin() * 1e3 / 7.0;
        text += &format!("\"n\n{i}\",{x:?}\n");
    }
    text += "last,not a number\n";
    let outputs: Vec<_> = [("1", "32MiB"), ("2", "512MiB"), ("7", "100MiB")]
        .map(|(threads, memory)| {
            let spool = Spool::without_model()
                .set(&format!("worker.threads={threads}"))
                .set(&format!("worker.memory={memory}"))
                .set("output.columns=all");
            spool.register(r#"{"features":["x"],"coefficients":[0.1],"intercept":0.7,"link":"logit"}"#);
            spool.approve(1);
            spool.drop_file("a.csv", &text);
            spool.once().exits(0);
            (spool.output("a.csv").unwrap(), spool.rejects("a.csv").unwrap())
        })
        .into();
    assert!(outputs[0] == outputs[1] && outputs[1] == outputs[2]);
    assert_eq!(
        outputs[0].1,
        "line,column,reason,text\n240002,x,not a number,\"last,not a number\"\n"
    );
}

#[test]
fn promise_5_one_bad_file_never_stops_the_others() {
    let spool = Spool::new();
    for i in 0..20 {
        spool.drop_file(
            &format!("bad{i}.csv"),
            [&b"x\n1\0"[..], b"", b"y\n1\n", b"x\n\"1\n"][i % 4],
        );
        spool.drop_file(&format!("good{i}.csv"), xs(&[i as f64]));
    }
    // What stands in the way of one output doesn't stop the others either.
    fs::create_dir_all(spool.path("output/good7.csv.out/in the way")).unwrap();
    spool
        .once()
        .exits(1)
        .says("scored 19 files")
        .says("20 failed")
        .says("1 failed for now");
    for i in (0..20).filter(|i| *i != 7) {
        assert_eq!(
            spool.output(&format!("good{i}.csv")).unwrap(),
            line(2.0, 1.0, &[i as f64])
        );
    }
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["faults"][0]["input"], "good7.csv");
    fs::remove_dir_all(spool.path("output/good7.csv.out")).unwrap();
    spool.strict().exits(1).says("scored 1 file");
    assert_eq!(
        spool.run(&["status", "--json"]).json()["faults"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn promise_6_a_model_is_data_never_code() {
    let tamper = |file: &str, change: fn(String) -> String| {
        let spool = Spool::new();
        spool.approve_line(3.0, 0.0);
        spool.drop_file("a.csv", xs(&[1.0]));
        let path = spool.path("models/lines/2").join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, change(text)).unwrap();
        // Never a silent fallback to version 1.
        let ran = spool.once().exits(3);
        assert_eq!(spool.output("a.csv"), None, "{ran:?}");
        ran
    };
    tamper("linear.json", |text| text.replace('3', "4")).says("the artifact was changed after it was registered");
    tamper("linear.json", |text| text[..10].to_string()).says("SHA-256");
    tamper("model.toml", |text| text.replace("linear.json", "../1/linear.json")).says("isn't named");
    tamper("model.toml", |text| text.replace("\"x\"", "\"z\"")).says("the model's own name of feature");
    tamper("model.toml", |text| {
        text.replace("format_version = 1", "format_version = 9")
    })
    .says("format_version 9");
    tamper("model.toml", |text| "extra = 1\n".to_string() + &text).says("extra");
    tamper("approval.toml", |text| text.replace("approved", "aproved")).says("aproved");
    tamper("approval.toml", |text| text.replace("format_version = 1", "")).says("format_version");
}

#[test]
fn promise_7_bounded_memory() {
    let spool = Spool::new().set("worker.memory=64MiB");
    let peak = |daemon: &crate::spool::Daemon| {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let write = |name: &str, mib: usize| {
        let path = spool.path(name);
        let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        file.write_all(b"note,x\n").unwrap();
        let row = format!("{},1.5\n", "n".repeat(1000));
        for _ in 0..mib << 10 {
            file.write_all(row.as_bytes()).unwrap();
        }
        drop(file);
        fs::rename(path, spool.path("input").join(name)).unwrap();
    };
    let daemon = spool.daemon();
    write("small.csv", 8);
    wait_until("the small one is scored", || spool.output("small.csv").is_some());
    let small = peak(&daemon);
    write("large.csv", 256);
    wait_until("the large one is scored", || spool.output("large.csv").is_some());
    let large = peak(&daemon);
    assert!(
        large <= small + 24 && large < 128,
        "{small} MiB for 8, {large} MiB for 256"
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn promise_8_a_pass_uses_one_model() {
    let spool = Spool::new();
    spool.approve_line(3.0, 0.0);
    let values = many(3_000_000);
    let daemon = spool.daemon();
    spool.drop_file("a.csv", xs(&values));
    // As soon as version 2 is at it, its approval is revoked: it must publish nothing more.
    let at_work = || spool.names("output").iter().any(|n| n.starts_with(".transform-"));
    wait_until("it is being scored", at_work);
    daemon.signal(rustix::process::Signal::STOP);
    assert_eq!(spool.output("a.csv"), None);
    spool.reject(2);
    daemon.signal(rustix::process::Signal::CONT);
    wait_until("version 1 scored it", || {
        spool
            .output("a.csv")
            .is_some_and(|o| o.starts_with("prediction\n1.0\n3.0\n"))
    });
    assert!(
        spool.output("a.csv").unwrap() == line(2.0, 1.0, &values),
        "all rows by version 1"
    );
    let history = spool.run(&["history", "a.csv", "--json"]).exits(0).json();
    assert_eq!(history[0]["version"], 1);
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["rows"], 3_000_000);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn promise_9_errors_name_the_file_the_line_the_column_and_the_way_out() {
    let spool = Spool::new();
    spool.drop_file("a.csv", "\nid,X\n1,2\n");
    let ran = spool.run(&["--once", "--log-format", "json"]).exits(1);
    let log: serde_json::Value = serde_json::from_str(ran.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&log["level"], &log["input"], &log["code"]),
        (&"ERROR".into(), &"a.csv".into(), &"no_such_column".into())
    );
    let report = spool.report("a.csv").unwrap();
    assert!(report["file"].as_str().unwrap().ends_with("input/a.csv"));
    assert_eq!(
        (&report["code"], &report["line"], &report["column"]),
        (&"no_such_column".into(), &2.into(), &"x".into())
    );
    assert_eq!(
        report["message"],
        "no column \"x\", which the model takes; the file has: id, X"
    );
    assert_eq!(report["hint"], "did the producer mean \"X\"? It must be named \"x\"");
    assert_eq!(report["model"], "lines/1");
}

/// It named a file that isn't there, and wrote every bad row over the screen.
#[test]
fn bad_rows_of_the_filter_are_summed_up_or_written_to_a_file() {
    let spool = Spool::new();
    let ran = spool.filter(&["score"], b"x\nfoo\n").exits(1);
    assert!(
        !ran.stderr.contains("2,x,not a number,foo") && !ran.stderr.contains(".csv"),
        "{ran:?}"
    );
    ran.says("--rejects FILE lists every such row; mend them");
    let rejects = spool.path("bad.csv");
    let to_file = ["score", "--rejects", rejects.to_str().unwrap()];
    let listed = || fs::read_to_string(&rejects).unwrap();
    spool
        .filter(&to_file, b"x\nfoo\n")
        .exits(1)
        .says("bad.csv lists every such row; mend them");
    assert_eq!(listed(), "line,column,reason,text\n2,x,not a number,foo\n");
    let good: String = "1\n".repeat(1000);
    let ran = spool.filter(&to_file, format!("x\n?\n{good}").as_bytes()).exits(0);
    assert!(
        ran.stderr.starts_with("transform: 1 of 1001 rows can't be scored"),
        "{ran:?}"
    );
    assert!(ran.stderr.ends_with("bad.csv lists them\n"), "{ran:?}");
    assert_eq!(listed(), "line,column,reason,text\n2,x,not a number,?\n");
    assert_eq!(spool.filter(&to_file, b"x\n1\n").exits(0).stderr, "");
    assert_eq!(listed(), "", "there are none");
    let nowhere = ["score", "--rejects", "absent/bad.csv"];
    spool.filter(&nowhere, b"x\n1\n").exits(64).says("absent/bad.csv");
}

#[test]
fn a_report_names_the_file_that_has_its_bad_rows() {
    let spool = Spool::new();
    spool.drop_file("a.csv", "x\nfoo\n");
    spool.once().exits(1);
    let hint = spool.report("a.csv").unwrap()["hint"].as_str().unwrap().to_string();
    assert!(
        hint.contains("a.csv.rejects.csv lists every such row; mend them"),
        "{hint}"
    );
    assert!(spool.rejects("a.csv").is_some());
}
