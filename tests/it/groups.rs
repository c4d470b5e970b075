//! Which model group is meant, and which version.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::process::Signal;

/// Of which no configuration names a group.
fn unnamed() -> Spool {
    Spool::without_model().set("models.group=")
}

/// Registers and approves `slope x` in a group.
fn add(spool: &Spool, group: &str, slope: f64) {
    let path = spool.path("m.json");
    let model = format!(r#"{{"features":["x"],"coefficients":[{slope}],"intercept":0.0}}"#);
    std::fs::write(&path, model).unwrap();
    spool
        .register_file(&path, "linear", &["--group", group, "--approve"])
        .exits(0);
}

#[test]
fn the_only_group_is_meant_where_none_is_named() {
    let spool = unnamed();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(3);
    spool.run(&["models", "list"]).exits(0).says("default");
    add(&spool, "sales", 2.0);
    spool.once().exits(0).says("by sales/1");
    spool.run(&["models", "show", "1"]).exits(0);
    spool.run(&["status"]).exits(0).says("sales/1");
    spool.run(&["history", "--model", "1"]).exits(0).says("a.csv");
    assert_eq!(spool.output("a.csv"), Some(line(2.0, 0.0, &[1.0])));
}

#[test]
fn of_several_groups_one_must_be_named() {
    let spool = unnamed();
    add(&spool, "sales", 2.0);
    let path = spool.path("m.json");
    let second = spool.register_file(&path, "linear", &["--group", "churn"]).exits(0);
    let second = second
        .says("note: there are several model groups now")
        .says("models approve 1 --group churn");
    assert!(second.stderr.is_empty(), "{second:?}");
    spool.drop_file("a.csv", xs(&[1.0]));
    let pipeline = "[data]\nfile = \"input/a.csv\"\ntarget = \"x\"\n[train]\ntrainer = \"least-squares\"\n";
    std::fs::write(spool.path("p.toml"), pipeline).unwrap();
    for args in [
        &["--once"][..],
        &[],
        &["status"],
        &["check"],
        &["models", "list"],
        &["models", "approve", "1"],
        &["monitor"],
        &["experiment", "list"],
        &["evaluate", "input/a.csv"],
        &["score"],
        &["serve"],
        &["history", "--model", "1"],
        &["train", "p.toml"],
    ] {
        let ran = spool
            .run(args)
            .exits(64)
            .says("several model groups, churn, sales, and none is named");
        ran.says("group = \"churn\"").says("--group churn");
    }
    // What is about none, or says which.
    for args in [
        &["history"][..],
        &["history", "--model", "sales/1"],
        &["history", "--model", "sales"],
        &["models", "list", "--group", "sales"],
        &["models", "show", "churn/1"],
        &["--once", "--set", "models.group=sales"],
    ] {
        spool.run(args).exits(0);
    }
    spool
        .filter(&["score", "--model", "models/churn/1"], b"x\n1\n")
        .exits(0);
    assert_eq!(spool.output("a.csv"), Some(line(2.0, 0.0, &[1.0])));
}

#[test]
fn a_worker_takes_the_first_group_that_comes_and_stays_with_it() {
    let spool = unnamed()
        .set("input.poll_interval=20ms")
        .set("input.rescan_interval=20ms");
    let daemon = spool.daemon();
    spool.drop_file("a.csv", xs(&[1.0]));
    daemon.logs("waiting for an approved model");
    add(&spool, "sales", 2.0);
    wait_until("it is scored", || spool.output("a.csv") == Some(line(2.0, 0.0, &[1.0])));
    add(&spool, "churn", 5.0);
    spool.drop_file("b.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("b.csv") == Some(line(2.0, 0.0, &[1.0])));
    daemon.signal(Signal::HUP);
    daemon.logs("the new configuration is refused; the old one stays");
    spool.drop_file("c.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("c.csv") == Some(line(2.0, 0.0, &[1.0])));
    // Whoever watches it goes on seeing how it is.
    wait_until("its status is written", || spool.run(&["status"]).code == 0);
    spool.run(&["status"]).exits(0).says("sales/1");
    spool.run(&["status", "--check"]).exits(0);
    assert_eq!(daemon.stop(), 0);
    spool.run(&["status"]).exits(64).says("several model groups");
}

#[test]
fn a_server_takes_the_first_group_that_comes_and_stays_with_it() {
    let spool = unnamed().open_to_all();
    let server = spool.serve();
    let ask = || server.post_as("/invocations", "text/csv", b"1\n");
    assert_eq!(ask().status, 503);
    add(&spool, "sales", 2.0);
    wait_until("it answers", || ask().status == 200);
    let first = ask().body;
    add(&spool, "churn", 5.0);
    wait_until("the other one answers, too", || {
        server
            .post_as("/endpoints/churn/invocations", "text/csv", b"1\n")
            .status
            == 200
    });
    assert_eq!(ask().body, first);
}

#[test]
fn a_version_may_be_named_with_its_group_or_by_its_folder() {
    let spool = Spool::new();
    spool.register_line(3.0, 0.0);
    add(&spool, "sales", 2.0);
    let at = |folder: &str| spool.path(folder).display().to_string();
    for name in [
        "2",
        "v2",
        "lines/2",
        "lines/v2",
        "models/lines/2",
        "models/lines/2/",
        &at("models/lines/2"),
    ] {
        spool
            .run(&["models", "approve", name])
            .exits(0)
            .says("approved lines/2");
        spool.run(&["models", "reject", name]).exits(0).says("rejected lines/2");
    }
    spool.run(&["models", "show", "sales/1"]).exits(0).says("sales/1");
    for (name, output) in [
        ("sales/1", "prediction\n2.0\n"),
        ("1", "prediction\n3.0\n"),
        ("models/lines/2", "prediction\n3.0\n"),
    ] {
        let ran = spool.filter(&["score", "--model", name], b"x\n1\n").exits(0);
        assert_eq!(ran.stdout, output, "{name}");
    }
    spool
        .filter(&["score", "--model", "9"], b"x\n1\n")
        .exits(64)
        .says("there is no version 9 of model group lines");
    spool.run(&["models", "show", "sales/1", "--group", "sales"]).exits(0);
    spool.run(&["models", "diff", "lines/1", "2"]).exits(0);
    spool.run(&["models", "approve", "2"]).exits(0);
    spool.run(&["models", "reject", "2"]).exits(0);
    spool
        .run(&["models", "ensemble", "lines/1", "v2"])
        .exits(0)
        .says("lines/3");
    spool
        .run(&["experiment", "start", "t", "--shadow", "lines/v3"])
        .exits(0)
        .says("lines/3");
    spool.drop_file("a.csv", "x,y\n1,2\n");
    spool.once().exits(0);
    spool
        .run(&["evaluate", "input/a.csv", "--version", "lines/1", "--target", "y"])
        .exits(0)
        .says("lines/1");
    for name in ["1", "v1", "lines/1", "models/lines/1"] {
        spool.run(&["history", "--model", name]).exits(0).says("a.csv");
    }
    spool
        .run(&["history", "--model", "sales/1"])
        .exits(0)
        .says("by sales/1");
    for (args, words) in [
        (
            &["models", "approve", "sales/1", "--group", "lines"][..],
            "sales/1: this version is of model group sales, and --group is lines",
        ),
        (
            &["models", "diff", "sales/1", "lines/1"],
            "another version is of group sales",
        ),
        (
            &["models", "approve", "other/lines/1"],
            "other/lines/1: this is no version of models.path, which is models",
        ),
        (&["models", "show", "x"], "GROUP/2"),
        (&["models", "show", "0"], "GROUP/2"),
        (&["models", "show", "absent/1"], "no version 1 of model group absent"),
    ] {
        spool.run(args).exits(64).says(words);
    }
}
