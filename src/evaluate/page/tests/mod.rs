//! What every page holds. With `EVALUATION_PAGES` set to a folder, the pages are left there to be looked at.

#![allow(clippy::disallowed_methods, reason = "pages to look at are no results")]

mod details;

use super::*;
use crate::evaluate::details::Details;
use crate::evaluate::{Comparison, Examples, Opponent, Predictions, Task, Trials};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a page is made from, owned.
struct Case {
    task: Task,
    actual: Vec<f64>,
    predicted: Vec<f64>,
    approved: Option<Vec<f64>>,
    baseline: f64,
    unit: Option<&'static str>,
    gate: &'static str,
    facts: Vec<(String, String)>,
    warnings: Vec<String>,
    coefficients: Vec<(String, f64)>,
    loss: Vec<f64>,
    trials: Option<Trials>,
    details: Details,
}

impl Case {
    fn new(task: Task, actual: Vec<f64>, predicted: Vec<f64>) -> Case {
        let baseline = actual.iter().sum::<f64>() / actual.len() as f64;
        Case {
            task,
            actual,
            predicted,
            approved: None,
            baseline,
            unit: None,
            gate: "",
            facts: vec![],
            warnings: vec![],
            coefficients: vec![],
            loss: vec![],
            trials: None,
            details: Details::default(),
        }
    }

    fn page(&self, title: &str) -> String {
        let examples = Examples::plain(&self.actual, &self.predicted);
        let approved = self
            .approved
            .as_ref()
            .map(|predicted| Predictions::plain(predicted.clone()));
        let approved = approved.as_ref().map(|predictions| Opponent {
            version: "diabetes/1",
            task: self.task,
            predictions,
        });
        let comparison = Comparison::of(self.task, &examples, &[self.baseline], approved, &[], 1);
        let gate = super::super::Gate::parse(&toml::from_str(self.gate).unwrap()).unwrap();
        let approved = comparison.approved.as_ref();
        page(&Report {
            title,
            facts: &self.facts,
            target: "y",
            unit: self.unit,
            classes: &[],
            comparison: &comparison,
            baseline_of: "the training target",
            examples,
            checks: &gate.check(&comparison.candidate, approved),
            warnings: &self.warnings,
            coefficients: &self.coefficients,
            loss: &self.loss,
            trials: self.trials.as_ref(),
            details: &self.details,
        })
    }

    /// Checks what holds for every page, and leaves it to be looked at.
    fn show(&self, file: &str) -> String {
        let html = self.page("diabetes, candidate");
        if let Some(folder) = std::env::var_os("EVALUATION_PAGES") {
            std::fs::write(std::path::Path::new(&folder).join(file), &html).unwrap();
        }
        well_formed(&html);
        html
    }
}

/// Self-contained; every element that is opened is closed, in order; numbers are numbers.
fn well_formed(html: &str) {
    for banned in ["http", "<script", "url(", "@import", "src=", "href=", "NaN", "inf\""] {
        assert!(!html.contains(banned), "{banned}");
    }
    let mut open = vec![];
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            _ if tag.ends_with('/') || ["!DOCTYPE", "meta"].contains(&name) => {}
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Uniform in [0, 1).
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / 4_294_967_296.0
}

/// Nearly normal: the sum of twelve.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
}

