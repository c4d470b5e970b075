//! `transform keys`: who may ask the server.

use super::invocation::Invocation;
use super::models::person;
use super::{print_json, print_line, print_table};
use crate::cli::{Bound, Keys};
use crate::config::{Config, is_group};
use crate::error::{Error, Result, exit};
use crate::serve::keys::file::{Revocation, edit, read};
use crate::serve::keys::{Entry, Name, Secret};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub fn run(config: &Config, command: Keys, invocation: &Invocation) -> Result<u8> {
    let path = &config.serve.keys;
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    match command {
        Keys::Add {
            name,
            rate,
            burst,
            quota,
            expires,
            groups,
            sha256,
        } => {
            let secret = match sha256 {
                Some(_) => None,
                None => Some(Secret::generate()?),
            };
            let expires = expires
                .map(|until| {
                    until
                        .moment(now)
                        .ok_or("it is past: a duration such as 90d is meant, or a date to come")
                })
                .transpose()
                .map_err(|message| Error::config("--expires", message))?;
            let wish = Wish {
                rate,
                burst,
                quota,
                groups: groups.map(chosen).transpose()?,
            };
            let digest = sha256.or(secret.as_ref().map(Secret::digest));
            let entry = Entry {
                name,
                sha256: digest.expect("either is there"),
                groups: Vec::new(),
                frequency: None,
                burst: None,
                quota: None,
                expires,
                created: Some(now),
                by: person(),
                revoked: None,
            };
            let is_first = !path.exists();
            let (entry, others) = edit(path, |keys| add(keys, entry, wish, now))?;
            if let Some(secret) = secret {
                show_once(&secret, &entry)?;
            }
            explain(config, &entry, &others, sha256.is_some(), invocation);
            if is_first && is_roots_alone(path) {
                let path = path.display();
                let note =
                    format!("  note: only root may read {path}; if the server is another user: chgrp GROUP {path}\n");
                let _ = io::stderr().write_all(note.as_bytes());
            }
        }
        Keys::List { json } => list(path, json, now)?,
        Keys::Revoke { name, id, reason } => {
            let (by, at) = (person(), now);
            let revocation = Revocation { at, by, reason };
            let (revoked, others) = edit(path, |keys| revoke(path, keys, &name, id.as_deref(), revocation, now))?;
            print_line(format!("revoked {}", short(&revoked)));
            match &others[..] {
                [] => print_line(format!("{name} has no valid key left")),
                others => {
                    let others: Vec<String> = others.iter().map(|other| other.sha256.id()).collect();
                    print_line(format!("{name} has another valid key: {}", others.join(", ")));
                }
            }
        }
    }
    Ok(exit::CONVERGED)
}

/// What is said of limits; the rest is as for the last key of the same name.
struct Wish {
    rate: Option<Bound<crate::serve::keys::Frequency>>,
    burst: Option<u32>,
    quota: Option<Bound<crate::serve::keys::Quota>>,
    groups: Option<Vec<String>>,
}

/// The groups that are named; none: all.
fn chosen(groups: Vec<String>) -> Result<Vec<String>> {
    if groups == ["*"] {
        return Ok(Vec::new());
    }
    match groups.iter().find(|group| !is_group(group) || *group == "*") {
        Some(wrong) => Err(Error::config("--groups", super::group::no_group(wrong))),
        None => Ok(groups),
    }
}

