//! The beginning of an input -> how all of it is read, scored and written.

use super::arms::Arms;
use super::scorer::{Beside, SecondModel};
use super::{Scorer, Trial};
use crate::format::{Beginning, FileFormat, Input, Wanted};
use crate::monitor::Counter;
use crate::problem::Problem;
use crate::score::{Lineup, Second, Spelling};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is the same for all parts of an input; shared by the threads that score them.
pub struct Opened {
    pub input: Arc<Input>,
    pub lineup: Arc<Lineup>,
    /// By which it is counted, if it is watched.
    pub counter: Option<Arc<Counter>>,
    /// Who answers which of its rows, where that isn't the champion alone.
    pub arms: Option<Arms>,
    /// Are lines kept of them?
    pub keeps_arms: bool,
    /// The lineup's shadows that score it, too.
    pub shadows: Vec<Beside>,
    /// How the cells are spelled.
    pub spelling: Spelling,
    /// Keys of rows whose fingerprints are above it needn't be looked at any more.
    pub keys: AtomicU64,
}

/// `format`: of the input.
///
/// # Errors
/// Why the rows can't be told, or aren't the model's.
pub fn open(beginning: Beginning, format: FileFormat, scorer: &Scorer) -> Result<Opened, Problem> {
    let opened = |input| Opened {
        input,
        shadows: Vec::new(),
        arms: None,
        keeps_arms: false,
        lineup: scorer.lineup.clone(),
        counter: scorer.counter.clone(),
        spelling: scorer.shape.spelling.clone(),
        keys: AtomicU64::new(u64::MAX),
    };
    if let Some(same) = scorer
        .last()
        .filter(|last| last.format() == format && last.begins(beginning))
    {
        return Ok(opened(same));
    }
    let Scorer {
        lineup,
        shape,
        features,
        ..
    } = scorer;
    let signature = lineup.signature();
    let seconds: Vec<Second> = scorer.seconds.iter().map(SecondModel::second).collect();
    let wanted = Wanted {
        format,
        output: format.output(shape.output),
        header: shape.header,
        dialect: shape.dialect.of(format.rows),
        spelling: &shape.spelling,
        signature,
        features,
        known: lineup.champion.model.known_texts(),
        columns: &shape.columns,
        outputs: signature.written(shape.probabilities),
        prefix: &shape.prefix,
        version: shape.model_version.then_some(lineup.champion.identity.version),
        observed: &scorer.observed,
        seconds: &seconds,
    };
    let input = Arc::new(Input::open(beginning, &wanted)?);
    scorer.remember(&input);
    Ok(opened(input))
}

impl Opened {
    /// The same of an input of a phase, of which a challenger may answer rows, too.
    ///
    /// # Errors
    /// The input lacks a column that the challenger takes.
    pub fn in_phase(self, scorer: &Scorer, phase: Option<&str>) -> Result<Opened, Problem> {
        let arms = phase.map(|phase| Arms::of(&self.input, scorer, phase)).transpose()?;
        Ok(Opened {
            arms: arms.flatten(),
            ..self
        })
    }

    /// The same, with what is kept of trials.
    pub fn with_trials(mut self, scorer: &Scorer, trials: impl Iterator<Item = Trial>) -> Opened {
        for trial in trials {
            match trial {
                Trial::Shadow(place) => self.shadows.push(scorer.beside(place)),
                Trial::Challenger(_) => self.keeps_arms = true,
            }
        }
        self
    }
}
