//! Files of examples -> features, target and their split.

use super::frame::{Cells, Frame, Series};
pub use super::missing::ReadAsMissing;
use super::pipeline::{Data, Pipeline, Source, Split, Trainer};
use super::split::{self, Parts};
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::format::as_csv::{AsCsv, Reading};
use crate::format::csv::cause;
use crate::format::csv::columns::{self, ReadAs, Wanted};
use crate::format::csv::table::Table;
use crate::model::unicode;
use crate::problem::{Problem, excerpt};
use crate::registry::read_source;
use crate::score::{Spelling, cell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Examples, those to train on and those to evaluate on.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub features: Frame,
    /// Of each row: a number, or 1 for the second class and 0 for the first.
    pub target: Vec<f64>,
    pub target_name: String,
    /// The names of all columns that the examples have.
    pub header: Vec<String>,
    /// Of a yes/no target.
    pub classes: Option<[String; 2]>,
    /// Rows to train on and to evaluate on.
    pub parts: Parts,
    /// Of each feature that has any, the cells that were read as missing values.
    pub missing: Vec<ReadAsMissing>,
    pub files: Vec<File>,
}

/// A file that examples were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    /// BLAKE3, hexadecimal.
    pub hash: String,
    /// All of it: what is asked of it later is of the same reading.
    rows: Arc<AsCsv>,
}

impl Dataset {
    /// Reads all that the pipeline names.
    pub fn read(pipeline: &Pipeline) -> Result<Dataset> {
        let data = &pipeline.data;
        let classification = matches!(pipeline.trainer, Trainer::Logistic { .. });
        let kind = if classification { ReadAs::Any } else { ReadAs::Numbers };
        let mut files = Vec::new();
        let mut examples = read(&data.source, data, kind, None, &mut files)?;
        let own = examples.features.rows;
        let parts = match &pipeline.split {
            Split::Last(count) => split::last(own, *count),
            Split::Share { share, seed } => split::share(own, *share, *seed),
            Split::Test(source) => {
                let like = Some(&examples);
                let test = read(source, data, kind, like, &mut files)?;
                let rows = test.features.rows;
                examples = examples.followed_by(test);
                Ok(Parts {
                    train: (0..own).collect(),
                    test: (own..own + rows).collect(),
                })
            }
        };
        let whole = |message: String| Error::config(&files[0].path, message);
        let positive = match &pipeline.trainer {
            Trainer::Logistic { positive, .. } => positive.as_deref(),
            _ => None,
        };
        let Series { name, cells } = examples.target;
        let (target, classes) = match cells {
            Cells::Numbers(numbers) if !classification => (numbers, None),
            cells => {
                let (target, classes) = labels(&name, &cells, positive).map_err(whole)?;
                (target, Some(classes))
            }
        };
        Ok(Dataset {
            features: examples.features,
            header: examples.header,
            target,
            target_name: name,
            classes,
            parts: parts.map_err(whole)?,
            missing: examples.missing.into_iter().filter(|m| !m.words.is_empty()).collect(),
            files,
        })
    }

    /// The file that problems with the examples are told of.
    pub fn file(&self) -> &Path {
        &self.files[0].path
    }

