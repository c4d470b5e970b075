use super::super::ipc::Stream;
use super::super::value::{Cell, push_cell, push_json};
use super::super::{Column, RowGroup};
use super::{BOUND, bytes, folder, read, said};
use crate::problem::Problem;
use serde_json::{Map, Value};

fn manifest() -> Map<String, Value> {
    let text = std::fs::read_to_string(folder().join("tables.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn stream(bytes: Vec<u8>) -> Result<(Vec<Column>, Vec<RowGroup>), Problem> {
    let mut stream = Stream::open(&bytes[..], BOUND).map_err(said)?;
    let table = stream.table();
    let columns = table.columns().iter().enumerate();
    let columns: Vec<usize> = columns
        .filter(|(_, column)| column.is_readable())
        .map(|(place, _)| place)
        .collect();
    let mut groups = Vec::new();
    while let Some(group) = stream.next(&columns).map_err(said)? {
        groups.push(group);
    }
    Ok((table.columns().to_vec(), groups))
}

fn groups(name: &str) -> Result<(Vec<Column>, Vec<RowGroup>), Problem> {
    if name.ends_with(".arrows") {
        return stream(bytes(name));
    }
    let (table, groups) = read(name, bytes(name), BOUND)?;
    Ok((table.columns().to_vec(), groups))
}

fn cells(columns: &[Column], groups: &[RowGroup], name: &str) -> Vec<Option<String>> {
    let place = columns.iter().position(|column| column.name == name).unwrap();
    let mut cells = Vec::new();
    for group in groups {
        let array = group.array(place).unwrap();
        for row in 0..group.rows {
            let mut text = Vec::new();
            let cell = push_cell(array, &columns[place].dtype, row, b'.', &mut text);
            cells.push((cell == Cell::Text).then(|| String::from_utf8(text).unwrap()));
        }
    }
    cells
}

/// Python and Rust write large and small numbers with other exponents; they are the same to the bit.
fn is_same(a: &Option<String>, b: &Option<String>) -> bool {
    let number = |text: &Option<String>| text.as_ref()?.parse().ok().map(f64::to_bits);
    let has_fraction = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(['.', 'e', 'N']));
    a == b || (has_fraction(a) && has_fraction(b) && number(a).is_some() && number(a) == number(b))
}

#[test]
fn cells_are_what_other_libraries_wrote() {
    for (name, expected) in manifest() {
        let found = groups(&name);
        if let Some(code) = expected.get("refused") {
            assert_eq!(found.err().map(|problem| problem.code.name()), code.as_str(), "{name}");
            continue;
        }
        let (columns, groups) = found.unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        let expected_columns = expected["columns"].as_object().into_iter().flatten();
        for (column, wanted) in expected_columns {
            // As a column of it is refused by name where it is needed.
            if (name.contains(".arrow") || name.contains(".feather")) && column == "decimal256" {
                assert!(
                    columns
                        .iter()
                        .any(|c| c.name == *column && !c.has_cells() && !c.is_readable())
                );
                continue;
            }
            let wanted: Vec<Option<String>> = serde_json::from_value(wanted.clone()).unwrap();
            let found = cells(&columns, &groups, column);
            let same = found.len() == wanted.len() && found.iter().zip(&wanted).all(|(a, b)| is_same(a, b));
            assert!(same, "{name}, {column}:\n{found:?}\n{wanted:?}");
        }
        for (column, wanted) in expected.get("json").and_then(Value::as_object).into_iter().flatten() {
            let place = columns.iter().position(|c| c.name == *column).unwrap();
            for (row, wanted) in wanted.as_array().unwrap().iter().enumerate() {
                let mut json = Vec::new();
                push_json(groups[0].array(place).unwrap(), &columns[place].dtype, row, &mut json);
                assert_eq!(
                    String::from_utf8(json).unwrap(),
                    wanted.as_str().unwrap(),
                    "{name}, {column}"
                );
            }
        }
    }
}

#[test]
fn pages_and_row_groups_follow_each_other() {
    let (columns, groups) = groups("pyarrow_pages.parquet").unwrap();
    let (n, s) = (cells(&columns, &groups, "n"), cells(&columns, &groups, "s"));
    assert_eq!((groups.len(), n.len()), (3, 3000));
    for (row, (n, s)) in n.iter().zip(&s).enumerate() {
        assert_eq!(*n, Some(row.to_string()));
        assert_eq!(*s, (row % 7 > 0).then(|| format!("text {row}")));
    }
}

#[test]
fn nested_columns_are_no_cells() {
    for name in ["pyarrow_nested.parquet", "pyarrow_nested.arrow"] {
        let (columns, _) = groups(name).unwrap();
        let types: Vec<(String, bool)> = columns.iter().map(|c| (c.type_name(), c.has_cells())).collect();
        let types: Vec<(&str, bool)> = types.iter().map(|(name, cells)| (name.as_str(), *cells)).collect();
        assert_eq!(types[0], ("int64", true), "{name}");
        assert_eq!(types[1], ("list<int64>", false), "{name}");
        assert_eq!(types[2], ("struct<a: int64, b: string>", false), "{name}");
        assert_eq!(types[4], ("duration[us]", false), "{name}");
    }
}
