//! A few records of a CSV as texts, and back. For what is looked at, not for what is scored: that is the readers' work.

use super::dialect::Dialect;
use super::padding::{is_padding, without_padding};
use super::record::{BYTE_ORDER_MARK, first_record, quote, raw_fields, record, separator, strip_line_end};
use super::table::Table;
use std::iter;

/// The cells of the header and of some rows, by their places behind it, ascending; without their quotes. Empty lines are
/// records as they are to the reader. Text that is not UTF-8 has U+FFFD in its place: such cells are to be looked at only,
/// or known to be good.
pub fn read(table: &Table, rows: &[usize]) -> Vec<Vec<String>> {
    let bytes = table.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(table.bytes);
    let (delimiter, front) = separator(bytes).unwrap_or((table.dialect.delimiter, 0));
    let dialect = table.dialect.with_delimiter(delimiter);
    let mut wanted = rows.iter().peekable();
    let cell = |field| String::from_utf8_lossy(&dialect.text(field)).into_owned();
    records(&bytes[front..], dialect)
        .enumerate()
        .filter(|(place, _)| *place == 0 || wanted.next_if_eq(&&(place - 1)).is_some())
        .map(|(_, record)| raw_fields(record, dialect).into_iter().map(cell).collect())
        .collect()
}

/// Without their line ends. Behind a first record of one field an empty line is one, too.
fn records(csv: &[u8], dialect: Dialect) -> impl Iterator<Item = &[u8]> {
    let mut rest = without_padding(csv, dialect);
    let mut alone = None;
    iter::from_fn(move || {
        let next = match alone {
            Some(true) if rest.is_empty() => return None,
            Some(true) => strip_line_end(record(rest, dialect)),
            Some(false) | None => first_record(rest, dialect)?.1,
        };
        alone.get_or_insert_with(|| raw_fields(next, dialect).len() == 1);
        let start = next.as_ptr() as usize - rest.as_ptr() as usize;
        rest = &rest[start + record(&rest[start..], dialect).len()..];
        Some(next)
    })
}

/// Adds a record to `csv`, in quotes where a cell needs them.
pub fn write<S: AsRef<str>>(cells: &[S], delimiter: u8, csv: &mut Vec<u8>) {
    match cells {
        // A line of blanks would be padding at the end, or no record.
        [cell] if is_padding(cell.as_ref().as_bytes(), delimiter) => {
            csv.extend([b"\"", cell.as_ref().as_bytes(), b"\""].concat());
        }
        cells => {
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    csv.push(delimiter);
                }
                quote(cell.as_ref().as_bytes(), delimiter, csv);
            }
        }
    }
    csv.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;
    use crate::score::Spelling;
    use proptest::prelude::*;

    fn read(csv: &[u8], delimiter: u8, rows: impl IntoIterator<Item = usize>) -> Vec<Vec<String>> {
        let table = Table {
            bytes: csv,
            dialect: Dialect::plain(delimiter),
            spelling: &Spelling::USUAL,
            origin: Origin::Csv,
        };
        super::read(&table, &rows.into_iter().collect::<Vec<_>>())
    }

    #[test]
    fn reads_what_spreadsheets_write() {
        let csv = b"\xEF\xBB\xBFx;\"a \"\"b\"\"\"\r\n\r\n1;\"two\nlines\"\n\n;caf\xE9";
        let records = read(csv, b';', 0..9);
        assert_eq!(records, [["x", "a \"b\""], ["1", "two\nlines"], ["", "caf\u{fffd}"]]);
    }

    #[test]
    fn an_empty_line_among_single_cells_is_one() {
        let csv = b"\nx\n\n1\n\r\n2\n \n\n";
        assert_eq!(read(csv, b',', 0..9), [["x"], [""], ["1"], [""], ["2"]]);
        assert_eq!(read(csv, b',', [0, 3]), [["x"], [""], ["2"]]);
    }

    /// A row of too few fields was taken for a file of one column: all behind the next empty line stood one place too far.
    #[test]
    fn an_empty_line_behind_a_short_row_is_none() {
        let records = read(b"x,y\n1\n\n2,3\n", b',', 0..9);
        assert_eq!(records, [vec!["x", "y"], vec!["1"], vec!["2", "3"]]);
    }

    #[test]
    fn a_line_that_names_the_separator_is_no_record() {
        let records = read(b"sep=;\r\nx;y\r\n1;2\r\n3;4\r\n", b',', [1]);
        assert_eq!(records, [["x", "y"], ["3", "4"]]);
    }

    proptest! {
        #[test]
        fn any_texts_come_back(
            records in (1usize..4).prop_flat_map(|width| prop::collection::vec(prop::collection::vec("[ -~\n\ré]{0,6}", width), 0..6)),
        ) {
            let mut csv = Vec::new();
            for record in &records {
                write(record, b',', &mut csv);
            }
            prop_assert_eq!(read(&csv, b',', 0..6), records);
        }
    }
}
