//! Where JSON has the keys of an A/B test: in the column of that name, as in a file. Rows that name nothing have none.

use crate::format::json::{Cursor, Elements, Kind};
use crate::serve::division::Keys;
use crate::serve::refusal::Refusal;
use std::borrow::Cow;

/// The bodies of containers and of MLflow and TensorFlow: rows, or an object with them.
pub fn of_body(root: Cursor, keys: &mut Keys) -> Result<(), Refusal> {
    if root.kind() == Kind::Array {
        return of_rows(root.elements(), keys);
    }
    for (name, value) in root.members() {
        match (&*name, value.kind()) {
            ("dataframe_split", Kind::Object) => of_split(value, keys)?,
            ("dataframe_records" | "instances" | "inputs", Kind::Array) => of_rows(value.elements(), keys)?,
            // Columns, or the values of a row.
            ("inputs", Kind::Object) => match value.members().any(|(_, value)| value.kind() == Kind::Array) {
                true => of_columns(value, keys)?,
                false => of_row(value, keys)?,
            },
            _ => continue,
        }
        break;
    }
    Ok(())
}

/// Rows, of which those that are objects name their values.
pub fn of_rows(rows: Elements, keys: &mut Keys) -> Result<(), Refusal> {
    for row in rows {
        of_row(row, keys)?;
    }
    Ok(())
}

fn of_row(row: Cursor, keys: &mut Keys) -> Result<(), Refusal> {
    let key = match row.kind() {
        Kind::Object => named(row, keys)?,
        _ => None,
    };
    push(key, keys);
    Ok(())
}

/// An array for each column, by its name. A key that is in none is that of all rows.
///
/// # Errors
/// There are more or fewer keys than rows: whose they are can't be told.
pub fn of_columns(columns: Cursor, keys: &mut Keys) -> Result<(), Refusal> {
    let Some(column) = named(columns, keys)? else {
        return Ok(());
    };
    let others = columns.members().filter(|(name, _)| !keys.is_column(name));
    let rows = others.map(|(_, values)| values.elements().count()).max();
    if column.kind() != Kind::Array {
        (0..rows.unwrap_or(1)).for_each(|_| push(Some(column), keys));
        return Ok(());
    }
    column.elements().for_each(|key| push(Some(key), keys));
    match rows {
        Some(rows) if rows != keys.found() => {
            let (name, found) = (keys.column(), keys.found());
            let message = format!("column {name:?}, by whose keys versions answer, has {found} keys for {rows} rows");
            Err(Refusal::bad(message).in_column(name))
        }
        _ => Ok(()),
    }
}

/// Rows of values whose names stand once, in front.
fn of_split(split: Cursor, keys: &mut Keys) -> Result<(), Refusal> {
    let [Some(columns), Some(data)] = split.members_named(["columns", "data"])? else {
        return Ok(());
    };
    let (mut place, mut width) = (None, 0);
    for (i, name) in columns.elements().enumerate() {
        let name = match name.kind() {
            Kind::Number => name.raw().into(),
            _ => name.text().unwrap_or_default(),
        };
        if keys.is_column(&name) && place.replace(i).is_some() {
            return Err(keys.twice());
        }
        width = i + 1;
    }
    let Some(place) = place else { return Ok(()) };
    for row in data.elements() {
        // Which value is which can't be told of another number of them.
        let is_whole = row.kind() == Kind::Array && row.elements().count() == width;
        let key = if is_whole { row.elements().nth(place) } else { None };
        push(key, keys);
    }
    Ok(())
}

/// The member that is the key's column.
fn named<'a>(object: Cursor<'a>, keys: &Keys) -> Result<Option<Cursor<'a>>, Refusal> {
    let mut own = object.members().filter(|(name, _)| keys.is_column(name));
    let found = own.next().map(|(_, value)| value);
    match own.next() {
        Some(_) => Err(keys.twice()),
        None => Ok(found),
    }
}

/// By its text: a number's as it is written, too.
fn push(key: Option<Cursor>, keys: &mut Keys) {
    // A value may be in an array of its own.
    let key = key.map(|key| match key.kind() {
        Kind::Array if key.elements().count() == 1 => key.elements().next().unwrap_or(key),
        _ => key,
    });
    let text: Option<Cow<str>> = key.and_then(|key| match key.kind() {
        Kind::Number | Kind::Boolean => Some(key.raw().into()),
        Kind::Text => key.text(),
        Kind::Null | Kind::Array | Kind::Object => None,
    });
    keys.push(text.as_deref().map(str::as_bytes));
}
