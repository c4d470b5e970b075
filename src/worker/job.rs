//! One input, from its open to its drafts. Runs on any thread; publishes and records nothing.

use super::agenda::Shortage;
use super::no_file::{name_too_long, not_a_file};
use super::pin::Pin;
use super::plan::{Before, Decision, is_large, racy_until, refusal};
use super::setup::Setup;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::ledger::{HalfHash, Taken};
use crate::score::Lineup;
use crate::service::clock::wall_clock;
use crate::spool::lease::{Writers, writers};
use crate::spool::publish::TrialDraft;
use crate::spool::results::{self, REJECTS};
use crate::spool::scan::Inputs;
use crate::spool::{Dir, Draft, Fingerprint, Name};
use crate::transform::problem::{Code, Problem};
use crate::transform::{Destination, Failure, Report, Run, Sink, Summary, Trial, Tried, Verdict, internal};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The phase that an input is of if it has the contents that were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub input_hash: HalfHash,
    pub phase: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Job {
    pub name: Name,
    /// The input as it was planned; another one is not scored.
    pub fingerprint: Fingerprint,
    /// When it was first seen so, on the monotonic clock.
    pub since: Duration,
    /// The verdict of a result that the ledger knows of, which this one replaces.
    pub recorded: Option<Verdict>,
    /// That result was made of an input with another fingerprint.
    pub touched: bool,
    /// That result stands in its folder, by its size.
    pub stands: bool,
    /// Of an output that stands and may be left: what the ledger says that is in it.
    pub output_hash: Option<HalfHash>,
    /// It settled by its age: no event told that its writer closed it.
    pub aged: bool,
    /// Outputs of it that may stand under other names, from before the setting of the format changed.
    pub former: Vec<Name>,
    /// What will be known of outputs of it that went.
    pub taken: Taken,
    pub task: Task,
    /// The phase of an experiment that it is of.
    pub phase: Option<String>,
    /// It is of other phases if it has contents that are known: that is to be found out before it is scored.
    pub unless_changed: Vec<Recorded>,
    /// What is kept of it, of the lineup's trials.
    pub trials: Vec<Trial>,
}

impl Job {
    /// How it was when it was planned.
    pub fn settled(&self) -> Before {
        Before {
            fingerprint: self.fingerprint,
            since: self.since,
            settled: true,
        }
    }

    /// Of challengers, what is kept of it is of the one whose phase it is of.
    pub fn take_phase_on_trial(&mut self, lineup: &Lineup) {
        self.trials.retain(|trial| matches!(trial, Trial::Shadow(_)));
        let place = self.phase.as_deref().and_then(|phase| lineup.place(phase));
        // What is kept of a test that is over may have been purged.
        if let Some(place) = place.filter(|place| lineup.challengers[*place].is_open) {
            self.trials.insert(0, Trial::Challenger(place));
        }
    }

    /// Who scores it on other machines, if anybody does.
    pub fn engine<'a>(&self, setup: &'a Setup) -> Option<&'a Engine> {
        let engine = setup.engine.as_ref();
        engine.filter(|engine| self.is_large() && engine.takes(self.fingerprint.size))
    }

    /// Is it more than one block of work, so that others shouldn't wait for it?
    pub fn is_large(&self) -> bool {
        !matches!(self.task, Task::Refuse(_)) && is_large(self.fingerprint.size)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    Score,
    /// Read the input again, and score it if it hasn't this hash any more.
    Verify(HalfHash),
    /// It is no file.
    Refuse(Code),
    /// Its result is as it should be, and of an input with this hash; score it for what is kept of trials alone.
    Trial(HalfHash),
}

impl Task {
    /// `recorded`: the hash of the input as it was when it was read last.
    pub fn of(decision: Decision, recorded: Option<HalfHash>) -> Task {
        match (decision, recorded) {
            (Decision::Refuse(code), _) => Task::Refuse(code),
            (Decision::Verify, Some(hash)) => Task::Verify(hash),
            _ => Task::Score,
        }
    }
}

/// What came of a job.
pub struct Done {
    pub job: Job,
    pub outcome: Outcome,
    pub took: Duration,
}

