//! What stands in front of the rows: encoding, byte order mark, header or none; which field is which feature, which fields are
//! kept.

use super::dialect::{Dialect, ESCAPE_HINT};
use super::first::First;
use super::record::{BYTE_ORDER_MARK, carriage_return, first_record, names, raw_fields, record, separator};
use super::roles::{Needed, Role};
use crate::format::Columns;
use crate::format::wanted::{Header, Wanted, stands_already};
use crate::model::unicode;
use crate::problem::{Code, Problem, excerpt};
use crate::score::binding::{Places, no_such_column, stands_twice, unmarked};
use crate::score::{Binding, Derivation, Second};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::ops::Range;

/// What stands in front of the rows.
#[derive(Clone, Debug)]
pub struct Head {
    pub layout: Layout,
    /// Where the header stands, without its line end. Empty where there is none.
    pub record: Range<usize>,
    /// Where the rows begin, and how many line feeds stand in front.
    pub end: usize,
    pub lines: u64,
}

/// How to read the records of one input.
#[derive(Clone, Debug)]
pub struct Layout {
    pub dialect: Dialect,
    /// The columns' names; those of the model where the input has no header.
    pub names: Vec<String>,
    /// For each field of a record, what it is needed for.
    pub roles: Vec<Role>,
    pub needed: Vec<Needed>,
    pub kept: Kept,
    /// Of each observed column, among which of them its field's place is noted; none of one that the input doesn't have, or has
    /// twice.
    pub observed: Vec<Option<usize>>,
    /// Of each second model, how its rows come about; or why they can't.
    pub derivations: Vec<Result<Derivation, Problem>>,
    /// Of how many fields it is noted where they stand.
    pub noted: usize,
    pub binding: Binding,
    pub header: bool,
}

/// The input's columns that stand in front of the prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    None,
    All,
    /// The fields' indices, in the order of the output.
    Some(Vec<usize>),
}

impl Head {
    /// Reads the beginning of an input: `first` is its first block, without a byte order mark.
    pub fn read(first: &[u8], wanted: &Wanted) -> Result<Head, Problem> {
        encoding(first)?;
        let Some((delimiter, front)) = separator(first) else {
            return Head::behind(first, wanted);
        };
        let own = Wanted {
            dialect: wanted.dialect.with_delimiter(delimiter),
            ..*wanted
        };
        let head = Head::behind(&first[front..], &own).map_err(|problem| problem.behind(1))?;
        Ok(Head {
            record: head.record.start + front..head.record.end + front,
            end: head.end + front,
            lines: head.lines + 1,
            ..head
        })
    }

    /// The same without Excel's line in front that names the delimiter.
    fn behind(first: &[u8], wanted: &Wanted) -> Result<Head, Problem> {
        let (line, header) = first_record(first, wanted.dialect).ok_or_else(empty)?;
        let layout = Layout::of(line, header, wanted).map_err(|problem| {
            let unescaped = unescaped(problem, first, wanted.dialect);
            nul_byte(first).unwrap_or(unescaped)
        })?;
        if !layout.header {
            let (record, end, lines) = (0..0, 0, 0);
            return Ok(Head {
                layout,
                record,
                end,
                lines,
            });
        }
        let start = header.as_ptr() as usize - first.as_ptr() as usize;
        let record = start..start + header.len();
        // Its line end is what stands up to the line feed.
        let end = memchr(b'\n', &first[record.end..]).map_or(first.len(), |n| record.end + n + 1);
        Ok(Head {
            record,
            end,
            lines: line - 1 + memchr_iter(b'\n', &first[start..end]).count() as u64,
            layout,
        })
    }
}

