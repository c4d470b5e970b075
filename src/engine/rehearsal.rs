//! `transform check`: does the cluster answer, and is each node fit to work?

use super::lineup::Members;
use super::question::Question;
use super::session::Session;
use super::source::Source;
use crate::config::{Config, Engine};
use crate::error::Result;
use crate::registry::{Current, Registry};
use crate::spool::scan::Listing;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

/// What was looked at, and how it is.
pub fn rehearse(config: &Config, engine: &Engine) -> Vec<(String, Result<String>)> {
    match ask(config, engine) {
        Ok(found) => found,
        Err(error) => vec![("engine".into(), Err(error))],
    }
}

fn ask(config: &Config, engine: &Engine) -> Result<Vec<(String, Result<String>)>> {
    let cancel = AtomicBool::new(false);
    let mut session = Session::start(engine)?;
    // Models are read while the cluster answers.
    let question = Question::new(&engine.parts, &config.input.path, sample(config)?, members(config))?;
    session.connect(&cancel)?;
    let cluster = format!(
        "ray, {}: nodes {}, CPUs {}; parts {}",
        engine.address,
        session.nodes().len(),
        session.cpus(),
        engine.parts.display()
    );
    let answers = question.ask(&mut session, &cancel)?;
    let nodes = answers.into_iter().map(|(node, answer)| {
        let fit = answer.map(|_| "the same program, inputs, models and parts".to_string());
        (format!("node {node}"), fit)
    });
    Ok([("engine".into(), Ok(cluster))].into_iter().chain(nodes).collect())
}

/// The lineup that a worker would work by. Why there is none, whoever asks for the model says.
fn members(config: &Config) -> Option<Members> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let mut current = Current::new(registry)
        .watched(config.monitor.is_on())
        .with_experiments(&config.state.path);
    current.look();
    let lineup = current.lineup().ok()?;
    Some(Members::of(config, lineup, current.baselines()))
}

/// An input at which nobody writes any more, if there is one: nodes are to see it as it is seen here.
fn sample(config: &Config) -> Result<Option<Source>> {
    /// Mounts may know an input's size as late as that.
    const OLD: Duration = Duration::from_secs(120);
    const LOOKS: usize = 64;
    let mut listing = Listing::new(&config.input.path, &config.input.rules)?;
    for name in listing.next(LOOKS)? {
        let Some((file, _)) = listing.inputs().open_file(&name)? else {
            continue;
        };
        let Ok(found) = file.metadata() else { continue };
        let is_old = found
            .modified()
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > OLD));
        if found.is_file() && is_old {
            return Source::of(&config.input.path.join(name.path()), &file).map(Some);
        }
    }
    Ok(None)
}
