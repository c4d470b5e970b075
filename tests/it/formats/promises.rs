//! The promises of DESIGN.md, one test each, of every format.

use super::{Dress, GROUP, INCLUDE};
use crate::spool::{Spool, line, wait_until, xs};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

fn many(rows: usize) -> Vec<f64> {
    (0..rows).map(|i| (i % 1000) as f64).collect()
}

/// An output as a CSV of predictions.
fn predictions(spool: &Spool, dress: Dress, name: &str) -> Option<String> {
    Some(dress.csv(&spool.output_bytes(name)?, &["prediction"]))
}

#[test]
fn promise_1_no_torn_output() {
    let spool = Spool::new().set(INCLUDE);
    let values = many(5_000);
    spool.register_line(3.0, 0.0);
    for dress in Dress::all() {
        spool.drop_file(&dress.name("a"), dress.file(&xs(&values)));
    }
    let daemon = spool.daemon();
    let by = |slope, intercept| {
        let expected = line(slope, intercept, &values);
        let mut whole = Vec::new();
        for dress in Dress::all() {
            let name = dress.name("a");
            wait_until(&format!("{name} is scored by {slope} x + {intercept}"), || {
                predictions(&spool, dress, &name).as_ref() == Some(&expected)
            });
            whole.push(spool.output_bytes(&name).unwrap());
        }
        whole
    };
    let one = by(2.0, 1.0);
    spool.approve(2);
    let two = by(3.0, 0.0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [0, 0];
            while !stop.load(Ordering::Relaxed) {
                for (place, dress) in Dress::all().enumerate() {
                    let output = spool.output_bytes(&dress.name("a")).expect("there is always one");
                    let which = [&one, &two].iter().position(|whole| whole[place] == output);
                    seen[which.unwrap_or_else(|| panic!("{dress:?}: a whole output"))] += 1;
                }
            }
            seen
        });
        for _ in 0..2 {
            spool.reject(2);
            assert!(by(2.0, 1.0) == one, "the same bytes");
            spool.approve(2);
            assert!(by(3.0, 0.0) == two, "the same bytes");
        }
        stop.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
    assert_eq!(daemon.stop(), 0);
}

/// Rows, some of them bad, of several blocks and row groups. `typed`: a bad row has no number, so that numbers can have a type.
fn with_bad_rows(typed: bool) -> (String, String, Vec<(usize, String, String)>) {
    let (mut text, mut expected, mut bad) = ("id,x\n".to_string(), "id,prediction\n".to_string(), Vec::new());
    for id in 0..30_000 {
        if id % 41 == 0 {
            let (cell, reason) = match typed {
                true => ("", "missing value"),
                false => ("oops", "not a number"),
            };
            text += &format!("k{id},{cell}\n");
            expected += &format!("k{id},\n");
            bad.push((id, "x".to_string(), reason.to_string()));
        } else {
            let key = match id % 53 {
                0 => format!("\"k{id}\n\""),
                1 => format!("\"k\t{id}, \"\"é\"\"\""),
                _ => format!("k{id}"),
            };
            // As a CSV has it, which nothing but a comma, a quote or a line end makes quote a field.
            text += &format!("{key},{id}\n");
            expected += &format!("{key},{:?}\n", 2.0 * id as f64 + 1.0);
        }
    }
    (text, expected, bad)
}

#[test]
fn promise_2_rows_in_rows_out_in_order() {
    for typed in [false, true] {
        let spool = Spool::new().set(INCLUDE).set("output.columns=[\"id\"]");
        let (text, expected, bad) = with_bad_rows(typed);
        for dress in Dress::all() {
            spool.drop_file(&dress.name("a"), dress.file(&text));
        }
        spool.once().exits(0);
        for dress in Dress::all() {
            let name = dress.name("a");
            let output = dress.csv(&spool.output_bytes(&name).unwrap(), &["id", "prediction"]);
            assert!(output == expected, "another output of {name}");
            let rejects = spool.rejects(&name).unwrap();
            assert_eq!(dress.bad_rows(&rejects, &text, GROUP), bad, "{name}");
            if dress.is_json() || dress.is_table() {
                let first: serde_json::Value = serde_json::from_str(&rejected_text(&rejects)).unwrap();
                assert_eq!(first["id"], "k0", "{name}");
            }
        }
    }
}

/// The first bad row as it is shown.
fn rejected_text(rejects: &str) -> String {
    let sheet = super::Sheet::parse(rejects, ',');
    sheet.rows[0][sheet.column("text")].clone()
}

