//! What the worker writes down of how things stand, and what a monitor makes of it.

use crate::cells::approve_categories;
use crate::schema;
use crate::spool::{Ran, Spool, wait_until, xs};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

fn status(spool: &Spool) -> Value {
    spool.run(&["status", "--json"]).exits(0).json()
}

/// What the worker wrote last.
fn written(spool: &Spool) -> Value {
    let text = fs::read(spool.path("status/status.json")).unwrap_or(b"null".to_vec());
    serde_json::from_slice(&text).unwrap()
}

fn check(spool: &Spool, flags: &[&str]) -> Ran {
    spool.run(&[&["status", "--check"], flags].concat())
}

#[test]
fn what_is_printed_and_what_is_written_fit_the_schema() {
    let spool = Spool::new().set("input.max_bad_rows=50%");
    schema::assert_valid("status", &status(&spool));
    spool.drop_file("good.csv", xs(&[1.0]));
    spool.drop_file("rows.csv", "x\n1\n2\noops\n");
    spool.drop_file("bad.csv", "");
    spool.drop_file("a.txt", "");
    fs::create_dir(spool.path("input/folder.csv")).unwrap();
    schema::assert_valid("status", &status(&spool));
    spool.once().exits(1);
    let (said, wrote) = (status(&spool), written(&spool));
    for found in [&said, &wrote] {
        schema::assert_valid("status", found);
        for (count, files) in [("done", 2), ("failed", 2), ("pending", 0), ("ignored", 1), ("bad", 1)] {
            assert_eq!(found[count], files, "{count} of {found:#}");
        }
        assert_eq!(found["worker"]["state"], "stopped");
        assert!(found["worker"]["stopped"].is_string() && found["last_success"].is_string());
        assert!(found["failed_files"][0]["failed_at"].is_string());
    }
    let mode = |path: &str| spool.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("status"), mode("status/status.json")), (0o750, 0o640));
    assert_eq!(spool.names("status"), ["status.json"]);
}

/// What is the same whoever tells it, and when.
fn lasting(mut found: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !name.ends_with("age_seconds") && !["at", "counted"].contains(&&**name));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut found);
    found
}

/// A one-shot looked at all inputs once more to report on them, which took as long as the run.
#[test]
fn a_one_shot_reports_what_status_finds() {
    let spool = Spool::without_model()
        .set("input.max_bad_rows=50%")
        .set("input.recursive=true")
        .set("input.links=[\"cache\"]");
    approve_categories(&spool, &["Oslo", "Rome"]);
    fs::create_dir(spool.path("cache")).unwrap();
    for (name, text) in [
        ("day/done.csv", &b"c\nOslo\n"[..]),
        ("fails.csv", b""),
        ("known.csv", b"d\n1\n"),
        ("held.csv", b"c\nRome\n"),
        ("left.csv", b"c\nRome\n"),
        ("notes.txt", b""),
        ("rows.csv", b"c\nOslo\n\xff\n"),
        ("rejects.csv", b"c\nOslo\n\xff\n"),
        ("unknown.csv", b"c\nPrague\n"),
        ("gone.csv", b"c\nPrague\n"),
        ("doubted.csv", b"c\nPrague\n"),
        ("blocked.csv", b"c\nRome\n"),
    ] {
        spool.drop_file(name, text);
    }
    let _open = fs::File::create(spool.path("input/open.csv")).unwrap();
    symlink("../cache/f00", spool.path("input/away.csv")).unwrap();
    fs::create_dir_all(spool.path("output/blocked.csv.out/in the way")).unwrap();
    let compare = |code: i32| {
        spool.once().exits(code);
        let (wrote, said) = (written(&spool), status(&spool));
        schema::assert_valid("status", &wrote);
        assert!(wrote["counted"].is_string(), "{wrote:#}");
        assert_eq!(lasting(wrote), lasting(said.clone()));
        said
    };
    // What the run did itself,
    let found = compare(1);
    assert_eq!((&found["done"], &found["pending"]), (&8.into(), &3.into()), "{found:#}");
    spool.run(&["dismiss", "known.csv", "--reason", "known"]).exits(0);
    fs::remove_file(spool.path("output/left.csv.out")).unwrap();
    fs::remove_file(spool.path("output/held.csv.out")).unwrap();
    fs::remove_file(spool.path("failed/rejects.csv.rejects.csv")).unwrap();
    fs::remove_file(spool.path("input/gone.csv")).unwrap();
    fs::write(spool.path("failed/held.csv.held.json"), "{}").unwrap();
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    for change in [
        "UPDATE results SET taken = 3 WHERE input = CAST('left.csv' AS BLOB)",
        "UPDATE results SET verdict = 2, published = 2 WHERE input = CAST('held.csv' AS BLOB)",
        "UPDATE results SET recipe = 0 WHERE input = CAST('doubted.csv' AS BLOB)",
    ] {
        assert_eq!(ledger.execute(change, []).unwrap(), 1, "{change}");
    }
    drop(ledger);
    // and what it found done.
    for _ in 0..2 {
        let found = compare(1);
        for (count, files) in [
            ("done", 5),
            ("pending", 3),
            ("failed", 1),
            ("dismissed", 1),
            ("held", 1),
            ("left", 1),
            ("ignored", 1),
            ("bad", 2),
            ("unknown", 2),
            ("retrying", 2),
        ] {
            assert_eq!(found[count], files, "{count} of {found:#}");
        }
        assert_eq!(found["bad_files"][0]["rejects_gone"], true, "{found:#}");
    }
    // One that can't work looks at what it never came to.
    spool.reject(1);
    let found = compare(3);
    assert!(found["pending"].as_u64() > Some(3), "{found:#}");
}

