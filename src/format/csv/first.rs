//! What the first record of an input is: what `input.header = "auto"` goes by.

use crate::model::unicode::{self, nfc};
use crate::model::{KnownTexts, Signature, without_spaces};
use crate::score::Spelling;
use crate::score::cell::{Feature, Fit, Kind};
use crate::score::spelling::Number;

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
    /// Of a record with all of the model's names. Where these are numbers, a row may have them, too: ranks, or 0 and 1.
    pub fn with_names(cells: &[String], signature: &Signature, spelling: &Spelling) -> First {
        // In most headers the first name is none.
        if !is_values(cells, spelling) {
            return First::Header;
        }
        let inputs = &signature.inputs;
        let names: Vec<String> = inputs
            .iter()
            .map(|input| unicode::name(&input.name).into_owned())
            .collect();
        let (ours, others): (Vec<&String>, Vec<&String>) = cells.iter().partition(|cell| names.contains(cell));
        let in_order = ours.into_iter().eq(&names);
        // An index without a name, or columns without names of which the model takes some.
        let unnamed = others.iter().all(|cell| cell.is_empty()) || is_counted(cells);
        match in_order && unnamed {
            true => First::Header,
            false => First::Unclear("it has the model's names, and they are numbers, as a row's cells are"),
        }
    }

    /// `cells`: of a record without all of the model's names, without the spaces around them. It is a row only where nothing
    /// speaks for a header: a header that is scored as a row puts all columns at the wrong places, and nobody would know.
    /// `features`: of the signature's inputs. `known`: of each one of text, what the model tells from other texts.
    pub fn of(
        cells: &[String],
        signature: &Signature,
        features: &[Feature],
        known: &[Option<KnownTexts>],
        spelling: &Spelling,
    ) -> First {
        let inputs = &signature.inputs;
        if cells.len() != inputs.len() {
            return match is_values(cells, spelling) {
                true => First::Row,
                false => First::Header,
            };
        }
        let numbers: Vec<Option<f64>> = cells.iter().map(|cell| number(cell, spelling)).collect();
        let is_whole = |cell: &String| whole_number(cell).is_some();
        let numbers_for_names = inputs.iter().all(|column| whole_number(&column.name).is_some());
        // 5.1 is no such name.
        let other_numbers = || {
            cells
                .iter()
                .zip(&numbers)
                .any(|(cell, x)| x.is_some() && !is_whole(cell))
        };
        let like = |cell: &String| inputs.iter().any(|column| is_like(cell, &column.name));
        if cells.iter().any(like) && !(numbers_for_names && is_values(cells, spelling) && other_numbers()) {
            return First::Header;
        }
        let unnamed = ["f", "Column_"].iter().any(|word| {
            let mut names = inputs.iter().enumerate();
            names.all(|(i, column)| column.name.strip_prefix(word) == Some(&i.to_string()))
        });
        if is_counted(cells) && unnamed && cells.len() >= 3 {
            return First::DefaultHeader;
        }
        let fits: Vec<Fit> = features
            .iter()
            .zip(cells)
            .map(|(f, cell)| fit(f, cell, known))
            .collect();
        if fits.contains(&Fit::None) {
            return First::Header;
        }
        // A known category is no name.
        let mut known = fits.iter().zip(&numbers).filter(|(fit, _)| **fit == Fit::Value);
        if known.clone().any(|(_, number)| number.is_none()) {
            return First::Row;
        }
        if numbers_for_names && cells.iter().all(is_whole) {
            return First::Unclear("the model's names are numbers, and so are its cells");
        }
        if is_counted(cells) {
            return First::Unclear("it may be pandas' default header");
        }
        if cells[0].is_empty() && is_counted(&cells[1..]) {
            return First::Unclear("it may be pandas' default header, behind an index");
        }
        let of_numbers: Vec<f64> = known.clone().filter_map(|(_, number)| *number).collect();
        let all: Vec<f64> = numbers.iter().copied().flatten().collect();
        if is_run(&all) || is_run(&of_numbers) {
            return First::Unclear("its numbers go in equal steps, as those of years in a header do");
        }
        match known.next() {
            Some(_) => First::Row,
            None => First::Unclear("it has no number, and no category that the model knows"),
        }
    }
}

