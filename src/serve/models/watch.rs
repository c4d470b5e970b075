//! The decisions on models and experiments -> what is served.

use super::{Models, Table};
use crate::error::Error;
use crate::experiment::guard::Guard;
use crate::registry::baseline::InForce;
use crate::registry::{Current, Halt, Registry};
use crate::score::{Identity, Lineup};
use crate::serve::answering::Candidates;
use crate::serve::arms::{self, Arms};
use crate::serve::live::Live;
use crate::serve::route::Stage;
use crate::serve::served::Served;
use crate::serve::shadow;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Looks at the decisions, for the process's life: the one writer of what is served.
pub struct Watch {
    models: Arc<Models>,
    groups: BTreeMap<String, Current>,
    /// Why the folder of models can't be listed, if so: said once.
    unlisted: Option<String>,
    /// Groups and phases that were halted here.
    halted: Vec<(String, String)>,
    /// Why one can't be, if so: said once.
    unhalted: Option<String>,
}

impl Watch {
    pub fn new(models: Arc<Models>) -> Watch {
        Watch {
            models,
            groups: BTreeMap::new(),
            unlisted: None,
            halted: Vec::new(),
            unhalted: None,
        }
    }

    /// Puts what was approved since to work, once it has proven itself.
    pub fn look(&mut self) {
        let models = &self.models;
        let mut names = match Registry::groups(&models.folder) {
            Ok(names) => {
                self.unlisted = None;
                names
            }
            // What is at work goes on: that a mount is gone decides nothing about models.
            Err(error) => {
                let why = error.to_string();
                if self.unlisted.as_ref() != Some(&why) {
                    tracing::warn!(error = %error, "the models can't be listed; those in memory answer on");
                    self.unlisted = Some(why);
                }
                self.groups.keys().cloned().collect()
            }
        };
        // Whatever comes later, the first one is meant where none is named.
        if let (Some(first), [group]) = (&models.first, &names[..])
            && first.set(group.clone()).is_ok()
        {
            tracing::info!(group, "the first model group is there");
        }
        if !names.iter().any(|name| name == models.group()) {
            names.push(models.group().into());
        }
        let before = self.groups.len();
        self.groups.retain(|group, _| names.contains(group));
        let is_less = self.groups.len() != before;
        let mut looked = Vec::new();
        for group in names {
            let current = self.groups.entry(group.clone()).or_insert_with(|| {
                let registry = Registry::new(&models.folder, &group);
                let current = match models.stage {
                    Stage::Production => Current::new(registry).with_experiments(&models.state),
                    Stage::Staging => Current::candidate(registry),
                };
                current.watched(models.watched)
            });
            let before = current.lineup().ok().cloned();
            if self.unlisted.is_none() && current.look() {
                looked.push((group, before));
            }
        }
        self.forget_changed();
        let arms = models.arms();
        if is_less || !looked.is_empty() {
            self.publish();
            self.say_arms(&arms);
        }
        for (group, before) in looked {
            self.say(&group, before.as_deref());
        }
    }

    /// `before`: the A/B tests that went on.
    fn say_arms(&self, before: &[Arc<Arms>]) {
        let now = self.models.arms();
        let groups = self.groups.keys();
        let of = |tests: &[Arc<Arms>], group: &str| tests.iter().find(|arms| arms.identity().group == group).cloned();
        for group in groups {
            arms::log(of(before, group).as_deref(), of(&now, group).as_deref());
        }
    }

    /// What is so from now on.
    fn say(&self, group: &str, before: Option<&Lineup>) {
        let (models, current) = (&self.models, &self.groups[group]);
        match current.lineup() {
            Ok(lineup) => {
                if !before.is_some_and(|before| answers_as(before, lineup)) {
                    tracing::info!(model = %lineup, stage = %models.stage, "answers");
                    say_watched(lineup, current.baseline(), models.watched);
                }
                shadow::log(before, lineup, current.faults(), models.captures);
            }
            Err(error) => tracing::error!(group, error = %error, "no model answers"),
        }
    }

