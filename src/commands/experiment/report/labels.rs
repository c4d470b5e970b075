//! What came true, as a person gave it, by key.

use crate::cli::Labelled;
use crate::commands::{count, faulty, read_labels};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::labels::{Given, Of};
use crate::model::{Signature, Type};
use crate::registry::Experiment;
use crate::registry::experiment::Kind;
use crate::score::Spelling;
use crate::score::arm::identity;
use crate::train::dataset::EXAMPLES_MAX;
use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::path::Path;

struct Label {
    text: String,
    /// A row has its key.
    found: Cell<bool>,
}

/// Labels by key, and what became of them.
pub struct Labels<'a> {
    given: Given,
    /// By [`Labels::key`].
    of: HashMap<Vec<u8>, Label>,
    /// The key of a row.
    of_row: OnceCell<String>,
    /// Are keys those by which arms are chosen? Else they are compared to the letter.
    by_identity: bool,
    pub spelling: &'a Spelling,
    /// Keys that are one key in two spellings, with labels that contradict each other.
    apart: u64,
    joined: u64,
    unusable: u64,
}

impl<'a> Labels<'a> {
    /// None: none are given. `outputs`: the champion's.
    pub fn read(
        config: &'a Config,
        labelled: &Labelled,
        experiment: &Experiment,
        outputs: &Signature,
    ) -> Result<Option<Labels<'a>>> {
        let Some(path) = labelled.labels.as_deref() else {
            return Ok(None);
        };
        let given = read(config, path, labelled, experiment, outputs)?;
        let mut labels = Labels {
            of: HashMap::new(),
            of_row: OnceCell::new(),
            by_identity: experiment.kind == Kind::Challenger,
            spelling: &config.shape.spelling,
            apart: 0,
            joined: 0,
            unusable: 0,
            given: Given {
                of: Of::default(),
                ..given
            },
        };
        let Of::Keys(keys) = given.of else {
            return Ok(Some(labels));
        };
        let mut contradicting = HashSet::new();
        for (key, label) in keys {
            let Some(text) = label.text else { continue };
            let key = labels.key(&key).to_vec();
            if labels.of.get(&key).is_some_and(|before| before.text != text) {
                contradicting.insert(key);
            } else {
                let found = Cell::new(false);
                labels.of.insert(key, Label { text, found });
            }
        }
        labels.of.retain(|key, _| !contradicting.contains(key));
        labels.apart = contradicting.len() as u64;
        Ok(Some(labels))
    }

    fn key<'k>(&self, key: &'k str) -> &'k [u8] {
        match self.by_identity {
            true => identity(key.as_bytes()),
            false => key.as_bytes(),
        }
    }

    /// Of a row with this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.of_row.get_or_init(|| key.into());
        let label = self.of.get(self.key(key))?;
        label.found.set(true);
        Some(&label.text)
    }

    /// Of labels whose key no row has.
    fn unmatched(&self) -> Option<String> {
        let unmatched = self.of.values().filter(|label| !label.found.get()).count();
        // The same one each time.
        let (example, of_row) = (self.of.keys().min()?, self.of_row.get());
        let words = match (unmatched, of_row) {
            (0, _) => return None,
            (1, _) if self.of.len() > 1 => "1 label of a key that no row has".into(),
            (_, Some(of_row)) if unmatched == self.of.len() => format!(
                "no label has the key of a row: labels have keys such as {:?}, rows such as {of_row:?}",
                String::from_utf8_lossy(example)
            ),
            _ => format!("{unmatched} labels of keys that no row has"),
        };
        Some(words)
    }

    /// A label was held against a row, or it is none of the classes, or no number.
    pub fn count(&mut self, is_usable: bool) {
        match is_usable {
            true => self.joined += 1,
            false => self.unusable += 1,
        }
    }

    /// `400 records with labels read, 380 labels of rows that both scored`. `of`: what they are of.
    pub fn words(&self, of: &str) -> String {
        let mut parts = vec![format!(
            "{} with labels read, {} of {of}",
            count(self.given.rows, "record"),
            count(self.joined, "label")
        )];
        for (n, what) in [
            (self.given.missing, "no label yet"),
            (self.given.without_key, "no key"),
            (self.given.repeated, "said once before"),
            (
                self.given.contradicting + self.apart,
                "several labels that contradict each other, so none counts",
            ),
            (self.unusable, "a label that is none of the classes, or no number"),
        ] {
            if n > 0 {
                parts.push(format!("{n} with {what}"));
            }
        }
        parts.extend(self.unmatched());
        parts.join("; ")
    }
}

fn read(
    config: &Config,
    path: &Path,
    labelled: &Labelled,
    experiment: &Experiment,
    outputs: &Signature,
) -> Result<Given> {
    if experiment.key.is_none() {
        let message = format!(
            "no row of experiment {} has a key that labels could be joined by: start one with --key COLUMN, or set monitor.key",
            experiment.name
        );
        return Err(Error::config("--labels", message));
    }
    let key = labelled.key.as_deref().or(experiment.key.as_deref());
    let classes: HashSet<String> = match outputs.outputs.first() {
        Some(label) if label.kind == Type::Category => label.categories.iter().map(ToString::to_string).collect(),
        _ => HashSet::new(),
    };
    let rows = read_labels(config, path, EXAMPLES_MAX)?;
    let table = rows.table(&config.shape.spelling);
    Given::read(&table, key, labelled.target.as_deref(), &classes).map_err(|problem| faulty(path, &problem))
}
