//! JSON Lines: the columns are the keys of all objects, in the order in which they come first.

use super::{AsCsv, Making, Reading};
use crate::format::RowFormat;
use crate::format::json::cause::Malformed;
use crate::format::json::{Document, Kind, foreign, text};
use crate::model::unicode;
use crate::problem::{Code, Problem};
use std::borrow::Cow;
use std::collections::HashMap;

/// # Errors
/// A line is no object, or the file is something else.
pub fn convert(text: &[u8], reading: &Reading) -> Result<AsCsv, Problem> {
    if let Some(problem) = foreign(text, true) {
        return Err(problem);
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii_end();
    let text = text.strip_suffix(b"\x1A").unwrap_or(text).trim_ascii_end();
    let mut columns = Columns::default();
    for (object, line) in lines(text).zip(1..) {
        let document = match checked(object, line) {
            Err(_) if reading.blank => continue,
            checked => checked?,
        };
        for (key, _) in document.root().members() {
            if !columns.add(&key, line) && !reading.blank {
                return Err(bad(Malformed::Twice, object, line));
            }
        }
    }
    let mut making = Making::new(columns.names.iter().map(String::as_str), reading.most);
    for (object, line) in lines(text).zip(1..) {
        let document = checked(object, line).ok();
        let members = document.iter().flat_map(|document| document.root().members());
        let mut cells: Vec<Option<Cow<str>>> = vec![None; columns.names.len()];
        for (key, value) in members {
            let cell = &mut cells[columns.places[unicode::name(&key).as_ref()]];
            // Of two, which is meant can't be told.
            *cell = Some(match cell {
                None => of_value(value.raw(), value.kind(), reading),
                Some(_) => "".into(),
            });
        }
        for cell in &cells {
            making.cell(cell.as_deref().unwrap_or_default().as_bytes());
        }
        making.check()?;
    }
    Ok(making.end(RowFormat::JsonLines))
}

/// A value as it would stand in a CSV, whose numbers have the fraction's mark that is set.
fn of_value<'a>(value: &'a str, kind: Kind, reading: &Reading) -> Cow<'a, str> {
    match kind {
        Kind::Number if reading.spelling.comma() => value.replace('.', ",").into(),
        _ => text(value),
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = (!text.is_empty()).then(|| text.split(|b| *b == b'\n'));
    lines.into_iter().flatten()
}

fn checked(object: &[u8], line: u64) -> Result<Document<'_>, Problem> {
    if object.trim_ascii().is_empty() {
        return Err(bad(Malformed::Empty, object, line));
    }
    match Document::check(object) {
        Ok(document) if document.root().kind() == Kind::Object => Ok(document),
        Ok(document) => {
            let found = document.root().kind();
            Err(bad(Malformed::NoObject { found }, object, line))
        }
        Err(_) if str::from_utf8(object).is_err() => Err(bad(Malformed::NotUtf8, object, line)),
        Err(_) => Err(bad(Malformed::NotJson, object, line)),
    }
}

fn bad(why: Malformed, object: &[u8], line: u64) -> Problem {
    let hint = why.hint().unwrap_or("mend or remove the line");
    Problem::new(Code::BadRow, why.words(object), hint).line(line)
}

#[derive(Default)]
struct Columns {
    names: Vec<String>,
    /// By name.
    places: HashMap<String, usize>,
    /// Of each, the last line that has it.
    seen: Vec<u64>,
}

impl Columns {
    /// False: the line has it already.
    fn add(&mut self, key: &str, line: u64) -> bool {
        let name = unicode::name(key);
        match self.places.get(name.as_ref()) {
            Some(&place) => std::mem::replace(&mut self.seen[place], line) != line,
            None => {
                self.places.insert(name.to_string(), self.names.len());
                self.names.push(name.into_owned());
                self.seen.push(line);
                true
            }
        }
    }
}
