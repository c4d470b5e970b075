//! An A/B test that is under way: whose key is whose, and how each arm did.

use super::division::{ALL, Rows};
use super::scoring::Predictions;
use super::served::Served;
use super::tally::{self, Tally, ask_for_predictions};
use super::telemetry::arms::Standing;
use super::union::Union;
use crate::experiment::guard::Guard;
use crate::model::unicode;
use crate::score::arm::{Arm, Split};
use crate::score::{Challenger, Identity, Lineup, Member};
use crate::transform::{Scorer, Shape, Tried};
use std::sync::Arc;
use std::time::Duration;

pub struct Arms {
    pub experiment: String,
    /// `EXPERIMENT/NUMBER`
    pub phase: String,
    /// The column of keys, as names are compared.
    column: String,
    pub split: Split,
    champion: Arc<Served>,
    identity: Identity,
    /// Or why its keys are answered by nobody, for the log and the page.
    challenger: Result<Arc<Served>, String>,
    union: Option<Union>,
    /// The champion and the challenger, for CSVs as the spool's.
    lineup: Arc<Lineup>,
    guards: Vec<Guard>,
    watches_predictions: bool,
    tallies: [Tally; 3],
}

impl Arms {
    /// Of the challenger that new requests are put to, if there is one. Who was there `before` goes on counting. `serve`: puts a version
    /// to use, or says why it can't be.
    pub fn beside(
        champion: &Arc<Served>,
        lineup: &Lineup,
        before: Option<Arc<Arms>>,
        serve: impl FnOnce(&Identity, Lineup) -> Result<Arc<Served>, String>,
    ) -> Option<Arc<Arms>> {
        let open = lineup.challengers.iter().find(|challenger| challenger.is_open)?;
        let phase = open.phases.last()?;
        let before = before.filter(|before| before.identity == open.identity);
        if let Some(same) = before.as_ref().filter(|before| {
            before.phase == phase.name
                && Arc::ptr_eq(&before.champion, champion)
                && before.challenger.is_ok() == open.model.is_ok()
        }) {
            return Some(same.clone());
        }
        let known = before.and_then(|before| before.challenger.as_ref().ok().cloned());
        let challenger = match (&open.model, known) {
            (Err(why), _) => Err(why.clone()),
            (Ok(model), Some(known)) if Arc::ptr_eq(model, &known.lineup.champion.model) => Ok(known),
            (Ok(model), _) => {
                let member = Member {
                    identity: open.identity.clone(),
                    model: model.clone(),
                };
                serve(&open.identity, Lineup::of(member))
            }
        };
        Some(Arms::of(champion, open, challenger).into())
    }

    fn of(champion: &Arc<Served>, open: &Challenger, challenger: Result<Arc<Served>, String>) -> Arms {
        let phase = open.phases.last().expect("a challenger has a phase");
        let signature = |served: &Arc<Served>| Union::of(champion.lineup.signature(), served.lineup.signature());
        let union = challenger.as_ref().ok().and_then(signature);
        let guards = tally::guards(&open.experiment, &open.guards);
        let lineup = Lineup {
            challengers: vec![open.clone()],
            ..Lineup::of(champion.lineup.champion.clone())
        };
        Arms {
            experiment: open.experiment.clone(),
            phase: phase.name.clone(),
            column: unicode::name(&open.key).into_owned(),
            split: phase.split.clone(),
            champion: champion.clone(),
            identity: open.identity.clone(),
            challenger: match union.is_none() && challenger.is_ok() {
                true => Err("it hasn't all of the champion's outputs".into()),
                false => challenger,
            },
            union,
            lineup: lineup.into(),
            watches_predictions: ask_for_predictions(&guards),
            guards,
            tallies: Default::default(),
        }
    }

    /// The one of keys, as names are compared.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The version whose keys these are. `Err`: it can't be used.
    pub fn challenger(&self) -> Result<&Arc<Served>, &str> {
        self.challenger.as_ref().map_err(String::as_str)
    }

    /// `GROUP/VERSION` of the challenger.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Of both; none where the challenger can't be used.
    pub fn union(&self) -> Option<&Union> {
        self.union.as_ref()
    }

    fn tally(&self, arm: Arm) -> &Tally {
        &self.tallies[arm as usize]
    }

