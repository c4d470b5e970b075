//! What is to be done with inputs, by all that is known of them; and when each is looked at again.

use super::Commit;
use super::clashes::Clash;
use crate::config::OnTaken;
use crate::error::{Error, Result};
use crate::ledger::{Record, Taken};
use crate::spool::Name;
use crate::spool::scan::Inputs;
use crate::transform::{Trial, Verdict};
use crate::worker::agenda::{Note, Shortage};
use crate::worker::faults::as_fault;
use crate::worker::job::{Job, Task};
use crate::worker::look::{self, Found, Published, There, now};
use crate::worker::plan::{self, Before, Charge, Decision, Now, Sighting, Want, Word, racy_until};
use crate::worker::setup::Setup;
use std::collections::HashSet;
use std::time::Duration;

/// How inputs are looked at.
struct View<'a> {
    /// By a listing.
    listed: bool,
    want: &'a Want,
    setup: &'a Setup,
    /// The output folder lost all outputs at once, or is another one.
    lost: bool,
    published: &'a Published,
}

/// What looks at inputs came to.
#[derive(Default)]
pub struct Planned {
    pub jobs: Vec<Job>,
    pub gone: Vec<Name>,
    /// Something was renamed in that is no file: a folder, by its name an input's.
    pub subfolder: bool,
}

/// Has it an output by the ledger's word, and wasn't it gone when it was looked at last?
fn is_present(record: &Record) -> bool {
    record.verdict == Verdict::Publish && record.taken != Taken::DUE
}

/// What is to be done with one input now.
enum ToDo {
    Nothing,
    Job(Job),
    /// This is known of its output now.
    Know(Name, Taken),
    /// Its output is left from now on.
    Leave(Name, Taken, Loss),
}

/// What became of an output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Went,
    Changed,
}

impl Commit {
    /// Looks at inputs and decides on each. `listed`: by a listing.
    pub fn plan(
        &mut self,
        looks: Vec<(Name, Word)>,
        inputs: &Inputs,
        listed: bool,
        want: &Want,
        setup: &Setup,
    ) -> Result<Planned> {
        let (names, words): (Vec<Name>, Vec<Word>) = looks.into_iter().unzip();
        let published = Published::open(&setup.config)?;
        let found = look::at_each(inputs, &names, &self.ledger, &published, &setup.pool)?;
        let lost =
            found.iter().any(Found::output_went) && self.losses.lost(&mut self.ledger, &published, &setup.config)?;
        let view = View {
            listed,
            want,
            setup,
            lost,
            published: &published,
        };
        let parted = self.part(&names, &found, setup)?;
        let lacking = self
            .trials
            .lacking(&self.ledger, &names, &found, &setup.config.shadow)?;
        let (mut planned, mut known, mut left) = (Planned::default(), Vec::new(), Vec::new());
        let looks = names.into_iter().zip(words).zip(lacking);
        for (((name, word), lacking), Found { there, record }) in looks.zip(found) {
            if listed && record.is_some() {
                self.absent.iter_mut().for_each(|absent| absent.found(&name));
            }
            match (there, self.lost_phase(record.as_ref())) {
                (Ok(Some(_)), _) if parted.contains(&name) => {}
                (Ok(Some(_)), Some(phase)) => self.wait_for_experiment(&name, &phase, setup)?,
                (Ok(Some(there)), None) => match self.decide(name, word, there, record, lacking, &view)? {
                    ToDo::Nothing => {}
                    ToDo::Job(job) => planned.jobs.push(job),
                    ToDo::Know(name, taken) => known.push((name, taken)),
                    ToDo::Leave(name, taken, loss) => left.push((name, taken, loss)),
                },
                (Ok(None), _) => {
                    planned.subfolder |= word == Word::Closed && inputs.is_recursive();
                    self.forget(&name, record.as_ref(), setup)?;
                    known.extend(record.filter(is_present).map(|_| (name.clone(), Taken::DUE)));
                    planned.gone.push(name);
                }
                (Err(error), _) => self.fault(&name, error, None, setup)?,
            }
        }
        self.ledger.set_taken(&known)?;
        self.leave(&left)?;
        Ok(planned)
    }

