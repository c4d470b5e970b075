//! The versions of the lineup at work whose rows are watched, each by its own baseline: the champion, and challengers, in inputs of
//! their phases.

use super::Commit;
use super::found::Found;
use super::monitor::{Judged, Monitor};
use super::open::Open;
use crate::error::Result;
use crate::ledger::{CountedRows, Ledger, Recipe, Wanted, Watch};
use crate::monitor::check::Check;
use crate::monitor::sizes::Sizes;
use crate::monitor::{Action, Basis, Counts, Policy};
use crate::registry::Baselines;
use crate::score::Lineup;
use crate::spool::Name;
use crate::transform::{Summary, Verdict};
use crate::worker::job::Job;
use crate::worker::look::now;
use crate::worker::pin::Pin;
use std::mem::take;
use std::sync::Arc;

#[derive(Default)]
pub struct Monitors {
    lineup: Option<Arc<Lineup>>,
    /// The champion's first, if it is watched.
    all: Vec<Monitor>,
    /// Of the inputs that were published, whoever scored them. None until they are asked for.
    sizes: Option<Sizes>,
}

/// What inputs are judged by that are published together, after others which aren't recorded yet.
pub struct Judging {
    /// Of each monitor.
    pub windows: Vec<Ahead>,
    /// New files, with their rows.
    pub sizes: Vec<(Name, u64)>,
}

impl Judging {
    /// Is it kept back because of those before it? They are recorded first, for they may turn out otherwise.
    pub fn keeps_back(&self, found: &Found) -> bool {
        let waits = |judged: &Judged| judged.completes && self.windows[judged.who].follows;
        found.kept_back().any(waits)
    }
}

/// A window as it will be once they are recorded.
pub struct Ahead {
    pub open: Open,
    /// Do any of them belong to it?
    pub follows: bool,
}

/// Who judged, and how often its open window had changed by then.
pub struct Judge {
    by: Watch,
    changes: u64,
}

/// Rows of a version, so few that they are counted with others.
pub struct Few {
    pub who: usize,
    pub counts: Counts,
    /// A window was judged with them.
    pub completes: bool,
}

impl Monitors {
    /// Of a lineup. A version may be tried in several experiments, and is watched once.
    pub fn begin(ledger: &Ledger, lineup: Option<&Arc<Lineup>>, baselines: Baselines) -> Result<Monitors> {
        let mut monitors = Monitors {
            lineup: lineup.cloned(),
            ..Monitors::default()
        };
        let Some(lineup) = lineup else { return Ok(monitors) };
        let champion = (lineup.champion.identity.made_by(), true, baselines.champion);
        let challengers = lineup.challengers.iter().zip(baselines.challengers);
        let challengers = challengers.map(|(of, baseline)| (of.identity.made_by(), of.is_open, baseline));
        for (made_by, is_at_work, baseline) in [champion].into_iter().chain(challengers) {
            match (monitors.place(&made_by), baseline) {
                (Some(known), _) => monitors.all[known].is_at_work |= is_at_work,
                (None, Some(baseline)) => {
                    (monitors.all).push(Monitor::begin(ledger, baseline, made_by, is_at_work)?);
                }
                (None, None) => {}
            }
        }
        Ok(monitors)
    }

    pub fn get(&self, who: usize) -> &Monitor {
        &self.all[who]
    }

