//! A version that answers.

use super::telemetry::counters::Counters;
use crate::model::unicode;
use crate::problem::Problem;
use crate::registry::{Decision, Status};
use crate::score::binding::{Places, features};
use crate::score::{Binding, Lineup, Names};
use crate::transform::{Columns, Scorer, Shape};
use hyper::header::HeaderValue;
use jiff::Timestamp;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    /// By the names that a request had last: the next one most often has the same.
    last: Mutex<Option<Arc<Named>>>,
    /// The last decision on it, when it was put to work; `None`: nobody decided.
    pub decision: Option<Decision>,
    /// Its requests; set when there is a first one.
    pub counters: OnceLock<Arc<Counters>>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lineup.to_string())
    }
}

/// The names of fields, and which is which feature.
pub struct Named {
    pub names: Vec<String>,
    pub binding: Binding,
}

impl Served {
    /// `decision`: the last one on it.
    pub fn of(lineup: Arc<Lineup>, shape: &Shape, decision: Option<Decision>) -> Arc<Served> {
        let spelling = shape.spelling.with_point();
        let columns = lineup.signature().inputs.iter();
        let shape = Shape {
            columns: Columns::Prediction,
            ..shape.clone()
        };
        let name = HeaderValue::from_str(&lineup.to_string());
        Arc::new(Served {
            by_position: Binding::by_position(&features(columns, &spelling).into()),
            names: Names::of(lineup.signature()),
            scorer: Scorer::new(lineup.clone(), shape),
            // A group's name may hold what no header can.
            name: name.unwrap_or(HeaderValue::from_static("?")),
            last: Mutex::default(),
            decision,
            counters: OnceLock::new(),
            lineup,
        })
    }

    /// Which of the named fields is which feature.
    ///
    /// # Errors
    /// A name that stands twice, or is missing.
    pub fn bind(&self, names: Vec<String>) -> Result<Arc<Named>, (Problem, Vec<String>)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(same) = last.filter(|last| last.names == names) {
            return Ok(same);
        }
        let signature = self.lineup.signature();
        let compared: Vec<String> = names.iter().map(|name| unicode::name(name).into_owned()).collect();
        match Binding::by_place(&Places::of(&compared), signature, &self.by_position.features) {
            Ok(binding) => {
                let named = Arc::new(Named { names, binding });
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(named.clone());
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
