//! What the first record of an input is: what `input.header = "auto"` goes by.

use crate::model::unicode::nfc;
use crate::model::{Signature, without_spaces};
use crate::score::Spelling;
use crate::score::binding::features;
use crate::score::cell::Fit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Names.
    Header,
    /// 0, 1, 2...: pandas' default header, over a model whose features have no names either. Columns are taken by position.
    DefaultHeader,
    /// A row.
    Row,
    /// It can't be told, for this reason.
    Unclear(&'static str),
}

impl First {
    /// `cells`: of the record, without the spaces around them. It is a row only where nothing speaks for a header: a header that
    /// is scored as a row puts all columns at the wrong places, and nobody would know.
    pub fn of(cells: &[String], signature: &Signature, spelling: &Spelling) -> First {
        let inputs = &signature.inputs;
        if cells.len() != inputs.len() {
            return match cells.iter().all(|cell| spelling.is_value(cell.as_bytes())) {
                true => First::Row,
                false => First::Header,
            };
        }
        let whole: Option<Vec<u64>> = cells.iter().map(|cell| whole_number(cell)).collect();
        let counted = whole
            .as_deref()
            .is_some_and(|n| n.iter().copied().eq(0..n.len() as u64));
        let unnamed = ["f", "Column_"].iter().any(|word| {
            let mut names = inputs.iter().enumerate();
            names.all(|(i, column)| column.name.strip_prefix(word) == Some(&i.to_string()))
        });
        let numbers_for_names = inputs.iter().all(|column| whole_number(&column.name).is_some());
        if numbers_for_names && whole.is_none() && cells.iter().all(|cell| spelling.is_value(cell.as_bytes())) {
            return First::Row; // 5.1 is no such name
        }
        if cells
            .iter()
            .any(|cell| inputs.iter().any(|column| is_like(cell, &column.name)))
        {
            return First::Header;
        }
        if counted && unnamed && cells.len() >= 3 {
            return First::DefaultHeader;
        }
        let mut known = false;
        for (feature, cell) in features(inputs.iter(), spelling).iter().zip(cells) {
            match feature.fit(cell.as_bytes()) {
                Fit::Value => known = true,
                Fit::Any => {}
                Fit::None => return First::Header,
            }
        }
        match whole.as_deref() {
            Some(_) if numbers_for_names => First::Unclear("the model's names are numbers, and so are its cells"),
            Some(_) if counted && unnamed => First::Unclear("it may be pandas' default header"),
            Some([first, rest @ ..])
                if rest.len() >= 2 && rest.iter().copied().eq(first + 1..first + 1 + rest.len() as u64) =>
            {
                First::Unclear("its numbers follow on one another, as those of years in a header do")
            }
            _ if known => First::Row,
            _ => First::Unclear("it has no number, and no category that the model knows"),
        }
    }
}

/// Are two names the same but for letter case, Unicode's form, and underscores for spaces?
fn is_like(cell: &str, name: &str) -> bool {
    let plain = |name: &str| without_spaces(&nfc(name).to_lowercase());
    cell == name || plain(cell) == plain(name)
}

/// A number as columns are called by: digits alone, without a zero in front.
fn whole_number(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n: &u64| canonical && *n < 1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Column, Marker, Type};

    fn first(kinds: &[(&str, Type)], record: &str) -> First {
        first_of(kinds, record, &Spelling::USUAL)
    }

    fn first_of(kinds: &[(&str, Type)], record: &str, spelling: &Spelling) -> First {
        let text = |t: &str| Category::Text(t.into());
        let column = |&(name, kind): &(&str, Type)| Column {
            categories: match kind {
                Type::Category => vec![text("Oslo"), text("Bergen")],
                _ => Vec::new(),
            },
            open: true,
            ..Column::plain(name.into(), kind)
        };
        let signature = Signature {
            inputs: kinds.iter().map(column).collect(),
            outputs: Vec::new(),
        };
        let cells: Vec<String> = record.split(',').map(String::from).collect();
        First::of(&cells, &signature, spelling)
    }

    #[test]
    fn numbers_for_missing_change_nothing_about_what_a_first_record_is() {
        let model = [("count", Type::Int64), ("x", Type::Float64)];
        let marked = Spelling::USUAL.with(&[Marker::Number(-1.0)]);
        for record in ["1.5,2", "3,2", "-1,2", "count,2"] {
            assert_eq!(first_of(&model, record, &marked), first(&model, record), "{record}");
        }
        assert_eq!(first(&model, "1.5,2"), First::Row);
    }

    #[test]
    fn a_first_record_is_a_row_only_where_nothing_speaks_for_a_header() {
        use Type::{Category as C, Float64 as F, String as S};
        let unclear = |record: First| matches!(record, First::Unclear(_));
        let (ab, city) = ([("a", F), ("b", F)], [("city", C), ("grade", S)]);
        for (model, record, expected) in [
            (&ab[..], "a,b", First::Header),
            (&ab, "B,A", First::Header),
            (&ab, "1.5,-2", First::Row),
            (&ab, "1,NA", First::Row),
            (&ab, "1,x", First::Header),
            (&ab, "a,1", First::Header),
            (&ab, "1,2,3", First::Row), // of the wrong width
            (&ab, "1,2,z", First::Header),
            (&city, "City,Grade", First::Header),
            (&city, "Oslo,x", First::Row),
            (&city, "Paris,x", First::Header),
            (&[("2021", F), ("2022", F)], "2022,2023", First::Header),
            (&[("0", F), ("1", F)], "5.1,3", First::Row),
            (&[("f0", F), ("f1", F), ("f2", F)], "0,1,2", First::DefaultHeader),
            (&[("f0", F), ("f1", F), ("f2", F)], "0,1,3", First::Row),
            (&[("Ma\u{308}", F)], "m\u{e4}", First::Header),
        ] {
            assert_eq!(first(model, record), expected, "{record}");
        }
        for (model, record) in [
            (&[("a", S), ("b", S)][..], "x,y"),
            (&ab, "NA,"),
            (&[("2021", F), ("2022", F)], "2031,2032"),
            (&[("a", F), ("b", F), ("c", F)], "2019,2020,2021"),
            (&[("f0", F), ("f1", F)], "0,1"),
        ] {
            assert!(unclear(first(model, record)), "{record}");
        }
    }
}
