//! A person's labels, as they stand in a file.

use super::label::Label;
use super::lines;
use crate::format::csv::columns::{names, no_such_column};
use crate::format::csv::table::Table;
use crate::model::{Column, Signature, Type};
use crate::problem::{Code, Problem};
use crate::score::Spelling;
use crate::score::cell::Kind;
use crate::score::spelling::Number;
use std::collections::{BTreeMap, HashSet};

/// Conflicts that are named; of more there are only counts.
const NAMED: usize = 10;

/// What was given. Labels are texts as they stand there: what they mean, the version says that predicted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    pub of: Of,
    /// Records of the file.
    pub rows: u64,
    /// Labels that aren't known yet.
    pub missing: u64,
    /// Records without a key.
    pub without_key: u64,
    /// Records that say what an earlier one of the same key says.
    pub repeated: u64,
    /// Keys with several labels that contradict each other, of which none is used: how many, and the first ones.
    pub contradicting: u64,
    pub conflicts: Vec<Conflict>,
}

/// What labels are of.
#[derive(Clone, Debug, PartialEq)]
pub enum Of {
    /// Texts, never numbers: 007 isn't 7.
    Keys(BTreeMap<String, Label>),
    /// The records of one input, in order.
    Rows(Vec<Label>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub key: String,
    /// The lines of two labels that contradict each other.
    pub lines: (u64, u64),
}

impl Default for Of {
    fn default() -> Of {
        Of::Rows(Vec::new())
    }
}

impl Given {
    /// `key`: the column by which labels are joined; none: by row. `target`: the column with the labels, without it the only other
    /// one. `classes`: of the versions that scored; one is a label, though it be a word for missing.
    ///
    /// # Errors
    /// Why the file can't be read; what its columns are, if which one has the labels can't be told.
    pub fn read(
        table: &Table,
        key: Option<&str>,
        target: Option<&str>,
        classes: &HashSet<String>,
    ) -> Result<Given, Problem> {
        let known = |label: Label| Label {
            text: (label.text).filter(|text| classes.contains(text) || !table.spelling.is_missing(text)),
            ..label
        };
        let known = |(key, label)| (key, known(label));
        if let Some(key) = key
            && lines::are_lines(table.bytes)
        {
            let records = lines::records(table.bytes)?.into_iter().map(known).collect();
            return keyed(records, key, table.spelling);
        }
        let names = names(table)?;
        for (column, who) in [(key, "is the key"), (target, "is the target")] {
            if let Some(column) = column.filter(|column| !names.iter().any(|name| name == column)) {
                return Err(table.origin.told(no_such_column(column, &names, who)));
            }
        }
        let others: Vec<&String> = names.iter().filter(|name| Some(name.as_str()) != key).collect();
        let target = match (target, &others[..]) {
            (Some(target), _) => target,
            (None, [only]) => only,
            (None, []) => {
                let message = format!(
                    "there is no column with labels beside the key {:?}",
                    key.unwrap_or_default()
                );
                let problem = Problem::new(Code::NoSuchColumn, message, "add the column with what came true");
                return Err(table.origin.told(problem.line(1)));
            }
            (None, several) => {
                let several: Vec<String> = several.iter().map(|name| format!("{name:?}")).collect();
                let message = format!("which column has the labels can't be told: {}", several.join(", "));
                let problem = Problem::new(Code::NoSuchColumn, message, "say it with --target COLUMN");
                return Err(table.origin.told(problem.line(1)));
            }
        };
        let columns: Vec<&str> = key.into_iter().chain([target]).collect();
        let mut records = Vec::new();
        texts(table, &columns, |cells, line| {
            let label = Label {
                text: Some(cells[cells.len() - 1].to_string()),
                line,
            };
            records.push((cells[0].to_string(), label));
        })?;
        let records = records.into_iter().map(known).collect();
        match key {
            Some(key) => keyed(records, key, table.spelling),
            None => Ok(by_row(records)),
        }
    }
}

fn by_row(records: Vec<(String, Label)>) -> Given {
    let labels: Vec<Label> = records.into_iter().map(|(_, label)| label).collect();
    Given {
        rows: labels.len() as u64,
        missing: labels.iter().filter(|label| label.text.is_none()).count() as u64,
        of: Of::Rows(labels),
        ..Given::default()
    }
}

/// `key`: the column, for the error.
///
/// # Errors
/// No record has a key, though there are records.
fn keyed(records: Vec<(String, Label)>, key: &str, spelling: &Spelling) -> Result<Given, Problem> {
    let mut given = Given {
        rows: records.len() as u64,
        ..Given::default()
    };
    let mut labels: BTreeMap<String, Label> = BTreeMap::new();
    // By key, its first two lines.
    let mut contradicting: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (key, label) in records {
        if key.is_empty() {
            given.without_key += 1;
            continue;
        }
        given.missing += u64::from(label.text.is_none());
        let Some(before) = labels.get_mut(&key) else {
            labels.insert(key, label);
            continue;
        };
        match (&before.text, &label.text) {
            (Some(a), Some(b)) if same(a, b, spelling) => given.repeated += 1,
            (Some(_), Some(_)) => drop(contradicting.entry(key).or_insert((before.line, label.line))),
            (None, Some(_)) => *before = label,
            (_, None) => {}
        }
    }
    if given.rows > 0 && given.without_key == given.rows {
        let message = format!("no record has a {key:?}");
        let hint = "is it the column that tells rows apart?";
        return Err(Problem::new(Code::BadRow, message, hint));
    }
    contradicting.keys().for_each(|key| drop(labels.remove(key)));
    given.contradicting = contradicting.len() as u64;
    let conflicts = contradicting.into_iter().take(NAMED);
    given.conflicts = conflicts.map(|(key, lines)| Conflict { key, lines }).collect();
    given.of = Of::Keys(labels);
    Ok(given)
}

/// To the letter, or as the same number.
fn same(a: &str, b: &str, spelling: &Spelling) -> bool {
    let number = |text: &str| match spelling.number(text.as_bytes()) {
        Number::Value(x) => Some(x),
        Number::Missing | Number::Invalid => None,
    };
    a == b || number(a).is_some_and(|x| number(b) == Some(x))
}

/// Each record's cells in these columns, and its line.
fn texts(table: &Table, columns: &[&str], mut each: impl FnMut(&[&str], u64)) -> Result<(), Problem> {
    let signature = text_columns(columns.iter().copied());
    table.batches::<Problem>(&signature, |reader, page| {
        if let Some(flaw) = reader.batch.bad().next() {
            let message = reader.reason(flaw);
            let problem = Problem::new(Code::BadRow, message, "mend or remove the row");
            return Err(page.place(problem, reader, flaw.row as usize));
        }
        let (mut line, mut before) = (0, 0);
        let mut cells = Vec::with_capacity(columns.len());
        for row in 0..reader.batch.rows() {
            let (start, _) = reader.record(row);
            line = match row {
                0 => page.line_of_text(reader, 0),
                _ => line + memchr::memchr_iter(b'\n', &page.block[before..start]).count() as u64,
            };
            before = start;
            cells.clear();
            cells.extend(text_cells(reader, columns.len()).map(|column| column[row].as_str()));
            each(&cells, page.number(line));
        }
        Ok(())
    })
}

/// Columns that are read as they stand there.
pub fn text_columns<'a>(names: impl Iterator<Item = &'a str>) -> Signature {
    let column = |name: &str| Column {
        optional: true,
        ..Column::plain(name.into(), Type::String)
    };
    Signature {
        inputs: names.map(column).collect(),
        outputs: Vec::new(),
    }
}

