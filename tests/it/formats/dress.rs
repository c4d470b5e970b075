//! The rows of a CSV in each format that files have, and outputs of each format as CSVs again: what a test says of CSVs holds for all.

use super::sheet::Sheet;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use polars::prelude::*;
use serde_json::Value;
use std::io::{Cursor, Read, Write};

/// A format of files, by what other programs write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    Csv,
    Tsv,
    CsvGz,
    CsvZst,
    JsonLines,
    JsonLinesGz,
    JsonLinesZst,
    Parquet,
    Arrow,
}

/// `input.include` for all of them.
pub const INCLUDE: &str = r#"input.include=["*.csv", "*.tsv", "*.csv.gz", "*.csv.zst", "*.jsonl", "*.jsonl.gz", "*.jsonl.zst", "*.parquet", "*.arrow"]"#;

const TABLES: bool = cfg!(feature = "parquet");

/// Rows of a row group of Parquet, or a record batch of Arrow.
pub const GROUP: usize = 1000;

/// What a column is where its cells have types: what all of them are that aren't empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Whole,
    Number,
    Flag,
    Text,
}

impl Kind {
    fn of<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Kind {
        let cells = cells.filter(|cell| !cell.is_empty());
        let all = |is: fn(&str) -> bool| cells.clone().all(is);
        match () {
            _ if cells.clone().next().is_none() => Kind::Number,
            _ if all(|cell| cell.parse::<i64>().is_ok_and(|x| x.to_string() == cell)) => Kind::Whole,
            _ if all(|cell| cell.parse::<f64>().is_ok()) => Kind::Number,
            _ if all(|cell| cell == "true" || cell == "false") => Kind::Flag,
            _ => Kind::Text,
        }
    }
}

impl Dress {
    /// All that this build reads.
    pub fn all() -> impl Iterator<Item = Dress> + Clone {
        let all = [
            Dress::Csv,
            Dress::Tsv,
            Dress::CsvGz,
            Dress::CsvZst,
            Dress::JsonLines,
            Dress::JsonLinesGz,
            Dress::JsonLinesZst,
            Dress::Parquet,
            Dress::Arrow,
        ];
        all.into_iter().filter(|dress| !dress.is_table() || TABLES)
    }