fn facts(facts: &[(&str, &str)]) -> Vec<(String, String)> {
    facts
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// The shipped example: its test rows, and the loss of its gradient descent.
fn diabetes() -> Case {
    let text = include_str!("../../../../tests/fixtures/evaluation/diabetes.csv");
    let fields = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
    let (actual, predicted): (Vec<f64>, Vec<f64>) = fields
        .map(|(a, p)| (a.parse::<f64>().unwrap(), p.parse::<f64>().unwrap()))
        .unzip();
    let approved = predicted.iter().map(|p| 0.9 * p + 20.0).collect();
    Case {
        approved: Some(approved),
        baseline: 153.362559241706,
        gate: "r2 = '>= 0.2'\nmse = '< 2000'\nnot_worse_than_approved = true",
        facts: facts(&[
            ("Made", "2026-11-24 03:46:07 UTC"),
            ("Trainer", "gradient-descent"),
            ("Data", "config/diabetes: 422 rows to train, 20 to test"),
            ("Fingerprint", "759a893910ea"),
        ]),
        warnings: vec!["not converged after 15,001 iterations: the loss still fell by 1e-7 in the last one".into()],
        coefficients: vec![("x".into(), 937.1906894491832)],
        loss: (0..15_001)
            .map(|i| 3_890.0 + 2_300.0 * (-f64::from(i) / 2_100.0).exp() + 23_000.0 * 0.8f64.powi(i))
            .collect(),
        ..Case::new(Task::Regression, actual, predicted)
    }
}

fn yes_no(rows: usize) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut draw = || {
        let truth = 1.0 / (1.0 + (1.0 - 1.6 * normal(&mut random)).exp());
        let yes = f64::from(u8::from(uniform(&mut random) < truth));
        (
            yes,
            1.0 / (1.0 + (1.2 * (1.0 / truth - 1.0).ln() + 0.3 * normal(&mut random)).exp()),
        )
    };
    let (actual, predicted): (Vec<f64>, Vec<f64>) = (0..rows).map(|_| draw()).unzip();
    let trial = |i: usize| {
        let alpha = 10f64.powi(i as i32 - 3);
        vec![
            format!("{}", i + 1),
            alpha.to_string(),
            format!("{:.4}", 0.82 - 0.01 * i as f64),
            "0.0130".into(),
            "standardised".into(),
        ]
    };
    let columns = ["rank", "alpha", "roc_auc (mean of 5 folds)", "sd", "preprocessing"]
        .map(String::from)
        .to_vec();
    Case {
        gate: "roc_auc = '>= 0.7'\nnot_worse_than_approved = true",
        facts: facts(&[
            ("Made", "2026-11-24 03:46:07 UTC"),
            ("Trainer", "logistic"),
            ("Data", "churn.csv"),
        ]),
        coefficients: [
            ("age", 0.71),
            ("city=Oslo", -0.52),
            ("income", 0.033),
            ("city=Lima", 0.2),
            ("age * income", -0.007),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec(),
        loss: vec![0.6899, 0.5402, 0.5288, 0.52867, 0.528669],
        trials: Some(Trials {
            columns,
            rows: (0..6).map(trial).collect(),
            chosen: 0,
        }),
        ..Case::new(Task::Classification { threshold: 0.5 }, actual, predicted)
    }
}

fn many(rows: usize) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (actual, predicted): (Vec<f64>, Vec<f64>) = (0..rows)
        .map(|_| {
            let predicted = 40_000.0 + 12_000.0 * normal(&mut random);
            (
                predicted + (3_000.0 + 0.1 * predicted.abs()) * normal(&mut random),
                predicted,
            )
        })
        .unzip();
    let names = [
        "age",
        "tenure",
        "rooms",
        "income",
        "distance_to_the_nearest_station_in_metres",
        "area",
        "city=Oslo",
        "city=Lima",
    ];
    let coefficient = |i: usize| {
        let name = if i < 8 {
            names[i].into()
        } else {
            format!("{} * {}", names[i % 8], names[i / 8])
        };
        (name, 9_000.0 * normal(&mut random) * 0.92f64.powi(i as i32))
    };
    Case {
        unit: Some("€"),
        gate: "r2 = '>= 0.5'",
        coefficients: (0..60).map(coefficient).collect(),
        loss: (0..400).map(|i| 4e8 * 0.95f64.powi(i) + 1e5).collect(),
        ..Case::new(Task::Regression, actual, predicted)
    }
}