/// The cells of such columns in a batch.
pub fn text_cells<'a>(reader: &'a crate::format::csv::Reader, columns: usize) -> impl Iterator<Item = &'a [String]> {
    (0..columns).map(|column| match reader.layout().binding.features[column].kind {
        Kind::Texts(index) => reader.batch.cells(index),
        _ => unreachable!("a column of texts is read as text"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;
    use crate::format::csv::origin::Origin;

    fn read(csv: &str, key: Option<&str>, target: Option<&str>) -> Result<Given, Problem> {
        let table = Table {
            bytes: csv.as_bytes(),
            dialect: Dialect::plain(b','),
            spelling: &Spelling::USUAL,
            origin: Origin::Csv,
        };
        Given::read(&table, key, target, &HashSet::new())
    }

    fn keys(given: &Given) -> Vec<(&str, Option<&str>, u64)> {
        match &given.of {
            Of::Keys(labels) => (labels.iter())
                .map(|(key, label)| (key.as_str(), label.text.as_deref(), label.line))
                .collect(),
            Of::Rows(_) => panic!("{given:?}"),
        }
    }

    #[test]
    fn keys_are_texts_and_the_other_column_has_the_labels() {
        let given = read(
            "\u{feff}id,late\n007,yes\n7,no\n\"a,\n\"\"b\"\"\",NA\n 8 ,1.0\n",
            Some("id"),
            None,
        )
        .unwrap();
        assert_eq!(
            keys(&given),
            [
                ("007", Some("yes"), 2),
                ("7", Some("no"), 3),
                ("8", Some("1.0"), 6),
                ("a,\n\"b\"", None, 4)
            ]
        );
        assert_eq!((given.rows, given.missing), (4, 1));
    }

    #[test]
    fn a_key_that_comes_again_counts_once_and_one_that_contradicts_itself_not_at_all() {
        let csv = "late,id\n1,a\n1.0,a\n0,b\n1,b\n0,b\n,c\n1,c\n,c\n1,\n";
        let given = read(csv, Some("id"), Some("late")).unwrap();
        assert_eq!(keys(&given), [("a", Some("1"), 2), ("c", Some("1"), 8)]);
        assert_eq!((given.repeated, given.contradicting, given.without_key), (2, 1, 1));
        let conflict = Conflict {
            key: "b".into(),
            lines: (4, 5),
        };
        assert_eq!(given.conflicts, [conflict]);
    }

    #[test]
    fn by_row_each_record_counts() {
        let given = read("late\nyes\nNA\n\"\"\nno\n", None, None).unwrap();
        let Of::Rows(labels) = &given.of else {
            panic!("{given:?}")
        };
        let texts: Vec<Option<&str>> = labels.iter().map(|label| label.text.as_deref()).collect();
        assert_eq!(texts, [Some("yes"), None, None, Some("no")]);
        assert_eq!((given.rows, given.missing), (4, 2));
        assert_eq!(read("late\n", None, None).unwrap().rows, 0);
    }

    #[test]
    fn what_cannot_be_told_is_asked_for() {
        for (csv, key, target, words) in [
            (
                "id,a,b\n1,2,3\n",
                Some("id"),
                None,
                "which column has the labels can't be told: \"a\", \"b\"",
            ),
            ("a,b\n1,2\n", None, None, "which column has the labels can't be told"),
            ("id\n1\n", Some("id"), None, "no column with labels beside the key"),
            ("di,a\n1,2\n", Some("id"), None, "no column \"id\", which is the key"),
            (
                "id,a\n1,2\n",
                Some("id"),
                Some("late"),
                "no column \"late\", which is the target",
            ),
            ("id,a\n,2\n", Some("id"), None, "no record has a \"id\""),
            ("id,a\n1,2,3\n", Some("id"), None, "line 2: 3 fields instead of 2"),
        ] {
            let problem = read(csv, key, target).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn sagemakers_ground_truth_is_read() {
        let line = |id: &str, label: &str| {
            format!(
                r#"{{"groundTruthData":{{"data":"{label}","encoding":"CSV"}},"eventMetadata":{{"eventId":"{id}"}},"eventVersion":"0"}}"#
            )
        };
        let text = format!("{}\n\n{}\n", line("a1", "1"), line("007", "0"));
        let given = read(&text, Some("id"), None).unwrap();
        assert_eq!(keys(&given), [("007", Some("0"), 3), ("a1", Some("1"), 1)]);
        let broken = format!("{}\n{{\"groundTruthData\":1}}\n", line("a1", "1"));
        let problem = read(&broken, Some("id"), None).unwrap_err().to_string();
        assert!(problem.starts_with("line 2: "), "{problem}");
    }
}
