//! Holds the direct readers against the general one.

use super::*;
use crate::format::Encoding;
use crate::format::csv::cut::Blocks;
use crate::format::csv::dialect::Dialect;
use crate::model::{Category, Column, Marker, Type};
use crate::score::cell::Dictionary;
use crate::score::marks::Marks;
use crate::score::{Binding, Spelling};

/// All read the same rows, values, places and flaws, and end at the same place. The first byte chooses what the
/// fields are needed for.
pub fn readers_agree(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else {
        return;
    };
    const IDLE: (Option<usize>, Option<usize>) = (None, None);
    let roles: &[(Option<usize>, Option<usize>)] = match choice % 6 {
        0 => &[(Some(0), None)],
        1 => &[(Some(1), Some(0)), (Some(0), None)],
        2 => &[(None, Some(1)), (Some(0), Some(0)), (None, None)],
        3 => &[(None, None), (None, Some(0))],
        4 => &[IDLE, IDLE, IDLE, (Some(0), None), IDLE, IDLE, IDLE, IDLE],
        _ => &[(Some(0), Some(0)), IDLE, IDLE],
    };
    let layout = layout(roles, choice / 6);
    // Blocks hold whole records: an open quote is the cutter's to find.
    if let Ok(Some(block)) = Blocks::new(text, Encoding::UTF_8, layout.dialect, None).next_block() {
        compare(&layout, &block);
    }
}

/// `kind`: of the features.
fn layout(roles: &[(Option<usize>, Option<usize>)], kind: u8) -> Layout {
    let texts = ["a", "1", "x\"y", "x\"\"y", "\"x\"\"y\"", " "].map(|t| Category::Text(t.into()));
    let spelling = match kind & 14 {
        8 | 10 => Spelling::USUAL.with(&[9.0, -99.0].map(Marker::Number)),
        12 => Spelling::USUAL.with(&[Marker::Text("inf".into())]),
        _ => Spelling::USUAL,
    };
    let feature = Feature {
        optional: kind & 1 == 1,
        kind: match kind & 14 {
            0 => Kind::Numbers,
            2 => Kind::Categories(Dictionary::of(&texts, false)),
            4 => Kind::Integers,
            8 | 10 | 12 => {
                let kinds = [Type::Float32, Type::Boolean];
                let mut column = Column::plain(String::new(), kinds[usize::from(kind & 2 == 2)]);
                column.boolean = kind & 4 == 0;
                column.missing = [0.0, 9.9][..2 * usize::from(kind & 5 == 1)]
                    .iter()
                    .copied()
                    .map(Marker::Number)
                    .collect();
                Kind::Marked(Marks::of(&column, &spelling).expect("it has marks"))
            }
            _ => Kind::Texts(0),
        },
        spelling,
    };
    // The first and the last field, whatever else they are needed for.
    let observed = |place| match place {
        0 => Some(0),
        place => (place + 1 == roles.len()).then_some(1),
    };
    let roles_of = roles.iter().enumerate();
    let needed: Vec<Role> = roles_of
        .map(|(place, &(feature, kept))| Role {
            feature,
            kept,
            noted: observed(place),
        })
        .collect();
    let taken = roles.iter().filter(|r| r.0.is_some()).count();
    let field = |feature| roles.iter().position(|r| r.0 == Some(feature)).unwrap_or_default();
    Layout {
        dialect: Dialect::plain(b','),
        names: vec![String::new(); roles.len()],
        needed: Needed::of(&needed),
        roles: needed,
        kept: Kept::Some(roles.iter().filter_map(|r| r.1).collect()),
        observed: [Some(0), Some(1)][..roles.len().min(2)].to_vec(),
        noted: roles.len().min(2),
        derivations: Vec::new(),
        binding: Binding {
            features: vec![feature; taken].into(),
            fields: (0..taken).map(field).collect(),
        },
        header: true,
    }
}