    /// Parts inputs whose results would overwrite each other's. Returns those that nothing is to be done with now.
    fn part(&mut self, names: &[Name], found: &[Found], setup: &Setup) -> Result<HashSet<Name>> {
        let mut parted = HashSet::new();
        let is_there = |(_, found): &(&Name, &Found)| matches!(found.there, Ok(Some(_)));
        let there = names.iter().zip(found).filter(is_there).map(|(name, _)| name);
        let clashes: Vec<Clash> = there.filter_map(|name| self.clashes.note(name)).collect();
        for Clash { first, second } in clashes {
            let now = now().monotonic;
            // Whose result stands can't be told.
            if self.ledger.record(&second)?.is_some() {
                self.ledger.forget(&second)?;
                self.ledger.doubt([&first])?;
                self.agenda.set(&first, Note::default(), now);
                parted.insert(first.clone());
            }
            if self.agenda.note(&second).retry_at.is_none_or(|at| at <= now) {
                let message = format!(
                    "its output would overwrite that of {first}, for a folder of results folds letter cases: rename one of the \
                     two, or have output.path and failed.path on a file system that doesn't"
                );
                let path = setup.config.input.path.join(second.path());
                self.fault(&second, Error::config(path, message), None, setup)?;
            }
            parted.insert(second);
        }
        Ok(parted)
    }

    /// What is to be done with one input, if anything now. `lacking`: the trials whose files it lacks, if its result is as it should
    /// be, or was taken and is left.
    fn decide(
        &mut self,
        name: Name,
        word: Word,
        there: There,
        record: Option<Record>,
        lacking: Vec<Trial>,
        view: &View,
    ) -> Result<ToDo> {
        let There { seen, size } = there;
        let note = self.agenda.seen(&name, seen.fingerprint, view.want.once);
        let sighting = Sighting {
            seen,
            word,
            before: note.before,
            record: record.as_ref(),
            published: size,
            retry_at: note.retry_at,
            changes: note.changes,
            no_room: note
                .short
                .is_some_and(|short| look::is_short(&view.setup.publisher, &name, short)),
            lost: view.lost,
        };
        let now = now();
        match plan::decide(&sighting, view.want, now) {
            Decision::Current(verdict) => {
                self.agenda.forget(&name);
                self.faults.clear(&mut self.ledger, &name)?;
                if verdict == Verdict::Publish && self.counts(&name, view.setup, view.listed)? {
                    self.census.count_unchanged(&name);
                }
                // It stands.
                if record.as_ref().is_some_and(|r| r.taken == Taken::DUE) {
                    return Ok(ToDo::Know(name, Taken::default()));
                }
                return Ok(trial_job(name, &sighting, now, lacking));
            }
            decision @ (Decision::Left | Decision::Leave(_)) => {
                self.agenda.forget(&name);
                self.faults.clear(&mut self.ledger, &name)?;
                if self.counts(&name, view.setup, view.listed)? {
                    let wanted = view.setup.config.output.taken == OnTaken::Leave;
                    self.census.count_left(&name, wanted);
                }
                if let Decision::Leave(taken) = decision {
                    let loss = if size.is_some() { Loss::Changed } else { Loss::Went };
                    return Ok(ToDo::Leave(name, taken, loss));
                }
                // What a shadow makes is held against the champion's predictions, not against the output that somebody took.
                return Ok(trial_job(name, &sighting, now, lacking));
            }
            decision @ (Decision::Transform | Decision::Remake(_) | Decision::Refuse(_) | Decision::Verify) => {
                let output = record.as_ref().filter(|r| r.verdict == Verdict::Publish);
                let stands = size.is_some() && size == output.map(|r| r.published);
                let touched = record.as_ref().is_some_and(|r| r.fingerprint != seen.fingerprint);
                let output_hash = match stands && (touched || decision == Decision::Transform) {
                    true => self.ledger.output_hash(&name)?,
                    false => None,
                };
                let first_seen = match &record {
                    Some(record) if !touched => record.first_seen,
                    _ => now.time_of(sighting.since(now)),
                };
                let (phase, unless_changed) =
                    self.phase(&name, record.as_ref(), first_seen, seen.fingerprint, view.published)?;
                let wanted = view.setup.config.shape.output;
                let mut job = Job {
                    stands,
                    output_hash,
                    former: plan::former(&name, record.as_ref(), wanted, &self.formats, !self.recovered),
                    taken: match decision {
                        Decision::Remake(taken) => taken,
                        _ => Taken::default(),
                    },
                    task: Task::of(decision, record.as_ref().and_then(|r| r.input_hash)),
                    phase,
                    unless_changed,
                    ..job(name, &sighting, now)
                };
                // A disk that its result didn't fit into isn't filled by others, which are made later.
                if let (None, Some(lineup)) = (note.short, self.trials.lineup()) {
                    job.trials = self.trials.of_new(first_seen);
                    job.take_phase_on_trial(lineup);
                }
                return Ok(ToDo::Job(job));
            }
            decision @ (Decision::Wait(until) | Decision::Outwait(until)) => {
                let settled = matches!(decision, Decision::Outwait(_));
                self.agenda
                    .wait(&name, note, seen.fingerprint, settled, now.monotonic, until);
            }
            Decision::Await(until) => {
                let open = note.open || view.listed;
                if open && !note.open {
                    say_open(&name);
                }
                let note = Note { open, ..note };
                self.agenda
                    .wait(&name, note, seen.fingerprint, false, now.monotonic, until);
            }
        }
        Ok(ToDo::Nothing)
    }