#[test]
fn promise_3_nothing_is_lost() {
    let spool = Spool::new().set(INCLUDE);
    let values = many(10_000);
    let mut dropped = BTreeMap::new();
    for round in 0..8 {
        let daemon = spool.start();
        let before = dropped.len();
        for (place, dress) in Dress::all().enumerate() {
            let rows = (dropped.len() * 97 + place) % 1000;
            let stem = dropped.len().to_string();
            spool.drop_file(&dress.name(&stem), dress.file(&xs(&values[..rows])));
            dropped.insert(dress.name(&stem), (dress, rows));
            spool.drop_file(&dress.name("large"), dress.file(&xs(&values[..9_000 + round])));
            spool.drop_file(&dress.name("bad"), dress.file("y\n1\n"));
        }
        // Killed at another point each time: at the start, amid the files, near their end.
        wait_until("it got so far", || {
            let outputs = spool.names("output");
            outputs.iter().filter(|name| !name.starts_with('.')).count() > before + (round % 4) * 3
        });
        daemon.kill();
    }
    spool.once().exits(1);
    let scored = |dress, name: &str, rows: usize| {
        let output = predictions(&spool, dress, name);
        assert!(
            output == Some(line(2.0, 1.0, &values[..rows])),
            "{name}: another output"
        );
    };
    for (name, (dress, rows)) in &dropped {
        scored(*dress, name, *rows);
    }
    for dress in Dress::all() {
        scored(dress, &dress.name("large"), 9_007);
        assert_eq!(spool.report(&dress.name("bad")).unwrap()["code"], "no_such_column");
    }
    let leftovers = |folder: &str| spool.names(folder).iter().filter(|n| n.starts_with('.')).count();
    assert_eq!(
        (leftovers("output"), leftovers("failed"), leftovers("state/staging")),
        (0, 0, 0)
    );
    assert_eq!(spool.names("input").len(), dropped.len() + 2 * Dress::all().count());
}

