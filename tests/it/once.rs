//! `transform --once`: the main job, and how it ends.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_shipped_example_gives_the_reference_predictions() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("input")).unwrap();
    fs::copy(
        repository.join("spool/input/X_test.csv"),
        dir.path().join("input/X_test.csv"),
    )
    .unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_transform"))
        .env_clear()
        .current_dir(repository)
        .args(["--once", "--set", "input.settle=0s"])
        .args(["input", "output", "failed", "state"].iter().flat_map(|folder| {
            [
                "--set".into(),
                format!("{folder}.path={}", dir.path().join(folder).display()),
            ]
        }))
        .output()
        .unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{stderr}");
    assert!(
        stderr.starts_with("transform: scored 1 file (20 rows) by diabetes/1 in "),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let ours = fs::read_to_string(dir.path().join("output/X_test.csv.out")).unwrap();
    let input = fs::read_to_string(repository.join("spool/input/X_test.csv")).unwrap();
    assert_eq!(ours.lines().count(), 21);
    assert_eq!(ours.lines().next(), Some("prediction"));
    for (ours, x) in ours.lines().zip(input.lines()).skip(1) {
        let expected = 937.1906894491832 * x.parse::<f64>().unwrap() + 152.9193581630174;
        let ours: f64 = ours.parse().unwrap();
        assert!((ours - expected).abs() < 1e-9, "{ours} {expected}");
    }
    // Two of the reference system's predictions, for its first and its last row.
    assert!(ours.starts_with("prediction\n225.8922000959164\n115.78961706866332\n"));
}

#[test]
fn a_second_run_does_nothing_and_says_so() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0, 2.0]));
    spool.once().exits(0).says("scored 1 file (2 rows) by lines/1 in");
    let before = fs::metadata(spool.path("output/a.csv.out"))
        .unwrap()
        .modified()
        .unwrap();
    spool
        .once()
        .exits(0)
        .says("nothing to do: 1 output is up to date (model lines/1)");
    assert_eq!(
        fs::metadata(spool.path("output/a.csv.out"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
    spool.run(&["--once", "--all"]).exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0, 2.0]));
}

#[test]
fn the_rule_makes_what_is_missing_or_out_of_date() {
    let spool = Spool::new();
    let path = spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[5.0]));
    spool.once().exits(0);
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    spool.once().exits(0).says("scored 1 file").says("1 up to date");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    // The same size within the same second.
    fs::write(&path, xs(&[4.0])).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[4.0]));
    // An old mtime, as unzip and cp -p bring it.
    fs::write(&path, xs(&[3.0])).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[3.0]));
    // A new model, and back.
    let second = spool.approve_line(10.0, 0.0);
    spool.once().exits(0).says("scored 2 files (2 rows) by lines/2");
    assert_eq!(spool.output("b.csv").unwrap(), line(10.0, 0.0, &[5.0]));
    spool.reject(second);
    spool.once().exits(0).says("scored 2 files (2 rows) by lines/1");
    assert_eq!(spool.output("b.csv").unwrap(), line(2.0, 1.0, &[5.0]));
}

#[test]
fn other_settings_make_outputs_stale_unless_they_shape_none() {
    let spool = Spool::new();
    spool.drop_file("a.csv", "id,x\nr1,1\n");
    spool.once().exits(0);
    let spool = spool.set("worker.threads=1").set("input.rescan_interval=1s");
    spool.once().exits(0).says("nothing to do");
    let spool = spool.set("output.columns=[\"id\"]");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), "id,prediction\nr1,3.0\n");
}

#[test]
fn new_files_only_leaves_alone_what_was_scored() {
    let spool = Spool::new().set("models.on_approval=new-files");
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    spool.register(r#"{"features":["y"],"coefficients":[1],"intercept":0}"#);
    spool.approve(2);
    spool.drop_file("b.csv", "y\n7\n");
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert_eq!(spool.output("b.csv").unwrap(), "prediction\n7.0\n");
    assert_eq!(spool.output("bad.csv").unwrap(), "prediction\n1.0\n");
}

/// An upgrade replaced an older version's outputs by the newest one's.
#[test]
fn new_files_only_leaves_alone_what_was_written_in_an_older_format() {
    let spool = Spool::new().set("models.on_approval=new-files");
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0).says("scored 1 file");
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let older = "UPDATE recipes SET output_format = 1 WHERE id > 0";
    assert_eq!(ledger.execute(older, []).unwrap(), 1);
    spool.approve_line(5.0, 0.0);
    spool.drop_file("b.csv", xs(&[1.0]));
    spool.once().exits(0).says("scored 1 file").says("1 up to date");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    // By the same version, it is made again.
    ledger.execute(older, []).unwrap();
    spool.once().exits(0).says("scored 1 file").says("1 up to date");
}