fn compare(layout: &Layout, block: &[u8]) {
    let general = read(layout, |reader, at, line| {
        let read_record = |reader: &mut Reader, at| reader.read_record::<false>(block, at);
        reader.fill_by(block, at, line, |_, at, _| at, read_record)
    });
    let words = read(layout, |reader, at, line| reader.fill_by_words(block, at, line));
    let fastest = read(layout, |reader, at, line| reader.fill(block, at, line));
    assert_eq!(words, general);
    #[cfg(target_arch = "x86_64")]
    if vector::has_avx2() {
        assert_eq!(
            read(layout, |reader, at, line| reader.fill_by_avx2(block, at, line)),
            general
        );
    }
    assert_eq!(fastest, general);
}

type Place = (usize, usize);

#[derive(Debug, PartialEq)]
struct Read {
    end: usize,
    lines: u64,
    records: Vec<Place>,
    flaws: Vec<Flaw>,
    malformed: Vec<(u32, Malformed)>,
    /// Of the rows without a flaw: values, kept fields, observed ones.
    rows: Vec<(Vec<u64>, Vec<Place>, Vec<Place>)>,
}

/// What the first batch of `block` is read as.
fn read(layout: &Layout, fill: impl Fn(&mut Reader, usize, &mut u64) -> usize) -> Read {
    let mut reader = Reader::new(layout, usize::MAX);
    let mut lines = 0;
    let end = fill(&mut reader, 0, &mut lines);
    let batch = &reader.batch;
    let good = (0..batch.rows()).filter(|&row| batch.bad().all(|f| f.row as usize != row));
    let bits = |row: usize| batch.columns().iter().map(|c| c[row].to_bits()).collect();
    Read {
        end,
        lines,
        records: reader.records.clone(),
        flaws: batch.flaws().to_vec(),
        malformed: reader.malformed.clone(),
        rows: good
            .map(|row| {
                let observed = (0..layout.noted).map(|noted| reader.noted[noted * ROWS + row]);
                (bits(row), reader.kept(row).to_vec(), observed.collect())
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::readers_agree;
    use proptest::prelude::*;

    proptest! {
        /// So long that vectors skip, too.
        #[test]
        fn the_direct_readers_agree_on_quoted_and_wide_records(
            choice in 0u8..96,
            text in "([xy1]{0,20}[,\n]|\"([xy,\n ]|\"\"){0,30}\"(,|\n|\r\n)|-?[0-9]{1,3}[.][0-9]{1,4},|\"[0-9.]{1,4}\",|\"a\",|\"x\"\"y\",|\"|\r\n){0,120}",
        ) {
            readers_agree(&[&[choice], text.as_bytes()].concat());
        }

        /// Short ones are read eight at once, and long ones each by itself.
        #[test]
        fn the_direct_readers_agree_on_numbers_of_any_length(
            choice in 0u8..96,
            text in "([0-9]{1,3}(,|\n|\r\n)|-?[0-9]{1,3}[.][0-9]{1,3}\n|-?[0-9]{1,2}[.][0-9]{14,20}\n|[0-9]{1,25}\n|\"[0-9,\n]{1,3}\"\n|[-0-9.]{0,9}\n|\n){0,60}",
        ) {
            readers_agree(&[&[choice], text.as_bytes()].concat());
        }

        /// All cells are as most are but for a few.
        #[test]
        fn the_direct_readers_agree_on_columns_of_short_numbers(
            choice in prop::sample::select(vec![0u8, 24, 30, 48, 1]),
            cells in prop::collection::vec("-?[0-9]{1,4}|-?[0-9]{1,2}[.][0-9]{1,2}", 8..90),
            others in prop::collection::vec(("[-0-9.ex \r\"]{0,9}|\"[0-9]{1,3}\"", 0usize..90), 0..3),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let mut cells = cells;
            for (other, place) in others {
                let place = place % cells.len();
                cells[place] = other;
            }
            let width = if choice % 6 == 1 { 2 } else { 1 };
            let rows = cells.chunks(width).map(|row| row.join(",") + end);
            readers_agree(&[&[choice], rows.collect::<String>().as_bytes()].concat());
        }

        #[test]
        fn the_direct_readers_agree_with_the_general_one(
            choice in 0u8..96,
            text in "([-+0-9.eE, \"\r\nxyNaif]{1,3}|-?[0-9]{1,3}[.][0-9]{1,7},|True|f|9|-99|inf|,|\n|\r\n|\"\"){0,30}",
        ) {
            readers_agree(&[&[choice], text.as_bytes()].concat());
        }
    }
}