#[test]
fn a_worker_writes_what_it_does_and_that_it_ended() {
    let spool = Spool::new();
    let daemon = spool.daemon();
    spool.deliver("a.csv", xs(&[1.0]));
    wait_until("that is written down", || written(&spool)["done"] == 1);
    let wrote = written(&spool);
    schema::assert_valid("status", &wrote);
    let worker = &wrote["worker"];
    assert_eq!(
        (&worker["state"], &worker["mode"], &worker["pid"], &worker["model"]),
        (
            &"running".into(),
            &"daemon".into(),
            &daemon.pid().into(),
            &"lines/1".into()
        )
    );
    spool
        .run(&["status"])
        .exits(0)
        .says(&format!("running (pid {}, version ", daemon.pid()));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(written(&spool)["worker"]["state"], "stopped");
    spool
        .run(&["status"])
        .exits(0)
        .says("not running (the last one ended at ");
}

/// It was "running".
#[test]
fn a_worker_that_is_stopped_does_not_respond() {
    let spool = Spool::new();
    let daemon = spool.daemon();
    wait_until("it reports", || written(&spool)["worker"]["heartbeat"].is_string());
    check(&spool, &[])
        .exits(0)
        .says("TRANSFORM OK - 0 done, model lines/1 |done=0;;;0 ");
    daemon.signal(Signal::STOP);
    let stat = || fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    wait_until("it is stopped", || stat().contains(") T "));
    // A minute passes.
    let minute = SystemTime::now() - Duration::from_secs(60);
    let lock = fs::File::options().append(true).open(spool.path("state/lock")).unwrap();
    lock.set_modified(minute).unwrap();
    let mut old = written(&spool);
    old["worker"]["heartbeat"] = jiff::Timestamp::try_from(minute).unwrap().to_string().into();
    fs::write(spool.path("status/status.json"), old.to_string()).unwrap();
    let found = status(&spool);
    schema::assert_valid("status", &found);
    assert_eq!(found["worker"]["state"], "not_responding");
    assert!(found["worker"]["heartbeat_age_seconds"].as_u64() >= Some(60));
    spool.run(&["status"]).exits(0).says("NOT RESPONDING since ");
    check(&spool, &[])
        .exits(2)
        .says("CRITICAL - the worker doesn't respond, for 6");
    daemon.signal(Signal::CONT);
    wait_until("it responds", || status(&spool)["worker"]["state"] == "running");
    daemon.kill();
    check(&spool, &[]).exits(2).says("CRITICAL - no worker runs (hint: ");
    spool.run(&["status"]).exits(0).says("ended without a word after ");
}