    pub fn get_mut(&mut self, who: usize) -> &mut Monitor {
        &mut self.all[who]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Monitor> {
        self.all.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Monitor> {
        self.all.iter_mut()
    }

    /// Whose rows, by its place.
    fn place(&self, made_by: &str) -> Option<usize> {
        self.all.iter().position(|monitor| monitor.made_by() == made_by)
    }

    pub fn judging(&self) -> Judging {
        let ahead = |monitor: &Monitor| Ahead {
            open: monitor.open.clone(),
            follows: false,
        };
        Judging {
            windows: self.all.iter().map(ahead).collect(),
            sizes: Vec::new(),
        }
    }

    pub fn judges(&self) -> Vec<Judge> {
        let judge = |monitor: &Monitor| Judge {
            by: monitor.watch(),
            changes: monitor.open.changes(),
        };
        self.all.iter().map(judge).collect()
    }

    /// Is who judged still at its place? Another lineup may be at work by now than when what was published beside the loop was judged.
    pub fn is_same(&self, who: usize, judge: &Judge) -> bool {
        self.all.get(who).is_some_and(|monitor| monitor.watch() == judge.by)
    }

    /// And is the open window as it was? One that isn't recorded as it was judged stays open, for the next input to complete:
    /// something was recorded or wasn't published meanwhile.
    pub fn is_as_judged(&self, who: usize, judge: &Judge) -> bool {
        self.is_same(who, judge) && self.all[who].open.is_as(judge.changes)
    }

    /// Whose rows an input has, of those that are watched: the champion's, and the challenger's of its phase.
    fn sides(&self, job: &Job, summary: &Summary) -> [Option<usize>; 2] {
        let Some(lineup) = &self.lineup else { return [None; 2] };
        let challenger = || {
            summary.arms.as_ref().filter(|part| part.counts.rows > 0)?;
            let (challenger, _) = lineup.phase(job.phase.as_deref()?)?;
            self.place(&challenger.identity.made_by())
        };
        [self.place(&lineup.champion.identity.made_by()), challenger()]
    }

    /// What was counted of an input, taken from it, by version: what stands by itself, and what is counted with others.
    pub fn take_counts(
        &self,
        job: &Job,
        summary: &mut Summary,
        found: &Found,
        min_rows: u64,
    ) -> (Vec<CountedRows>, Vec<Few>) {
        let sides = self.sides(job, summary);
        let challenger = summary.arms.as_mut().map(|part| take(&mut part.counts));
        let counts = [take(&mut summary.counts), challenger.unwrap_or_default()];
        let (mut counted, mut few) = (Vec::new(), Vec::new());
        for (who, counts) in sides.into_iter().zip(counts) {
            match who {
                Some(who) if counts.rows >= min_rows => counted.push(CountedRows {
                    by: self.all[who].watch(),
                    counts,
                }),
                Some(who) if !found.known => few.push(Few {
                    who,
                    counts,
                    completes: found.of(who).is_some_and(|judged| judged.completes),
                }),
                _ => {}
            }
        }
        (counted, few)
    }

    /// An input was published.
    pub fn published(&mut self, name: &Name, rows: u64) {
        if let Some(sizes) = &mut self.sizes {
            sizes.push(name.bytes(), rows);
        }
    }

    /// Of the file as such, whoever answered its rows. `counts`: the champion's.
    fn checks_of_file(
        &mut self,
        ledger: &Ledger,
        job: &Job,
        (rows, counts): (u64, &Counts),
        judging: &Judging,
        policy: &Policy,
    ) -> Result<Vec<Check>> {
        if basis(job) == Basis::Rescored {
            return Ok(Vec::new());
        }
        if self.sizes.is_none() {
            self.sizes = Some(ledger.sizes()?);
        }
        let newer = judging.sizes.iter().map(|(name, rows)| (name.bytes(), *rows));
        let last = self
            .sizes
            .as_ref()
            .map(|sizes| sizes.last_with(job.name.bytes(), newer));
        Ok(policy.checks_of_file(rows, counts, &last.unwrap_or_default()))
    }

    /// Holds a result against the baselines of those that made it.
    fn judge(
        &mut self,
        ledger: &Ledger,
        job: &Job,
        summary: &Summary,
        judging: &Judging,
        recipe: &Recipe,
        policy: &Policy,
    ) -> Result<Found> {
        let mut found = Found::default();
        let sides = self.sides(job, summary);
        let challenger = summary.arms.as_ref().map(|part| &part.counts);
        let counts = [Some(&summary.counts), challenger];
        let rows: Vec<(usize, usize, &Counts)> = (0..)
            .zip(sides.into_iter().zip(counts))
            .filter_map(|(side, (who, counts))| Some((side, who?, counts?)))
            .collect();
        let mut before = None;
        let mut known = None;
        if rows.iter().any(|(.., counts)| counts.rows < policy.min_rows) {
            known = verdict_before(ledger, job, summary, recipe)?;
            before = match known {
                Some(Verdict::Publish) => None,
                _ => kept_back_before(ledger, summary, recipe, policy)?,
            };
            found.known = known.is_some() || before.is_some();
        }
        for (side, who, counts) in rows {
            let is_small = counts.rows < policy.min_rows;
            let judged = match &before {
                Some((action, message)) if is_small => {
                    Some((self.all[who]).judged_before(counts, *action, message.clone(), policy))
                }
                None if is_small && known.is_some() => None,
                _ => {
                    let of_file = match side {
                        0 => self.checks_of_file(ledger, job, (summary.rows, counts), judging, policy)?,
                        _ => Vec::new(),
                    };
                    let monitor = &mut self.all[who];
                    monitor.find_usual(ledger, now().time_of(job.since), policy)?;
                    monitor.judge(counts, basis(job), of_file, &judging.windows[who].open, policy)
                }
            };
            let Some(mut judged) = judged else { continue };
            judged.who = who;
            judged.of = job.phase.as_ref().map(|_| self.all[who].model().to_owned());
            judged.released = match (judged.judgement.action, summary.input_hash, summary.output_hash) {
                (Action::Hold, Some(of), Some(output)) => ledger.is_released(&job.name, &recipe.made_by, of, output)?,
                _ => false,
            };
            found.judged.push(judged);
        }
        Ok(found)
    }
}

impl Judging {
    /// Few rows join a window.
    pub fn record(&mut self, few: &Few, basis: Basis) {
        let ahead = &mut self.windows[few.who];
        ahead.follows = true;
        ahead.open.record(&few.counts, basis, 0, few.completes);
    }
}

/// What is known of an input's rows.
pub fn basis(job: &Job) -> Basis {
    match job.recorded {
        Some(Verdict::Publish) if !job.touched => Basis::Rescored,
        _ => Basis::New,
    }
}

/// What became of these rows of this input when they were scored so before: few ones are counted and judged once, with others.
fn verdict_before(ledger: &Ledger, job: &Job, summary: &Summary, recipe: &Recipe) -> Result<Option<Verdict>> {
    if job.recorded.is_none() {
        return Ok(None);
    }
    let wanted = Wanted {
        input: Some(&job.name),
        most: Some(1),
        ..Wanted::default()
    };
    let last = ledger.history(&wanted)?.pop();
    let same = last.filter(|done| done.recipe == *recipe && done.summary.input_hash == summary.input_hash);
    Ok(same.map(|done| done.verdict))
}

/// What kept back these rows before: others decided on them, and aren't asked again. While the policy keeps anything back.
fn kept_back_before(
    ledger: &Ledger,
    summary: &Summary,
    recipe: &Recipe,
    policy: &Policy,
) -> Result<Option<(Action, String)>> {
    let action = policy.strongest();
    let found = match (action, summary.input_hash) {
        (Action::Hold | Action::Block, Some(of)) => ledger.kept_back(of, recipe)?,
        _ => None,
    };
    Ok(found.map(|found| match found.verdict {
        Verdict::Fail => (action, found.message),
        _ => (Action::Hold, found.message),
    }))
}

impl Commit {
    pub(super) fn judge(
        &mut self,
        job: &Job,
        summary: &Summary,
        judging: &Judging,
        pin: &Pin,
        policy: &Policy,
    ) -> Result<Found> {
        let recipe = pin.recipe_of(job.phase.as_deref());
        (self.monitors).judge(&self.ledger, job, summary, judging, &recipe, policy)
    }
}
