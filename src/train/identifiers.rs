//! Columns that name a row and say nothing of others: ids, running numbers, dates.
//!
//! A text that stands in one row alone makes a term that is learnt from that row and never used again; a running number or a
//! date lies beyond all that was trained on as soon as a new row comes. The rules are narrow, for what is left out by mistake
//! is worse than what is kept: a measurement is no id for having different values, however many.

use super::dates::is_date;
use super::frame::{Cells, Series};

/// In fewer rows, texts and small numbers are all different by chance.
const ROWS_MIN: usize = 20;

/// Of all texts, so many are different: almost each row has one of its own. What repeats more often than that is worth a look
/// at what it predicts.
const DIFFERENT: f64 = 0.95;

/// Whole numbers that are all different in a range of no more than so many times their count are counted, not measured: of 20
/// that are drawn from 40, all are different once in 300 times, of 50 from 100 once in 10 million times.
const RANGE: f64 = 2.0;

/// Why a column tells nothing of a new row; none if it may.
pub fn identifies(series: &Series) -> Option<String> {
    match &series.cells {
        Cells::Texts(texts) => {
            let texts: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
            of_texts(&texts)
        }
        Cells::Numbers(numbers) => of_numbers(&series.name, numbers),
    }
}

fn of_texts(texts: &[&str]) -> Option<String> {
    if !texts.is_empty() && texts.iter().all(|text| is_date(text)) {
        return Some("it has dates, which don't come again".into());
    }
    let mut different = texts.to_vec();
    different.sort_unstable();
    different.dedup();
    let is_id = texts.len() >= ROWS_MIN && different.len() as f64 >= DIFFERENT * texts.len() as f64;
    is_id.then(|| {
        format!(
            "{} of its {} texts are different, as ids and free texts are",
            different.len(),
            texts.len()
        )
    })
}

fn of_numbers(name: &str, numbers: &[f64]) -> Option<String> {
    let whole = |x: &f64| x.fract() == 0.0;
    if numbers.len() < ROWS_MIN || !numbers.iter().all(whole) {
        return None;
    }
    let mut sorted: Vec<f64> = numbers.iter().map(|x| x + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    match most - least + 1.0 <= RANGE * sorted.len() as f64 {
        true => Some(format!(
            "it is a running number: {} different whole numbers from {least} to {most}",
            sorted.len()
        )),
        false => {
            is_called_id(name).then(|| format!("its {} whole numbers are all different, as ids are", sorted.len()))
        }
    }
}

/// Is the last word of a column's name `id`, as in `customer_id`, `customerId` and `CustomerID`, but not in `paid`?
fn is_called_id(name: &str) -> bool {
    let Some(before) = name.len().checked_sub(2).filter(|&at| name.is_char_boundary(at)) else {
        return false;
    };
    let (front, last) = name.split_at(before);
    let apart = match front.chars().last() {
        None => true,
        Some(c) if c.is_lowercase() => last.starts_with('I'),
        Some(c) => !c.is_alphabetic(),
    };
    apart && last.eq_ignore_ascii_case("id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, numbers: impl Iterator<Item = f64>) -> Option<String> {
        of_numbers(name, &numbers.collect::<Vec<_>>())
    }

    fn texts(texts: impl Iterator<Item = String>) -> Option<String> {
        let texts: Vec<String> = texts.collect();
        of_texts(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn a_running_number_is_told_from_a_measurement() {
        let said = numbers("row", (1..=20).map(f64::from)).unwrap();
        assert_eq!(said, "it is a running number: 20 different whole numbers from 1 to 20");
        // Shuffled, and with gaps.
        assert!(numbers("row", (0..40).map(|i| f64::from(i * 37 % 79))).is_some());
        // Too few to tell; sparse; each twice; with fractions, with missing values.
        assert_eq!(numbers("row", (1..20).map(f64::from)), None);
        assert_eq!(numbers("income", (0..100).map(|i| f64::from(i * 7919 % 10_007))), None);
        assert_eq!(numbers("age", (0..100).map(|i| f64::from(i / 2))), None);
        assert_eq!(numbers("x", (0..100).map(|i| f64::from(i) / 4.0)), None);
        assert_eq!(
            numbers("x", (0..100).map(|i| if i == 3 { f64::NAN } else { f64::from(i) })),
            None
        );
        // By its name.
        let sparse = || (0..100).map(|i| f64::from(i * 7919 % 10_007));
        assert!(numbers("customer_id", sparse()).unwrap().contains("as ids are"));
    }

    #[test]
    fn a_name_says_id_as_a_word() {
        for name in [
            "id",
            "ID",
            "customer_id",
            "customerId",
            "PassengerID",
            "row id",
            "id2id".trim_end_matches("2id"),
        ] {
            assert!(is_called_id(name), "{name}");
        }
        for name in ["paid", "PAID", "grid", "i", "", "humid", "idé", "id_1"] {
            assert!(!is_called_id(name), "{name}");
        }
    }

    #[test]
    fn texts_of_their_own_in_almost_each_row_are_ids() {
        assert!(
            texts((0..20).map(|i| format!("c{i}")))
                .unwrap()
                .contains("20 of its 20 texts are different")
        );
        assert!(
            texts((0..100).map(|i| format!("c{}", i.max(5))))
                .unwrap()
                .starts_with("95 of")
        );
        assert_eq!(texts((0..100).map(|i| format!("c{}", i.max(6)))), None);
        assert_eq!(texts((0..19).map(|i| format!("c{i}"))), None);
        // Dates are told by each of them, however few and often.
        assert!(
            texts((0..4).map(|_| "2024-01-31".into()))
                .unwrap()
                .contains("it has dates")
        );
        assert_eq!(texts(["2024-01-31".to_string(), "soon".into()].into_iter()), None);
        assert_eq!(texts(std::iter::empty()), None);
    }
}
