//! The lineup at work: found by the decisions in the registry, proven before it is used, kept until another one is approved.
//! For whoever scores: the worker looks again after events and with each poll, and so can a server.

use super::Registry;
use crate::error::{Error, Result};
use crate::score::Lineup;
use std::sync::Arc;

pub struct Current {
    registry: Registry,
    /// Or why there is none.
    lineup: Result<Arc<Lineup>>,
}

impl Current {
    /// Nothing was looked at yet.
    pub fn new(registry: Registry) -> Current {
        let lineup = Err(not_looked(&registry));
        Current { registry, lineup }
    }

    /// Why there is no lineup, taken out; as if nothing was looked at yet.
    pub fn take_error(&mut self) -> Option<Error> {
        let not_looked = not_looked(&self.registry);
        std::mem::replace(&mut self.lineup, Err(not_looked)).err()
    }

    pub fn lineup(&self) -> Result<&Arc<Lineup>, &Error> {
        self.lineup.as_ref()
    }

    /// Looks at the decisions again. True if the lineup, or the reason why there is none, is another one than before.
    pub fn look(&mut self) -> bool {
        let approved = self.registry.latest_approved();
        if let (Ok(identity), Ok(lineup)) = (&approved, &self.lineup)
            && *identity == lineup.champion.identity
        {
            return false;
        }
        let lineup = approved.and_then(|identity| self.registry.prove(identity.version));
        if let (Err(now), Err(before)) = (&lineup, &self.lineup)
            && now.to_string() == before.to_string()
        {
            return false;
        }
        self.lineup = lineup.map(|champion| Lineup { champion }.into());
        true
    }
}

fn not_looked(registry: &Registry) -> Error {
    Error::NoModel {
        path: registry.path().into(),
        message: "not looked for yet".into(),
    }
}
