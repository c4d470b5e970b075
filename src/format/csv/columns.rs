//! A whole CSV in memory -> its columns, read as inputs are read when they are scored. For training and evaluation.

use super::Reader;
use super::dialect::ESCAPE_HINT;
use super::head::{empty, without_mark};
use super::origin::Origin;
use super::record::{self, first_record, raw_fields};
use super::stream::Page;
use super::table::Table;
use crate::format::RECORD_MAX;
use crate::format::cause::Cause;
use crate::model::{Column, Signature, Type};
use crate::problem::{Code, Problem, excerpt};
use crate::score::batch::Flaw;
use crate::score::binding::{nearest, shown};
use crate::score::cell::{self, CellError};
use std::collections::BTreeMap;

/// What a column may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub kind: ReadAs,
    /// May cells be missing?
    pub optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    Numbers,
    Texts,
    /// Texts, of which none is missing: what a word for missing means is for others to tell.
    AsTheyStand,
    /// Numbers, unless a cell is neither a number nor missing.
    Any,
}

/// A column's cells, in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// NaN is missing.
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

impl Cells {
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        match self {
            Cells::Numbers(numbers) => numbers.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Cells::Numbers(numbers) => numbers[row].is_nan(),
            Cells::Texts(texts) => texts[row].is_none(),
        }
    }
}

/// One column that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub cells: Cells,
    /// How many cells mean that the value is missing, by what stands in them.
    pub missing: BTreeMap<String, usize>,
    /// The first cell that made a column of `ReadAs::Any` one of texts.
    pub turned: Option<Problem>,
}

/// The names in the header; a CSV of examples must have one.
pub fn names(table: &Table) -> Result<Vec<String>, Problem> {
    let input = without_mark(table.bytes)?;
    let (delimiter, front) = record::separator(input).unwrap_or((table.dialect.delimiter, 0));
    let dialect = table.dialect.with_delimiter(delimiter);
    // The first record alone, without the rest of the file behind a quote that never closes.
    let start = &input[front..input.len().min(RECORD_MAX)];
    let (line, record) = first_record(start, dialect).ok_or_else(empty)?;
    let names = record::names(record, dialect);
    let is_header = matches!(table.origin, Origin::Csv);
    if is_header && names.iter().all(|name| table.spelling.is_value(name.as_bytes())) {
        return Err(Problem::new(
            Code::NoSuchColumn,
            "the first line has values, not the names of the columns",
            "give the file a header line",
        )
        .line(line));
    }
    Ok(names)
}

/// The error that `names` have none that `who` asks for.
pub fn no_such_column(wanted: &str, names: &[String], who: &str) -> Problem {
    let hint = match nearest(wanted, &names.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(near) => format!("is {near:?} meant?"),
        None => "correct the name, or add the column to the file".into(),
    };
    let message = format!("no column {wanted:?}, which {who}; the file has: {}", shown(names));
    Problem::new(Code::NoSuchColumn, message, hint).line(1).column(wanted)
}

/// Reads the wanted columns. The first bad row is an error.
pub fn read(table: &Table, wanted: &[Wanted]) -> Result<Vec<Read>, Problem> {
    let table = Table {
        bytes: without_mark(table.bytes)?,
        ..*table
    };
    let mut wanted = wanted.to_vec();
    let mut turned = vec![None; wanted.len()];
    loop {
        match read_as(&table, &wanted) {
            Ok(mut read) => {
                read.iter_mut()
                    .zip(turned)
                    .for_each(|(read, turned)| read.turned = turned);
                return Ok(read);
            }
            // From here on it is a column of texts: its earlier cells, too.
            Err(Stop::Text { column, problem }) if wanted[column].kind == ReadAs::Any => {
                wanted[column].kind = ReadAs::Texts;
                turned[column] = Some(problem);
            }
            Err(Stop::Text { problem, .. } | Stop::Problem(problem)) => return Err(problem),
        }
    }
}

enum Stop {
    /// One of the columns that are read as numbers has a text.
    Text {
        column: usize,
        problem: Problem,
    },
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(problem)
    }
}

