//! The settings that shape an output, beside its input and the lineup: their meaning, and their canonical text.

use crate::format::compression::Limits;
pub use crate::format::{Columns, Dialect, Encoding, Header, OutputFormat};
use crate::model::Marker;
use crate::score::Spelling;
pub use crate::share::Share;
use std::fmt;
use std::fmt::Write;

/// What shapes an output, beside its input and who made it. Two shapes with the same [`text`](Shape::text) give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub encoding: Encoding,
    pub header: Header,
    pub dialect: Dialect,
    pub spelling: Spelling,
    pub bad_rows: BadRows,
    pub max_bad_rows: Limit,
    pub columns: Columns,
    /// Of a classification: a column for each class behind the label.
    pub probabilities: bool,
    /// A last column says which version predicted the row.
    pub model_version: bool,
    pub output: OutputFormat,
    /// Stands in front of the names of the columns behind the kept ones.
    pub prefix: String,
    /// How many times its size a compressed input may have when it isn't compressed.
    pub max_expansion: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// An empty prediction, and a line in the rejects file.
    Blank,
    /// The first bad row fails the file.
    Fail,
}

/// How many bad rows a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Count(u64),
    Share(Share),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Count(n) => write!(f, "{n}"),
            Limit::Share(share) => write!(f, "{share}"),
        }
    }
}

/// The key of the output's format.
const FORMAT: &str = "format";

