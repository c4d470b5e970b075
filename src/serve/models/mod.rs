//! The groups and versions that are served: proven beside those at work, then put in their place.

mod watch;

pub use watch::Watch;

use super::answering::Candidates;
use super::arms::Arms;
use super::refusal::{Cause, Refusal};
use super::route::Stage;
use super::served::Served;
use super::shadow::Shadows;
use crate::error::Error;
use crate::monitor::Policy;
use crate::monitor::check::{NAMED, worst};
use crate::registry::baseline::InForce;
use crate::registry::{Halt, Registry, Status};
use crate::score::binding::nearest;
use crate::score::{Identity, Lineup};
use crate::service::lock;
use crate::transform::Shape;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// Versions that were asked for by their number and don't answer by themselves; so many are kept in memory.
const OTHERS: usize = 8;

/// Of each group, the version that answers, and the A/B test beside it; or why none does.
type Table = HashMap<String, Result<Candidates, String>>;

/// What requests look models up in.
pub struct Models {
    folder: PathBuf,
    /// Where halts of experiments are.
    state: PathBuf,
    /// The one that is meant where none is named.
    group: String,
    /// Nobody named it: it is the first one that comes.
    first: Option<OnceLock<String>>,
    stage: Stage,
    shape: Shape,
    /// Are rows held against the versions' baselines? Then one that is damaged is as a damaged version.
    watched: bool,
    /// Without a capture, those on trial score nothing.
    captures: bool,
    table: RwLock<Arc<Table>>,
    /// Of each group, the version that answers and those on trial beside it; they come and go while it answers.
    shadows: RwLock<Vec<(Arc<Served>, Shadows)>>,
    /// What would be on trial beside them, but for a guard that broke.
    halted: RwLock<Vec<Halt>>,
    /// Locked to look, never to read a file.
    others: Mutex<Others>,
}

/// Versions that were asked for by their number.
#[derive(Default)]
struct Others {
    /// Last used, last.
    proven: Vec<Arc<Served>>,
    /// They are being read and proven.
    pending: Vec<Arc<Pending>>,
}

/// What comes of a version, for whoever waits for it: one proves it.
struct Pending {
    group: String,
    version: u32,
    result: OnceLock<Result<Arc<Served>, Refusal>>,
}

impl Others {
    fn find(&mut self, group: &str, version: u32) -> Result<Arc<Served>, Arc<Pending>> {
        if let Some(at) = self.proven.iter().position(|served| is_version(served, group, version)) {
            let served = self.proven.remove(at);
            self.proven.push(served.clone());
            return Ok(served);
        }
        let is_it = |pending: &&Arc<Pending>| pending.version == version && pending.group == group;
        Err(self.pending.iter().find(is_it).cloned().unwrap_or_else(|| {
            let pending = Arc::new(Pending {
                group: group.into(),
                version,
                result: OnceLock::new(),
            });
            self.pending.push(pending.clone());
            pending
        }))
    }

    /// What failed is tried again by who asks next.
    fn end(&mut self, pending: &Arc<Pending>, result: &Result<Arc<Served>, Refusal>) {
        self.pending.retain(|other| !Arc::ptr_eq(other, pending));
        if let Ok(served) = result {
            if self.proven.len() == OTHERS {
                self.proven.remove(0);
            }
            self.proven.push(served.clone());
        }
    }
}

impl Models {
    pub fn new(folder: PathBuf, group: String, stage: Stage, shape: Shape, watched: bool) -> Models {
        Models {
            folder,
            state: PathBuf::new(),
            group,
            first: None,
            stage,
            shape,
            watched,
            captures: false,
            table: RwLock::default(),
            shadows: RwLock::default(),
            halted: RwLock::default(),
            others: Mutex::default(),
        }
    }

    /// Nobody named the group, and there is none yet.
    pub fn unnamed(self) -> Models {
        let first = Some(OnceLock::new());
        Models { first, ..self }
    }

    pub fn capturing(self, captures: bool) -> Models {
        Models { captures, ..self }
    }

    /// Those on trial are halted in this state folder.
    pub fn halting(self, state: PathBuf) -> Models {
        Models { state, ..self }
    }

    /// Without a registry: each group answers by a model in memory.
    #[cfg(any(test, fuzzing))]
    pub fn of(models: Vec<(&str, crate::model::Model)>, shape: Shape) -> Models {
        let group = models[0].0.to_string();
        let made = Models::new(PathBuf::from("/nowhere"), group, Stage::Production, shape, false);
        let table = models.into_iter().map(|(group, model)| {
            let lineup = Lineup::alone(model.into());
            let served = Served::of(lineup, &made.shape, None, None);
            (group.to_string(), Ok(Candidates::alone(served)))
        });
        let table: Table = table.collect();
        *made.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        made
    }