/// Could all cells be numbers, or missing?
fn is_values(cells: &[String], spelling: &Spelling) -> bool {
    cells.iter().all(|cell| spelling.is_value(cell.as_bytes()))
}

/// How well a cell fits a feature; a text also by what the model tells from others.
fn fit(feature: &Feature, cell: &str, known: &[Option<KnownTexts>]) -> Fit {
    let Kind::Texts(text) = feature.kind else {
        return feature.fit(cell.as_bytes());
    };
    let same = |known: &String| unicode::name(known) == cell;
    match known.get(text).and_then(Option::as_ref) {
        Some(known) if !feature.is_missing(cell) => match known.contains(cell) || known.iter().any(same) {
            true => Fit::Value,
            false => Fit::None,
        },
        _ => Fit::Any,
    }
}

/// Are they 0, 1, 2..., as pandas calls columns without names?
fn is_counted(cells: &[String]) -> bool {
    let count = 0..cells.len() as u64;
    !cells.is_empty() && cells.iter().map(|cell| whole_number(cell)).eq(count.map(Some))
}

/// Do at least three numbers, or two years, go up or down in equal steps? As years do, quarters, 1.1 and 1.2 (pandas' names of
/// columns that are called alike), or months as 202111.
fn is_run(numbers: &[f64]) -> bool {
    let months: Option<Vec<f64>> = numbers.iter().map(|x| month(*x)).collect();
    let year = |x: &f64| (1900.0..2100.0).contains(x);
    let years = matches!(numbers, [a, b] if year(a) && year(b) && (a - b).abs() == 1.0);
    years || is_even(numbers) || months.is_some_and(|months| is_even(&months))
}

fn is_even(numbers: &[f64]) -> bool {
    let largest = numbers.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let rounding = largest * 1e-12;
    let mut steps = numbers.windows(2).map(|pair| pair[1] - pair[0]);
    let Some(first) = steps.next() else { return false };
    numbers.len() >= 3 && first.abs() > rounding && steps.all(|step| (step - first).abs() <= rounding)
}

/// The count of months that a number such as 202111 stands for.
fn month(x: f64) -> Option<f64> {
    let (year, month) = ((x / 100.0).trunc(), x % 100.0);
    let is_month = (1900.0..2100.0).contains(&year) && (1.0..=12.0).contains(&month) && month.trunc() == month;
    is_month.then_some(year * 12.0 + month)
}