#[test]
fn a_pending_file_says_since_when_and_what_for() {
    let spool = Spool::without_model().set("input.settle=1h");
    let reason = |spool: &Spool| status(spool)["pending_files"][0]["reason"].clone();
    spool.drop_file("a.csv", xs(&[1.0]));
    assert_eq!(reason(&spool), "no_model");
    spool.approve_line(2.0, 1.0);
    assert_eq!(reason(&spool), "settling");
    let spool = spool.set("input.settle=0s");
    assert_eq!(reason(&spool), "no_worker");
    let changed = spool.path("input/a.csv").metadata().unwrap().modified().unwrap();
    let found = status(&spool);
    let since: jiff::Timestamp = found["pending_files"][0]["since"].as_str().unwrap().parse().unwrap();
    let changed = jiff::Timestamp::try_from(changed).unwrap();
    assert!((since.as_second() - changed.as_second()).abs() <= 1, "{found:#}");
    assert_eq!(found["oldest_pending"], found["pending_files"][0]["since"]);
    spool
        .run(&["status"])
        .exits(0)
        .says("a.csv  since ")
        .says(", no worker runs");
    spool.once().exits(0);
    assert_eq!(status(&spool)["oldest_pending"], Value::Null);
    // By another model it is out of date since that was approved.
    spool.approve_line(3.0, 1.0);
    let found = status(&spool);
    assert!(
        found["pending_files"][0]["since"].as_str() > Some(&*changed.to_string()),
        "{found:#}"
    );
}