/// A whole text without its byte order mark.
///
/// # Errors
/// If it is of another encoding.
pub fn without_mark(text: &[u8]) -> Result<&[u8], Problem> {
    encoding(text)?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

impl Layout {
    /// `record`: the first, on which line.
    fn of(line: u64, record: &[u8], wanted: &Wanted) -> Result<Layout, Problem> {
        let Wanted { dialect, signature, .. } = *wanted;
        if let Some(problem) = line_ends(record, dialect) {
            return Err(problem.line(line));
        }
        let fields = names(record, dialect);
        let places = Places::of(&fields);
        let features: Vec<Cow<str>> = signature.inputs.iter().map(|c| unicode::name(&c.name)).collect();
        let find = |name: &str| places.find(name).or_else(|| places.find(unmarked(name)?));
        let names_all = features.iter().all(|f| find(f).is_some());
        let first = match wanted.header {
            Header::Absent if names_all => {
                First::Unclear("it has the model's names, and input.header says that there is none")
            }
            Header::Absent => First::Row,
            Header::Present => First::Header,
            Header::Auto if names_all => First::with_names(&fields, signature, wanted.spelling),
            Header::Auto => First::of(&fields, signature, wanted.features, wanted.known, wanted.spelling),
        };
        match first {
            First::Header => {}
            First::Row => {
                return Layout::by_position(fields.len(), &features, wanted)
                    .map_err(|p| wrong_delimiter(record, &features, wanted).unwrap_or(p).line(line));
            }
            First::DefaultHeader => {
                return Layout::new(fields, Binding::by_position(wanted.features), wanted, true)
                    .map_err(|p| p.line(line));
            }
            First::Unclear(why) => {
                let unclear = || header_unclear(record, why);
                return Err(wrong_delimiter(record, &features, wanted)
                    .unwrap_or_else(unclear)
                    .line(line));
            }
        }
        if !names_all && let Some(p) = wrong_delimiter(record, &features, wanted) {
            return Err(p.line(line));
        }
        if !names_all && let Some(p) = quoted_line(record, &features, dialect) {
            return Err(p.line(line));
        }
        let bound = Binding::by_place(&places, signature, wanted.features);
        bound
            .and_then(|binding| Layout::new(fields, binding, wanted, true))
            .map_err(|p| p.line(line))
    }

    fn by_position(fields: usize, features: &[Cow<str>], wanted: &Wanted) -> Result<Layout, Problem> {
        if fields != features.len() {
            return Err(Problem::new(
                Code::WrongColumnCount,
                format!(
                    "the file has no header, so its columns are taken by position; it has {fields}, the model takes {}",
                    features.len()
                ),
                format!("give it a header, or exactly these columns: {}", features.join(", ")),
            ));
        }
        let names: Vec<String> = features.iter().map(|f| f.to_string()).collect();
        Layout::new(names, Binding::by_position(wanted.features), wanted, false)
    }

    fn new(names: Vec<String>, binding: Binding, wanted: &Wanted, header: bool) -> Result<Layout, Problem> {
        let kept = match wanted.columns {
            Columns::Prediction => Kept::None,
            // As they stand, in the input's own dialect.
            Columns::All if wanted.format.rows == wanted.output.rows => Kept::All,
            Columns::All => Kept::Some((0..names.len()).collect()),
            Columns::Named(wanted) => Kept::Some(
                wanted
                    .iter()
                    .map(|w| {
                        let missing = || {
                            no_such_column(
                                w,
                                &names,
                                &names.iter().map(String::as_str).collect::<Vec<_>>(),
                                "output.columns keeps",
                            )
                        };
                        names.iter().position(|n| *n == unicode::name(w)).ok_or_else(missing)
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let is_kept = |name: &str| match &kept {
            Kept::None => false,
            Kept::All => names.iter().any(|n| n == name),
            Kept::Some(indices) => indices.iter().any(|&i| names[i] == name),
        };
        if kept != Kept::None
            && let Some(twice) = stands_twice(&names, is_kept)
        {
            return Err(twice);
        }
        if let Some(output) = wanted.written().iter().find(|output| is_kept(output)) {
            return Err(stands_already(output));
        }
        let mut roles = vec![Role::default(); names.len()];
        for (feature, &field) in binding.fields.iter().enumerate() {
            roles[field].feature = Some(feature);
        }
        if let Kept::Some(indices) = &kept {
            for (place, &field) in indices.iter().enumerate() {
                roles[field].kept = Some(place);
            }
        }
        let observed = observed(&names, &binding, wanted);
        let observed = observed.into_iter().enumerate();
        // A field may be observed by its own name and by the model's.
        let observed = observed.map(|(place, field)| Some(*roles[field?].noted.get_or_insert(place)));
        let observed = observed.collect();
        let mut noted = wanted.observed.len();
        let derive = |second: &Second| {
            Derivation::of(
                *second,
                header.then_some(&names[..]),
                (wanted.signature, &binding),
                |field| {
                    *roles[field].noted.get_or_insert_with(|| {
                        noted += 1;
                        noted - 1
                    })
                },
            )
        };
        let derivations = wanted.seconds.iter().map(derive).collect();
        Ok(Layout {
            derivations,
            noted,
            dialect: wanted.dialect,
            binding,
            names,
            needed: Needed::of(&roles),
            roles,
            kept,
            observed,
            header,
        })
    }
}

/// The fields of observed columns: of one that the model takes, the one that it takes it from.
fn observed(names: &[String], binding: &Binding, wanted: &Wanted) -> Vec<Option<usize>> {
    let field = |observed: &String| {
        let observed = unicode::name(observed);
        let mut inputs = wanted.signature.inputs.iter();
        if let Some(feature) = inputs.position(|input| unicode::name(&input.name) == observed) {
            return Some(binding.fields[feature]);
        }
        let mut fields = names.iter().enumerate().filter(|(_, name)| **name == observed);
        let (first, second) = (fields.next()?, fields.next());
        second.is_none().then_some(first.0)
    };
    wanted.observed.iter().map(field).collect()
}

pub fn empty() -> Problem {
    Problem::new(
        Code::EmptyFile,
        "the file is empty: not even a header",
        "write the rows to it again; if it should be empty, give it the header line alone",
    )
}

/// The same, with a word on escapes where they may be why.
fn unescaped(problem: Problem, first: &[u8], dialect: Dialect) -> Problem {
    let of_fields = matches!(
        problem.code,
        Code::HeaderUnclear | Code::NoSuchColumn | Code::WrongColumnCount
    );
    match first_record(first, dialect) {
        Some((_, record)) if of_fields && dialect.lacks_escape(record) => Problem {
            hint: format!("{ESCAPE_HINT}; or {}", problem.hint),
            ..problem
        },
        _ => problem,
    }
}

fn header_unclear(record: &[u8], why: &str) -> Problem {
    Problem::new(
        Code::HeaderUnclear,
        format!(
            "whether the first line is a header can't be told, for {why}: {}",
            excerpt(record, 80)
        ),
        "set input.header = true if it is one, or input.header = false if files have none",
    )
}

/// `record`: without its line end. Carriage returns within quotes are text.
fn line_ends(record: &[u8], dialect: Dialect) -> Option<Problem> {
    let at = carriage_return(record, dialect)?;
    let (what, hint) = match at + 1 == record.len() {
        true => (
            "lines end in CR CR LF",
            "open the file with newline=\"\" where Python's csv module writes it on Windows, or: sed 's/\\r\\r$/\\r/' old.csv > new.csv",
        ),
        false => (
            "the first line has carriage returns in it: lines seem to end in CR alone",
            "save it with line feeds (LF or CRLF), for example: tr '\\r' '\\n' < old.csv > new.csv",
        ),
    };
    Some(Problem::new(Code::LineEnds, what, hint))
}

/// A line that is one quoted field, with all fields in it.
fn quoted_line(first: &[u8], features: &[Cow<str>], dialect: Dialect) -> Option<Problem> {
    let [line] = raw_fields(first, dialect)[..] else {
        return None;
    };
    let inner = dialect.text(line.strip_prefix(b"\"").and(Some(line))?);
    if record(&inner, dialect).len() < inner.len() {
        return None; // more than one line is a cell with line feeds
    }
    let within = names(&inner, dialect);
    (within.len() > 1 && features.iter().any(|f| within.iter().any(|name| name == f))).then(|| {
        Problem::new(
            Code::QuotedLines,
            "each line is quoted as a whole, so it has one field",
            "write the rows without quotes around the lines; a spreadsheet does so where a CSV was pasted into one column",
        )
    })
}

/// Tells whether `record` makes sense with another delimiter.
fn wrong_delimiter(record: &[u8], features: &[Cow<str>], wanted: &Wanted) -> Option<Problem> {
    let Wanted { dialect, spelling, .. } = *wanted;
    let fits = |delimiter: u8| {
        let fields = names(record, dialect.with_delimiter(delimiter));
        let named = || features.iter().all(|f| fields.iter().any(|n| n == f));
        // Behind a decimal comma stands a fraction.
        let row = || !(delimiter == b',' && spelling.comma()) && fields.iter().all(|f| spelling.is_value(f.as_bytes()));
        fields.len() > 1 && (named() || row())
    };
    let found = [b',', b';', b'\t', b'|']
        .into_iter()
        .find(|&d| d != dialect.delimiter && fits(d))?;
    let show = |d: u8| match d {
        b'\t' => "tabs".to_string(),
        d => format!("{:?}", d as char),
    };
    let key = match found {
        b'\t' => "\"\\t\"".to_string(),
        d => format!("\"{}\"", d as char),
    };
    Some(Problem::new(
        Code::WrongDelimiter,
        format!(
            "the file is separated by {}, and was read with {}",
            show(found),
            show(dialect.delimiter)
        ),
        format!(
            "set input.delimiter = {key}{}, or save the file with {}",
            match found {
                b',' if spelling.comma() => " and input.decimal = \".\"",
                b';' | b'\t' if !spelling.comma() =>
                    ", and where numbers have a decimal comma (1,5) input.decimal = \",\"",
                _ => "",
            },
            show(dialect.delimiter)
        ),
    ))
}

/// Text that is not UTF-8 at all, told by its first bytes.
pub(in crate::format) fn encoding(first: &[u8]) -> Result<(), Problem> {
    let start = &first[..first.len().min(64)];
    let alternate =
        |zero: usize| start.len() >= 4 && start.iter().enumerate().all(|(i, &b)| (b == 0) == (i % 2 == zero));
    let marked = start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF");
    let utf16 = marked || alternate(0) || alternate(1);
    match utf16 {
        false => Ok(()),
        true => Err(Problem::new(
            Code::Utf16,
            "the file is UTF-16 (Excel's \"Unicode Text\"), not UTF-8",
            "set input.encoding = \"utf-16\" if all files are; or save it as \"CSV UTF-8\", or: iconv -f UTF-16 -t UTF-8 old.csv > \
             new.csv",
        )
        .line(1)),
    }
}

/// A NUL byte in a block, by its line there, counted from 1.
pub fn nul_byte(block: &[u8]) -> Option<Problem> {
    let nul = memchr(0, block)?;
    let problem = Problem::new(
        Code::NulByte,
        "the file has a NUL byte: it is no text, or was damaged on its way (an interrupted upload leaves zeros)",
        "write the file again from its source",
    );
    Some(problem.line(1 + memchr_iter(b'\n', &block[..nul]).count() as u64))
}