    pub fn extension(self) -> &'static str {
        match self {
            Dress::Csv => ".csv",
            Dress::Tsv => ".tsv",
            Dress::CsvGz => ".csv.gz",
            Dress::CsvZst => ".csv.zst",
            Dress::JsonLines => ".jsonl",
            Dress::JsonLinesGz => ".jsonl.gz",
            Dress::JsonLinesZst => ".jsonl.zst",
            Dress::Parquet => ".parquet",
            Dress::Arrow => ".arrow",
        }
    }

    /// The name of a file.
    pub fn name(self, stem: &str) -> String {
        format!("{stem}{}", self.extension())
    }

    pub fn is_json(self) -> bool {
        matches!(self, Dress::JsonLines | Dress::JsonLinesGz | Dress::JsonLinesZst)
    }

    pub fn is_table(self) -> bool {
        matches!(self, Dress::Parquet | Dress::Arrow)
    }

    /// The rows of a CSV as a file of this format, in groups of [`GROUP`] rows where there are groups.
    pub fn file(self, csv: &str) -> Vec<u8> {
        self.grouped(csv, GROUP)
    }

    pub fn grouped(self, csv: &str, group: usize) -> Vec<u8> {
        let sheet = Sheet::parse(csv, ',');
        let text = match self {
            Dress::Csv | Dress::CsvGz | Dress::CsvZst => csv.to_string(),
            Dress::Tsv => sheet.write('\t'),
            Dress::JsonLines | Dress::JsonLinesGz | Dress::JsonLinesZst => json_lines(&sheet),
            Dress::Parquet | Dress::Arrow => return self.table(frame(&sheet), group),
        };
        self.pack(text.as_bytes())
    }

    /// The same rows so many times, as a file that its writer appended to.
    pub fn again(self, csv: &str, times: usize) -> Vec<u8> {
        if self.is_table() {
            let one = frame(&Sheet::parse(csv, ','));
            let mut all = one.clone();
            for _ in 1..times {
                all.vstack_mut(&one).unwrap();
            }
            return self.table(all, GROUP);
        }
        let first = self.file(csv);
        let next = match self.is_json() {
            true => first.clone(),
            false => {
                let text = self.unpack(&first);
                self.pack(text.split_once('\n').unwrap().1.as_bytes())
            }
        };
        [first, next.repeat(times - 1)].concat()
    }

    fn table(self, mut frame: DataFrame, group: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self == Dress::Parquet {
            // Asked for a size of groups, polars makes some that are smaller.
            let mut writer = ParquetWriter::new(&mut bytes).batched(frame.schema()).unwrap();
            for start in (0..frame.height()).step_by(group) {
                let mut rows = frame.slice(start as i64, group);
                rows.rechunk_mut();
                writer.write_batch(&rows).unwrap();
            }
            writer.finish().unwrap();
        } else {
            let writer = IpcWriter::new(&mut bytes).with_record_batch_size(Some(group));
            { writer }.finish(&mut frame).unwrap();
        }
        bytes
    }

    /// Compressed as the format is.
    pub fn pack(self, text: &[u8]) -> Vec<u8> {
        match self {
            Dress::CsvGz | Dress::JsonLinesGz => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Dress::CsvZst | Dress::JsonLinesZst => zstd::encode_all(text, 1).unwrap(),
            _ => text.to_vec(),
        }
    }

    fn unpack(self, bytes: &[u8]) -> String {
        let mut text = String::new();
        let read = match self {
            Dress::CsvGz | Dress::JsonLinesGz => MultiGzDecoder::new(bytes).read_to_string(&mut text),
            Dress::CsvZst | Dress::JsonLinesZst => {
                zstd::Decoder::new(bytes).and_then(|mut decoder| decoder.read_to_string(&mut text))
            }
            _ => { bytes }.read_to_string(&mut text),
        };
        read.unwrap();
        text
    }

    /// These columns of an output in this format.
    pub fn sheet(self, output: &[u8], columns: &[&str]) -> Sheet {
        match self {
            Dress::Csv | Dress::CsvGz | Dress::CsvZst => Sheet::parse(&self.unpack(output), ',').select(columns),
            Dress::Tsv => Sheet::parse(&self.unpack(output), '\t').select(columns),
            Dress::Parquet => of_frame(&ParquetReader::new(Cursor::new(output)).finish().unwrap(), columns),
            Dress::Arrow => of_frame(&IpcReader::new(Cursor::new(output)).finish().unwrap(), columns),
            _ => {
                let text = self.unpack(output);
                let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let cells = |object: Value| columns.iter().map(|name| json_cell(&object[name])).collect();
                Sheet {
                    names: columns.iter().map(ToString::to_string).collect(),
                    rows: objects.map(cells).collect(),
                    lines: Vec::new(),
                }
            }
        }
    }

    /// The same as a CSV.
    pub fn csv(self, output: &[u8], columns: &[&str]) -> String {
        self.sheet(output, columns).write(',')
    }

    /// The bad rows of a file that was made of a CSV, in groups of so many rows: of each its place among the rows from 0, its column, and what is wrong with it.
    pub fn bad_rows(self, rejects: &str, csv: &str, group: usize) -> Vec<(usize, String, String)> {
        if rejects.is_empty() {
            return Vec::new();
        }
        let of_csv = Sheet::parse(csv, ',');
        let lines = match self {
            Dress::Tsv => Sheet::parse(&of_csv.write('\t'), '\t').lines,
            _ => of_csv.lines,
        };
        let rejects = Sheet::parse(rejects, ',');
        let (column, reason) = (rejects.column("column"), rejects.column("reason"));
        let cell = |row: &Vec<String>, name: &str| row[rejects.column(name)].parse::<usize>().expect("a number");
        let place = |row: &Vec<String>| match self {
            Dress::Parquet | Dress::Arrow => (cell(row, "row_group") - 1) * group + cell(row, "row") - 1,
            _ if self.is_json() => {
                assert_eq!(cell(row, "row"), cell(row, "line"));
                cell(row, "row") - 1
            }
            _ => {
                let line = cell(row, "line") as u64;
                lines.binary_search(&line).expect("the line of a record")
            }
        };
        let rows = rejects.rows.iter();
        rows.map(|row| (place(row), row[column].clone(), row[reason].clone()))
            .collect()
    }
}

