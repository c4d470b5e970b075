//! The grammar of records. A quote opens a quoted field only where a field begins; a line feed outside quotes ends a record.

use super::dialect::Dialect;
use crate::model::unicode::nfc;
use crate::score::cell::trim;
use memchr::memchr;
use std::str::from_utf8;

/// Of UTF-8. It is no part of the first field: a quote behind it opens one.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Excel's line in front of a header, `sep=;`: the file's own delimiter, and the line's length with its end.
pub fn separator(first: &[u8]) -> Option<(u8, usize)> {
    let length = memchr(b'\n', &first[..first.len().min(16)])? + 1;
    let line = strip_line_end(&first[..length]);
    let line = line
        .strip_prefix(b"\"")
        .and_then(|l| l.strip_suffix(b"\""))
        .unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter @ (b',' | b';' | b'\t' | b'|')] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            Some((*delimiter, length))
        }
        _ => None,
    }
}

/// The first record that isn't an empty line, without its line end, and the number of its line.
pub fn first_record(block: &[u8], dialect: Dialect) -> Option<(u64, &[u8])> {
    let (mut at, mut line) = (0, 1);
    while at < block.len() {
        let empty = match &block[at..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return Some((line, strip_line_end(record(&block[at..], dialect)))),
        };
        at += empty;
        line += 1;
    }
    None
}

/// The first record of `bytes`, with its line end.
pub fn record(bytes: &[u8], dialect: Dialect) -> &[u8] {
    let mut at = 0;
    loop {
        at = match field(bytes, at, dialect) {
            Some(end) if bytes[end] == dialect.delimiter => end + 1,
            Some(end) => return &bytes[..=end],
            None => return bytes,
        };
    }
}

/// The delimiter or line feed that ends the field that begins at `at`.
pub fn field(bytes: &[u8], mut at: usize, dialect: Dialect) -> Option<usize> {
    if bytes.get(at) == Some(&b'"') {
        at = dialect.closing_quote(bytes, at + 1)? + 1;
    }
    dialect.field_end(bytes, at)
}

pub fn strip_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// A record's fields as names: quotes resolved, spaces around them removed, in Unicode's form C. Bytes that are not UTF-8 are
/// escaped, so that names that differ in them differ.
pub fn names(record: &[u8], dialect: Dialect) -> Vec<String> {
    raw_fields(record, dialect)
        .into_iter()
        .map(|raw| name(trim(&dialect.text(raw))))
        .collect()
}

fn name(bytes: &[u8]) -> String {
    match from_utf8(bytes) {
        Ok(text) => nfc(text).into_owned(),
        Err(_) => nfc(&escaped(bytes)).into_owned(),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        chunk.invalid().iter().for_each(|b| text += &format!("\\x{b:02X}"));
    }
    text
}

/// The fields of one record without its line end, as they stand there.
pub fn raw_fields(record: &[u8], dialect: Dialect) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let end = field(record, at, dialect).unwrap_or(record.len());
        fields.push(&record[at..end]);
        if end == record.len() {
            return fields;
        }
        at = end + 1;
    }
}

/// The first carriage return that is no text: outside quotes, and not escaped. `record`: without its line end.
pub fn carriage_return(record: &[u8], dialect: Dialect) -> Option<usize> {
    memchr(b'\r', record)?;
    let mut at = 0;
    for raw in raw_fields(record, dialect) {
        let quoted = raw.first() == Some(&b'"');
        let mut rest = match quoted {
            true => dialect.closing_quote(raw, 1).map_or(raw.len(), |quote| quote + 1),
            false => 0,
        };
        while let Some(&b) = raw.get(rest) {
            match b {
                b'\r' => return Some(at + rest),
                b if Some(b) == dialect.escape => rest += 2,
                _ => rest += 1,
            }
        }
        at += raw.len() + 1;
    }
    None
}

/// Writes a field, in quotes where it needs them.
pub fn quote(field: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    let plain = |b: &u8| *b != delimiter && !matches!(b, b'"' | b'\n' | b'\r');
    if field.iter().all(plain) {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for &b in field {
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_carriage_return_is_text_within_quotes_and_behind_an_escape() {
        let spark = Dialect {
            escape: Some(b'\\'),
            ..Dialect::plain(b',')
        };
        for (record, dialect, expected) in [
            (&b"x,y\r"[..], Dialect::plain(b','), Some(3)),
            (b"x\r1,y", Dialect::plain(b','), Some(1)),
            (b"\"a\r\n\",y", Dialect::plain(b','), None),
            (b"\"a\r\",\"b\"\r", Dialect::plain(b','), Some(8)),
            (b"a\\\r,b", Dialect::plain(b','), Some(2)),
            (b"a\\\r,b", spark, None),
            (b"a\\\\\r,b", spark, Some(3)),
        ] {
            assert_eq!(carriage_return(record, dialect), expected, "{record:?}");
        }
    }

    proptest! {
        #[test]
        fn those_of_texts_are_in_quotes(texts in prop::collection::vec("[a,\"\r\n ]{0,6}", 1..6)) {
            let mut record = Vec::new();
            for (i, text) in texts.iter().enumerate() {
                if i > 0 {
                    record.push(b',');
                }
                quote(text.as_bytes(), b',', &mut record);
            }
            prop_assert_eq!(carriage_return(&record, Dialect::plain(b',')), None);
            record.push(b'\r');
            prop_assert_eq!(carriage_return(&record, Dialect::plain(b',')), Some(record.len() - 1));
        }
    }
}