    /// Of a CSV whose rows are both versions'.
    pub fn scorer(&self, shape: Shape) -> Scorer {
        let counter = |served: &Arc<Served>| served.live.as_ref().map(|live| live.counter.clone());
        let of_challenger = self.challenger.as_ref().ok().and_then(counter);
        Scorer::new(self.lineup.clone(), shape)
            .counting(counter(&self.champion))
            .with_trials()
            .counting_challengers(vec![of_challenger])
    }

    /// Rows of a request were scored, or refused for those that are bad. Those of one arm took so long; of both, each: the champion's and
    /// the challenger's.
    pub fn count(&self, rows: &Rows, predictions: &Predictions, took: [Duration; 2]) {
        match rows {
            Rows::Of(arm) => {
                let is_challenger = *arm == Arm::Challenger;
                let (tally, took) = (self.tally(*arm), took[usize::from(is_challenger)]);
                tally.add(predictions.rows as u64, predictions.bad() as u64, took);
                if let Some(union) = self.union.as_ref().filter(|_| self.watches_predictions) {
                    tally.add_predictions(union.compared(is_challenger, predictions));
                }
            }
            Rows::Each(arms) => {
                let of = |row: usize| arms.get(row).copied().unwrap_or(Arm::Unassigned);
                for arm in ALL {
                    let own = || predictions.iter().enumerate().filter(|(row, _)| of(*row) == arm);
                    let rows = own().count() as u64;
                    if rows == 0 {
                        continue;
                    }
                    let bad = own().filter(|(_, values)| values.is_none()).count() as u64;
                    self.tally(arm)
                        .add(rows, bad, took[usize::from(arm == Arm::Challenger)]);
                    if self.watches_predictions {
                        // They are the union's already.
                        let good = own().filter_map(|(_, values)| values);
                        let compared = |values| self.union.as_ref().map(|union| union.compared_of(values));
                        self.tally(arm).add_predictions(good.filter_map(compared));
                    }
                }
            }
        }
    }

    /// Rows of a CSV that were both versions'. `bad_rows`: of all.
    pub fn count_tried(&self, rows: u64, bad_rows: u64, tried: &Tried) {
        let [champion, challenger] = &tried.sides;
        for (arm, side) in [(Arm::Champion, champion), (Arm::Challenger, challenger)] {
            if side.rows > 0 {
                self.tally(arm).add_side(side);
            }
        }
        let unassigned = rows - champion.rows - challenger.rows;
        if unassigned > 0 {
            let bad = bad_rows.saturating_sub(champion.bad_rows + challenger.bad_rows);
            self.tally(Arm::Unassigned).add(unassigned, bad, champion.took);
        }
    }

    /// Rows of a request that are all of one arm.
    pub fn count_rows(&self, arm: Arm, rows: u64, bad_rows: u64, took: Duration) {
        self.tally(arm).add(rows, bad_rows, took);
    }

    /// The limit that the challenger is beyond, and what was found.
    pub fn beyond(&self) -> Option<(&Guard, String)> {
        let sides = [Arm::Champion, Arm::Challenger].map(|arm| self.tally(arm));
        tally::beyond(&self.guards, sides)
    }

    /// How it stands, for metrics and people.
    pub fn standing(&self) -> Standing {
        Standing {
            champion: self.champion.lineup.to_string(),
            challenger: self.identity.to_string(),
            experiment: self.experiment.clone(),
            phase: self.phase.clone(),
            share: self.split.share(),
            is_usable: self.challenger.is_ok(),
            arms: ALL.map(|arm| self.tally(arm).counted()),
        }
    }
}

/// Says which version is beside the one that answers, for which keys, and when that ends.
pub fn log(before: Option<&Arms>, now: Option<&Arms>) {
    let phase = |arms: Option<&Arms>| arms.map(|arms| arms.phase.clone());
    if phase(before) == phase(now) {
        return;
    }
    if let (Some(before), None) = (before, now) {
        tracing::info!(phase = before.phase, "the champion answers all keys again");
    }
    let Some(now) = now else { return };
    let (phase, challenger, share) = (&now.phase, now.identity(), now.split.share());
    match now.challenger() {
        Ok(_) => tracing::info!(phase, %challenger, share, "a challenger answers its share of the keys"),
        Err(error) => {
            tracing::error!(phase, %challenger, error, "a challenger can't be used, and its keys aren't answered")
        }
    }
}

#[cfg(test)]
mod tests;
