//! How things stand when a one-shot has converged: what it found, and what the ledger has. It has just looked at each input.

use super::files::{DismissedFile, Pending, Why};
use super::snapshot::Status;
use super::survey::{reason, since, stale};
use crate::config::Config;
use crate::error::Result;
use crate::ledger::{Ledger, Record};
use crate::registry::Registry;
use crate::spool::Name;
use crate::transform::Verdict;
use crate::worker::agenda::Note;
use crate::worker::inventory::Inventory;
use crate::worker::look::{Published, is_settling, now};
use jiff::Timestamp;
use std::collections::HashSet;

/// Adds to `status` what stands.
pub fn add(status: &mut Status, inventory: &Inventory, config: &Config) -> Result<()> {
    let Some(ledger) = Ledger::read(&config.state.path)? else {
        return Ok(());
    };
    let text = |names: &[Name]| names.iter().map(Name::to_string).collect();
    status.done = inventory.done;
    (status.ignored, status.ignored_files) = (inventory.ignored, text(&inventory.ignored_files));
    (status.left, status.left_files) = (inventory.left, text(&inventory.left_files));
    let pending: Vec<Name> = inventory.pending.iter().map(|(name, _)| name.clone()).collect();
    let stale = stale(config, &Registry::new(&config.models.path, &config.models.group));
    for ((name, note), record) in inventory.pending.iter().zip(ledger.records(&pending)?) {
        status.add_pending(waiting(name, note, record.as_ref(), stale, config));
    }
    let pending: HashSet<Name> = pending.into_iter().collect();
    let failed = add_failures(status, &ledger, &pending)?;
    let published = Published::open(config)?;
    for finding in ledger.findings()? {
        let name = &finding.input;
        if pending.contains(name) || failed.contains(name) {
            continue;
        }
        // That of an input that is gone stands in the ledger, too.
        if !inventory.unchanged_findings.contains(name) && !ledger.has_work_since(name, inventory.start)? {
            continue;
        }
        let named = finding.bad_rows > 0 && status.bad < status.most as u64;
        let rejects_gone = named && matches!(published.has_rejects(name), Ok(false));
        status.add_finding(finding, rejects_gone);
    }
    status.counted = Some(Timestamp::now());
    Ok(())
}

/// Adds what failed or is held. Returns all of it.
fn add_failures(status: &mut Status, ledger: &Ledger, pending: &HashSet<Name>) -> Result<HashSet<Name>> {
    let mut failed = HashSet::new();
    for failure in ledger.failures()? {
        let name = failure.input;
        if pending.contains(&name) {
            continue;
        }
        let most = status.most as u64;
        match (failure.verdict, failure.dismissal) {
            (Verdict::Publish, _) => {}
            (Verdict::Hold, _) => status.add_held(name.to_string()),
            // To find out the reasons of those that aren't named takes long.
            (Verdict::Fail, None) if status.failed >= most => status.failed += 1,
            (Verdict::Fail, None) => status.add_failed(reason(&name, Some(ledger))?),
            (Verdict::Fail, Some(_)) if status.dismissed >= most => status.dismissed += 1,
            (Verdict::Fail, Some(dismissal)) => {
                let failure = reason(&name, Some(ledger))?;
                status.add_dismissed(DismissedFile::of(failure, dismissal));
            }
        }
        failed.insert(name);
    }
    Ok(failed)
}

/// An input without a result. Of those that failed for now, the faults tell.
fn waiting(name: &Name, note: &Note, record: Option<&Record>, stale: Option<Timestamp>, config: &Config) -> Pending {
    let fingerprint = note.before.map(|before| before.fingerprint);
    // What was scored before had settled before.
    let scored = |fingerprint| record.is_some_and(|record| record.fingerprint == fingerprint);
    let settling = |fingerprint| !scored(fingerprint) && is_settling(fingerprint, config.input.settle, now().wall);
    Pending {
        file: name.to_string(),
        reason: match fingerprint {
            _ if note.open => Why::Open,
            Some(fingerprint) if settling(fingerprint) => Why::Settling,
            _ => Why::Queued,
        },
        since: fingerprint.and_then(|fingerprint| since(fingerprint, record, stale)),
        age_seconds: None,
        retry_at: None,
    }
}
