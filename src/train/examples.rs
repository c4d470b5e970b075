//! The columns of files of examples: features, target, and what rows are split by.

use super::frame::{Cells, Frame, Series};
use super::identifiers::identifies;
use super::missing::ReadAsMissing;
use super::pipeline::{Data, Source};
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::format::as_csv::{AsCsv, Reading};
use crate::format::csv::cause;
use crate::format::csv::columns::{self, ReadAs, Wanted};
use crate::format::csv::table::Table;
use crate::model::unicode;
use crate::problem::Problem;
use crate::registry::read_source;
use crate::score::{Spelling, cell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// In bytes: examples are held in memory.
pub const EXAMPLES_MAX: u64 = 64 << 30;

/// A file that examples were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    /// BLAKE3, hexadecimal.
    pub hash: String,
    /// All of it: what is asked of it later is of the same reading.
    pub(super) rows: Arc<AsCsv>,
}

/// What some files say, row by row.
pub struct Examples {
    pub features: Frame,
    pub target: Series,
    /// The column that the split goes by.
    pub by: Option<Series>,
    pub header: Vec<String>,
    pub missing: Vec<ReadAsMissing>,
    /// What is said of columns that name a row.
    pub left_out: Vec<String>,
}

impl Examples {
    pub fn followed_by(mut self, other: Examples) -> Examples {
        for (series, more) in self.features.columns.iter_mut().zip(other.features.columns) {
            extend(&mut series.cells, more.cells);
        }
        extend(&mut self.target.cells, other.target.cells);
        self.features.rows += other.features.rows;
        self.missing
            .iter_mut()
            .zip(other.missing)
            .for_each(|(missing, other)| missing.add(other));
        self
    }
}

/// Both have the same kind of cells: the second was read like the first.
fn extend(cells: &mut Cells, more: Cells) {
    match (cells, more) {
        (Cells::Numbers(numbers), Cells::Numbers(more)) => numbers.extend(more),
        (Cells::Texts(texts), Cells::Texts(more)) => texts.extend(more),
        _ => unreachable!("columns of one name are of one kind"),
    }
}

/// `by`: the column that the split goes by. `like`: examples whose features these must have, in the same kinds of cells.
pub fn read(
    source: &Source,
    data: &Data,
    target: ReadAs,
    by: Option<&str>,
    like: Option<&Examples>,
    files: &mut Vec<File>,
) -> Result<Examples> {
    let (path, other) = match source {
        Source::Together(path) => (path, None),
        Source::Apart { features, target } => (features, Some(target)),
    };
    let sheet = Sheet::read(path, data, files)?;
    let target_sheet = other.map(|path| Sheet::read(path, data, files)).transpose()?;
    let of_target = target_sheet.as_ref().unwrap_or(&sheet);
    let name = match (&data.target, like, &of_target.names[..]) {
        (Some(name), _, _) => name.clone(),
        (None, Some(like), _) => like.target.name.clone(),
        (None, None, [one]) => one.clone(),
        (None, None, names) => {
            let message = format!(
                "it has {} columns; say in data.target which one is the target",
                names.len()
            );
            return Err(Error::config(&of_target.path, message));
        }
    };
    let kind = match like.map(|like| &like.target.cells) {
        Some(cells) => kind_of(cells),
        None => target,
    };
    let target = of_target.column(&name, kind, "is the target")?;
    let wanted: Vec<Wanted> = match (like, &data.features) {
        (Some(like), _) => like
            .features
            .columns
            .iter()
            .map(|s| wanted(&s.name, kind_of(&s.cells)))
            .collect(),
        (None, Some(names)) => names
            .iter()
            .map(|name| wanted(name, data.kind(name)))
            .collect::<Vec<_>>(),
        (None, None) => {
            let others = sheet
                .names
                .iter()
                .filter(|n| !n.is_empty() && (other.is_some() || **n != name) && Some(n.as_str()) != by);
            others.map(|name| wanted(name, data.kind(name))).collect()
        }
    };
    if let Some(text) = data.texts.iter().find(|text| wanted.iter().all(|w| w.name != **text)) {
        let names: Vec<String> = wanted.iter().map(|w| w.name.clone()).collect();
        let problem = columns::no_such_column(text, &names, "data.texts names among the features");
        return Err(faulty(&sheet.path, &sheet.table().origin.told(problem)));
    }
    let (mut features, mut missing) = sheet.features(wanted)?;
    let left_out = match (like, &data.features) {
        (None, None) => leave_out(&mut features, &data.texts),
        _ => Vec::new(),
    };
    missing.retain(|missing| features.series(&missing.column).is_some());
    let by = by
        .map(|name| sheet.column(name, ReadAs::Any, "the split goes by"))
        .transpose()?;
    if let Cells::Numbers(numbers) = &target.cells
        && let Some(row) = numbers.iter().position(|y| y.is_infinite())
    {
        let message = format!(
            "the target {name:?} is infinite in row {} (without the header)",
            row + 1
        );
        return Err(Error::config(&of_target.path, message));
    }
    let rows = target.cells.len();
    if rows == 0 {
        return Err(Error::config(&of_target.path, "it has no rows below the header"));
    }
    if features.rows != rows && !features.columns.is_empty() {
        let message = format!(
            "it has {} rows, but {} has {rows}; row by row, the two belong together",
            features.rows,
            of_target.path.display()
        );
        return Err(Error::config(&sheet.path, message));
    }
    let mut header = sheet.names.clone();
    header.extend((!header.contains(&target.name)).then(|| target.name.clone()));
    Ok(Examples {
        features: Frame { rows, ..features },
        header,
        target,
        by,
        missing,
        left_out,
    })
}

