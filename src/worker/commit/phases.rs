//! Of which phase of an A/B test an input is.

use super::Commit;
use crate::error::{Error, Result};
use crate::ledger::Record;
use crate::spool::{Fingerprint, Name};
use crate::transform::Verdict;
use crate::worker::job::Recorded;
use crate::worker::look::{Published, now};
use crate::worker::setup::Setup;

impl Commit {
    /// The phase that an input is of, and those that it is of if it has contents that are known. `published`: the folders.
    pub(super) fn phase(
        &self,
        name: &Name,
        record: Option<&Record>,
        first_seen: i64,
        fingerprint: Fingerprint,
        published: &Published,
    ) -> Result<(Option<String>, Vec<Recorded>)> {
        let Some(lineup) = self.trials.lineup().filter(|lineup| !lineup.challengers.is_empty()) else {
            return Ok((None, Vec::new()));
        };
        let known = |phase: Option<&String>| phase.filter(|phase| lineup.phase(phase).is_some()).cloned();
        // A test that is over binds what was answered, and not what failed.
        let binds = |record: &&Record| {
            let phase = record.phase.as_deref().and_then(|phase| lineup.phase(phase));
            record.verdict != Verdict::Fail || phase.is_none_or(|(challenger, _)| challenger.is_open)
        };
        let record = record.filter(binds);
        let recorded = record.and_then(|record| known(record.phase.as_ref()));
        if record.is_some_and(|record| record.fingerprint == fingerprint) {
            return Ok((recorded, Vec::new()));
        }
        let mut new = lineup.phase_of_new(first_seen);
        // Somebody was answered before it began, and a killed worker didn't record it.
        if let (Some(phase), None) = (new, record)
            && let Some(at) = published.output_at(name)?
            && fingerprint.ctime.unwrap_or(fingerprint.mtime) / 1000 <= at
            && at < phase.since
        {
            new = None;
        }
        let new = new.map(|phase| phase.name.clone());
        let recorded = record
            .filter(|record| record.fingerprint.size == fingerprint.size)
            .and_then(|record| {
                Some(Recorded {
                    input_hash: record.input_hash?,
                    phase: recorded,
                })
            });
        let claimed = self.ledger.claimed(name)?.map(|claim| Recorded {
            input_hash: claim.input_hash,
            phase: known(claim.phase.as_ref()),
        });
        let mut all: Vec<Recorded> = claimed.into_iter().chain(recorded).collect();
        all.retain(|known| known.phase != new);
        Ok((new, all))
    }

    /// The phase that it is of, if nobody knows that any more: who is to make it again can't be told. What is to be made again in any case is
    /// the champion's.
    pub(super) fn lost_phase(&self, record: Option<&Record>) -> Option<String> {
        let record = record.filter(|record| record.recipe.output_format != 0 && record.verdict != Verdict::Fail)?;
        let lineup = self.trials.lineup()?;
        let is_of_group = record.recipe.is_by(&lineup.champion.identity.group);
        let is_lost = |phase: &String| is_of_group && lineup.is_lost(phase);
        record.phase.clone().filter(is_lost)
    }

    /// It waits for a person.
    pub(super) fn wait_for_experiment(&mut self, name: &Name, phase: &str, setup: &Setup) -> Result<()> {
        if self.agenda.note(name).retry_at.is_some_and(|at| at > now().monotonic) {
            return Ok(());
        }
        let models = &setup.config.models;
        let folder = models.path.join(&models.group).join("experiments");
        let message = format!(
            "{name} was answered in phase {phase}, and that experiment isn't there: restore its file from a backup; or have all be made \
             again without, by 'transform --once --all'"
        );
        self.fault(name, Error::config(folder, message), None, setup)
    }
}