    fn publish(&self) {
        let models = &self.models;
        let before = models.table();
        let (mut table, mut all, mut halted) = (Table::new(), Vec::new(), Vec::new());
        for (group, current) in &self.groups {
            halted.extend(current.trials().halted.iter().map(|(_, halt)| halt.clone()));
            let served = match current.lineup() {
                Ok(lineup) => {
                    let before = before.get(group).and_then(|before| before.as_ref().ok());
                    // Alone, as it answers: those beside it come and go, and its windows and counts go on.
                    let served = match before {
                        Some(same) if answers_as(&same.champion.lineup, lineup) => same.champion.clone(),
                        _ => {
                            let alone = Lineup::of(lineup.champion.clone());
                            models.served(alone.into(), current.baseline().cloned())
                        }
                    };
                    let arms = before.and_then(|before| before.arms.clone());
                    let before = before.and_then(|before| models.shadows(&before.champion));
                    let serve = |lineup: Lineup| models.served(lineup.into(), None);
                    let own = shadow::beside(lineup, before, serve);
                    all.extend(own.map(|own| (served.clone(), own)));
                    let serve = |identity: &Identity, lineup| models.challenger(identity, lineup);
                    let arms = Arms::beside(&served, lineup, arms, serve);
                    Ok(Candidates { champion: served, arms })
                }
                Err(Error::NoModel { message, .. }) => Err(format!("no approved model: {message}")),
                Err(_) => Err("the approved model can't be used: the server's log says why".into()),
            };
            table.insert(group.clone(), served);
        }
        *models.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        *models.shadows.write().unwrap_or_else(PoisonError::into_inner) = all;
        *models.halted.write().unwrap_or_else(PoisonError::into_inner) = halted;
    }

    /// What is beyond a limit: challengers and shadows.
    fn found(&self) -> Vec<Halt> {
        let halt = |experiment: &str, group: &str, phase: &str, (guard, found): (&Guard, String)| Halt {
            guard: guard.to_string(),
            found,
            at: Timestamp::now().to_string(),
            by: "server".into(),
            ..Halt::new(experiment, group, phase)
        };
        let arms = self.models.arms();
        let challengers = arms.iter().filter_map(|arms| {
            let group = &arms.identity().group;
            Some(halt(&arms.experiment, group, &arms.phase, arms.beyond()?))
        });
        let all = self
            .models
            .shadows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let shadows = all.iter().flat_map(|(_, shadows)| shadows.iter());
        let shadows = shadows.filter_map(|shadow| {
            let group = &shadow.served().lineup.champion.identity.group;
            Some(halt(shadow.experiment(), group, &shadow.phase(), shadow.beyond()?))
        });
        challengers.chain(shadows).collect()
    }

    /// Halts the experiments whose versions on trial are beyond a limit. True: one is, and is to be looked at again.
    pub fn halt(&mut self) -> bool {
        let mut found = self.found();
        // What was written already is seen by the next look.
        found.retain(|halt| !self.halted.contains(&(halt.group.clone(), halt.phase.clone())));
        let before = self.halted.len();
        for halt in found {
            let Halt {
                experiment,
                phase,
                found,
                ..
            } = &halt;
            match Halt::write(&self.models.state, &halt) {
                Ok(()) => {
                    self.unhalted = None;
                    tracing::error!(experiment, phase, guard = halt.guard, found, "an experiment is halted");
                    self.halted.push((halt.group, halt.phase));
                }
                // It is tried again each second.
                Err(error) => {
                    let why = error.to_string();
                    if self.unhalted.as_ref() != Some(&why) {
                        tracing::error!(experiment, phase, found, error = %error, "an experiment can't be halted");
                        self.unhalted = Some(why);
                    }
                }
            }
        }
        self.halted.len() > before
    }

    /// A version that was rejected since it was asked for by its number answers no more. One that has another baseline is read
    /// again by who asks next.
    fn forget_changed(&self) {
        let models = &self.models;
        let mut changed = models.others();
        changed.retain(|served| {
            let identity = &served.lineup.champion.identity;
            let registry = Registry::new(&models.folder, &identity.group);
            let shown = registry.show(identity.version);
            let known = served.live.as_ref().map(Live::sha256);
            shown.is_ok_and(|shown| !models.serves(shown.status))
                || models.watched && !registry.is_baseline_in_force(identity.version, known)
        });
        let is_changed = |served: &Arc<Served>| changed.iter().any(|other| Arc::ptr_eq(other, served));
        models.lock_others().proven.retain(|served| !is_changed(served));
    }
}

fn say_watched(model: &Lineup, baseline: Option<&InForce>, is_on: bool) {
    match baseline {
        Some(in_force) => {
            tracing::info!(%model, baseline = %in_force.sha256, "rows are held against the version's baseline");
        }
        None if is_on => tracing::info!(
            %model,
            "the version has no baseline: its rows are unwatched; 'transform monitor baseline' gives it one"
        ),
        None => {}
    }
}

/// Is it by the same model in memory, and so held against the same baseline?
fn answers_as(one: &Lineup, other: &Lineup) -> bool {
    Arc::ptr_eq(&one.champion.model, &other.champion.model)
}
