//! What a file is, by its first bytes or by its name, that is not what it should be.

use super::FileFormat;
use crate::problem::{Code, Problem};

/// Where each kind of file begins (its "magic bytes", as file(1) knows them), what it is, and how its rows are scored.
const KINDS: [(&[u8], &str, &str); 16] = [
    (
        b"\x1F\x8B",
        "gzip",
        "end its name in .csv.gz, for input.include to list",
    ),
    (
        b"\x28\xB5\x2F\xFD",
        "Zstandard",
        "end its name in .csv.zst, for input.include to list",
    ),
    (b"BZh", "bzip2", UNPACK),
    (b"\xFD7zXZ\0", "xz", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", UNPACK),
    (b"PK\x03\x04", "a ZIP archive, or an Excel workbook (.xlsx)", EXPORT),
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an old Excel workbook (.xls)",
        EXPORT,
    ),
    (
        b"PAR1",
        "Parquet",
        "end its name in .parquet, for input.include to list",
    ),
    (
        b"ARROW1\0\0",
        "Arrow (Feather)",
        "end its name in .arrow, for input.include to list",
    ),
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
const LINES: &str =
    "if each line is an object, end its name in .jsonl, for input.include to list; else write its rows as a CSV";

/// How names end of files whose rows aren't read, what such a file is, and how its rows are scored. Where one end is part of another,
/// the longer one stands first.
const NAMES: [(&[&str], &str, &str); 21] = [
    (&[".xlsx", ".xlsm", ".xlsb"], "an Excel workbook", EXPORT),
    (&[".xls"], "an old Excel workbook", EXPORT),
    (&[".ods", ".numbers"], "a spreadsheet", EXPORT),
    (
        &[".txt", ".dat", ".data", ".asc", ".prn"],
        "a text whose name doesn't tell its format",
        "if it is a CSV, end its name in .csv, or in .tsv if tabs part its cells",
    ),
    (&[".orc"], "ORC", CONVERT),
    (&[".avro"], "Avro", CONVERT),
    (&[".h5", ".hdf5", ".hdf"], "HDF5", CONVERT),
    (
        &[".pkl", ".pickle"],
        "a pickle, which is code and never loaded",
        CONVERT,
    ),
    (&[".npy", ".npz"], "an array of numpy", CONVERT),
    (&[".sas7bdat", ".xpt"], "a SAS data set", CONVERT),
    (
        &[".sav", ".dta", ".rds", ".rdata"],
        "a file of SPSS, Stata or R",
        CONVERT,
    ),
    (
        &[".db", ".sqlite", ".sqlite3", ".duckdb", ".mdb", ".accdb"],
        "a database",
        CONVERT,
    ),
    (
        &[".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz", ".tar"],
        "a tar archive",
        UNPACK,
    ),
    (&[".zip", ".7z", ".rar"], "an archive", UNPACK),
    (
        &[".bz2", ".xz", ".lz4", ".lzma", ".br", ".z"],
        "compressed otherwise than by gzip and Zstandard",
        UNPACK,
    ),
    (
        &[".gz"],
        "compressed, and its name doesn't tell what stands in it",
        "if it is a CSV, end its name in .csv.gz",
    ),
    (
        &[".zst"],
        "compressed, and its name doesn't tell what stands in it",
        "if it is a CSV, end its name in .csv.zst",
    ),
    (
        &[".arrows"],
        "a stream of Arrow",
        "write its rows as an Arrow file (Feather), .arrow",
    ),
    (&[".pdf", ".docx", ".doc"], "a document", EXPORT),
    (&[".html", ".htm"], "a web page (HTML)", EXPORT),
    (&[".xml"], "XML", CONVERT),
];

/// What begins with `first` instead of a CSV's header or rows. Names and cells of a CSV don't begin so; a name such as `ORC`
/// is told by what follows it. `unpacked`: the file is compressed, and this stands in it.
pub fn foreign(first: &[u8], unpacked: bool) -> Option<Problem> {
    let (what, hint) = known(first)?;
    let problem = match unpacked {
        false => Problem::new(Code::NotCsv, format!("the file is {what}, not CSV"), hint),
        true => Problem::new(
            Code::NotCsv,
            format!("what is compressed in the file is {what}, not CSV"),
            "compress a CSV, once; or name the file by what it is",
        ),
    };
    Some(problem.line(1))
}

/// The same of a file that a person names, in no input folder.
pub fn named(first: &[u8], unpacked: bool) -> Option<Problem> {
    let problem = foreign(first, unpacked)?;
    let hint = problem
        .hint
        .replace(", for input.include to list", "")
        .replace("drop", "name");
    Some(Problem { hint, ..problem })
}

/// What a file is by the end of its name, if it is one whose rows aren't read, and how they are scored.
pub fn by_name(name: &[u8]) -> Option<(&'static str, &'static str)> {
    let has = |end: &&str| {
        let at = name.len().checked_sub(end.len());
        at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
    };
    let mut known = NAMES.iter().filter(|_| FileFormat::glob(name).is_none());
    let known = known.find(|(ends, ..)| ends.iter().any(has));
    known.map(|(_, what, hint)| (*what, *hint))
}

/// What a file is that begins with `first`, as people know it.
pub fn kind(first: &[u8]) -> Option<&'static str> {
    known(first).map(|(what, _)| what)
}

