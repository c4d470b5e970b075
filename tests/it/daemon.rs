//! The daemon as a process, with real events.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::Write;

/// Nothing but events can bring these about within the test's patience.
fn by_events() -> Spool {
    Spool::new()
        .set("input.settle=1h")
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h")
}

/// Who reads a log at night sees first what runs, and on what.
#[test]
fn the_first_line_of_a_log_says_what_runs_by_which_configuration_where_and_by_which_model() {
    let spool = Spool::new();
    let daemon = spool.daemon();
    let log = daemon.log();
    let first = log.lines().next().unwrap();
    let version = spool.run(&["--version"]).exits(0).stdout;
    let version = version.trim_start_matches("transform ").trim();
    assert!(first.contains("worker starts"), "{first}");
    assert!(first.contains(version), "{first}");
    let config = spool.path("transform.toml").display().to_string();
    assert!(first.contains(&format!("config={config:?}")), "{first}");
    assert!(first.contains("model=\"lines/1\""), "{first}");
    for folder in ["input", "output", "failed", "models", "state"] {
        let path = spool.path(folder);
        assert!(
            first.contains(&format!("{folder}={:?}", path.display().to_string())),
            "{folder}: {first}"
        );
    }
    daemon.stop();
    spool.reject(1);
    let daemon = spool.daemon();
    assert!(
        daemon
            .log()
            .lines()
            .next()
            .unwrap()
            .contains("model=\"none is approved\"")
    );
}

#[test]
fn files_are_scored_however_they_arrive() {
    let spool = by_events();
    let elsewhere = spool.path("elsewhere.csv");
    let daemon = spool.daemon();
    let arrives = |name: &str, x: f64| {
        wait_until(&format!("{name} is scored"), || {
            spool.output(name) == Some(line(2.0, 1.0, &[x]))
        });
    };

    spool.drop_file("written.csv", xs(&[1.0]));
    arrives("written.csv", 1.0);

    fs::write(&elsewhere, xs(&[2.0])).unwrap();
    fs::copy(&elsewhere, spool.path("input/copied.csv")).unwrap();
    arrives("copied.csv", 2.0);

    fs::write(&elsewhere, xs(&[3.0])).unwrap();
    fs::rename(&elsewhere, spool.path("input/moved.csv")).unwrap();
    arrives("moved.csv", 3.0);

    // As rsync does it.
    fs::write(spool.path("input/.synced.csv.Xa3f9Q"), xs(&[4.0])).unwrap();
    fs::rename(spool.path("input/.synced.csv.Xa3f9Q"), spool.path("input/synced.csv")).unwrap();
    arrives("synced.csv", 4.0);

    // As browsers and careful producers do it.
    fs::write(spool.path("input/careful.csv.part"), xs(&[5.0])).unwrap();
    fs::rename(spool.path("input/careful.csv.part"), spool.path("input/careful.csv")).unwrap();
    arrives("careful.csv", 5.0);

    // Changed in place, to the same size, right after.
    for x in [6.0, 7.0, 8.0, 9.0] {
        spool.drop_file("written.csv", xs(&[x]));
    }
    arrives("written.csv", 9.0);

    // Replaced by a rename.
    fs::write(&elsewhere, xs(&[3.5])).unwrap();
    fs::rename(&elsewhere, spool.path("input/moved.csv")).unwrap();
    arrives("moved.csv", 3.5);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(spool.names("output").len(), 5);
    assert_eq!(spool.names("failed").len(), 0);
}

