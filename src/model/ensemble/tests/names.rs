//! Columns and categories are found by their names.

use super::*;

/// LightGBM and skl2onnx write `annual_income` for `annual income`; a column of a library that keeps names is another one.
#[test]
fn a_name_that_a_library_made_of_another_is_that_ones() {
    let signature = |names: &[&str]| Signature {
        inputs: names
            .iter()
            .map(|name| Column::plain(name.to_string(), Type::Float64))
            .collect(),
        outputs: vec![Column::plain("prediction".into(), Type::Float64)],
    };
    let united = |a: (Format, &[&str]), b: (Format, &[&str])| {
        let part = |(format, names)| Part {
            version: 1,
            format,
            file: String::new(),
            sha256: String::new(),
            signature: signature(names),
        };
        let plan = Plan::new(Combine::Mean, Vec::new(), None, vec![part(a), part(b)]);
        let names = |(signature, _): (Signature, _)| signature.inputs.into_iter().map(|c| c.name).collect::<Vec<_>>();
        plan.signature().map(names).map_err(|defect| defect.to_string())
    };
    use Format::{Lightgbm, Onnx, Xgboost};
    let (spaced, made) = (&["annual income"][..], &["annual_income"][..]);
    for (a, b) in [
        ((Lightgbm, made), (Xgboost, spaced)),
        ((Xgboost, spaced), (Lightgbm, made)),
        ((Onnx, made), (Xgboost, spaced)),
    ] {
        assert_eq!(united(a, b).unwrap(), spaced);
    }
    assert_eq!(united((Lightgbm, made), (Onnx, made)).unwrap(), made);
    assert_eq!(
        united((Xgboost, made), (Xgboost, spaced)).unwrap(),
        ["annual_income", "annual income"]
    );
    let why = united((Xgboost, spaced), (Lightgbm, &["annual income", "annual_income"]));
    assert_eq!(
        why.unwrap_err(),
        "version 1 has two columns that could be \"annual income\""
    );
}

/// Each column and category was looked for among all others: hours for a model of a million columns.
#[test]
fn wide_members_and_large_tables_are_united_by_their_names() {
    let category = |i: usize| Category::Text(format!("c{i}"));
    let column = |i: usize| Column::plain(format!("x{i}"), Type::Float64);
    let size = 60_000;
    let signature = |turned: bool| {
        let places: Vec<usize> = if turned {
            (0..size).rev().collect()
        } else {
            (0..size).collect()
        };
        let table = Column {
            categories: places.iter().map(|&i| category(i)).collect(),
            ..Column::plain("table".into(), Type::Category)
        };
        Signature {
            inputs: places.iter().map(|&i| column(i)).chain([table]).collect(),
            outputs: vec![Column::plain("prediction".into(), Type::Float64)],
        }
    };
    let part = |turned| Part {
        version: 1,
        format: Format::Lightgbm,
        file: String::new(),
        sha256: String::new(),
        signature: signature(turned),
    };
    let plan = Plan::new(Combine::Mean, Vec::new(), None, vec![part(false), part(true)]);
    let (united, wirings) = plan.signature().unwrap();
    assert_eq!(united.inputs.len(), size + 1);
    assert_eq!((wirings[1].inputs[0], wirings[1].inputs[size]), (size - 1, size));
    let codes = codes(
        &united.inputs[size].categories,
        &plan.members[1].signature.inputs[size].categories,
    )
    .unwrap();
    assert_eq!((codes[0], codes[size - 1]), ((size - 1) as f64, 0.0));
}
