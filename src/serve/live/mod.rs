//! Does what is asked still look like what the model knows? Rows are counted by the version's baseline in the thread that scored
//! them; each second a thread beside looks whether a window is over, and judges it. An answer is gone by then: it can't be held.

mod window;

use self::window::{Told, Turn};
use crate::checksum::Sha256Sum;
use crate::model::Signature;
use crate::monitor::counts::Scratch;
use crate::monitor::{Action, Baseline, Basis, Check, Counter, Counts, Judgement, Policy, Watch};
use crate::registry::baseline::InForce;
use crate::score::Batch;
use crate::service::lock;
use jiff::Timestamp;
use std::array::from_fn;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// So many threads count at a time; more wait for one.
const PLACES: usize = 16;

/// A version's rows, held against its baseline. Another version or another baseline begins with none.
pub struct Live {
    baseline: Arc<Baseline>,
    /// For CSVs, whose parts count by themselves.
    pub counter: Arc<Counter>,
    /// The open window is the sum of all. Nearly always the first one is free.
    places: [Mutex<Place>; PLACES],
    judging: Mutex<Judging>,
}

#[derive(Default)]
struct Place {
    counts: Counts,
    scratch: Scratch,
}

/// Of who judges, one at a time; and what it came to.
#[derive(Default)]
struct Judging {
    turn: Turn,
    told: Told,
    windows: u64,
    over: u64,
    last: Option<Arc<Judged>>,
}

/// A window that was judged.
#[derive(Debug)]
pub struct Judged {
    pub at: Timestamp,
    pub rows: u64,
    pub judgement: Judgement,
    /// What is beyond its bar, of areas that the policy looks at.
    pub over: Vec<Check>,
}

/// How a version's rows stand, for metrics and people.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// Rows in the open one.
    pub open: u64,
    /// That were judged.
    pub judged: u64,
    /// In which something was beyond its bar, of areas that the policy looks at.
    pub over: u64,
    pub last: Option<Arc<Judged>>,
}

impl Live {
    /// `signature`: of the version whose baseline it is.
    pub fn of(in_force: InForce, signature: &Signature) -> Live {
        Live {
            // Requests have no columns beside the model's.
            counter: in_force.counter(&Watch::default(), signature).into(),
            baseline: in_force.baseline,
            places: from_fn(|_| Mutex::default()),
            judging: Mutex::default(),
        }
    }

    /// SHA-256 of the baseline.
    pub fn sha256(&self) -> Sha256Sum {
        self.counter.baseline
    }

    /// Counts rows that were scored: `[output][row]`.
    pub fn count(&self, batch: &Batch, predictions: &[f64]) {
        let mut place = self.place();
        let Place { counts, scratch } = &mut *place;
        if counts.columns.is_empty() {
            *counts = self.counter.zero();
        }
        self.counter.count(batch, predictions, scratch, counts);
    }

    /// Takes what was counted by [`Live::counter`].
    pub fn add(&self, counts: &Counts) {
        self.place().counts.add(counts);
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        let free = self.places.iter().find_map(|place| place.try_lock().ok());
        free.unwrap_or_else(|| lock(&self.places[0]))
    }

    fn open(&self) -> u64 {
        self.places.iter().map(|place| lock(place).counts.rows).sum()
    }

    /// Judges the window if it is over; the next one begins. `now`: of a clock that never jumps. Who is to be told, is.
    pub fn judge(&self, policy: &Policy, now: Duration, at: Timestamp, tell: impl FnOnce(&Judged)) {
        let mut judging = lock(&self.judging);
        if !judging.turn.is_over(self.open(), policy.min_rows, now) {
            return;
        }
        let mut counts = Counts::default();
        for place in &self.places {
            counts.add(&take(&mut lock(place).counts));
        }
        let judgement = policy.look(&self.baseline, &counts, Basis::New);
        let is_told = |check: &&Check| policy.action(check.area) > Action::Off;
        let judged = Judged {
            at,
            rows: counts.rows,
            over: judgement.over().filter(is_told).cloned().collect(),
            judgement,
        };
        if judging.told.is_news(&judged.over, now) {
            tell(&judged);
        }
        judging.windows += 1;
        judging.over += u64::from(!judged.over.is_empty());
        judging.last = Some(judged.into());
    }

    pub fn windows(&self) -> Windows {
        let open = self.open();
        let judging = lock(&self.judging);
        Windows {
            open,
            judged: judging.windows,
            over: judging.over,
            last: judging.last.clone(),
        }
    }
}

/// What becomes of a window, in words.
pub fn policy(policy: &Policy) -> String {
    let acts = match policy.strongest() {
        Action::Off => return "off".into(),
        Action::Warn => "what is out of the ordinary is told",
        Action::Hold | Action::Block => "an answer can't be held back: hold and block act as warn here",
    };
    format!("windows of {} rows or an hour; {acts}", policy.min_rows)
}

#[cfg(test)]
mod tests;