#[test]
fn a_page_of_few_rows_shows_all_of_them() {
    let html = diabetes().show("few.html");
    for text in [
        "<h1>diabetes, candidate</h1>",
        "<td class=\"number main\">0.4723</td>",
        "diabetes/1, approved",
        "mse 2549 is not &lt; 2000",
        "not converged after",
        "always 153.4, the mean of the training target",
        "Predicted against actual",
        "Residuals against predicted",
        "Distribution of residuals",
        "Coefficients",
        "937.2",
        "Loss per iteration",
        "From 29,190 to 3,892 in 15,001 iterations",
    ] {
        assert!(html.contains(text), "{text}");
    }
    // Each row is a point of its own.
    let dots = html
        .split("class=\"dots large\" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(dots.matches('M').count(), 20);
    assert!(html.len() < 60_000, "{}", html.len());
}

#[test]
fn a_page_of_many_rows_stays_small_and_counts_what_it_hides() {
    let html = many(5_000).show("many.html");
    assert!(html.contains("The stronger the colour, the more rows"));
    assert!(html.contains("20 smaller ones, up to"));
    assert_eq!(html.matches("<rect class=\"bar").count(), 40);
    assert!(html.contains("MSE (€²)") && html.contains("actual y (€)"));
    assert!(html.len() < 400_000, "{}", html.len());
}

#[test]
fn a_page_of_yes_or_no_has_its_own_plots() {
    let html = yes_no(2_000).show("yes-no.html");
    for text in [
        "ROC curve",
        "Calibration",
        "Probabilities by what came true",
        "Confusion",
        "called yes",
        "Search",
        "6 trials",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("Residuals"));
}

#[test]
fn a_page_does_not_grow_with_its_rows() {
    let (few, more) = (many(5_000), many(20_000));
    let size = |case: &Case, name: &str| case.show(name).len();
    assert!(size(&more, "many-20000.html") < 2 * size(&few, "many-5000.html"));
    assert!(size(&yes_no(20_000), "yes-no-20000.html") < 2 * size(&yes_no(5_000), "yes-no-5000.html"));
}

#[test]
fn degenerate_rows_still_make_a_page() {
    let regression =
        |actual: &[f64], predicted: &[f64]| Case::new(Task::Regression, actual.to_vec(), predicted.to_vec());
    let one_class = Case::new(
        Task::Classification { threshold: 0.5 },
        vec![1.0; 5],
        vec![0.2, 0.9, 1.0, 0.0, 0.4],
    );
    let cases = [
        (
            "empty",
            Case {
                baseline: 0.0,
                ..regression(&[], &[])
            },
        ),
        ("one", regression(&[3.0], &[4.0])),
        ("constant", regression(&[3.0; 9], &[3.0; 9])),
        ("wild", regression(&[1e300, -1e300, 0.0], &[-1e308, 1e308, 1.0])),
        (
            "infinite",
            regression(&[1.0, 2.0, 3.0], &[1.0, f64::INFINITY, f64::NAN]),
        ),
        (
            "tiny",
            regression(&[1e-300, 2e-300, 3e-300], &[1e-300, 1e-300, 2.5e-300]),
        ),
        ("one-class", one_class),
        (
            "diverged",
            Case {
                loss: vec![1.0, 1e150, 1e300, f64::INFINITY, f64::NAN],
                ..regression(&[1.0, 2.0], &[2.0, 1.0])
            },
        ),
        (
            "extreme-terms",
            Case {
                coefficients: [1e308, -1e308, 0.0, f64::NAN]
                    .map(|value| ("x".to_owned(), value))
                    .to_vec(),
                ..regression(&[1.0, 2.0], &[2.0, 1.0])
            },
        ),
        (
            "zero",
            Case {
                coefficients: vec![("x".into(), 0.0)],
                loss: vec![0.0; 3],
                ..regression(&[1.0, 2.0], &[2.0, 1.0])
            },
        ),
    ];
    for (name, case) in cases {
        let html = case.show(&format!("degenerate-{name}.html"));
        assert_eq!(html.contains("Without a finite number: 2 rows"), name == "infinite");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_text_breaks_out_of_the_page(text in "[<>\"'&a-z/ !-]{0,30}|\\PC{0,20}") {
        let mut case = Case::new(Task::Regression, vec![1.0, 2.0, 4.0], vec![1.0, 2.5, 3.0]);
        case.facts = vec![(text.clone(), text.clone())];
        case.warnings = vec![text.clone()];
        case.coefficients = vec![(text.clone(), 1.0)];
        case.details = details::details(&text);
        case.trials = Some(Trials { columns: vec![text.clone()], rows: vec![vec![text.clone()]], chosen: 0 });
        well_formed(&case.page(&text).replace("http", "").replace("url(", ""));
    }
}
