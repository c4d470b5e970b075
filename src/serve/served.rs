//! A version that answers.

use super::live::Live;
use super::telemetry::counters::Counters;
use crate::model::unicode;
use crate::problem::Problem;
use crate::registry::baseline::InForce;
use crate::registry::{Decision, Status};
use crate::score::binding::{Places, features};
use crate::score::{Binding, Lineup, Names};
use crate::service::lock;
use crate::transform::{Columns, Scorer, Shape};
use hyper::header::HeaderValue;
use jiff::Timestamp;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

/// A proven version, with all that is the same for every request to it.
pub struct Served {
    pub lineup: Arc<Lineup>,
    /// Its columns in their order, as JSON spells them: with a point in front of a fraction.
    pub by_position: Binding,
    /// Their names, for rows that name each value.
    pub names: Names,
    /// For CSVs, as the spool's.
    pub scorer: Scorer,
    /// `GROUP/VERSION`, for a header.
    pub name: HeaderValue,
    /// Its version, for another.
    pub variant: HeaderValue,
    /// By the names that a request had last: the next one most often has the same.
    last: Mutex<Option<Arc<Named>>>,
    /// The last decision on it, when it was put to work; `None`: nobody decided.
    pub decision: Option<Decision>,
    /// Its requests; set when there is a first one.
    pub counters: OnceLock<Arc<Counters>>,
    /// Its rows by its baseline; `None`: they are unwatched.
    pub live: Option<Live>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lineup.to_string())
    }
}

/// Bytes of names beside the model's that are kept from a request to the next; they may be a whole body.
const OTHERS_KEPT: usize = 64 << 10;

/// The names of fields, and which is which feature.
pub struct Named {
    pub names: Vec<String>,
    /// How the list of them was written, where it was one.
    written: Option<Box<str>>,
    pub binding: Binding,
}

impl Served {
    /// `decision`: the last one on it; `baseline`: what its rows are held against, if they are.
    pub fn of(
        lineup: Arc<Lineup>,
        shape: &Shape,
        decision: Option<Decision>,
        baseline: Option<InForce>,
    ) -> Arc<Served> {
        let spelling = shape.spelling.with_point();
        let columns = lineup.signature().inputs.iter();
        let shape = Shape {
            columns: Columns::Prediction,
            ..shape.clone()
        };
        let name = HeaderValue::from_str(&lineup.to_string());
        let live = baseline.map(|baseline| Live::of(baseline, lineup.signature()));
        let counter = live.as_ref().map(|live| live.counter.clone());
        Arc::new(Served {
            by_position: Binding::by_position(&features(columns, &spelling).into()),
            names: Names::of(lineup.signature()),
            scorer: Scorer::new(lineup.clone(), shape).counting(counter),
            // A group's name may hold what no header can.
            name: name.unwrap_or(HeaderValue::from_static("?")),
            variant: lineup.champion.identity.version.into(),
            last: Mutex::default(),
            decision,
            counters: OnceLock::new(),
            live,
            lineup,
        })
    }

    /// The names that a request had last, if it wrote them so.
    pub fn written(&self, list: &str) -> Option<Arc<Named>> {
        self.last().filter(|last| last.written.as_deref() == Some(list))
    }

    fn last(&self) -> Option<Arc<Named>> {
        lock(&self.last).clone()
    }

    /// Which of the named fields is which feature. `written`: how the list of them was, if it was one.
    ///
    /// # Errors
    /// A name that stands twice, or is missing.
    pub fn bind(&self, names: Vec<Cow<str>>, written: Option<&str>) -> Result<Arc<Named>, (Problem, Vec<String>)> {
        if let Some(same) = self
            .last()
            .filter(|last| last.names == names && last.written.is_some() >= written.is_some())
        {
            return Ok(same);
        }
        let names: Vec<String> = names.into_iter().map(Cow::into_owned).collect();
        let signature = self.lineup.signature();
        let compared: Vec<String> = names.iter().map(|name| unicode::name(name).into_owned()).collect();
        match Binding::by_place(&Places::of(&compared), signature, &self.by_position.features) {
            Ok(binding) => {
                let bytes = |names: &[String]| names.iter().map(String::len).sum::<usize>();
                let asked = bytes(&names) + written.map_or(0, str::len);
                let is_kept = asked <= 2 * bytes(self.names.all()) + OTHERS_KEPT;
                let named = Arc::new(Named {
                    names,
                    written: written.map(Box::from),
                    binding,
                });
                if is_kept {
                    *lock(&self.last) = Some(named.clone());
                }
                Ok(named)
            }
            Err(problem) => Err((problem, names)),
        }
    }

    /// How many features there are.
    pub fn width(&self) -> usize {
        self.by_position.features.len()
    }

    /// When it was approved; `None`: it isn't.
    pub fn approved(&self) -> Option<Timestamp> {
        let decision = self.decision.as_ref()?;
        let at = decision.at.parse().ok()?;
        (decision.status == Status::Approved).then_some(at)
    }

    pub fn version(&self) -> u32 {
        self.lineup.champion.identity.version
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzzing::MODELS;
    use super::*;

    #[test]
    fn names_that_are_a_whole_body_are_not_kept() {
        let line = MODELS.ready().unwrap();
        let served = Served::of(line.lineup.clone(), &line.scorer.shape, None, None);
        let bind = |other: &str| served.bind(["x", other, "y"].map(Cow::from).to_vec(), None).unwrap();
        assert!(Arc::ptr_eq(&bind("other"), &bind("other")));
        let long = "o".repeat(1 << 20);
        assert!(!Arc::ptr_eq(&bind(&long), &bind(&long)));
        assert_eq!(bind(&long).binding.fields, [0, 2]);
    }
}