/// Returns the new key as it was added, and the valid ones of its name that were there.
fn add(keys: &mut Vec<Entry>, mut entry: Entry, wish: Wish, now: Timestamp) -> Result<(Entry, Vec<Entry>)> {
    let of_name = |key: &&Entry| key.name == entry.name;
    if let Some(same) = keys.iter().find(|key| key.sha256 == entry.sha256) {
        return Err(Error::config(
            "--sha256",
            format!("it is in the file already: {}", short(same)),
        ));
    }
    let valid: Vec<Entry> = keys
        .iter()
        .filter(of_name)
        .filter(|key| key.is_valid(now))
        .cloned()
        .collect();
    if let [one, two, ..] = &valid[..] {
        let message = format!(
            "two are valid already, {} and {}; revoke one",
            one.sha256.id(),
            two.sha256.id()
        );
        return Err(Error::config(entry.name.as_str(), message));
    }
    let last = keys.iter().rfind(of_name);
    let limits = |key: &Entry| (key.frequency, key.burst, key.quota);
    let (frequency, burst, quota) = last.map_or((None, None, None), limits);
    entry.frequency = wish.rate.map_or(frequency, Bound::value);
    // A burst belongs to the rate that it was given with.
    entry.burst = wish.burst.or(burst.filter(|_| wish.rate.is_none()));
    entry.quota = wish.quota.map_or(quota, Bound::value);
    entry.groups = wish
        .groups
        .unwrap_or_else(|| last.map_or(Vec::new(), |last| last.groups.clone()));
    if entry.burst.is_some() && entry.frequency.is_none() {
        return Err(Error::config("--burst", "it goes with a rate: --rate 10/s"));
    }
    keys.push(entry.clone());
    Ok((entry, valid))
}

/// Revokes the valid key of that name, or the one whose id begins so. Returns it, and the valid ones that are left of its name.
fn revoke(
    path: &Path,
    keys: &mut [Entry],
    name: &Name,
    id: Option<&str>,
    revocation: Revocation,
    now: Timestamp,
) -> Result<(Entry, Vec<Entry>)> {
    let wrong = |message: String| Err(Error::config(path, message));
    let of_name: Vec<usize> = (0..keys.len()).filter(|i| keys[*i].name == *name).collect();
    if of_name.is_empty() {
        return wrong(format!(
            "no key has the name {name}{}; 'transform keys list' shows them",
            nearest(keys, name)
        ));
    }
    let matches = |i: &usize| match id {
        Some(id) => keys[*i].sha256.to_string().starts_with(&id.to_lowercase()),
        None => keys[*i].is_valid(now),
    };
    let found: Vec<usize> = of_name.iter().copied().filter(matches).collect();
    let ids = |which: &[usize]| which.iter().map(|i| short(&keys[*i])).collect::<Vec<_>>().join("; ");
    let one = match found[..] {
        [one] => one,
        [] if id.is_some() => {
            return wrong(format!(
                "no key of {name} has an id that begins so; there are: {}",
                ids(&of_name)
            ));
        }
        [] => return wrong(format!("no key of {name} is valid any more: {}", ids(&of_name))),
        _ => return wrong(format!("which one? 'transform keys revoke {name} ID': {}", ids(&found))),
    };
    if let Some(before) = &keys[one].revoked {
        return wrong(format!(
            "{} was revoked {} by {}",
            keys[one].sha256.id(),
            time(before.at),
            before.by
        ));
    }
    keys[one].revoked = Some(revocation);
    let left = of_name.iter().map(|i| &keys[*i]).filter(|key| key.is_valid(now));
    Ok((keys[one].clone(), left.cloned().collect()))
}

fn nearest(keys: &[Entry], name: &Name) -> String {
    let distance = |key: &&Entry| strsim::damerau_levenshtein(key.name.as_str(), name.as_str());
    let near = keys.iter().min_by_key(distance).filter(|key| distance(key) <= 2);
    near.map_or(String::new(), |key| format!("; did you mean {}?", key.name))
}

/// On stdout alone, so that `KEY=$(transform keys add shop)` has it.
///
/// # Errors
///
/// A key that nobody has seen is none.
fn show_once(secret: &Secret, entry: &Entry) -> Result<()> {
    let mut out = io::stdout();
    let shown = writeln!(out, "{}", secret.reveal()).and_then(|()| out.flush());
    shown.map_err(|e| {
        let (name, id) = (&entry.name, entry.sha256.id());
        let message =
            format!("the key was made, and can't be shown ({e}); it is of no use: transform keys revoke {name} {id}");
        Error::config("stdout", message)
    })
}

