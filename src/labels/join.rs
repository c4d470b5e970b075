//! Labels of a person's file -> what the ledger keeps of them.

use super::find::{self, Few, Found};
use super::given::{Given, Of};
use super::label::Label;
use super::measure::measure;
use super::version::Versions;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{HalfHash, Labelled, Labelling, Ledger, OfOne, Scored};
use crate::monitor::labels::{Labels, Merged};
use crate::spool::{Dir, Name};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;

pub struct Request<'a> {
    pub config: &'a Config,
    /// The file, for errors.
    pub path: &'a Path,
    /// The input that labels by row are of.
    pub input: Option<&'a Name>,
    /// Only inputs first seen from then on, in microseconds since 1970.
    pub since: i64,
}

/// What came of a person's labels.
#[derive(Debug, Default)]
pub struct Joined {
    /// Labels that found their row.
    pub labels: u64,
    pub merged: Merged,
    pub unmatched: Few,
    pub ambiguous: Few,
    pub older: Few,
    /// Keys that stand in inputs older than one that was skipped, and in none newer: not used.
    pub withheld: Few,
    /// Labels that are none of the version's classes, or no number: with their lines.
    pub unknown: Few,
    /// Labels of rows that couldn't be scored.
    pub without_prediction: u64,
    /// Outputs that weren't looked into, and why.
    pub skipped: Vec<(String, String)>,
    /// Columns of groups that aren't known, and why; of how many inputs.
    pub unknown_groups: BTreeMap<(String, String), u64>,
    /// The inputs whose labels these are, with the hash of their contents and each version that scored rows of them.
    pub touched: HashSet<(Name, HalfHash, String)>,
}

/// What is to be kept of one input.
struct Kept<'a> {
    scored: &'a Scored,
    labels: Labels,
    versions: Vec<OfOne>,
}

/// Joins labels with what was predicted, and has the ledger keep them. Without labels, those that are known are held against
/// outputs that were made since.
///
/// # Errors
/// What labels are of isn't there; a version or the ledger is damaged.
pub fn join(ledger: &mut Ledger, given: Option<&Given>, request: &Request) -> Result<Joined> {
    let Request {
        config,
        path,
        input,
        since,
    } = *request;
    let _alone = alone(&config.state.path)?;
    let root = Dir::open(&config.output.path)?;
    let scored = ledger.scored(since)?;
    let mut versions = Versions::new(config);
    let mut joined = Joined::default();
    let Found {
        places,
        unmatched,
        ambiguous,
        older,
        withheld,
        skipped,
    } = match given.map(|given| &given.of) {
        None => known_before(config, ledger, &scored)?,
        Some(Of::Keys(labels)) => {
            let key = config.monitor.watch.key.as_deref().unwrap_or_default();
            find::by_key(labels, key, &scored, &root, &config.shape, &mut versions)?
        }
        Some(Of::Rows(labels)) => by_row(labels, &scored, input, path, config)?,
    };
    (joined.unmatched, joined.ambiguous, joined.older) = (unmatched, ambiguous, older);
    (joined.withheld, joined.skipped) = (withheld, skipped);
    let mut kept = Vec::new();
    for (place, rows) in places {
        let output = &scored[place];
        let by = match versions.answering(&output.made_by)? {
            Ok(by) => by,
            Err(why) => {
                joined.skipped.push((output.input.to_string(), why));
                continue;
            }
        };
        let mut labels = ledger.labels(&output.input, output.input_hash)?;
        let (mut merged, mut found) = (Merged::default(), 0);
        for (row, label) in rows {
            let Some(text) = &label.text else {
                continue;
            };
            match by.champion.label(text, &config.shape.spelling) {
                Some(meaning) => {
                    merged.add(labels.set(row, meaning));
                    found += 1;
                }
                // It is a class of another version. Those of a lineup have the same.
                None if config.shape.spelling.is_missing(text) => {}
                None => joined.unknown.push(|| format!("{text:?} on line {}", label.line)),
            }
        }
        if labels.is_empty() {
            continue;
        }
        match measure(config, &root, output, &by, &labels) {
            Err(why) => joined.skipped.push((output.input.to_string(), why)),
            Ok(outcome) => {
                joined.labels += found;
                joined.merged.add(merged);
                joined.without_prediction += outcome.without_prediction;
                for group in outcome.unknown_groups {
                    *joined.unknown_groups.entry(group).or_default() += 1;
                }
                let of = |version: &OfOne| (output.input.clone(), output.input_hash, version.made_by.clone());
                joined.touched.extend(outcome.versions.iter().map(of));
                kept.push(Kept {
                    scored: output,
                    labels,
                    versions: outcome.versions,
                });
            }
        }
    }
    let labellings = kept.iter().map(|kept| Labelling {
        scored: kept.scored,
        labels: &kept.labels,
        versions: &kept.versions,
    });
    ledger.set_labels(&labellings.collect::<Vec<_>>())?;
    Ok(joined)
}

/// Labels are read, added to and written back: a second call waits until the first one is done, or the later one would undo the
/// other's. The kernel lets go of the lock when its holder dies.
fn alone(state: &Path) -> Result<File> {
    let path = state.join("labels.lock");
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    file.lock().map_err(Error::io("lock", &path))?;
    Ok(file)
}

fn by_row<'a>(
    labels: &'a [Label],
    scored: &[Scored],
    input: Option<&Name>,
    path: &Path,
    config: &Config,
) -> Result<Found<'a>> {
    let Some(input) = input else {
        let message =
            "labels are of rows by their key, which is monitor.key, or by their place in an input, which is --of";
        return Err(Error::config(path, message));
    };
    let place = scored.iter().position(|output| output.input == *input).ok_or_else(|| {
        let message = format!("no output of {input} stands that its labels could be held against");
        Error::config(&config.output.path, message)
    })?;
    let rows = scored[place].rows;
    if labels.len() as u64 != rows {
        let message = format!(
            "it has {} labels, but {input} has {rows} rows; each row needs a record, with \"\" or a word for missing where \
             its label isn't known",
            labels.len()
        );
        return Err(Error::config(path, message));
    }
    Ok(Found {
        places: BTreeMap::from([(place, (0..).zip(labels).collect())]),
        ..Found::default()
    })
}

/// Inputs whose labels are known, and that another version scored since, or whose groups were told apart by other settings.
fn known_before<'a>(config: &Config, ledger: &Ledger, scored: &[Scored]) -> Result<Found<'a>> {
    let watch = &config.monitor.watch;
    let as_today = |l: &Labelled| (l.measured).has_segments(&watch.segments, watch.favourable.as_deref());
    let with_labels: HashSet<(Name, HalfHash)> = ledger.with_labels()?.into_iter().collect();
    let measured = ledger.labelled(0)?.into_iter().filter(as_today);
    let measured: HashSet<_> = measured.map(|l| (l.input, l.input_hash, l.made_by)).collect();
    let due = scored.iter().enumerate().filter(|(_, output)| {
        let of = (output.input.clone(), output.input_hash);
        let is_measured = |made_by: &str| {
            let by = (output.input.clone(), output.input_hash, made_by.to_owned());
            measured.contains(&by)
        };
        with_labels.contains(&of) && !output.versions().all(is_measured)
    });
    Ok(Found {
        places: due.map(|(place, _)| (place, Vec::new())).collect(),
        ..Found::default()
    })
}