/// Objects with numbers as they stand; what is empty is null, or no member in every other row.
fn json_lines(sheet: &Sheet) -> String {
    let kinds = kinds(sheet);
    let mut text = String::new();
    for (place, row) in sheet.rows.iter().enumerate() {
        let member = |((name, cell), kind): ((&String, &String), &Kind)| {
            let is_bare = *kind != Kind::Text && serde_json::from_str::<Value>(cell).is_ok();
            let value = match cell.as_str() {
                "" if place % 2 == 1 => return None,
                "" => "null".into(),
                cell if is_bare => cell.to_string(),
                cell => Value::from(cell).to_string(),
            };
            Some(format!("{}:{value}", Value::from(name.as_str())))
        };
        let members = sheet.names.iter().zip(row).zip(&kinds).filter_map(member);
        text += &format!("{{{}}}\n", members.collect::<Vec<_>>().join(","));
    }
    text
}

fn kinds(sheet: &Sheet) -> Vec<Kind> {
    (0..sheet.names.len())
        .map(|c| Kind::of(sheet.rows.iter().map(|row| row[c].as_str())))
        .collect()
}

/// The same with numbers as a column of numbers says them, where it can be one.
pub fn typed(sheet: &Sheet) -> Sheet {
    of_frame(
        &frame(sheet),
        &sheet.names.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// With types where all cells of a column have one, or none.
fn frame(sheet: &Sheet) -> DataFrame {
    let column = |(place, kind): (usize, Kind)| {
        let cells = sheet.rows.iter().map(|row| row[place].as_str());
        let name = PlSmallStr::from(sheet.names[place].as_str());
        let cells = cells.map(|cell| Some(cell).filter(|cell| !cell.is_empty()));
        match kind {
            Kind::Whole => Column::new(name, cells.map(|c| c?.parse::<i64>().ok()).collect::<Vec<_>>()),
            Kind::Number => Column::new(name, cells.map(|c| c?.parse::<f64>().ok()).collect::<Vec<_>>()),
            Kind::Flag => Column::new(name, cells.map(|c| c?.parse::<bool>().ok()).collect::<Vec<_>>()),
            Kind::Text => Column::new(name, cells.collect::<Vec<_>>()),
        }
    };
    let columns: Vec<Column> = kinds(sheet).into_iter().enumerate().map(column).collect();
    DataFrame::new(sheet.rows.len(), columns).unwrap()
}

fn of_frame(frame: &DataFrame, columns: &[&str]) -> Sheet {
    let columns: Vec<&Column> = columns.iter().map(|name| frame.column(name).unwrap()).collect();
    let row = |row| columns.iter().map(|column| cell(&column.get(row).unwrap())).collect();
    Sheet {
        names: columns.iter().map(|column| column.name().to_string()).collect(),
        rows: (0..frame.height()).map(row).collect(),
        lines: Vec::new(),
    }
}

/// As it would stand in a CSV of ours.
fn cell(value: &AnyValue) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(text) => text.to_string(),
        AnyValue::StringOwned(text) => text.to_string(),
        AnyValue::Float64(x) => zmij::Buffer::new().format(*x).to_string(),
        AnyValue::Float32(x) => zmij::Buffer::new().format(*x).to_string(),
        value => value.to_string(),
    }
}

fn json_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => zmij::Buffer::new().format(number.as_f64().unwrap()).to_string(),
        value => value.to_string(),
    }
}
