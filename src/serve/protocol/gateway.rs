//! `POST /stream` and `POST /batch`, of the system that this follows: `{"x": [[0.3]]}` -> `434.0765649977724`, and
//! `{"x": [[0.3], [0.3]]}` -> `[[434.0765649977724], [434.0765649977724]]`.
//!
//! A key is a feature, with its values; or it is `x`, with rows of all features, where that is no feature's name, or where it is the
//! only key and holds rows: the values of one feature are none of a model of several.

use super::writing::{push, push_array, push_list, take_room, value};
use super::{Ask, keys, rows};
use crate::format::json::{Cursor, Kind};
use crate::model::Column;
use crate::serve::answer::{Answer, JSON};
use crate::serve::refusal::Refusal;
use crate::serve::route::Route;
use crate::serve::scoring::{Predictions, Side};
use crate::serve::served::Served;

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let candidates = ask.candidates()?;
    let document = rows::document(&ask.request.body)?;
    let root = document.root();
    let by = ask.choose(&candidates, |found| keys::of_columns(root, found))?;
    let predictions = by.predict(root, predict)?.checked(ask.bad_rows)?;
    let outputs = by.written(by.served.scorer.shape.probabilities);
    take_room(ask, &predictions, || outputs.iter().map(value).sum::<usize>() + 3)?;
    let body = match ask.request.route {
        Route::Stream if predictions.rows == 1 => row(outputs, predictions.row(0)),
        Route::Stream => {
            let message = format!("{} rows, and /stream takes one", predictions.rows);
            return Err(Refusal::bad(message).hint("/batch takes any number"));
        }
        _ => batch(outputs, &predictions),
    };
    Ok(Answer::ok(JSON, body).of(by, predictions))
}

fn predict(side: Side, root: Cursor) -> Result<Predictions, Refusal> {
    let served = side.served;
    if root.kind() != Kind::Object {
        return Err(rows::unexpected(
            "the body",
            root,
            "an object of values such as {\"x\": [[0.3]]}",
        ));
    }
    let is_feature = served.width() > 1 && served.names.find("x").is_some();
    let is_rows = || match is_feature {
        true => root.members().nth(1).is_none(),
        false => !names_others(served, root),
    };
    if let Some(x) = root.member("x")?.filter(|_| is_rows()) {
        let rows = rows::array("x", x)?;
        match rows.clone().next().map(Cursor::kind) {
            Some(Kind::Array) => return rows::arrays(side, rows, &[]),
            _ if is_feature => {}
            // A row without its brackets, or values of a model of one feature.
            _ => return rows::values(side, rows),
        }
    }
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (name, values) in root.members() {
        columns.push(rows::array(&name, values)?);
        names.push(name);
        rows::has_room(served.width(), names.len())?;
    }
    rows::columns(side, names, columns)
}

/// Is a feature named beside `x`? Then that is a column which nobody takes.
fn names_others(served: &Served, root: Cursor) -> bool {
    root.members()
        .any(|(name, _)| name != "x" && served.names.find(&name).is_some())
}

/// A prediction, or a row of them: of probabilities, too.
fn row(outputs: &[Column], values: Option<&[f64]>) -> Vec<u8> {
    let mut out = Vec::new();
    match outputs {
        [output] => push(output, values.map(|values| values[0]), &mut out),
        outputs => push_array(outputs, values, &mut out),
    }
    out
}

fn batch(outputs: &[Column], predictions: &Predictions) -> Vec<u8> {
    let mut out = Vec::with_capacity(predictions.rows * (outputs.len() * 20 + 3) + 2);
    push_list(predictions, &mut out, |row, out| push_array(outputs, row, out));
    out
}
