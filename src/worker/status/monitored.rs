//! What the last window came to and which alerts are open, for who is paged.

use crate::error::Result;
use crate::ledger::{Ledger, Look};
use crate::monitor::alert::{State, Subject};

/// Of the lineup at work.
#[derive(Clone, Debug, Default)]
pub struct Monitored {
    /// GROUP/VERSION; none: no window of it was judged.
    pub model: Option<String>,
    pub last: Option<Look>,
    /// Alerts that are open.
    pub open: Vec<(Subject, State)>,
    /// Results that are held, whoever made them.
    pub held: u64,
}

impl Monitored {
    pub fn find(ledger: &Ledger) -> Result<Monitored> {
        let mut monitored = Monitored {
            held: ledger.held()?.len() as u64,
            ..Monitored::default()
        };
        if let Some(watch) = ledger.watch()? {
            let alerts = ledger.alerts(&watch.made_by, watch.baseline)?;
            let open = alerts.0.into_iter().filter(|(_, state)| state.since.is_some());
            monitored.open = open.collect();
            monitored.last = ledger.last_look(&watch)?;
            monitored.model = Some(watch.model().into());
        }
        Ok(monitored)
    }
}
