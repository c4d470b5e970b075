//! What a page shows beside the metrics.

use super::*;
use crate::evaluate::data::{Cells, Column, Range, Values};
use crate::evaluate::importance::{Importance, Input};
use crate::evaluate::slices::{Group, Slices};
use crate::evaluate::{Interval, Metric};
use crate::model::{Gain, Library, Splits};

/// All that there can be, every name of it this text.
pub fn details(text: &str) -> Details {
    let name = || text.to_owned();
    let input = |mean, sd| Input {
        name: name(),
        mean: Some(mean),
        sd: Some(sd),
    };
    let numbers = |missing, range| Cells {
        count: 1_000,
        missing,
        values: Values::Numbers(range),
    };
    let categories = |counts: &[u64], other| Cells {
        count: counts.iter().sum::<u64>() + other,
        missing: 0,
        values: Values::Categories(counts.iter().map(|&count| (name(), count)).collect(), other),
    };
    let range = |lowest, mean, highest| Some(Range { lowest, mean, highest });
    let column = |trained, evaluated, differs| Column {
        name: name(),
        kind: "float64".into(),
        trained: Some(trained),
        evaluated,
        differs,
    };
    let group = |rows, value, worse| Group {
        name: name(),
        rows,
        value: Some(value),
        interval: Some(Interval {
            lower: value - 0.1,
            upper: value + 0.1,
        }),
        means: Some((0.4, 0.41234)),
        worse,
    };
    Details {
        trained_on: Some(name()),
        columns: vec![
            column(numbers(123, range(1.5, 20_000.0, 45_000.0)), numbers(0, None), vec![]),
            column(
                categories(&[700, 200, 50, 20, 15, 10, 4], 1),
                categories(&[500, 300, 0, 0, 0, 0, 0], 200),
                vec![format!("psi 0.31 {text}")],
            ),
        ],
        importance: Some(Importance {
            metric: Metric::RocAuc,
            value: Some(0.8123),
            rows: 10_000,
            of: 25_000,
            repeats: 5,
            inputs: vec![input(0.0123, 0.004), input(0.21, 0.03), input(-0.001, 0.002)],
        }),
        gain: Some(Gain {
            counted_by: Library::Xgboost,
            inputs: vec![
                Splits { count: 4, total: 9.0 },
                Splits { count: 2, total: 3.0 },
                Splits::default(),
            ],
        }),
        slices: vec![
            Slices {
                column: name(),
                groups: vec![group(700, 0.84, false), group(41, 0.52, true)],
                rest: 3,
                rest_rows: 17,
            },
            Slices {
                column: name(),
                groups: vec![],
                rest: 1,
                rest_rows: 9,
            },
        ],
    }
}

#[test]
fn a_page_shows_importance_groups_and_data() {
    let case = Case {
        details: details("city"),
        ..yes_no(300)
    };
    let html = case.show("details.html");
    for text in [
        "How far roc_auc drops from 0.8123 where the cells of a column are shuffled among 10,000 of the 25,000 rows, drawn at random;",
        "0.21 \u{b1} 0.03",
        "which XGBoost calls gain; 1 column has no split",
        ">2.250<",
        "<th class=\"number\">ROC AUC</th>",
        "0.4200 to 0.6200",
        "<td class=\"number\">0.4123</td>",
        "<span class=\"warns\">worse</span>",
        "3 smaller groups",
        "1 smaller group<",
        "12.3 %",
        "1.5 to 45,000<small>mean 20,000</small>",
        "city <i>70.0 %</i>",
        "others <i>0.5 %</i>",
        "psi 0.31 city",
    ] {
        assert!(html.contains(text), "{text}");
    }
    // What differs comes first.
    assert!(html.find("psi 0.31").unwrap() < html.find("12.3 %").unwrap());
}

#[test]
fn a_page_of_yes_or_no_has_precision_recall_and_thresholds() {
    let html = yes_no(2_000).show("thresholds.html");
    for text in [
        "Precision and recall",
        "Average precision: 0.",
        "<h2>Thresholds</h2>",
        "<tr class=\"chosen\"><th class=\"number\">0.5<small>the model\u{2019}s",
        "highest F1",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let html = diabetes().show("few.html");
    assert!(!html.contains("Thresholds") && !html.contains("By group") && !html.contains("<h2>Data"));
}

#[test]
fn the_trial_that_was_chosen_is_marked() {
    let mut case = yes_no(100);
    case.trials.as_mut().unwrap().chosen = 2;
    let html = case.show("chosen.html");
    let marked = html.split("<tr class=\"chosen\"><th>chosen</th>").nth(1).unwrap();
    assert!(marked.starts_with("<td class=\"number\">3</td>"), "{marked:.60}");
}

/// Eight classes with probabilities: the six most frequent are drawn.
#[test]
fn a_page_of_several_classes_draws_each_against_the_rest() {
    let rows = 400;
    let actual: Vec<f64> = (0..rows)
        .map(|row| f64::from(row % 36))
        .map(|k| (k / 5.0).floor())
        .collect();
    let given = |class: usize, row: usize| {
        if actual[row] == class as f64 && !row.is_multiple_of(3) {
            0.5
        } else {
            0.5 / 7.0
        }
    };
    let probabilities: Vec<Vec<f64>> = (0..8)
        .map(|class| (0..rows as usize).map(|row| given(class, row)).collect())
        .collect();
    let examples = Examples {
        actual: &actual,
        predicted: &actual,
        probabilities: &probabilities,
    };
    let names = ["<a>", "b", "c", "d", "e", "f", "g", "h"];
    let task = Task::Multiclass { classes: 8 };
    let comparison = Comparison::of(task, &examples, &[0.125; 8], None, &names, 1);
    let html = page(&Report {
        title: "several/1",
        facts: &[],
        target: "y",
        unit: None,
        classes: &names,
        comparison: &comparison,
        baseline_of: "the training target",
        examples,
        checks: &[],
        warnings: &[],
        coefficients: &[],
        loss: &[],
        trials: None,
        details: &details("x"),
    });
    well_formed(&html);
    for text in [
        "ROC curves, one class against the rest",
        "Precision and recall, one class against the rest",
        "2 rarer classes are not drawn",
        "<i class=\"first\"></i>&lt;a&gt;: 0.",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("Thresholds") && !html.contains("h: 0."));
    assert_eq!(html.matches("class=\"line sixth\"").count(), 2);
}
