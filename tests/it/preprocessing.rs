//! What training decides about missing values, categories and products, and that the worker does the same.

use crate::train::{close, score, train_on};
use proptest::prelude::*;

const MISSING: &str = "n,t,y\n1,a,1\n,b,2\n4,,3\n10,b,5\n2,b,1\n7,a,4\n3,a,2\n8,b,7\n5,b,1\n";

#[test]
fn missing_and_unknown_cells_follow_what_training_decided() {
    use transform::model::pipeline::{Missing, Unknown};
    let train = "trainer = \"least-squares\"\nalpha = 1\n";
    let keys = |rules: &str| format!("[preprocess]\n{rules}\n[train]\n{train}");
    let inputs = |rules: &str| train_on(MISSING, &keys(rules)).unwrap().1.artifact.inputs;

    let mean = inputs("");
    assert_eq!(mean[0].missing, Missing::Fill(35.0 / 7.0));
    assert_eq!(mean[1].missing, Missing::Category("b".into()));
    assert_eq!(mean[1].unknown, Some(Unknown::Ignore));
    assert_eq!(inputs("missing = \"median\"")[0].missing, Missing::Fill(4.0));
    assert_eq!(inputs("missing = -1")[0].missing, Missing::Fill(-1.0));
    let none = inputs("missing_text = { category = \"none\" }\nunknown = \"refuse\"");
    assert_eq!(none[1].categories, ["a", "b", "none"]);
    assert_eq!(none[1].unknown, Some(Unknown::Refuse));
    assert_eq!(inputs("missing_text = \"unknown\"")[1].missing, Missing::Ignore);

    let (_, dropped) = train_on(MISSING, &keys("missing = \"drop\"\nmissing_text = \"drop\"")).unwrap();
    assert_eq!((dropped.train.rows.len(), dropped.train.left_out), (6, 2));
    let scored = score(&dropped, "n,t\n1,a\n,a\n1,\n1,c\n");
    assert_eq!(
        scored.rejects,
        "line,column,reason,text\n3,n,missing value,\",a\"\n4,t,missing value,\"1,\"\n"
    );
    assert!(scored.output.lines().nth(4).unwrap().parse::<f64>().is_ok());

    let (_, refusing) = train_on(MISSING, &keys("unknown = \"refuse\"")).unwrap();
    let scored = score(&refusing, "n,t\n,c\n5,\n");
    assert_eq!(scored.rejects, "line,column,reason,text\n2,t,unknown category,\",c\"\n");
    let (_, ignoring) = train_on(MISSING, &keys("")).unwrap();
    let lines = score(&ignoring, "n,t\n5,c\n,b\n5,\n").output;
    let lines: Vec<f64> = lines.lines().skip(1).map(|l| l.parse().unwrap()).collect();
    let terms = &ignoring.artifact.terms;
    close(
        lines[0],
        ignoring.artifact.intercepts[0] + terms[0].coefficients[0] * 5.0,
        1e-14,
    );
    assert_eq!(lines[1], lines[2]);
}

#[test]
fn products_that_say_nothing_new_are_left_out() {
    let csv = "b,n,t,y\n0,1,u,1\n1,2,v,3\n0,4,u,2\n1,8,w,9\n0,3,v,2\n1,1,u,0\n1,5,w,3\n0,7,v,1\n0,2,w,4\n1,6,v,1\n0,9,u,3\n1,3,w,1\n0,5,v,4\n1,0,u,4\n0,6,w,2\n0,0,v,1\n";
    let keys = "[preprocess]\ndegree = 2\n[train]\ntrainer = \"least-squares\"\n";
    let (_, fitted) = train_on(csv, keys).unwrap();
    let names: Vec<&str> = fitted.artifact.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "b", "n", "t=v", "t=w", "b * n", "b * t=v", "b * t=w", "n^2", "n * t=v", "n * t=w"
        ]
    );
    assert!(
        fitted.warnings[0].contains("left out") && fitted.warnings[0].ends_with(": b^2"),
        "{:?}",
        fitted.warnings
    );
    let keys = "[preprocess]\ninteractions = true\n[train]\ntrainer = \"least-squares\"\n";
    let (_, fitted) = train_on(csv, keys).unwrap();
    assert!(!fitted.artifact.terms.iter().any(|term| term.name.contains('^')));
    assert!(fitted.artifact.terms.iter().any(|term| term.name == "n * t=w"));
}

/// A raw row: a number or nothing, a number, a category or nothing.
type Row = (Option<f64>, f64, Option<&'static str>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = || (-4000i32..4000).prop_map(|x| f64::from(x) / 16.0);
    let city = prop::option::weighted(0.9, prop::sample::select(vec!["Bern", "Lima", "Oslo", "Zug, CH"]));
    proptest::collection::vec((prop::option::weighted(0.8, number()), number(), city), 30..60)
}

fn cell(row: &Row) -> String {
    let x = row.0.map_or(String::new(), |x| x.to_string());
    format!("{x},{},\"{}\"", row.1, row.2.unwrap_or(""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// What the worker says of raw rows is what a person computes: fill, indicators, products, scales, dot product.
    #[test]
    fn a_prediction_for_a_raw_row_is_the_preprocessing_by_hand_and_the_dot_product(rows in rows(), standardise: bool) {
        let target = |row: &Row| row.0.unwrap_or(2.0) * 3.0 - row.1 + row.2.map_or(0.0, |c| c.len() as f64);
        let mut csv = String::from("x,z,city,y\n");
        for row in &rows {
            csv += &format!("{},{}\n", cell(row), target(row));
        }
        let keys = format!(
            "[preprocess]\nstandardise = {standardise}\ninteractions = true\nmissing_text = \"unknown\"\n\
             [train]\ntrainer = \"least-squares\"\nalpha = 0.5\n"
        );
        let (_, fitted) = train_on(&csv, &keys).unwrap();
        let train = &rows[..rows.len() - 1];
        let present: Vec<f64> = train.iter().filter_map(|row| row.0).collect();
        let mean = present.iter().sum::<f64>() / present.len() as f64;
        let value = |name: &str, row: &Row| match name {
            "x" => row.0.unwrap_or(mean),
            "z" => row.1,
            indicator => f64::from(row.2 == indicator.strip_prefix("city=")),
        };
        let product = |name: &str, row: &Row| name.split(" * ").map(|name| value(name, row)).product::<f64>();
        let by_hand = |row: &Row| {
            fitted.artifact.terms.iter().fold(fitted.artifact.intercepts[0], |sum, term| {
                let of_train: Vec<f64> = train.iter().map(|row| product(&term.name, row)).collect();
                let n = of_train.len() as f64;
                let mean = of_train.iter().sum::<f64>() / n;
                let sd = (of_train.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
                let (mean, sd) = if standardise { (mean, sd) } else { (0.0, 1.0) };
                sum + term.coefficients[0] * ((product(&term.name, row) - mean) / sd)
            })
        };
        let mut raw = String::from("city,x,z\n");
        for (x, z, city) in &rows {
            raw += &format!("\"{}\",{},{z}\n", city.unwrap_or(""), x.map_or(String::new(), |x| x.to_string()));
        }
        let scored = score(&fitted, &raw);
        prop_assert_eq!(&scored.rejects, "");
        for (line, row) in scored.output.lines().skip(1).zip(&rows) {
            let found: f64 = line.parse().unwrap();
            let wanted = by_hand(row);
            prop_assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{} {}", found, wanted);
        }
    }
}
