//! The model or models at work.

use crate::model::{Model, Signature};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What tells a version of a group from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub group: String,
    pub version: u32,
    /// SHA-256 of the whole manifest, hexadecimal. It holds the artifact's, the signature and the attachments'.
    pub manifest: String,
    /// SHA-256 of the artifact, hexadecimal.
    pub artifact: String,
}

impl Identity {
    /// As the ledger names a lineup of this one alone: `group/version@SHA-256 of the manifest`.
    pub fn made_by(&self) -> String {
        format!("{self}@{}", self.manifest)
    }
}

/// `group/version`
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.version)
    }
}

/// A version that predicts.
#[derive(Clone, Debug)]
pub struct Member {
    pub identity: Identity,
    pub model: Arc<Model>,
}

/// A version that scores beside the champion and doesn't answer.
#[derive(Debug)]
pub struct Shadow {
    /// The experiment's name.
    pub experiment: String,
    pub member: Member,
    /// The column by which its rows are found again, if one was named.
    pub key: Option<String>,
    /// Inputs that were first seen before aren't its, in microseconds since 1970.
    pub since: i64,
}

/// Those that answer, and those that score beside them. Proven before it is made, then shared by all that score.
#[derive(Debug)]
pub struct Lineup {
    pub champion: Member,
    pub shadows: Vec<Shadow>,
}

impl Lineup {
    pub fn of(champion: Member) -> Lineup {
        Lineup {
            champion,
            shadows: Vec::new(),
        }
    }

    /// A model that is no version, for tests and tries.
    pub fn alone(model: Arc<Model>) -> Arc<Lineup> {
        let identity = Identity {
            group: String::new(),
            version: 0,
            manifest: String::new(),
            artifact: String::new(),
        };
        Arc::new(Lineup::of(Member { identity, model }))
    }

    /// The columns that are read and written.
    pub fn signature(&self) -> &Signature {
        self.champion.model.signature()
    }
}

impl fmt::Display for Lineup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.champion.identity.fmt(f)
    }
}