    /// Outputs that went, or were changed, too often are left from now on; once, that is said.
    fn leave(&mut self, outputs: &[(Name, Taken, Loss)]) -> Result<()> {
        let known: Vec<(Name, Taken)> = outputs.iter().map(|(name, taken, _)| (name.clone(), *taken)).collect();
        self.ledger.set_taken(&known)?;
        let of = |loss: Loss| outputs.iter().filter(move |(_, _, found)| *found == loss);
        if let Some((name, taken, _)) = of(Loss::Went).next() {
            tracing::warn!(
                input = %name,
                outputs = of(Loss::Went).count(),
                times = taken.times,
                "outputs went again and again, and are left now: a consumer seems to take them away, which output.taken = \
                 \"leave\" is for; 'transform retry FILE' makes one again, '--once --all' all of them"
            );
        }
        if let Some((name, taken, _)) = of(Loss::Changed).next() {
            tracing::warn!(
                input = %name,
                outputs = of(Loss::Changed).count(),
                times = taken.times,
                "outputs were changed in place again and again, and are left now as they are: a person or a program edits \
                 or empties them (sed -i, dos2unix, ': > FILE'), which should work on copies; 'transform retry FILE' makes \
                 one again, '--once --all' all of them"
            );
        }
        Ok(())
    }

    /// A job failed for now.
    pub(super) fn job_fault(&mut self, job: &Job, error: Error, short: Option<Shortage>, setup: &Setup) -> Result<()> {
        let note = self.agenda.note(&job.name);
        // Another input may need less room.
        let same = note.before.is_some_and(|before| before.fingerprint == job.fingerprint);
        let note = Note {
            before: Some(job.settled()),
            short: short.or(note.short.filter(|_| same)),
            ..note
        };
        self.agenda.keep(&job.name, note);
        self.fault(&job.name, error, short, setup)
    }

    /// An input failed for now: tried again, later and later. What would fail every other input too stops all of them.
    pub(super) fn fault(&mut self, name: &Name, error: Error, short: Option<Shortage>, setup: &Setup) -> Result<()> {
        if plan::charge(error.code(), short.map_or(0, |short| short.own)) == Charge::All {
            return Err(error);
        }
        let note = self.agenda.note(name);
        let faults = note.faults + 1;
        let wait = plan::backoff(faults, setup.config.worker.retry_max_backoff);
        let retry_at = now().monotonic + wait;
        tracing::warn!(input = %name, code = error.code(), %error, tries = faults, "failed for now; it is tried again");
        let note = Note {
            faults,
            retry_at: Some(retry_at),
            ..note
        };
        self.agenda.set(name, note, retry_at);
        self.faults
            .set(&mut self.ledger, &as_fault(name.clone(), &error, faults, Some(wait)))
    }