#[test]
fn promise_4_the_same_bytes() {
    let mut text = "name,x\n".to_string();
    for i in 0..16_000 {
        let x = (i as f64).sin() * 1e3 / 7.0;
        text += &format!("\"n\n{i}\",{x:?}\n");
    }
    text += "last,\n";
    let made: Vec<BTreeMap<_, _>> = [("1", "32MiB"), ("2", "512MiB"), ("7", "100MiB")]
        .map(|(threads, memory)| {
            let spool = Spool::without_model()
                .set(INCLUDE)
                .set(&format!("worker.threads={threads}"))
                .set(&format!("worker.memory={memory}"))
                .set("output.columns=all");
            spool.register(r#"{"features":["x"],"coefficients":[0.1],"intercept":0.7,"link":"logit"}"#);
            spool.approve(1);
            for dress in Dress::all() {
                spool.drop_file(&dress.name("a"), dress.file(&text));
            }
            spool.once().exits(0);
            // In other formats, too, of what has columns that are fixed.
            let mut all = outputs(&spool, Dress::all());
            for format in ["csv", "jsonl", "parquet"] {
                let fixed = Dress::all().filter(|dress| format == "jsonl" || !dress.is_json());
                spool.run(&["--once", "--set", &format!("output.format={format}")]);
                for name in spool.names("output") {
                    let of_fixed = fixed.clone().any(|dress| name.starts_with(&dress.name("a")));
                    if of_fixed {
                        all.insert(
                            format!("{name} in {format}"),
                            fs::read(spool.path("output").join(name)).unwrap(),
                        );
                    }
                }
            }
            all
        })
        .into();
    let fixed = Dress::all().filter(|dress| !dress.is_json()).count();
    assert_eq!(made[0].len(), 3 * Dress::all().count() + 2 * fixed);
    for (name, bytes) in &made[0] {
        assert!(made.iter().all(|other| &other[name] == bytes), "{name}: other bytes");
    }
}

/// Outputs and rejects, by name.
fn outputs(spool: &Spool, dresses: impl Iterator<Item = Dress>) -> BTreeMap<String, Vec<u8>> {
    let both = dresses.flat_map(|dress| {
        let name = dress.name("a");
        let rejects = spool.rejects(&name).unwrap().into_bytes();
        [
            (name.clone(), spool.output_bytes(&name).unwrap()),
            (name + " rejects", rejects),
        ]
    });
    both.collect()
}

/// A file with something in it that isn't as it should be.
fn damaged(dress: Dress, how: usize) -> Vec<u8> {
    let good = dress.file(&xs(&many(3 * GROUP)));
    let middle = good.len() / 2;
    match how {
        // Torn off, which a text of whole lines can't show.
        0 if matches!(dress, Dress::Csv | Dress::Tsv) => b"x\n\"1\n".to_vec(),
        0 if dress == Dress::JsonLines => dress.pack(b"{\"x\":1"),
        0 => good[..middle].to_vec(),
        // Something else by its name.
        1 => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0".to_vec(),
        // Nothing of what the model takes.
        2 => dress.file("y\n1\n"),
        // Overwritten: what stands at the end of tables tells all about them.
        _ if dress == Dress::JsonLines => String::from_utf8(good).unwrap().replace('{', "(").into_bytes(),
        _ if dress.is_table() => [&good[..good.len() - 64], &[0; 64]].concat(),
        _ if matches!(dress, Dress::Csv | Dress::Tsv) => [&good[..middle], &[0; 64], &good[middle + 64..]].concat(),
        _ => [&good[..middle], &vec![0xA5; middle]].concat(),
    }
}

#[test]
fn promise_5_one_bad_file_never_stops_the_others() {
    let spool = Spool::new().set(INCLUDE);
    for (place, dress) in Dress::all().enumerate() {
        for how in 0..4 {
            spool.drop_file(&dress.name(&format!("bad{how}")), damaged(dress, how));
        }
        spool.drop_file(&dress.name("good"), dress.file(&xs(&[place as f64])));
    }
    spool.once().exits(1);
    for (place, dress) in Dress::all().enumerate() {
        let expected = line(2.0, 1.0, &[place as f64]);
        assert_eq!(
            predictions(&spool, dress, &dress.name("good")).unwrap(),
            expected,
            "{dress:?}"
        );
        for how in 0..4 {
            let name = dress.name(&format!("bad{how}"));
            let report = spool
                .report(&name)
                .unwrap_or_else(|| panic!("{name} of {how} has no report"));
            let (code, message) = (report["code"].as_str().unwrap(), report["message"].as_str().unwrap());
            let fault = ["internal", "panic"];
            assert!(
                !fault.contains(&code) && !message.contains("panicked"),
                "{name}: {report}"
            );
            assert_eq!(spool.output_bytes(&name), None, "{name}: never half an output");
        }
    }
    assert_eq!(
        spool.run(&["status", "--json"]).json()["faults"],
        serde_json::Value::Array(vec![])
    );
}

#[test]
fn promise_7_bounded_memory() {
    // Of texts that can't be packed much; 4 MiB.
    let noise: String = (0..1 << 14)
        .map(|i: u32| blake3::hash(&i.to_le_bytes()).to_hex().to_string())
        .collect();
    let row = |i: usize| format!("{},1.5\n", &noise[i * 1013 % (noise.len() - 1000)..][..1000]);
    let csv = "note,x\n".to_string() + &(0..4 << 10).map(row).collect::<String>();
    // Others are read as these are.
    let alike = [Dress::Csv, Dress::Tsv, Dress::JsonLinesZst];
    for dress in Dress::all().filter(|dress| !alike.contains(dress)) {
        let spool = Spool::new().set(INCLUDE).set("worker.memory=32MiB");
        let daemon = spool.daemon();
        let mut peaks = Vec::new();
        for times in [1, 12] {
            let path = spool.path("delivery");
            fs::write(&path, dress.again(&csv, times)).unwrap();
            let name = dress.name(&times.to_string());
            fs::rename(path, spool.path("input").join(&name)).unwrap();
            wait_until(&format!("{name} is scored"), || spool.output_bytes(&name).is_some());
            peaks.push(daemon.most_memory() >> 20);
        }
        assert!(
            peaks[1] <= peaks[0] + 24 && peaks[1] < 96,
            "{dress:?}: {} MiB for 4, {} MiB for 48",
            peaks[0],
            peaks[1]
        );
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn promise_8_a_pass_uses_one_model() {
    let values = many(200_000);
    let text = xs(&values);
    for dress in [
        Dress::CsvGz,
        Dress::CsvZst,
        Dress::JsonLines,
        Dress::Parquet,
        Dress::Arrow,
    ]
    .into_iter()
    .filter(|dress| Dress::all().any(|known| known == *dress))
    {
        let spool = Spool::new().set(INCLUDE);
        spool.approve_line(3.0, 0.0);
        let name = dress.name("a");
        let bytes = dress.file(&text);
        let daemon = spool.daemon();
        spool.drop_file(&name, bytes);
        // As soon as version 2 is at it, its approval is revoked: it must publish nothing more.
        let at_work = || spool.names("output").iter().any(|n| n.starts_with(".transform-"));
        wait_until("it is being scored", at_work);
        daemon.signal(rustix::process::Signal::STOP);
        assert_eq!(spool.output_bytes(&name), None);
        spool.reject(2);
        daemon.signal(rustix::process::Signal::CONT);
        wait_until("version 1 scored it", || spool.output_bytes(&name).is_some());
        let output = predictions(&spool, dress, &name).unwrap();
        assert!(output == line(2.0, 1.0, &values), "{name}: all rows by version 1");
        let history = spool.run(&["history", &name, "--json"]).exits(0).json();
        assert_eq!(history[0]["version"], 1);
        assert_eq!(history.as_array().unwrap().len(), 1);
        assert_eq!(daemon.stop(), 0);
    }
}
