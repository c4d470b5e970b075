//! What halts experiments by themselves: their guards, judged by what was kept of their phases. What is beyond a limit is written where
//! the worker and the server look; a person decides on it.

use super::Commit;
use crate::error::Result;
use crate::experiment::guard::{Guard, Seen, Standing};
use crate::ledger::{Ledger, TrialRecord, TrialSum};
use crate::registry::Halt;
use crate::score::Lineup;
use crate::worker::alerts::event;
use crate::worker::look::now;
use crate::worker::setup::Setup;
use jiff::Timestamp;

/// The experiments of the lineup at work that have guards.
#[derive(Default)]
pub(super) struct Guards(Vec<Guarded>);

struct Guarded {
    experiment: String,
    /// The version on trial.
    model: String,
    group: String,
    /// Its number.
    phase: u32,
    guards: Vec<Guard>,
    sum: TrialSum,
}

impl Guards {
    /// With what the ledger has of the phases that go on.
    pub fn begin(ledger: &Ledger, lineup: &Lineup) -> Result<Guards> {
        let group = &lineup.champion.identity.group;
        let challengers = lineup.challengers.iter().filter(|challenger| challenger.is_open);
        let challengers = challengers.filter_map(|challenger| {
            let phase = challenger.phases.last()?.number;
            Some((&challenger.experiment, &challenger.identity, phase, &challenger.guards))
        });
        let shadows = lineup.shadows.iter();
        let shadows = shadows.map(|shadow| {
            (
                &shadow.experiment,
                &shadow.member.identity,
                shadow.phase,
                &shadow.guards,
            )
        });
        let mut guarded = Vec::new();
        for (experiment, identity, phase, rules) in challengers.chain(shadows) {
            // Outputs never depend on a clock. What can't be read was refused when it began.
            let guards = rules.iter().filter_map(|rule| Guard::parse(rule).ok());
            let guards: Vec<Guard> = guards.filter(|guard| !guard.is_of_time()).collect();
            if guards.is_empty() {
                continue;
            }
            guarded.push(Guarded {
                sum: ledger.sum_of_trials(experiment, phase)?,
                experiment: experiment.clone(),
                model: identity.to_string(),
                group: group.clone(),
                phase,
                guards,
            });
        }
        Ok(Guards(guarded))
    }

    /// What will be recorded. `ledger`: as it is before.
    ///
    /// Returns those that replace what was recorded: they are to be counted anew, once that is done.
    fn add(&mut self, ledger: &Ledger, records: &[TrialRecord]) -> Result<Vec<usize>> {
        let mut anew = Vec::new();
        for (place, guarded) in self.0.iter_mut().enumerate() {
            let is_its = |record: &&TrialRecord| record.experiment == guarded.experiment;
            let own: Vec<&TrialRecord> = records.iter().filter(is_its).collect();
            let inputs: Vec<_> = own.iter().map(|record| record.input.clone()).collect();
            let known = ledger.trials(&guarded.experiment, &inputs)?;
            if known.iter().any(Option::is_some) {
                anew.push(place);
                continue;
            }
            let of_phase = own.iter().filter(|record| record.phase == guarded.phase);
            of_phase.for_each(|record| guarded.sum.add(&record.tried));
        }
        Ok(anew)
    }

    fn count_anew(&mut self, ledger: &Ledger, places: &[usize]) -> Result<()> {
        for &place in places {
            let guarded = &mut self.0[place];
            guarded.sum = ledger.sum_of_trials(&guarded.experiment, guarded.phase)?;
        }
        Ok(())
    }
}

impl Guarded {
    fn halt(&self) -> Option<Halt> {
        let sides = self.sum.sides.each_ref().map(|side| Seen {
            rows: side.rows,
            bad_rows: side.bad_rows,
            predictions: &side.predictions,
        });
        let standing = Standing {
            sides,
            requests: 0,
            p99: None,
        };
        let found = |guard: &Guard| Some((guard.to_string(), guard.found(&standing)?));
        let (guard, found) = self.guards.iter().find_map(found)?;
        let phase = format!("{}/{}", self.experiment, self.phase);
        Some(Halt {
            guard,
            found,
            at: Timestamp::now().to_string(),
            by: "worker".into(),
            ..Halt::new(&self.experiment, &self.group, &phase)
        })
    }
}

impl Commit {
    /// Records what is kept of trials, and halts what goes beyond its limits.
    pub(super) fn record_guarded(&mut self, records: &[TrialRecord], setup: &Setup) -> Result<()> {
        let anew = self.guards.add(&self.ledger, records)?;
        self.ledger.set_trials(records)?;
        self.guards.count_anew(&self.ledger, &anew)?;
        self.halt(setup)
    }

    /// Halts what is beyond its limits, and tells people. Where that can't be written, it is tried with the next input: results are as
    /// they are.
    pub fn halt(&mut self, setup: &Setup) -> Result<()> {
        let mut halted = Vec::new();
        self.guards.0.retain(|guarded| {
            let Some(halt) = guarded.halt() else { return true };
            let (experiment, found) = (&halt.experiment, &halt.found);
            let written = Halt::write(&setup.config.state.path, &halt);
            match &written {
                Ok(()) => tracing::error!(
                    experiment,
                    found,
                    "halted: a person is to resume or to stop the experiment"
                ),
                Err(error) => tracing::error!(experiment, found, %error, "it is to be halted, and can't be for now"),
            }
            let goes_on = written.is_err();
            halted.extend((!goes_on).then(|| event::of_halt(now().wall / 1000, &guarded.model, experiment, found)));
            goes_on
        });
        for event in &halted {
            self.ledger.tell(event)?;
        }
        match halted.is_empty() {
            true => Ok(()),
            false => self.outbox.flush(&mut self.ledger, &setup.config, now()),
        }
    }
}
