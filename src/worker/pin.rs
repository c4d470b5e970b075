//! The lineup that a pass scores by.

use super::look::recipe;
use crate::config::Config;
use crate::engine::lineup::{Members, scorer};
use crate::engine::{Engine, Scoring};
use crate::error::Result;
use crate::ledger::Recipe;
use crate::registry::Baselines;
use crate::score::Lineup;
use crate::transform::{Failure, Run, Scorer, Sink, Summary, transform_beside};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// What scores, and how what it makes is known.
#[derive(Clone)]
pub struct Pin {
    pub scorer: Arc<Scorer>,
    /// Of what the champion makes alone.
    pub recipe: Recipe,
    /// What scores, as other machines are told of it; none where there are none.
    pub members: Option<Arc<Members>>,
}

impl Pin {
    /// `baselines`: by which rows are counted.
    pub fn of(lineup: &Arc<Lineup>, config: &Config, baselines: &Baselines) -> Pin {
        let Config { shape, monitor, .. } = config;
        let scorer = scorer(lineup, shape, &monitor.watch, baselines);
        let members = || Members::of(config, lineup, baselines).into();
        Pin {
            recipe: recipe(lineup.champion.identity.made_by(), shape),
            scorer: scorer.into(),
            members: config.engine.as_ref().map(|_| members()),
        }
    }

    /// Scores an input, here or by an engine: its output and its rejects. `path`: for other machines.
    ///
    /// # Errors
    /// The outer ones: of an engine, which tell nothing of the input.
    pub fn score(
        &self,
        engine: Option<&Engine>,
        (path, file): (&Path, &File),
        [output, rejects]: [&mut (impl Write + Send); 2],
        sinks: Vec<Sink>,
        run: &Run,
    ) -> Result<Result<Summary, Failure>> {
        let scorer = &self.scorer;
        match (engine, &self.members) {
            (Some(engine), Some(members)) => {
                let scoring = Scoring {
                    path,
                    file,
                    scorer,
                    members,
                    run,
                };
                engine.transform(&scoring, [output, rejects], sinks)
            }
            _ => Ok(transform_beside(file, scorer, output, rejects, sinks, run)),
        }
    }

    /// Of what is made of inputs of a phase.
    pub fn recipe_of(&self, phase: Option<&str>) -> Recipe {
        match phase.and_then(|phase| self.scorer.lineup.phase(phase)) {
            Some((_, phase)) => Recipe {
                made_by: phase.made_by.as_str().into(),
                ..self.recipe.clone()
            },
            None => self.recipe.clone(),
        }
    }
}