/// A worker scores from memory: status looked healthy until it was started again.
#[test]
fn a_model_that_is_damaged_under_a_running_worker_is_seen_everywhere() {
    let spool = Spool::new().set("input.poll_interval=100ms");
    spool.drop_file("a.csv", xs(&[1.0]));
    let daemon = spool.daemon();
    wait_until("it is done", || written(&spool)["done"] == 1);
    let artifact = spool.path("models/lines/1/linear.json");
    let whole = fs::read(&artifact).unwrap();
    fs::remove_file(&artifact).unwrap();
    fs::write(&artifact, r#"{"features":["x"],"coefficients":[9],"intercept":1.0}"#).unwrap();
    wait_until("the worker sees it", || {
        written(&spool)["model_error_code"] == "damaged_model"
    });
    let (said, wrote) = (status(&spool), written(&spool));
    for found in [&said, &wrote] {
        schema::assert_valid("status", found);
        assert_eq!(
            (&found["model"], &found["worker"]["model"]),
            (&Value::Null, &"lines/1".into())
        );
        assert_eq!((&found["done"], &found["pending"]), (&1.into(), &0.into()));
    }
    spool
        .run(&["status"])
        .exits(0)
        .says("NOT OK: ")
        .says("goes on by lines/1 until it ends")
        .says("hint: register the model again");
    check(&spool, &[])
        .exits(2)
        .says("CRITICAL - model: ")
        .says("linear.json: the artifact was changed after it was registered");
    // In the same words, whoever says it.
    assert_eq!(said["model_error"], wrote["model_error"]);
    spool
        .run(&["models", "list"])
        .exits(0)
        .says("approved, can't be used")
        .says("was changed after");
    let listed = spool.run(&["models", "list", "--json"]).exits(0).json();
    assert!(
        listed[0]["error"].as_str().unwrap().contains("was changed after"),
        "{listed:#}"
    );
    fs::remove_file(&artifact).unwrap();
    fs::write(&artifact, whole).unwrap();
    wait_until("it is whole again", || written(&spool)["model"] == "lines/1");
    check(&spool, &[]).exits(0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_status_folder_that_cannot_be_written_stops_nobody_and_is_said_once() {
    let spool = Spool::new();
    fs::write(spool.path("status"), "no folder").unwrap();
    spool.run(&["check"]).exits(0).says("warning  status: ");
    let daemon = spool.daemon();
    for name in ["a.csv", "b.csv"] {
        spool.deliver(name, xs(&[1.0]));
        wait_until("it is scored", || spool.output(name).is_some());
        wait_until("it is recorded", || status(&spool)["pending"] == 0);
    }
    daemon.logs("can't write down how things stand");
    assert_eq!(status(&spool)["worker"]["state"], "running");
    check(&spool, &[]).exits(1).says("WARNING - can't read ");
    let said = daemon.log().matches("can't write down how things stand").count();
    assert_eq!(said, 1, "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
}

/// It said nothing: neither that what it shows of the worker is old, nor of what to do.
#[test]
fn a_worker_that_can_no_longer_write_its_status_is_said_to() {
    let spool = Spool::new().set("metrics.textfile=transform.prom");
    let textfile = |sample: &str| {
        let text = fs::read_to_string(spool.path("transform.prom")).unwrap_or_default();
        text.lines()
            .any(|line| line.starts_with("transform_status_written{") && line.ends_with(sample))
    };
    let daemon = spool.daemon();
    wait_until("it writes", || {
        written(&spool)["worker"]["state"] == "running" && textfile(" 1")
    });
    // As rights that went, which hinder no root.
    let blocked = spool.path("status/status.json.tmp");
    fs::create_dir(&blocked).unwrap();
    daemon.logs("can't write down how things stand");
    wait_until("the textfile says so", || textfile(" 0"));
    let mut old = written(&spool);
    old["at"] = "2026-01-01T00:00:00Z".into();
    old["worker"]["heartbeat"] = old["at"].clone();
    fs::write(spool.path("status/status.json"), old.to_string()).unwrap();
    let found = status(&spool);
    schema::assert_valid("status", &found);
    assert_eq!(found["worker"]["state"], "running");
    let error = found["worker"]["report_error"].as_str().unwrap();
    assert!(error.contains("stands since 2026-01-01T00:00:00Z"), "{error}");
    spool.run(&["status"]).exits(0).says(&format!("NOT OK: {error}"));
    check(&spool, &[]).exits(1).says(&format!("WARNING - {error} |"));
    // Nor was there one since it started.
    fs::remove_file(spool.path("status/status.json")).unwrap();
    check(&spool, &[])
        .exits(1)
        .says("status.json is not by the worker that runs: it can't write it");
    fs::remove_dir(&blocked).unwrap();
    wait_until("it writes again", || {
        written(&spool)["worker"]["state"] == "running" && textfile(" 1")
    });
    check(&spool, &[]).exits(0);
    assert_eq!(status(&spool)["worker"]["report_error"], Value::Null);
    assert_eq!(daemon.stop(), 0);
}

/// It was "not responding": it wrote no status, nor touched its lock.
#[test]
fn a_worker_of_an_earlier_version_says_nothing_of_itself() {
    let spool = Spool::new();
    spool.once().exits(0);
    fs::remove_file(spool.path("status/status.json")).unwrap();
    let lock = fs::File::options().write(true).open(spool.path("state/lock")).unwrap();
    lock.lock().unwrap();
    lock.set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
    spool
        .run(&["status"])
        .exits(0)
        .says("SAYS NOTHING of itself since ")
        .says("another version of transform, which a restart replaces");
    check(&spool, &[])
        .exits(2)
        .says("CRITICAL - the worker says nothing of itself, for 36")
        .says("status.json is not by the worker that runs");
}

/// It said that nothing was pending.
#[test]
fn status_in_a_folder_without_a_spool_says_where_it_looked() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().canonicalize().unwrap();
    let run = |flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_transform"));
        let out = command.env_clear().current_dir(&folder).args(flags).output().unwrap();
        let text = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        (out.status.code(), text)
    };
    let (code, text) = run(&["status"]);
    let input = folder.join("spool/input").display().to_string();
    assert!(
        code == Some(64) && text.contains("there is no spool here") && text.contains(&input),
        "{text}"
    );
    assert!(text.contains("/etc/transform/transform.toml"), "{text}");
    let (code, text) = run(&["status", "--check"]);
    assert!(code == Some(3) && text.starts_with("TRANSFORM UNKNOWN - "), "{text}");
}

#[test]
fn a_check_is_of_its_exit_codes() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    // From cron, no worker runs most of the time.
    let cron = ["--max-run-age", "1h"];
    check(&spool, &cron).exits(2).says("CRITICAL - no worker runs");
    spool.once().exits(0);
    check(&spool, &[]).exits(2);
    check(&spool, &cron)
        .exits(0)
        .says("TRANSFORM OK - 1 done, model lines/1 |");
    spool.drop_file("bad.csv", "");
    spool.once().exits(1);
    check(&spool, &cron).exits(1).says("TRANSFORM WARNING - 1 failed |");
    // It has been there for a day.
    let file = fs::File::options()
        .append(true)
        .open(spool.drop_file("c.csv", xs(&[1.0])))
        .unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400))
        .unwrap();
    drop(file);
    check(&spool, &cron).exits(1);
    spool.reject(1);
    check(&spool, &cron).exits(2).says("its one version is not approved");
    fs::remove_file(spool.path("transform.toml")).unwrap();
    check(&spool, &cron).exits(3).says("TRANSFORM UNKNOWN - ");
    spool.write_config();
    check(&spool, &["--max-pending-age", "soon"]).exits(64);
    spool.run(&["status", "--check", "--json"]).exits(64);
}

