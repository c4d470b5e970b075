//! PURE: what is × what was recorded × what is wanted -> what to do, and when to look again. No clock, no file, no log.

pub mod claim;
mod former;
mod taken;

pub use former::former;
pub use taken::{Gone, emptied, gone};

use crate::config::OnTaken;
use crate::ledger::{Recipe, Record, Taken};
use crate::spool::{Fingerprint, Kind, Seen};
use crate::transform::Verdict;
use crate::transform::problem::Code;
use std::sync::Arc;
use std::time::Duration;

/// The time of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since 1970.
    pub wall: i64,
    /// Since some moment; never goes back.
    pub monotonic: Duration,
}

impl Now {
    /// When that was, in microseconds since 1970.
    pub fn time_of(self, monotonic: Duration) -> i64 {
        self.wall
            .saturating_sub(nanos(self.monotonic.saturating_sub(monotonic)))
            / 1000
    }
}

/// What events said about an input's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It closed the file, or renamed it in.
    Closed,
    /// It writes.
    Writing,
    Nothing,
}

/// An earlier look at an input that had not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    pub fingerprint: Fingerprint,
    /// The first look that saw this fingerprint, on the monotonic clock.
    pub since: Duration,
    /// It had settled then.
    pub settled: bool,
}

/// All that is known of one input.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    pub seen: Seen,
    pub word: Word,
    pub before: Option<Before>,
    pub record: Option<&'a Record>,
    /// The size of what is there now of what the record says was published: the output, or a report.
    pub published: Option<u64>,
    /// It failed for now, and is not to be tried again before this moment of the monotonic clock.
    pub retry_at: Option<Duration>,
    /// How often it was found to be another one than before.
    pub changes: u32,
    /// The disk has no more room than what its results didn't fit into.
    pub no_room: bool,
    /// The output folder lost all outputs at once, or is another one than before.
    pub lost: bool,
}

impl Sighting<'_> {
    /// What events said of its writer. Of a link they say who made the link.
    fn word(&self) -> Word {
        match self.word {
            Word::Closed if self.seen.followed => Word::Nothing,
            word => word,
        }
    }

    /// The first look that saw the input as it is, on the monotonic clock.
    pub fn since(&self, now: Now) -> Duration {
        let before = self.before.filter(|b| b.fingerprint == self.seen.fingerprint);
        before.map_or(now.monotonic, |b| b.since)
    }
}

/// What every input should have.
#[derive(Clone, Debug)]
pub struct Want {
    pub recipe: Recipe,
    /// Of phases of experiments, by whom their inputs' results should be made.
    pub phases: Vec<Asked>,
    /// A new approval leaves alone what an older version scored, in whichever output format.
    pub keep_scored: bool,
    /// How long a fingerprint must stand before a file counts as finished.
    pub settle: Duration,
    /// How long it counts that somebody writes to an input, by an event's word, whose fingerprint stands.
    pub writing: Duration,
    /// What becomes of an output that went.
    pub taken: OnTaken,
    /// The worker comes back to nothing that it doesn't do now. It leaves alone what changes more than once: else it would go
    /// on as long as somebody appends to it.
    pub once: bool,
}

/// By whom the results of inputs of a phase should be made, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub phase: String,
    pub made_by: Arc<str>,
    /// The test goes on. Else it binds what was answered, and not what failed.
    pub is_open: bool,
}