pub enum Outcome {
    Scored(Box<Scored>),
    /// For its trials alone: what each came to, of an input with this hash.
    Tried {
        input_hash: Option<HalfHash>,
        tried: Vec<(Trial, Tried)>,
        drafts: Vec<TrialDraft>,
    },
    /// For good, until the input, the model or the settings change.
    Failed {
        report: Draft,
        rejects: Draft,
        problem: Box<Problem>,
        /// Of the input, if it was read whole for that.
        input_hash: Option<HalfHash>,
        /// What came of the arms up to there.
        tried: Box<Tried>,
    },
    /// It failed so soon after its last change that another one could hide: to be read again a little later.
    TooSoon,
    /// The input has the contents that were recorded, and so has its output.
    Verified {
        racy: bool,
    },
    /// Somebody has the input open for writing.
    Unfinished,
    /// The input is not the one that was planned, or changed while it was read.
    Changed,
    /// For now.
    Fault {
        error: Error,
        /// If a disk was full.
        short: Option<Shortage>,
    },
    Cancelled,
}

pub struct Scored {
    pub output: Draft,
    pub rejects: Draft,
    pub summary: Summary,
    pub racy: bool,
    /// The same bytes stand already.
    pub stands: bool,
    /// Of each of its trials.
    pub trials: Vec<TrialDraft>,
}

/// What a job may use, and what stops it.
pub struct Context<'a> {
    pub setup: &'a Setup,
    pub pin: &'a Pin,
    pub inputs: &'a Inputs,
    /// Score blocks in parallel, for a large input.
    pub in_parallel: bool,
    pub cancel: &'a AtomicBool,
    pub progress: &'a AtomicU64,
}

