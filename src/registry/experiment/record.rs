//! What stands in the file of an experiment.

use crate::share::Share;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The newest format. Programs before A/B tests know 1 alone, and read on what needs no more.
pub(super) const NEWEST: u32 = 2;
/// Bytes of a name, which is that of a folder and of a file, and of a salt.
pub(super) const NAME_MAX: usize = 64;

/// A version that is tried beside the champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub(super) format_version: u32,
    pub name: String,
    pub kind: Kind,
    /// The one that is tried.
    pub version: u32,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// The one that answers while it is tried.
    pub champion: u32,
    /// SHA-256 of its manifest.
    pub champion_manifest: String,
    /// The column by which rows are found again, and by which a challenger's are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What keys are hashed with, of a challenger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Are files its own that were there before it began?
    pub backfill: bool,
    /// Guards, as they were given: what breaks one halts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abort_if: Vec<String>,
    /// Oldest first.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It scores all rows, and answers none.
    Shadow,
    /// It answers for a share of the keys.
    Challenger,
}

/// Somebody's decision on an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    /// The challenger's from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What the halt said that is lifted or confirmed by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// user@host
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(default)]
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Start,
    /// It has another share.
    Ramp,
    /// A halt is lifted.
    Resume,
    /// Its version was approved for it.
    Promote,
    Stop,
    /// Another version was approved, or its own one rejected.
    End,
}

impl Action {
    /// Does it go on from here?
    pub(super) fn goes_on(self) -> bool {
        matches!(self, Action::Start | Action::Ramp | Action::Resume)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Shadow => "shadow",
            Kind::Challenger => "challenger",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Start => "start",
            Action::Ramp => "ramp",
            Action::Resume => "resume",
            Action::Promote => "promote",
            Action::Stop => "stop",
            Action::End => "end",
        })
    }
}

impl Experiment {
    /// The oldest format that has all of it.
    pub(super) fn format(&self) -> u32 {
        let is_new = |step: &Step| {
            step.found.is_some() || matches!(step.action, Action::Ramp | Action::Resume | Action::Promote)
        };
        match self.kind == Kind::Shadow && self.abort_if.is_empty() && !self.steps.iter().any(is_new) {
            true => 1,
            false => NEWEST,
        }
    }

    /// What is wrong with it, though each field can be read.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        let first = self.steps.first().map(|step| step.action);
        let is_share = |share: Option<Share>| share.is_some_and(|share| share.fraction().0 > 0);
        let has_share = |step: &Step| match step.action {
            Action::Start | Action::Ramp => is_share(step.share),
            _ => step.share.is_none(),
        };
        let is_challenger = self.kind == Kind::Challenger;
        if !is_name(&self.name) {
            Some("its name can't be one")
        } else if first != Some(Action::Start) {
            Some("it doesn't begin with a start")
        } else if self.steps.iter().any(|step| step.at.parse::<Timestamp>().is_err()) {
            Some("a step's time is none")
        } else if is_challenger && (self.format_version < 2 || self.backfill) {
            Some("no challenger has this format, or takes files that were there before")
        } else if is_challenger && (self.key.is_none() || !self.salt.as_deref().is_some_and(is_salt)) {
            Some("a challenger needs a key and a salt")
        } else if is_challenger && !self.steps.iter().all(has_share) {
            Some("a share is missing, or stands where none does")
        } else if !is_challenger && (self.salt.is_some() || self.steps.iter().any(|step| step.share.is_some())) {
            Some("a shadow has no share and no salt")
        } else {
            None
        }
    }

    /// Did nobody stop it, and no approval end it?
    pub fn goes_on(&self) -> bool {
        self.last().goes_on()
    }

    pub(super) fn last(&self) -> Action {
        self.steps.last().map_or(Action::Stop, |step| step.action)
    }

    /// When it began, RFC 3339.
    pub fn began(&self) -> &str {
        self.steps.first().map_or("", |step| &step.at)
    }

    /// The challenger's share, as of its last step.
    pub fn share(&self) -> Option<Share> {
        self.steps.iter().rev().find_map(|step| step.share)
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=NAME_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
}

/// It is a word of [`Phase::made_by`](crate::score::Phase::made_by), so it has no spaces.
pub(super) fn is_salt(salt: &str) -> bool {
    (1..=NAME_MAX).contains(&salt.len()) && salt.bytes().all(|b| b.is_ascii_graphic())
}
