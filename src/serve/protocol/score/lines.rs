//! A row a line, in and out: `{"x": 0.3}` or `[0.3]` -> `{"prediction": 434.0765649977724}`. With all columns, the outputs stand behind
//! the row's own members. A row that can't be scored has null for its outputs, and an `error`.

use super::super::writing::{member, push, take_room};
use super::super::{Ask, keys, rows};
use crate::format::json::writer::push_text;
use crate::format::json::{Cursor, Kind};
use crate::model::Column;
use crate::serve::answer::{Answer, JSON_LINES};
use crate::serve::answering::Candidates;
use crate::serve::refusal::{BadRow, Refusal};
use crate::transform::{Columns, Shape};

pub fn answer(ask: &Ask, candidates: &Candidates, shape: Shape) -> Result<Answer, Refusal> {
    let document = rows::lines(&ask.request.body)?;
    let lines = document.lines();
    let are_objects = lines.clone().next().is_some_and(|first| first.kind() == Kind::Object);
    let by = ask.choose(candidates, |found| keys::of_rows(lines.clone(), found))?;
    let predictions = by.predict(lines.clone(), |side, lines| match are_objects {
        true => rows::objects(side, lines),
        false => rows::arrays(side, lines, &[]),
    });
    let predictions = predictions?.checked(ask.bad_rows)?;
    let outputs = by.written(shape.probabilities);
    if shape.columns == Columns::All {
        ask.room.grow(ask.request.body.len() as u64)?;
    }
    // A row that is no object is a member.
    take_room(ask, &predictions, || {
        outputs.iter().map(member).sum::<usize>() + r#"{"row":,"model_version":4294967295,}"#.len() + 1
    })?;
    let mut out = Vec::with_capacity(predictions.rows * outputs.len() * 32);
    let mut named = predictions.named.iter().peekable();
    for (i, (line, row)) in lines.zip(predictions.iter()).enumerate() {
        let mut members = Members::begin(&mut out);
        if shape.columns == Columns::All {
            members.add_all(line);
        }
        for (place, output) in outputs.iter().enumerate() {
            members.add_output(output, row.map(|row| row[place]));
        }
        if shape.model_version {
            members.add_version(by.version(i));
        }
        if let Some(bad) = named.next_if(|bad| bad.row == i as u64 + 1) {
            members.add_error(bad);
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(Answer::ok(JSON_LINES, out).of(by, predictions))
}

/// Of an object that is written.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Members<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Members<'a> {
        out.push(b'{');
        Members { out, is_first: true }
    }

    fn key(&mut self, key: &str) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        push_text(self.out, key);
        self.out.push(b':');
    }

    /// As they stand in a row; one that is an array is a member.
    fn add_all(&mut self, row: Cursor) {
        if row.kind() != Kind::Object {
            self.key("row");
            self.out.extend_from_slice(row.raw().as_bytes());
        }
        for (key, value) in row.members() {
            self.key(&key);
            self.out.extend_from_slice(value.raw().as_bytes());
        }
    }

    fn add_output(&mut self, output: &Column, x: Option<f64>) {
        self.key(&output.name);
        push(output, x, self.out);
    }

    /// As the last column of a CSV.
    fn add_version(&mut self, version: u32) {
        self.key("model_version");
        self.out
            .extend_from_slice(itoa::Buffer::new().format(version).as_bytes());
    }

    fn add_error(&mut self, bad: &BadRow) {
        self.key("error");
        let words = match &bad.column {
            Some(column) => format!("{column}: {}", bad.reason),
            None => bad.reason.clone(),
        };
        push_text(self.out, &words);
    }
}
