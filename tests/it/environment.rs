//! Settings from variables of the environment.

use crate::spool::Spool;

#[test]
fn environment_and_flags_override_the_file() {
    let spool = Spool::new();
    spool.drop_file("a.csv", "x;id\n1;r1\n");
    let mut command = spool.command(&["--once", "--set", "input.delimiter=;"]);
    command.env("TRANSFORM_OUTPUT__COLUMNS", "all");
    assert!(command.status().unwrap().success());
    assert_eq!(spool.output("a.csv").unwrap(), "x;id;prediction\n1;r1;3.0\n");
}

#[test]
fn a_variable_that_sets_nothing_is_told_with_the_one_that_was_meant() {
    let spool = Spool::new();
    let run = |name: &str| {
        let out = spool.command(&["status"]).env(name, "elsewhere").output().unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let said = run("TRANSFORM_INPUT_PATH");
    assert!(
        said.contains("variable=\"TRANSFORM_INPUT_PATH\" meant=\"TRANSFORM_INPUT__PATH\""),
        "{said}"
    );
    for others in ["TRANSFORM_PORT", "TRANSFORM_SERVICE_HOST", "ORT_DYLIB_PATH"] {
        assert_eq!(run(others), "", "{others}");
    }
}
