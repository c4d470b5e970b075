//! What a file holds, by its name; and by that, the name of its output.

use serde::{Deserialize, Serialize};

/// How rows stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFormat {
    #[default]
    Csv,
    /// Tabs part its fields, whatever the settings say.
    Tsv,
    JsonLines,
    Parquet,
    /// An Arrow IPC file, which Feather is, too.
    Arrow,
    /// An Arrow IPC stream: between programs. No file's name tells it.
    ArrowStream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// How a file's rows stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FileFormat {
    pub rows: RowFormat,
    pub compression: Compression,
}

/// The format of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// The input's.
    #[default]
    Same,
    Csv,
    JsonLines,
    Parquet,
}

const EXTENSIONS: [(&str, RowFormat); 8] = [
    (".csv", RowFormat::Csv),
    (".tsv", RowFormat::Tsv),
    (".jsonl", RowFormat::JsonLines),
    (".ndjson", RowFormat::JsonLines),
    // Spark names its JSON Lines so.
    (".json", RowFormat::JsonLines),
    (".parquet", RowFormat::Parquet),
    (".arrow", RowFormat::Arrow),
    (".feather", RowFormat::Arrow),
];

const PACKED: [(&str, Compression); 2] = [(".gz", Compression::Gzip), (".zst", Compression::Zstd)];

/// What the end of a name tells: of rows, if it is known, and of compression.
fn extensions(name: &[u8]) -> (Option<(&'static str, RowFormat)>, (&'static str, Compression)) {
    let has = |name: &[u8], end: &str| {
        let at = name.len().checked_sub(end.len());
        at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
    };
    let packed = PACKED.into_iter().find(|(end, _)| has(name, end));
    let packed = packed.unwrap_or(("", Compression::None));
    let stem = &name[..name.len() - packed.0.len()];
    (EXTENSIONS.into_iter().find(|(end, _)| has(stem, end)), packed)
}

impl RowFormat {
    /// Has it fields, parted by a delimiter?
    pub fn is_csv(self) -> bool {
        matches!(self, RowFormat::Csv | RowFormat::Tsv)
    }
}

impl FileFormat {
    /// How names of files end, without the point: of all formats.
    pub const NAMES: [&str; 18] = [
        "csv",
        "csv.gz",
        "csv.zst",
        "tsv",
        "tsv.gz",
        "tsv.zst",
        "jsonl",
        "jsonl.gz",
        "jsonl.zst",
        "ndjson",
        "ndjson.gz",
        "ndjson.zst",
        "json",
        "json.gz",
        "json.zst",
        "parquet",
        "arrow",
        "feather",
    ];

    /// By a file's name; in upper or lower case. What has no known extension is a CSV: people name theirs as they like.
    pub fn of(name: &[u8]) -> FileFormat {
        let (rows, (_, compression)) = extensions(name);
        FileFormat {
            rows: rows.map(|(_, rows)| rows).unwrap_or_default(),
            compression,
        }
    }

    /// The glob that has a name, and others of its format; `None` if its extension is none that is known.
    pub fn glob(name: &[u8]) -> Option<String> {
        let (rows, (packed, _)) = extensions(name);
        rows.map(|(end, _)| format!("*{end}{packed}"))
    }

    pub fn is_plain_csv(self) -> bool {
        self == FileFormat::default()
    }

    /// Are its rows text, with lines?
    pub fn is_text(self) -> bool {
        !matches!(
            self.rows,
            RowFormat::Parquet | RowFormat::Arrow | RowFormat::ArrowStream
        )
    }

    /// Of an input's output.
    pub fn output(self, format: OutputFormat) -> FileFormat {
        let plain = |rows| FileFormat {
            rows,
            compression: Compression::None,
        };
        match format {
            OutputFormat::Same => self,
            OutputFormat::Csv => plain(RowFormat::Csv),
            OutputFormat::JsonLines => plain(RowFormat::JsonLines),
            OutputFormat::Parquet => plain(RowFormat::Parquet),
        }
    }

    /// What stands behind an input's name in its output's, by the output's format. Other programs read the format by the end of the
    /// name.
    fn extension(self) -> &'static str {
        match (self.rows, self.compression) {
            (RowFormat::Csv, Compression::None) => ".out.csv",
            (RowFormat::Csv, Compression::Gzip) => ".out.csv.gz",
            (RowFormat::Csv, Compression::Zstd) => ".out.csv.zst",
            (RowFormat::Tsv, Compression::None) => ".out.tsv",
            (RowFormat::Tsv, Compression::Gzip) => ".out.tsv.gz",
            (RowFormat::Tsv, Compression::Zstd) => ".out.tsv.zst",
            (RowFormat::JsonLines, Compression::None) => ".out.jsonl",
            (RowFormat::JsonLines, Compression::Gzip) => ".out.jsonl.gz",
            (RowFormat::JsonLines, Compression::Zstd) => ".out.jsonl.zst",
            // These compress their columns themselves.
            (RowFormat::Parquet, _) => ".out.parquet",
            (RowFormat::Arrow, _) => ".out.arrow",
            // Arrow's own extension of streams.
            (RowFormat::ArrowStream, _) => ".out.arrows",
        }
    }
}