    /// The same, and a challenger answers for a share of the configured group's keys.
    #[cfg(test)]
    pub fn with_challenger(self, challenger: crate::score::Challenger) -> Models {
        let champion = self.ready().expect("it is in memory");
        let lineup = Lineup {
            challengers: vec![challenger],
            ..Lineup::of(champion.lineup.champion.clone())
        };
        let serve = |_: &Identity, lineup: Lineup| Ok(Served::of(lineup.into(), &self.shape, None, None));
        let arms = Arms::beside(&champion, &lineup, None, serve);
        let table = Table::from([(self.group.clone(), Ok(Candidates { champion, arms }))]);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        self
    }

    pub fn group(&self) -> &str {
        let first = self.first.as_ref().and_then(OnceLock::get);
        first.unwrap_or(&self.group)
    }

    fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The shadows beside a version that answers by itself, if there are any.
    pub fn shadows(&self, beside: &Arc<Served>) -> Option<Shadows> {
        let all = self.shadows.read().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().find(|(served, _)| Arc::ptr_eq(served, beside));
        own.map(|(_, shadows)| shadows.clone())
    }

    /// The groups that are served, and the version that answers or why none does; in the order of their names.
    pub fn all(&self) -> BTreeMap<String, Result<Arc<Served>, String>> {
        self.table()
            .iter()
            .map(|(group, of)| (group.clone(), of.clone().map(|of| of.champion)))
            .collect()
    }

    /// The A/B tests that go on.
    pub fn arms(&self) -> Vec<Arc<Arms>> {
        let table = self.table();
        let mut arms: Vec<_> = table.values().flatten().filter_map(|of| of.arms.clone()).collect();
        arms.sort_by(|a, b| a.phase.cmp(&b.phase));
        arms
    }

    /// Why experiments are halted, by group and name: a person is to resume or to stop each.
    pub fn halted(&self) -> Vec<Halt> {
        self.halted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Versions beside them that are in memory, for they were asked for by their number; the one used last, last.
    pub fn others(&self) -> Vec<Arc<Served>> {
        self.lock_others().proven.clone()
    }

    fn lock_others(&self) -> MutexGuard<'_, Others> {
        lock(&self.others)
    }

    /// The version that answers for the configured group.
    pub fn ready(&self) -> Result<Arc<Served>, Refusal> {
        self.latest(self.group()).map(|of| of.champion)
    }

    /// Who may answer: a version that is asked for by its number answers itself. The same arguments and errors as of [`Models::find`].
    pub fn candidates(&self, group: Option<&str>, version: Option<u32>) -> Result<Candidates, Refusal> {
        match version {
            None => self.latest(group.unwrap_or(self.group())),
            Some(_) => self.find(group, version).map(Candidates::alone),
        }
    }

    /// `group`: none is the configured one; `version`: none is the one that answers. One that isn't in memory is read and proven
    /// now: see [`Models::is_loaded`].
    pub fn find(&self, group: Option<&str>, version: Option<u32>) -> Result<Arc<Served>, Refusal> {
        let group = group.unwrap_or(self.group());
        let latest = self.latest(group).map(|of| of.champion);
        let Some(version) = version else { return latest };
        match latest {
            Ok(served) if served.version() == version => Ok(served),
            Err(refusal) if refusal.cause == Cause::NoSuchModel => Err(refusal),
            _ => self.other(group, version),
        }
    }

    /// The versions of a group that is served that can be asked, ascending. Reads files.
    pub fn versions(&self, group: &str) -> Vec<u32> {
        let registry = Registry::new(&self.folder, group);
        let mut versions = registry.versions().unwrap_or_default();
        versions.retain(|version| registry.show(*version).is_ok_and(|shown| self.serves(shown.status)));
        versions
    }

    /// Can it be had without reading files?
    pub fn is_loaded(&self, group: Option<&str>, version: Option<u32>) -> bool {
        let Some(version) = version else { return true };
        let group = group.unwrap_or(self.group());
        let is = |served: &Arc<Served>| is_version(served, group, version);
        let latest = self
            .table()
            .get(group)
            .is_some_and(|of| of.as_ref().is_ok_and(|of| is(&of.champion)));
        latest || self.lock_others().proven.iter().any(is)
    }

    fn latest(&self, group: &str) -> Result<Candidates, Refusal> {
        let table = self.table();
        match table.get(group) {
            Some(Ok(of)) => Ok(of.clone()),
            Some(Err(why)) => Err(Refusal::new(Cause::NotReady, why.clone()).after(5)),
            None if group == self.group() => Err(Refusal::new(Cause::NotReady, "no approved model yet").after(5)),
            None => {
                let names: Vec<&str> = table.keys().map(String::as_str).collect();
                let refusal = Refusal::new(Cause::NoSuchModel, format!("no model group {group:?}"));
                Err(match nearest(group, &names) {
                    Some(near) => refusal.hint(format!("the nearest is {near:?}")),
                    None => refusal,
                })
            }
        }
    }

