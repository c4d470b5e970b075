//! `transform complete`: what may come next, a line each, for the scripts of shells. It reads what it needs, writes nothing, and what it
//! can't find in time it leaves out.

use super::group;
use crate::cli::completion::{Next, Values, Word, next};
use crate::cli::{Cli, VersionName};
use crate::config::{Config, Sources};
use crate::registry::Registry;
use clap::CommandFactory;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// So long a person waits for a word.
const PATIENCE: Duration = Duration::from_secs(1);
/// Files that are looked into for pipelines, and how far.
const FILES: usize = 200;
const HEAD: u64 = 64 << 10;
/// Versions of a group that are offered, the newest.
const VERSIONS: usize = 50;

/// `beside`: this is the process that looks, and may hang on a mount.
pub fn complete(typed: &[String], beside: bool) {
    let next = next(Cli::command(), typed);
    if next.values.is_none() || beside {
        let found = next.values.map(|values| find(values, &next, typed)).unwrap_or_default();
        let _ = io::stdout().write_all(shown(&next, &found).as_bytes());
    } else if let Some(found) = ask(typed) {
        let _ = io::stdout().write_all(&found);
    }
}

/// Has another process look: one that waits for a mount can't be left behind by its own threads.
fn ask(typed: &[String]) -> Option<Vec<u8>> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["complete", "--beside", "--"]).args(typed);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (sender, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let mut found = Vec::new();
        let _ = stdout.read_to_end(&mut found);
        let _ = sender.send(found);
    });
    let found = answer.recv_timeout(PATIENCE).ok();
    if found.is_none() {
        let _ = child.kill();
    }
    found
}

/// A line for each word that goes on as it was begun: the word, a tab, and help.
fn shown(next: &Next, found: &[String]) -> String {
    let found = found.iter().map(|text| Word {
        text: text.clone(),
        help: String::new(),
    });
    let all = next.words.iter().cloned().chain(found);
    let fit = all.filter(|word| word.text.starts_with(&next.typed) && !word.text.contains(char::is_control));
    let lines = fit.map(|Word { text, help }| format!("{}{text}\t{help}\n", next.before));
    lines.collect()
}

fn find(values: Values, next: &Next, typed: &[String]) -> Vec<String> {
    match values {
        Values::Pipelines => pipelines(&next.typed),
        Values::Keys => Sources::keys().into_iter().map(|key| key + "=").collect(),
        Values::Groups | Values::Versions | Values::Experiments => models(values, next, typed).unwrap_or_default(),
    }
}

/// What a flag of the command line says, as far as it is typed.
fn said(typed: &[String], flag: &str) -> Vec<String> {
    let mut said = Vec::new();
    for (i, word) in typed.iter().enumerate() {
        match word.strip_prefix(flag) {
            // bash parts --flag=value.
            Some("") => {
                let mut behind = typed.iter().skip(i + 1).filter(|word| *word != "=");
                said.extend(behind.next().cloned());
            }
            Some(value) => said.extend(value.strip_prefix('=').map(String::from)),
            None => {}
        }
    }
    said
}

fn models(values: Values, next: &Next, typed: &[String]) -> Option<Vec<String>> {
    let before = &typed[..typed.len().saturating_sub(1)];
    let file = said(before, "--config").pop().map(Into::into);
    let config = Sources::from_environment(file, said(before, "--set")).load().ok()?;
    let models = &config.models.path;
    let groups = Registry::groups(models).unwrap_or_default();
    if values == Values::Groups {
        return Some(groups);
    }
    let group = said(before, "--group")
        .pop()
        .or_else(|| named(before))
        .or_else(|| default(&config));
    if values == Values::Experiments {
        let experiments = Registry::new(models, &group?).experiments().ok()?;
        return Some(
            experiments
                .known
                .into_iter()
                .map(|experiment| experiment.name)
                .collect(),
        );
    }
    Some(match (&group, next.typed.rsplit_once('/')) {
        // As it is typed: a group, or a folder.
        (_, Some((path, _))) => {
            let group = path.rsplit('/').next().unwrap_or_default();
            versions(models, group)
                .map(|version| format!("{path}/{version}"))
                .collect()
        }
        (Some(group), None) => versions(models, group)
            .chain(groups.iter().map(|group| format!("{group}/")))
            .collect(),
        (None, None) => groups.iter().map(|group| format!("{group}/")).collect(),
    })
}

/// By another version of the command.
fn named(before: &[String]) -> Option<String> {
    let versions = before.iter().filter(|word| word.contains('/'));
    let mut groups = versions.filter_map(|word| word.parse::<VersionName>().ok()?.group);
    groups.next()
}

fn default(config: &Config) -> Option<String> {
    match config.models.is_named {
        true => Some(config.models.group.clone()),
        false => group::only(&config.models.path).ok().flatten(),
    }
}

/// The newest first.
fn versions(models: &Path, group: &str) -> impl Iterator<Item = String> {
    let mut versions = Registry::new(models, group).versions().unwrap_or_default();
    versions.reverse();
    versions.truncate(VERSIONS);
    versions.into_iter().map(|version| version.to_string())
}

/// Folders, and files that have a pipeline's sections.
fn pipelines(typed: &str) -> Vec<String> {
    let (folder, shown) = match typed.rsplit_once('/') {
        Some((folder, _)) => (format!("{folder}/"), format!("{folder}/")),
        None => (".".into(), String::new()),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().take(FILES) {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if !name.starts_with('.') && path.is_dir() {
            found.push(format!("{shown}{name}/"));
        } else if name.ends_with(".toml") && path.is_file() && is_pipeline(&path) {
            found.push(format!("{shown}{name}"));
        }
    }
    found.sort_unstable();
    found
}

fn is_pipeline(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head);
    let has = |section: &str| text.lines().any(|line| line.trim() == section);
    read.is_ok() && (has("[data]") || has("[train]"))
}