fn known(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let starts = |magic: &[u8]| {
        let is_word = || magic.iter().all(u8::is_ascii_alphanumeric);
        first.starts_with(magic) && !(is_word() && is_text(first))
    };
    let known = KINDS.iter().find(|(magic, ..)| starts(magic));
    if let Some(&(_, what, hint)) = known {
        return Some((what, hint));
    }
    // Behind a file's name, filled with zeros.
    if first.get(257..262) == Some(b"ustar") && first[..257].contains(&0) {
        return Some(("a tar archive", UNPACK));
    }
    markup(first)
}

/// Web pages, XML and JSON: texts that begin with a mark of their own.
fn markup(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
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
    json.then_some(("JSON", LINES))
}

/// Are there none of the bytes that texts don't have? A file of a mark's letters alone is told by one.
pub fn is_text(first: &[u8]) -> bool {
    first[..first.len().min(64)]
        .iter()
        .all(|b| *b >= b' ' || b"\t\n\r".contains(b))
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
            let problem = foreign(first, false).expect(what);
            assert!(problem.message.contains(what), "{problem}");
        }
    }

    #[test]
    fn other_files_are_told_by_their_names() {
        for (name, what, hint) in [
            ("book.XLSX", "an Excel workbook", "CSV UTF-8"),
            ("rows.csv.bz2", "compressed otherwise", "unpack it"),
            ("rows.tar.gz", "a tar archive", "unpack it"),
            ("rows.gz", "doesn't tell what stands in it", ".csv.gz"),
            ("rows.txt", "doesn't tell its format", ".csv"),
            ("rows.avro", "Avro", "pandas"),
        ] {
            let (told, way_out) = by_name(name.as_bytes()).unwrap();
            assert!(
                told.contains(what) && way_out.contains(hint),
                "{name}: {told}; {way_out}"
            );
        }
        for name in ["rows.csv", "rows.csv.gz", "README", "rows", "xlsx", ""] {
            assert_eq!(by_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_tar_is_told_by_what_stands_behind_its_name() {
        let mut tar = b"rows.csv".to_vec();
        tar.resize(257, 0);
        tar.extend_from_slice(b"ustar\x0000");
        let problem = foreign(&tar, true).unwrap();
        assert!(
            problem.message.contains("compressed in the file is a tar archive"),
            "{problem}"
        );
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
            assert_eq!(foreign(first, false), None, "{}", String::from_utf8_lossy(first));
        }
    }
}
