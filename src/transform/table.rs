//! Records -> columns by the layout. Marks bad rows, and goes on behind them.

use super::blocks::closing_quote;
use super::layout::{Kept, Layout, unquote};
use memchr::{memchr_iter, memchr2};

/// Rows of one batch: its columns stay in a core's nearest cache while they are read, scored and written out.
pub const BATCH: usize = 1024;

/// A batch of rows as columns. All positions are in the block that was read.
pub struct Table<'a> {
    layout: &'a Layout,
    pub rows: usize,
    /// One column per feature, `BATCH` long; the value of a bad row means nothing.
    columns: Vec<Vec<f64>>,
    /// `[row][kept column]`: where the field stands.
    kept: Vec<(usize, usize)>,
    /// `[row]`: where the record stands, without its line end.
    records: Vec<(usize, usize)>,
    /// In the order of the rows.
    pub flaws: Vec<Flaw>,
}

/// Why a row is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub row: usize,
    /// The line on which the record begins, counted from 0 at the beginning of the block.
    pub line: u64,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The record has another number of fields than the header.
    FieldCount {
        found: usize,
    },
    /// The index of a quoted field with text behind its closing quote.
    AfterQuote {
        field: usize,
    },
    NotANumber {
        field: usize,
    },
    Missing {
        field: usize,
    },
}

impl Reason {
    pub fn field(self) -> Option<usize> {
        match self {
            Reason::FieldCount { .. } => None,
            Reason::AfterQuote { field } | Reason::NotANumber { field } | Reason::Missing { field } => Some(field),
        }
    }

    /// Where the fields of the record are can't be told, so none of them is kept.
    pub fn hides_fields(self) -> bool {
        matches!(self, Reason::FieldCount { .. } | Reason::AfterQuote { .. })
    }

    pub fn text(self, expected: usize) -> String {
        match self {
            Reason::FieldCount { found } => {
                let s = if found == 1 { "" } else { "s" };
                format!("{found} field{s} instead of {expected}")
            }
            Reason::AfterQuote { .. } => "text after a closing quote".into(),
            Reason::NotANumber { .. } => "not a number".into(),
            Reason::Missing { .. } => "missing value".into(),
        }
    }
}

impl<'a> Table<'a> {
    pub fn new(layout: &'a Layout) -> Table<'a> {
        let kept = match &layout.kept {
            Kept::Some(indices) => indices.len(),
            Kept::None | Kept::All => 0,
        };
        Table {
            layout,
            rows: 0,
            columns: vec![vec![0.0; BATCH]; layout.features],
            kept: vec![(0, 0); kept * BATCH],
            records: Vec::with_capacity(BATCH),
            flaws: Vec::new(),
        }
    }

    /// One slice of `rows` values per feature.
    pub fn columns(&self) -> Vec<&[f64]> {
        self.columns.iter().map(|c| &c[..self.rows]).collect()
    }

    pub fn record(&self, row: usize) -> (usize, usize) {
        self.records[row]
    }

    /// Where the kept fields of a row stand, in the order of the output.
    pub fn kept(&self, row: usize) -> &[(usize, usize)] {
        let width = self.kept.len() / BATCH;
        &self.kept[row * width..(row + 1) * width]
    }

    /// Reads the next records of `block` from `at` on, which is on line `line`; at most `BATCH`. Returns where it
    /// stopped. `block` ends with a line feed and holds whole records.
    pub fn fill(&mut self, block: &[u8], mut at: usize, line: &mut u64) -> usize {
        self.rows = 0;
        self.records.clear();
        self.flaws.clear();
        while at < block.len() && self.rows < BATCH {
            match &block[at..] {
                [b'\n', ..] => at += 1,
                [b'\r', b'\n', ..] => at += 2,
                _ => {
                    let (end, lines) = self.read_record(block, at, *line);
                    at = end;
                    *line += lines;
                    self.rows += 1;
                }
            }
            *line += 1;
        }
        at
    }

    /// Returns where the next record begins, and how many line feeds stand inside of this one.
    fn read_record(&mut self, block: &[u8], start: usize, line: u64) -> (usize, u64) {
        let layout = self.layout;
        let (row, width) = (self.rows, self.kept.len() / BATCH);
        let mut flaw = None;
        let mut after_quote = None;
        let mut lines = 0;
        let mut field = 0;
        let mut at = start;
        loop {
            let role = layout.roles.get(field).copied().unwrap_or_default();
            let quoted = block[at] == b'"';
            let mut end; // the delimiter or line feed behind the field
            let mut value = None;
            if quoted {
                let closing = closing_quote(block, at + 1).expect("blocks hold whole records");
                end = closing + 1;
                lines += memchr_iter(b'\n', &block[at..end]).count() as u64;
                if !ends_field(block, end, layout.delimiter) {
                    after_quote = after_quote.or(Some(Reason::AfterQuote { field }));
                }
            } else {
                end = at;
                if role.feature.is_some()
                    && let Ok((x, length)) = fast_float2::parse_partial::<f64, _>(&block[at..])
                    && ends_field(block, at + length, layout.delimiter)
                    && !x.is_nan()
                {
                    end = at + length;
                    value = Some(Number::Value(x));
                }
            }
            if block[end] != layout.delimiter && block[end] != b'\n' {
                end += memchr2(layout.delimiter, b'\n', &block[end..]).expect("ends in a line feed");
            }
            let last = block[end] == b'\n';
            let text_end = end - usize::from(last && end > at && block[end - 1] == b'\r');
            if let Some(feature) = role.feature {
                let text = &block[at..text_end];
                match value.unwrap_or_else(|| number(trim(&unquote(text)))) {
                    Number::Value(x) => self.columns[feature][row] = x,
                    Number::Missing => flaw = flaw.or(Some(Reason::Missing { field })),
                    Number::Invalid => flaw = flaw.or(Some(Reason::NotANumber { field })),
                }
            }
            if let Some(place) = role.kept {
                self.kept[row * width + place] = (at, text_end);
            }
            field += 1;
            at = end + 1;
            if last {
                self.records.push((start, text_end));
                break;
            }
        }
        let expected = layout.roles.len();
        let count = (field != expected).then_some(Reason::FieldCount { found: field });
        if let Some(reason) = after_quote.or(count).or(flaw) {
            self.flaws.push(Flaw { row, line, reason });
        }
        (at, lines)
    }
}

/// Does a field end at `at`: with a delimiter, a line feed, or a carriage return and a line feed?
fn ends_field(block: &[u8], at: usize, delimiter: u8) -> bool {
    block[at] == delimiter || block[at] == b'\n' || block[at..].starts_with(b"\r\n")
}

/// What the text of a cell says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Value(f64),
    Missing,
    Invalid,
}

/// Reads a cell without spaces around it, correctly rounded. Nothing, `NA`, `N/A`, `NaN` and `null`, in any case,
/// mean that the value is missing.
pub fn number(cell: &[u8]) -> Number {
    const MISSING: [&str; 4] = ["NA", "N/A", "NaN", "null"];
    if cell.is_empty() || MISSING.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(cell)) {
        return Number::Missing;
    }
    match fast_float2::parse::<f64, _>(cell) {
        Ok(x) if x.is_nan() => Number::Missing,
        Ok(x) => Number::Value(x),
        Err(_) => Number::Invalid,
    }
}

/// Without the spaces and tabs around it.
pub fn trim(cell: &[u8]) -> &[u8] {
    let space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = cell.iter().position(|b| !space(b)).unwrap_or(cell.len());
    let end = cell.iter().rposition(|b| !space(b)).map_or(start, |n| n + 1);
    &cell[start..end]
}