/// The disk of the status was full: the textfile, on another one, stayed as it was.
#[test]
fn a_status_that_cannot_be_written_keeps_no_textfile_from_being() {
    let spool = Spool::new()
        .set("metrics.textfile=collector/transform.prom")
        .set("status.path=taken/status");
    fs::create_dir(spool.path("collector")).unwrap();
    fs::write(spool.path("taken"), "a file").unwrap();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0).says("can't write down how things stand");
    let text = fs::read_to_string(spool.path("collector/transform.prom")).unwrap();
    let done = text
        .lines()
        .find(|l| l.starts_with("transform_files{") && l.contains("\"done\""))
        .unwrap();
    assert!(done.ends_with(" 1"), "{text}");
}

#[test]
fn the_textfile_says_what_status_says() {
    let spool = Spool::new().set("metrics.textfile=collector/transform.prom");
    fs::create_dir(spool.path("collector")).unwrap();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("bad.csv", "");
    spool.once().exits(1);
    let text = fs::read_to_string(spool.path("collector/transform.prom")).unwrap();
    let sample = |name: &str, label: &str| {
        let mut lines = text
            .lines()
            .filter(|l| l.starts_with(&format!("{name}{{")) && l.contains(label));
        let value = lines
            .next()
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap();
        value.parse::<f64>().unwrap()
    };
    let found = status(&spool);
    for state in ["done", "pending", "failed", "held", "left", "ignored"] {
        let said = found[state].as_f64().unwrap();
        assert_eq!(
            sample("transform_files", &format!("state=\"{state}\"")),
            said,
            "{state}"
        );
    }
    assert_eq!(sample("transform_model_usable", ""), 1.0);
    assert_eq!(sample("transform_worker_running", ""), 0.0);
    let heartbeat: jiff::Timestamp = found["worker"]["heartbeat"].as_str().unwrap().parse().unwrap();
    let age = sample("transform_worker_heartbeat_timestamp_seconds", "") - heartbeat.as_second() as f64;
    assert!(age.abs() < 2.0, "{text}");
    let mode = spool
        .path("collector/transform.prom")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(spool.names("collector"), ["transform.prom"]);
    let listed = json!(spool.names("status"));
    assert_eq!(listed, json!(["status.json"]));
}
