//! `[state]`: where the ledger is, and for how long it remembers. `[failed]`: where reports go. `[shadow]`: and what is compared.

use super::value::{Folder, Period};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct State {
    pub path: PathBuf,
    /// How long the ledger keeps what is only history.
    pub history: Duration,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    path: Folder,
    history: Period<86_400_000, 36_500>,
}

impl Raw {
    pub fn validate(self) -> State {
        State {
            path: self.path.0,
            history: self.history.0,
        }
    }
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    pub path: Folder,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    pub path: Folder,
}