fn read_as(table: &Table, wanted: &[Wanted]) -> Result<Vec<Read>, Stop> {
    let signature = Signature {
        inputs: wanted.iter().map(Wanted::column).collect(),
        outputs: Vec::new(),
    };
    let mut columns: Vec<Read> = wanted.iter().map(Wanted::unread).collect();
    let read = table.batches(&signature, |reader, page| {
        if let Some(flaw) = reader.batch.bad().next() {
            let problem = flaw_problem(reader, flaw, page);
            return Err(match reader.cause(flaw) {
                Cause::Cell {
                    feature,
                    error: CellError::NotANumber,
                } => Stop::Text {
                    column: feature as usize,
                    problem,
                },
                _ => Stop::Problem(problem),
            });
        }
        Ok(add(&mut columns, reader, wanted, page)?)
    });
    match read {
        Ok(()) => Ok(columns),
        Err(Stop::Problem(problem)) => Err(Stop::Problem(reworded(problem))),
        Err(stop) => Err(stop),
    }
}

impl Wanted {
    fn column(&self) -> Column {
        let kind = match self.kind {
            ReadAs::Numbers | ReadAs::Any => Type::Float64,
            ReadAs::Texts | ReadAs::AsTheyStand => Type::String,
        };
        Column {
            optional: self.optional,
            ..Column::plain(self.name.clone(), kind)
        }
    }

    fn unread(&self) -> Read {
        let cells = match self.kind {
            ReadAs::Numbers | ReadAs::Any => Cells::Numbers(Vec::new()),
            ReadAs::Texts | ReadAs::AsTheyStand => Cells::Texts(Vec::new()),
        };
        Read {
            cells,
            missing: BTreeMap::new(),
            turned: None,
        }
    }
}

/// Adds the rows of a batch without flaws.
fn add(columns: &mut [Read], reader: &Reader, wanted: &[Wanted], page: &Page) -> Result<(), Problem> {
    for (feature, Read { cells, missing, .. }) in columns.iter_mut().enumerate() {
        let of = &reader.layout().binding.features[feature];
        match (cells, &of.kind) {
            (Cells::Texts(texts), &cell::Kind::Texts(index)) => {
                for (row, text) in reader.batch.cells(index).iter().enumerate() {
                    let Wanted { name, optional, kind } = &wanted[feature];
                    let is_missing = *kind != ReadAs::AsTheyStand && of.is_missing(text);
                    if is_missing && !optional {
                        let problem = Problem::new(Code::BadRow, format!("column {name:?}: missing value"), MEND);
                        return Err(page.place(problem.column(name), reader, row));
                    }
                    if is_missing {
                        *missing.entry(text.clone()).or_default() += 1;
                    }
                    texts.push((!is_missing).then(|| text.clone()));
                }
            }
            (Cells::Numbers(numbers), _) => {
                let column = reader.batch.column(feature);
                for row in (0..column.len()).filter(|&row| column[row].is_nan()) {
                    *missing.entry(page.cell(reader, row, feature)).or_default() += 1;
                }
                numbers.extend_from_slice(column);
            }
            (Cells::Texts(_), _) => unreachable!("a column of texts is read as text"),
        }
    }
    Ok(())
}

const MEND: &str = "mend or remove the row";
const RECODE: &str = "set input.encoding to the encoding of the file, such as \"windows-1252\", or save it as UTF-8, for example: \
                      iconv -f LATIN1 -t UTF-8 old.csv > new.csv";

fn flaw_problem(reader: &Reader, flaw: Flaw, page: &Page) -> Problem {
    let layout = reader.layout();
    let row = flaw.row as usize;
    let (start, end) = reader.record(row);
    let record = &page.block[start..end];
    let placed = |problem| page.place(problem, reader, row);
    let cause = reader.cause(flaw);
    let why = layout.reason(cause, |index| reader.batch.refusal(index));
    let Some((field, name)) = layout.field(cause).zip(layout.column(cause)) else {
        let message = format!("{why}: {}", excerpt(record, 80));
        return placed(Problem::new(Code::BadRow, message, mend(layout.hint(cause, record))));
    };
    let raw = raw_fields(record, layout.dialect);
    let cell = layout.dialect.text(raw.get(field).copied().unwrap_or_default());
    let message = match cause {
        Cause::Cell {
            error: CellError::Missing,
            ..
        } => format!("column {name:?}: {why}"),
        _ => format!("column {name:?}: {why}: {}", excerpt(&cell, 80)),
    };
    let hint = match cause {
        Cause::Cell {
            error: CellError::NotUtf8,
            ..
        } => RECODE.into(),
        cause => mend(layout.hint(cause, record)),
    };
    placed(Problem::new(Code::BadRow, message, hint).column(name))
}

fn mend(hint: Option<&str>) -> String {
    match hint {
        Some(first) => format!("{first}; or {MEND}"),
        None => MEND.into(),
    }
}