/// Takes the columns out that tell nothing of a new row and that nobody has named, unless no feature would be left. Returns what is
/// said of them.
fn leave_out(features: &mut Frame, named: &[String]) -> Vec<String> {
    let why = |series: &Series| match named.contains(&series.name) {
        true => None,
        false => identifies(series),
    };
    let whys: Vec<Option<String>> = features.columns.iter().map(why).collect();
    let alone = whys.iter().all(Option::is_some);
    let said = |(series, why): (&Series, &Option<String>)| {
        let (name, why) = (&series.name, why.as_ref()?);
        Some(match alone {
            true => format!("{name:?} stays, for there is no other feature, but {why}"),
            false => format!("{name:?} is left out: {why}; name it in data.features if it is to be one of them"),
        })
    };
    let said = features.columns.iter().zip(&whys).filter_map(said).collect();
    let mut whys = whys.iter();
    features
        .columns
        .retain(|_| alone || whys.next().is_some_and(Option::is_none));
    said
}

fn kind_of(cells: &Cells) -> ReadAs {
    match cells {
        Cells::Numbers(_) => ReadAs::Numbers,
        Cells::Texts(_) => ReadAs::Texts,
    }
}

fn wanted(name: &str, kind: ReadAs) -> Wanted {
    Wanted {
        name: name.into(),
        kind,
        optional: true,
    }
}

/// One file, in memory.
struct Sheet {
    path: PathBuf,
    rows: Arc<AsCsv>,
    spelling: Spelling,
    names: Vec<String>,
}

impl Sheet {
    fn read(path: &Path, data: &Data, files: &mut Vec<File>) -> Result<Sheet> {
        let bytes = read_source(path, EXAMPLES_MAX).map_err(Error::of_a_persons_file)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let reading = Reading {
            encoding: data.encoding,
            dialect: data.dialect,
            spelling: &data.spelling,
            limits: data.limits,
            most: EXAMPLES_MAX,
            blank: false,
        };
        let format = FileFormat::of(path.as_os_str().as_encoded_bytes());
        let rows = AsCsv::of(bytes, format, &reading).map_err(|problem| faulty(path, &problem))?;
        let rows = Arc::new(rows);
        files.push(File {
            path: path.into(),
            hash,
            rows: rows.clone(),
        });
        let mut sheet = Sheet {
            path: path.into(),
            rows,
            spelling: data.spelling.clone(),
            names: Vec::new(),
        };
        sheet.names = columns::names(&sheet.table()).map_err(|problem| faulty(path, &problem))?;
        Ok(sheet)
    }

