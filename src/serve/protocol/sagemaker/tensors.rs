//! Rows that are objects of values, dense `{"values": [1.5, 16]}` or sparse `{"keys": [1], "shape": [2], "values": [16]}`: features
//! without a key are 0.

use crate::format::json::{Cursor, Elements, Kind};
use crate::score::batch::{Flaw, ROWS};
use crate::score::cell;
use crate::score::{Batch, Binding};
use crate::serve::scoring::{self, Rows};
use crate::serve::served::Served;
use std::borrow::Cow;

pub struct Tensors<'a> {
    rows: Elements<'a>,
    /// The keys that lead to a row's object.
    way: &'static [&'static str],
    served: &'a Served,
    batch: Batch,
    /// Of the malformed rows of the batch, in their order, why.
    malformed: Vec<(u32, String)>,
}

impl<'a> Tensors<'a> {
    pub fn new(served: &'a Served, rows: Elements<'a>, way: &'static [&'static str]) -> Tensors<'a> {
        Tensors {
            batch: Batch::new(&served.by_position, rows.clone().take(ROWS).count()),
            rows,
            way,
            served,
            malformed: Vec::new(),
        }
    }

    /// # Errors
    /// Why it is malformed.
    fn read(&mut self, row: Cursor) -> Result<(), String> {
        let binding = &self.served.by_position;
        let width = binding.features.len();
        let (places, values) = within(row, self.way, width)?;
        let Some(places) = places else {
            let found = values.clone().count();
            if found != width {
                return Err(format!("the row has {found} values, where {width} are expected"));
            }
            for (feature, value) in values.enumerate() {
                read_value(&mut self.batch, binding, feature, value)?;
            }
            return Ok(());
        };
        let mut entries: Vec<(usize, Cursor)> = places.into_iter().zip(values).collect();
        entries.sort_unstable_by_key(|(place, _)| *place);
        if let Some(twice) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("the key {} stands twice in the row", twice[0].0));
        }
        let mut entries = entries.into_iter().peekable();
        for feature in 0..width {
            match entries.next_if(|(place, _)| *place == feature) {
                Some((_, value)) => read_value(&mut self.batch, binding, feature, value)?,
                None => read_zero(&mut self.batch, binding, feature),
            }
        }
        Ok(())
    }
}

/// The places of a sparse row, if it is one, and the values.
fn within<'a>(row: Cursor<'a>, way: &[&str], width: usize) -> Result<(Option<Vec<usize>>, Elements<'a>), String> {
    let mut value = row;
    for key in way {
        let member = value.member(key).map_err(|twice| twice.to_string())?;
        value = member.ok_or_else(|| format!("the row has no key {key:?}"))?;
    }
    let found = value.members_named(["keys", "shape", "values"]);
    let [keys, shape, values] = found.map_err(|twice| twice.to_string())?;
    let values = match values {
        Some(values) if values.kind() == Kind::Array => values.elements(),
        _ => return Err("the row has no array \"values\"".into()),
    };
    // A matrix of one row is meant by [1, width], too.
    let length = |shape: Cursor| whole(shape.elements().last()?);
    if let Some(shape) = shape.filter(|shape| length(*shape) != Some(width)) {
        return Err(format!(
            "the row's shape is {}, where {width} features are expected",
            shape.raw()
        ));
    }
    let Some(keys) = keys else {
        return Ok((None, values));
    };
    let places: Option<Vec<usize>> = keys
        .elements()
        .map(|key| whole(key).filter(|place| *place < width))
        .collect();
    let places = places.ok_or_else(|| format!("a key of the row is no number from 0 to {}", width - 1))?;
    match values.clone().count() {
        found if found == places.len() => Ok((Some(places), values)),
        found => Err(format!("the row has {} keys, and {found} values", places.len())),
    }
}

/// A number that counts.
fn whole(value: Cursor) -> Option<usize> {
    value.number()?.parse().ok()
}

/// By the rule of the cell whose text it is.
fn read_value(batch: &mut Batch, binding: &Binding, feature: usize, value: Cursor) -> Result<(), String> {
    let text: Cow<str> = match value.kind() {
        Kind::Null => "".into(),
        Kind::Number | Kind::Boolean => value.raw().into(),
        Kind::Text => value.text().unwrap_or_default(),
        nested @ (Kind::Array | Kind::Object) => {
            return Err(format!(
                "a value is {}, where a number, text, boolean or null is expected",
                nested.words()
            ));
        }
    };
    batch.read(0, feature, &binding.features[feature], text.as_bytes());
    Ok(())
}

fn read_zero(batch: &mut Batch, binding: &Binding, feature: usize) {
    let of = &binding.features[feature];
    match of.kind {
        cell::Kind::Numbers | cell::Kind::Integers => batch.next_cells(feature, 1)[0] = 0.0,
        _ => batch.read(0, feature, of, b"0"),
    }
}

impl Rows for Tensors<'_> {
    fn fill(&mut self) -> bool {
        self.batch.clear();
        self.malformed.clear();
        while self.batch.room() > 0 {
            let Some(row) = self.rows.next() else { break };
            if let Err(why) = self.read(row) {
                self.malformed.push((self.batch.rows() as u32, why));
                self.batch.malformed();
            }
            self.batch.end_rows(1);
        }
        self.batch.end();
        self.batch.rows() > 0
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    fn reason(&self, flaw: Flaw) -> (Option<String>, String) {
        scoring::reason(self.served, &self.batch, flaw, || {
            let place = self.malformed.binary_search_by_key(&flaw.row, |(row, _)| *row);
            place.map(|place| self.malformed[place].1.clone()).unwrap_or_default()
        })
    }
}
