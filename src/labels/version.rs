//! What a version says, and what it was worth.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::ledger::{Ledger, answering, champion};
use crate::model::Type;
use crate::monitor::Baseline;
use crate::monitor::check::labelled::Worth;
use crate::monitor::labels::Label;
use crate::registry::Registry;
use crate::score::{Spelling, label};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Clone)]
pub struct Version {
    /// As the ledger names it alone.
    pub made_by: String,
    /// `group/version`
    pub model: String,
    /// As outputs have it.
    pub number: String,
    /// The column with the label or the number.
    pub prediction: String,
    /// The outputs with the probability of each class, where the model gives them.
    pub probabilities: Vec<String>,
    /// Of a label, in the model's order; none of a number.
    pub classes: Option<Vec<String>>,
    approved: Option<Arc<Evaluation>>,
    baseline: Option<Arc<Baseline>>,
}

/// Those that answered the rows of an output.
#[derive(Clone)]
pub struct Answering {
    pub champion: Arc<Version>,
    /// Its outputs stand in the champion's columns.
    pub challenger: Option<Arc<Version>>,
}

/// Those that were asked for; why one has none.
pub struct Versions<'a> {
    config: &'a Config,
    known: HashMap<String, std::result::Result<Arc<Version>, String>>,
}

impl Versions<'_> {
    pub fn new(config: &Config) -> Versions<'_> {
        Versions {
            config,
            known: HashMap::new(),
        }
    }

    /// By the name of a lineup in the ledger; or why its rows can't be measured.
    ///
    /// # Errors
    /// A version, or its baseline, is damaged.
    pub fn answering(&mut self, lineup: &str) -> Result<std::result::Result<Answering, String>> {
        let mut versions = Vec::new();
        for made_by in answering(lineup) {
            match self.of(made_by)? {
                Ok(version) => versions.push(version),
                Err(why) => return Ok(Err(why)),
            }
        }
        let mut versions = versions.into_iter();
        let champion = versions.next().expect("a lineup has a champion");
        let in_its_place = |challenger: Arc<Version>| Version {
            prediction: champion.prediction.clone(),
            ..Version::clone(&challenger)
        };
        Ok(Ok(Answering {
            challenger: versions.next().map(|challenger| in_its_place(challenger).into()),
            champion,
        }))
    }

    /// The same of a version, by its name in the ledger alone.
    ///
    /// # Errors
    /// It, or its baseline, is damaged.
    pub fn of(&mut self, made_by: &str) -> Result<std::result::Result<Arc<Version>, String>> {
        if let Some(known) = self.known.get(made_by) {
            return Ok(known.clone());
        }
        let found = find(self.config, made_by)?.map(Arc::new);
        self.known.insert(made_by.into(), found.clone());
        Ok(found)
    }
}

/// Those of all versions that scored inputs first seen since then, in microseconds since 1970.
///
/// # Errors
/// A version or the ledger is damaged.
pub fn classes(config: &Config, ledger: &Ledger, since: i64) -> Result<HashSet<String>> {
    let mut versions = Versions::new(config);
    let mut all = HashSet::new();
    for output in ledger.scored(since)? {
        for made_by in output.versions() {
            if let Ok(version) = versions.of(made_by)? {
                all.extend(version.classes.iter().flatten().cloned());
            }
        }
    }
    Ok(all)
}

fn find(config: &Config, made_by: &str) -> Result<std::result::Result<Version, String>> {
    let model = champion(made_by);
    let parts = model
        .rsplit_once('/')
        .and_then(|(group, version)| Some((group, version.parse().ok()?)));
    let Some((group, version)) = parts else {
        return Ok(Err(format!("{made_by:?} is no version")));
    };
    let registry = Registry::new(&config.models.path, group);
    let versions = match registry.versions() {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        versions => versions?,
    };
    if !versions.contains(&version) {
        return Ok(Err(format!("{model} is no longer in the registry")));
    }
    let shown = registry.show(version)?;
    let outputs = shown.manifest.signature.outputs;
    let Some((first, more)) = outputs.split_first() else {
        return Ok(Err(format!("{model} gives nothing")));
    };
    let classes = (first.kind == Type::Category).then(|| {
        first
            .categories
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<String>>()
    });
    match &classes {
        None if !more.is_empty() => return Ok(Err(format!("{model} gives {} numbers", outputs.len()))),
        Some(classes) if classes.len() < 2 => return Ok(Err(format!("{model} has one class"))),
        _ => {}
    }
    let names = more.iter().map(|output| output.name.clone()).collect::<Vec<String>>();
    Ok(Ok(Version {
        made_by: made_by.into(),
        model: model.into(),
        number: version.to_string(),
        prediction: first.name.clone(),
        probabilities: match &classes {
            Some(classes) if classes.len() == names.len() => names,
            _ => Vec::new(),
        },
        classes,
        approved: registry.evaluation(version)?.map(Arc::new),
        baseline: registry.baseline(version)?.map(|in_force| in_force.baseline),
    }))
}

impl Version {
    pub fn worth(&self) -> Worth<'_> {
        Worth {
            approved: self.approved.as_deref(),
            baseline: self.baseline.as_deref(),
        }
    }

    /// What a label means; none where it is none of the version's classes, or no number.
    pub fn label(&self, text: &str, spelling: &Spelling) -> Option<Label<'_>> {
        match &self.classes {
            Some(classes) => label::class(text, classes, spelling).map(|place| Label::Class(&classes[place])),
            None => label::finite(text, spelling).map(Label::Number),
        }
    }

    /// What an output says of a row, as a class's place or a number; none of a row that couldn't be scored.
    pub fn said(&self, cell: &str) -> Option<f64> {
        match &self.classes {
            Some(classes) => classes.iter().position(|class| class == cell).map(|place| place as f64),
            None => cell.parse().ok().filter(|x: &f64| x.is_finite()),
        }
    }
}
