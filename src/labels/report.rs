//! What labels say of versions.

use super::version::Versions;
use crate::config::Config;
use crate::error::Result;
use crate::evaluate::Evaluation;
use crate::ledger::{HalfHash, Labelled, Ledger, champion};
use crate::monitor::Check;
use crate::monitor::check::bias::Allowed;
use crate::monitor::check::labelled::{checks, estimates, evaluation};
use crate::monitor::performance::{Estimate, Figures, Measured};
use crate::spool::Name;
use std::collections::{BTreeMap, HashSet};

/// Which inputs' labels.
pub enum Window<'a> {
    /// First seen from then on, in microseconds since 1970.
    Since(i64),
    Inputs(&'a HashSet<(Name, HalfHash, String)>),
}

/// What labels say of the rows that a version scored.
pub struct OfVersion {
    /// `group/version`
    pub model: String,
    pub inputs: u64,
    /// Rows of these inputs that it scored, labelled or not.
    pub scored: u64,
    pub measured: Measured,
    /// With intervals; none of more than two classes.
    pub evaluation: Option<Evaluation>,
    /// What people saw who approved it.
    pub approved: Option<Evaluation>,
    /// What is expected of the same rows without labels.
    pub estimates: Option<Figures<Option<Estimate>>>,
    pub checks: Vec<Check>,
    /// Why it can't be held against anything.
    pub gone: Option<String>,
}

/// By lineup.
///
/// # Errors
/// A version or its baseline is damaged.
pub fn report(config: &Config, ledger: &Ledger, window: &Window) -> Result<Vec<OfVersion>> {
    let mut labelled = match window {
        Window::Since(since) => ledger.labelled(*since)?,
        Window::Inputs(inputs) => {
            let mut labelled = ledger.labelled(0)?;
            labelled.retain(|l| inputs.contains(&(l.input.clone(), l.input_hash, l.made_by.clone())));
            labelled
        }
    };
    let watch = &config.monitor.watch;
    for one in &mut labelled {
        one.measured.keep_segments(&watch.segments, watch.favourable.as_deref());
    }
    let mut versions = Versions::new(config);
    let of_versions = sums(labelled).into_iter().map(|(made_by, sum)| {
        let version = versions.of(&made_by)?;
        let (worth, gone) = match &version {
            Ok(version) => (version.worth(), None),
            Err(why) => (Default::default(), Some(why.clone())),
        };
        Ok(OfVersion {
            model: champion(&made_by).into(),
            inputs: sum.inputs,
            scored: sum.scored,
            evaluation: evaluation(&sum.measured, &worth),
            approved: worth.approved.cloned(),
            estimates: estimates(&sum.measured, &worth),
            checks: checks(&sum.measured, &worth, &Allowed::default()),
            measured: sum.measured,
            gone,
        })
    });
    of_versions.collect()
}

struct Sum {
    inputs: u64,
    scored: u64,
    measured: Measured,
}

fn sums(labelled: Vec<Labelled>) -> BTreeMap<String, Sum> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for one in labelled {
        match sums.get_mut(&one.made_by) {
            None => {
                let sum = Sum {
                    inputs: 1,
                    scored: one.scored,
                    measured: one.measured,
                };
                sums.insert(one.made_by, sum);
            }
            // A version has always the same classes.
            Some(sum) => {
                if sum.measured.add(&one.measured) {
                    sum.inputs += 1;
                    sum.scored += one.scored;
                }
            }
        }
    }
    sums
}
