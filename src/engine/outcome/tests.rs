use super::*;
use crate::engine::task::Answer;

#[test]
fn exits_are_told_apart() {
    let report = Report::new(7, Answer::Survey(Vec::new()));
    let said = |code: &str| format!("a library warns\n{{\"code\":\"{code}\",\"message\":\"why\"}}\n");
    let failed = |code: &str, message: &str| {
        Outcome::Failed(Fault {
            code: code.into(),
            message: message.into(),
        })
    };
    let no_report = failed("engine_node", "it reports what is no report of the task");
    let line = report.line() + "\n";
    for (rc, out, err, expected) in [
        (Some(0), &*line, "", Outcome::Done(report.clone())),
        (Some(0), "hello", "", no_report),
        (Some(75), "", &*said("disk_full"), failed("disk_full", "why")),
        (Some(75), "", "killed\n\n", failed("engine_node", "killed")),
        (Some(64), "", &said("engine_version"), failed("engine_version", "why")),
        (Some(64), "", &said("configuration"), Outcome::Refused("why".into())),
        (Some(70), "", &said("internal"), Outcome::Panicked("why".into())),
        (
            Some(101),
            "",
            "thread main panicked",
            Outcome::Panicked("thread main panicked".into()),
        ),
        (
            Some(2),
            "",
            "error: unrecognized subcommand 'part'",
            failed(
                "engine_version",
                "it does not run tasks (exit code 2): error: unrecognized subcommand 'part'; is it the same transform?",
            ),
        ),
        (
            Some(-9),
            "",
            "",
            failed(
                "engine_node",
                "transform was ended by signal 9: is its memory too small?",
            ),
        ),
        (
            Some(-15),
            "",
            "",
            failed("engine_node", "transform was ended by signal 15"),
        ),
    ] {
        assert_eq!(outcome(rc, out, err, 7), expected, "{rc:?} {err}");
    }
    // Another task's.
    assert!(matches!(outcome(Some(0), &line, "", 8), Outcome::Failed(_)));
    assert!(matches!(outcome(None, "", "No such file", 7), Outcome::Failed(fault) if fault.code == "engine_node"));
}

#[test]
fn a_nodes_fault_keeps_its_kind() {
    for (code, expected) in [
        ("engine_input", EngineFault::Input),
        ("engine_version", EngineFault::Version),
        ("damaged_model", EngineFault::Model),
        ("disk_full", EngineFault::Node),
        ("what is this", EngineFault::Node),
    ] {
        assert_eq!(fault(code), expected, "{code}");
    }
}
