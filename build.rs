//! Tells the program which commit it is built from: `TRANSFORM_COMMIT`, where the build isn't told, and what `--version` shows.

use std::process::Command;

/// What the program is made of.
const SOURCES: [&str; 5] = ["src", "config", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-env-changed=TRANSFORM_COMMIT");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // Grows with each commit and each change of branches, in a work tree of its own, too.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let told = std::env::var("TRANSFORM_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty());
    let version = env!("CARGO_PKG_VERSION");
    match told.or_else(found) {
        Some(commit) => {
            let (hash, changed) = commit.split_once('-').unwrap_or((&commit, ""));
            let short = hash.get(..8).unwrap_or(hash);
            let changed = if changed.is_empty() { "" } else { ", changed" };
            println!("cargo::rustc-env=TRANSFORM_COMMIT={commit}");
            println!("cargo::rustc-env=TRANSFORM_BUILD={version} ({short}{changed})");
        }
        // An archive, or no git: nothing is better than a guess.
        None => println!("cargo::rustc-env=TRANSFORM_BUILD={version}"),
    }
}

/// The commit that the sources are of, with `-dirty` where they were changed since, as `git describe` says it.
fn found() -> Option<String> {
    // A repository around an unpacked archive is another one's.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if std::fs::canonicalize(top).ok()? != std::fs::canonicalize(".").ok()? {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    let dirty = if changes.is_empty() { "" } else { "-dirty" };
    Some(format!("{commit}{dirty}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_string())
}
