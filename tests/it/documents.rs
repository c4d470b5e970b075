//! The documents say what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use transform::error::EngineFault;
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
        "sandbox",
        "not_found",
        "io_error",
        "configuration",
        "no_approved_model",
        "damaged_model",
        "damaged_keys",
        "ledger",
        "another_worker",
        "output_owned",
        "mount",
    ];
    let engine = EngineFault::ALL.map(EngineFault::code);
    for code in Code::ALL.iter().map(|c| c.name()).chain(errors).chain(engine) {
        assert!(text.contains(&format!("## `{code}`")), "no entry for {code}");
    }
}

/// As the page of `format` says. The rejects were written by CSV's own writer, and a setting of CSV was named by its folder.
#[test]
fn transform_names_no_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transform");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let code = fs::read_to_string(&path).unwrap();
        assert!(!code.contains("csv::"), "{}", path.display());
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

/// The lines of a page that are no code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        code ^= line.trim_start().starts_with("```");
        !code
    })
}

/// As GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let anchor = |heading: &str| heading.to_lowercase().chars().filter(kept).collect::<String>();
    headings.map(|heading| anchor(heading).replace(' ', "-")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    let pages: Vec<String> = pages.filter_map(|name| name.into_string().ok()).collect();
    let mut links = 0;
    for name in pages.iter().filter(|name| name.ends_with(".md")) {
        let page = read(name);
        let text = prose(&page).collect::<Vec<_>>().join("\n");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name } else { file };
            assert!(root.join(file).exists(), "{name}: {target}");
            assert!(
                anchor.is_empty() || anchors(&read(file)).contains(anchor),
                "{name}: {target}"
            );
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}

/// A drawing that isn't its source's any more tells of a program that was.
#[test]
fn the_drawing_is_what_its_source_draws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(drawn) = Command::new("python3").arg(root.join("docs/architecture.py")).output() else {
        assert!(std::env::var_os("CI").is_none(), "no python3");
        return;
    };
    assert!(drawn.status.success());
    assert_eq!(String::from_utf8(drawn.stdout).unwrap(), read("docs/architecture.svg"));
}
