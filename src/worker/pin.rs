//! The lineup that a pass scores by.

use super::look::recipe;
use crate::config::Config;
use crate::ledger::Recipe;
use crate::registry::Baselines;
use crate::registry::baseline::InForce;
use crate::score::Lineup;
use crate::transform::Scorer;
use std::sync::Arc;

/// What scores, and how what it makes is known.
#[derive(Clone)]
pub struct Pin {
    pub scorer: Arc<Scorer>,
    /// Of what the champion makes alone.
    pub recipe: Recipe,
}

impl Pin {
    /// `baselines`: by which rows are counted.
    pub fn of(lineup: &Arc<Lineup>, config: &Config, baselines: &Baselines) -> Pin {
        let Config { shape, monitor, .. } = config;
        let counter = |baseline: &InForce, signature| Arc::new(baseline.counter(&monitor.watch, signature));
        let champion = baselines.champion.as_ref();
        let challengers = lineup.challengers.iter().zip(&baselines.challengers);
        let challengers = challengers.map(|(challenger, baseline)| {
            let model = challenger.model.as_ref().ok()?;
            Some(counter(baseline.as_ref()?, model.signature()))
        });
        let scorer = Scorer::new(lineup.clone(), shape.clone())
            .with_trials()
            .counting(champion.map(|baseline| counter(baseline, lineup.signature())))
            .counting_challengers(challengers.collect());
        Pin {
            recipe: recipe(lineup.champion.identity.made_by(), shape),
            scorer: scorer.into(),
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