    /// The input is another one than was planned.
    pub(super) fn wait_until_settled(&mut self, job: &Job, settle: Duration) {
        let now = now().monotonic;
        let before = Some(Before {
            fingerprint: job.fingerprint,
            since: now,
            settled: false,
        });
        let note = self.agenda.note(&job.name);
        self.agenda.set(&job.name, Note { before, ..note }, now + settle);
    }

    /// Somebody has the input open for writing, who may pause for as long as they like. The one-shot waits no longer.
    pub(super) fn wait_until_closed(&mut self, job: &Job, settle: Duration) {
        let note = self.agenda.note(&job.name);
        if !note.open {
            say_open(&job.name);
        }
        let note = Note {
            before: Some(job.settled()),
            open: true,
            ..note
        };
        let due = now().monotonic + plan::until_closed(settle);
        self.agenda.set(&job.name, note, due);
    }

    /// Looks at a settled input again as soon as no change can hide behind its fingerprint.
    pub(super) fn look_again(&mut self, job: &Job) {
        let now = now();
        let due = now.monotonic + racy_until(job.fingerprint, now.wall).unwrap_or_default();
        let note = Note {
            before: Some(job.settled()),
            changes: self.agenda.note(&job.name).changes,
            ..Note::default()
        };
        self.agenda.set(&job.name, note, due);
    }

    /// The input is gone. Its output stays: nobody asked to take results away. A report about nothing goes. What comes under
    /// its name is new.
    fn forget(&mut self, name: &Name, record: Option<&Record>, setup: &Setup) -> Result<()> {
        self.agenda.forget(name);
        self.clashes.forget(name);
        self.faults.clear(&mut self.ledger, name)?;
        if record.is_some_and(|r| r.verdict != Verdict::Publish) {
            setup.publisher.withdraw_reports(name)?;
            self.ledger.forget(name)?;
            self.failed = None;
            tracing::info!(input = %name, "the input is gone, and so is the report on it");
        }
        Ok(())
    }

    /// After a whole listing: reports on inputs that are no longer there go. `recover`: those too that the ledger knows
    /// nothing of, which a worker that was killed can have left; where folders are shared, they may be another's.
    pub(super) fn forget_gone(
        &mut self,
        inputs: &Inputs,
        recover: bool,
        setup: &Setup,
        mut heartbeat: impl FnMut(),
    ) -> Result<()> {
        for name in self.ledger.reported()? {
            heartbeat();
            if look::is_gone(inputs, &name)? {
                let record = self.ledger.record(&name)?;
                if let Err(error) = self.forget(&name, record.as_ref(), setup) {
                    self.fault(&name, error, None, setup)?;
                }
            }
        }
        if recover && !setup.config.output.shared {
            for name in setup.publisher.reported()? {
                heartbeat();
                if look::is_gone(inputs, &name)? {
                    setup.publisher.withdraw_reports(&name)?;
                }
            }
        }
        Ok(())
    }
}

/// To score an input as it was seen, for its trials alone; if there are any, and its result is of contents that are known.
fn trial_job(name: Name, sighting: &Sighting, now: Now, trials: Vec<Trial>) -> ToDo {
    match sighting.record.and_then(|record| record.input_hash) {
        Some(hash) if !trials.is_empty() => ToDo::Job(Job {
            task: Task::Trial(hash),
            trials,
            phase: sighting.record.and_then(|record| record.phase.clone()),
            ..job(name, sighting, now)
        }),
        _ => ToDo::Nothing,
    }
}

/// To score an input as it was seen.
fn job(name: Name, sighting: &Sighting, now: Now) -> Job {
    let fingerprint = sighting.seen.fingerprint;
    Job {
        name,
        fingerprint,
        since: sighting.since(now),
        recorded: sighting.record.map(|r| r.verdict),
        touched: sighting.record.is_some_and(|r| r.fingerprint != fingerprint),
        stands: sighting.published.is_some(),
        output_hash: None,
        former: Vec::new(),
        aged: plan::settled_by_age(sighting),
        taken: Taken::default(),
        task: Task::Score,
        phase: None,
        unless_changed: Vec::new(),
        trials: Vec::new(),
    }
}

/// Once for each file: it may stay so for ever, and has no output meanwhile.
fn say_open(name: &Name) {
    tracing::info!(input = %name, "somebody has it open for writing; it is scored once it is closed");
}
