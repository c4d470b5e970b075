//! What stands in the folders, as the plan needs to see it.

use super::agenda::Shortage;
use super::plan::{self, Asked, Charge, Decision, Now, Sighting, Want, Word};
use crate::config::{Config, OnApproval};
use crate::error::Result;
use crate::format::OutputFormat;
use crate::ledger::{Ledger, Recipe, Record};
use crate::score::Phase;
use crate::service::clock::{monotonic, wall_clock};
use crate::spool::lease::{Writers, writers};
use crate::spool::publish::{self, Publisher};
use crate::spool::scan::Inputs;
use crate::spool::{Dir, Fingerprint, Kind, Name, Seen, results};
use crate::transform::{Destination, OUTPUT_FORMAT, Shape, Verdict};
use rayon::prelude::*;
use std::time::Duration;

/// The output and failed folders, for looking.
pub struct Published {
    output: Option<Dir>,
    failed: Option<Dir>,
    marked: bool,
    /// That of outputs of which it isn't known.
    format: OutputFormat,
}

impl Published {
    pub fn open(config: &Config) -> Result<Published> {
        Ok(Published {
            output: Dir::open_if_there(&config.output.path)?,
            failed: Dir::open_if_there(&config.failed)?,
            marked: config.output.done_marker,
            format: config.shape.output,
        })
    }

    /// Whether the output folder holds any output; and the disk that it is on, if it is there. A mount's device tells nothing: it
    /// may be another one each time that it is mounted.
    pub fn outputs(&self, recursive: bool) -> Result<(bool, Option<u64>)> {
        let Some(output) = &self.output else {
            return Ok((false, None));
        };
        let disk = match output.is_mount()? {
            true => None,
            false => Some(output.device()?),
        };
        Ok((results::holds_outputs(output, recursive)?, disk))
    }

    /// Does one of the folders take `A` for `a`?
    pub fn folds_names(&self) -> Result<bool> {
        let mut folders = self.output.iter().chain(&self.failed);
        folders.try_fold(false, |folds, dir| Ok(folds || publish::folds_names(dir)?))
    }

    /// Do the bad rows of an input stand in the failed folder?
    pub fn has_rejects(&self, name: &Name) -> Result<bool> {
        let has = |failed| results::has_rejects(failed, name);
        self.failed.as_ref().map_or(Ok(false), has)
    }

    /// When the output of an input was written that stands, in microseconds since 1970.
    pub fn output_at(&self, name: &Name) -> Result<Option<i64>> {
        match &self.output {
            Some(output) => results::output_time(output, &results::output(name, self.format)),
            None => Ok(None),
        }
    }

    /// The size of what was published for an input by the record's verdict: of its output, in the format that it was made in, or of a
    /// report.
    pub fn size(&self, name: &Name, record: Option<&Record>) -> Result<Option<u64>> {
        match (record.map(|r| r.verdict), &self.output, &self.failed) {
            (Some(Verdict::Publish), Some(output), _) => {
                let recorded = record.and_then(|r| r.recipe.output(name));
                let published = recorded.unwrap_or_else(|| results::output(name, self.format));
                results::output_size(output, &published, self.marked)
            }
            (Some(Verdict::Hold), _, Some(failed)) => results::held_size(failed, name),
            (Some(Verdict::Fail), _, Some(failed)) => results::report_size(failed, name),
            _ => Ok(None),
        }
    }
}

/// What stands in the folders and in the ledger for an input.
pub struct Found {
    /// `None` if it is gone.
    pub there: Result<Option<There>>,
    pub record: Option<Record>,
}

impl Found {
    /// Was an output published for it that isn't there now?
    pub fn output_went(&self) -> bool {
        let published = self.record.as_ref().is_some_and(|r| r.verdict == Verdict::Publish);
        published && matches!(self.there, Ok(Some(There { size: None, .. })))
    }
}

/// An input, and what was published for it.
pub struct There {
    pub seen: Seen,
    pub size: Option<u64>,
}

/// Fewer looks than this are quicker made than handed to other threads.
const ALONE: usize = 64;

/// Looks at each input, in order.
pub fn at_each(
    inputs: &Inputs,
    names: &[Name],
    ledger: &Ledger,
    published: &Published,
    pool: &rayon::ThreadPool,
) -> Result<Vec<Found>> {
    let stat = |name: &Name| inputs.look(name);
    let found = |((name, seen), record): ((&Name, Result<Option<Seen>>), Option<Record>)| Found {
        there: seen.and_then(|seen| {
            let there = |seen| published.size(name, record.as_ref()).map(|size| There { seen, size });
            seen.map(there).transpose()
        }),
        record,
    };
    if names.len() < ALONE {
        let seen = names.iter().map(stat);
        return Ok(names.iter().zip(seen).zip(ledger.records(names)?).map(found).collect());
    }
    let mut seen = Vec::new();
    // The ledger stays on this thread.
    let records = pool.in_place_scope(|scope| {
        scope.spawn(|_| seen = names.par_iter().map(stat).collect());
        ledger.records(names)
    })?;
    Ok(pool.install(|| names.par_iter().zip(seen).zip(records).map(found).collect()))
}

