//! What a file is that is no CSV, by its first bytes.

use crate::problem::{Code, Problem};

/// Where each kind of file begins (its "magic bytes", as file(1) knows them), what it is, and how its rows become a CSV.
const KINDS: [(&[u8], &str, &str); 16] = [
    (b"\x1F\x8B", "gzip", UNPACK),
    (b"\x28\xB5\x2F\xFD", "Zstandard", UNPACK),
    (b"BZh", "bzip2", UNPACK),
    (b"\xFD7zXZ\0", "xz", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", UNPACK),
    (b"PK\x03\x04", "a ZIP archive, or an Excel workbook (.xlsx)", EXPORT),
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an old Excel workbook (.xls)",
        EXPORT,
    ),
    (b"PAR1", "Parquet", CONVERT),
    (b"ARROW1\0\0", "Arrow (Feather)", CONVERT),
    (b"ORC", "ORC", CONVERT),
    (b"Obj\x01", "Avro", CONVERT),
    (b"\x89HDF\r\n\x1A\n", "HDF5", CONVERT),
    (b"SQLite format 3\0", "an SQLite database", CONVERT),
    (b"%PDF-", "PDF", EXPORT),
    (b"\xFF\xFE\0\0", "UTF-32", RECODE),
    (b"\0\0\xFE\xFF", "UTF-32", RECODE),
];

const UNPACK: &str = "unpack it, and drop the CSV in it";
const EXPORT: &str = "open it, and save or export its rows as \"CSV UTF-8\"";
const CONVERT: &str = "write its rows as a CSV, for example with DuckDB or pandas";
const RECODE: &str = "save it as UTF-8, for example: iconv -f UTF-32 -t UTF-8 old.csv > new.csv";

/// What begins with `first` instead of a CSV's header or rows. Names and cells of a CSV don't begin so; a name such as `ORC`
/// is told by what follows it.
pub fn foreign(first: &[u8]) -> Option<Problem> {
    let starts = |magic: &[u8]| {
        let is_word = || magic.iter().all(u8::is_ascii_alphanumeric);
        // A file of these letters alone is told by a byte that no text has.
        first.starts_with(magic) && !(is_word() && is_text(&first[..first.len().min(64)]))
    };
    let known = KINDS.iter().find(|(magic, ..)| starts(magic));
    let (what, hint) = match known {
        Some(&(_, what, hint)) => (what, hint),
        None => markup(first)?,
    };
    Some(Problem::new(Code::NotCsv, format!("the file is {what}, not CSV"), hint).line(1))
}

/// Web pages, XML and JSON: texts that begin with a mark of their own.
fn markup(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = first.strip_prefix(super::record::BYTE_ORDER_MARK).unwrap_or(first);
    let text = text.trim_ascii_start();
    let begins = |mark: &str| {
        let start = text.get(..mark.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(mark.as_bytes()))
    };
    if ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|mark| begins(mark))
    {
        let page = "is it a page for logging in, or of an error, that was saved in the file's place? Download it again";
        return Some(("a web page (HTML)", page));
    }
    if begins("<?xml") {
        return Some(("XML", CONVERT));
    }
    let next = |opening: u8| {
        let rest = text.strip_prefix(&[opening])?;
        rest.trim_ascii_start().first().copied()
    };
    let json = matches!(next(b'{'), Some(b'"' | b'}')) || matches!(next(b'['), Some(b'{' | b'[' | b']'));
    json.then_some(("JSON", CONVERT))
}

/// Has it none of the bytes that texts don't have?
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b >= b' ' || b"\t\n\r".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_by_their_first_bytes() {
        for (first, what) in [
            (&b"\x1F\x8B\x08\0"[..], "gzip"),
            (b"PK\x03\x04\x14\0", "Excel workbook (.xlsx)"),
            (b"PAR1\x15\x04\x15", "Parquet"),
            (b"ORC\x0A\x03", "ORC"),
            (b"BZh91AY&SY\x01", "bzip2"),
            (b"\n <!DOCTYPE html>", "HTML"),
            (b"\xEF\xBB\xBF<?xml version", "XML"),
            (b"[\n  {\"a\": 1}]", "JSON"),
            (b"{\"a\": 1}\n", "JSON"),
            (b"\xFF\xFE\0\0x\0\0\0", "UTF-32"),
        ] {
            let problem = foreign(first).expect(what);
            assert!(problem.message.contains(what), "{problem}");
        }
    }

    #[test]
    fn a_csv_is_not_told_for_another_file() {
        for first in [
            &b"ORC,x\n1,2\n"[..],
            b"PAR1\n5\n",
            b"BZh,a\n",
            b"<5,>5\n1,2\n",
            b"{a},b\n",
            b"[a],[b]\n",
            b"%PDF\n1\n",
            b"PK,x\n",
            b"",
        ] {
            assert_eq!(foreign(first), None, "{}", String::from_utf8_lossy(first));
        }
    }
}
