//! What the last window came to and which alerts are open, for who is paged.

use crate::error::Result;
use crate::ledger::{Ledger, Look, Watch};
use crate::monitor::alert::{State, Subject};

/// Of the lineup at work.
#[derive(Clone, Debug, Default)]
pub struct Monitored {
    /// The champion, and the challenger beside it, of which a window was judged.
    pub versions: Vec<OfVersion>,
    /// Results that are held, whoever made them.
    pub held: u64,
}

#[derive(Clone, Debug, Default)]
pub struct OfVersion {
    /// GROUP/VERSION
    pub model: String,
    pub last: Option<Look>,
    /// Alerts that are open.
    pub open: Vec<(Subject, State)>,
}

impl Monitored {
    pub fn find(ledger: &Ledger) -> Result<Monitored> {
        let of_version = |watch: Watch| -> Result<OfVersion> {
            let alerts = ledger.alerts(&watch.made_by, watch.baseline)?;
            let open = alerts.0.into_iter().filter(|(_, state)| state.since.is_some());
            Ok(OfVersion {
                model: watch.model().into(),
                last: ledger.last_look(&watch)?,
                open: open.collect(),
            })
        };
        Ok(Monitored {
            versions: ledger.watches()?.into_iter().map(of_version).collect::<Result<_>>()?,
            held: ledger.held()?.len() as u64,
        })
    }
}