/// Has the disk still no more room than what an input's results didn't fit into?
pub fn is_short(publisher: &Publisher, name: &Name, short: Shortage) -> bool {
    let draft = match short.place {
        Destination::Output => publisher.draft_output(name),
        Destination::Rejects => publisher.draft_failed(name),
    };
    draft
        .and_then(|draft| draft.disk().free())
        .is_ok_and(|free| !short.is_over(free))
}

/// Is there no input of this name any more, or are files of such names no inputs now? What can't be looked at may be there:
/// a subfolder that is closed keeps back what is in it, and nothing else.
pub fn is_gone(inputs: &Inputs, name: &Name) -> Result<bool> {
    if !inputs.accept(name) {
        return Ok(true);
    }
    match inputs.look(name) {
        Ok(seen) => Ok(seen.is_none()),
        Err(error) if plan::charge(error.code(), 0) == Charge::All => Err(error),
        Err(_) => Ok(false),
    }
}

/// What `transform status` says of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Done,
    Held,
    /// Its output went, or was changed, and is left.
    Left,
    Failed,
    /// Pending, and to be scored now.
    Queued,
    /// Pending, for it changed a moment ago.
    Settling,
    /// Pending, for somebody has it open for writing.
    Open,
}

/// Looks at inputs as the worker would, and does nothing.
pub struct Onlooker {
    /// `None`: there is no model to have results of.
    want: Option<Want>,
    settle: Duration,
}

impl Onlooker {
    /// `local`: the input folder is on a local disk.
    pub fn new(config: &Config, wanted: Option<(Recipe, Vec<Asked>)>, local: bool) -> Onlooker {
        Onlooker {
            want: wanted.map(|(recipe, phases)| want(config, recipe, phases, local)),
            settle: config.input.settle,
        }
    }

    /// `None` if the input is gone.
    ///
    /// # Errors
    /// Of this input alone, unless [`plan::charge`] says that they are of all.
    pub fn look_at(
        &self,
        inputs: &Inputs,
        published: &Published,
        name: &Name,
        record: Option<&Record>,
    ) -> Result<Option<(Look, Seen)>> {
        let Some(seen) = inputs.look(name)? else {
            return Ok(None);
        };
        let sighting = Sighting {
            seen,
            word: Word::Nothing,
            before: None,
            record,
            published: published.size(name, record)?,
            retry_at: None,
            changes: 0,
            no_room: false,
            lost: false,
        };
        let now = now();
        let decision = self.want.as_ref().map(|want| plan::decide(&sighting, want, now));
        let look = match decision {
            Some(Decision::Current(Verdict::Publish)) => Look::Done,
            Some(Decision::Current(Verdict::Hold)) => Look::Held,
            Some(Decision::Current(Verdict::Fail)) => Look::Failed,
            Some(Decision::Left | Decision::Leave(_)) => Look::Left,
            _ if plan::settled_by_age(&sighting) && is_open(inputs, name, seen) => Look::Open,
            Some(Decision::Wait(_) | Decision::Outwait(_)) if is_settling(seen.fingerprint, self.settle, now.wall) => {
                Look::Settling
            }
            _ => Look::Queued,
        };
        Ok(Some((look, seen)))
    }
}

/// Did it change a moment ago? On a mount, by the only time that there is; the worker compares two looks.
pub fn is_settling(fingerprint: Fingerprint, settle: Duration, wall: i64) -> bool {
    let newest = fingerprint.ctime.unwrap_or(fingerprint.mtime);
    let settle = i64::try_from(settle.as_nanos()).unwrap_or(i64::MAX);
    wall.saturating_sub(newest) < settle.max(SECONDS)
}

/// Some file systems keep times in steps of two seconds.
const SECONDS: i64 = 2_000_000_000;

/// Does the kernel say that somebody has the input open for writing?
fn is_open(inputs: &Inputs, name: &Name, seen: Seen) -> bool {
    let local = seen.kind == Kind::File && seen.fingerprint.ctime.is_some();
    let opened = || inputs.open_file(name).ok().flatten();
    local && opened().is_some_and(|(file, _)| writers(&file) == Writers::Some)
}

pub fn now() -> Now {
    Now {
        wall: wall_clock(),
        monotonic: monotonic(),
    }
}

/// What an output by this model, or by these models, with these settings is made from. `made_by`: as the ledger has it.
pub fn recipe(made_by: String, shape: &Shape) -> Recipe {
    Recipe {
        made_by: made_by.into(),
        shape: shape.text().into(),
        output_format: OUTPUT_FORMAT,
    }
}

/// Of phases of experiments, by whom their inputs' results should be made.
/// `phases`: with whether the test goes on.
pub fn asked<'a>(phases: impl Iterator<Item = (&'a Phase, bool)>) -> Vec<Asked> {
    let asked = |(phase, is_open): (&Phase, bool)| Asked {
        phase: phase.name.clone(),
        made_by: phase.made_by.as_str().into(),
        is_open,
    };
    phases.map(asked).collect()
}

/// What every input should have. `local`: the input folder is on a local disk.
pub fn want(config: &Config, recipe: Recipe, phases: Vec<Asked>, local: bool) -> Want {
    let input = &config.input;
    Want {
        recipe,
        phases,
        keep_scored: config.models.on_approval == OnApproval::NewFiles,
        // On a mount: two polls.
        settle: if local {
            input.settle
        } else {
            input.settle.max(input.poll_interval)
        },
        writing: input.rescan_interval,
        taken: config.output.taken,
        once: false,
    }
}