    fn other(&self, group: &str, version: u32) -> Result<Arc<Served>, Refusal> {
        let found = self.lock_others().find(group, version);
        found.or_else(|pending| {
            let prove = || {
                let result = self.load(group, version);
                self.lock_others().end(&pending, &result);
                result
            };
            pending.result.get_or_init(prove).clone()
        })
    }

    fn load(&self, group: &str, version: u32) -> Result<Arc<Served>, Refusal> {
        let registry = Registry::new(&self.folder, group);
        let status = registry.show(version).map(|shown| shown.status);
        match status {
            Ok(status) if self.serves(status) => {}
            Ok(status) => {
                let message = format!("version {version} of {group:?} is {status}, and can't be asked");
                return Err(Refusal::new(Cause::NoSuchModel, message));
            }
            Err(Error::Config { .. }) => {
                return Err(Refusal::new(
                    Cause::NoSuchModel,
                    format!("no version {version} of {group:?}"),
                ));
            }
            Err(error) => return Err(damaged(&error)),
        }
        let baseline = match self.watched {
            true => registry.baseline(version).map_err(|error| damaged(&error))?,
            false => None,
        };
        let champion = registry.prove(version).map_err(|error| damaged(&error))?;
        Ok(self.served(Arc::new(Lineup::of(champion)), baseline))
    }

    /// A challenger whose baseline is damaged answers as little as one that is damaged itself.
    fn challenger(&self, identity: &Identity, lineup: Lineup) -> Result<Arc<Served>, String> {
        let registry = Registry::new(&self.folder, &identity.group);
        let baseline = match self.watched {
            true => registry.baseline(identity.version).map_err(|error| error.to_string())?,
            false => None,
        };
        Ok(self.served(lineup.into(), baseline))
    }

    fn served(&self, lineup: Arc<Lineup>, baseline: Option<InForce>) -> Arc<Served> {
        let identity = &lineup.champion.identity;
        let shown = Registry::new(&self.folder, &identity.group).show(identity.version);
        let decision = shown.ok().and_then(|shown| shown.decisions.last().cloned());
        Served::of(lineup, &self.shape, decision, baseline)
    }

    /// Judges the windows that are over.
    pub fn judge(&self, policy: &Policy, now: Duration, at: Timestamp) {
        let answering = self.all().into_values().flatten();
        let challengers = self.arms();
        let challengers = challengers.iter().filter_map(|arms| arms.challenger().ok().cloned());
        for served in answering.chain(challengers).chain(self.others()) {
            let Some(live) = &served.live else { continue };
            let judged = catch_unwind(AssertUnwindSafe(|| {
                live.judge(policy, now, at, |judged| {
                    let (model, rows) = (&served.lineup, judged.rows);
                    tracing::warn!(%model, rows, found = worst(judged.over.iter(), NAMED), "requests are out of the ordinary");
                });
            }));
            if judged.is_err() {
                tracing::error!(model = %served.lineup, "a window can't be judged: a defect of this program");
            }
        }
    }

    fn serves(&self, status: Status) -> bool {
        match self.stage {
            Stage::Production => status == Status::Approved,
            Stage::Staging => !matches!(status, Status::Rejected | Status::Retired),
        }
    }
}

fn is_version(served: &Served, group: &str, version: u32) -> bool {
    served.version() == version && served.lineup.champion.identity.group == group
}

/// A client learns that the model is damaged, and the log where.
fn damaged(error: &Error) -> Refusal {
    tracing::error!(error = %error, "a model can't be served");
    Refusal::new(Cause::NotReady, "the model can't be used: the server's log says why").after(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    /// One lock was held while a version was proven, and requests for others waited for it.
    #[test]
    fn a_version_that_is_being_proven_holds_up_no_other() {
        let others = Mutex::new(Others::default());
        let find = |version| others.lock().unwrap().find("lines", version).map(drop);
        let slow = find(1).unwrap_err();
        let (began, ends) = (Barrier::new(2), Barrier::new(2));
        let refused = || Err(Refusal::bad("it fails"));
        thread::scope(|scope| {
            let proving = scope.spawn(|| {
                let prove = || {
                    began.wait();
                    ends.wait();
                    others.lock().unwrap().end(&slow, &refused());
                    refused()
                };
                slow.result.get_or_init(prove).is_err()
            });
            began.wait();
            let same = find(1).unwrap_err();
            assert!(Arc::ptr_eq(&same, &slow), "one proves it for all who ask");
            let other = find(2).unwrap_err();
            assert!(other.result.get_or_init(refused).is_err());
            ends.wait();
            assert!(proving.join().unwrap());
        });
        assert!(!Arc::ptr_eq(&find(1).unwrap_err(), &slow), "what failed is tried again");
    }
}