impl Shape {
    /// What a shape is where nothing is said. Frozen, for the texts that ledgers keep leave it out: a default that changes
    /// changes in the shipped configuration, not here.
    pub const FROZEN: Shape = Shape {
        encoding: Encoding::UTF_8,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::TENTH),
        columns: Columns::Prediction,
        probabilities: false,
        model_version: false,
        output: OutputFormat::Same,
        prefix: String::new(),
        max_expansion: 1000,
    };

    /// What a compressed input may ask for. `memory`: bytes for all that is in flight.
    pub fn limits(&self, memory: u64) -> Limits {
        /// Of what most compress with, and RFC 8878 has every decoder take.
        const WINDOW: u64 = 8 << 20;
        Limits {
            max_expansion: self.max_expansion,
            max_window: memory.max(WINDOW),
        }
    }

    /// The canonical text: a line `key = value` for each key that differs from the frozen defaults. The ledger keeps it; an
    /// output is stale once it differs.
    pub fn text(&self) -> String {
        let Shape {
            encoding,
            header,
            dialect: Dialect { delimiter, escape },
            spelling,
            bad_rows,
            max_bad_rows,
            columns,
            probabilities,
            model_version,
            output,
            prefix,
            max_expansion,
        } = self;
        let missing = spelling.missing_text();
        let shown = |b: u8| char::from(b).escape_default().to_string();
        let header = match header {
            Header::Auto => "auto",
            Header::Present => "true",
            Header::Absent => "false",
        };
        let bad_rows = match bad_rows {
            BadRows::Blank => "blank",
            BadRows::Fail => "fail",
        };
        let columns = match columns {
            Columns::Prediction => "prediction".into(),
            Columns::All => "all".into(),
            Columns::Named(names) => serde_json::to_string(names).expect("names are JSON"),
        };
        let default = Shape::FROZEN;
        let mut text = String::new();
        for (differs, key, value) in [
            (self.header != default.header, "header", header),
            (*delimiter != default.dialect.delimiter, "delimiter", &shown(*delimiter)),
            (missing.is_some(), "missing", missing.as_deref().unwrap_or_default()),
            (spelling.comma(), "decimal", ","),
            (self.bad_rows != default.bad_rows, "bad_rows", bad_rows),
            (
                *max_bad_rows != default.max_bad_rows,
                "max_bad_rows",
                &max_bad_rows.to_string(),
            ),
            (self.columns != default.columns, "columns", &columns),
            (
                *probabilities != default.probabilities,
                "probabilities",
                &probabilities.to_string(),
            ),
            (*model_version, "model_version", "true"),
            (*encoding != default.encoding, "encoding", &encoding.name()),
            (escape.is_some(), "escape", &escape.map(shown).unwrap_or_default()),
            (*output != default.output, FORMAT, output.name()),
            (!prefix.is_empty(), "prefix", prefix),
            (
                *max_expansion != default.max_expansion,
                "max_expansion",
                &max_expansion.to_string(),
            ),
        ] {
            if differs {
                writeln!(text, "{key} = {value}").expect("a text takes texts");
            }
        }
        text
    }

    /// The shape of a canonical text; none of any other text.
    pub fn parse(text: &str) -> Option<Shape> {
        let byte = |value: &str| match value.as_bytes() {
            b"\\t" => Some(b'\t'),
            [b'\\', byte] | [byte] => Some(*byte),
            _ => None,
        };
        let mut shape = Shape::FROZEN;
        let (mut missing, mut comma) = (None, false);
        for line in text.split_terminator('\n') {
            let (key, value) = line.split_once(" = ")?;
            match key {
                "header" if value == "true" => shape.header = Header::Present,
                "header" => shape.header = Header::Absent,
                "delimiter" => shape.dialect.delimiter = byte(value)?,
                "missing" => missing = Some(serde_json::from_str::<Vec<Marker>>(value).ok()?),
                "decimal" => comma = true,
                "bad_rows" => shape.bad_rows = BadRows::Fail,
                "max_bad_rows" => {
                    shape.max_bad_rows = match value.parse() {
                        Ok(most) => Limit::Count(most),
                        Err(_) => Limit::Share(value.parse().ok()?),
                    }
                }
                "columns" if value == "all" => shape.columns = Columns::All,
                "columns" => shape.columns = Columns::Named(serde_json::from_str(value).ok()?),
                "probabilities" => shape.probabilities = true,
                "model_version" => shape.model_version = true,
                "encoding" => shape.encoding = Encoding::parse(value)?,
                "escape" => shape.dialect.escape = Some(byte(value)?),
                FORMAT => shape.output = OutputFormat::parse(value)?,
                "prefix" => shape.prefix = value.into(),
                "max_expansion" => shape.max_expansion = value.parse().ok()?,
                _ => return None,
            }
        }
        shape.spelling = match missing {
            Some(markers) => Spelling::new(&markers, comma),
            None => Spelling::usual(comma),
        };
        // What was taken for something else, or left out, isn't written again.
        (shape.text() == text).then_some(shape)
    }

    /// The format of outputs of a shape, by its canonical text.
    pub fn output_of(text: &str) -> OutputFormat {
        let value = |line: &'_ str| {
            line.strip_prefix(FORMAT)?
                .strip_prefix(" = ")
                .and_then(OutputFormat::parse)
        };
        text.lines().find_map(value).unwrap_or(Shape::FROZEN.output)
    }

    /// What ledgers of schema 1 and 2 kept in place of the text: a hash of what Rust's `Debug` made of the settings then.
    /// Frozen, for comparison with theirs only.
    pub fn legacy_hash(&self) -> String {
        let limit = match self.max_bad_rows {
            Limit::Count(n) => format!("Count({n})"),
            Limit::Share(share) => {
                let percent: f64 = share.to_string().trim_end_matches('%').parse().expect("a number");
                format!("Share({:?})", percent / 100.0)
            }
        };
        let probabilities = if self.probabilities {
            ", probabilities: true"
        } else {
            ""
        };
        let Shape {
            header,
            dialect,
            bad_rows,
            max_bad_rows,
            columns,
            ..
        } = self.clone();
        let delimiter = dialect.delimiter;
        let known = Shape {
            header,
            dialect: Dialect::plain(delimiter),
            bad_rows,
            max_bad_rows,
            columns: columns.clone(),
            probabilities: self.probabilities,
            ..Shape::FROZEN
        };
        // What those ledgers didn't know makes a hash that none of them has.
        let text = self.text();
        let later = if known.text() == text { String::new() } else { text };
        let all = format!(
            "Settings {{ header: {header:?}, delimiter: {delimiter}, bad_rows: {bad_rows:?}, max_bad_rows: {limit}, \
             columns: {columns:?}{probabilities}{later} }}"
        );
        blake3::hash(all.as_bytes()).to_hex()[..16].to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(percent: &str) -> Share {
        Share::parse(percent).unwrap()
    }

    #[test]
    fn the_text_says_what_differs_from_the_defaults() {
        assert_eq!(Shape::FROZEN.text(), "");
        let shape = Shape {
            encoding: Encoding::parse("latin1").unwrap(),
            header: Header::Absent,
            dialect: Dialect {
                delimiter: b'\t',
                escape: Some(b'\\'),
            },
            spelling: Spelling::new(&[Marker::Text("?".into()), Marker::Number(-999.0)], true),
            bad_rows: BadRows::Fail,
            max_bad_rows: Limit::Share(share("7")),
            columns: Columns::Named(vec!["a\nb".into(), "\"".into()]),
            probabilities: true,
            model_version: true,
            output: OutputFormat::JsonLines,
            prefix: "our_".into(),
            max_expansion: 7,
        };
        assert_eq!(
            shape.text(),
            "header = false\ndelimiter = \\t\nmissing = [\"?\",-999.0]\ndecimal = ,\nbad_rows = fail\nmax_bad_rows = 7%\ncolumns = [\"a\\nb\",\"\\\"\"]\nprobabilities = \
             true\nmodel_version = true\nencoding = windows-1252\nescape = \\\\\nformat = jsonl\nprefix = our_\nmax_expansion = 7\n"
        );
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let limit = prop_oneof![
            any::<u64>().prop_map(Limit::Count),
            (0u32..=100_000).prop_map(|n| Limit::Share(share(&format!("{}.{:03}", n / 1000, n % 1000)))),
        ];
        let name = || prop_oneof!["[ -~\u{e4}\n\"\\\\]{0,8}", Just("format = csv".to_string())];
        let columns = prop_oneof![
            Just(Columns::Prediction),
            Just(Columns::All),
            prop::collection::vec(name(), 0..3).prop_map(Columns::Named),
        ];
        let marker = prop_oneof![name().prop_map(Marker::Text), (-1e9..1e9).prop_map(Marker::Number)];
        let missing = prop::option::of(prop::collection::vec(marker.prop_map(Marker::read), 0..4));
        let delimiter = prop::sample::select(br"\t,;|:~\^ !#$%&()*/<=>?@[]_`{}".map(char::from).to_vec());
        let settings = (
            prop::sample::select(vec!["utf-8", "latin1", "utf-16le", "shift_jis"]),
            prop::sample::select(vec![Header::Auto, Header::Present, Header::Absent]),
            (delimiter, prop::option::of(prop::sample::select(br"\^~!#".to_vec()))),
            (missing, any::<bool>()),
            prop::sample::select(vec![BadRows::Blank, BadRows::Fail]),
            limit,
            columns,
            any::<(bool, bool)>(),
            prop::sample::select(OutputFormat::ALL.to_vec()),
            ("[ -~\u{e4}]{0,8}", any::<u32>()),
        );
        settings.prop_map(
            |(encoding, header, dialect, spelling, bad_rows, max_bad_rows, columns, flags, output, (prefix, most))| {
                Shape {
                    encoding: Encoding::parse(encoding).unwrap(),
                    header,
                    dialect: Dialect {
                        delimiter: dialect.0 as u8,
                        escape: dialect.1,
                    },
                    spelling: match spelling {
                        (Some(markers), comma) => Spelling::new(&markers, comma),
                        (None, comma) => Spelling::usual(comma),
                    },
                    bad_rows,
                    max_bad_rows,
                    columns,
                    probabilities: flags.0,
                    model_version: flags.1,
                    output,
                    prefix,
                    max_expansion: most,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_shape_is_read_from_its_text(shape in shapes()) {
            prop_assert_eq!(Shape::parse(&shape.text()), Some(shape));
        }

        #[test]
        fn no_other_text_is_a_shape(shape in shapes(), at in any::<prop::sample::Index>(), byte in "[ -~\n]?") {
            let mut text = shape.text();
            let at = at.index(text.len() + 1);
            if text.is_char_boundary(at) {
                text.insert_str(at, &byte);
                prop_assert!(Shape::parse(&text).is_none_or(|shape| shape.text() == text));
            }
        }
    }

    #[test]
    fn the_text_tells_the_format_of_the_output() {
        for output in OutputFormat::ALL {
            // What people write stands in one line, behind its key.
            let shape = Shape {
                output,
                prefix: "format = csv".into(),
                columns: Columns::Named(vec!["a\nformat = jsonl".into()]),
                ..Shape::FROZEN
            };
            assert_eq!(Shape::output_of(&shape.text()), output);
        }
        assert_eq!(Shape::output_of("067cfcd1af44dd14"), OutputFormat::Same);
    }

    /// As version 0.1 of this program computed them.
    #[test]
    fn the_hashes_of_older_ledgers_are_frozen() {
        assert_eq!(Shape::FROZEN.legacy_hash(), "887b5de8007d6051");
        let shape = Shape {
            max_bad_rows: Limit::Share(share("29")),
            columns: Columns::Named(vec!["id".into()]),
            probabilities: true,
            ..Shape::FROZEN
        };
        assert_eq!(shape.legacy_hash(), "067cfcd1af44dd14");
    }
}