    fn table(&self) -> Table<'_> {
        self.rows.table(&self.spelling)
    }

    /// A column without missing values.
    fn column(&self, name: &str, kind: ReadAs, who: &str) -> Result<Series> {
        self.require(name, who)?;
        let wanted = Wanted {
            optional: false,
            ..wanted(name, kind)
        };
        let mut columns = self.columns(&[wanted])?;
        let column = columns.pop().map(|column| column.cells);
        Ok(Series {
            name: name.into(),
            cells: column.expect("one was asked for"),
        })
    }

    fn features(&self, wanted: Vec<Wanted>) -> Result<(Frame, Vec<ReadAsMissing>)> {
        for wanted in &wanted {
            self.require(&wanted.name, "is a feature")?;
        }
        if wanted.is_empty() {
            return Err(Error::config(&self.path, "it has no features beside the target"));
        }
        let (mut frame, mut missing) = (Frame::default(), Vec::new());
        let columns = self.columns(&wanted)?;
        for (wanted, column) in wanted.into_iter().zip(columns) {
            if let (Some(problem), Cells::Texts(texts)) = (&column.turned, &column.cells) {
                let present = texts.iter().flatten().count();
                let numbers = |spelling: &Spelling| {
                    let are = texts.iter().flatten().filter(|text| spelling.is_value(text.as_bytes()));
                    are.count()
                };
                let (own, other) = (numbers(&self.spelling), numbers(&cause::other_mark(&self.spelling)));
                let hint = if 2 * own > present {
                    format!("{own} of its {present} cells are numbers; mend the others")
                } else if 2 * other > present {
                    format!(
                        "{other} of its {present} cells are numbers with another mark; {}",
                        cause::set_mark(&self.spelling)
                    )
                } else {
                    String::new()
                };
                if !hint.is_empty() {
                    let problem = Problem {
                        hint: format!("{hint}, or name it in data.texts if its numbers are categories"),
                        ..problem.clone()
                    };
                    return Err(faulty(&self.path, &problem));
                }
            }
            frame.rows = column.cells.len();
            missing.push(ReadAsMissing::of(&wanted.name, &column));
            frame.columns.push(Series {
                name: wanted.name,
                cells: categories(column.cells, &self.spelling),
            });
        }
        Ok((frame, missing))
    }

    fn columns(&self, wanted: &[Wanted]) -> Result<Vec<columns::Read>> {
        columns::read(&self.table(), wanted).map_err(|problem| faulty(&self.path, &problem))
    }

    fn require(&self, name: &str, who: &str) -> Result<()> {
        match self.names.iter().any(|n| *n == unicode::name(name)) {
            true => Ok(()),
            false => {
                let problem = columns::no_such_column(name, &self.names, who);
                Err(faulty(&self.path, &self.table().origin.told(problem)))
            }
        }
    }
}

/// Whole numbers that are categories are the same ones with and without a fraction, as when inputs are scored: beside a missing
/// value, frames write 270.0 for 270.
fn categories(cells: Cells, spelling: &Spelling) -> Cells {
    let Cells::Texts(texts) = cells else { return cells };
    Cells::Texts(cell::joined(&texts, spelling).unwrap_or(texts))
}

/// Keys that training has in a section of its own.
const KEYS: [&str; 4] = ["encoding", "delimiter", "escape", "decimal"];

fn faulty(path: &Path, problem: &Problem) -> Error {
    let own = |text: String, key| text.replace(&format!("input.{key}"), &format!("data.{key}"));
    let [message, hint] = [&problem.message, &problem.hint].map(|text| KEYS.iter().fold(text.clone(), own));
    let place = match problem.line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    Error::config(place, format!("{message}; {hint}"))
}