impl Want {
    /// By whom what was recorded should be made: an input keeps its phase. One that isn't known any more is none.
    fn made_by(&self, record: &Record) -> &str {
        let binds = |asked: &Asked| asked.is_open || record.verdict != Verdict::Fail;
        let is_its = |asked: &&Asked| record.phase.as_ref() == Some(&asked.phase) && binds(asked);
        let asked = self.phases.iter().find(is_its);
        asked.map_or(&self.recipe.made_by, |asked| &asked.made_by)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its output, or the report of why it has none, is as it should be.
    Current(Verdict),
    Transform,
    /// Its output went, or was changed, and is made again; then this is known of that.
    Remake(Taken),
    /// Its output went, or was changed, too often, and is left from now on, which is to be remembered.
    Leave(Taken),
    /// Its output went, or was changed, and is left.
    Left,
    /// Read it again, and score it only if it is another one: a change could hide behind its fingerprint, or nothing but its
    /// times changed.
    Verify,
    /// It is no file.
    Refuse(Code),
    /// Look again at this moment of the monotonic clock.
    Wait(Duration),
    /// It has settled; look again at this moment, when no change can hide behind its fingerprint.
    Outwait(Duration),
    /// Its writer has it open, by the word of events, and one will tell; if none does, look again at this moment.
    Await(Duration),
}

pub fn decide(sighting: &Sighting, want: &Want, now: Now) -> Decision {
    let Sighting {
        seen,
        record,
        published,
        ..
    } = *sighting;
    let stands = record.filter(|r| published == Some(r.published));
    if let Some(code) = refusal(seen.kind) {
        // Whatever its times are.
        return match stands.and_then(|r| r.problem.as_deref()) == Some(code.name()) {
            true => Decision::Current(Verdict::Fail),
            false => Decision::Refuse(code),
        };
    }
    let scored = record.is_some_and(|r| r.fingerprint == seen.fingerprint);
    // An output of another size was changed by somebody, who may do it again and again, too.
    let went = record.filter(|r| r.verdict == Verdict::Publish && stands.is_none() && r.taken != Taken::DUE);
    // That consumers may take outputs away makes none of those good that were changed.
    let rule = if published.is_some() {
        OnTaken::Remake
    } else {
        want.taken
    };
    let fitting = stands.or(went).filter(|r| fits(r, want));
    // A backup by hard links, chmod, touch, the same bytes uploaded again: contents decide, not times.
    let may_be_same = |r: &Record| r.input_hash.is_some() && r.fingerprint.size == seen.fingerprint.size;
    let needed = match fitting {
        Some(record) if scored && record.racy => match racy_until(seen.fingerprint, now.wall) {
            Some(left) => return Decision::Wait(now.monotonic + left),
            None => Decision::Verify,
        },
        Some(record) if scored && stands.is_some() => return Decision::Current(record.verdict),
        Some(record) if scored => match gone(record.taken, rule, sighting.lost, want.once, now.wall / 1000) {
            Gone::Remake(taken) => Decision::Remake(taken),
            Gone::Wait(left) => return Decision::Wait(now.monotonic + left),
            Gone::Leave(taken) => return Decision::Leave(taken),
            Gone::Left => return Decision::Left,
        },
        Some(record) if may_be_same(record) => Decision::Verify,
        _ => Decision::Transform,
    };
    if let Some(at) = sighting.retry_at.filter(|at| *at > now.monotonic) {
        return Decision::Wait(at);
    }
    if sighting.no_room || want.once && sighting.changes > 1 {
        return Decision::Wait(now.monotonic + want.settle.max(LATER));
    }
    let unsettled = match sighting.word() {
        // An event tells when it is closed. None does of a file that was cut by its path, or whose event was lost.
        Word::Writing => settles_at(sighting, want.settle.max(want.writing), now).map(Decision::Await),
        Word::Closed => None,
        // What was scored before had settled before.
        Word::Nothing if scored => None,
        Word::Nothing => settles_at(sighting, want.settle, now).map(Decision::Wait),
    };
    // A racy fingerprint means to read the input twice. That costs nothing for a small one, which is wanted at once.
    match (unsettled, racy_until(seen.fingerprint, now.wall)) {
        (Some(decision), _) => decision,
        (None, Some(left)) if is_large(seen.fingerprint.size) => Decision::Outwait(now.monotonic + left),
        (None, _) => needed,
    }
}

/// Inputs above this many bytes are scored block by block on all threads, beside the small ones; those whole on one.
const LARGE: u64 = 1 << 20;

/// Is an input of `size` bytes more than one block of work, so that others shouldn't wait for it?
pub fn is_large(size: u64) -> bool {
    size > LARGE
}

/// Whom a passing fault keeps waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The input that met it.
    Input,
    /// All: it would fail every other one, too.
    All,
}