#[test]
fn a_file_that_just_came_is_waited_for() {
    let spool = Spool::new().set("input.settle=300ms");
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
}

#[test]
fn a_file_that_goes_on_changing_is_left_to_the_next_run() {
    let spool = Spool::new().set("input.settle=1s");
    spool.drop_file("done.csv", xs(&[1.0]));
    let path = spool.path("input/growing.csv");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut text = xs(&[1.0]);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                text += "2\n";
                fs::write(&path, &text).unwrap();
                std::thread::yield_now();
            }
        })
    };
    crate::spool::wait_until("it grows", || spool.path("input/growing.csv").exists());
    let ran = spool.run(&["--once", "--json"]);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    let result = ran.exits(75).says("1 still being written").json();
    assert_eq!(result["unsettled"], 1);
    assert_eq!(result["scored"], 1);
    assert!(spool.output("done.csv").is_some() && spool.output("growing.csv").is_none());
}

#[test]
fn the_result_is_one_json_object() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0, f64::MAX]));
    spool.drop_file("b.csv", "y\n1\n");
    let result = spool.run(&["--once", "--json"]).exits(1).json();
    assert_eq!(result["scored"], 1);
    assert_eq!(result["rows"], 2);
    assert_eq!(result["not_finite"], 1);
    assert_eq!(result["failed"], 1);
    assert_eq!(result["failed_files"][0]["file"], "b.csv");
    assert_eq!(result["model"], "lines/1");
    assert_eq!(result["exit_code"], 1);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\ninf\n");
    // Failed for good: not tried again, and still there.
    let result = spool.run(&["--once", "--strict", "--json"]).exits(1).json();
    assert_eq!(
        (&result["scored"], &result["failed"], &result["unchanged"]),
        (&0.into(), &1.into(), &1.into())
    );
}

#[test]
fn how_it_ends_when_it_cannot_work() {
    let spool = Spool::without_model();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool
        .once()
        .exits(3)
        .says("no version is registered")
        .says("'approve N' puts one to use");
    spool.register_line(1.0, 1.0);
    spool.once().exits(3).says("its one version is not approved");
    let error = spool.run(&["--once", "--json"]).exits(3).json();
    assert_eq!(error["error"]["code"], "no_approved_model");
    spool
        .run(&["--once", "--set", "input.pth=x"])
        .exits(64)
        .says("the nearest is input.path");
    spool.run(&["--onec"]).exits(64);
    fs::rename(spool.path("transform.toml"), spool.path("moved.toml")).unwrap();
    spool
        .once()
        .exits(64)
        .says("transform.toml: can't read the configuration");
    fs::rename(spool.path("moved.toml"), spool.path("transform.toml")).unwrap();
    spool.approve(1);
    fs::remove_dir_all(spool.path("input")).unwrap();
    spool.once().exits(75).says("input: No such file or directory");
}

#[test]
fn subfolders_are_mirrored_only_when_asked_for() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("deep/er/b.csv", xs(&[2.0]));
    spool.drop_file("deep/.hidden/c.csv", xs(&[3.0]));
    spool.drop_file("deep/bad.csv", "");
    spool.once().exits(0).says("scored 1 file");
    let spool = spool.set("input.recursive=true");
    spool.once().exits(1).says("scored 1 file").says("failed: deep/bad.csv");
    assert_eq!(spool.output("deep/er/b.csv").unwrap(), line(2.0, 1.0, &[2.0]));
    assert_eq!(spool.report("deep/bad.csv").unwrap()["code"], "empty_file");
    assert_eq!(spool.names("output/deep"), ["er"]);
    spool.strict().exits(1).says("2 up to date").says("1 failed");
}

