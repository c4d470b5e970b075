//! What an operator needs: one worker, reload, status, retry, history, and a service manager that is kept informed.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn one_worker_per_state_folder() {
    let spool = Spool::new();
    let daemon = spool.daemon();
    let pid = daemon.pid();
    spool.once().exits(75).says(&format!("pid {pid}"));
    spool.run::<&str>(&[]).exits(75).says(&format!("pid {pid}"));
    let worker = || spool.run(&["status", "--json"]).exits(0).json()["worker"].clone();
    assert_eq!((&worker()["state"], &worker()["pid"]), (&"running".into(), &pid.into()));
    // A lock whose holder was killed is no obstacle.
    daemon.kill();
    assert_eq!(worker()["state"], "stopped");
    spool.once().exits(0);
    let daemon = spool.daemon();
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_reload_takes_a_good_configuration_and_refuses_a_bad_one() {
    let mut spool = Spool::new();
    spool.drop_file("a.csv", "id,x\nr1,1\n");
    let daemon = spool.daemon();
    wait_until("it is scored", || {
        spool.output("a.csv") == Some("prediction\n3.0\n".into())
    });
    spool = spool.set("output.columns=all");
    daemon.signal(Signal::HUP);
    wait_until("it is scored again", || {
        spool.output("a.csv") == Some("id,x,prediction\nr1,1,3.0\n".into())
    });
    let good = fs::read_to_string(spool.path("transform.toml")).unwrap();
    fs::write(spool.path("transform.toml"), good.replace("columns", "collumns")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logs("the new configuration is refused; the old one stays");
    assert!(daemon.log().contains("unknown key output.collumns"), "{}", daemon.log());
    spool.drop_file("b.csv", "id,x\nr2,2\n");
    wait_until("it goes on", || {
        spool.output("b.csv") == Some("id,x,prediction\nr2,2,5.0\n".into())
    });
    fs::write(spool.path("transform.toml"), good.replace("\"state\"", "\"state2\"")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logs("state.path can't change");
    // Another input folder, watched from now on.
    fs::create_dir(spool.path("input2")).unwrap();
    fs::write(spool.path("transform.toml"), good.replace("\"input\"", "\"input2\"")).unwrap();
    daemon.signal(Signal::HUP);
    wait_until("it read it", || {
        daemon.log().matches("configuration read again").count() == 2
    });
    fs::write(spool.path("input2/c.csv"), "id,x\nr3,3\n").unwrap();
    wait_until("it is scored", || spool.output("c.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let spool = Spool::new();
    spool.drop_file("good.csv", xs(&[1.0]));
    spool.drop_file("bad.csv", "y\n1\n");
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut daemon = spool.command::<&str>(&[]).stderr(full()).spawn().unwrap();
    wait_until("both are done", || {
        spool.output("good.csv").is_some() && spool.report("bad.csv").is_some()
    });
    let pid = rustix::process::Pid::from_raw(daemon.id() as i32).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    let once = spool.command(&["--once", "--all"]).stderr(full()).status().unwrap();
    assert_eq!(once.code(), Some(1));
}

#[test]
fn status_shows_why_the_worker_cannot_look_at_the_models() {
    let spool = Spool::new().set("input.poll_interval=100ms");
    let daemon = spool.daemon();
    let faults = || spool.run(&["status", "--json"]).exits(0).json()["faults"].clone();
    fs::rename(spool.path("models/lines"), spool.path("lines")).unwrap();
    std::os::unix::fs::symlink("lines", spool.path("models/lines")).unwrap(); // to itself
    wait_until("status shows it", || faults()[0]["code"] == "io_error");
    spool.drop_file("a.csv", xs(&[1.0]));
    fs::remove_file(spool.path("models/lines")).unwrap();
    fs::rename(spool.path("lines"), spool.path("models/lines")).unwrap();
    wait_until("it is scored", || spool.output("a.csv").is_some());
    assert_eq!(faults().as_array().map(Vec::len), Some(0));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_reload_that_mends_a_trouble_also_takes_it_from_status() {
    let mut spool = Spool::new();
    let daemon = spool.daemon();
    let faults = |spool: &Spool| spool.run(&["status", "--json"]).exits(0).json()["faults"].clone();
    fs::remove_dir(spool.path("input")).unwrap();
    wait_until("status shows it", || faults(&spool)[0]["code"] == "not_found");
    fs::create_dir(spool.path("input2")).unwrap();
    spool = spool.set("input.path=input2");
    daemon.signal(Signal::HUP);
    wait_until("status shows it no more", || {
        faults(&spool).as_array().unwrap().is_empty()
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn status_tells_how_things_stand() {
    let spool = Spool::new();
    spool.run(&["status"]).exits(0).says("not running").says("lines/1");
    spool.drop_file("good.csv", xs(&[1.0]));
    spool.drop_file("bad.csv", "");
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["pending"], &status["pending_files"][0]["file"]),
        (&2.into(), &"bad.csv".into())
    );
    spool.once().exits(1);
    for running in [false, true] {
        let daemon = running.then(|| spool.daemon());
        let status = spool.run(&["status", "--json"]).exits(0).json();
        assert_eq!(
            (&status["done"], &status["failed"], &status["pending"]),
            (&1.into(), &1.into(), &0.into())
        );
        assert_eq!(status["failed_files"][0]["code"], "empty_file");
        assert_eq!(status["model"], "lines/1");
        assert_eq!(status["worker"]["state"] == "running", running);
        spool
            .run(&["status"])
            .exits(0)
            .says("bad.csv  empty_file: the file is empty");
        drop(daemon);
    }
    spool.reject(1);
    spool.run(&["status"]).exits(0).says("its one version is not approved");
    fs::remove_dir_all(spool.path("input")).unwrap();
    spool.run(&["status"]).exits(0).says("No such file");
}

#[test]
fn status_shows_a_damaged_model_as_what_it_is() {
    let spool = Spool::new();
    let status = || spool.run(&["status", "--json"]).exits(0).json();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    assert_eq!(
        (&status()["model"], &status()["model_proven"]),
        (&"lines/1".into(), &true.into())
    );
    let artifact = spool.path("models/lines/1/linear.json");
    fs::remove_file(&artifact).unwrap();
    fs::write(&artifact, r#"{"features":["x"],"coefficients":[9],"intercept":1.0}"#).unwrap();
    let damaged = status();
    assert_eq!(
        (&damaged["model"], &damaged["model_proven"]),
        (&Value::Null, &false.into())
    );
    let error = damaged["model_error"].as_str().unwrap();
    assert!(error.contains("linear.json: the artifact was changed after"), "{error}");
    // What the version made while it was whole is no less done.
    assert_eq!(damaged["done"], 1);
    spool.run(&["status"]).exits(0).says(error);
}

#[test]
fn history_keeps_every_transformation() {
    let spool = Spool::new();
    spool.run(&["history"]).exits(0).says("no transformation yet");
    let path = spool.drop_file("a.csv", "x\n1\nfoo\n3\n4\n5\n6\n7\n8\n9\n10\n");
    spool.drop_file("b.csv", xs(&[1.0]));
    spool.once().exits(0);
    spool.approve_line(3.0, 0.0);
    spool.once().exits(0);
    fs::write(&path, "").unwrap();
    spool.once().exits(1);
    let history = spool.run(&["history", "a.csv", "--json"]).exits(0).json();
    let versions: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [2, 2, 1]);
    assert_eq!(history[0]["problem"], "empty_file");
    assert_eq!((&history[2]["rows"], &history[2]["bad_rows"]), (&10.into(), &1.into()));
    let text = "x\n1\nfoo\n3\n4\n5\n6\n7\n8\n9\n10\n";
    assert_eq!(
        history[2]["input_blake3"],
        blake3::hash(text.as_bytes()).to_hex().as_str()
    );
    let by_path = spool.run(&["history", path.to_str().unwrap()]).exits(0);
    assert_eq!(by_path.stdout.lines().count(), 4, "{by_path:?}");
    assert_eq!(
        spool
            .run(&["history", "--limit", "2", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let output = spool.output("b.csv").unwrap();
    let history = spool.run(&["history", "b.csv", "--json"]).json();
    assert_eq!(
        history[0]["output_blake3"],
        blake3::hash(output.as_bytes()).to_hex().as_str()
    );
}

#[test]
fn failed_files_are_tried_again_only_when_asked() {
    let spool = Spool::new()
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h");
    spool.drop_file("bad.csv", "");
    spool.drop_file("good.csv", xs(&[1.0]));
    spool.once().exits(1);
    spool.strict().exits(1).says("1 failed");
    let tries = || {
        spool
            .run(&["history", "bad.csv", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(tries(), 1);
    spool
        .run(&["retry", "bad.csv"])
        .exits(0)
        .says("1 file to try again; the next run tries them");
    spool.once().exits(1);
    assert_eq!(tries(), 2);
    spool
        .run(&["retry", "good.csv"])
        .exits(64)
        .says("good.csv did not fail");
    let daemon = spool.daemon();
    let retried = spool.run(&["retry", "--json"]).exits(0).json();
    assert_eq!(
        (&retried["retried"][0], &retried["worker_running"]),
        (&"bad.csv".into(), &true.into())
    );
    wait_until("it is tried", || tries() == 3);
    wait_until("the report is back", || spool.report("bad.csv").is_some());
    spool.drop_file("bad.csv", xs(&[4.0]));
    wait_until("it succeeds", || {
        spool.output("bad.csv") == Some(line(2.0, 1.0, &[4.0]))
    });
    wait_until("its report is gone", || spool.report("bad.csv").is_none());
    wait_until("that is recorded", || {
        spool.run(&["status", "--json"]).json()["done"] == 2
    });
    spool.run(&["retry"]).exits(0).says("no file has failed");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn check_says_what_is_not_ready() {
    let spool = Spool::new();
    spool.run(&["check"]).exits(0).says("model: lines/1");
    spool.reject(1);
    spool.run(&["check"]).exits(3).says("NOT OK   model");
    spool.run(&["check", "--no-model-ok"]).exits(0).says("waiting  model");
    fs::remove_dir(spool.path("input")).unwrap();
    spool
        .run(&["check"])
        .exits(75)
        .says("NOT OK   input")
        .says("NOT OK   model");
    spool
        .run(&["check", "--set", "state.path=input/state"])
        .exits(64)
        .says("must lie apart");
}

#[test]
fn the_service_manager_is_kept_informed() {
    let spool = Spool::new();
    let socket = UnixDatagram::bind(spool.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    spool.drop_file("a.csv", xs(&[1.0]));
    let mut command = spool.command::<&str>(&[]);
    command
        .env("NOTIFY_SOCKET", spool.path("notify"))
        .env("WATCHDOG_USEC", "100000");
    let mut child = command
        .stderr(fs::File::create(spool.path("log")).unwrap())
        .spawn()
        .unwrap();
    let mut heard = String::new();
    let mut hear = |words: &str| {
        let mut buffer = [0; 4096];
        while !heard.contains(words) {
            let n = socket
                .recv(&mut buffer)
                .unwrap_or_else(|e| panic!("{e}: no {words:?} in {heard:?}"));
            heard += &format!("{}\n", String::from_utf8_lossy(&buffer[..n]));
        }
        let at = heard.find(words).unwrap();
        heard.drain(..at + words.len());
    };
    hear("READY=1");
    hear("STATUS=model lines/1; done 1, pending 0, failed 0");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    hear("RELOADING=1");
    hear("READY=1");
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    hear("STOPPING=1");
    // Its last words stay. They were "model lines/1; done 1 ...".
    hear("STATUS=stopped");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_ledger_that_is_damaged_or_newer_is_not_taken_for_an_empty_one() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    let ledger = spool.path("state/ledger.db");
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, "not a database at all, but long enough to be looked at as one").unwrap();
    spool.once().exits(64).says("move it aside");
    fs::write(&ledger, &whole).unwrap();
    let db = rusqlite::Connection::open(&ledger).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    spool.once().exits(64).says("newer version of transform");
    spool.run(&["status"]).exits(64).says("newer version of transform");
    // Moved aside: all is scored again, to the same bytes.
    let before = spool.output("a.csv");
    fs::remove_dir_all(spool.path("state")).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv"), before);
}

#[test]
fn completions_and_help_are_there() {
    let spool = Spool::new();
    for shell in ["bash", "zsh", "fish"] {
        spool.run(&["completions", shell]).exits(0).says("complete -- ");
    }
    spool
        .run(&["--help"])
        .exits(0)
        .says("Exit codes:")
        .says("75  another worker");
    spool
        .run(&["models", "register", "--help"])
        .exits(0)
        .says("\"coefficients\"");
}

/// From a repository the commit that it was built of is told, from an archive none.
#[test]
fn the_version_has_the_commit() {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).unwrap().trim().to_string())
    };
    let real = |path: &str| std::fs::canonicalize(path).unwrap();
    let top = git(&["rev-parse", "--show-toplevel"]).filter(|top| real(top) == real(env!("CARGO_MANIFEST_DIR")));
    let commit = top.and_then(|_| git(&["rev-parse", "--short=8", "HEAD"]));
    let version = Spool::new().run(&["--version"]).exits(0).stdout;
    let number = env!("CARGO_PKG_VERSION");
    match commit {
        Some(commit) => assert!(
            version.starts_with(&format!("transform {number} ({}", &commit[..8])),
            "{version} {commit}"
        ),
        None => assert_eq!(version, format!("transform {number}\n")),
    }
}

/// `--set` and its like stood between `--rate` and `--quota`.
#[test]
fn help_has_what_a_command_takes_of_its_own_before_what_all_take() {
    let help = Spool::new().run(&["keys", "add", "--help"]).exits(0).stdout;
    let at = |option: &str| {
        help.find(&format!("\n      --{option} "))
            .unwrap_or_else(|| panic!("{option} in {help}"))
    };
    let own = ["rate", "burst", "quota", "expires", "groups", "sha256"].map(at);
    let all = ["config", "set", "log-format", "log-level"].map(at);
    assert!(own.is_sorted() && all.is_sorted() && own[5] < all[0], "{help}");
}

#[test]
fn nothing_is_made_below_a_missing_mount() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    // As after a run on a bucket that is now unmounted, with the folders on it.
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let places = "UPDATE meta SET value = 'mount' WHERE key IN ('place output', 'place failed')";
    assert_eq!(ledger.execute(places, []).unwrap(), 2);
    drop(ledger);
    fs::remove_dir_all(spool.path("output")).unwrap();
    fs::remove_dir_all(spool.path("failed")).unwrap();
    spool.once().exits(75).says("was on a mount");
    spool.run::<&str>(&[]).exits(75).says("was on a mount");
    spool.run(&["check"]).exits(75).says("was on a mount");
    assert!(!spool.path("output").exists() && !spool.path("failed").exists());
}
