//! Who answers a request: the version that is asked for, or that of its arm; where rows are of both arms, both, each its own rows.

use super::arms::Arms;
use super::bounds::bounded;
use super::division::{Keys, Rows};
use super::refusal::{Cause, Refusal};
use super::scoring::{Own, Predictions, Side};
use super::served::Served;
use super::telemetry::counters;
use crate::model::{Column, Signature};
use crate::score::arm::Arm;
use hyper::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The key of all rows of a request.
pub static KEY: HeaderName = HeaderName::from_static("transform-key");

/// Who could: the version that is asked for, and the A/B test beside it.
#[derive(Clone)]
pub struct Candidates {
    pub champion: Arc<Served>,
    pub arms: Option<Arc<Arms>>,
}

/// Who does.
#[derive(Clone)]
pub struct Answering {
    /// The version whose answer has its form: the champion, where both answer.
    pub served: Arc<Served>,
    pub tested: Option<Tested>,
}

/// A request's part in an A/B test.
#[derive(Clone)]
pub struct Tested {
    pub arms: Arc<Arms>,
    pub rows: Rows,
}

impl Candidates {
    pub fn alone(champion: Arc<Served>) -> Candidates {
        Candidates { champion, arms: None }
    }

    /// Whose request it is. `header`: the key that it says for all of its rows. `keys`: finds those of its rows, where it says none.
    ///
    /// # Errors
    /// A key's version can't be used; what `keys` finds wrong.
    pub fn choose(
        &self,
        header: impl FnOnce() -> Option<HeaderValue>,
        keys: impl FnOnce(&mut Keys) -> Result<(), Refusal>,
    ) -> Result<Answering, Refusal> {
        let Some(arms) = &self.arms else {
            return Ok(Answering {
                served: self.champion.clone(),
                tested: None,
            });
        };
        let rows = match header() {
            Some(key) => Rows::Of(arms.split.arm(key.as_bytes())),
            None => {
                let mut found = Keys::new(&arms.split, arms.column());
                keys(&mut found)?;
                found.rows()
            }
        };
        let [_, of_challenger] = rows.sides();
        let challenger = match of_challenger {
            true => Some(arms.challenger().map_err(|_| unusable(arms))?),
            false => None,
        };
        Ok(Answering {
            served: match (rows.is_mixed(), challenger) {
                (false, Some(challenger)) => challenger.clone(),
                _ => self.champion.clone(),
            },
            tested: Some(Tested {
                arms: arms.clone(),
                rows,
            }),
        })
    }
}

fn unusable(arms: &Arms) -> Refusal {
    let (experiment, challenger) = (&arms.experiment, arms.identity());
    let message = format!("experiment {experiment}: its challenger {challenger}, whose key this is, can't be used");
    Refusal::new(Cause::NotReady, message)
        .hint("the server's log says why; 'transform experiment stop' gives its keys back to the champion")
        .after(5)
}

impl Answering {
    fn mixed(&self) -> Option<(&Tested, &[Arm])> {
        let tested = self.tested.as_ref()?;
        match &tested.rows {
            Rows::Each(arms) if tested.rows.is_mixed() => Some((tested, arms)),
            _ => None,
        }
    }

    /// The columns that are read and written.
    pub fn signature(&self) -> &Signature {
        let union = self.mixed().and_then(|(tested, _)| tested.arms.union());
        union.map_or(self.served.lineup.signature(), |union| &union.signature)
    }

    /// The columns that are answered.
    pub fn written(&self, probabilities: bool) -> &[Column] {
        self.signature().written(probabilities)
    }

    /// `GROUP/VERSION` of who answers, of both where both do.
    pub fn name(&self) -> HeaderValue {
        match self.mixed().and_then(|(tested, _)| tested.arms.challenger().ok()) {
            None => self.served.name.clone(),
            Some(challenger) => listed(&self.served.name, &challenger.name),
        }
    }

