//! `transform check`: is each node fit to work?

use super::cluster;
use crate::spool::Spool;
use std::fs;
use std::time::{Duration, SystemTime};

const TWO: &str = r#"{"a": {}, "head": {"cpus": 0}, "b": {}}"#;

/// An input that nobody writes any more.
fn drop_old(spool: &Spool) {
    let path = spool.drop_file("a.csv", "x\n1\n");
    let day = SystemTime::now() - Duration::from_secs(86_400);
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(day)
        .unwrap();
}

#[test]
fn each_node_that_works_is_asked() {
    let Some(spool) = cluster(Spool::new(), TWO) else {
        return;
    };
    drop_old(&spool);
    let ran = spool.run(&["check"]).exits(0);
    let ran = ran.says("ok       engine: ray, auto: nodes 3, CPUs 4; parts ");
    let ran = ran.says("ok       node host-a (127.0.0.1): the same program, inputs, models and parts");
    let ran = ran.says("ok       node host-b (127.0.0.1): ");
    assert!(!ran.stdout.contains("host-head"));
    // Nothing is left.
    assert_eq!(spool.names("parts"), [""; 0]);
}

#[test]
fn a_node_that_sees_other_folders_is_named_with_what_is_wrong() {
    for (folder, said) in [
        ("parts", "engine.parts must be one folder for all"),
        ("input", "/a.csv: it isn't there, as it is for the worker"),
        ("models", "another one was proven"),
    ] {
        let spool = Spool::new();
        drop_old(&spool);
        let other = Spool::without_model();
        other.approve_line(3.0, 1.0);
        fs::create_dir(other.path("parts")).unwrap();
        let [here, there] = [&spool, &other].map(|spool| spool.path(folder).to_str().unwrap().to_string());
        let nodes = format!(r#"{{"a": {{}}, "b": {{"sees": {{"{here}": "{there}"}}}}}}"#);
        let Some(spool) = cluster(spool, &nodes) else { return };
        let ran = spool.run(&["check"]).exits(75).says(said);
        ran.says("ok       node host-a")
            .says("NOT OK   node host-b")
            .says("node host-b (127.0.0.1): /");
    }
}

#[test]
fn models_are_proven_where_they_are_used() {
    let Some(spool) = cluster(Spool::new(), TWO) else {
        return;
    };
    spool.register_line(5.0, 1.0);
    spool.run(&["check"]).exits(0);
    // What nobody approved isn't looked at.
    fs::write(spool.path("models/lines/2/linear.json"), "{}").unwrap();
    spool.run(&["check"]).exits(0);
}

#[test]
fn a_lost_node_is_said() {
    let Some(spool) = cluster(Spool::new(), r#"{"a": {}, "b": {"lose": 1}}"#) else {
        return;
    };
    let ran = spool.run(&["check"]).exits(75);
    ran.says("ok       node host-a")
        .says("node host-b (127.0.0.1): its task was lost: RuntimeError: the node died");
}

#[test]
fn an_engine_that_cannot_be_is_said() {
    let Some(spool) = cluster(Spool::new(), TWO) else {
        return;
    };
    let spool = spool.set("engine.python=/nowhere/python3");
    spool
        .run(&["check"])
        .exits(64)
        .says("NOT OK   engine")
        .says("engine.python can't be run");
    let parts = spool.path("input/parts").to_str().unwrap().to_string();
    let spool = spool.set(&format!("engine.parts={parts}"));
    spool.run(&["check"]).exits(64).says("must lie apart");
    let spool = spool.set("engine.kind=local");
    spool.run(&["check"]).exits(0);
}