impl Context<'_> {
    pub fn run(&self, mut job: Job) -> Done {
        let start = Instant::now();
        let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(&mut job)));
        let attempt = attempt.unwrap_or_else(|_| self.give_up(&job));
        let outcome = attempt.unwrap_or_else(|error| Outcome::Fault { error, short: None });
        Done {
            job,
            outcome,
            took: start.elapsed(),
        }
    }

    /// A defect of this program kept it from being done.
    fn give_up(&self, job: &Job) -> Result<Outcome> {
        match job.task {
            // Its result stays as it is, for it is as it should be.
            Task::Trial(_) => self.tried(job, Err(internal().into()), self.draft_trials(job)),
            _ => self.fail(job, internal(), self.setup.publisher.draft_failed(&job.name)?, None),
        }
    }

    fn attempt(&self, job: &mut Job) -> Result<Outcome> {
        let publisher = &self.setup.publisher;
        let rejects = publisher.draft_failed(&job.name)?;
        if let Task::Refuse(code) = job.task {
            let links = self.setup.config.input.rules.links();
            let circle = code == Code::Link && self.inputs.is_loop(&job.name)?;
            return self.fail(job, not_a_file(code, links, circle), rejects, None);
        }
        let format = self.setup.config.shape.output;
        if results::is_too_long(&results::output(&job.name, format)) {
            let suffix = format.suffix(job.name.bytes());
            return self.fail(job, name_too_long(suffix), rejects, None);
        }
        // It may have gone since it was planned, or become a link.
        let Some((mut file, seen)) = self.inputs.open_file(&job.name)? else {
            return Ok(Outcome::Changed);
        };
        if seen.fingerprint != job.fingerprint || refusal(seen.kind).is_some() {
            return Ok(Outcome::Changed);
        }
        // On a local disk the kernel may tell. Asked of what is about to be read, not of what has its output.
        let local = seen.fingerprint.ctime.is_some();
        if job.aged && local && writers(&file) == Writers::Some {
            return Ok(Outcome::Unfinished);
        }
        let racy = racy_until(seen.fingerprint, wall_clock()).is_some();
        if matches!(job.task, Task::Verify(_)) || !job.unless_changed.is_empty() {
            let Some(found) = self.hash(&file, job)? else {
                return Ok(Outcome::Cancelled);
            };
            if !self.is_unchanged(job)? {
                return Ok(Outcome::Changed);
            }
            // Or what was restored from a backup is the input alone.
            if job.task == Task::Verify(found) {
                match self.is_result_left(job)? {
                    None => return Ok(Outcome::Cancelled),
                    Some(true) => return Ok(Outcome::Verified { racy }),
                    Some(false) => {}
                }
            }
            let known = job.unless_changed.iter().find(|known| known.input_hash == found);
            if let Some(known) = known {
                job.phase = known.phase.clone();
                job.take_phase_on_trial(&self.pin.scorer.lineup);
            }
            file.rewind()
                .map_err(Error::io("read", self.inputs.dir().join(job.name.bytes())))?;
        }
        self.score(job, file, racy, rejects)
    }

    /// Is the input still as it was planned?
    fn is_unchanged(&self, job: &Job) -> Result<bool> {
        let now = self.inputs.look(&job.name)?;
        Ok(now.map(|s| s.fingerprint) == Some(job.fingerprint))
    }

    fn score(&self, job: &Job, file: File, racy: bool, mut rejects: Draft) -> Result<Outcome> {
        let Setup {
            config,
            publisher,
            pool,
            ..
        } = self.setup;
        let mut output = publisher.draft_output(&job.name)?;
        let mut trials = self.draft_trials(job);
        let sinks = job.trials.iter().zip(&mut trials);
        let sinks = sinks.map(|(&trial, draft)| Sink { trial, out: draft }).collect();
        let tried = Mutex::default();
        let rejects_name = job.name.with_shortened(REJECTS).to_string();
        let run = Run {
            pool: self.in_parallel.then_some(pool),
            size: Some(job.fingerprint.size),
            memory: config.worker.memory,
            cancel: Some(self.cancel),
            progress: Some(self.progress),
            sha256_most: config.output.sha256_most,
            rejects: Some(&rejects_name),
            format: FileFormat::of(job.name.bytes()),
            file: Some(&file),
            phase: job.phase.as_deref(),
            tried: Some(&tried),
        };
        let unchanged = || self.is_unchanged(job);
        let path = config.input.path.join(job.name.path());
        let engine = job.engine(self.setup);
        if matches!(job.task, Task::Trial(_)) {
            let result = self
                .pin
                .score(engine, (&path, &file), [&mut io::sink(), &mut io::sink()], sinks, &run)?;
            // It may be read once more.
            let outcome = self.tried(job, result, trials);
            return match unchanged()? {
                true => outcome,
                false => Ok(Outcome::Changed),
            };
        }
        let result = self
            .pin
            .score(engine, (&path, &file), [&mut output, &mut rejects], sinks, &run)?;
        if matches!(result, Err(Failure::Cancelled)) {
            return Ok(Outcome::Cancelled);
        }
        if !unchanged()? {
            return Ok(Outcome::Changed);
        }
        match result {
            Ok(summary) => {
                let made = summary
                    .output_hash
                    .map(HalfHash::from)
                    .filter(|_| summary.bad_rows == 0);
                let may_stand = made == job.output_hash && job.former.is_empty();
                let stands = match made.filter(|_| may_stand) {
                    Some(made) => self.holds(job, made)?,
                    None => Some(false),
                };
                Ok(match stands {
                    Some(stands) => Outcome::Scored(Box::new(Scored {
                        output,
                        rejects,
                        summary,
                        racy,
                        stands,
                        trials,
                    })),
                    None => Outcome::Cancelled,
                })
            }
            Err(Failure::Problem(_)) if racy => Ok(Outcome::TooSoon),
            Err(Failure::Problem(problem)) => {
                let input_hash = self.hash_failed(job)?;
                // It was read once more.
                match unchanged()? {
                    true => self.fail(job, *problem, rejects, input_hash).map(|mut outcome| {
                        if let Outcome::Failed { tried: of, .. } = &mut outcome {
                            **of = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
                        }
                        outcome
                    }),
                    false => Ok(Outcome::Changed),
                }
            }
            Err(Failure::Read(e)) => Err(Error::io("read", path)(e)),
            Err(Failure::Write(place, e)) => {
                let (path, draft) = match place {
                    Destination::Output => {
                        let name = results::output(&job.name, config.shape.output);
                        (config.output.path.join(name.path()), &output)
                    }
                    Destination::Rejects => (config.failed.join(job.name.with_shortened(REJECTS).path()), &rejects),
                };
                let (disk, written) = (draft.disk(), draft.bytes());
                drop((output, rejects)); // for the room that they take
                let error = Error::io("write", path)(e);
                let free = disk.free().unwrap_or(0);
                Ok(Outcome::Fault {
                    short: Shortage::of(&error, place, written, free),
                    error,
                })
            }
            Err(Failure::Unanswered(why)) => Err(unanswered(job, why)),
            Err(Failure::Cancelled) => Ok(Outcome::Cancelled),
        }
    }

    /// Of each of its trials.
    fn draft_trials(&self, job: &Job) -> Vec<TrialDraft> {
        let lineup = &self.pin.scorer.lineup;
        let draft = |&trial: &Trial| self.setup.publisher.draft_trial(trial.experiment(lineup), &job.name);
        job.trials.iter().map(draft).collect()
    }

    /// What came of a run for trials alone. A champion that can't score what it scored before has another fault, which the file's own
    /// record tells.
    fn tried(&self, job: &Job, result: Result<Summary, Failure>, drafts: Vec<TrialDraft>) -> Result<Outcome> {
        let failed = |problem: String| {
            let one = |&trial: &Trial| {
                let tried = Tried {
                    problem: Some(problem.clone()),
                    ..Tried::default()
                };
                (trial, tried)
            };
            job.trials.iter().map(one).collect()
        };
        let (input_hash, tried) = match result {
            Ok(summary) => (summary.input_hash.map(HalfHash::from), summary.trials),
            Err(Failure::Problem(problem)) => (self.hash_failed(job)?, failed(problem.to_string())),
            Err(Failure::Read(e)) => {
                return Err(Error::io("read", self.setup.config.input.path.join(job.name.path()))(e));
            }
            Err(Failure::Unanswered(why)) => return Err(unanswered(job, why)),
            Err(Failure::Write(..) | Failure::Cancelled) => return Ok(Outcome::Cancelled),
        };
        Ok(Outcome::Tried {
            input_hash,
            tried,
            drafts,
        })
    }

    fn fail(&self, job: &Job, problem: Problem, mut rejects: Draft, input_hash: Option<HalfHash>) -> Result<Outcome> {
        if problem.code != Code::TooManyBadRows {
            // It holds only the bad rows in front of the problem.
            rejects = self.setup.publisher.draft_failed(&job.name)?;
        }
        let path = self.setup.config.input.path.join(job.name.path());
        let report = Report::of(
            path.to_string_lossy().into_owned(),
            &problem,
            self.pin.scorer.lineup.to_string(),
        );
        let mut draft = self.setup.publisher.draft_failed(&job.name)?;
        draft
            .write_all(&report.json())
            .map_err(Error::io("write to", &self.setup.config.failed))?;
        Ok(Outcome::Failed {
            report: draft,
            rejects,
            problem: Box::new(problem),
            input_hash,
            tried: Box::default(),
        })
    }

    /// What failed isn't always read to its end; its hash tells later whether it is still the same. `None`: it would take long.
    fn hash_failed(&self, job: &Job) -> Result<Option<HalfHash>> {
        const MOST: u64 = 64 << 20;
        match self.inputs.open_file(&job.name)? {
            Some((file, _)) if job.fingerprint.size <= MOST => self.hash(&file, job),
            _ => Ok(None),
        }
    }

    /// Does the result of an input that is the same as before need no look, or is it what was recorded? `None` if it was
    /// cancelled.
    fn is_result_left(&self, job: &Job) -> Result<Option<bool>> {
        match job.output_hash {
            _ if !job.touched || !job.stands || job.recorded != Some(Verdict::Publish) => Ok(Some(true)),
            Some(recorded) => self.holds(job, recorded),
            None => Ok(Some(false)),
        }
    }

    /// Does the output that stands hold these bytes? Whatever the ledger says of it: it may have been restored from a
    /// backup, or edited. One that can't be read is made again. `None` if it was cancelled.
    fn holds(&self, job: &Job, bytes: HalfHash) -> Result<Option<bool>> {
        let Setup { config, .. } = self.setup;
        let root = Dir::open_if_there(&config.output.path)?;
        let open = |root| results::open_output(&root, &results::output(&job.name, config.shape.output));
        let output = root.map(open).transpose();
        let Ok(Some(Some((file, _)))) = output else {
            return Ok(Some(false));
        };
        Ok(self.hash(&file, job)?.map(|found| found == bytes))
    }

    /// `None` if it was cancelled.
    fn hash(&self, mut file: &File, job: &Job) -> Result<Option<HalfHash>> {
        let path = self.inputs.dir().join(job.name.bytes());
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            if self.cancel.load(Ordering::Relaxed) {
                return Ok(None);
            }
            match file.read(&mut buffer).map_err(Error::io("read", &path))? {
                0 => return Ok(Some(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            };
        }
    }
}

/// Rows of an input are a challenger's, which can't be used: nobody answers in its place.
fn unanswered(job: &Job, why: String) -> Error {
    let phase = job.phase.as_deref().unwrap_or_default();
    let message = format!("keys of it are the challenger's, in {phase}, and nobody answers in its place: {why}");
    Error::model(job.name.path(), message)
}