impl OutputFormat {
    pub const ALL: [OutputFormat; 4] = [
        OutputFormat::Same,
        OutputFormat::Csv,
        OutputFormat::JsonLines,
        OutputFormat::Parquet,
    ];

    /// As settings name it.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Same => "same",
            OutputFormat::Csv => "csv",
            OutputFormat::JsonLines => "jsonl",
            OutputFormat::Parquet => "parquet",
        }
    }

    pub fn parse(name: &str) -> Option<OutputFormat> {
        OutputFormat::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What stands behind an input's name in its output's. Of a CSV it is `.out`, as it was before there were other formats.
    pub fn suffix(self, input: &[u8]) -> &'static str {
        let input = FileFormat::of(input);
        let output = input.output(self);
        match input.is_plain_csv() && output.is_plain_csv() {
            true => ".out",
            false => output.extension(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_named_by_its_input_and_its_format() {
        use OutputFormat::*;
        for (input, format, suffix) in [
            ("x.csv", Same, ".out"),
            ("X.CSV", Csv, ".out"),
            ("rows-1", Same, ".out"),
            ("x.csv", JsonLines, ".out.jsonl"),
            ("x.csv", Parquet, ".out.parquet"),
            ("x.tsv", Same, ".out.tsv"),
            ("x.tsv", Csv, ".out.csv"),
            ("x.csv.gz", Same, ".out.csv.gz"),
            ("x.CSV.ZST", Same, ".out.csv.zst"),
            ("x.csv.gz", Csv, ".out.csv"),
            ("x.jsonl", Same, ".out.jsonl"),
            ("x.ndjson.gz", Same, ".out.jsonl.gz"),
            ("part-0.json", Same, ".out.jsonl"),
            ("part-0.json.gz", Same, ".out.jsonl.gz"),
            ("part-0.snappy.parquet", Same, ".out.parquet"),
            ("part-0.c000.gz.parquet", Same, ".out.parquet"),
            ("part-0.c000.csv.gz", JsonLines, ".out.jsonl"),
            ("x.parquet", Same, ".out.parquet"),
            ("x.parquet", Csv, ".out.csv"),
            ("x.feather", Same, ".out.arrow"),
            ("x.arrow", JsonLines, ".out.jsonl"),
        ] {
            assert_eq!(format.suffix(input.as_bytes()), suffix, "{input} {format:?}");
        }
    }

    #[test]
    fn the_names_are_those_of_all_formats() {
        let mut all = Vec::new();
        for (end, rows) in EXTENSIONS {
            let is_text = FileFormat {
                rows,
                ..FileFormat::default()
            }
            .is_text();
            let packed = if is_text { &["", ".gz", ".zst"][..] } else { &[""] };
            all.extend(packed.iter().map(|packed| format!("{}{packed}", &end[1..])));
        }
        assert_eq!(FileFormat::NAMES.to_vec(), all);
    }

    #[test]
    fn a_glob_has_a_name_and_others_of_its_format() {
        for (name, glob) in [
            ("day.CSV.gz", Some("*.csv.gz")),
            ("part-0.snappy.parquet", Some("*.parquet")),
            ("part-0.json", Some("*.json")),
            ("README", None),
            ("x.gz", None),
            ("", None),
        ] {
            assert_eq!(FileFormat::glob(name.as_bytes()).as_deref(), glob, "{name}");
        }
    }

    /// What stands behind the last `.out` names the format, and what stands in front of it the input.
    #[test]
    fn no_two_inputs_share_an_output() {
        let ends = [
            "", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".out",
        ];
        let names = ends
            .iter()
            .flat_map(|end| ends.iter().map(move |last| format!("x{end}{last}")));
        let names = names.flat_map(|name| ["", ".gz", ".zst"].map(|packed| format!("{name}{packed}")));
        let names: std::collections::BTreeSet<String> = names.collect();
        for format in OutputFormat::ALL {
            let mut outputs = std::collections::HashMap::new();
            for name in &names {
                let output = format!("{name}{}", format.suffix(name.as_bytes()));
                if let Some(other) = outputs.insert(output, name) {
                    panic!("{name} and {other}: {format:?}");
                }
            }
        }
    }
}