#[test]
fn done_markers_follow_outputs() {
    let spool = Spool::new().set("output.done_marker=true");
    let path = spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    assert_eq!(spool.names("output"), ["a.csv.out", "a.csv.out.done"]);
    spool.once().exits(0).says("nothing to do");
    fs::remove_file(spool.path("output/a.csv.out.done")).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.names("output"), ["a.csv.out", "a.csv.out.done"]);
    fs::write(path, "no number\n").unwrap();
    spool.once().exits(1);
    assert_eq!(spool.names("output"), [""; 0]);
}

#[test]
fn direct_publishing_gives_the_same_outputs() {
    let spool = Spool::new().set("output.publish=direct");
    let path = spool.drop_file("a.csv", xs(&[1.0, 2.0]));
    spool.drop_file("b.csv", "x\n1\nfoo\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
    spool.once().exits(0).says("1 bad");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0, 2.0]));
    assert_eq!(
        spool.rejects("b.csv").unwrap(),
        "line,column,reason,text\n3,x,not a number,foo\n"
    );
    fs::write(path, xs(&[1.0])).unwrap();
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert_eq!(spool.names("state/staging"), [""; 0]);
}

#[test]
fn a_deleted_input_keeps_its_output_and_loses_its_report() {
    let spool = Spool::new();
    let good = spool.drop_file("good.csv", xs(&[1.0]));
    let bad = spool.drop_file("bad.csv", "");
    spool.once().exits(1);
    fs::remove_file(good).unwrap();
    fs::remove_file(bad).unwrap();
    spool.once().exits(0).says("there are no inputs");
    assert_eq!(spool.names("output"), ["good.csv.out"]);
    assert_eq!(spool.names("failed"), [""; 0]);
}

/// It said "nothing to do" and ended with 0.
#[test]
fn an_approval_that_is_revoked_amid_a_run_is_no_convergence() {
    let spool = Spool::new();
    let values: Vec<f64> = (0..3_000_000).map(|i| f64::from(i % 1000)).collect();
    spool.drop_file("large.csv", xs(&values));
    let mut child = spool.command(&["--once"]).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it is at work", || {
        spool.names("output").iter().any(|n| n.starts_with(".transform-"))
    });
    // Held, so that it can't be done before the approval is revoked.
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    spool.reject(1);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(spool.names("output"), [""; 0]);
}

/// Found by killing the worker between a report and its ledger, and removing the input before the next start.
#[test]
fn a_report_that_a_killed_worker_left_goes_if_its_input_is_gone() {
    let spool = Spool::new().set("input.recursive=true");
    fs::create_dir_all(spool.path("failed/sub")).unwrap();
    for gone in ["gone.csv", "sub/gone.csv"] {
        fs::write(spool.path(format!("failed/{gone}.error.json")), "{}").unwrap();
    }
    spool.drop_file("bad.csv", "y\n1\n");
    let long = format!("{}.csv", "l".repeat(250));
    spool.drop_file(&long, "x\n1\n");
    spool.once().exits(1);
    let reports = spool.names("failed");
    assert_eq!(
        (reports.len(), reports[0].as_str(), reports[2].as_str()),
        (3, "bad.csv.error.json", "sub")
    );
    assert_eq!(spool.names("failed/sub"), [""; 0]);
    spool.strict().exits(1);
    assert_eq!(spool.names("failed"), reports);
}

#[test]
fn a_ledger_that_is_deleted_is_made_again_and_the_outputs_are_the_same() {
    let spool = Spool::new();
    for i in 0..5 {
        spool.drop_file(&format!("{i}.csv"), format!("x\n{i}\n"));
    }
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    let outputs: Vec<_> = (0..5).map(|i| spool.output(&format!("{i}.csv")).unwrap()).collect();
    fs::remove_dir_all(spool.path("state")).unwrap();
    spool.once().exits(1).says("scored 5 files");
    let again: Vec<_> = (0..5).map(|i| spool.output(&format!("{i}.csv")).unwrap()).collect();
    assert_eq!(again, outputs);
    spool.strict().exits(1).says("5 up to date");
}

/// Each time it had settled, it was scored again, without end.
#[test]
fn a_file_that_is_appended_to_again_and_again_is_left_to_the_next_run() {
    let spool = Spool::new();
    let path = spool.drop_file("log.csv", xs(&[1.0]));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"2\n").unwrap();
                std::thread::yield_now();
            }
        })
    };
    let ran = spool.run(&["--once", "--json"]);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(ran.exits(75).json()["unsettled"], 1);
    spool.once().exits(0);
    let rows = fs::read_to_string(spool.path("input/log.csv")).unwrap().lines().count();
    assert_eq!(spool.output("log.csv").unwrap().lines().count(), rows);
}

