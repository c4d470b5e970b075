//! Contents decide what is scored again, not times: backups, `chmod` and the same upload leave results alone.

use crate::spool::{Spool, line, wait_until, xs};
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, UNIX_EPOCH};

/// What tells that a result was published again.
fn stamp(spool: &Spool, below: &str) -> (u64, i64) {
    let meta = fs::metadata(spool.path(below)).unwrap();
    (meta.ino(), meta.ctime_nsec())
}

fn set_mtime(path: &std::path::Path, seconds: u64) {
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_times(times)
        .unwrap();
}

#[test]
fn a_hard_link_backup_a_chmod_and_a_second_upload_leave_the_output_alone() {
    let spool = Spool::new();
    let input = spool.drop_file("a.csv", xs(&[1.0, 2.0]));
    spool.once().exits(0).says("scored 1 file");
    let before = stamp(&spool, "output/a.csv.out");
    let touches: [(&str, &dyn Fn()); 5] = [
        ("hard link", &|| fs::hard_link(&input, spool.path("backup")).unwrap()),
        ("chmod", &|| {
            fs::set_permissions(&input, Permissions::from_mode(0o640)).unwrap()
        }),
        ("an old mtime", &|| set_mtime(&input, 1_000_000)),
        ("uploaded again", &|| fs::write(&input, xs(&[1.0, 2.0])).unwrap()),
        ("restored under another inode", &|| {
            fs::write(spool.path("restored"), xs(&[1.0, 2.0])).unwrap();
            fs::rename(spool.path("restored"), &input).unwrap();
        }),
    ];
    for (case, touch) in touches {
        touch();
        let ran = spool.once().exits(0).says("nothing to do: 1 output is up to date");
        assert_eq!(stamp(&spool, "output/a.csv.out"), before, "{case}: {}", ran.stderr);
    }
    let rows = spool.run(&["history", "--json"]).exits(0).json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    // Of the same size, and of another one.
    for values in [&[1.0, 3.0][..], &[4.0]] {
        fs::write(&input, xs(values)).unwrap();
        set_mtime(&input, 1_000_000);
        spool.once().exits(0).says("scored 1 file");
        assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, values));
    }
}

/// A file that had failed was reported again, as an error, after each backup.
#[test]
fn a_touched_file_that_failed_keeps_its_report_and_one_with_bad_rows_its_rejects() {
    let spool = Spool::new();
    let failed = spool.drop_file("failed.csv", "y\n1\n");
    let rows: Vec<f64> = (0..20).map(f64::from).collect();
    let blanked = spool.drop_file("rows.csv", xs(&rows) + "lots\n");
    spool.once().exits(1).says("1 failed");
    let names = [
        "failed/failed.csv.error.json",
        "failed/rows.csv.rejects.csv",
        "output/rows.csv.out",
    ];
    let before = names.map(|name| stamp(&spool, name));
    for path in [&failed, &blanked] {
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    let ran = spool.strict().exits(1).says("1 failed").says("failed: failed.csv");
    assert!(!ran.stderr.contains("ERROR"), "{}", ran.stderr);
    assert_eq!(names.map(|name| stamp(&spool, name)), before);
    // It can be scored now, and has the same size.
    fs::write(&failed, "x\n1\n").unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.report("failed.csv"), None);
}

#[test]
fn a_large_file_uploaded_again_is_left_alone_and_its_successor_scored() {
    let spool = Spool::new();
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let input = spool.drop_file("large.csv", xs(&values));
    assert!(fs::metadata(&input).unwrap().len() > 1 << 20);
    spool.once().exits(0).says("scored 1 file");
    let before = stamp(&spool, "output/large.csv.out");
    fs::write(&input, xs(&values)).unwrap();
    spool.once().exits(0).says("nothing to do");
    assert_eq!(stamp(&spool, "output/large.csv.out"), before);
    let mut changed = values;
    changed[299_999] = 200_000.0;
    fs::write(&input, xs(&changed)).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("large.csv").unwrap(), line(2.0, 1.0, &changed));
}

#[test]
fn the_daemon_leaves_a_second_upload_alone_and_sees_the_next() {
    let spool = Spool::new();
    let daemon = spool.start();
    spool.deliver("a.csv", xs(&[1.0]));
    wait_until("the output", || spool.output("a.csv").is_some());
    let before = stamp(&spool, "output/a.csv.out");
    spool.deliver("a.csv", xs(&[1.0]));
    // What comes later is looked at later.
    spool.drop_file("b.csv", xs(&[1.0]));
    wait_until("the next output", || spool.output("b.csv").is_some());
    assert_eq!(stamp(&spool, "output/a.csv.out"), before);
    spool.deliver("a.csv", xs(&[2.0]));
    wait_until("the new output", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[2.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

/// The input had its times changed alone, and the output of what had stood there meanwhile was left in place.
#[test]
fn an_input_and_the_state_from_a_backup_take_no_later_output_for_theirs() {
    let spool = Spool::new();
    let large: Vec<f64> = (0..300_000).map(f64::from).collect();
    let other: Vec<f64> = large.iter().rev().copied().collect();
    let files = [("a.csv", vec![1.0], vec![2.0]), ("large.csv", large, other)];
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(spool.path(to)).unwrap();
        for name in spool.names(from) {
            let from = spool.path(from).join(&name);
            if from.is_file() {
                fs::copy(from, spool.path(to).join(name)).unwrap();
            }
        }
    };
    files
        .iter()
        .for_each(|(name, before, _)| drop(spool.drop_file(name, xs(before))));
    spool.once().exits(0).says("scored 2 files");
    copy("input", "backup/input");
    copy("state", "backup/state");
    files
        .iter()
        .for_each(|(name, _, after)| drop(spool.drop_file(name, xs(after))));
    spool.once().exits(0).says("scored 2 files");
    copy("backup/input", "input");
    copy("backup/state", "state");
    spool.once().exits(0).says("scored 2 files");
    for (name, before, _) in &files {
        assert_eq!(spool.output(name).unwrap(), line(2.0, 1.0, before), "{name}");
    }
    spool.once().exits(0).says("nothing to do: 2 outputs are up to date");
}

/// It was left, for the ledger had the same bytes for it.
#[test]
fn an_output_that_somebody_edited_is_not_taken_for_the_same_bytes() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[1.0]));
    spool.once().exits(0).says("scored 2 files");
    fs::write(spool.path("output/a.csv.out"), line(2.0, 1.0, &[2.0])).unwrap();
    let before = stamp(&spool, "output/b.csv.out");
    spool.approve_line(2.0, 1.0);
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert_eq!(stamp(&spool, "output/b.csv.out"), before);
}
