//! The report of a shadow.

use super::labels::Labels;
use super::made::{LeftOut, Made, made};
use super::sheet::{line, shadow_columns};
use super::{Asked, damaged};
use crate::commands::count;
use crate::error::Result;
use crate::experiment::difference::{Difference, Pairing, Record, Tally};
use crate::experiment::losses::{Losses, Scale};
use crate::experiment::paired::Paired;
use crate::experiment::{Report, Subject, milliseconds};
use crate::model::Column;
use jiff::Timestamp;
use std::time::Duration;

pub fn report(asked: &Asked) -> Result<Report> {
    let Asked {
        config,
        registry,
        experiment,
        labelled,
        ..
    } = asked;
    let labels = Labels::read(config, labelled, experiment, asked.champion)?;
    let outputs = [&asked.champion.outputs[..], &asked.trial.outputs[..]];
    let found = match Pairing::of(outputs[0], outputs[1]) {
        Ok(pairing) => {
            let mut left_out = LeftOut::default();
            let files = made(config, registry, experiment, &mut left_out)?;
            read(asked, pairing, outputs, &files, labels, left_out)
        }
        Err(why) => Found::nothing(why),
    };
    let started: Timestamp = experiment.began().parse().unwrap_or_default();
    Ok(Report::of(Subject {
        name: &experiment.name,
        champion: &format!("{}/{}", registry.group(), experiment.champion),
        shadow: &format!("{}/{}", registry.group(), experiment.version),
        state: &asked.state,
        started: started.as_microsecond(),
        files: found.files,
        milliseconds: found.milliseconds(),
        difference: found.difference,
        paired: found.paired,
        notes: found.notes,
    }))
}

/// What came of the files.
struct Found {
    files: u64,
    rows: u64,
    /// What predicting took: the champion, the shadow.
    took: [Duration; 2],
    difference: std::result::Result<Difference, String>,
    paired: Vec<Paired>,
    notes: Vec<String>,
}

impl Found {
    fn nothing(why: String) -> Found {
        Found {
            files: 0,
            rows: 0,
            took: [Duration::ZERO; 2],
            difference: Err(why),
            paired: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Of 1,000 rows, where both are known.
    fn milliseconds(&self) -> Option<[f64; 2]> {
        let [champion, shadow] = self.took.map(|took| milliseconds(self.rows, took));
        Some([champion?, shadow?])
    }
}

fn read(
    asked: &Asked,
    pairing: Pairing,
    outputs: [&[Column]; 2],
    files: &[Made],
    mut labels: Option<Labels>,
    mut left_out: LeftOut,
) -> Found {
    let mut found = Found::nothing(match asked.is_purged(files.len() + left_out.files()) {
        true => "what they scored was purged, or there was none".into(),
        false => "they scored no file together yet".into(),
    });
    let mut tally = Tally::new(pairing.clone());
    let mut losses = labels.as_ref().and_then(|_| match Scale::new(pairing) {
        Ok(scale) => Some(Losses::new(scale)),
        Err(why) => {
            found.notes.push(format!("the labels aren't used: {why}"));
            None
        }
    });
    let columns = shadow_columns(outputs);
    let mut without_key = 0;
    for made in files {
        let record = |cells: &[&str], take: &mut dyn FnMut(&Record) -> std::result::Result<(), String>| {
            let (champion, shadow) = cells[2..].split_at(outputs[0].len());
            take(&Record {
                file: &made.input,
                line: line(cells[0])?,
                key: cells[1],
                outputs: [champion, shadow],
            })
        };
        // Whole or not at all: first whether each row is one, then what it says.
        let read = made.open().and_then(|mut sheet| {
            sheet
                .read(&columns, |cells| record(cells, &mut |record| tally.check(record)))
                .map_err(damaged)?;
            sheet.read(&columns, |cells| {
                record(cells, &mut |record| {
                    tally.add(record)?;
                    found.rows += 1;
                    if let Some(labels) = &mut labels
                        && let Some(label) = labels.get(record.key)
                        && let (Some(losses), [true, true]) = (&mut losses, record.scored())
                    {
                        let is_usable = losses.add(record, made.at, label, labels.spelling);
                        labels.count(is_usable);
                    }
                    Ok(())
                })
            })
        });
        if let Err(why) = read {
            left_out.push(&made.input, why);
            continue;
        }
        found.files += 1;
        for (took, side) in found.took.iter_mut().zip(&made.sides) {
            *took += side.took;
        }
        without_key += u64::from(!made.has_key);
    }
    if found.files > 0 {
        found.difference = Ok(tally.finish());
    }
    found.paired = losses.map_or_else(Vec::new, |losses| losses.finish(asked.labelled.margin));
    found
        .notes
        .extend(labels.map(|labels| labels.words("rows that both scored")));
    if let Some(key) = asked.experiment.key.as_ref().filter(|_| without_key > 0) {
        let files = count(without_key, "file");
        found
            .notes
            .push(format!("{files} without the key {key:?}: no label finds their rows"));
    }
    found.notes.extend(left_out.words());
    found
}