    /// The CSV that some rows stand in, and their places in it: what any model can be asked about. All of them are rows of
    /// one file.
    pub fn source<'a>(&'a self, pipeline: &'a Pipeline, rows: &[usize]) -> (Table<'a>, Vec<usize>) {
        let features = |source: &Source| match source {
            Source::Together(path) => path.clone(),
            Source::Apart { features, .. } => features.clone(),
        };
        let (path, before) = match &pipeline.split {
            Split::Test(source) if rows.iter().all(|row| self.parts.train.binary_search(row).is_err()) => {
                (features(source), self.parts.train.len())
            }
            _ => (features(&pipeline.data.source), 0),
        };
        let file = self.files.iter().find(|file| file.path == path).expect("it was read");
        let table = file.rows.table(&pipeline.data.spelling);
        (table, rows.iter().map(|row| row - before).collect())
    }

    /// Two files with the same bytes, if there are any.
    pub fn equal_files(&self) -> Option<[&Path; 2]> {
        let pairs = self
            .files
            .iter()
            .enumerate()
            .flat_map(|(i, a)| self.files[..i].iter().map(move |b| (b, a)));
        let mut equal = pairs
            .filter(|(a, b)| a.hash == b.hash)
            .map(|(a, b)| [a.path.as_path(), b.path.as_path()]);
        equal.next()
    }

    /// Tells other examples apart: BLAKE3 over the hashes of the files, hexadecimal.
    pub fn fingerprint(&self) -> String {
        let hashes: Vec<&str> = self.files.iter().map(|file| file.hash.as_str()).collect();
        match hashes[..] {
            [one] => one.into(),
            _ => blake3::hash(hashes.concat().as_bytes()).to_hex().to_string(),
        }
    }
}

/// Examples are held in memory.
pub const EXAMPLES_MAX: u64 = 64 << 30;

struct Examples {
    features: Frame,
    target: Series,
    header: Vec<String>,
    missing: Vec<ReadAsMissing>,
}

impl Examples {
    fn followed_by(mut self, other: Examples) -> Examples {
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

/// `like`: examples whose features these must have, in the same kinds of cells.
fn read(
    source: &Source,
    data: &Data,
    target: ReadAs,
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
                .filter(|n| !n.is_empty() && (other.is_some() || **n != name));
            others.map(|name| wanted(name, data.kind(name))).collect()
        }
    };
    if let Some(text) = data.texts.iter().find(|text| wanted.iter().all(|w| w.name != **text)) {
        let names: Vec<String> = wanted.iter().map(|w| w.name.clone()).collect();
        let problem = columns::no_such_column(text, &names, "data.texts names among the features");
        return Err(faulty(&sheet.path, &sheet.table().origin.told(problem)));
    }
    let (features, missing) = sheet.features(wanted)?;
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
        missing,
    })
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

/// The two classes of a target, and of each row which it is: 1 for the second one. That is `positive`, or the one that
/// comes last, by number or by alphabet.
fn labels(name: &str, cells: &Cells, positive: Option<&str>) -> std::result::Result<(Vec<f64>, [String; 2]), String> {
    let texts: Vec<String> = match cells {
        Cells::Numbers(numbers) => numbers.iter().map(|&y| label(y)).collect(),
        Cells::Texts(texts) => texts.iter().map(|text| text.clone().unwrap_or_default()).collect(),
    };
    let mut classes: Vec<&String> = Vec::new();
    for text in &texts {
        if !classes.contains(&text) {
            classes.push(text);
        }
        if classes.len() > 10 {
            break;
        }
    }
    classes.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y),
        _ => a.cmp(b),
    });
    let [first, second] = classes[..] else {
        let shown: Vec<String> = classes
            .iter()
            .map(|c| format!("{:?}", excerpt(c.as_bytes(), 40)))
            .collect();
        let (count, more) = match classes.len() {
            count @ ..=10 => (count.to_string(), ""),
            _ => ("more than 10".into(), ", …"),
        };
        let s = if classes.len() == 1 { "class" } else { "classes" };
        return Err(format!(
            "the logistic trainer takes a target of two classes; {name:?} has {count} {s}: {}{more}",
            shown.join(", ")
        ));
    };
    let classes = match positive {
        None => [first.clone(), second.clone()],
        Some(positive) if positive == second => [first.clone(), second.clone()],
        Some(positive) if positive == first => [second.clone(), first.clone()],
        Some(positive) => {
            return Err(format!(
                "train.positive = {positive:?} is no class of {name:?}: they are {first:?} and {second:?}"
            ));
        }
    };
    let target = texts.iter().map(|text| f64::from(*text == classes[1])).collect();
    Ok((target, classes))
}

/// As people write it: `1`, not `1.0`.
fn label(y: f64) -> String {
    format!("{}", y + 0.0)
}