/// What can't be cut, to a person who has the file at hand.
fn reworded(problem: Problem) -> Problem {
    let (message, hint) = match problem.code {
        Code::UnclosedQuote => (
            "a quote opens a field here and is never closed".into(),
            "close the quote, or double it where it is text",
        ),
        Code::RecordTooLong => (problem.message, "is the file a CSV?"),
        _ => return problem,
    };
    let hint = match problem.hint.starts_with(ESCAPE_HINT) {
        true => format!("{ESCAPE_HINT}; or {hint}"),
        false => hint.into(),
    };
    Problem {
        message,
        hint,
        ..problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;
    use crate::score::Spelling;

    fn table(bytes: &[u8]) -> Table<'_> {
        Table {
            bytes,
            dialect: Dialect::plain(b','),
            spelling: &Spelling::USUAL,
            origin: Origin::Csv,
        }
    }

    fn wanted(name: &str, kind: ReadAs, optional: bool) -> Wanted {
        Wanted {
            name: name.into(),
            kind,
            optional,
        }
    }

    #[test]
    fn a_column_is_numbers_until_a_cell_says_otherwise() {
        let csv = b"n,note,t\n1.5,x,07\n,y,\n2,z,\"a, \"\"b\"\"\"\n";
        let all = [wanted("t", ReadAs::Any, true), wanted("n", ReadAs::Any, true)];
        let cells = read(&table(csv), &all).unwrap();
        let text = |t: &str| Some(t.to_string());
        assert_eq!(cells[0].cells, Cells::Texts(vec![text("07"), None, text("a, \"b\"")]));
        let Cells::Numbers(n) = &cells[1].cells else {
            panic!("{cells:?}")
        };
        assert_eq!((n[0], n[1].is_nan(), n[2]), (1.5, true, 2.0));
    }

    #[test]
    fn the_first_flaw_is_reported_with_its_line_and_column() {
        let number = |optional| [wanted("a", ReadAs::Numbers, optional)];
        for (csv, optional, expected) in [
            ("a,b\n1,2\n\nx,3\n", true, "line 4: column \"a\": not a number: x"),
            ("a,b\n1,2\n,3\n", false, "line 3: column \"a\": missing value"),
            // Found by fuzzing: behind the last column.
            (
                "a,b\n1,2\n3,4,\"5\"6\n",
                false,
                "line 3: text after a closing quote: 3,4,\"5\"6",
            ),
            ("a,b\n1,2\n1,2,3\n", true, "line 3: 3 fields instead of 2: 1,2,3"),
            (
                "a,b\n1,2\n1,\"2\n",
                true,
                "line 3: a quote opens a field here and is never closed",
            ),
            (
                "b,c\n1,2\n",
                true,
                "line 1: no column \"a\", which the model takes; the file has: b, c",
            ),
            (
                "\n\na,b\n\"1\nx\",2\n",
                true,
                "line 4: column \"a\": not a number: 1\\nx",
            ),
        ] {
            let problem = read(&table(csv.as_bytes()), &number(optional)).unwrap_err();
            assert_eq!(problem.to_string(), expected, "{csv}");
        }
        let latin = b"t\nfine\nS\xE3o\n";
        let problem = read(&table(latin), &[wanted("t", ReadAs::Any, true)]).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "line 3: column \"t\": text that is not UTF-8: S\u{FFFD}o"
        );
        let target = [wanted("t", ReadAs::Texts, false), wanted("n", ReadAs::Any, true)];
        let problem = read(&table(b"n,t\n1,a\n\n2,NA\n"), &target).unwrap_err();
        assert_eq!(problem.to_string(), "line 4: column \"t\": missing value");
        assert!(names(&table(b"1,2\n3,4\n")).unwrap_err().to_string().contains("values"));
        assert_eq!(names(&table(b"\xEF\xBB\xBFa, b ,\n")).unwrap(), ["a", "b", ""]);
    }

    #[test]
    fn many_blocks_are_one_column() {
        let rows = 60_000;
        let csv: String = (0..rows).fold("x,t\n".into(), |csv, i| format!("{csv}{i}.5,t{}\n", i % 7));
        let all = [wanted("x", ReadAs::Any, false), wanted("t", ReadAs::Any, false)];
        let cells = read(&table(csv.as_bytes()), &all).unwrap();
        let numbers = (0..rows).map(|i| i as f64 + 0.5).collect();
        assert_eq!(cells[0].cells, Cells::Numbers(numbers));
        let texts = (0..rows).map(|i| Some(format!("t{}", i % 7))).collect();
        assert_eq!(cells[1].cells, Cells::Texts(texts));
    }
}
