//! The report of a challenger.

use super::labels::Labels;
use super::made::{LeftOut, Made, made};
use super::sheet::{challenger_columns, line};
use super::{Asked, damaged};
use crate::commands::count;
use crate::error::{Error, Result};
use crate::experiment::arms::{Phase, Report, Row, Spent, Subject, Tally};
use crate::experiment::difference::Pairing;
use crate::experiment::losses::Scale;
use crate::score::Arm;

pub fn report(asked: &Asked) -> Result<Report> {
    let Asked {
        config,
        registry,
        experiment,
        labelled,
        ..
    } = asked;
    let mut labels = Labels::read(config, labelled, experiment, asked.champion)?;
    let outputs = &asked.champion.outputs;
    let pairing = Pairing::of(outputs, outputs).map_err(|why| Error::config("experiment report", why))?;
    let mut notes = Vec::new();
    let scale = labels.as_ref().and_then(|_| match Scale::new(pairing.clone()) {
        Ok(scale) => Some(scale),
        Err(why) => {
            notes.push(format!("the labels aren't used: {why}"));
            None
        }
    });
    let mut tally = Tally::new(pairing, scale);
    let columns = challenger_columns(outputs);
    let mut left_out = LeftOut::default();
    let mut without_key = 0;
    let files = made(config, registry, experiment, &mut left_out)?;
    let purged = asked.is_purged(files.len() + left_out.files());
    for made in files {
        match read(&made, &columns, &mut tally, labels.as_mut()) {
            Ok(()) => without_key += u64::from(!made.has_key),
            Err(why) => left_out.push(&made.input, why),
        }
    }
    notes.extend(labels.map(|labels| labels.words("rows that were scored for an arm")));
    if let Some(key) = experiment.key.as_ref().filter(|_| without_key > 0) {
        let files = count(without_key, "file");
        notes.push(format!(
            "{files} without the key {key:?}: the champion answers for all of their rows"
        ));
    }
    notes.extend(left_out.words());
    let phases = experiment
        .shares()
        .map(|(number, share, began)| Phase { number, share, began });
    let phases: Vec<Phase> = phases.collect();
    Ok(Report::of(Subject {
        name: &experiment.name,
        champion: &format!("{}/{}", registry.group(), experiment.champion),
        challenger: &format!("{}/{}", registry.group(), experiment.version),
        state: &asked.state,
        phases: &phases,
        tally,
        margin: labelled.margin,
        purged,
        notes,
    }))
}

/// Whole or not at all: first whether each row is one, then what it says.
fn read(
    made: &Made,
    columns: &[String],
    tally: &mut Tally,
    mut labels: Option<&mut Labels>,
) -> std::result::Result<(), String> {
    let mut sheet = made.open()?;
    let check = |cells: &[&str]| {
        line(cells[0])?;
        tally.check(&row(cells)?)
    };
    sheet.read(columns, check).map_err(damaged)?;
    let spent = |side: usize, more: u64| Spent {
        rows: made.sides[side].rows + more,
        took: made.sides[side].took,
    };
    // What the champion takes is that of the rows without a key, too.
    tally.begin(made.phase, [spent(0, made.unassigned), spent(1, 0)]);
    sheet.read(columns, |cells| {
        let row = row(cells)?;
        let label = labels
            .as_ref()
            .and_then(|labels| Some((labels.get(row.key)?, labels.spelling)));
        if let Some(is_usable) = tally.add(made.phase, &row, label)
            && let Some(labels) = &mut labels
        {
            labels.count(is_usable);
        }
        Ok(())
    })
}

fn row<'a>(cells: &'a [&'a str]) -> std::result::Result<Row<'a>, String> {
    Ok(Row {
        key: cells[1],
        arm: match cells[2] {
            "champion" => Arm::Champion,
            "challenger" => Arm::Challenger,
            "" => Arm::Unassigned,
            other => return Err(format!("{other:?} is no arm")),
        },
        outputs: &cells[3..],
    })
}
