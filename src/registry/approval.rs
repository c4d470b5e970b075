//! Who decided what on a version, and why: `approval.toml`.

use super::disk;
use super::manifest::MANIFEST_MAX;
use crate::error::{Error, Result};
use crate::spool::durable;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::Path;

const APPROVAL: &str = "approval.toml";
const FORMAT_VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Approved,
    Rejected,
    /// Its artifact was removed.
    Retired,
}

impl Status {
    /// The last decision counts.
    pub fn after(decisions: &[Decision]) -> Status {
        decisions.last().map_or(Status::Pending, |d| d.status)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Rejected => "rejected",
            Status::Retired => "retired",
        })
    }
}

/// Somebody's decision on a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub status: Status,
    /// user@host
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(default)]
    pub reason: String,
}

/// A version's decisions, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    format_version: u32,
    #[serde(default)]
    decision: Vec<Decision>,
}

/// Who decides, and why.
#[derive(Clone)]
pub struct Vote {
    pub by: String,
    pub at: String,
    pub reason: String,
}

/// All decisions on the version in `folder`, oldest first.
pub fn decisions(folder: &Path) -> Result<Vec<Decision>> {
    let path = folder.join(APPROVAL);
    match disk::read(&path, MANIFEST_MAX) {
        Ok(text) => parse(&path, &text),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Vec<Decision>> {
    let approval: Approval = disk::parse(path, text)?;
    disk::check_format(path, approval.format_version, FORMAT_VERSION)?;
    Ok(approval.decision)
}

/// Adds a decision. The caller holds the group's lock.
pub fn decide(folder: &Path, status: Status, vote: Vote) -> Result<()> {
    let mut decision = decisions(folder)?;
    decision.push(Decision {
        status,
        by: vote.by,
        at: vote.at,
        reason: vote.reason,
    });
    let approval = Approval {
        format_version: FORMAT_VERSION,
        decision,
    };
    let text = toml::to_string(&approval).expect("an approval is TOML");
    durable::replace(&folder.join(APPROVAL), text.as_bytes())
}