#[test]
fn a_hard_link_settles_by_time() {
    let spool = Spool::new()
        .set("input.settle=200ms")
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h");
    let daemon = spool.daemon();
    let elsewhere = spool.path("elsewhere.csv");
    fs::write(&elsewhere, xs(&[1.0])).unwrap();
    fs::hard_link(&elsewhere, spool.path("input/a.csv")).unwrap();
    wait_until("it is scored", || spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0])));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_slow_writer_is_never_overtaken() {
    let spool = Spool::new()
        .set("input.settle=200ms")
        .set("input.rescan_interval=10ms")
        .set("input.poll_interval=10ms");
    let elsewhere = spool.path("elsewhere.csv");
    fs::write(&elsewhere, xs(&[1.0])).unwrap();
    let daemon = spool.daemon();
    let mut slow = File::create(spool.path("input/slow.csv")).unwrap();
    slow.write_all(b"x\n1\n").unwrap();
    for i in 0..5 {
        // A link raises no event of a writer: it is scored once it has stood for `settle`. By then the slow one, which
        // is older, has stood too, and was listed many times: only the word of events protects it.
        let name = format!("{i}.csv");
        fs::hard_link(&elsewhere, spool.path("input").join(&name)).unwrap();
        wait_until("the link is scored", || spool.output(&name).is_some());
        assert_eq!(spool.output("slow.csv"), None);
        slow.write_all(b"2\n").unwrap();
    }
    drop(slow);
    let mut values = vec![2.0; 6];
    values[0] = 1.0;
    wait_until("the slow one is scored", || spool.output("slow.csv").is_some());
    assert_eq!(spool.output("slow.csv").unwrap(), line(2.0, 1.0, &values));
    // The ledger commits after the output is there.
    let history = || spool.run(&["history", "slow.csv", "--json"]).exits(0).json();
    let times = || history().as_array().unwrap().len();
    wait_until("the ledger knows of it", || times() > 0);
    assert_eq!(times(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_rule_holds_while_it_runs() {
    let spool = by_events();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[2.0]));
    let spool = spool.set("input.settle=0s");
    let daemon = spool.daemon();
    let by = |slope: f64, intercept: f64| {
        wait_until("both are scored", || {
            spool.output("a.csv") == Some(line(slope, intercept, &[1.0]))
                && spool.output("b.csv") == Some(line(slope, intercept, &[2.0]))
        });
    };
    by(2.0, 1.0);
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    by(2.0, 1.0);
    fs::write(spool.path("output/b.csv.out"), "what somebody else wrote").unwrap();
    by(2.0, 1.0);
    fs::rename(spool.path("output/a.csv.out"), spool.path("taken away")).unwrap();
    by(2.0, 1.0);
    let second = spool.approve_line(5.0, 0.0);
    by(5.0, 0.0);
    spool.reject(second);
    by(2.0, 1.0);
    spool.approve(second);
    by(5.0, 0.0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn it_waits_for_a_model() {
    let spool = Spool::without_model();
    spool.drop_file("a.csv", xs(&[1.0]));
    let daemon = spool.daemon();
    daemon.logs("waiting for an approved model");
    spool.approve_line(2.0, 1.0);
    wait_until("it is scored", || spool.output("a.csv").is_some());
    // A damaged one is waited out too, and never replaced by an older one in silence.
    let bad = spool.register_line(9.0, 9.0);
    let artifact = spool.path(format!("models/lines/{bad}/linear.json"));
    let whole = fs::read(&artifact).unwrap();
    fs::remove_file(&artifact).unwrap();
    spool
        .run(&["models", "approve", "2"])
        .exits(3)
        .says("the file is missing");
    fs::write(&artifact, &whole).unwrap();
    spool.approve(bad);
    wait_until("version 2 scored it", || {
        spool.output("a.csv") == Some(line(9.0, 9.0, &[1.0]))
    });
    fs::remove_file(&artifact).unwrap();
    spool.drop_file("b.csv", xs(&[1.0]));
    // The model is in memory and pinned; a restart finds the damage.
    wait_until("version 2 scored it", || {
        spool.output("b.csv") == Some(line(9.0, 9.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
    let daemon = spool.daemon();
    daemon.logs("the approved model can't be used");
    spool.drop_file("c.csv", xs(&[1.0]));
    spool.reject(bad);
    wait_until("version 1 scored it", || {
        spool.output("c.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_input_folder_may_come_late_go_and_come_back() {
    let spool = Spool::new()
        .set("input.poll_interval=20ms")
        .set("input.rescan_interval=1h");
    fs::remove_dir(spool.path("input")).unwrap();
    let daemon = spool.daemon();
    daemon.logs("can't work for now");
    spool.drop_file("a.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("a.csv").is_some());
    daemon.logs("working again");
    fs::remove_dir_all(spool.path("input")).unwrap();
    wait_until("it is missed", || {
        daemon.log().matches("can't work for now").count() == 2
    });
    spool.drop_file("b.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("b.csv").is_some());
    // Moved away, and another one put in its place.
    fs::rename(spool.path("input"), spool.path("old input")).unwrap();
    fs::create_dir(spool.path("input")).unwrap();
    spool.drop_file("c.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("c.csv").is_some());
    spool.drop_file("d.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("d.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

/// Without a model nothing is listed, and so it was missed by nobody.
#[test]
fn an_input_folder_that_does_not_exist_is_said_without_a_model_too() {
    let spool = Spool::without_model().set("input.poll_interval=20ms");
    fs::remove_dir(spool.path("input")).unwrap();
    let daemon = spool.daemon();
    daemon.logs("the input folder doesn't exist; waiting for it, too");
    daemon.logs(&format!("input={}", spool.path("input").display()));
    fs::create_dir(spool.path("input")).unwrap();
    spool.approve_line(2.0, 1.0);
    spool.drop_file("a.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("a.csv").is_some());
    assert_eq!(daemon.log().matches("doesn't exist").count(), 1);
    assert_eq!(daemon.stop(), 0);
}

/// A large file was still being scored beside the loop when all else had been tried again; the ledger refused it as before.
#[test]
fn it_is_not_working_again_before_what_waits_was_tried() {
    let spool = by_events().set("worker.retry_max_backoff=1s");
    spool.once().exits(0);
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'refused'); END";
    ledger.execute_batch(refuse).unwrap();
    let daemon = spool.daemon();
    spool.drop_file("a.csv", xs(&vec![1.0; 500_000]));
    wait_until("it was tried twice", || {
        let faults = spool.run(&["status", "--json"]).exits(0).json()["faults"].clone();
        faults[0]["tries"].as_u64() >= Some(2)
    });
    assert!(!daemon.log().contains("working again"), "{}", daemon.log());
    assert_eq!(daemon.log().matches("can't work for now").count(), 1);
    ledger.execute_batch("DROP TRIGGER refuse").unwrap();
    daemon.logs("working again");
    assert!(spool.output("a.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn polling_finds_everything_too() {
    let spool = Spool::new()
        .set("input.watch=poll")
        .set("input.poll_interval=20ms")
        .set("input.rescan_interval=1h");
    let daemon = spool.daemon();
    spool.drop_file("a.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0])));
    spool.drop_file("a.csv", xs(&[2.0]));
    wait_until("it is scored again", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[2.0]))
    });
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    wait_until("it comes back", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[2.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn folders_that_come_with_files_in_them() {
    let spool = by_events().set("input.recursive=true").set("input.settle=50ms");
    let daemon = spool.daemon();
    fs::create_dir_all(spool.path("made/deep")).unwrap();
    fs::write(spool.path("made/deep/a.csv"), xs(&[1.0])).unwrap();
    fs::rename(spool.path("made"), spool.path("input/made")).unwrap();
    wait_until("it is scored", || spool.output("made/deep/a.csv").is_some());
    spool.drop_file("made/deep/b.csv", xs(&[1.0]));
    spool.drop_file("new/c.csv", xs(&[1.0]));
    wait_until("they are scored", || {
        spool.output("made/deep/b.csv").is_some() && spool.output("new/c.csv").is_some()
    });
    fs::remove_file(spool.path("output/new/c.csv.out")).unwrap();
    wait_until("it comes back", || spool.output("new/c.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_small_file_does_not_wait_for_a_large_one() {
    let spool = by_events();
    let values: Vec<f64> = (0..4_000_000).map(|i| f64::from(i % 1000)).collect();
    let daemon = spool.daemon();
    spool.drop_file("large.csv", xs(&values));
    wait_until("the large one is at work", || {
        spool.names("output").iter().any(|n| n.starts_with(".transform-"))
    });
    spool.drop_file("small.csv", xs(&[1.0]));
    wait_until("the small one is scored", || spool.output("small.csv").is_some());
    wait_until("the large one is scored", || spool.output("large.csv").is_some());
    assert!(spool.output("large.csv").unwrap() == line(2.0, 1.0, &values));
    // The newest first.
    let history = || spool.run(&["history", "--json"]).exits(0).json();
    wait_until("the ledger knows of both", || history().as_array().unwrap().len() == 2);
    let inputs: Vec<String> = history()
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["input"].to_string())
        .collect();
    assert_eq!(inputs, ["\"large.csv\"", "\"small.csv\""]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_lost_event_is_no_lost_file() {
    let spool = Spool::new()
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h");
    let daemon = spool.daemon();
    // Stopped, it reads no events, and the kernel's queue of 16,384 overflows.
    daemon.signal(Signal::STOP);
    for i in 0..10_000 {
        spool.drop_file(&format!("{i}.csv"), xs(&[f64::from(i)]));
    }
    daemon.signal(Signal::CONT);
    wait_until("all are scored", || spool.names("output").len() == 10_000);
    assert_eq!(spool.output("9999.csv").unwrap(), line(2.0, 1.0, &[9999.0]));
    wait_until("all are recorded", || {
        spool.run(&["status", "--json"]).exits(0).json()["done"] == 10_000
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_stop_is_prompt_and_drops_what_is_in_flight() {
    let spool = by_events();
    let values: Vec<f64> = (0..4_000_000).map(|i| f64::from(i % 1000)).collect();
    let daemon = spool.daemon();
    spool.drop_file("large.csv", xs(&values));
    wait_until("it is at work", || {
        spool.names("output").iter().any(|n| n.starts_with(".transform-"))
    });
    assert_eq!(daemon.stop(), 0);
    assert_eq!(spool.names("output"), [""; 0], "nothing, and no leftovers");
    spool.set("input.settle=0s").once().exits(0).says("scored 1 file");
}

/// truncate(2) by a path tells of a change, and of no writer who closes the file: it counted as being written until a restart.
#[test]
fn a_file_that_was_cut_by_its_path_is_scored_anew() {
    let spool = Spool::new().set("input.rescan_interval=50ms");
    let daemon = spool.daemon();
    spool.deliver("a.csv", xs(&[1.0, 2.0]));
    wait_until("the output", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0, 2.0]))
    });
    let path = std::ffi::CString::new(spool.path("input/a.csv").as_os_str().as_encoded_bytes()).unwrap();
    let shorter = xs(&[1.0]).len() as i64;
    // SAFETY: the path ends with a NUL byte and outlives the call.
    #[expect(unsafe_code)]
    let cut = unsafe { libc::truncate(path.as_ptr(), shorter) };
    assert_eq!(cut, 0);
    wait_until("the new output", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    // One that is open waits, by the kernel's word.
    let mut open = File::create(spool.path("input/open.csv")).unwrap();
    open.write_all(xs(&[1.0]).as_bytes()).unwrap();
    spool.deliver("b.csv", xs(&[3.0]));
    wait_until("another output", || spool.output("b.csv").is_some());
    assert!(spool.output("open.csv").is_none());
    drop(open);
    wait_until("its output", || {
        spool.output("open.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
}
