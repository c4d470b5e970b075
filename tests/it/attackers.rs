//! Whoever can write to the folders tries to have files written, or read, elsewhere.

use crate::spool::{Spool, line, wait_until, xs};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

/// A folder beside the spool's that must stay as it is.
fn elsewhere(spool: &Spool) -> std::path::PathBuf {
    let path = spool.path("elsewhere");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("secret.csv"), "x\n1\n").unwrap();
    path
}

#[test]
fn nothing_is_published_through_a_link() {
    for direct in [false, true] {
        let spool = Spool::new().set("input.recursive=true");
        let spool = if direct {
            spool.set("output.publish=direct")
        } else {
            spool
        };
        let elsewhere = elsewhere(&spool);
        spool.drop_file("sub/a.csv", "x\n1\n");
        spool.drop_file("sub/bad.csv", "y\n1\n");
        spool.drop_file("b.csv", "x\n2\n");
        symlink(&elsewhere, spool.path("output/sub")).unwrap();
        symlink(&elsewhere, spool.path("failed/sub")).unwrap();
        let victim = elsewhere.join("secret.csv");
        symlink(&victim, spool.path("output/b.csv.out")).unwrap();
        // A rename takes the place of a link; in place, a link is in the way. The folders' links always are.
        spool.once().exits(75).says("sub");
        assert_eq!(spool.output("b.csv").is_some_and(|o| o == "prediction\n5.0\n"), !direct);
        let names: Vec<_> = fs::read_dir(&elsewhere)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["secret.csv"]);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "x\n1\n");
        for link in ["output/sub", "failed/sub", "output/b.csv.out"] {
            let _ = fs::remove_file(spool.path(link));
        }
        spool.once().exits(1);
        assert_eq!(spool.output("sub/a.csv").unwrap(), "prediction\n3.0\n");
        assert_eq!(spool.output("b.csv").unwrap(), "prediction\n5.0\n");
    }
}

/// "Not a directory", of what is one to whoever looks.
#[test]
fn a_link_in_place_of_an_output_folder_is_named() {
    let spool = Spool::new().set("input.recursive=true");
    spool.drop_file("day/a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[1.0]));
    fs::create_dir(spool.path("elsewhere")).unwrap();
    symlink(spool.path("elsewhere"), spool.path("output/day")).unwrap();
    spool
        .once()
        .exits(75)
        .says("scored 1 file")
        .says("output/day/a.csv.out: a symbolic link stands where a folder should");
    assert_eq!(spool.names("elsewhere"), [""; 0]);
    fs::remove_file(spool.path("output/day")).unwrap();
    spool.once().exits(0).says("scored 1 file");
}

#[test]
fn nothing_is_read_through_a_link() {
    let spool = Spool::new().set("input.recursive=true");
    let elsewhere = elsewhere(&spool);
    symlink(&elsewhere, spool.path("input/sub")).unwrap();
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0).says("1 file");
    assert_eq!(spool.names("output"), ["a.csv.out"]);
}

/// The folder is swapped for a link and back, again and again, while results are made and published.
#[test]
fn a_folder_that_is_swapped_in_the_middle_leads_nowhere() {
    let spool = Spool::new()
        .set("input.recursive=true")
        .set("input.rescan_interval=10ms")
        .set("worker.retry_max_backoff=10ms");
    let elsewhere = elsewhere(&spool);
    fs::create_dir(spool.path("input/sub")).unwrap();
    let daemon = spool.daemon();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for folder in ["output/sub", "input/sub"].iter().cycle() {
                let (here, aside) = (spool.path(folder), spool.path("aside"));
                if fs::rename(&here, &aside).is_ok() {
                    // Before and after the link stands there, the worker may make the folder anew.
                    if symlink(&elsewhere, &here).is_ok() {
                        fs::remove_file(&here).unwrap();
                    }
                    if fs::rename(&aside, &here).is_err() {
                        // It may still write into the one that it holds open.
                        wait_until("the folder is gone", || fs::remove_dir_all(&aside).is_ok());
                    }
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for i in 0..60 {
            let path = spool.path("input/sub").join(format!("{}.csv", i % 10));
            let _ = fs::write(path, format!("x\n{i}\n"));
            let _ = fs::remove_file(spool.path("output/sub").join(format!("{}.csv.out", i % 7)));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let names: Vec<_> = fs::read_dir(&elsewhere)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    // What the producer itself wrote through the link is its own doing; nothing is published there.
    assert!(
        names.iter().all(|name| !name.to_str().unwrap().ends_with(".out")),
        "{names:?}"
    );
    assert!(
        names.iter().all(|name| !name.to_str().unwrap().starts_with('.')),
        "{names:?}"
    );
    assert_eq!(spool.output("sub/secret.csv"), None);
    fs::create_dir_all(spool.path("input/sub")).unwrap();
    spool.drop_file("sub/last.csv", "x\n1\n");
    wait_until("it goes on", || spool.output("sub/last.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

/// Both were scored for ever, and one output held the other's numbers.
#[test]
fn inputs_whose_outputs_would_overwrite_each_other_are_parted() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("A.csv", xs(&[2.0]));
    spool.once().exits(0).says("scored 2 files");
    // As a file system shows its mark that folds letter cases. What was scored there before is in doubt.
    fs::hard_link(
        spool.path("output/.transform-owner"),
        spool.path("output/.TRANSFORM-OWNER"),
    )
    .unwrap();
    spool
        .once()
        .exits(75)
        .says("scored 1 file")
        .says("its output would overwrite that of A.csv");
    for _ in 0..2 {
        spool.once().exits(75).says("1 up to date; 1 failed for now");
    }
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["faults"][0]["input"], "a.csv");
    assert_eq!(spool.output("A.csv").unwrap(), line(2.0, 1.0, &[2.0]));
    fs::rename(spool.path("input/a.csv"), spool.path("input/b.csv")).unwrap();
    spool.once().exits(0).says("scored 1 file");
}