/// What a person should know of a new key, beside the key: on stderr.
fn explain(config: &Config, entry: &Entry, others: &[Entry], taken_in: bool, invocation: &Invocation) {
    let path = config.serve.keys.display();
    let mut text = format!("transform: added {}\n", short(entry));
    if !taken_in {
        text += &format!("  this is the only time that it is shown: {path} has its SHA-256 alone\n");
    }
    for group in &entry.groups {
        if !config.models.path.join(group).is_dir() {
            text += &format!("  note: there is no model group {group:?} yet\n");
        }
    }
    for other in others {
        let words = format!("keys revoke {} {}", entry.name, other.sha256.id());
        text += &format!(
            "  {} has two valid keys now, which share their limits; when its callers have the new one: {}\n",
            entry.name,
            invocation.about_keys(&words)
        );
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The server would answer 503 to everybody.
fn is_roots_alone(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.uid() == 0 && file.gid() == 0 && file.mode() & 0o004 == 0)
}

/// For example `shop's 3fa9c1d2e0b4: 10/s (burst 20), 10000/day, groups churn, until 2027-02-24 18:00:00`.
fn short(entry: &Entry) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = entry.rate() {
        parts.push(format!("{} (burst {})", rate.frequency, rate.burst()));
    }
    parts.extend(entry.quota.map(|quota| quota.to_string()));
    if !entry.groups.is_empty() {
        parts.push(format!("groups {}", entry.groups.join(", ")));
    }
    parts.extend(entry.created.map(|at| format!("created {}", time(at))));
    match entry.expires {
        Some(at) => parts.push(format!("until {}", time(at))),
        None => parts.push("until it is revoked".into()),
    }
    format!("{}'s {}: {}", entry.name, entry.sha256.id(), parts.join(", "))
}

fn list(path: &Path, json: bool, now: Timestamp) -> Result<()> {
    let mut keys = read(path)?;
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        print_json(&keys.iter().map(|key| object(key, now)).collect::<Vec<_>>());
        return Ok(());
    }
    if keys.is_empty() {
        print_line("no keys: nobody can ask; 'transform keys add NAME' makes one");
        return Ok(());
    }
    let head = [
        "name", "id", "state", "rate", "quota", "groups", "expires", "created", "by",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let or_dash = |text: Option<String>| text.unwrap_or("-".into());
        let state = match &key.revoked {
            Some(revoked) if revoked.reason.is_empty() => state(key, now).into(),
            Some(revoked) => format!("revoked: {}", revoked.reason),
            None => state(key, now).into(),
        };
        vec![
            key.name.to_string(),
            key.sha256.id(),
            state,
            or_dash(
                key.rate()
                    .map(|rate| format!("{} (burst {})", rate.frequency, rate.burst())),
            ),
            or_dash(key.quota.map(|quota| quota.to_string())),
            match key.groups.is_empty() {
                true => "all".into(),
                false => key.groups.join(", "),
            },
            key.expires.map_or("never".into(), time),
            or_dash(key.created.map(time)),
            or_dash((!key.by.is_empty()).then(|| key.by.clone())),
        ]
    }));
    print_table(&rows);
    Ok(())
}

fn state(key: &Entry, now: Timestamp) -> &'static str {
    match key.revoked {
        Some(_) => "revoked",
        None if key.is_valid(now) => "valid",
        None => "expired",
    }
}

fn object(key: &Entry, now: Timestamp) -> Value {
    json!({
        "name": key.name.as_str(),
        "id": key.sha256.id(),
        "state": state(key, now),
        "rate": key.rate().map(|rate| rate.frequency.to_string()),
        "burst": key.rate().map(|rate| rate.burst()),
        "quota": key.quota.map(|quota| quota.to_string()),
        "groups": (!key.groups.is_empty()).then_some(&key.groups),
        "expires": key.expires,
        "created": key.created,
        "by": (!key.by.is_empty()).then_some(&key.by),
        "revoked": key.revoked.as_ref().map(|revoked| json!({
            "at": revoked.at,
            "by": revoked.by,
            "reason": revoked.reason,
        })),
    })
}

/// As a person reads it, in UTC.
fn time(at: Timestamp) -> String {
    super::time(at.as_microsecond())
}