/// It was taken for a wrong configuration (64), after which no service manager starts it again.
#[test]
fn threads_that_can_not_be_had_now_are_tried_for_again() {
    let spool = Spool::new().set("worker.threads=2");
    spool.drop_file("a.csv", xs(&[1.0]));
    for arguments in [&["--once"][..], &["score"]] {
        let mut command = spool.command(arguments);
        command.stdin(Stdio::null());
        let limited = Command::new("prlimit")
            // A stack is larger than all that may be had; whatever else is asked for is there.
            .env("RUST_MIN_STACK", (8_u64 << 30).to_string())
            .arg("--as=4000000000")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8(limited.stderr).unwrap();
        assert_eq!(limited.status.code(), Some(75), "{stderr}");
        assert!(stderr.contains("2 threads"), "{stderr}");
    }
    spool.once().exits(0);
}

/// A new approval that predicts the same takes no file out of a reader's hands.
#[test]
fn a_result_of_the_same_bytes_is_recorded_and_not_published_again() {
    use std::os::unix::fs::MetadataExt;
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0, 2.0]));
    spool.once().exits(0);
    let file = || fs::metadata(spool.path("output/a.csv.out")).unwrap().ino();
    let before = file();
    spool.approve_line(2.0, 1.0);
    spool.once().exits(0).says("scored 1 file (2 rows) by lines/2");
    assert_eq!(file(), before);
    let history = spool.run(&["history", "a.csv", "--json"]).exits(0).json();
    assert_eq!((&history[0]["version"], &history[1]["version"]), (&2.into(), &1.into()));
    spool.once().exits(0).says("nothing to do");
    // What is asked for is done, and what was taken away comes back.
    spool.run(&["--once", "--all"]).exits(0);
    assert_ne!(file(), before);
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    spool.approve_line(2.0, 1.0);
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0, 2.0]));
}

/// What was scored while a listing began again was counted twice, or not at all.
#[test]
fn a_pass_that_outlasts_the_time_to_list_again_counts_each_input_once() {
    const EACH: usize = 600;
    let spool = Spool::new()
        .set("input.rescan_interval=10ms")
        .set("input.poll_interval=10ms")
        .set("input.bad_rows=fail");
    for i in 0..20 {
        spool.drop_file(&format!("done{i}.csv"), xs(&[1.0]));
    }
    spool.once().exits(0).says("scored 20 files");
    for i in 0..EACH {
        spool.drop_file(&format!("good{i}.csv"), xs(&[1.0, 2.0]));
        spool.drop_file(&format!("bad{i}.csv"), "y\n1\n");
    }
    let large = "x\n".to_string() + &"1\n".repeat(1_000_000);
    spool.drop_file("large.csv", &large);
    spool.drop_file("large-bad.csv", large + "oops\n");
    let tally = spool.run(&["--once", "--json"]).exits(1).json();
    let count = |name: &str| tally[name].as_u64().unwrap() as usize;
    assert_eq!((count("scored"), count("failed")), (EACH + 1, EACH + 1));
    assert_eq!((count("unchanged"), count("rows")), (20, 2 * EACH + 1_000_000));
    assert_eq!((count("unsettled"), count("faults")), (0, 0));
}

/// A new approval amid a pass lists all again: what was scored by both was counted twice.
#[test]
fn a_pass_in_which_another_version_is_approved_counts_each_input_once() {
    const EACH: usize = 400;
    let spool = Spool::new().set("input.poll_interval=100ms");
    for i in 0..EACH {
        spool.drop_file(&format!("good{i:03}.csv"), xs(&[1.0]));
        spool.drop_file(&format!("bad{i:03}.csv"), "y\n1\n");
    }
    let second = spool.register_line(3.0, 0.0);
    let mut command = spool.command(&["--once", "--json"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("some are scored", || {
        fs::read_dir(spool.path("output")).is_ok_and(|all| all.count() > 100)
    });
    spool.approve(second);
    let out = run.wait_with_output().unwrap();
    let tally: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let count = |name: &str| tally[name].as_u64().unwrap() as usize;
    assert_eq!((count("scored"), count("failed")), (EACH, EACH), "{tally}");
    assert_eq!((count("unchanged"), count("rows")), (0, EACH), "{tally}");
}