/// `code`: of the fault. `own`: bytes of the input's unfinished results, whose room is free again now.
pub fn charge(code: &str, own: u64) -> Charge {
    /// Enough for others to go on.
    const ROOM: u64 = 1 << 20;
    match code {
        "disk_full" if own >= ROOM => Charge::Input,
        "disk_full" | "read_only" | "sandbox" | "mount" | "ledger" => Charge::All,
        _ => Charge::Input,
    }
}

/// Has an input that is to be scored settled by its age alone, so that its writer may still have it open? What was scored
/// before had settled before.
pub fn settled_by_age(sighting: &Sighting) -> bool {
    let scored = sighting
        .record
        .is_some_and(|r| r.fingerprint == sighting.seen.fingerprint);
    match sighting.word() {
        Word::Closed => false,
        Word::Nothing => !scored,
        Word::Writing => true,
    }
}

/// How long an input that somebody has open for writing is left alone.
pub fn until_closed(settle: Duration) -> Duration {
    settle.max(LATER)
}

/// How long to wait after so many failures, from 1 on; never longer than `most`.
pub fn backoff(tries: u32, most: Duration) -> Duration {
    const FIRST: Duration = Duration::from_secs(1);
    FIRST.saturating_mul(1 << (tries.max(1) - 1).min(20)).min(most)
}

/// For what can't be done now.
const LATER: Duration = Duration::from_secs(1);

/// No event tells that it was closed, so its times must: when it will have settled; `None`: it has.
fn settles_at(sighting: &Sighting, settle: Duration, now: Now) -> Option<Duration> {
    let fingerprint = sighting.seen.fingerprint;
    // Nobody but the kernel sets a ctime: if it is old, the file has stood that long.
    let aged = fingerprint
        .ctime
        .is_some_and(|ctime| now.wall.saturating_sub(ctime) >= nanos(settle));
    let before = sighting.before.filter(|b| b.fingerprint == fingerprint);
    let since = sighting.since(now);
    let stood = before.is_some_and(|b| b.settled || now.monotonic >= since + settle);
    (!aged && !stood).then_some(since + settle)
}

fn fits(record: &Record, want: &Want) -> bool {
    let Recipe {
        shape, output_format, ..
    } = &want.recipe;
    if record.recipe.shape != *shape {
        return false;
    }
    if *record.recipe.made_by == *want.made_by(record) {
        return record.recipe.output_format == *output_format;
    }
    // The model that scored it is not at work any more, so a newer format would mean another one's results. 0 fits nothing.
    want.keep_scored && record.verdict != Verdict::Fail && record.recipe.output_format != 0
}

/// Why what stands under an input's name can't be one.
pub fn refusal(kind: Kind) -> Option<Code> {
    match kind {
        Kind::File => None,
        Kind::Link => Some(Code::Link),
        Kind::Folder | Kind::Other => Some(Code::NotAFile),
    }
}

/// Was the fingerprint taken, at `wall`, so soon after the last change that a further change would leave it the same?
/// Then how long until that is over. (Git calls such an index entry racily clean.)
pub fn racy_until(fingerprint: Fingerprint, wall: i64) -> Option<Duration> {
    // Kernels stamp files with a clock that ticks every 1 to 10 ms; file systems that keep whole seconds, or two, show
    // it by their zeros.
    const TICK: i64 = 20_000_000;
    const SECONDS: i64 = 2_000_000_000;
    let newest = fingerprint.ctime.unwrap_or(fingerprint.mtime);
    let granularity = if newest % 1_000_000_000 == 0 { SECONDS } else { TICK };
    let age = wall.saturating_sub(newest);
    // A time far in the future is somebody's wrong clock, not a recent change.
    let racy = age < granularity && age > -granularity;
    racy.then(|| Duration::from_nanos((granularity - age) as u64))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
