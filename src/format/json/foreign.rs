//! What a file is that is no JSON Lines, by its beginning.

use super::Document;
use crate::format::csv::head;
use crate::format::foreign::kind;
use crate::problem::{Code, Problem, excerpt};
use memchr::memchr;

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// What begins with `first` instead of with objects, a line each. `ended`: that is all of it. Single lines that are none are bad rows;
/// here it is told what no line of a file can mend.
pub fn foreign(first: &[u8], ended: bool) -> Option<Problem> {
    if head::encoding(first).is_err() {
        let hint = "JSON is UTF-8: write it so, for example: iconv -f UTF-16 -t UTF-8 old.jsonl > new.jsonl";
        return Some(Problem::new(Code::Utf16, "the file is UTF-16, not UTF-8", hint).line(1));
    }
    let text = first.strip_prefix(MARK).unwrap_or(first).trim_ascii_start();
    if let Some(what) = kind(first).filter(|what| *what != "JSON") {
        let hint = "end its name in the extension of what it is, for input.include to list; or write its rows as JSON Lines, an object a line";
        return Some(refused(&format!("the file is {what}"), hint));
    }
    let line = memchr(b'\n', text).map(|feed| &text[..feed]);
    let line = line.or_else(|| ended.then_some(text))?.trim_ascii_end();
    let rest = text.get(1..).unwrap_or_default().trim_ascii_start();
    let is_json = Document::check(line).is_ok();
    match text.first()? {
        b'{' if line == b"{" => Some(refused(
            "its objects stand over several lines each",
            "write an object a line, for example: jq -c . old.json > new.jsonl",
        )),
        b'[' if !is_json || rest.starts_with(b"{") => Some(refused(
            "it is one JSON array",
            "write an object a line, for example: jq -c '.[]' old.json > new.jsonl",
        )),
        b'{' | b'[' => None,
        _ if is_json
            || text
                .split(|b| *b == b'\n')
                .any(|line| line.trim_ascii_start().starts_with(b"{")) =>
        {
            None
        }
        _ => {
            let what = format!("it begins with {}", excerpt(line, 80));
            let hint = "is it a CSV? End its name in .csv; or write an object a line, such as {\"x\": 0.3}";
            Some(refused(&what, hint))
        }
    }
}

fn refused(what: &str, hint: &str) -> Problem {
    let message = format!("the file is not JSON Lines, an object a line: {what}");
    Problem::new(Code::NotJsonLines, message, hint).line(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_by_their_beginning() {
        for (first, says) in [
            (&b"\x1F\x8B\x08\0"[..], "gzip"),
            (b"PAR1\x15\x04\x15", "Parquet"),
            (b"<!doctype html>", "web page"),
            (b"x,y\n1,2\n", "begins with x,y"),
            (b"name;x\na;1", "begins with name;x"),
            (b"[\n  {\"x\": 1}\n]\n", "array"),
            (b"\xEF\xBB\xBF [{\"x\": 1},\n{\"x\": 2}]\n", "array"),
            (b"[{\"x\": 1}, {\"x\": 2}]\n", "array"),
            (b"[[1, 2],\n[3, 4]]\n", "array"),
            (b"{\n  \"x\": 1\n}\n", "over several lines"),
        ] {
            let problem = foreign(first, true).expect(says);
            assert_eq!((problem.code, problem.line), (Code::NotJsonLines, Some(1)));
            assert!(problem.message.contains(says), "{problem}");
        }
        for first in [&b"\xFF\xFE{\0}\0\n\0"[..], b"{\0\"\0x\0\"\0:\0}\0"] {
            assert_eq!(foreign(first, true).unwrap().code, Code::Utf16);
        }
    }

    #[test]
    fn lines_that_are_no_objects_make_no_other_file() {
        for first in [
            &b""[..],
            b"\n\n",
            b"{\"x\": 1}\n",
            b"\xEF\xBB\xBF{}\n",
            b"oops\n{\"x\": 1}\n",
            b"{\"x\": 1\n{\"x\": 1}\n",
            b"[0.3]\n[0.4]\n",
            b"null\n",
            b"{",
        ] {
            let problem = foreign(first, first.len() > 1);
            assert_eq!(problem, None, "{}", first.escape_ascii());
        }
    }
}