fn number(cell: &str, spelling: &Spelling) -> Option<f64> {
    match spelling.number(cell.as_bytes()) {
        Number::Value(x) => Some(x),
        Number::Missing | Number::Invalid => None,
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
    use crate::score::binding::features;
    use proptest::prelude::*;

    fn first(kinds: &[(&str, Type)], record: &str) -> First {
        first_of(kinds, record, &Spelling::USUAL)
    }

    fn signature(kinds: &[(&str, Type)]) -> Signature {
        let text = |t: &str| Category::Text(t.into());
        let column = |&(name, kind): &(&str, Type)| Column {
            categories: match kind {
                Type::Category => vec![text("Oslo"), text("Bergen")],
                _ => Vec::new(),
            },
            open: true,
            ..Column::plain(name.into(), kind)
        };
        Signature {
            inputs: kinds.iter().map(column).collect(),
            outputs: Vec::new(),
        }
    }

    fn cells(record: &str) -> Vec<String> {
        record.split(',').map(String::from).collect()
    }

    fn first_of(kinds: &[(&str, Type)], record: &str, spelling: &Spelling) -> First {
        let signature = signature(kinds);
        let features = features(signature.inputs.iter(), spelling);
        First::of(&cells(record), &signature, &features, &[], spelling)
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
            (&ab, "2019,2020"),
            (&ab, "NA,"),
            (&[("2021", F), ("2022", F)], "2031,2032"),
            (&[("a", F), ("b", F), ("c", F)], "2019,2020,2021"),
            (&[("f0", F), ("f1", F)], "0,1"),
            (&ab, "0,1"),
            (&[("x", F)], "0"),
            (&ab, ",0"),
            (&[("city", C), ("x", F)], ",0"),
        ] {
            assert!(unclear(first(model, record)), "{record}");
        }
        for (model, record) in [
            (&ab[..], "1,0"),
            (&ab, "0,"),
            (&ab, "0,2"),
            (&[("x", F)], "1"),
            (&[("s", S), ("x", F)], "s1,0"),
        ] {
            assert_eq!(first(model, record), First::Row, "{record}");
        }
    }

    #[test]
    fn numbers_in_equal_steps_may_be_a_header_whatever_stands_beside_them() {
        use Type::{Category as C, Float64 as F, String as S};
        let unclear = |record: First| matches!(record, First::Unclear(_));
        let four = |kind| [("a", kind), ("b", F), ("c", F), ("d", F)];
        let unnamed = [("f0", F), ("f1", F), ("f2", F), ("f3", F)];
        for record in [
            ",0,1,2",
            ",2019,2020,2021",
            "NA,2019,2020,2021",
            "2019,,2020,2021",
            "2021,2020,2019,2018",
            "2000,2005,2010,2015",
            "0.0,1.0,2.0,3.0",
            "0.1,0.2,0.3,0.4",
            "1,1.1,1.2,1.3",
            "202111,202112,202201,202202",
        ] {
            for model in [four(F), unnamed] {
                assert!(unclear(first(&model, record)), "{record}");
            }
        }
        for record in ["shop,2019,2020,2021", "7,2019,2020,2021", "2018,2019,2020,2021"] {
            assert!(unclear(first(&four(S), record)), "{record}");
        }
        assert!(unclear(first(&[("a", S), ("b", S), ("c", F)], "2019,2020,2021")));
        for (model, record) in [
            (four(F), "1,1,1,1"),
            (four(F), "1,2,4,8"),
            (four(F), "5.1,3.5,1.4,0.2"),
            (four(F), "2019,2020,2021,1.5"),
            (four(F), "NA,,1,2"),
            (four(C), "Oslo,2019,2020,2021"),
            (four(S), "shop,1,2,4"),
        ] {
            assert_eq!(first(&model, record), First::Row, "{record}");
        }
    }

    #[test]
    fn a_text_that_the_model_does_not_tell_from_others_speaks_for_a_header() {
        use Type::{Float32 as F, String as S};
        let model = signature(&[("city", S), ("note", S), ("x", F)]);
        let known = [Some(KnownTexts::from([" Oslo".into(), "Ma\u{308}l".into()])), None];
        for (record, expected) in [
            ("Oslo,any,1", First::Row),
            ("M\u{e4}l,any,1", First::Row),
            ("shop,any,1", First::Header),
            (",any,1", First::Row),
            ("Oslo,any,", First::Row),
        ] {
            let features = features(model.inputs.iter(), &Spelling::USUAL);
            let first = First::of(&cells(record), &model, &features, &known, &Spelling::USUAL);
            assert_eq!(first, expected, "{record}");
        }
    }

    #[test]
    fn a_row_may_be_names_that_are_numbers_in_another_order() {
        use Type::Float64 as F;
        for (names, record, is_header) in [
            (["0", "1"], "0,1", true),
            (["0", "1"], "1,0", false),
            (["0", "1"], "1,0,2", false),
            (["0", "1"], "7,0,1", false),
            (["0", "1"], "0,1,2", true),
            (["0", "1"], ",0,1", true),
            (["0", "1"], "id,1,0", true),
            (["0.5", "1.5"], "1.5,0.5", false),
            (["0", "x"], "x,0", true),
        ] {
            let first = First::with_names(
                &cells(record),
                &signature(&names.map(|name| (name, F))),
                &Spelling::USUAL,
            );
            assert_eq!(first == First::Header, is_header, "{record}");
            assert_ne!(first, First::Row);
        }
    }

    proptest! {
        #[test]
        fn equal_steps_are_never_a_row(start: i32, step in -9999i64..9999, places in 0..4, count in 3i64..12, indexed: bool) {
            prop_assume!(step != 0);
            let number = |i: i64| (i64::from(start) + i * step) as f64 / 10f64.powi(places);
            let mut cells: Vec<String> = (0..count).map(|i| number(i).to_string()).collect();
            if indexed {
                cells.insert(0, String::new());
            }
            let names: Vec<String> = (0..cells.len()).map(|i| format!("x{i}")).collect();
            let kinds: Vec<(&str, Type)> = names.iter().map(|name| (name.as_str(), Type::Float64)).collect();
            prop_assert_ne!(first(&kinds, &cells.join(",")), First::Row);
        }
    }
}
