//! The documents say what the program does.

use std::fs;
use std::path::Path;
use transform::transform::problem::Code;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn every_error_code_has_its_entry() {
    let text = read("TROUBLESHOOTING.md");
    let errors = [
        "disk_full",
        "permission_denied",
        "read_only",
        "not_found",
        "io_error",
        "configuration",
        "no_approved_model",
        "damaged_model",
        "ledger",
        "another_worker",
        "output_owned",
        "mount",
    ];
    for code in Code::ALL.iter().map(|c| c.name()).chain(errors) {
        assert!(text.contains(&format!("## `{code}`")), "no entry for {code}");
    }
}

#[test]
fn every_exit_code_is_in_the_readme() {
    let text = read("README.md");
    for code in ["0", "1", "2", "3", "64", "75"] {
        assert!(
            text.lines().any(|l| l.starts_with(&format!("| {code} |"))),
            "exit code {code}"
        );
    }
}

#[test]
fn the_first_two_commands_are_the_main_job_and_the_tests() {
    let text = read("README.md");
    let commands: Vec<&str> = text
        .lines()
        .filter(|l| l.trim_start().starts_with("cargo "))
        .map(str::trim)
        .collect();
    assert_eq!(commands[..2], ["cargo run --release -- --once", "cargo test"]);
}