    /// The version, for another header.
    pub fn variant(&self) -> HeaderValue {
        match self.mixed().and_then(|(tested, _)| tested.arms.challenger().ok()) {
            None => self.served.variant.clone(),
            Some(challenger) => listed(&self.served.variant, &challenger.variant),
        }
    }

    /// Which version answered a row.
    pub fn version(&self, row: usize) -> u32 {
        match self.mixed() {
            Some((tested, arms)) if arms.get(row) == Some(&Arm::Challenger) => tested.arms.identity().version,
            _ => self.served.version(),
        }
    }

    /// Do both versions of an A/B test?
    pub fn is_mixed(&self) -> bool {
        self.mixed().is_some()
    }

    /// The challenger's rows, where both answer.
    pub fn of_challenger(&self, predictions: &Predictions) -> Option<(Arc<Served>, counters::Rows)> {
        let (tested, arms) = self.mixed()?;
        let own = arms
            .iter()
            .zip(predictions.iter())
            .filter(|(arm, _)| **arm == Arm::Challenger);
        let mut rows = counters::Rows::default();
        for (_, values) in own {
            match values {
                Some(_) => rows.predicted += 1,
                None => rows.bad += 1,
            }
        }
        Some((tested.arms.challenger().ok()?.clone(), rows))
    }

    /// Scores all rows, each once and by its own version. `score`: those of one version, as its signature reads them.
    ///
    /// # Errors
    /// Those of `score`; both versions find another number of rows.
    pub fn predict<I: Clone>(
        &self,
        input: I,
        score: impl Fn(Side, I) -> Result<Predictions, Refusal>,
    ) -> Result<Predictions, Refusal> {
        let Some(tested) = &self.tested else {
            return score(Side::alone(&self.served), input);
        };
        let timed = |side: Side, input: I| {
            let start = Instant::now();
            score(side, input).map(|predictions| (predictions, start.elapsed()))
        };
        let (predictions, took) = match self.mixed() {
            None => {
                let (predictions, took) = timed(Side::alone(&self.served), input)?;
                (predictions, [took; 2])
            }
            Some((_, arms)) => self.predict_both(tested, arms, input, timed)?,
        };
        tested.arms.count(&tested.rows, &predictions, took);
        Ok(predictions)
    }

    /// Rows that were scored otherwise than by [`Answering::predict`].
    pub fn count(&self, rows: u64, bad_rows: u64, took: Duration) {
        if let Some(Tested {
            arms,
            rows: Rows::Of(arm),
        }) = &self.tested
        {
            arms.count_rows(*arm, rows, bad_rows, took);
        }
    }

    fn predict_both<I: Clone>(
        &self,
        tested: &Tested,
        arms: &[Arm],
        input: I,
        timed: impl Fn(Side, I) -> Result<(Predictions, Duration), Refusal>,
    ) -> Result<(Predictions, [Duration; 2]), Refusal> {
        let (Ok(challenger), Some(union)) = (tested.arms.challenger(), tested.arms.union()) else {
            return Err(unusable(&tested.arms));
        };
        let side = |served, is_challenger| Side {
            served,
            own: Some(Own { arms, is_challenger }),
        };
        let (first, first_took) = timed(side(&self.served, false), input.clone())?;
        // Both, and what is made of both, take no more than those of one version may.
        bounded(3 * first.rows, union.signature.outputs.len())?;
        let (second, second_took) = timed(side(challenger, true), input)?;
        if first.rows != second.rows {
            return Err(Refusal::bad(format!(
                "its columns are of different lengths: {} rows for {}, and {} for {}, which both have keys among them",
                first.rows, self.served.lineup, second.rows, challenger.lineup
            )));
        }
        let outputs = union.signature.outputs.len();
        let merged = first.merged(second, arms, outputs, |is_challenger, own, values| {
            union.push(is_challenger, own, values);
        });
        Ok((merged, [first_took, second_took]))
    }
}

fn listed(first: &HeaderValue, second: &HeaderValue) -> HeaderValue {
    let both = [first.as_bytes(), b", ", second.as_bytes()].concat();
    HeaderValue::from_bytes(&both).unwrap_or_else(|_| first.clone())
}
